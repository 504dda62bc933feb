//! [`JoinHandle`]: the result of a thread, and the wait for it.

use super::{JoinError, Panicked, Thread};
use crate::event::WaitSet;
use crate::owner;
use crate::sync::{Mutex, lock};
use crate::wait::{Attempt, Line, Operation, Outcome, Turn, Wait};
use std::fmt;
use std::sync::Arc;

/// A thread that was started, and what its function will return: [`join`](JoinHandle::join) waits for that.
///
/// Dropping it lets the thread go on by itself; [`join_all`](super::join_all) still waits for it.
///
/// ```
/// use amphi::block_on;
/// use amphi::thread::{self, JoinHandle};
///
/// let mut threads: Vec<JoinHandle<u32>> = (1..=4).map(|number| thread::spawn(move || number)).collect();
/// let first = threads[0].join().block().unwrap(); // a thread
/// let rest: u32 = block_on(async {
///     let mut sum = 0;
///     for thread in &mut threads[1..] {
///         sum += thread.join().await.unwrap(); // a task
///     }
///     sum
/// });
/// assert_eq!((first, rest), (1, 9));
/// ```
pub struct JoinHandle<T> {
    thread: Thread,
    slot: Slot<T>,
}

/// Where the result is from the end of the function until somebody takes it.
pub(super) struct Slot<T>(Arc<Mutex<Option<Result<T, Panicked>>>>);

impl<T> Slot<T> {
    pub(super) fn fill(self, result: Result<T, Panicked>) {
        *lock(&self.0) = Some(result);
    }
}

impl<T> JoinHandle<T> {
    pub(super) fn new(thread: Thread) -> Self {
        JoinHandle {
            thread,
            slot: Slot(Arc::new(Mutex::new(None))),
        }
    }

    pub(super) fn slot(&self) -> Slot<T> {
        Slot(self.slot.0.clone())
    }

    /// Waits for the end of the thread's function, and takes its result.
    ///
    /// What the thread has done is seen by whoever has joined it. Its thread-locals may be destroyed a little later.
    ///
    /// # Errors
    ///
    /// [`JoinError::Panicked`] with the panic; [`JoinError::Oneself`] on the thread itself, also in a future that is
    /// polled there; [`JoinError::Taken`] if it has been joined before; with a timeout
    /// [`JoinError::TimedOut`], after which one may join again.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has taken nothing, and the thread goes on.
    ///
    /// ```
    /// use amphi::thread::{self, JoinError};
    /// use amphi::{Event, block_on};
    /// use std::time::Duration;
    ///
    /// static GO_ON: Event = Event::new();
    ///
    /// let mut waits = thread::spawn(|| GO_ON.wait().block());
    /// let soon = waits.join().timeout(Duration::from_millis(1));
    /// assert!(matches!(soon.block(), Err(JoinError::TimedOut))); // a thread
    /// GO_ON.set();
    /// block_on(async { waits.join().await }).unwrap(); // a task
    /// ```
    pub fn join(&mut self) -> Wait<Join<'_, T>> {
        Wait::new(Join {
            handle: self,
            finished: self.thread.about.finished.set_waiter(),
            is_oneself: false,
        })
    }

    /// The thread, for others.
    ///
    /// ```
    /// let handle = amphi::thread::spawn(amphi::thread::current);
    /// let thread = handle.thread().clone();
    /// let mut handle = handle;
    /// assert_eq!(handle.join().block().unwrap(), thread);
    /// ```
    pub fn thread(&self) -> &Thread {
        &self.thread
    }

    /// Waits until its function has ended, and takes nothing: [`Thread::finished`].
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    ///
    /// ```
    /// use amphi::{block_on, thread};
    ///
    /// let mut thread = thread::spawn(|| "result");
    /// thread.finished().block();
    /// block_on(async { thread.finished().await });
    /// assert_eq!(thread.join().block().unwrap(), "result");
    /// ```
    pub fn finished(&self) -> Wait<WaitSet<'_>> {
        self.thread.finished()
    }

    /// Whether its function has not ended yet.
    ///
    /// ```
    /// let mut thread = amphi::thread::spawn(|| ());
    /// thread.join().block().unwrap();
    /// assert!(!thread.is_alive());
    /// ```
    pub fn is_alive(&self) -> bool {
        self.thread.is_alive()
    }

    /// Its name, if it has one.
    ///
    /// ```
    /// let thread = amphi::thread::Builder::new().name("worker").spawn(|| ())?;
    /// assert_eq!(thread.name(), Some("worker"));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.thread.name()
    }

    /// A number that no other thread of this process has or has had.
    ///
    /// ```
    /// use amphi::thread;
    ///
    /// let mut thread = thread::spawn(|| thread::current().id());
    /// let id = thread.id();
    /// assert_eq!(thread.join().block().unwrap(), id);
    /// ```
    pub fn id(&self) -> u64 {
        self.thread.id()
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("thread", &self.thread)
            .finish_non_exhaustive()
    }
}

/// The operation of [`JoinHandle::join`].
///
/// # Cancel safety
///
/// Dropped, it has taken nothing, and the thread goes on.
///
/// ```
/// use amphi::Wait;
/// use amphi::thread::{self, Join};
///
/// let mut thread = thread::spawn(|| 1);
/// let wait: Wait<Join<'_, i32>> = thread.join();
/// assert_eq!(wait.block().unwrap(), 1);
/// ```
pub struct Join<'a, T> {
    handle: &'a JoinHandle<T>,
    finished: WaitSet<'a>,
    is_oneself: bool,
}

impl<T> Attempt for Join<'_, T> {
    #[inline]
    fn fast(&mut self, blocks: bool) -> bool {
        self.finished.fast(blocks)
    }

    fn list(&self) -> &dyn Line {
        self.finished.list()
    }

    fn attempt(&mut self, turn: Turn) -> Outcome {
        let outcome = self.finished.attempt(turn);
        self.is_oneself = outcome != Outcome::Done && self.handle.id() == owner::thread_id();
        match self.is_oneself {
            true => Outcome::Done,
            false => outcome,
        }
    }

    fn pass_on(&mut self) {
        self.finished.pass_on();
    }
}

impl<T> Operation for Join<'_, T> {
    type Output = Result<T, JoinError>;
    type Timed = Result<T, JoinError>;

    fn take(&mut self) -> Result<T, JoinError> {
        if self.is_oneself {
            return Err(JoinError::Oneself);
        }
        let result = lock(&self.handle.slot.0).take();
        result.map_or(Err(JoinError::Taken), |result| {
            result.map_err(JoinError::Panicked)
        })
    }

    fn in_time(&mut self, result: Result<T, JoinError>) -> Result<T, JoinError> {
        result
    }

    fn timed_out(&mut self) -> Result<T, JoinError> {
        Err(JoinError::TimedOut)
    }
}

impl<T> fmt::Debug for Join<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Join").field(self.handle).finish()
    }
}
