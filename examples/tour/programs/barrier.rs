//! Three workers arrive at a barrier half a unit apart, and leave it together. The
//! barrier gives each a number, in the order of arrival; the last one sounds the gong
//! before anybody leaves. Then it serves for the next round.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use amphi::Barrier;

use crate::stage::{Me, Stage, UNIT, Verdict, join_all};

const WORKERS: usize = 3;
const ROUNDS: usize = 2;

struct Gate {
    barrier: Barrier,
    gongs: Arc<AtomicUsize>,
}

/// What a worker has seen of a round.
struct Passage {
    /// How many waited when it came.
    waiting: usize,
    index: usize,
    leads: bool,
    arrived: Duration,
    left: Duration,
    /// How often the gong had sounded when it left.
    gongs: usize,
}

pub fn play(stage: &Stage) -> Verdict {
    let gongs = Arc::new(AtomicUsize::new(0));
    let sound = {
        let gongs = gongs.clone();
        move || {
            gongs.fetch_add(1, Ordering::Relaxed);
        }
    };
    let gate = Arc::new(Gate {
        barrier: Barrier::new(WORKERS).with_action(sound),
        gongs,
    });
    for round in 1..=ROUNDS {
        let workers = (0..WORKERS)
            .map(|n| stage.start(format!("worker {n}"), |me| worker(me, n, gate.clone())))
            .collect();
        let passages = join_all(workers)?
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?;
        for (n, passage) in passages.iter().enumerate() {
            let Passage {
                waiting,
                index,
                leads,
                gongs,
                ..
            } = *passage;
            ensure!(waiting == n, "{waiting} waited when worker {n} came");
            ensure!(index == n, "worker {n} has got the index {index}");
            ensure!(
                leads == (n == WORKERS - 1),
                "is worker {n} the leader? {leads}"
            );
            ensure!(
                gongs == round,
                "worker {n} left round {round} after {gongs} gongs"
            );
        }
        let arrivals = passages.iter().map(|passage| passage.arrived);
        let leaves = passages.iter().map(|passage| passage.left);
        let last_arrival = arrivals.max().unwrap_or_default();
        let first_leave = leaves.min().unwrap_or_default();
        ensure!(
            first_leave >= last_arrival,
            "somebody left at {first_leave:?}, before the last came at {last_arrival:?}"
        );
    }
    Ok(format!("{WORKERS} workers left together, {ROUNDS} times"))
}

/// Comes after those with lower numbers.
async fn worker(me: Me, n: usize, gate: Arc<Gate>) -> Result<Passage, String> {
    let Gate { barrier, gongs } = &*gate;
    me.sleep(UNIT / 2 * n as u32).await;
    while barrier.waiting() < n {
        me.sleep(UNIT / 2).await;
    }

    let waiting = barrier.waiting();
    me.say(format_args!("arrives, {waiting} are waiting"));
    let arrived = me.now();
    let wait = me
        .wait(barrier.wait())
        .await
        .map_err(|error| format!("worker {n}: {error}"))?;
    let left = me.now();
    me.say(format_args!("leaves with the index {}", wait.index()));
    Ok(Passage {
        waiting,
        index: wait.index(),
        leads: wait.is_leader(),
        arrived,
        left,
        gongs: gongs.load(Ordering::Relaxed),
    })
}
