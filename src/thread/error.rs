//! The errors of threads, jobs and pools.

use super::Panicked;
use std::error::Error;
use std::fmt;
use std::io;

/// A thread's result can't be had.
///
/// ```
/// use amphi::thread::{self, JoinError};
///
/// let mut thread = thread::spawn(|| 1);
/// assert_eq!(thread.join().block().unwrap(), 1);
/// assert!(matches!(thread.join().block(), Err(JoinError::Taken)));
/// ```
#[derive(Debug)]
pub enum JoinError {
    /// The thread's function has panicked.
    Panicked(Panicked),
    /// The calling thread is the one to be joined, and can't wait for itself.
    Oneself,
    /// The result has been taken by an earlier join.
    Taken,
    /// The thread did not end in time, and goes on.
    TimedOut,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JoinError::Panicked(panicked) => write!(f, "the thread {panicked}"),
            JoinError::Oneself => f.write_str("a thread can't join itself"),
            JoinError::Taken => f.write_str("the thread's result has already been taken"),
            JoinError::TimedOut => f.write_str("timed out; the thread has not ended"),
        }
    }
}

impl Error for JoinError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            JoinError::Panicked(panicked) => Some(panicked),
            _ => None,
        }
    }
}

/// A job's result can't be had.
///
/// ```
/// use amphi::{JobError, ThreadPool};
///
/// # std::panic::set_hook(Box::new(|_| {}));
/// let pool = ThreadPool::new(1);
/// match pool.submit(|| panic!("no luck"))?.result().block() {
///     Err(JobError::Panicked(panicked)) => assert_eq!(panicked.message(), "no luck"),
///     _ => unreachable!(),
/// }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub enum JobError {
    /// It was cancelled before it began.
    Cancelled,
    /// Its function has panicked.
    Panicked(Panicked),
    /// It never began, as the initializer of its pool has panicked.
    Broken,
    /// The result has already been taken.
    Taken,
    /// It did not end in time, and goes on.
    TimedOut,
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobError::Cancelled => f.write_str("the job was cancelled"),
            JobError::Panicked(panicked) => write!(f, "the job {panicked}"),
            JobError::Broken => f.write_str("the pool's initializer panicked"),
            JobError::Taken => f.write_str("the job's result has already been taken"),
            JobError::TimedOut => f.write_str("timed out; the job has not ended"),
        }
    }
}

impl Error for JobError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            JobError::Panicked(panicked) => Some(panicked),
            _ => None,
        }
    }
}

/// A pool has not accepted what was submitted, which is in here.
///
/// ```
/// use amphi::{SubmitError, ThreadPool};
///
/// let pool = ThreadPool::new(1);
/// pool.shutdown().block();
/// let Err(error) = pool.submit(|| "in vain") else { unreachable!() };
/// assert!(matches!(error, SubmitError::ShutDown(_)));
/// assert_eq!(error.into_inner()(), "in vain");
/// ```
pub enum SubmitError<F> {
    /// The pool has been shut down.
    ShutDown(F),
    /// The pool's initializer has panicked.
    Broken(F),
    /// There is no worker, and the system can't start a thread.
    NoThread(F, io::Error),
}

impl<F> SubmitError<F> {
    /// What was submitted.
    ///
    /// ```
    /// let pool = amphi::ThreadPool::new(1);
    /// pool.shutdown().block();
    /// let Err(error) = pool.map(["a", "b"], str::len) else { unreachable!() };
    /// let (items, _) = error.into_inner();
    /// assert_eq!(items, ["a", "b"]);
    /// ```
    pub fn into_inner(self) -> F {
        match self {
            SubmitError::ShutDown(inner)
            | SubmitError::Broken(inner)
            | SubmitError::NoThread(inner, _) => inner,
        }
    }
}

impl SubmitError<()> {
    /// The same, with what was submitted.
    pub(super) fn with<F>(self, submitted: F) -> SubmitError<F> {
        match self {
            SubmitError::ShutDown(()) => SubmitError::ShutDown(submitted),
            SubmitError::Broken(()) => SubmitError::Broken(submitted),
            SubmitError::NoThread((), error) => SubmitError::NoThread(submitted, error),
        }
    }
}

/// For whatever was submitted, which is not shown.
impl<F> fmt::Debug for SubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubmitError::ShutDown(_) => f.write_str("ShutDown(..)"),
            SubmitError::Broken(_) => f.write_str("Broken(..)"),
            SubmitError::NoThread(_, error) => write!(f, "NoThread(.., {error:?})"),
        }
    }
}

impl<F> fmt::Display for SubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubmitError::ShutDown(_) => f.write_str("the pool has been shut down"),
            SubmitError::Broken(_) => f.write_str("the pool's initializer panicked"),
            SubmitError::NoThread(_, error) => write!(f, "can't start a worker: {error}"),
        }
    }
}

impl<F> Error for SubmitError<F> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            SubmitError::NoThread(_, error) => Some(error),
            _ => None,
        }
    }
}
