//! [`Condvar`]: waiting until data under a lock have changed.

// | file | subject |
// |---|---|
// | `mod.rs` | the condition variable as its users see it |
// | `guard.rs` | the guards that it gives up and takes back |
// | `suspend.rs` | the wait, step by step |

mod guard;
mod suspend;

pub use guard::{Lends, LockGuard};
pub use suspend::{Condition, Once, Suspend, While};

use crate::sync::atomic::Ordering;
use crate::sync::const_fn;
use crate::wait::{Wait, WaitList};
use std::fmt;

/// Lets those who hold a lock wait until somebody else has changed what it protects.
///
/// It is the tool for producers and consumers: whoever finds nothing to do waits; whoever has changed
/// something notifies. A wait gives the lock up, and takes it back before it returns.
///
/// It behaves like Python's `threading.Condition`, except that it has no lock of its own: each wait brings one. What a
/// timeout gives is shaped as in std.
///
/// ```
/// use amphi::{Condvar, Mutex, block_on};
/// use std::thread;
///
/// static STOCK: Mutex<u32> = Mutex::new(0);
/// static FILLED: Condvar = Condvar::new();
///
/// let customer = thread::spawn(|| {
///     let guard = STOCK.lock().block();
///     let mut stock = FILLED.wait_while(guard, |stock| *stock < 3).block();
///     *stock -= 3;
/// });
/// block_on(async {
///     for _ in 0..3 {
///         *STOCK.lock().await += 1;
///         FILLED.notify_one();
///     }
/// });
/// customer.join().unwrap();
/// assert_eq!(*STOCK.lock().block(), 0);
/// ```
///
/// # Who is woken
///
/// A notification is for those who wait at that moment, first come, first served, and is remembered for
/// nobody else. A waiter returns only after a notification (or a timeout), and yet another party may
/// have been at the data in between: [`wait_while`](Condvar::wait_while) looks again.
///
/// So a single notification may go to a task that nobody polls, and stay there until that task is polled or dropped, while a
/// thread goes on waiting. Where threads and tasks wait for the same thing, notify all.
///
/// Several condition variables may share a mutex, and one may serve different mutexes at different times, even at the
/// same time. It need not be notified with the lock held.
///
/// # Cancel safety
///
/// Dropping a wait gives everything up: the place in the queue, and the lock, which is
/// not taken back. If it had been notified, the next waiter is notified instead.
///
/// # When to take another type
///
/// If there are no data to look at, [`Event`](crate::Event) is simpler.
#[doc(alias = "threading.Condition")]
#[doc(alias = "Condition")]
pub struct Condvar {
    // The word counts those who wait, from before they give the lock up until they have seen a notification or
    // give up. It only tells a notifier that there is nobody:
    //
    // | word | who | when |
    // |---|---|---|
    // | +1 | the waiter | it has joined the list and still holds the lock |
    // | -1 | the waiter | it has seen its notification, its time is up, or it's dropped |
    //
    // A notifier that has changed the data under the lock after the waiter looked at them
    // has taken the lock after the waiter gave it up, so it sees the count by way of the lock.
    list: WaitList,
}

impl Condvar {
    const_fn! {
        /// Makes a condition variable that nobody waits for.
        ///
        /// ```
        /// static CHANGED: amphi::Condvar = amphi::Condvar::new();
        /// assert_eq!(CHANGED.notify_all(), 0);
        /// ```
        pub const fn new() -> Self {
            Condvar { list: WaitList::new(0) }
        }
    }

    /// Gives the lock up, waits for a notification, and takes the lock back.
    ///
    /// Takes the guards of a [`Mutex`](crate::Mutex), borrowed and owned, and those of a
    /// [`ReentrantMutex`](crate::ReentrantMutex), and gives the guard back; with a
    /// timeout the guard, and whether the time was up. The lock is taken back in any case, so a timeout may
    /// be exceeded by as long as others hold it. A notification that races with the timeout counts. A
    /// zero timeout gives the lock up and takes it back.
    ///
    /// What was waited for may be gone again when this returns, so it belongs in
    /// a loop; or better, use [`wait_while`](Condvar::wait_while).
    ///
    /// # A reentrant mutex
    ///
    /// All its levels are given up and taken back. Other guards, if there are any, lend the data meanwhile without the
    /// lock. A thread that does nothing but `block` doesn't use them (another one, to which a guard was sent, may), so `block` takes any
    /// depth. With more than one level it panics where it is polled, or waits for another future as well by [`or`](Wait::or). A guard that was sent
    /// away from its owner gives up and takes back its own level only: the owner goes on with the others.
    ///
    /// ```
    /// use amphi::{Condvar, ReentrantMutex};
    /// use std::time::Duration;
    ///
    /// let (mutex, changed) = (ReentrantMutex::new(()), Condvar::new());
    /// let (outer, inner) = (mutex.lock().block(), mutex.lock().block());
    /// let (inner, _) = changed.wait(inner).timeout(Duration::from_millis(1)).block();
    /// assert_eq!(mutex.depth(), 2);
    /// # drop((outer, inner));
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping it gives the lock up for good; if it had already been notified, the next waiter is notified instead.
    ///
    /// # Panics
    ///
    /// With the guard of a reentrant mutex that its owner, who waits, holds several times over, if it is polled or waits for another future
    /// as well. The guard is dropped then.
    ///
    /// ```
    /// use amphi::{Condvar, Mutex, block_on};
    /// use std::thread;
    /// use std::time::Duration;
    ///
    /// let (mutex, changed) = (Mutex::new(0), Condvar::new());
    /// let guard = mutex.lock().block();
    /// let (guard, result) = changed.wait(guard).timeout(Duration::from_millis(1)).block(); // a thread
    /// assert!(result.timed_out());
    /// thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         *mutex.lock().block() = 1; // not before the other one waits
    ///         changed.notify_one();
    ///     });
    ///     let guard = block_on(async { changed.wait(guard).await }); // a task
    ///     assert_eq!(*guard, 1);
    /// });
    /// ```
    pub fn wait<G: LockGuard>(&self, guard: G) -> Wait<Suspend<'_, G, Once>> {
        Wait::new(Suspend::new(self, guard, Once(())))
    }

    /// Waits as long as `condition` is `true`: returns at once if it is `false`, or else gives
    /// the lock up, waits for a notification, takes the lock back, and looks again.
    ///
    /// With a timeout it gives the guard, and whether the time was up with the condition still `true`, which
    /// is evaluated once more for that.
    ///
    /// `condition` is always evaluated with the lock held, by whoever polls or blocks.
    ///
    /// # Cancel safety
    ///
    /// Dropping it gives the lock up for good; if it had already been notified, the next waiter is notified instead.
    ///
    /// # Panics
    ///
    /// If `condition` panics; the lock is released then, and if the wait had been notified, the next waiter is notified instead. And where [`wait`](Condvar::wait) panics.
    ///
    /// ```
    /// use amphi::{Condvar, Mutex, block_on};
    /// use std::thread;
    ///
    /// let (stock, filled) = (Mutex::new(0), Condvar::new());
    /// thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         let guard = stock.lock().block();
    ///         *filled.wait_while(guard, |stock| *stock == 0).block() -= 1; // a thread
    ///     });
    ///     scope.spawn(|| block_on(async {
    ///         let guard = stock.lock().await;
    ///         *filled.wait_while(guard, |stock| *stock == 0).await -= 1; // a task
    ///     }));
    ///     *stock.lock().block() = 2;
    ///     filled.notify_all();
    /// });
    /// assert_eq!(stock.into_inner(), 0);
    /// ```
    #[doc(alias = "wait_for")]
    #[doc(alias = "wait_until")]
    pub fn wait_while<G, F>(&self, guard: G, condition: F) -> Wait<Suspend<'_, G, While<F>>>
    where
        G: LockGuard,
        F: FnMut(<G as Lends<'_>>::Lent) -> bool,
    {
        Wait::new(Suspend::new(self, guard, While(condition)))
    }

    /// Wakes the one that has waited longest. Returns how many were notified: 0 or 1.
    ///
    /// ```
    /// let changed = amphi::Condvar::new();
    /// assert_eq!(changed.notify_one(), 0);
    /// ```
    #[doc(alias = "signal")]
    #[inline]
    pub fn notify_one(&self) -> usize {
        self.notify(1)
    }

    /// Wakes up to `n` of those who wait now, first come, first served. Returns how many were notified.
    ///
    /// ```
    /// use amphi::{Condvar, Mutex, block_on};
    /// use futures::poll;
    ///
    /// let (mutex, changed) = (Mutex::new(()), Condvar::new());
    /// block_on(async {
    ///     let mut first = changed.wait(mutex.lock().await);
    ///     assert!(poll!(&mut first).is_pending());
    ///     let mut second = changed.wait(mutex.lock().await);
    ///     assert!(poll!(&mut second).is_pending());
    ///     assert_eq!(changed.notify(3), 2);
    ///     drop(first.await);
    ///     drop(second.await);
    /// });
    /// ```
    #[inline]
    pub fn notify(&self, n: usize) -> usize {
        // Relaxed: see the table of the states.
        if self.list.word.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        self.list.wake(n)
    }

    /// Wakes all who wait now. Returns how many were notified.
    ///
    /// ```
    /// let changed = amphi::Condvar::new();
    /// assert_eq!(changed.notify_all(), 0);
    /// ```
    #[doc(alias = "broadcast")]
    #[inline]
    pub fn notify_all(&self) -> usize {
        self.notify(usize::MAX)
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Condvar::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}

/// Whether a wait with a timeout ended because the time was up.
///
/// ```
/// # use amphi::{Condvar, Mutex};
/// # use std::time::Duration;
/// # let (mutex, changed) = (Mutex::new(()), Condvar::new());
/// let (guard, result) = changed.wait(mutex.lock().block()).timeout(Duration::ZERO).block();
/// assert!(result.timed_out());
/// # drop(guard);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time was up: for `wait` before a notification came, for `wait_while` before
    /// the condition had become `false`.
    ///
    /// ```
    /// # use amphi::{Condvar, Mutex};
    /// # use std::time::Duration;
    /// # let (mutex, changed) = (Mutex::new(0), Condvar::new());
    /// let wait = changed.wait_while(mutex.lock().block(), |number| *number > 0);
    /// let (guard, result) = wait.timeout(Duration::ZERO).block();
    /// assert!(!result.timed_out()); // there was nothing to wait for
    /// # drop(guard);
    /// ```
    pub fn timed_out(self) -> bool {
        self.0
    }
}
