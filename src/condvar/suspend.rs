//! The wait for a notification, between giving a lock up and having it back.

use super::guard::{Lends, LockGuard};
use super::{Condvar, WaitTimeoutResult};
use crate::finally::Finally;
use crate::sync::atomic::Ordering;
use crate::wait::{Attempt, Line, Operation, Outcome, Turn, Waiter};
use std::fmt;

/// Whether to wait, and whether to wait again. Sealed: [`Once`] or [`While`].
///
/// ```
/// use amphi::condvar::{Condition, Suspend};
/// use amphi::{Condvar, Mutex, MutexGuard, Wait};
///
/// /// Some wait of a condition variable, kept for later.
/// struct Waits<'a, C: Condition<MutexGuard<'a, u32>>> {
///     wait: Wait<Suspend<'a, MutexGuard<'a, u32>, C>>,
/// }
///
/// let (mutex, changed) = (Mutex::new(1), Condvar::new());
/// let waits = Waits { wait: changed.wait_while(mutex.lock().block(), |number| *number == 0) };
/// assert_eq!(*waits.wait.block(), 1);
/// ```
pub trait Condition<G>: sealed::Sealed {
    #[doc(hidden)]
    fn must_wait(&mut self, guard: &mut G, notified: bool) -> bool;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Once {}
    impl<F> Sealed for super::While<F> {}
}

/// The condition of [`Condvar::wait`]: one notification is enough.
///
/// ```
/// use amphi::condvar::{Once, Suspend};
/// use amphi::{Condvar, Mutex, MutexGuard, Wait};
///
/// let (mutex, changed) = (Mutex::new(()), Condvar::new());
/// let wait: Wait<Suspend<'_, MutexGuard<'_, ()>, Once>> = changed.wait(mutex.lock().block());
/// drop(wait);
/// assert!(!mutex.is_locked());
/// ```
#[derive(Debug)]
pub struct Once(pub(super) ());

impl<G> Condition<G> for Once {
    fn must_wait(&mut self, _: &mut G, notified: bool) -> bool {
        !notified
    }
}

/// The condition of [`Condvar::wait_while`]: a function of the data.
///
/// ```
/// use amphi::condvar::{Suspend, While};
/// use amphi::{Condvar, Mutex, MutexGuard, Wait};
///
/// type WhileZero<'a> = Suspend<'a, MutexGuard<'a, u32>, While<fn(&mut u32) -> bool>>;
///
/// let (mutex, changed) = (Mutex::new(1), Condvar::new());
/// let is_zero: fn(&mut u32) -> bool = |number| *number == 0;
/// let wait: Wait<WhileZero<'_>> = changed.wait_while(mutex.lock().block(), is_zero);
/// assert_eq!(*wait.block(), 1);
/// ```
pub struct While<F>(pub(super) F);

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
/// Dropping it gives the lock up for good; if it had already been notified, the next waiter is notified instead.
///
/// [`Condition`], [`Once`] and [`While`] have examples.
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

impl<'a, G: LockGuard, C: Condition<G>> Suspend<'a, G, C> {
    pub(super) fn new(condvar: &'a Condvar, guard: G, condition: C) -> Self {
        Suspend {
            condvar,
            step: Step::Held {
                guard,
                notified: false,
            },
            condition,
            time_is_up: false,
            timed_out: false,
        }
    }

    /// Looks at the condition with the lock in hand; if it panics the lock is released, and if it was notified somebody else is.
    fn must_wait(&mut self) -> bool {
        match std::mem::replace(&mut self.step, Step::Over) {
            Step::Held {
                mut guard,
                notified,
            } => {
                // Dropped before the guard, as in `drop`.
                let condvar = self.condvar;
                let passes_on = Finally::new(|| {
                    if notified {
                        condvar.notify_one();
                    }
                });
                let must_wait = self.condition.must_wait(&mut guard, notified);
                passes_on.cancel();
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
                // Relaxed, also in `drop`: a notifier that sees it late looks into the list in vain.
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
                 guards could be used meanwhile"
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
