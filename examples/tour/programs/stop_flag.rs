//! An event as a flag that nobody waits for: a worker looks at it before each piece
//! of work. Cleared, it serves for the next round.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use amphi::Event;

use crate::stage::{Me, Stage, UNIT, Verdict};

const ROUNDS: u32 = 2;
const ENOUGH: u32 = 3;

pub fn play(stage: &Stage) -> Verdict {
    let stop = Arc::new(Event::new());
    for round in 1..=ROUNDS {
        let pieces = Arc::new(AtomicU32::new(0));
        let worker = stage.start("worker", |me| worker(me, stop.clone(), pieces.clone()));
        let host = stage.start("host", |me| host(me, stop.clone(), pieces.clone()));
        let at_stop = host.join()?;
        let at_end = worker.join()?;
        // The worker may just have looked at the flag when it was set.
        ensure!(
            at_end <= at_stop + 1,
            "round {round}: stopped at piece {at_stop}, worked on until {at_end}"
        );
        stop.clear();
        ensure!(
            !stop.is_set(),
            "round {round}: the flag is set after it was cleared"
        );
    }
    Ok(format!("{ROUNDS} times stopped within a piece of work"))
}

/// Returns how many pieces it has done.
async fn worker(me: Me, stop: Arc<Event>, pieces: Arc<AtomicU32>) -> u32 {
    while !stop.is_set() {
        let piece = pieces.fetch_add(1, Ordering::SeqCst) + 1;
        me.say(format_args!("does piece {piece}"));
        me.sleep(UNIT).await;
    }
    me.say("is stopped");
    pieces.load(Ordering::SeqCst)
}

/// Stops the worker when it has done enough; returns how many pieces it had begun then.
async fn host(me: Me, stop: Arc<Event>, pieces: Arc<AtomicU32>) -> u32 {
    while pieces.load(Ordering::SeqCst) < ENOUGH {
        me.sleep(UNIT / 2).await;
    }
    stop.set();
    me.say("says stop");
    pieces.load(Ordering::SeqCst)
}
