//! [`Or`]: a wait that ends when another future completes first.

use super::park::{Who, park_until};
use super::turn::Turn;
use futures_core::FusedFuture;
use pin_project_lite::pin_project;
use std::fmt;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

/// A [`Wait`](super::Wait) or [`Timeout`](super::Timeout) that blocks a thread, seen from [`Or`].
pub trait Drive {
    /// What it gives.
    type Output;

    /// Makes an attempt; if there is nothing to do but to sleep, says until when.
    #[doc(hidden)]
    fn drive(&mut self, who: Who<'_>) -> ControlFlow<Self::Output, Option<Instant>>;
}

pin_project! {
    /// A [`Wait`] that gives up when another future completes first: what [`Wait::or`] returns.
    ///
    /// It gives `Ok` with what the wait gives, or `Err` with what the other future gave.
    ///
    /// ```
    /// use amphi::{Event, Queue, block_on};
    ///
    /// let (queue, shutdown) = (Queue::unbounded(), Event::new());
    /// queue.put("item").block().unwrap();
    /// shutdown.set();
    /// let next = block_on(async { queue.get().or(shutdown.wait()).await });
    /// assert_eq!(next, Ok(Ok("item"))); // both were ready
    /// assert_eq!(queue.get().or(shutdown.wait()).block(), Err(())); // a thread
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Those of [`Wait`] and of the other future. When one of the two is ready the wait is given up;
    /// the other future is dropped with the `Or`.
    ///
    /// # Panics
    ///
    /// Polling it again after it was ready panics. So does polling it if the other future panics.
    #[must_use = "nothing happens until it is awaited or blocked on"]
    pub struct Or<W, F> {
        wait: Option<W>,
        #[pin]
        other: F,
    }
}

impl<W, F> Or<W, F> {
    pub(super) const fn new(wait: W, other: F) -> Self {
        Or {
            wait: Some(wait),
            other,
        }
    }
}

impl<W: Drive, F: Future> Or<W, F> {
    /// Blocks the calling thread until one of the two is done. The thread counts as one that runs
    /// [`block_on`](crate::block_on).
    ///
    /// # Errors
    ///
    /// What the other future gave, if it was ready and the wait was not.
    ///
    /// # Panics
    ///
    /// If it has been polled until it was ready, and if the other future panics.
    ///
    /// ```
    /// use amphi::{Mutex, oneshot};
    ///
    /// let mutex = Mutex::new(0);
    /// let (stop, mut stopped) = oneshot::channel();
    /// let guard = mutex.lock().block();
    /// std::thread::scope(|scope| {
    ///     let other = scope.spawn(|| mutex.lock().or(stopped.recv()).block().is_err());
    ///     stop.send("never mind").unwrap();
    ///     assert!(other.join().unwrap());
    /// });
    /// # drop(guard);
    /// ```
    pub fn block(self) -> Result<W::Output, F::Output> {
        let mut this = std::pin::pin!(self);
        // Not as a thread that is sure to attempt when it's woken: the other future is user code, and may
        // block or panic before that.
        park_until(Turn::BLOCKS, |who| {
            let this = this.as_mut().project();
            let until = match this.wait.as_mut().expect(USED).drive(who) {
                ControlFlow::Break(output) => return ControlFlow::Break(Ok(output)),
                ControlFlow::Continue(until) => until,
            };
            match this.other.poll(&mut Context::from_waker(who.waker)) {
                Poll::Ready(output) => ControlFlow::Break(Err(output)),
                Poll::Pending => ControlFlow::Continue(until),
            }
        })
    }
}

impl<W: Future + Unpin, F: Future> Future for Or<W, F> {
    type Output = Result<W::Output, F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = match Pin::new(this.wait.as_mut().expect(USED)).poll(cx) {
            Poll::Ready(output) => Ok(output),
            Poll::Pending => match this.other.poll(cx) {
                Poll::Ready(output) => Err(output),
                Poll::Pending => return Poll::Pending,
            },
        };
        *this.wait = None;
        Poll::Ready(result)
    }
}

const USED: &str = "an `Or` was used after it was ready";

impl<W: Future + Unpin, F: Future> FusedFuture for Or<W, F> {
    fn is_terminated(&self) -> bool {
        self.wait.is_none()
    }
}

impl<W: fmt::Debug, F> fmt::Debug for Or<W, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Or")
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}
