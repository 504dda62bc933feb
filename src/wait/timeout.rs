//! [`Timeout`]: a wait that ends when its time is up.

use super::operation::Operation;
use super::or::{Drive, Or};
use super::park::{Who, park_until};
use super::time::{Alarm, Deadline};
use super::turn::Turn;
use super::{BY_BLOCK, End, Wait};
#[cfg(feature = "time")]
use futures_core::FusedFuture;
use std::fmt;
use std::ops::ControlFlow;
#[cfg(feature = "time")]
use std::pin::Pin;
#[cfg(feature = "time")]
use std::task::Context;
use std::task::Poll;
use std::time::Instant;

/// A [`Wait`] that gives up after a while: what [`Wait::timeout`] and [`Wait::deadline`] return.
///
/// It is awaited or blocked on like the `Wait` itself, on any runtime and outside of any, and
/// gives [`Operation::Timed`]: for a lock `Result<MutexGuard, TimedOut>`. The operation
/// comes first: it is attempted once more when the time is up.
///
/// With the feature `tokio`, inside a tokio runtime, the time is that of tokio's clock, so
/// `tokio::time::pause` stops it; the runtime must have been built with `enable_time`.
/// Without the feature `time` it can only be blocked on.
///
/// ```
/// use amphi::{Queue, GetError, block_on};
/// use std::time::Duration;
///
/// let queue = Queue::<u8>::unbounded();
/// let timeout = queue.get().timeout(Duration::from_millis(1));
/// assert_eq!(timeout.block(), Err(GetError::TimedOut)); // a thread
/// let timeout = queue.get().timeout(Duration::from_millis(1));
/// assert_eq!(block_on(timeout), Err(GetError::TimedOut)); // a task
/// ```
///
/// # Cancel safety
///
/// That of [`Wait`].
///
/// # Panics
///
/// Polling it again after it was ready panics. So does polling it inside a tokio runtime that has no timer, with the
/// feature `tokio`, if it has to wait.
#[must_use = "nothing happens until it is awaited or blocked on"]
pub struct Timeout<O: Operation> {
    wait: Wait<O>,
    alarm: Alarm,
}

impl<O: Operation> Timeout<O> {
    pub(super) fn new(mut wait: Wait<O>, deadline: Deadline) -> Self {
        wait.operation.without_alarm();
        let alarm = Alarm::new(deadline);
        Timeout { wait, alarm }
    }

    /// Blocks the calling thread until the operation is done or the time is up.
    ///
    /// # Panics
    ///
    /// If it has been polled until it was ready.
    ///
    /// ```
    /// use amphi::{Event, TimedOut};
    /// use std::time::Duration;
    ///
    /// let event = Event::new();
    /// assert_eq!(event.wait().timeout(Duration::ZERO).block(), Err(TimedOut));
    /// event.set();
    /// assert_eq!(event.wait().timeout(Duration::ZERO).block(), Ok(()));
    /// ```
    #[inline]
    pub fn block(mut self) -> O::Timed {
        if self.wait.fast(true) || self.wait.spin(true) {
            return self.take();
        }
        park_until(BY_BLOCK, |who| self.drive(who))
    }

    /// Gives up when another future completes first, as [`Wait::or`] does.
    ///
    /// ```
    /// use amphi::{Event, TimedOut, block_on};
    /// use std::time::Duration;
    ///
    /// let (event, shutdown) = (Event::new(), Event::new());
    /// let wait = || event.wait().timeout(Duration::from_millis(1)).or(shutdown.wait());
    /// assert_eq!(wait().block(), Ok(Err(TimedOut))); // a thread
    /// shutdown.set();
    /// assert_eq!(block_on(async { wait().await }), Err(())); // a task
    /// ```
    pub fn or<F: Future>(self, other: F) -> Or<Self, F> {
        Or::new(self, other)
    }

    #[inline]
    fn take(&mut self) -> O::Timed {
        let output = self.wait.operation.take();
        self.wait.operation.in_time(output)
    }

    fn step(&mut self, who: Who<'_>, is_over: impl FnOnce(&mut Alarm) -> bool) -> Poll<O::Timed> {
        let turn = who.turn.and(Turn::TIMED);
        let who = Who { turn, ..who };
        let Timeout { wait, alarm } = self;
        assert!(!wait.done, "a `Timeout` was used after it was ready");
        let mut end = wait
            .waiter
            .advance(&mut wait.operation, who)
            .map(|()| End::Done);
        if end.is_pending() {
            end = wait.expire_if(is_over, alarm, who);
        }
        end.map(|end| {
            self.wait.done = true;
            match end {
                End::Done => self.take(),
                End::TimedOut => self.wait.operation.timed_out(),
            }
        })
    }
}

#[cfg(feature = "time")]
impl<O: Operation> Future for Timeout<O> {
    type Output = O::Timed;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O::Timed> {
        let this = self.get_mut();
        if this.wait.fast(false) || this.wait.spin(false) {
            return Poll::Ready(this.take());
        }
        this.step(Who::polls(cx), |alarm| alarm.poll(cx))
    }
}

#[cfg(feature = "time")]
impl<O: Operation> FusedFuture for Timeout<O> {
    fn is_terminated(&self) -> bool {
        self.wait.done
    }
}

impl<O: Operation> Unpin for Timeout<O> {}

impl<O: Operation> fmt::Debug for Timeout<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("wait", &self.wait)
            .field("deadline", &self.alarm.instant())
            .finish_non_exhaustive()
    }
}

impl<O: Operation> Drive for Timeout<O> {
    type Output = O::Timed;

    fn drive(&mut self, who: Who<'_>) -> ControlFlow<O::Timed, Option<Instant>> {
        match self.step(who, |alarm| alarm.is_past()) {
            Poll::Ready(timed) => ControlFlow::Break(timed),
            Poll::Pending => {
                let deadline = self.alarm.instant();
                let look_again = self.wait.waiter.look_again_at();
                ControlFlow::Continue(deadline.into_iter().chain(look_again).min())
            }
        }
    }
}
