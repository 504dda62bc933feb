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
