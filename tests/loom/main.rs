//! Models of the waiter list with each primitive, for loom to play through all
//! interleavings up to a number of preemptions:
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --release --no-default-features --test loom
//! ```
//!
//! In a model a *thread* blocks and a *task* is driven by loom's own `block_on`, which the crate
//! can't tell from any other executor. Loom has no time: a timeout is modelled by what it does, dropping
//! the wait, and a starving waiter starves at once. A lost wake-up shows as a deadlock.
#![cfg(loom)]

mod barrier;
mod block_on;
mod condvar;
mod event;
mod lock_all;
mod mutex;
mod oneshot;
mod queue;
mod reentrant;
mod semaphore;

use std::pin::pin;
use std::task::{Context, Waker};

/// Plays the model with up to this many preemptions: three between two parties, and two where
/// there are more, so that all the models together take seconds.
fn model(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    // The lock-free queue tries again, and each time is a branch.
    builder.max_branches = 10_000;
    builder.check(model);
}

/// Polls once, as a task that has better things to do than to be woken.
fn poll_once<F: Future + Unpin>(future: &mut F) -> bool {
    pin!(future)
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}
