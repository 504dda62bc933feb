//! One `set`, many waiting tasks.
//!
//! The tasks stay the same from generation to generation and wait on two events in turn:
//! as soon as everybody waits on one of them, it is set and the other one, on which they
//! will wait next, cleared. So what a generation costs is just that: to wake all of them,
//! and to have all of them wait again.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{Bound, OURS, Outcome, Row, Sample, contenders, runtime};

const SIZES: [usize; 3] = [10, 1000, 100_000];

fn name(tasks: usize) -> String {
    format!("event/{tasks} tasks")
}

pub fn rows() -> Vec<Row> {
    SIZES
        .map(|tasks| {
            let mut row = contenders!(
                Row::new(name(tasks), "ns per task"),
                [Ours, Notify, EventListener, Asyncband],
                |E, time| broadcast::<E>(tasks, time)
            );
            // Each poll of its waits spins for 32 microseconds: seconds for the largest crowd.
            if tasks <= 1000 {
                row = contenders!(row, [Saa], |E, time| broadcast::<E>(tasks, time));
            }
            row.bound(Bound::Ratio(1.0, &[Notify::NAME]))
        })
        .into()
}

/// What a task costs in the largest crowd, as a multiple of what it costs in the smallest.
pub fn print_flatness(outcomes: &[Outcome]) {
    let find = |tasks| {
        outcomes
            .iter()
            .find(|outcome| outcome.row.name == name(tasks))
    };
    let [small, .., large] = SIZES;
    let (Some(few), Some(many)) = (find(small), find(large)) else {
        return;
    };
    println!("\nevent, {large} tasks to {small}, cost of a task");
    for many in &many.series {
        let Some(few) = few.series.iter().find(|few| few.name == many.name) else {
            continue;
        };
        let growth = many.quartiles().median / few.quartiles().median;
        let note = if few.name == OURS {
            "  bound: flat"
        } else {
            ""
        };
        println!("  {:<16}{growth:>11.2}{note}", few.name);
    }
}

struct Shared<E> {
    events: [E; 2],
    /// How many wait in this generation.
    waiting: AtomicUsize,
    tasks: usize,
    /// Tells the driver that everybody waits.
    complete: tokio::sync::Notify,
}

fn broadcast<E: Event>(tasks: usize, time: Duration) -> Sample {
    let shared = Arc::new(Shared {
        events: [E::new(), E::new()],
        waiting: AtomicUsize::new(0),
        tasks,
        complete: tokio::sync::Notify::new(),
    });
    let runtime = runtime(1);
    for _ in 0..tasks {
        runtime.spawn(waiter(shared.clone()));
    }
    // A look at the clock takes as long as to wake a task or so.
    let batch = (1000 / tasks).max(1);
    let shared = &*shared;
    runtime.block_on(async {
        let mut event = 0;
        let mut operations = 0;
        shared.complete.notified().await;
        let start = Instant::now();
        loop {
            for _ in 0..batch {
                shared.waiting.store(0, Ordering::Relaxed);
                shared.events[1 - event].clear();
                shared.events[event].set();
                shared.complete.notified().await;
                event = 1 - event;
                operations += tasks as u64;
            }
            let elapsed = start.elapsed();
            if elapsed >= time {
                return Sample::per_operation(&[operations], elapsed);
            }
        }
    })
}

/// Waits for ever; ends with the runtime.
async fn waiter<E: Event>(shared: Arc<Shared<E>>) {
    let mut event = 0;
    loop {
        let mut wait = pin!(shared.events[event].wait());
        let mut counted = false;
        poll_fn(|context| {
            let poll = wait.as_mut().poll(context).map(drop);
            if !counted {
                if poll.is_ready() {
                    // Nobody would ever be told, were this a panic: the task is gone then.
                    eprintln!("a wait ended before the event was set");
                    process::abort();
                }
                counted = true;
                if shared.waiting.fetch_add(1, Ordering::Relaxed) + 1 == shared.tasks {
                    shared.complete.notify_one();
                }
            }
            poll
        })
        .await;
        event = 1 - event;
    }
}

trait Event: Send + Sync + 'static {
    fn new() -> Self;
    fn wait(&self) -> impl Future + Send;
    fn set(&self);
    fn clear(&self);
}

struct Ours(amphi::Event);

impl Ours {
    const NAME: &str = OURS;
}

impl Event for Ours {
    fn new() -> Self {
        Ours(amphi::Event::new())
    }
    fn wait(&self) -> impl Future + Send {
        self.0.wait()
    }
    fn set(&self) {
        self.0.set();
    }
    fn clear(&self) {
        self.0.clear();
    }
}

/// Wakes who waits and has no state to clear.
struct Notify(tokio::sync::Notify);

impl Notify {
    const NAME: &str = "tokio Notify";
}

impl Event for Notify {
    fn new() -> Self {
        Notify(tokio::sync::Notify::new())
    }
    fn wait(&self) -> impl Future + Send {
        self.0.notified()
    }
    fn set(&self) {
        self.0.notify_waiters();
    }
    fn clear(&self) {}
}

/// Likewise. It is what async-lock stands on, which has no event of its own.
struct EventListener(event_listener::Event);

impl EventListener {
    const NAME: &str = "event-listener";
}

impl Event for EventListener {
    fn new() -> Self {
        EventListener(event_listener::Event::new())
    }
    fn wait(&self) -> impl Future + Send {
        self.0.listen()
    }
    fn set(&self) {
        self.0.notify(usize::MAX);
    }
    fn clear(&self) {}
}

struct Asyncband(asyncband::event::ManualResetEvent);

impl Asyncband {
    const NAME: &str = "asyncband";
}

impl Event for Asyncband {
    fn new() -> Self {
        Asyncband(asyncband::event::ManualResetEvent::new())
    }
    fn wait(&self) -> impl Future + Send {
        self.0.wait()
    }
    fn set(&self) {
        self.0.set();
    }
    fn clear(&self) {
        self.0.reset();
    }
}

/// Lets those in who wait. (Not `open` and `reset`: with saa 5.6.2 the gate stays open.)
struct Saa(saa::Gate);

impl Saa {
    const NAME: &str = "saa Gate";
}

impl Event for Saa {
    fn new() -> Self {
        Saa(saa::Gate::new())
    }
    fn wait(&self) -> impl Future + Send {
        self.0.enter_async()
    }
    fn set(&self) {
        let _ = self.0.permit();
    }
    fn clear(&self) {}
}
