//! A periodic printer: waiting for the stop event with a timeout is its clock. So it
//! stops at once, where a printer that sleeps would stop at its next tick.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use amphi::Event;

use crate::stage::{FOREVER, Me, Stage, UNIT, Verdict};

const LINES: u32 = 3;

pub fn play(stage: &Stage) -> Verdict {
    let stop = Arc::new(Event::new());
    let lines = Arc::new(AtomicU32::new(0));
    let tick = UNIT * 2;

    let quick = stage.start("printer", |me| {
        printer(me, tick, stop.clone(), lines.clone())
    });
    let slow = stage.start("slow one", |me| {
        printer(me, FOREVER, stop.clone(), Arc::default())
    });
    let reader = stage.start("reader", |me| reader(me, lines.clone(), stop.clone()));

    reader.join()?;
    let (printed, took) = quick.join()?;
    ensure!(
        printed >= LINES,
        "the printer has printed only {printed} lines"
    );
    ensure!(
        took >= tick * printed,
        "{printed} lines in {took:?} are too many"
    );
    // That it ended at all shows that it didn't wait for its tick.
    let (printed, _) = slow.join()?;
    ensure!(
        printed == 0,
        "the slow printer has printed {printed} lines before its time"
    );
    Ok(format!(
        "{LINES} lines, and then both printers stopped at once"
    ))
}

/// Returns how many lines it has printed, and how long that took.
async fn printer(
    me: Me,
    tick: Duration,
    stop: Arc<Event>,
    lines: Arc<AtomicU32>,
) -> (u32, Duration) {
    let start = me.now();
    while me.wait(stop.wait().timeout(tick)).await.is_err() {
        let line = lines.fetch_add(1, Ordering::Relaxed) + 1;
        me.say(format_args!("line {line}"));
    }
    me.say("is stopped");
    (lines.load(Ordering::Relaxed), me.now() - start)
}

/// Has enough after some lines.
async fn reader(me: Me, lines: Arc<AtomicU32>, stop: Arc<Event>) {
    while lines.load(Ordering::Relaxed) < LINES {
        me.sleep(UNIT).await;
    }
    me.say("has seen enough");
    stop.set();
}
