//! A barrier is broken when one of its parties can't come: all who wait there get an
//! error, and so does whoever comes later, until it is reset. One who waits only for a
//! while, and in vain, breaks it as well.

use std::sync::Arc;
use std::time::Duration;

use amphi::{Barrier, BarrierError, BarrierWait};

use crate::stage::{Me, Stage, UNIT, Verdict, join_all};

const PARTIES: usize = 3;
const PATIENCE: Duration = UNIT.saturating_mul(3);

type Outcome = Result<BarrierWait, BarrierError>;

pub fn play(stage: &Stage) -> Verdict {
    let barrier = Arc::new(Barrier::new(PARTIES));
    let start = |name: &str| stage.start(name, |me| wait(me, barrier.clone()));

    let waiters = vec![start("waiter 1"), start("waiter 2")];
    let breaker = stage.start("breaker", |me| abort(me, barrier.clone()));
    breaker.join()?;
    for outcome in join_all(waiters)? {
        ensure!(
            outcome.err() == Some(BarrierError::Broken),
            "a waiter got {outcome:?} from an aborted barrier"
        );
    }
    ensure!(barrier.is_broken(), "an aborted barrier is not broken");
    for name in ["late one", "later one"] {
        let outcome = start(name).join()?;
        ensure!(
            outcome.err() == Some(BarrierError::Broken),
            "the {name} got {outcome:?} from a broken barrier"
        );
    }

    barrier.reset();
    ensure!(!barrier.is_broken(), "it is broken after its reset");
    let lonely = stage.start("lonely one", |me| wait_awhile(me, barrier.clone()));
    let (outcome, waited) = lonely.join()?;
    ensure!(
        outcome.err() == Some(BarrierError::TimedOut),
        "the lonely one got {outcome:?}"
    );
    ensure!(waited >= PATIENCE, "gave up after {waited:?} already");
    ensure!(barrier.is_broken(), "giving up has not broken it");

    barrier.reset();
    let friends = ["friend 1", "friend 2", "friend 3"].map(start).into();
    for outcome in join_all(friends)? {
        ensure!(outcome.is_ok(), "one of three friends got {outcome:?}");
    }
    Ok(format!(
        "broken by an abort, and by one alone after {} ms; reset, three pass",
        waited.as_millis()
    ))
}

async fn wait(me: Me, barrier: Arc<Barrier>) -> Outcome {
    me.say("comes");
    let outcome = me.wait(barrier.wait()).await;
    say(&me, outcome);
    outcome
}

/// Returns as well how long it waited.
async fn wait_awhile(me: Me, barrier: Arc<Barrier>) -> (Outcome, Duration) {
    me.say("comes");
    let start = me.now();
    let outcome = me.wait(barrier.wait().timeout(PATIENCE)).await;
    let waited = me.now() - start;
    say(&me, outcome);
    (outcome, waited)
}

/// Lets all down once they are waiting.
async fn abort(me: Me, barrier: Arc<Barrier>) {
    while barrier.waiting() < PARTIES - 1 {
        me.sleep(UNIT / 2).await;
    }
    me.say("can't come");
    barrier.abort();
}

fn say(me: &Me, outcome: Outcome) {
    match outcome {
        Ok(_) => me.say("passes"),
        Err(error) => me.say(error),
    }
}
