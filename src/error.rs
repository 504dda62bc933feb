//! The error types.

use std::error::Error;
use std::fmt;

/// The time given to an operation was up before it could be done.
///
/// It is what [`Timeout`](crate::Timeout) gives for the operations that have nothing to
/// hand back. Nothing has been taken then: no lock is held, no place in a queue is kept. (A pool that was to be
/// shut down has been shut down, though its jobs have not ended yet.)
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
#[doc(alias = "Elapsed")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out")
    }
}

impl Error for TimedOut {}

/// More permits were given back to a [`BoundedSemaphore`](crate::BoundedSemaphore) than it can have. Nothing has
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
        f.write_str("more permits were released than the semaphore can have")
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
#[doc(alias = "BrokenBarrierError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BarrierError {
    /// The barrier is broken, or it was reset while this party waited. It breaks if somebody's time is up, if somebody
    /// aborts it, or if its action panics.
    Broken,
    /// This party's time was up, and that has broken the barrier.
    TimedOut,
}

impl fmt::Display for BarrierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BarrierError::Broken => "the barrier is broken",
            BarrierError::TimedOut => "timed out at the barrier, which is now broken",
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

/// For items of any type, which are not shown.
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
            PutError::TimedOut(_) => "timed out while the queue was full",
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
            GetError::TimedOut => "timed out while the queue was empty",
        })
    }
}

impl Error for GetError {}

/// [`task_done`](crate::queue::QueueOf::task_done) was called more often than items were put. Nothing has changed by that.
///
/// ```
/// assert_eq!(amphi::Queue::<u8>::unbounded().task_done(), Err(amphi::TaskDoneError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TaskDoneError;

impl fmt::Display for TaskDoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`task_done` was called more often than items were put")
    }
}

impl Error for TaskDoneError {}

/// There will be no value from a [`oneshot`](crate::oneshot) channel: the sender was dropped without sending, or the value has been
/// received already.
///
/// ```
/// use amphi::oneshot::{self, Closed};
///
/// let (sender, mut receiver) = oneshot::channel::<u8>();
/// drop(sender);
/// assert_eq!(receiver.recv().block(), Err(Closed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no value, and the sender is gone")
    }
}

impl Error for Closed {}

/// There was no value to take from a [`oneshot`](crate::oneshot) channel.
///
/// ```
/// use amphi::oneshot::{self, RecvError};
///
/// let (sender, mut receiver) = oneshot::channel::<u8>();
/// assert_eq!(receiver.try_recv(), Err(RecvError::Empty));
/// # drop(sender);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecvError {
    /// There is none yet.
    Empty,
    /// There will be none any more.
    Closed,
    /// There was none in time.
    TimedOut,
}

impl From<Closed> for RecvError {
    fn from(_: Closed) -> Self {
        RecvError::Closed
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvError::Empty => f.write_str("there is no value yet"),
            RecvError::Closed => Closed.fmt(f),
            RecvError::TimedOut => f.write_str("timed out before there was a value"),
        }
    }
}

impl Error for RecvError {}

/// The receiver of a [`oneshot`](crate::oneshot) channel was gone. The value is in here.
///
/// ```
/// let (sender, receiver) = amphi::oneshot::channel();
/// drop(receiver);
/// assert_eq!(sender.send(1).unwrap_err().into_inner(), 1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SendError<T>(pub(crate) T);

impl<T> SendError<T> {
    /// The value.
    ///
    /// ```
    /// let (sender, receiver) = amphi::oneshot::channel();
    /// drop(receiver);
    /// assert_eq!(sender.send("value").map_err(|error| error.into_inner()), Err("value"));
    /// ```
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// For values of any type, which are not shown.
impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the receiver is gone")
    }
}

impl<T> Error for SendError<T> {}
