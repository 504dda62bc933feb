//! [`amphi::Timer`] needs no thread while it waits, and whoever wants to know of its end
//! waits for that, be it a thread or a task.

use std::sync::Arc;
use std::time::Duration;

use amphi::oneshot::{self, Receiver};
use amphi::{Event, Timer, thread};

use crate::stage::{FOREVER, Me, Party, Stage, UNIT, Voice, join_all};

const WAITERS: usize = 4;
const INTERVAL: Duration = UNIT.saturating_mul(2);

/// How an alarm rang.
struct Ring {
    thread: Option<String>,
    at: Duration,
}

/// A timer that rings. Who waits for the ring learns as well that there will never be one.
fn alarm(interval: Duration, voice: Voice) -> (Timer, Receiver<Ring>) {
    let (sender, ring) = oneshot::channel();
    let timer = Timer::after(interval, move || {
        voice.say("rings");
        let thread = thread::current().name().map(str::to_string);
        let at = voice.now();
        // Nobody may listen.
        let _ = sender.send(Ring { thread, at });
    });
    (timer, ring)
}

pub fn play(stage: &Stage) -> Result<(), String> {
    rings(stage)?;
    is_cancelled(stage)?;
    is_never_started(stage)?;
    is_cancelled_too_late(stage)?;
    is_left_alone(stage)
}

fn rings(stage: &Stage) -> Result<(), String> {
    let (timer, ring) = alarm(INTERVAL, stage.voice());
    let timer = timer.with_name("alarm");
    ensure!(!timer.is_alive(), "the alarm is alive before its start");
    let waiters = wait_for_end(stage, &timer);
    let listener = stage.start("listener", |me| listen(me, ring));
    let starter = stage.start("starter", |me| start(me, timer.clone()));
    let started_at = starter.join()?;

    let ring = listener.join()?.ok_or("the alarm did not ring")?;
    let name = ring.thread.as_deref();
    ensure!(name == Some("alarm"), "the alarm rang on {name:?}");
    let after = ring.at - started_at;
    ensure!(after >= INTERVAL, "the alarm rang after {after:?}");
    for heard_at in join_all(waiters)? {
        ensure!(heard_at >= ring.at, "a waiter went on before the alarm");
    }

    timer.start();
    ensure!(
        !timer.is_alive(),
        "an alarm that rang has been started again"
    );
    ensure!(!timer.cancel(), "an alarm that rang could be cancelled");
    Ok(())
}

fn is_cancelled(stage: &Stage) -> Result<(), String> {
    let (timer, ring) = alarm(FOREVER, stage.voice());
    timer.start();
    ensure!(timer.is_alive(), "an alarm that was started is not alive");
    let waiters = wait_for_end(stage, &timer);
    let listener = stage.start("listener", |me| listen(me, ring));
    let canceller = stage.start("canceller", |me| cancel(me, timer.clone()));
    ensure!(canceller.join()?, "an alarm that waits can't be cancelled");
    ensure!(!timer.is_alive(), "a cancelled alarm is alive");
    join_all(waiters)?;
    ensure!(listener.join()?.is_none(), "a cancelled alarm rang");
    Ok(())
}

fn is_never_started(stage: &Stage) -> Result<(), String> {
    let (timer, ring) = alarm(Duration::ZERO, stage.voice());
    let canceller = stage.start("canceller", |me| cancel(me, timer.clone()));
    ensure!(canceller.join()?, "a new alarm can't be cancelled");
    timer.start();
    ensure!(!timer.is_alive(), "a cancelled alarm could be started");
    join_all(wait_for_end(stage, &timer))?;
    let listener = stage.start("listener", |me| listen(me, ring));
    ensure!(
        listener.join()?.is_none(),
        "cancelled before its start, the alarm rang"
    );
    Ok(())
}

/// Cancelled while its function runs, which therefore is run to its end.
fn is_cancelled_too_late(stage: &Stage) -> Result<(), String> {
    let (begun, go_on) = (Arc::new(Event::new()), Arc::new(Event::new()));
    let (sender, ring) = oneshot::channel();
    let timer = {
        let (begun, go_on, voice) = (begun.clone(), go_on.clone(), stage.voice());
        Timer::after(UNIT, move || {
            voice.say("rings");
            begun.set();
            go_on.wait().block();
            voice.say("goes on ringing");
            let _ = sender.send(());
        })
    };
    timer.start();
    let waiters = wait_for_end(stage, &timer);
    let listener = stage.start("listener", |me| listen(me, ring));
    let canceller = stage.start("canceller", |me| cancel_late(me, timer.clone(), begun));
    let is_cancelled = canceller.join()?;
    let is_alive = timer.is_alive();
    go_on.set();
    ensure!(!is_cancelled, "cancelled, though its function ran");
    ensure!(is_alive, "an alarm is not alive while it rings");
    join_all(waiters)?;
    ensure!(
        listener.join()?.is_some(),
        "cancelling has stopped a function that ran"
    );
    Ok(())
}

/// Every timer is a daemon, also this one: neither the end of `main` nor that of the threads
/// waits for it. A program that wants it to ring waits for its `finished()` instead.
fn is_left_alone(stage: &Stage) -> Result<(), String> {
    let (timer, _) = alarm(FOREVER, stage.voice());
    timer.start();
    let leaver = stage.start("leaver", leave);
    leaver.join()
}

fn wait_for_end(stage: &Stage, timer: &Timer) -> Vec<Party<Duration>> {
    let start = |n| {
        stage.start(format!("waiter {n}"), |me| {
            wait_for_end_of(me, timer.clone())
        })
    };
    (1..=WAITERS).map(start).collect()
}

/// Returns when it heard of the end.
async fn wait_for_end_of(me: Me, timer: Timer) -> Duration {
    me.wait(timer.finished()).await;
    me.now()
}

async fn listen<T>(me: Me, mut ring: Receiver<T>) -> Option<T> {
    let ring = me.wait(ring.recv()).await.ok();
    me.say(if ring.is_some() {
        "hears it ring"
    } else {
        "hears that it never will"
    });
    ring
}

/// Returns when that was.
async fn start(me: Me, timer: Timer) -> Duration {
    me.say("starts it");
    let now = me.now();
    timer.start();
    now
}

/// Returns whether it is cancelled then.
async fn cancel(me: Me, timer: Timer) -> bool {
    me.say("cancels");
    timer.cancel()
}

async fn cancel_late(me: Me, timer: Timer, begun: Arc<Event>) -> bool {
    me.wait(begun.wait()).await;
    me.say("cancels too late");
    timer.cancel()
}

async fn leave(me: Me) {
    me.wait(thread::join_all()).await;
    me.say("does not wait for the last alarm");
}
