//! [`Job`]: a function that a pool runs, and what will come of it.
//!
//! | file | subject |
//! |---|---|
//! | `mod.rs` | the handle: who waits, cancels, is called back |
//! | `task.rs` | what the handles and the pool share: the function, the phases, the end |
//! | `watcher.rs` | whom it tells of that |

mod task;
mod watcher;

pub(super) use task::{Run, Task, Worker};
pub(super) use watcher::Watcher;

use super::JobError;
use crate::event::Event;
use crate::first_panic::{FirstPanic, unharmed};
use crate::sync::lock;
use crate::wait::{Attempt, Line, Operation, Outcome, Turn, Wait};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use task::{Callback, Core, Nobody, Phase, Shared};

/// A function given to a [`ThreadPool`](super::ThreadPool), and its result to come.
///
/// A job is *pending*, then *running*, then *finished*; or it is *cancelled* before it has begun. It behaves like the `Future` of
/// Python's `concurrent.futures`. Its name is another one because it runs by itself and
/// is not a [`Future`], though it [can be turned into one](IntoFuture): `job.await` is `job.result().await`.
///
/// It is a handle that can be cloned; two are equal if they belong to the same job. If all of them are dropped the job runs all the
/// same; then its result is dropped, and of a panic of its function one hears only by the panic hook.
///
/// ```
/// use amphi::{ThreadPool, block_on};
///
/// let pool = ThreadPool::new(2);
/// let by_thread = pool.submit(|| 1 + 1)?;
/// let by_task = pool.submit(|| 2 + 2)?;
/// assert_eq!(by_thread.result().block()?, 2);
/// assert_eq!(block_on(async { by_task.await })?, 4);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// # Deadlock
///
/// A job that blocks on another job of the same pool keeps a worker busy meanwhile. If all workers do that, nobody is left
/// to run what they wait for.
#[doc(alias = "Future")]
#[doc(alias = "concurrent.futures.Future")]
#[doc(alias = "JoinHandle")]
pub struct Job<T> {
    shared: Arc<dyn Shared<T>>,
}

impl<T> Job<T> {
    pub(super) fn new<F>(task: Arc<Task<T, F>>) -> Self
    where
        T: Send + 'static,
        F: Send + 'static,
    {
        Job { shared: task }
    }

    /// Waits for the end of the job, and takes its result.
    ///
    /// What the job has done is seen by whoever has its result. Any number of threads and tasks may wait; one of them gets it.
    /// [`wait_all`](super::wait_all) waits for the end and takes nothing.
    ///
    /// # Errors
    ///
    /// [`JobError::Cancelled`], [`JobError::Panicked`] with the panic, [`JobError::Broken`] if the pool is broken,
    /// [`JobError::Taken`] if somebody has already taken the result or the panic; with a timeout [`JobError::TimedOut`], and
    /// the job goes on.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has taken nothing, and the job goes on.
    ///
    /// ```
    /// use amphi::{Event, JobError, ThreadPool, block_on};
    /// use std::time::Duration;
    ///
    /// static GO_ON: Event = Event::new();
    ///
    /// let pool = ThreadPool::new(1);
    /// let job = pool.submit(|| {
    ///     GO_ON.wait().block();
    ///     "done"
    /// })?;
    /// let early = job.result().timeout(Duration::from_millis(1)).block(); // a thread
    /// assert!(matches!(early, Err(JobError::TimedOut)));
    /// GO_ON.set();
    /// assert_eq!(block_on(async { job.result().await })?, "done"); // a task
    /// assert!(matches!(job.result().block(), Err(JobError::Taken)));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn result(&self) -> Wait<JobResult<T>> {
        Wait::new(JobResult { job: self.clone() })
    }

    /// Cancels the job if it has not begun. Then it never will, and its function is dropped.
    ///
    /// Returns whether the job is cancelled, perhaps by an earlier call. One that is running or has finished can't be cancelled.
    ///
    /// ```
    /// use amphi::{Event, JobError, ThreadPool};
    ///
    /// static GO_ON: Event = Event::new();
    ///
    /// let pool = ThreadPool::new(1);
    /// let first = pool.submit(|| GO_ON.wait().block())?;
    /// let second = pool.submit(|| unreachable!())?;
    /// assert!(second.cancel());
    /// assert!(matches!(second.result().block(), Err(JobError::Cancelled)));
    /// GO_ON.set();
    /// first.result().block()?;
    /// assert!(!first.cancel());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&self) -> bool {
        if self.end_pending(Phase::Cancelled) {
            return true;
        }
        let cancelled = self.is_cancelled();
        if cancelled {
            self.set_finished();
        }
        cancelled
    }

    /// Whether it has ended: finished, cancelled, or its pool is broken.
    ///
    /// ```
    /// let pool = amphi::ThreadPool::new(1);
    /// let job = pool.submit(|| 1)?;
    /// job.result().block()?;
    /// assert!(job.is_done());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "done")]
    #[doc(alias = "is_finished")]
    pub fn is_done(&self) -> bool {
        self.core().finished.is_set()
    }

    /// Whether it has begun and not ended.
    ///
    /// ```
    /// use amphi::{Event, ThreadPool};
    ///
    /// static BEGUN: Event = Event::new();
    /// static GO_ON: Event = Event::new();
    ///
    /// let pool = ThreadPool::new(1);
    /// let job = pool.submit(|| {
    ///     BEGUN.set();
    ///     GO_ON.wait().block();
    /// })?;
    /// BEGUN.wait().block();
    /// assert!(job.is_running());
    /// GO_ON.set();
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_running(&self) -> bool {
        let state = lock(&self.core().state);
        // Until others hear of the end it has not ended, so there is no gap between the two.
        let has_begun = !matches!(
            state.phase,
            Phase::Pending | Phase::Cancelled | Phase::Broken
        );
        has_begun && !self.is_done()
    }

    /// Whether it was cancelled before it began.
    ///
    /// ```
    /// let pool = amphi::ThreadPool::new(1);
    /// let job = pool.submit(|| ())?;
    /// assert_eq!(job.cancel(), job.is_cancelled()); // if it was in time
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_cancelled(&self) -> bool {
        matches!(lock(&self.core().state).phase, Phase::Cancelled)
    }

    /// Calls a function when the job has ended: on the thread that ends it, which is the worker, or the one that cancels it; or at once if it
    /// has ended already.
    ///
    /// Several functions are called in the order in which they were added; one that is added while they are being called is called after
    /// them, by the same thread. One that panics does not keep the next from being called.
    /// Those who wait for the result have been woken before, and may have taken it.
    ///
    /// ```
    /// use amphi::{ThreadPool, oneshot};
    ///
    /// let pool = ThreadPool::new(1);
    /// let (sender, mut receiver) = oneshot::channel();
    /// let job = pool.submit(|| 6 * 7)?;
    /// job.on_done(|job| sender.send(job.result().block()).unwrap());
    /// assert_eq!(receiver.recv().block()??, 42);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "add_done_callback")]
    pub fn on_done<F>(&self, callback: F)
    where
        F: FnOnce(&Job<T>) + Send + 'static,
    {
        let callback: Callback<T> = Box::new(callback);
        let mut state = lock(&self.core().state);
        if !state.phase.is_last() || state.calls_back {
            state.callbacks.push_back(callback);
            return;
        }
        drop(state);
        let mut panic = FirstPanic::NONE;
        panic.catch(|| self.set_finished());
        self.call(callback);
        panic.resume();
    }

    /// Calls a callback. Its panic is nobody's but its own: the panic hook has reported it.
    fn call(&self, callback: Callback<T>) {
        unharmed(|| callback(self));
    }

    fn core(&self) -> &Core<T> {
        self.shared.core()
    }

    /// The phase says that it has ended, and whoever has ended it may not have come so far as to say so here.
    pub(super) fn set_finished(&self) {
        if !self.is_done() {
            self.finished().set();
        }
    }

    /// For an operation that waits for the end.
    pub(super) fn finished(&self) -> &Event {
        &self.core().finished
    }

    /// Has the end of the job reported, or reports it at once.
    pub(super) fn watch(&self, watcher: Watcher) {
        let mut state = lock(&self.core().state);
        if !state.phase.is_last() {
            state.watchers.push(watcher);
            return;
        }
        drop(state);
        self.set_finished();
        watcher.note();
        watcher.wake();
    }

    /// Forgets a watcher that is like this one.
    pub(super) fn unwatch(&self, watcher: &Watcher) {
        let mut state = lock(&self.core().state);
        let position = state.watchers.iter().position(|other| other == watcher);
        let removed = position.map(|position| state.watchers.swap_remove(position));
        drop(state);
        drop(removed);
    }

    /// Ends the job if it has not begun.
    fn end_pending(&self, phase: Phase<T>) -> bool {
        let mut panic = FirstPanic::NONE;
        let mut ends = true;
        panic.catch(|| ends = self.end(true, phase, &Nobody));
        if ends {
            panic.catch(|| self.shared.discard());
        }
        panic.resume();
        ends
    }

    /// Ends the job, and tells everybody who wants to know.
    fn end(&self, pending: bool, phase: Phase<T>, worker: &dyn Worker) -> bool {
        let Some((watchers, calls_back)) = self.core().end(pending, phase) else {
            return false;
        };
        if !calls_back {
            worker.is_free();
        }
        let mut panic = FirstPanic::NONE;
        panic.catch(|| self.finished().set());
        for watcher in &watchers {
            panic.catch(|| watcher.wake());
        }
        if calls_back {
            while let Some(callback) = self.core().next_callback() {
                self.call(callback);
            }
            worker.is_free();
        }
        panic.resume();
        true
    }
}

impl<T> Clone for Job<T> {
    fn clone(&self) -> Self {
        Job {
            shared: self.shared.clone(),
        }
    }
}

// As std's `JoinHandle`, whatever the function and its result are: both are only moved.
impl<T> UnwindSafe for Job<T> {}
impl<T> RefUnwindSafe for Job<T> {}

/// The same job.
impl<T> PartialEq for Job<T> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.shared), Arc::as_ptr(&other.shared))
    }
}

impl<T> Eq for Job<T> {}

impl<T> Hash for Job<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.shared).cast::<()>().hash(state);
    }
}

impl<T> IntoFuture for Job<T> {
    type Output = Result<T, JobError>;
    type IntoFuture = Wait<JobResult<T>>;

    fn into_future(self) -> Self::IntoFuture {
        Wait::new(JobResult { job: self })
    }
}

impl<T> IntoFuture for &Job<T> {
    type Output = Result<T, JobError>;
    type IntoFuture = Wait<JobResult<T>>;

    fn into_future(self) -> Self::IntoFuture {
        self.result()
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match lock(&self.core().state).phase {
            Phase::Pending => "pending",
            Phase::Running => "running",
            Phase::Finished(_) | Phase::Taken => "finished",
            Phase::Cancelled => "cancelled",
            Phase::Broken => "broken",
        };
        f.debug_tuple("Job")
            .field(&format_args!("{phase}"))
            .finish()
    }
}

/// The operation of [`Job::result`].
///
/// # Cancel safety
///
/// Dropped, it has taken nothing, and the job goes on.
///
/// ```
/// use amphi::thread::JobResult;
/// use amphi::{ThreadPool, Wait};
///
/// let pool = ThreadPool::new(1);
/// let wait: Wait<JobResult<u8>> = pool.submit(|| 1)?.result();
/// assert_eq!(wait.block()?, 1);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct JobResult<T> {
    job: Job<T>,
}

impl<T> Attempt for JobResult<T> {
    fn fast(&mut self, _: bool) -> bool {
        self.job.is_done()
    }

    fn list(&self) -> &dyn Line {
        self.job.finished().line()
    }

    fn attempt(&mut self, turn: Turn) -> Outcome {
        self.job.finished().set_waiter().attempt(turn)
    }

    fn pass_on(&mut self) {
        // The end is told to everybody.
    }
}

impl<T> Operation for JobResult<T> {
    type Output = Result<T, JobError>;
    type Timed = Result<T, JobError>;

    fn take(&mut self) -> Self::Output {
        self.job.core().take()
    }

    fn in_time(&mut self, result: Self::Output) -> Self::Timed {
        result
    }

    fn timed_out(&mut self) -> Self::Timed {
        Err(JobError::TimedOut)
    }
}

impl<T> fmt::Debug for JobResult<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JobResult").field(&self.job).finish()
    }
}
