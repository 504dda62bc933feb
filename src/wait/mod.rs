//! Waiting, for all primitives: the one wait loop, on the one waiter list.
//!
//! A primitive is an [`Attempt`]: a state word, "try it once", and what to notify when the
//! word changes. All the rest is here:
//!
//! | file | subject |
//! |---|---|
//! | `mod.rs` | [`Wait`], which users hold: it attempts, spins, polls, blocks |
//! | `timeout.rs` | [`Timeout`]: the same until its time is up |
//! | `or.rs` | [`Or`]: the same until another future completes |
//! | `operation.rs` | what a primitive must say for itself |
//! | `turn.rs` | the standing of whoever attempts |
//! | `waiter.rs` | one waiter from its first refusal to its end: the loop |
//! | `notes.rs` | what a waiter remembers: whether it starves, how patient it is |
//! | `list.rs` | those who wait, and how they are woken |
//! | `places.rs` | their order |
//! | `seat.rs` | a list for one waiter only |
//! | `reservation.rs` | how an object is kept for one of them |
//! | `park.rs` | how a thread spins and sleeps; `block_on` |
//! | `time.rs` | deadlines and timers |
//!
//! # The protocol
//!
//! | step | by | what |
//! |---|---|---|
//! | 1 | waiter | attempts; if it succeeds nothing of this module was needed |
//! | 2 | waiter | *joins* the list with its waker |
//! | 3 | waiter | attempts again; refused, it leaves its mark in the state word, and sleeps |
//! | 4 | notifier | changes the state word, and sees the mark |
//! | 5 | notifier | takes the next off the list, and calls its waker when the list's lock is free |
//! | 6 | waiter | polled again, attempts; refused, it *hears* that it was notified, joins again, and goes on with step 3 |
//!
//! # Why no wake-up is lost
//!
//! * Between 1 and 2 the state may change and nobody is notified. That is what 3 is for: it
//!   comes after 2, so a change is either seen by that attempt, or comes after it, and then the
//!   notifier sees the mark and finds the waiter (`list.rs` says why that holds even if somebody else has left the mark).
//! * Between 2 and 6 its waker is called, so it comes to 6.
//! * Between 5 and 6 it may be dropped, or its time may be up. Leaving the list says whether
//!   it had been notified; if so, the next one is notified in its place (P3). So it is if the waiter had been notified, left the
//!   object to the one that it is kept for, and stands in the list again, also if it then turns to another list, or to another step.
//! * A waiter that succeeds by a poll nobody notified it of leaves the list in the same way, so a
//!   notification that comes at that moment goes to the next one too.
//!
//! # The guarantees, where they are met, and their price
//!
//! | | how | price |
//! |---|---|---|
//! | P1: a blocked thread depends on no task | `list.rs`: a release wakes in order until it has reached a thread | if both sides wait, one vain wake-up for each task ahead |
//! | P2: every poll is an attempt | `waiter.rs`: `advance` attempts in any case | |
//! | P3: who gives up passes on | `waiter.rs`: `abandon`, `conclude` | |
//! | P4: a release wakes a further waiter | `list.rs`: who is notified does not stand in the list any more | |
//! | P5: no user code under a lock | `list.rs`: wakers are moved out of the list, and called after | |
//! | P6: nobody starves | `notes.rs`, `waiter.rs`: who is woken in vain for a millisecond reserves the object; `lock/raw.rs` has the states | a look at the clock after 2, 4, 8, 16, 32, 48, ... wake-ups in vain |
//! | P7: panics poison nothing | guards release while unwinding; state is put in order before user code runs | |
//!
//! A wait that is polled when it is woken costs two rounds of the list's lock, one to join and one to leave; each vain
//! wake-up, and each poll that nobody woke it for, one more; and
//! whoever notifies takes it once. A broadcast takes it twice, however many wait, and then hearing takes none. What is
//! allocated is the list, when somebody waits for the first time and as it grows, and a vector if a release wakes more than one.
//!
//! ## How a starving waiter gets through although nobody keeps the object for ever
//!
//! Wake-ups are permission to try, so a newcomer may be quicker than whoever was woken, again and again.
//! A waiter that has been woken in vain for a millisecond *reserves* the object by a bit in the state word. From then
//! on the object is for those ahead of it in the list, one a release, and for the one who reserved it. Newcomers
//! are refused as [`Outcome::Reserved`] and join the list. If it's called and comes too late it goes to the front.
//!
//! The one that it's kept for may be a task that nobody polls. So whoever is refused for that
//! reason looks again by itself, without being woken: a thread after a millisecond, a task
//! by waking itself, which lets the others of its executor run. If for about a millisecond it has always found
//! the object free, and the one it is kept for has not come, it takes it and lifts the reservation. So P1 is kept but for that
//! millisecond, and two waits of one task do not block each other (P2) for longer either.
//!
//! An object of which one can have more or less, a semaphore, may have to be kept for longer, until there is enough
//! of it ([`Outcome::Gathering`]): `semaphore/raw.rs` has the rules.

mod list;
mod notes;
mod operation;
mod or;
mod park;
mod places;
mod reservation;
mod seat;
mod time;
mod timeout;
mod turn;
mod waiter;

pub(crate) use list::{Line, Order, WaitList};
pub use operation::Operation;
pub(crate) use operation::{Attempt, Outcome, or_timed_out};
pub use or::Or;
pub use park::block_on;
pub(crate) use reservation::{CALLED, RESERVED};
pub(crate) use seat::Seat;
pub(crate) use time::Alarm;
pub use timeout::Timeout;
pub(crate) use turn::Turn;
pub(crate) use waiter::Waiter;

use futures_core::FusedFuture;
use or::Drive;
use park::{Who, park_until};
use std::fmt;
use std::mem::{self, ManuallyDrop};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use time::Deadline;
#[cfg(feature = "thread")]
pub(crate) use time::now;

/// An operation that may have to wait, and that has not begun.
///
/// Every operation of this crate that may have to wait returns one, and there are four
/// things to do with it: `.await` it in a task, [`block`](Wait::block) the thread, give
/// it a [`timeout`](Wait::timeout) or [`deadline`](Wait::deadline), or give it up when
/// [another future](Wait::or) completes first. A thread and a task may wait for the same object at the same
/// time.
///
/// ```
/// use amphi::Mutex;
/// use std::time::Duration;
///
/// let mutex = Mutex::new(0);
///
/// *mutex.lock().block() += 1; // a thread
///
/// amphi::block_on(async {
///     *mutex.lock().await += 1; // a task
///     let guard = mutex.lock().timeout(Duration::from_secs(1)).await; // for at most a second
///     *guard.unwrap() += 1;
/// });
/// assert_eq!(mutex.into_inner(), 3);
/// ```
///
/// Nothing happens before the first poll or `block`. Every poll is an attempt, whether
/// somebody has woken the task or not.
///
/// # Cancel safety
///
/// A `Wait` can be dropped at any moment. It gives up its place and loses nothing; if it had already
/// been woken, the next waiter is woken instead. To wait again is to take a new place at the end.
///
/// # Panics
///
/// Polling it again after it was ready panics.
#[must_use = "nothing happens until it is awaited or blocked on"]
pub struct Wait<O: Operation> {
    operation: O,
    waiter: Waiter,
    done: bool,
}

impl<O: Operation> Wait<O> {
    #[inline]
    pub(crate) const fn new(operation: O) -> Self {
        Wait {
            operation,
            waiter: Waiter::NEW,
            done: false,
        }
    }

    /// Blocks the calling thread until the operation is done.
    ///
    /// A thread blocked here gets through even if the waiter ahead of it is a task that
    /// nobody polls, for instance because this thread would have to poll it.
    ///
    /// # Panics
    ///
    /// If it has been polled until it was ready.
    ///
    /// ```
    /// let mutex = amphi::Mutex::new("data");
    /// assert_eq!(*mutex.lock().block(), "data");
    /// ```
    #[doc(alias = "lock_blocking")]
    #[doc(alias = "blocking_lock")]
    #[doc(alias = "wait")]
    #[inline]
    pub fn block(self) -> O::Output {
        // Not dropped on the fast path if there is nothing to drop: only so does
        // the compiler see that a `Wait` need not exist at all.
        let mut this = ManuallyDrop::new(self);
        if !mem::needs_drop::<O>() && this.fast(true) {
            return this.operation.take();
        }
        ManuallyDrop::into_inner(this).block_slow()
    }

    /// Gives up when this much time has passed, counted from this call.
    ///
    /// A zero timeout takes what is free and does not wait. One that is too long to be added to the present
    /// never expires.
    ///
    /// ```
    /// use amphi::{Event, TimedOut, block_on};
    /// use std::time::Duration;
    ///
    /// let (event, soon) = (Event::new(), Duration::from_millis(1));
    /// assert_eq!(event.wait().timeout(soon).block(), Err(TimedOut)); // a thread
    /// assert_eq!(block_on(async { event.wait().timeout(soon).await }), Err(TimedOut)); // a task
    /// ```
    #[doc(alias = "wait_timeout")]
    #[doc(alias = "lock_timeout")]
    #[doc(alias = "try_lock_for")]
    #[doc(alias = "recv_timeout")]
    pub fn timeout(self, duration: Duration) -> Timeout<O> {
        Timeout::new(self, Deadline::after(duration))
    }

    /// Gives up at this instant.
    ///
    /// If that is in the past it makes one attempt.
    ///
    /// ```
    /// use amphi::{Event, TimedOut, block_on};
    /// use std::time::{Duration, Instant};
    ///
    /// let event = Event::new();
    /// let soon = Instant::now() + Duration::from_millis(1);
    /// assert_eq!(event.wait().deadline(soon).block(), Err(TimedOut)); // a thread
    /// assert!(Instant::now() >= soon);
    /// assert_eq!(block_on(async { event.wait().deadline(soon).await }), Err(TimedOut)); // a task
    /// ```
    #[doc(alias = "timeout_at")]
    #[doc(alias = "try_lock_until")]
    #[doc(alias = "recv_deadline")]
    pub fn deadline(self, instant: Instant) -> Timeout<O> {
        Timeout::new(self, Deadline::at(instant))
    }

    /// Gives up when another future completes first; what that gave is the error then.
    ///
    /// The other future may be a runtime's own sleep, a cancellation token, or another
    /// `Wait`. If both are ready, this one counts.
    ///
    /// ```
    /// use amphi::{Event, Mutex, block_on};
    ///
    /// let (mutex, shutdown) = (Mutex::new(()), Event::new());
    /// let guard = mutex.lock().block();
    /// shutdown.set();
    /// assert!(mutex.lock().or(shutdown.wait()).block().is_err()); // a thread
    /// assert!(block_on(async { mutex.lock().or(shutdown.wait()).await }).is_err()); // a task
    /// # drop(guard);
    /// ```
    #[doc(alias = "select")]
    #[doc(alias = "race")]
    pub fn or<F: Future>(self, other: F) -> Or<Self, F> {
        Or::new(self, other)
    }

    #[inline]
    fn assert_unused(&self) {
        assert!(!self.done, "a `Wait` was used after it was ready");
    }

    #[inline]
    fn fast(&mut self, blocks: bool) -> bool {
        self.assert_unused();
        self.done = self.waiter.is_new() && self.operation.fast(blocks);
        self.done
    }

    #[cold]
    fn block_slow(mut self) -> O::Output {
        if (mem::needs_drop::<O>() && self.fast(true)) || self.spin(true) {
            return self.operation.take();
        }
        park_until(BY_BLOCK, |who| self.drive(who))
    }

    #[cold]
    fn poll_slow(&mut self, cx: &mut Context<'_>) -> Poll<O::Output> {
        if self.waiter.is_new() && self.spin(false) {
            return Poll::Ready(self.operation.take());
        }
        let who = Who::polls(cx);
        let turn = who.turn.and_if(O::SKIPS_FIRST, Turn::SKIPS_FIRST);
        self.step(Who { turn, ..who }, |alarm| alarm.poll(cx))
    }

    /// Tries a few more times, if it isn't known that others wait already.
    #[inline(never)]
    fn spin(&mut self, blocks: bool) -> bool {
        if !self.waiter.is_new() || !self.operation.is_brief(blocks) {
            return false;
        }
        let mut spin = self.operation.spin(blocks);
        let mut done = false;
        while !done && self.operation.is_brief(blocks) && spin.pause() {
            done = self.fast(blocks);
        }
        self.operation.has_spun(blocks, done);
        done
    }

    /// Attempts; refused, it looks whether the operation's own time is up.
    fn step(&mut self, who: Who<'_>, is_over: impl FnOnce(&mut Alarm) -> bool) -> Poll<O::Output> {
        let mut end = self
            .waiter
            .advance(&mut self.operation, who)
            .map(|()| End::Done);
        if end.is_pending() {
            let Some(alarm) = self.operation.alarm() else {
                return Poll::Pending;
            };
            let mut alarm = std::mem::take(alarm);
            end = self.expire_if(is_over, &mut alarm, who);
            if let Some(slot) = self.operation.alarm() {
                *slot = alarm;
            }
        }
        end.map(|end| {
            self.done = true;
            match end {
                End::Done => self.operation.take(),
                End::TimedOut => self.operation.overdue(),
            }
        })
    }

    /// Tells the operation that its time is up, if it is.
    fn expire_if(
        &mut self,
        is_over: impl FnOnce(&mut Alarm) -> bool,
        alarm: &mut Alarm,
        who: Who<'_>,
    ) -> Poll<End> {
        if !is_over(alarm) {
            return Poll::Pending;
        }
        let Wait {
            operation, waiter, ..
        } = self;
        let mut ready = waiter.last_attempt(operation, who);
        let ended = !ready && operation.expire(waiter);
        // Only now, for others' wakers may have panicked before.
        *alarm = Alarm::default();
        if ended {
            *waiter = Waiter::NEW;
            return Poll::Ready(End::TimedOut);
        }
        // What must be done yet is begun at once: there may be no other wake-up.
        ready = ready || waiter.advance(operation, who).is_ready();
        match ready {
            true => Poll::Ready(End::Done),
            false => Poll::Pending,
        }
    }
}

/// The turns of a thread in [`Wait::block`].
const BY_BLOCK: Turn = Turn::BLOCKS.and(Turn::DEVOTED);

/// How a wait has ended.
enum End {
    Done,
    TimedOut,
}

impl<O: Operation> Future for Wait<O> {
    type Output = O::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O::Output> {
        let this = self.get_mut();
        if this.fast(false) {
            return Poll::Ready(this.operation.take());
        }
        this.poll_slow(cx)
    }
}

// Nothing points into it: it only knows the number of its place in the list.
impl<O: Operation> Unpin for Wait<O> {}

impl<O: Operation> FusedFuture for Wait<O> {
    fn is_terminated(&self) -> bool {
        self.done
    }
}

impl<O: Operation> Drop for Wait<O> {
    #[inline]
    fn drop(&mut self) {
        // When it is done it has given its place up.
        if !self.waiter.is_new() {
            self.waiter.abandon(&mut self.operation);
        }
    }
}

impl<O: Operation> fmt::Debug for Wait<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("waiting", &!self.waiter.is_new())
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

impl<O: Operation> Drive for Wait<O> {
    type Output = O::Output;

    fn drive(&mut self, who: Who<'_>) -> ControlFlow<O::Output, Option<Instant>> {
        // `Or::block` begins here, not with `fast`.
        self.assert_unused();
        match self.step(who, |alarm| alarm.is_past()) {
            Poll::Ready(output) => ControlFlow::Break(output),
            Poll::Pending => {
                let deadline = self.operation.alarm().and_then(|alarm| alarm.instant());
                let look_again = self.waiter.look_again_at();
                ControlFlow::Continue(deadline.into_iter().chain(look_again).min())
            }
        }
    }
}
