//! [`Condvar`]: waiting until data under a lock have changed.

use crate::lock::mutex::{Acquire, Guard, MutexRef};
use crate::lock::reentrant::{self, ReentrantMutexRef};
use crate::sync::atomic::Ordering;
use crate::sync::const_fn;
use crate::wait::{Attempt, Line, Operation, Outcome, Turn, Wait, WaitList, Waiter};
use std::fmt;
use std::ops::DerefMut;

/// Lets those who hold a lock wait until somebody else has changed what it protects.
///
/// It is the tool for producers and consumers: whoever finds that there is nothing to do
/// gives the lock up and waits; whoever has changed something notifies. Waiting, a
/// `Condvar` gives the lock up, and it takes it back before it returns.
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
/// A notification is for those who wait at that moment, first come first served, and is remembered for
/// nobody else. A waiter returns only after a notification (or a timeout), and yet another party may
/// have been at the data in between: [`wait_while`](Condvar::wait_while) looks again.
///
/// So a notification of one may go to a task that nobody polls, and stay there until that task is polled or dropped, while a
/// thread waits on. Where both sides wait for the same thing, notify all.
///
/// Several condition variables may share a mutex, and one may serve different mutexes at different times, even at the
/// same time. It need not be notified with the lock held.
///
/// # Cancel safety
///
/// Dropping a wait gives everything up: the place in the queue, and the lock, which is
/// not taken back. If it had been notified, the next waiter is notified instead.
///
/// If there are no data to look at, [`Event`](crate::Event) is simpler.
#[doc(alias = "threading.Condition")]
#[doc(alias = "Condition")]
pub struct Condvar {
    // The word counts those who wait, from before they give the lock up until they are notified or
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
    /// be overstepped by as long as others hold it. A notification that races with the timeout counts. A
    /// zero timeout gives the lock up and takes it back.
    ///
    /// The state that is waited for may have changed again when this returns, so this belongs into
    /// a loop, or better: use [`wait_while`](Condvar::wait_while).
    ///
    /// # A reentrant mutex
    ///
    /// All its levels are given up and taken back. If there are other guards they lend the data meanwhile, without the
    /// lock: a thread that does nothing but `block` doesn't use them (another one, to which a guard was sent, may). So that takes any depth; where it is
    /// polled, or given up for another future by [`or`](Wait::or), with more than one level, it panics.
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
    /// Dropping it gives the lock up for good; a notification that it had received goes to the next.
    ///
    /// # Panics
    ///
    /// With the guard of a reentrant mutex that is held several times over, if it's polled or waits for another future
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
        self.suspend(guard, Once(()))
    }

    /// Waits as long as `condition` says so: returns at once if it gives `false`, or else gives
    /// the lock up, waits for a notification, takes the lock back, and looks again.
    ///
    /// With a timeout it gives the guard, and whether the time was up with the condition still `true`: it
    /// is evaluated once more then.
    ///
    /// `condition` is always evaluated with the lock held, by whoever polls or blocks.
    ///
    /// # Cancel safety
    ///
    /// Dropping it gives the lock up for good; a notification that it had received goes to the next.
    ///
    /// # Panics
    ///
    /// Where `condition` panics; the lock is released then. And where [`wait`](Condvar::wait) does.
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
        self.suspend(guard, While(condition))
    }

    fn suspend<G: LockGuard, C>(&self, guard: G, condition: C) -> Wait<Suspend<'_, G, C>>
    where
        C: Condition<G>,
    {
        Wait::new(Suspend {
            condvar: self,
            step: Step::Held {
                guard,
                notified: false,
            },
            condition,
            time_is_up: false,
            timed_out: false,
        })
    }

    /// Wakes the one that has waited longest. Returns how many were notified: 0 or 1.
    ///
    /// ```
    /// let changed = amphi::Condvar::new();
    /// assert_eq!(changed.notify_one(), 0);
    /// ```
    #[inline]
    pub fn notify_one(&self) -> usize {
        self.notify(1)
    }

    /// Wakes up to `n` of those who wait now, first come first served. Returns how many were notified.
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

/// A guard that a [`Condvar`] can give up and take back.
///
/// The trait is sealed: it is implemented for the guards of [`Mutex`](crate::Mutex), borrowed and owned, as they
/// come from the lock (not mapped), and for those of [`ReentrantMutex`](crate::ReentrantMutex).
pub trait LockGuard: sealed::Relock + for<'a> Lends<'a> {
    /// What the lock protects.
    type Data: ?Sized;
}

/// What a guard lends to the condition of [`Condvar::wait_while`] for a lifetime: `&mut T`, or `&T` of a
/// reentrant mutex. Sealed as [`LockGuard`] is.
///
/// `Outlived` is a way to say that the guard outlives `'a`, for all lifetimes for which it does.
pub trait Lends<'a, Outlived = &'a Self>: sealed::Relock {
    /// The reference.
    type Lent;

    #[doc(hidden)]
    fn lend(&'a mut self) -> Self::Lent;
}

mod sealed {
    use crate::wait::Operation;

    pub trait Sealed {}
    impl Sealed for super::Once {}
    impl<F> Sealed for super::While<F> {}

    pub trait Relock: Sized {
        /// Takes the lock back.
        type Lock: Operation<Output = Self>;

        /// Made while the lock is still held.
        fn relock(&self) -> Self::Lock;

        /// Gives the lock up, with all levels.
        fn give_up(self) {}

        /// How many levels there are: more than one if other guards live on while the lock is given up.
        fn levels(&self) -> u64 {
            1
        }
    }
}

impl<M: MutexRef> sealed::Relock for Guard<M, M::Data> {
    type Lock = Acquire<M>;

    fn relock(&self) -> Acquire<M> {
        self.lock_again()
    }
}

impl<M: MutexRef> LockGuard for Guard<M, M::Data> {
    type Data = M::Data;
}

impl<'a, M: MutexRef> Lends<'a> for Guard<M, M::Data> {
    type Lent = &'a mut M::Data;

    fn lend(&'a mut self) -> &'a mut M::Data {
        self.deref_mut()
    }
}

impl<M: ReentrantMutexRef> sealed::Relock for reentrant::Guard<M> {
    type Lock = reentrant::Acquire<M>;

    fn relock(&self) -> reentrant::Acquire<M> {
        self.lock_again()
    }

    fn give_up(self) {
        reentrant::Guard::give_up(self);
    }

    fn levels(&self) -> u64 {
        reentrant::Guard::levels(self)
    }
}

impl<M: ReentrantMutexRef> LockGuard for reentrant::Guard<M> {
    type Data = M::Data;
}

impl<'a, M: ReentrantMutexRef> Lends<'a> for reentrant::Guard<M> {
    type Lent = &'a M::Data;

    fn lend(&'a mut self) -> &'a M::Data {
        self
    }
}

/// Whether to wait, and whether to wait again. Sealed: [`Once`] or [`While`].
pub trait Condition<G>: sealed::Sealed {
    #[doc(hidden)]
    fn must_wait(&mut self, guard: &mut G, notified: bool) -> bool;
}

/// The condition of [`Condvar::wait`]: one notification is enough.
#[derive(Debug)]
pub struct Once(());

impl<G> Condition<G> for Once {
    fn must_wait(&mut self, _: &mut G, notified: bool) -> bool {
        !notified
    }
}

/// The condition of [`Condvar::wait_while`]: a function of the data.
pub struct While<F>(F);

impl<F> fmt::Debug for While<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("While").finish_non_exhaustive()
    }
}

impl<G: LockGuard, F: FnMut(<G as Lends<'_>>::Lent) -> bool> Condition<G> for While<F> {
    fn must_wait(&mut self, guard: &mut G, _: bool) -> bool {
        (self.0)(guard.lend())
    }
}

/// The operation of [`Condvar::wait`] and [`Condvar::wait_while`].
///
/// # Cancel safety
///
/// Dropping it gives the lock up for good; a notification that it had received goes to the next.
pub struct Suspend<'a, G: LockGuard, C> {
    condvar: &'a Condvar,
    step: Step<G>,
    condition: C,
    /// The deadline has passed: the lock is taken back, and that's it.
    time_is_up: bool,
    /// The result.
    timed_out: bool,
}

/// How far a wait has come.
///
/// | step | the list it stands in | who moves it on |
/// |---|---|---|
/// | `Held` | none, while the condition is looked at; then the condvar's | the waiter, to `Listening`: it gives the lock up |
/// | `Listening` | the condvar's | a notifier or the deadline, to `Locking` |
/// | `Locking` | the mutex's, if that's not free | the waiter, to `Held`, when it has got the lock (`locked`) and left the list |
/// | `Over` | none | nobody |
///
/// The condition is user code, so it runs in `Held` and in no list. The lock is given
/// up after the list has been joined: a notification that follows from
/// what others do under the lock finds the waiter there.
enum Step<G: LockGuard> {
    Held {
        guard: G,
        notified: bool,
    },
    Listening {
        lock: G::Lock,
    },
    Locking {
        lock: G::Lock,
        notified: bool,
        locked: bool,
    },
    Over,
}

impl<G: LockGuard, C: Condition<G>> Suspend<'_, G, C> {
    /// Looks at the condition with the lock in hand; if it panics the lock is released.
    fn must_wait(&mut self) -> bool {
        match std::mem::replace(&mut self.step, Step::Over) {
            Step::Held {
                mut guard,
                notified,
            } => {
                let must_wait = self.condition.must_wait(&mut guard, notified);
                self.step = Step::Held { guard, notified };
                must_wait
            }
            _ => panic!("a condition variable's wait was used after it had ended or panicked"),
        }
    }

    fn listen(&mut self) {
        if let Step::Held { guard, .. } = &self.step {
            let lock = guard.relock();
            // Relaxed: giving the lock up, which follows, publishes it.
            self.condvar.list.word.fetch_add(1, Ordering::Relaxed);
            // Given up last: that calls wakers, and they may panic.
            let step = std::mem::replace(&mut self.step, Step::Listening { lock });
            if let Step::Held { guard, .. } = step {
                guard.give_up();
            }
        }
    }

    fn take_back(&mut self, notified: bool) {
        self.step = match std::mem::replace(&mut self.step, Step::Over) {
            Step::Listening { lock } => {
                self.condvar.list.word.fetch_sub(1, Ordering::Relaxed);
                Step::Locking {
                    lock,
                    notified,
                    locked: false,
                }
            }
            other => other,
        };
    }
}

impl<G: LockGuard, C: Condition<G>> Attempt for Suspend<'_, G, C> {
    fn list(&self) -> &dyn Line {
        match &self.step {
            Step::Locking { lock, .. } => lock.list(),
            _ => &self.condvar.list,
        }
    }

    fn attempt(&mut self, turn: Turn) -> Outcome {
        match &mut self.step {
            Step::Listening { .. } if turn.is(Turn::NOTIFIED) => Outcome::Again,
            Step::Listening { .. } => Outcome::Unnotified,
            Step::Locking { lock, locked, .. } => match lock.attempt(turn) {
                Outcome::Done => {
                    *locked = true;
                    Outcome::Again
                }
                refused => refused,
            },
            Step::Held { guard, .. } if !turn.is(Turn::DEVOTED) && guard.levels() > 1 => panic!(
                "a reentrant mutex held several times over can only be given up by `block`: the other \
                 guards would be used meanwhile"
            ),
            Step::Held { .. } if turn.is(Turn::QUEUED) => {
                self.listen();
                Outcome::Unnotified
            }
            Step::Held { .. } | Step::Over => {
                self.timed_out = self.must_wait();
                if self.timed_out && !self.time_is_up {
                    Outcome::Refused
                } else {
                    Outcome::Done
                }
            }
        }
    }

    fn proceed(&mut self) {
        match &mut self.step {
            Step::Locking {
                lock,
                notified,
                locked: locked @ true,
            } => {
                *locked = false;
                self.step = Step::Held {
                    guard: lock.take(),
                    notified: *notified,
                };
            }
            _ => self.take_back(true),
        }
    }

    fn undo(&mut self) {
        if let Step::Locking { lock, locked, .. } = &mut self.step {
            if std::mem::take(locked) {
                lock.undo();
            }
        }
    }

    fn pass_on(&mut self) {
        match &mut self.step {
            Step::Listening { .. } => {
                self.condvar.notify_one();
            }
            Step::Locking { lock, .. } => lock.pass_on(),
            _ => {}
        }
    }

    fn expire(&mut self, waiter: &mut Waiter) -> bool {
        self.time_is_up = true;
        match &self.step {
            Step::Listening { .. } => {
                let notified = waiter.leave(&self.condvar.list);
                self.take_back(notified);
                false
            }
            Step::Locking { .. } => false,
            _ => {
                self.timed_out = self.must_wait();
                true
            }
        }
    }

    fn reserve(&mut self, again: bool) -> bool {
        match &mut self.step {
            Step::Locking { lock, .. } => lock.reserve(again),
            _ => false,
        }
    }

    fn lift_reservation(&mut self) {
        if let Step::Locking { lock, .. } = &mut self.step {
            lock.lift_reservation();
        }
    }
}

impl<G: LockGuard, C: Condition<G>> Operation for Suspend<'_, G, C> {
    type Output = G;
    type Timed = (G, WaitTimeoutResult);

    fn take(&mut self) -> G {
        match std::mem::replace(&mut self.step, Step::Over) {
            Step::Held { guard, .. } => guard,
            _ => unreachable!("an attempt is done with the guard in hand"),
        }
    }

    fn in_time(&mut self, guard: G) -> (G, WaitTimeoutResult) {
        (guard, WaitTimeoutResult(self.timed_out))
    }

    fn timed_out(&mut self) -> (G, WaitTimeoutResult) {
        let guard = self.take();
        self.in_time(guard)
    }
}

impl<G: LockGuard, C> Drop for Suspend<'_, G, C> {
    fn drop(&mut self) {
        match &mut self.step {
            Step::Held { .. } | Step::Over => {}
            Step::Listening { .. } => {
                self.condvar.list.word.fetch_sub(1, Ordering::Relaxed);
            }
            Step::Locking {
                lock,
                notified,
                locked,
            } => {
                // Dropped after the notification, also if that panics.
                let _guard = locked.then(|| lock.take());
                if *notified {
                    self.condvar.notify_one();
                }
            }
        }
    }
}

impl<G: LockGuard, C> fmt::Debug for Suspend<'_, G, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suspend").finish_non_exhaustive()
    }
}
