//! A timer is a wait for its own cancellation: if that does not come within the
//! interval, the function runs. It takes a thread or a task that waits, and may run an
//! async function.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use amphi::Event;

use crate::stage::{FOREVER, Me, Stage, UNIT};

struct Timer {
    interval: Duration,
    cancelled: Event,
}

impl Timer {
    fn after(interval: Duration) -> Arc<Self> {
        Arc::new(Timer {
            interval,
            cancelled: Event::new(),
        })
    }

    /// Without effect once the function has begun.
    fn cancel(&self) {
        self.cancelled.set();
    }

    /// What the function returned, unless the timer was cancelled before.
    async fn run<F: Future>(self: Arc<Self>, me: Me, function: F) -> Option<F::Output> {
        match me.wait(self.cancelled.wait().timeout(self.interval)).await {
            Ok(()) => {
                me.say("is cancelled");
                None
            }
            Err(_timed_out) => Some(function.await),
        }
    }
}

pub fn play(stage: &Stage) -> Result<(), String> {
    let set = |name: &str, timer: &Arc<Timer>| {
        let timer = timer.clone();
        stage.start(name, |me| timer.run(me.clone(), ring(me)))
    };

    let rang = set("alarm", &Timer::after(UNIT * 2)).join()?;
    let (name, at) = rang.ok_or("the alarm did not ring")?;
    ensure!(name == "alarm", "the alarm is called {name}");
    ensure!(at >= UNIT * 2, "the alarm rang after {at:?}");

    let timer = Timer::after(FOREVER);
    let cancelled = set("cancelled", &timer);
    let canceller = stage.start("canceller", |me| cancel(me, timer.clone()));
    canceller.join()?;
    ensure!(cancelled.join()?.is_none(), "the cancelled alarm rang");

    let timer = Timer::after(UNIT);
    timer.cancel();
    ensure!(
        set("unstarted", &timer).join()?.is_none(),
        "cancelled before the start, it rang"
    );

    // Cancelled while its function runs, which therefore is run to its end.
    let timer = Timer::after(UNIT);
    let (begun, go_on) = (Arc::new(Event::new()), Arc::new(Event::new()));
    let running = stage.start("running", |me| {
        timer
            .clone()
            .run(me.clone(), ring_long(me, begun.clone(), go_on.clone()))
    });
    let canceller = stage.start("canceller", |me| {
        cancel_late(me, timer.clone(), begun, go_on)
    });
    canceller.join()?;
    ensure!(
        running.join()?.is_some(),
        "cancelling has stopped a function that ran"
    );

    // A daemon: the program does not wait for its end.
    set("daemon", &Timer::after(FOREVER)).detach();
    Ok(())
}

/// Returns whose alarm rang, and when.
async fn ring(me: Me) -> (String, Duration) {
    me.say("rings");
    (me.name().into(), me.now())
}

async fn ring_long(me: Me, begun: Arc<Event>, go_on: Arc<Event>) {
    me.say("rings");
    begun.set();
    me.wait(go_on.wait()).await;
    me.say("goes on ringing");
}

async fn cancel(me: Me, timer: Arc<Timer>) {
    me.sleep(UNIT).await;
    me.say("cancels");
    timer.cancel();
}

async fn cancel_late(me: Me, timer: Arc<Timer>, begun: Arc<Event>, go_on: Arc<Event>) {
    me.wait(begun.wait()).await;
    me.say("cancels too late");
    timer.cancel();
    go_on.set();
}
