//! The real operations, all under one face.

use crate::hand::Hand;
use crate::item::{Item, Known};
use crate::world::{Data, Level};
use amphi::oneshot::{Closed, Receiver, Sender};
use amphi::semaphore::BoundedPermit;
use amphi::{
    BarrierError, BarrierWait, GetError, MutexGuard, Operation, Permit, PutError,
    ReentrantMutexGuard, Timeout, Wait,
};
use std::cell::Cell;
use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// An operation that has been begun, whatever it is.
pub trait Waiting<'a> {
    fn poll(&mut self, hand: &Hand) -> Poll<End<'a>>;

    /// As a thread.
    fn block(self: Box<Self>) -> End<'a>;

    /// There is no time left. A condition variable may still have to wait for the lock.
    fn expire(self: Box<Self>) -> AnyWait<'a>;

    /// Another future is ready; `None` if that was what counted.
    fn or_now(self: Box<Self>) -> Option<End<'a>>;
}

pub type AnyWait<'a> = Box<dyn Waiting<'a> + 'a>;

/// How an operation has ended.
pub enum End<'a> {
    Locked(Vec<MutexGuard<'a, Data>>),
    Entered(ReentrantMutexGuard<'a, Level>),
    /// A condition variable has given a lock back; and whether the time was up.
    Back(MutexGuard<'a, Data>, bool),
    BackAgain(ReentrantMutexGuard<'a, Level>, bool),
    Permits(Permit<'a>),
    BoundedPermits(BoundedPermit<'a>),
    Released,
    Gathered(Result<BarrierWait, BarrierError>),
    Put(Result<(), PutError<Vec<Item>>>),
    Got(Result<Vec<Item>, GetError>),
    Joined,
    /// With the end of the channel that waited.
    Received(Receiver<u32>, Option<Result<u32, Closed>>),
    FoundClosed(Sender<u32>, Option<()>),
    TimedOut,
}

/// The same without what one has got by it, so that the model can foretell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Locked,
    Back { timed_out: bool },
    Permits(usize),
    Released,
    Gathered(Result<(usize, bool), BarrierError>),
    Put,
    NotPut(Left, Vec<Known>),
    Got(Vec<Known>),
    Nothing(GetError),
    Joined,
    Received(Result<u32, Closed>),
    FoundClosed,
    TimedOut,
}

/// Why items have not been put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    ShutDown,
    TimedOut,
}

/// A wait, and what its results are called.
struct Of<O: Operation, D, T> {
    wait: Wait<O>,
    done: D,
    timed: T,
}

/// The face of a wait whose results are translated by these functions.
pub fn waiting<'a, O, D, T>(wait: Wait<O>, done: D, timed: T) -> AnyWait<'a>
where
    O: Operation + 'a,
    D: Fn(O::Output) -> End<'a> + 'a,
    T: Fn(O::Timed) -> End<'a> + 'a,
{
    Box::new(Of { wait, done, timed })
}

impl<'a, O, D, T> Waiting<'a> for Of<O, D, T>
where
    O: Operation + 'a,
    D: Fn(O::Output) -> End<'a> + 'a,
    T: Fn(O::Timed) -> End<'a> + 'a,
{
    fn poll(&mut self, hand: &Hand) -> Poll<End<'a>> {
        hand.poll(&mut self.wait).map(&self.done)
    }

    fn block(self: Box<Self>) -> End<'a> {
        (self.done)(self.wait.block())
    }

    fn expire(self: Box<Self>) -> AnyWait<'a> {
        Box::new(Expired {
            wait: self.wait.timeout(Duration::ZERO),
            timed: self.timed,
        })
    }

    fn or_now(self: Box<Self>) -> Option<End<'a>> {
        let output = self.wait.or(ready(())).block().ok()?;
        Some((self.done)(output))
    }
}

/// One that has no time left.
struct Expired<O: Operation, T> {
    wait: Timeout<O>,
    timed: T,
}

impl<'a, O, T> Waiting<'a> for Expired<O, T>
where
    O: Operation + 'a,
    T: Fn(O::Timed) -> End<'a> + 'a,
{
    fn poll(&mut self, hand: &Hand) -> Poll<End<'a>> {
        hand.poll(&mut self.wait).map(&self.timed)
    }

    fn block(self: Box<Self>) -> End<'a> {
        (self.timed)(self.wait.block())
    }

    fn expire(self: Box<Self>) -> AnyWait<'a> {
        self
    }

    fn or_now(self: Box<Self>) -> Option<End<'a>> {
        None
    }
}

/// A wait of one end of a oneshot channel, which has that end with it.
struct Channel<'a> {
    future: Pin<Box<dyn Future<Output = End<'a>> + 'a>>,
    gives_up: Rc<Cell<bool>>,
}

impl<'a> Waiting<'a> for Channel<'a> {
    fn poll(&mut self, hand: &Hand) -> Poll<End<'a>> {
        hand.poll(&mut self.future)
    }

    fn block(self: Box<Self>) -> End<'a> {
        amphi::block_on(self.future)
    }

    fn expire(self: Box<Self>) -> AnyWait<'a> {
        self.gives_up.set(true);
        self
    }

    fn or_now(self: Box<Self>) -> Option<End<'a>> {
        self.gives_up.set(true);
        Some(self.block())
    }
}

/// A future that is ready when the flag is set.
async fn flag(flag: &Cell<bool>) {
    poll_fn(|_| match flag.get() {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

/// Waits for a value.
pub fn receive<'a>(mut receiver: Receiver<u32>) -> AnyWait<'a> {
    let gives_up = Rc::new(Cell::new(false));
    let ends = gives_up.clone();
    let future = Box::pin(async move {
        let received = receiver.recv().or(flag(&ends)).await;
        End::Received(receiver, received.ok())
    });
    Box::new(Channel { future, gives_up })
}

/// Waits until the receiver is gone.
pub fn closed<'a>(mut sender: Sender<u32>) -> AnyWait<'a> {
    let gives_up = Rc::new(Cell::new(false));
    let ends = gives_up.clone();
    let future = Box::pin(async move {
        let closed = sender.closed().or(flag(&ends)).await;
        End::FoundClosed(sender, closed.ok())
    });
    Box::new(Channel { future, gives_up })
}
