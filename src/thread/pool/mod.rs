//! [`ThreadPool`]: threads that run one job after the other.
//!
//! | file | subject |
//! |---|---|
//! | `mod.rs` | the pool as its users see it |
//! | `builder.rs` | what it is to be like |
//! | `staff.rs` | its workers: who starts them, how they find a job, when they go |
//! | `search.rs` | whether one of them looks for a job |
//! | `shutdown.rs` | the wait for their end |

mod builder;
mod search;
mod shutdown;
mod staff;

pub use builder::PoolBuilder;
pub use shutdown::Shutdown;

use super::job::{Run, Task};
use super::{Job, Map, SubmitError};
use crate::sync::atomic;
use crate::wait::Wait;
use staff::{Refusal, Shared};
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

/// A number of threads that run functions.
///
/// It is for work that blocks or computes, and that would hold up the tasks of an executor. What is submitted becomes a
/// [`Job`], which threads and tasks can wait for. Jobs begin in the order in which they were submitted. When a job finds no
/// worker free another one is started, up to the limit, and each runs one job after
/// another. It behaves like Python's `ThreadPoolExecutor`.
///
/// ```
/// use amphi::{ThreadPool, block_on};
///
/// let pool = ThreadPool::new(4);
/// let sum = pool.submit(|| (1..=100).sum::<u32>())?;
/// assert_eq!(block_on(async { sum.await })?, 5050);
///
/// let squares = pool.map(1..=3, |number| number * number)?;
/// assert_eq!(squares.collect::<Result<Vec<_>, _>>()?, [1, 4, 9]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// A job may submit others, through an `Arc` of the pool. A panic of a job is its result, and harms neither the worker nor the pool.
///
/// # Drop
///
/// Dropping the pool shuts it down and blocks until all jobs have ended, including those that have not begun. In a task, call `pool.shutdown().await`
/// beforehand, so that the drop finds nothing to wait for. If a function is left early, by `?` or a panic, the drop waits for jobs that may wait for what that
/// function would have done: then call [`shutdown_now`](ThreadPool::shutdown_now), or let the jobs wait with a timeout. Dropped by one of its own jobs the pool
/// does not wait, since it would wait for itself; the other jobs end all the same.
#[doc(alias = "ThreadPoolExecutor")]
#[doc(alias = "Executor")]
#[doc(alias = "spawn_blocking")]
pub struct ThreadPool {
    shared: Arc<Shared>,
}

impl ThreadPool {
    /// Makes a pool of at most this many workers. None is started yet.
    ///
    /// # Panics
    ///
    /// If `workers` is zero.
    ///
    /// ```
    /// let pool = amphi::ThreadPool::new(2);
    /// assert_eq!(pool.workers(), 2);
    /// ```
    pub fn new(workers: usize) -> Self {
        ThreadPool::builder().workers(workers).build()
    }

    /// Makes a pool with more to be said about it than the number of its workers.
    ///
    /// ```
    /// use amphi::{ThreadPool, thread};
    ///
    /// let pool = ThreadPool::builder().workers(1).name_prefix("reader").build();
    /// let name = pool.submit(|| thread::current().name().map(str::to_string))?;
    /// assert_eq!(name.result().block()?.as_deref(), Some("reader-0"));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> PoolBuilder {
        PoolBuilder::new()
    }

    /// How many workers there may be.
    ///
    /// ```
    /// assert_eq!(amphi::ThreadPool::new(3).workers(), 3);
    /// ```
    pub fn workers(&self) -> usize {
        self.shared.about.workers
    }

    /// Has a worker run the function. It never waits.
    ///
    /// What happened before is seen by the function.
    ///
    /// # Errors
    ///
    /// [`SubmitError::ShutDown`]; [`SubmitError::Broken`] if the initializer has panicked; [`SubmitError::NoThread`] if there is no
    /// worker and the system can't start one. Each hands the function back.
    ///
    /// ```
    /// let pool = amphi::ThreadPool::new(1);
    /// let job = pool.submit(|| "result")?;
    /// assert_eq!(job.result().block()?, "result");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "execute")]
    #[doc(alias = "spawn")]
    #[doc(alias = "spawn_blocking")]
    pub fn submit<T, F>(&self, function: F) -> Result<Job<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let task = Arc::new(Task::new(function));
        match self.shared.accept(task.clone()) {
            Ok(()) => Ok(Job::new(task)),
            Err(refused) => Err(refused.with(task.into_function())),
        }
    }

    /// Has the workers call the function once for each item, each time as a job of its own, and gives the results in the order of the items.
    ///
    /// All items are taken, and all jobs submitted, before this returns. What it returns is an iterator that blocks, and a stream;
    /// dropped, it cancels those jobs that have not begun. It may be given a [timeout](Map::timeout). It is the `map` of Python's
    /// executors, except that an item without a result does not end it.
    ///
    /// # Errors
    ///
    /// Those of [`submit`](Self::submit), with the items and the function. If the pool is shut down or breaks while the items are being submitted,
    /// the results of the rest are [`Cancelled`](crate::JobError::Cancelled) or [`Broken`](crate::JobError::Broken).
    ///
    /// ```
    /// let pool = amphi::ThreadPool::new(2);
    /// let lengths = pool.map(["a", "bcd", ""], str::len)?;
    /// assert_eq!(lengths.collect::<Result<Vec<_>, _>>()?, [1, 3, 0]);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn map<I, T, F>(&self, items: I, function: F) -> Result<Map<T>, SubmitError<(I, F)>>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        if let Err(refused) = self.shared.open() {
            return Err(refused.with((items, function)));
        }
        let function = Arc::new(function);
        // The items' iterator is the user's: if it panics, those that have been submitted are cancelled.
        let mut map = Map::new();
        for item in items {
            let function = function.clone();
            let task = Arc::new(Task::new(move || function(item)));
            match self.shared.accept(task.clone()) {
                Ok(()) => {}
                Err(SubmitError::Broken(())) => task.clone().break_off(),
                Err(_) => Run::cancel(task.clone()),
            }
            map.push(Job::new(task));
        }
        Ok(map)
    }

    /// Whether the calling thread is one of its workers.
    pub(super) fn employs_this_thread(&self) -> bool {
        self.shared.employs_this_thread()
    }

    /// Whether no more jobs are accepted: the pool was shut down, or its initializer has panicked.
    ///
    /// ```
    /// let pool = amphi::ThreadPool::new(1);
    /// assert!(!pool.is_shut_down());
    /// pool.shutdown().block();
    /// assert!(pool.is_shut_down());
    /// ```
    pub fn is_shut_down(&self) -> bool {
        self.shared.jobs.is_shut_down()
    }

    /// Accepts no more jobs, and waits until those that were submitted have ended and the workers are gone.
    ///
    /// Called by one of its own jobs it waits only for the other workers; two such jobs would wait for each other. With a timeout it gives
    /// `Err(TimedOut)` if they are not gone in time; the pool has been shut down all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropped after it has begun to wait, it leaves the pool shut down. Before that nothing has happened.
    ///
    /// ```
    /// use amphi::{ThreadPool, block_on};
    ///
    /// let pool = ThreadPool::new(2);
    /// let job = pool.submit(|| 1)?;
    /// pool.shutdown().block(); // a thread
    /// assert!(job.is_done());
    /// assert!(pool.submit(|| 2).is_err());
    /// block_on(async { pool.shutdown().await }); // a task, and another time changes nothing
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "join")]
    pub fn shutdown(&self) -> Wait<Shutdown<'_>> {
        Wait::new(Shutdown::new(&self.shared, false))
    }

    /// Like [`shutdown`](Self::shutdown), and cancels the jobs that have not begun.
    ///
    /// # Cancel safety
    ///
    /// Dropped after it has begun to wait, it has cancelled them. Before that nothing has happened.
    ///
    /// ```
    /// use amphi::{Event, ThreadPool, block_on};
    /// use std::time::Duration;
    ///
    /// static BEGUN: Event = Event::new();
    /// static GO_ON: Event = Event::new();
    ///
    /// let pool = ThreadPool::new(1);
    /// pool.submit(|| {
    ///     BEGUN.set();
    ///     GO_ON.wait().block();
    /// })?;
    /// let pending = pool.submit(|| ())?;
    /// BEGUN.wait().block();
    /// let soon = pool.shutdown_now().timeout(Duration::from_millis(1));
    /// assert!(soon.block().is_err()); // one still runs
    /// assert!(pending.is_cancelled());
    /// GO_ON.set();
    /// block_on(async { pool.shutdown_now().await });
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "cancel_futures")]
    pub fn shutdown_now(&self) -> Wait<Shutdown<'_>> {
        Wait::new(Shutdown::new(&self.shared, true))
    }
}

// No panic leaves it in disorder, that of the initializer included.
impl UnwindSafe for ThreadPool {}
impl RefUnwindSafe for ThreadPool {}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        if self.employs_this_thread() {
            self.shared.close(Refusal::ShutDown);
        } else {
            self.shutdown().block();
        }
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool")
            .field("workers", &self.workers())
            .field("pending", &self.shared.jobs.len())
            .field("shut_down", &self.is_shut_down())
            .finish_non_exhaustive()
    }
}
