//! [`Event`]: a flag that one can wait for.

use crate::sync::atomic::Ordering;
use crate::sync::const_fn;
use crate::wait::{Attempt, Line, Operation, Outcome, Turn, Wait, WaitList, Waiter, or_timed_out};
use std::fmt;

/// A flag that threads and tasks can wait for.
///
/// It is the simplest way for one party to tell others that something has happened; how often, it does
/// not count. It notifies; it protects no data (that is a
/// [`Mutex`](crate::Mutex)), and it can't be waited for together with a change of data
/// (that is a [`Condvar`](crate::Condvar)). It behaves like Python's `threading.Event`.
///
/// [`set`](Event::set) releases everybody who waits at that moment, even if
/// [`clear`](Event::clear) follows at once and before any of them has run.
///
/// ```
/// use amphi::{Event, block_on};
/// use std::thread;
///
/// static READY: Event = Event::new();
///
/// let thread = thread::spawn(|| READY.wait().block());
/// let task = thread::spawn(|| block_on(async { READY.wait().await }));
/// READY.set();
/// thread.join().unwrap();
/// task.join().unwrap();
/// assert!(READY.is_set());
/// ```
///
/// # Fairness
///
/// All who wait are released together, threads first.
#[doc(alias = "threading.Event")]
#[doc(alias = "ManualResetEvent")]
#[doc(alias = "Notify")]
pub struct Event {
    // | bits | meaning | who moves them on |
    // |---|---|---|
    // | `SET` | the flag | `set`, `clear` |
    // | `WAITING` | somebody may be in the list | who waits sets it, having joined the list; `set` clears it |
    // | the rest | how often the flag has been set | `set`, when the flag was not set |
    //
    // Whoever waits remembers the count they found and is released when it has changed. So a
    // `clear` can't take back what a `set` has done for them, and a `set` that
    // is slow to notify does not release those who came after the `clear`.
    //
    // No wake-up is lost: joining precedes the read-modify-write that sets `WAITING`, and
    // notifying follows the one that sets `SET`. Whichever is later sees the other.
    //
    // The count fills the word but for two bits. Where a word has 32 bits, a waiter that is woken by exactly
    // 2^30 sets, and does not run before the last of them, sleeps on.
    list: WaitList,
}

const SET: usize = 1;
const WAITING: usize = 2;
const ONE: usize = 4;
const COUNT: usize = !(SET | WAITING);

impl Event {
    const_fn! {
        /// Makes an event that is not set.
        ///
        /// ```
        /// static SHUTDOWN: amphi::Event = amphi::Event::new();
        /// assert!(!SHUTDOWN.is_set());
        /// ```
        pub const fn new() -> Self {
            Event { list: WaitList::new(0) }
        }
    }

    /// Sets the flag and releases all who wait. Does nothing if it is set.
    ///
    /// What happened before `set` is seen by everybody whom it releases.
    ///
    /// ```
    /// let event = amphi::Event::new();
    /// event.set();
    /// event.wait().block(); // returns at once
    /// assert!(event.is_set());
    /// ```
    #[doc(alias = "notify_waiters")]
    pub fn set(&self) {
        let word = &self.list.word;
        let mut old = word.load(Ordering::Relaxed);
        loop {
            let new = if old & SET != 0 {
                old
            } else {
                (old & COUNT).wrapping_add(ONE) | SET
            };
            // Release: what precedes `set` is seen by those it releases, also if the flag was
            // set already, which is why that case writes as well. Acquire: those who set
            // `WAITING` have joined the list before, and `wake` is to find them.
            match word.compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => old = now,
            }
        }
        if old & SET == 0 && old & WAITING != 0 {
            self.list.wake(usize::MAX);
        }
    }

    /// Clears the flag. Does nothing if it is not set.
    ///
    /// Whoever waited at the last [`set`](Event::set) is released all the same. What happened before a `set` is seen after the `clear`
    /// that undoes it: clear the flag, look for what is to be done, and wait, and nothing is overlooked. What happened
    /// before `clear` is seen by whoever finds the flag cleared.
    ///
    /// ```
    /// use amphi::{Event, block_on};
    /// use futures::poll;
    ///
    /// let event = Event::new();
    /// block_on(async {
    ///     let mut wait = event.wait();
    ///     assert!(poll!(&mut wait).is_pending()); // it waits from now on
    ///     event.set();
    ///     event.clear();
    ///     assert!(poll!(&mut wait).is_ready());
    /// });
    /// assert!(!event.is_set());
    /// ```
    #[doc(alias = "reset")]
    pub fn clear(&self) {
        // Acquire: pairs with the Release in `set`; whoever looks for work after this finds that of the `set` that it undoes, or
        // else would wait for one that has been. Release: pairs with the Acquire in `is_set` of whoever finds the flag cleared. A
        // `set` that follows hands on what an earlier one had to say in any case, since all writes of the word are read-modify-writes.
        self.list.word.fetch_and(!SET, Ordering::AcqRel);
    }

    /// Whether the flag is set.
    ///
    /// ```
    /// let event = amphi::Event::new();
    /// assert!(!event.is_set());
    /// ```
    #[inline]
    pub fn is_set(&self) -> bool {
        // Acquire: pairs with the Release in `set`.
        self.list.word.load(Ordering::Acquire) & SET != 0
    }

    /// Waits until the flag is set. Returns at once if it is.
    ///
    /// With a timeout it gives `Err(TimedOut)` if the flag has not been set in time.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing: the event is left as it is.
    ///
    /// ```
    /// use amphi::{Event, TimedOut, block_on};
    /// use std::time::Duration;
    ///
    /// let event = Event::new();
    /// let soon = Duration::from_millis(5);
    /// assert_eq!(event.wait().timeout(soon).block(), Err(TimedOut)); // a thread
    /// block_on(async {
    ///     assert_eq!(event.wait().timeout(soon).await, Err(TimedOut)); // a task
    ///     event.set();
    ///     event.wait().await;
    /// });
    /// assert_eq!(event.wait().timeout(Duration::ZERO).block(), Ok(()));
    /// ```
    #[doc(alias = "notified")]
    #[inline]
    pub fn wait(&self) -> Wait<WaitSet<'_>> {
        Wait::new(self.set_waiter())
    }

    /// Where those who wait stand.
    pub(crate) fn line(&self) -> &dyn Line {
        &self.list
    }

    /// The operation by itself, for one that waits for an event and then does something.
    #[inline]
    pub(crate) fn set_waiter(&self) -> WaitSet<'_> {
        WaitSet {
            event: self,
            count: None,
        }
    }
}

impl Default for Event {
    fn default() -> Self {
        Event::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("set", &self.is_set())
            .finish_non_exhaustive()
    }
}

/// The operation of [`Event::wait`].
///
/// # Cancel safety
///
/// Dropping it loses nothing.
///
/// ```
/// use amphi::event::WaitSet;
/// use amphi::{Event, Wait};
///
/// let event = Event::new();
/// let wait: Wait<WaitSet<'_>> = event.wait(); // to be kept in a struct, for example
/// event.set();
/// wait.block();
/// ```
#[derive(Debug)]
pub struct WaitSet<'a> {
    event: &'a Event,
    /// The count at the first attempt.
    count: Option<usize>,
}

impl Attempt for WaitSet<'_> {
    #[inline]
    fn fast(&mut self, _: bool) -> bool {
        self.event.is_set()
    }

    fn list(&self) -> &dyn Line {
        self.event.line()
    }

    fn attempt(&mut self, turn: Turn) -> Outcome {
        let word = &self.event.list.word;
        // Acquire: pairs with the Release in `set`.
        let mut now = word.load(Ordering::Acquire);
        loop {
            let count = *self.count.get_or_insert(now & COUNT);
            if now & SET != 0 || now & COUNT != count {
                return Outcome::Done;
            }
            if !turn.is(Turn::QUEUED) || now & WAITING != 0 {
                return Outcome::Refused;
            }
            // Release: joining the list comes before; pairs with the Acquire in `set`.
            match word.compare_exchange_weak(
                now,
                now | WAITING,
                Ordering::Release,
                Ordering::Acquire,
            ) {
                Ok(_) => return Outcome::Refused,
                Err(other) => now = other,
            }
        }
    }

    fn pass_on(&mut self) {
        // A `set` is for everybody: nobody else was kept waiting.
    }

    fn expire(&mut self, waiter: &mut Waiter) -> bool {
        // All that the default does where there is nothing to pass on.
        waiter.leave(&self.event.list);
        true
    }
}

impl Operation for WaitSet<'_> {
    or_timed_out!(());
    const SKIPS_FIRST: bool = true;

    #[inline]
    fn take(&mut self) {}
}
