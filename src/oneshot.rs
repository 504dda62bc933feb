//! One value, once, from one side to the other.
//!
//! Each side is a thread or a task. The value is the reply to a request, the result of a job, the end of something. The shape
//! is that of tokio's `oneshot`.
//!
//! ```
//! use amphi::{block_on, oneshot};
//! use std::thread;
//!
//! let (sender, mut receiver) = oneshot::channel();
//! let thread = thread::spawn(move || sender.send(6 * 7));
//! assert_eq!(block_on(receiver.recv()), Ok(42));
//! assert_eq!(thread.join().unwrap(), Ok(()));
//! ```
//!
//! For more than one value take a [`Queue`](crate::Queue); where many wait for the same thing, and there is no value, an
//! [`Event`](crate::Event). A channel is one allocation, and waiting needs none.

pub use crate::error::{Closed, RecvError, SendError};

use crate::finally::Finally;
use crate::sync::{Mutex, lock};
use crate::wait::{Attempt, Line, Operation, Outcome, Seat, Turn, Wait, or_timed_out};
use std::fmt;
use std::sync::Arc;

/// Makes the two ends.
///
/// ```
/// let (sender, mut receiver) = amphi::oneshot::channel();
/// sender.send("reply").unwrap();
/// assert_eq!(receiver.recv().block(), Ok("reply"));
/// ```
#[must_use]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            value: None,
            ended: Ended::Neither,
        }),
        receiver: Seat::new(),
        sender: Seat::new(),
    });
    let sender = Sender {
        shared: shared.clone(),
    };
    (sender, Receiver { shared })
}

/// The mutex is held for moves only, and whoever changes the state looks for the other side in its
/// [`Seat`] after that.
///
/// | `value` | `ended` | meaning | who moves it on |
/// |---|---|---|---|
/// | `None` | `Neither` | nothing has been sent | either side |
/// | `Some` | `Sender` | sent | the receiver, which takes it or is dropped |
/// | `None` | `Sender` | received, dropped unread, or never sent | a receiver whose wait panics after it has taken the value puts it back |
/// | `None` | `Receiver` | the receiver was dropped | |
#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    receiver: Seat,
    sender: Seat,
}

#[derive(Debug)]
struct State<T> {
    value: Option<T>,
    ended: Ended,
}

/// Which side has done what it will ever do, first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ended {
    Neither,
    Sender,
    Receiver,
}

impl<T> Shared<T> {
    /// Takes the value; `None` if there will be none.
    fn take(&self) -> Result<Option<T>, Empty> {
        let mut state = lock(&self.state);
        match (state.value.take(), state.ended) {
            (None, Ended::Neither) => Err(Empty),
            (value, _) => Ok(value),
        }
    }

    fn is_closed(&self) -> bool {
        lock(&self.state).ended == Ended::Receiver
    }
}

/// Nothing yet.
struct Empty;

/// The end that [sends](Sender::send): what [`channel`] returns first.
///
/// Dropped without having sent anything, it tells the receiver so.
///
/// ```
/// use amphi::oneshot::{self, Sender};
/// use amphi::{Queue, block_on};
/// use std::thread;
///
/// /// A request, with the way back for its reply.
/// struct Request(u32, Sender<u32>);
///
/// let requests = Queue::unbounded();
/// thread::scope(|scope| {
///     scope.spawn(|| {
///         let Request(number, reply) = requests.get().block().unwrap();
///         reply.send(2 * number).unwrap(); // a thread
///     });
///     let (sender, mut receiver) = oneshot::channel();
///     requests.put(Request(21, sender)).block().unwrap();
///     assert_eq!(block_on(async { receiver.recv().await }), Ok(42)); // a task
/// });
/// ```
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Sends the value. It never waits.
    ///
    /// What happened before is seen by the receiver.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if the receiver has been dropped. If that is dropped later, it drops the value.
    ///
    /// ```
    /// use amphi::oneshot;
    ///
    /// let (sender, receiver) = oneshot::channel();
    /// drop(receiver);
    /// assert_eq!(sender.send("in vain").unwrap_err().into_inner(), "in vain");
    /// ```
    pub fn send(self, value: T) -> Result<(), SendError<T>> {
        let mut state = lock(&self.shared.state);
        if state.ended == Ended::Receiver {
            return Err(SendError(value));
        }
        state.value = Some(value);
        state.ended = Ended::Sender;
        // Dropping `self` wakes the receiver.
        Ok(())
    }

    /// Whether the receiver has been dropped, so that nothing needs to be sent any more.
    ///
    /// ```
    /// let (sender, receiver) = amphi::oneshot::channel::<u8>();
    /// assert!(!sender.is_closed());
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Waits until the receiver has been dropped, so that whatever is being done to have something to send can be given up.
    ///
    /// With a timeout it gives `Err(TimedOut)` if that has not happened in time.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    ///
    /// ```
    /// use amphi::{Queue, block_on, oneshot};
    ///
    /// let (mut sender, receiver) = oneshot::channel::<u8>();
    /// let replies = Queue::unbounded();
    /// std::thread::spawn(move || drop(receiver));
    /// // A task that waits for what it would send, as long as somebody wants it.
    /// let reply = block_on(async { replies.get().or(sender.closed()).await });
    /// assert_eq!(reply, Err(()));
    /// sender.closed().block(); // a thread
    /// # replies.put(1).block().unwrap();
    /// ```
    pub fn closed(&mut self) -> Wait<AwaitClosed<'_, T>> {
        let shared = &*self.shared;
        Wait::new(AwaitClosed { shared })
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        if state.ended == Ended::Neither {
            state.ended = Ended::Sender;
        }
        drop(state);
        self.shared.receiver.notify();
    }
}

/// The end that [receives](Receiver::recv): what [`channel`] returns second.
///
/// Dropped, it drops the value if one has been sent, and tells the sender.
///
/// ```
/// use amphi::oneshot::{self, Receiver};
/// use std::thread;
///
/// fn compute() -> Receiver<u32> {
///     let (sender, receiver) = oneshot::channel();
///     thread::spawn(move || sender.send(6 * 7));
///     receiver
/// }
/// assert_eq!(compute().recv().block(), Ok(42));
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Receiver<T> {
    /// Waits for the value, and takes it.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the sender has been dropped without sending, or if the value has been received before. With a timeout
    /// [`RecvError::Closed`] or [`RecvError::TimedOut`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has taken nothing, and one may wait again.
    ///
    /// ```
    /// use amphi::block_on;
    /// use amphi::oneshot::{self, Closed, RecvError};
    /// use std::time::Duration;
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// let soon = receiver.recv().timeout(Duration::from_millis(1));
    /// assert_eq!(soon.block(), Err(RecvError::TimedOut)); // a thread
    /// sender.send("value").unwrap();
    /// block_on(async {
    ///     assert_eq!(receiver.recv().await, Ok("value")); // a task
    ///     assert_eq!(receiver.recv().await, Err(Closed));
    /// });
    /// ```
    pub fn recv(&mut self) -> Wait<Recv<'_, T>> {
        Wait::new(Recv {
            shared: &self.shared,
            received: None,
        })
    }

    /// Takes the value if it is there, and never waits.
    ///
    /// # Errors
    ///
    /// [`RecvError::Empty`], or [`RecvError::Closed`] if there will never be one.
    ///
    /// ```
    /// use amphi::oneshot::RecvError;
    ///
    /// let (sender, mut receiver) = amphi::oneshot::channel();
    /// assert_eq!(receiver.try_recv(), Err(RecvError::Empty));
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(RecvError::Closed));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, RecvError> {
        match self.shared.take() {
            Ok(value) => value.ok_or(RecvError::Closed),
            Err(Empty) => Err(RecvError::Empty),
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        let unread = state.value.take();
        if state.ended == Ended::Neither {
            state.ended = Ended::Receiver;
        }
        drop(state);
        // Dropping the value may panic.
        let _tells = Finally::new(|| self.shared.sender.notify());
        drop(unread);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = lock(&self.shared.state).value.is_some();
        f.debug_struct("Receiver")
            .field("sent", &sent)
            .finish_non_exhaustive()
    }
}

/// The operation of [`Receiver::recv`].
///
/// # Cancel safety
///
/// Dropped, it has taken nothing.
///
/// ```
/// use amphi::Wait;
/// use amphi::oneshot::{self, Recv};
///
/// let (sender, mut receiver) = oneshot::channel();
/// sender.send(1).unwrap();
/// let wait: Wait<Recv<'_, u8>> = receiver.recv();
/// assert_eq!(wait.block(), Ok(1));
/// ```
pub struct Recv<'a, T> {
    shared: &'a Shared<T>,
    received: Option<Result<T, Closed>>,
}

impl<T> Recv<'_, T> {
    fn receive(&mut self) -> bool {
        let Ok(value) = self.shared.take() else {
            return false;
        };
        self.received = Some(value.ok_or(Closed));
        true
    }
}

impl<T> Attempt for Recv<'_, T> {
    fn fast(&mut self, _: bool) -> bool {
        self.receive()
    }

    fn list(&self) -> &dyn Line {
        &self.shared.receiver
    }

    fn attempt(&mut self, _: Turn) -> Outcome {
        match self.receive() {
            true => Outcome::Done,
            false => Outcome::Refused,
        }
    }

    fn undo(&mut self) {
        if let Some(Ok(value)) = self.received.take() {
            lock(&self.shared.state).value = Some(value);
        }
    }

    fn pass_on(&mut self) {
        // There is nobody else.
    }
}

impl<T> Operation for Recv<'_, T> {
    type Output = Result<T, Closed>;
    type Timed = Result<T, RecvError>;

    fn take(&mut self) -> Result<T, Closed> {
        self.received.take().expect("it has been received")
    }

    fn in_time(&mut self, received: Result<T, Closed>) -> Result<T, RecvError> {
        received.map_err(RecvError::from)
    }

    fn timed_out(&mut self) -> Result<T, RecvError> {
        Err(RecvError::TimedOut)
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").finish_non_exhaustive()
    }
}

/// The operation of [`Sender::closed`].
///
/// # Cancel safety
///
/// Dropping it loses nothing.
///
/// ```
/// use amphi::Wait;
/// use amphi::oneshot::{self, AwaitClosed};
///
/// let (mut sender, receiver) = oneshot::channel();
/// drop(receiver);
/// let wait: Wait<AwaitClosed<'_, u8>> = sender.closed();
/// wait.block();
/// ```
pub struct AwaitClosed<'a, T> {
    shared: &'a Shared<T>,
}

impl<T> Attempt for AwaitClosed<'_, T> {
    fn list(&self) -> &dyn Line {
        &self.shared.sender
    }

    fn attempt(&mut self, _: Turn) -> Outcome {
        match self.shared.is_closed() {
            true => Outcome::Done,
            false => Outcome::Refused,
        }
    }

    fn pass_on(&mut self) {
        // There is nobody else.
    }
}

impl<T> Operation for AwaitClosed<'_, T> {
    or_timed_out!(());

    fn take(&mut self) {}
}

impl<T> fmt::Debug for AwaitClosed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwaitClosed").finish_non_exhaustive()
    }
}
