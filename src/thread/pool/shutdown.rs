//! The wait for the end of a pool.

use super::staff::{Refusal, Shared};
use crate::wait::{Attempt, Line, Operation, Outcome, Turn, or_timed_out};
use std::fmt;

/// The operation of [`ThreadPool::shutdown`](super::ThreadPool::shutdown) and
/// [`ThreadPool::shutdown_now`](super::ThreadPool::shutdown_now).
///
/// # Cancel safety
///
/// Dropped after it has begun to wait, it leaves the pool shut down.
///
/// ```
/// use amphi::thread::Shutdown;
/// use amphi::{ThreadPool, Wait};
///
/// let pool = ThreadPool::new(1);
/// let wait: Wait<Shutdown<'_>> = pool.shutdown();
/// wait.block();
/// assert!(pool.is_shut_down());
/// ```
pub struct Shutdown<'a> {
    pool: &'a Shared,
    /// Jobs that have not begun are cancelled.
    cancels: bool,
    /// From the beginning on: whether one of the pool's own jobs waits.
    by_worker: Option<bool>,
}

impl<'a> Shutdown<'a> {
    pub(super) fn new(pool: &'a Shared, cancels: bool) -> Self {
        Shutdown {
            pool,
            cancels,
            by_worker: None,
        }
    }
}

impl Attempt for Shutdown<'_> {
    fn list(&self) -> &dyn Line {
        self.pool.headcount.line()
    }

    fn attempt(&mut self, turn: Turn) -> Outcome {
        let pool = self.pool;
        if self.by_worker.is_none() {
            self.by_worker = Some(pool.employs_this_thread());
            pool.close(Refusal::ShutDown);
            if self.cancels {
                pool.end_pending(|job| job.cancel());
            }
        }
        // Somebody else may go on with what a job has begun: then all have to be gone.
        let by_worker = self.by_worker == Some(true) && pool.employs_this_thread();
        pool.headcount.attempt(turn, by_worker)
    }

    fn pass_on(&mut self) {
        // All have been woken.
    }
}

impl Operation for Shutdown<'_> {
    or_timed_out!(());

    fn take(&mut self) {}
}

impl fmt::Debug for Shutdown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown")
            .field("cancels", &self.cancels)
            .field("has_begun", &self.by_worker.is_some())
            .finish_non_exhaustive()
    }
}
