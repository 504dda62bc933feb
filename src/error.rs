//! The error types.

use std::error::Error;
use std::fmt;

/// The time given to an operation was up before it could be done.
///
/// It is what [`Timeout`](crate::Timeout) gives for the operations that have nothing to
/// hand back. Nothing has happened then: no lock is held, no place in a queue is kept.
///
/// ```
/// use amphi::{Mutex, TimedOut};
/// use std::time::Duration;
///
/// let mutex = Mutex::new(1);
/// let guard = mutex.lock().block();
/// let second = mutex.lock().timeout(Duration::from_millis(1)).block();
/// assert_eq!(second.map(|guard| *guard), Err(TimedOut));
/// # drop(guard);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out")
    }
}

impl Error for TimedOut {}

/// A [`BoundedSemaphore`](crate::BoundedSemaphore) was released more often than acquired. Nothing has
/// changed by that.
///
/// ```
/// use amphi::{BoundedSemaphore, ReleaseError};
///
/// let semaphore = BoundedSemaphore::new(2);
/// assert_eq!(semaphore.release(1), Err(ReleaseError));
/// assert_eq!(semaphore.available_permits(), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReleaseError;

impl fmt::Display for ReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there would be more permits than in the beginning")
    }
}

impl Error for ReleaseError {}

/// A [`Barrier`](crate::Barrier) did not get all its parties together.
///
/// ```
/// use amphi::{Barrier, BarrierError};
///
/// let barrier = Barrier::new(2);
/// barrier.abort();
/// assert_eq!(barrier.wait().block().err(), Some(BarrierError::Broken));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BarrierError {
    /// The barrier is broken, or it was reset while this party waited: somebody's time was up, somebody
    /// aborted it, or its action did not come to its end.
    Broken,
    /// This party's time was up, and that has broken the barrier.
    TimedOut,
}

impl fmt::Display for BarrierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BarrierError::Broken => "the barrier is broken",
            BarrierError::TimedOut => "timed out at the barrier, which is broken now",
        })
    }
}

impl Error for BarrierError {}

/// An item was not put into a queue. It is in here.
///
/// ```
/// use amphi::{PutError, Queue};
///
/// let queue = Queue::bounded(1);
/// queue.try_put("first").unwrap();
/// let error = queue.try_put("second").unwrap_err();
/// assert_eq!(error, PutError::Full("second"));
/// assert_eq!(error.into_inner(), "second");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum PutError<T> {
    /// There is no room.
    Full(T),
    /// The queue has been shut down.
    ShutDown(T),
    /// There was no room in time.
    TimedOut(T),
}

impl<T> PutError<T> {
    /// The item.
    ///
    /// ```
    /// assert_eq!(amphi::PutError::Full(1).into_inner(), 1);
    /// ```
    pub fn into_inner(self) -> T {
        match self {
            PutError::Full(item) | PutError::ShutDown(item) | PutError::TimedOut(item) => item,
        }
    }
}

/// Whatever the item is; it's not shown.
impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PutError::Full(_) => "Full(..)",
            PutError::ShutDown(_) => "ShutDown(..)",
            PutError::TimedOut(_) => "TimedOut(..)",
        })
    }
}

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PutError::Full(_) => "the queue is full",
            PutError::ShutDown(_) => "the queue has been shut down",
            PutError::TimedOut(_) => "timed out, the queue was full",
        })
    }
}

impl<T> Error for PutError<T> {}

/// There was no item to get out of a queue.
///
/// ```
/// use amphi::{GetError, Queue};
///
/// let queue = Queue::<u8>::unbounded();
/// assert_eq!(queue.try_get(), Err(GetError::Empty));
/// queue.shutdown();
/// assert_eq!(queue.try_get(), Err(GetError::ShutDown));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GetError {
    /// There is none now.
    Empty,
    /// There will be none any more: the queue has been shut down.
    ShutDown,
    /// There was none in time.
    TimedOut,
}

impl fmt::Display for GetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GetError::Empty => "the queue is empty",
            GetError::ShutDown => "the queue has been shut down and is empty",
            GetError::TimedOut => "timed out, the queue was empty",
        })
    }
}

impl Error for GetError {}

/// [`task_done`](crate::queue::QueueOf::task_done) was called more often than items had been put. Nothing has changed by that.
///
/// ```
/// assert_eq!(amphi::Queue::<u8>::unbounded().task_done(), Err(amphi::TaskDoneError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TaskDoneError;

impl fmt::Display for TaskDoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("more items were reported as done than had been put")
    }
}

impl Error for TaskDoneError {}
