//! Five workers each work for a while and then set the one event. The boss, who waits
//! for it, goes on when the first of them is done. When the workers rest by waiting for
//! that event, instead of sleeping, they all end with the first.

use std::sync::Arc;
use std::time::Duration;

use amphi::Event;

use crate::stage::{Me, Stage, UNIT, Verdict, join_all};

const WORKERS: usize = 5;

pub fn play(stage: &Stage) -> Verdict {
    let done = Arc::new(Event::new());
    let boss = stage.start("boss", |me| boss(me, done.clone()));
    let workers = (1..=WORKERS)
        .map(|n| {
            let work = UNIT * fastrand::u32(1..=5);
            stage.start(format!("worker {n}"), |me| worker(me, work, done.clone()))
        })
        .collect();
    let waited = boss.join()?;
    let first = join_all(workers)?.into_iter().min().unwrap_or_default();
    ensure!(
        waited >= first,
        "the boss went on after {waited:?}, before a worker was done"
    );

    // All but one would rest for ten seconds and more.
    let done = Arc::new(Event::new());
    let resters = (1..=WORKERS)
        .map(|n| {
            let rest = if n == 3 {
                UNIT
            } else {
                Duration::from_secs(10 + n as u64)
            };
            stage.start(format!("rester {n}"), |me| rester(me, rest, done.clone()))
        })
        .collect();
    let rested_out = join_all(resters)?.into_iter().filter(|out| *out).count();
    ensure!(
        rested_out == 1,
        "{rested_out} workers rested for all of their time"
    );

    Ok(format!(
        "the boss waited for {} ms, and {WORKERS} resters ended with the first",
        waited.as_millis()
    ))
}

/// Returns when it went on.
async fn boss(me: Me, done: Arc<Event>) -> Duration {
    me.say("waits for somebody to be done");
    me.wait(done.wait()).await;
    let waited = me.now();
    me.say(format_args!("goes on after {} ms", waited.as_millis()));
    waited
}

/// Returns when it was done.
async fn worker(me: Me, work: Duration, done: Arc<Event>) -> Duration {
    me.sleep(work).await;
    me.say(format_args!(
        "is done after {} ms of work",
        work.as_millis()
    ));
    let end = me.now();
    done.set();
    end
}

/// Returns whether nobody was done before it.
async fn rester(me: Me, rest: Duration, done: Arc<Event>) -> bool {
    let rested_out = me.wait(done.wait().timeout(rest)).await.is_err();
    me.say(if rested_out {
        "has rested, and is the first"
    } else {
        "ends with the first"
    });
    done.set();
    rested_out
}
