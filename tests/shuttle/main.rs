//! Models of what is too big for loom: three parties and more on each primitive, thread pools and timers. Shuttle runs
//! them by random schedules, and by those that have few preemptions at random points (PCT):
//!
//! ```text
//! RUSTFLAGS="--cfg shuttle" cargo test --release --no-default-features --features thread --test shuttle
//! ```
//!
//! In a model a *thread* blocks, and a *task* is polled by shuttle's own executor. A lost wake-up shows as a deadlock. There is a
//! clock, by which time passes at random whenever somebody looks at it, so that any timeout may be up at any moment,
//! and a waiter may starve or be patient.
//!
//! Other than loom, shuttle knows no weak memory, and it can't interrupt what is not made of its atomics: the lock-free queue
//! below `Queue` does each operation at one blow.
//!
//! The schedules are the same each time. With `SHUTTLE_RANDOM_SEED` set to a number they are others, with `MODEL_TIMES` set to a
//! number there are so many times more. Of one that fails shuttle prints the schedule; with `MODEL_SCHEDULE` set to that text the
//! model of this name is run by it again:
//!
//! ```text
//! MODEL_SCHEDULE=... RUSTFLAGS=... cargo test ... --test shuttle -- mutex::exclusion
//! ```
#![cfg(shuttle)]

mod barrier;
mod condvar;
mod event;
mod lock_all;
mod mutex;
mod oneshot;
#[cfg(feature = "thread")]
mod pool;
mod queue;
mod reentrant;
mod semaphore;
#[cfg(feature = "thread")]
mod thread;
#[cfg(feature = "thread")]
mod timer;

use shuttle::future;
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const SEED: u64 = 1;

/// So many points at which PCT has a thread step back.
const DEPTH: usize = 3;

/// A timeout that may be up or not.
const SOON: Duration = Duration::from_millis(5);

/// Runs the model so many times by each of the two schedulers.
fn model(executions: usize, model: impl Fn() + Send + Sync + 'static) {
    let model = Arc::new(model);
    if let Ok(schedule) = std::env::var("MODEL_SCHEDULE") {
        return run(ReplayScheduler::new_from_encoded(schedule.trim()), &model);
    }
    let times = std::env::var("MODEL_TIMES").map_or(1, |times| times.parse().unwrap());
    let executions = executions * times;
    run(RandomScheduler::new_from_seed(SEED, executions), &model);
    run(PctScheduler::new_from_seed(SEED, DEPTH, executions), &model);
}

fn run(scheduler: impl Scheduler + 'static, model: &Arc<impl Fn() + Send + Sync + 'static>) {
    let mut config = shuttle::Config::new();
    config.silence_warnings = true;
    let model = model.clone();
    shuttle::Runner::new(scheduler, config).run(move || model());
}

/// Polls once, as a task that has better things to do than to be woken.
fn poll_once<F: Future + Unpin>(future: &mut F) -> bool {
    pin!(future)
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}

/// Waits, and tries once more before it has been woken.
async fn impatiently<F: Future + Unpin>(mut future: F) -> F::Output {
    let first = Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop()));
    match first {
        Poll::Ready(output) => output,
        Poll::Pending => future.await,
    }
}

/// Somebody who takes part in a model.
enum Party<T> {
    Thread(shuttle::thread::JoinHandle<T>),
    Task(future::JoinHandle<T>),
}

impl<T> Party<T> {
    /// Waits for the end.
    fn join(self) -> T {
        match self {
            Party::Thread(thread) => thread.join().unwrap(),
            Party::Task(task) => future::block_on(task).unwrap(),
        }
    }
}

/// Waits for the end of all, and returns what they have.
fn join<T, const N: usize>(parties: [Party<T>; N]) -> [T; N] {
    parties.map(Party::join)
}

/// Starts a thread, which blocks.
fn thread<S, T>(shared: &Arc<S>, party: impl FnOnce(&S) -> T + Send + 'static) -> Party<T>
where
    S: Send + Sync + 'static,
    T: Send + 'static,
{
    let shared = shared.clone();
    Party::Thread(shuttle::thread::spawn(move || party(&shared)))
}

/// Starts a task of shuttle's executor.
fn task<S, F>(shared: &Arc<S>, party: impl FnOnce(Arc<S>) -> F) -> Party<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    Party::Task(future::spawn(party(shared.clone())))
}

/// A future that is ready after so many polls: what is waited for by `.or` of that is given up after some.
struct Patience(u32);

impl Patience {
    fn some() -> Self {
        Patience(thread_rng().gen_range(0..4))
    }
}

impl Future for Patience {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A place where no more than so many may be at a time.
#[derive(Default)]
struct Place(AtomicUsize);

impl Place {
    /// So many enter and leave.
    fn visit(&self, count: usize, max: usize) {
        let inside = self.0.fetch_add(count, Ordering::Relaxed) + count;
        assert!(inside <= max, "{inside} at a place for {max}");
        self.0.fetch_sub(count, Ordering::Relaxed);
    }
}
