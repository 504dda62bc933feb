//! [`Map`]: one function, many items, the results in their order.

use super::{Job, JobError, JobResult};
use crate::first_panic::FirstPanic;
use crate::wait::{Timeout, now};
use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;
#[cfg(feature = "time")]
use std::pin::Pin;
#[cfg(feature = "time")]
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// The results of a function for many items, in the order of the items: what [`ThreadPool::map`](super::ThreadPool::map) returns.
///
/// It is an iterator that blocks until the next result is there, and (with the feature `time`) a stream. For an item without a result there is
/// the reason in its place, and the others come all the same.
///
/// ```
/// use amphi::{ThreadPool, block_on};
/// use futures::TryStreamExt;
///
/// let pool = ThreadPool::new(2);
/// let mut results = pool.map([1, 2, 3], |number| 2 * number)?;
/// assert_eq!(results.next().unwrap()?, 2); // a thread
/// assert_eq!(block_on(results.try_collect::<Vec<_>>())?, [4, 6]); // a task
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// # Cancel safety
///
/// Dropped, it cancels those jobs that have not begun. A result that nobody has been given is dropped.
#[must_use = "dropping it cancels the jobs"]
pub struct Map<T> {
    jobs: VecDeque<Job<T>>,
    deadline: Option<Instant>,
    /// The one whose result is being polled for.
    #[cfg(feature = "time")]
    polled: Option<(Job<T>, Timeout<JobResult<T>>)>,
}

impl<T> Map<T> {
    pub(super) fn new() -> Self {
        Map {
            jobs: VecDeque::new(),
            deadline: None,
            #[cfg(feature = "time")]
            polled: None,
        }
    }

    pub(super) fn push(&mut self, job: Job<T>) {
        self.jobs.push_back(job);
    }

    /// Waits no longer than this for all results together, counted from this call.
    ///
    /// Each result that is not there in time is a [`JobError::TimedOut`], and its job is cancelled if it
    /// has not begun.
    ///
    /// ```
    /// use amphi::{Event, JobError, ThreadPool};
    /// use std::time::Duration;
    ///
    /// static GO_ON: Event = Event::new();
    ///
    /// let pool = ThreadPool::new(1);
    /// let results = pool.map([1, 2], |_| GO_ON.wait().block())?;
    /// for result in results.timeout(Duration::from_millis(1)) {
    ///     assert!(matches!(result, Err(JobError::TimedOut)));
    /// }
    /// GO_ON.set();
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn timeout(mut self, duration: Duration) -> Self {
        // One that can't be added never comes.
        self.deadline = now().checked_add(duration);
        #[cfg(feature = "time")]
        if let Some((job, _)) = self.polled.take() {
            let wait = self.wait(&job);
            self.polled = Some((job, wait));
        }
        self
    }

    fn left(&self) -> usize {
        #[cfg(feature = "time")]
        let polled = usize::from(self.polled.is_some());
        #[cfg(not(feature = "time"))]
        let polled = 0;
        self.jobs.len() + polled
    }

    fn wait(&self, job: &Job<T>) -> Timeout<JobResult<T>> {
        let wait = job.result();
        match self.deadline {
            Some(deadline) => wait.deadline(deadline),
            None => wait.timeout(Duration::MAX),
        }
    }
}

/// A job that nobody waits for any more need not begin.
fn settle<T>(job: &Job<T>, result: Result<T, JobError>) -> Result<T, JobError> {
    if let Err(JobError::TimedOut) = result {
        job.cancel();
    }
    result
}

impl<T> Iterator for Map<T> {
    type Item = Result<T, JobError>;

    fn next(&mut self) -> Option<Self::Item> {
        #[cfg(feature = "time")]
        if let Some((job, wait)) = self.polled.take() {
            return Some(settle(&job, wait.block()));
        }
        let job = self.jobs.pop_front()?;
        Some(settle(&job, self.wait(&job).block()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.left();
        (left, Some(left))
    }
}

impl<T> ExactSizeIterator for Map<T> {}

impl<T> FusedIterator for Map<T> {}

#[cfg(feature = "time")]
impl<T> futures_core::Stream for Map<T> {
    type Item = Result<T, JobError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.polled.is_none() {
            let Some(job) = self.jobs.pop_front() else {
                return Poll::Ready(None);
            };
            let wait = self.wait(&job);
            self.polled = Some((job, wait));
        }
        let Some((job, wait)) = &mut self.polled else {
            unreachable!("it has just been made");
        };
        let result = ready!(Pin::new(wait).poll(cx));
        let job = job.clone();
        self.polled = None;
        Poll::Ready(Some(settle(&job, result)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        Iterator::size_hint(self)
    }
}

#[cfg(feature = "time")]
impl<T> futures_core::stream::FusedStream for Map<T> {
    fn is_terminated(&self) -> bool {
        self.left() == 0
    }
}

impl<T> Drop for Map<T> {
    fn drop(&mut self) {
        let mut panic = FirstPanic::NONE;
        #[cfg(feature = "time")]
        if let Some((job, wait)) = self.polled.take() {
            // First, so that its own waker isn't called.
            panic.catch(|| drop(wait));
            self.jobs.push_front(job);
        }
        for job in self.jobs.drain(..) {
            panic.catch(|| {
                job.cancel();
            });
        }
        panic.resume();
    }
}

impl<T> fmt::Debug for Map<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map")
            .field("left", &self.left())
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
