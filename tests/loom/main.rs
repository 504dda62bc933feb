//! Models of the waiter list with each primitive, for loom to play through all
//! interleavings up to a number of preemptions:
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --release --no-default-features --features thread --test loom
//! ```
//!
//! In a model a *thread* blocks and a *task* is driven by loom's own `block_on`, which the crate
//! can't tell from any other executor. Loom has no time: every deadline is past from the start, so a wait with a timeout
//! is over as soon as it is refused, and a starving waiter starves at once. A lost wake-up shows as a deadlock.
//!
//! With `MODEL_TABLE` set to a file's name a table of the models is written there: what each covers, how many executions were
//! explored, and how long that took.
#![cfg(loom)]

mod barrier;
mod block_on;
mod condvar;
mod event;
mod join;
mod lock_all;
mod mutex;
mod oneshot;
mod parts;
#[cfg(feature = "thread")]
mod pool;
mod queue;
mod queue_given_up;
mod reentrant;
mod semaphore;
mod table;
#[cfg(feature = "thread")]
mod thread;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Instant;

/// Plays the model with up to this many preemptions: three between two parties, and two where
/// there are more, so that all the models together take a minute or two.
fn model(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    // The lock-free queue tries again, and each time is a branch.
    builder.max_branches = 10_000;
    let executions = Arc::new(AtomicUsize::new(0));
    let count = executions.clone();
    let begin = Instant::now();
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        model();
    });
    table::note(executions.load(Ordering::Relaxed), begin.elapsed());
}

/// A thread for one party to what all share.
fn spawn<S: Send + Sync + 'static, T: 'static>(
    shared: &loom::sync::Arc<S>,
    party: impl FnOnce(&S) -> T + 'static,
) -> loom::thread::JoinHandle<T> {
    let shared = shared.clone();
    loom::thread::spawn(move || party(&shared))
}

/// Polls once, as a task that has better things to do than to be woken.
fn poll_once<F: Future + Unpin>(future: &mut F) -> bool {
    pin!(future)
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}

/// Whether a task has been woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Woken {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    fn poll<F: Future + Unpin>(self: &Arc<Self>, future: &mut F) -> bool {
        let waker = Waker::from(self.clone());
        let poll = pin!(future).as_mut().poll(&mut Context::from_waker(&waker));
        poll.is_ready()
    }

    fn is_woken(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
