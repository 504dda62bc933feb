//! [`lock_all`]: several mutexes at once.

use super::mutex::{Guard, Mutex, MutexGuard};
use super::raw::RawLock;
use crate::wait::{Attempt, Line, Operation, Outcome, Turn, Wait, or_timed_out};
use std::fmt;
use std::ptr;

/// Waits until several mutexes are free at the same time and takes them all.
///
/// They are given as a tuple of two to eight references, or as a slice, in any order, and come back as
/// guards in that order. With a timeout it gives `Err(TimedOut)` if that has not happened in time, and holds none of them then.
///
/// ```
/// use amphi::{Mutex, block_on, lock_all};
/// use std::thread;
///
/// let (from, to) = (Mutex::new(10), Mutex::new(0));
/// thread::scope(|scope| {
///     scope.spawn(|| {
///         let (mut from, mut to) = lock_all((&from, &to)).block();
///         (*from, *to) = (*from - 1, *to + 1);
///     });
///     scope.spawn(|| block_on(async {
///         let (mut to, mut from) = lock_all((&to, &from)).await; // no deadlock
///         (*from, *to) = (*from - 1, *to + 1);
///     }));
/// });
/// assert_eq!((from.into_inner(), to.into_inner()), (8, 2));
///
/// let accounts = [Mutex::new(1), Mutex::new(2)];
/// let sum: i32 = lock_all(&accounts[..]).block().iter().map(|guard| **guard).sum();
/// assert_eq!(sum, 3);
/// ```
///
/// # No deadlock
///
/// It never holds one of them while it waits for another: if one is not free it releases those it has got, waits for that
/// one, and begins again. So there is no deadlock, whatever others hold and wait for. It takes them in the order of their
/// addresses, so that of several who do this at the same time the one that has got furthest gets all of them: they don't keep
/// each other from it for ever. (C++'s `std::lock` does the same, but for the order.)
///
/// Others who always hold one or another of them can make it wait for long, since all have to be free at the same moment.
/// A single mutex around all of the data has no such trouble.
///
/// # Cancel safety
///
/// Dropping it leaves none of them locked; if it had already been woken, the next waiter is woken instead.
///
/// # Panics
///
/// At once, if one mutex is among them twice: it would wait for itself.
#[doc(alias = "std::lock")]
#[doc(alias = "scoped_lock")]
pub fn lock_all<L: Locks>(locks: L) -> Wait<LockAll<L>> {
    let mut order: Vec<usize> = (0..locks.count()).collect();
    let address = |index: usize| ptr::from_ref(locks.raw(index));
    order.sort_by_key(|index| address(*index));
    let twice = order
        .windows(2)
        .any(|pair| address(pair[0]) == address(pair[1]));
    assert!(!twice, "`lock_all` was given the same mutex twice");
    Wait::new(LockAll {
        locks: Some(locks),
        order,
        at: 0,
        next: 0,
        held: false,
    })
}

/// Several mutexes: a tuple of two to eight `&Mutex<_>` with data of any types, a `&[&Mutex<T>]`, or a `&[Mutex<T>]`.
///
/// The trait is sealed.
///
/// ```
/// use amphi::lock_all::Locks;
/// use amphi::{Mutex, lock_all};
///
/// fn freeze<L: Locks>(locks: L) -> L::Guards {
///     lock_all(locks).block()
/// }
///
/// let (number, name) = (Mutex::new(1), Mutex::new("one"));
/// let (number, name) = freeze((&number, &name));
/// assert_eq!((*number, *name), (1, "one"));
/// ```
pub trait Locks: sealed::Locks {
    /// Their guards, in the same order: a tuple, or a vector.
    type Guards;

    /// # Safety
    ///
    /// All of them are locked, and no other guards are made for that.
    #[doc(hidden)]
    unsafe fn guards(self) -> Self::Guards;
}

mod sealed {
    pub trait Locks {
        fn count(&self) -> usize;
        fn raw(&self, index: usize) -> &super::RawLock;
    }
}

macro_rules! slices {
    ($($slice:ty;)*) => {$(
        impl<'a, T> sealed::Locks for $slice {
            fn count(&self) -> usize {
                self.len()
            }

            fn raw(&self, index: usize) -> &RawLock {
                Mutex::raw(&self[index])
            }
        }

        impl<'a, T> Locks for $slice {
            type Guards = Vec<MutexGuard<'a, T>>;

            unsafe fn guards(self) -> Self::Guards {
                // SAFETY: The caller's promise.
                self.iter().map(|mutex| unsafe { Guard::new(mutex as &Mutex<_>) }).collect()
            }
        }
    )*};
}

slices! {
    &'a [Mutex<T>];
    &[&'a Mutex<T>];
}

macro_rules! tuples {
    ($($count:literal: $($life:lifetime $name:ident $index:tt),*;)*) => {$(
        impl<$($name: ?Sized),*> sealed::Locks for ($(&Mutex<$name>,)*) {
            fn count(&self) -> usize {
                $count
            }

            fn raw(&self, index: usize) -> &RawLock {
                [$(Mutex::raw(self.$index)),*][index]
            }
        }

        // A lifetime for each, so that a future that holds several is `Send` wherever they come from.
        impl<$($life,)* $($name: ?Sized),*> Locks for ($(&$life Mutex<$name>,)*) {
            type Guards = ($(MutexGuard<$life, $name>,)*);

            unsafe fn guards(self) -> Self::Guards {
                // SAFETY: The caller's promise.
                unsafe { ($(Guard::new(self.$index),)*) }
            }
        }
    )*};
}

tuples! {
    2: 'a A 0, 'b B 1;
    3: 'a A 0, 'b B 1, 'c C 2;
    4: 'a A 0, 'b B 1, 'c C 2, 'd D 3;
    5: 'a A 0, 'b B 1, 'c C 2, 'd D 3, 'e E 4;
    6: 'a A 0, 'b B 1, 'c C 2, 'd D 3, 'e E 4, 'f F 5;
    7: 'a A 0, 'b B 1, 'c C 2, 'd D 3, 'e E 4, 'f F 5, 'g G 6;
    8: 'a A 0, 'b B 1, 'c C 2, 'd D 3, 'e E 4, 'f F 5, 'g G 6, 'h H 7;
}

/// The operation of [`lock_all`].
///
/// # Cancel safety
///
/// Dropped while it waits, it leaves none of them locked.
///
/// ```
/// use amphi::lock_all::LockAll;
/// use amphi::{Mutex, Wait, lock_all};
///
/// let mutexes = [Mutex::new(1), Mutex::new(2)];
/// let wait: Wait<LockAll<&[Mutex<i32>]>> = lock_all(&mutexes[..]);
/// assert_eq!(wait.block().len(), 2);
/// ```
pub struct LockAll<L> {
    /// `None` once the guards have been made.
    locks: Option<L>,
    /// Their indices, by address.
    order: Vec<usize>,
    /// Which one of these it stands in the list of, or will.
    at: usize,
    /// Which one was not free when it stood in another one's list.
    next: usize,
    /// The last attempt has taken all.
    held: bool,
}

impl<L: Locks> LockAll<L> {
    fn raw(&self, at: usize) -> &RawLock {
        let locks = self.locks.as_ref().expect("the locks have been taken");
        locks.raw(self.order[at])
    }

    /// Releases the first ones; all of them, even if one of those who are woken panics.
    fn release(&self, count: usize) {
        struct Rest<'a, L: Locks>(&'a LockAll<L>, usize);

        impl<L: Locks> Drop for Rest<'_, L> {
            fn drop(&mut self) {
                self.0.release(self.1);
            }
        }

        if count > 0 {
            let _rest = Rest(self, count - 1);
            self.raw(count - 1).unlock();
        }
    }
}

impl<L: Locks> Attempt for LockAll<L> {
    fn fast(&mut self, _: bool) -> bool {
        let count = self.order.len();
        let taken = (0..count)
            .take_while(|at| self.raw(*at).lock_fast())
            .count();
        if taken < count {
            self.release(taken);
        }
        taken == count
    }

    fn list(&self) -> &dyn Line {
        self.raw(self.at).list()
    }

    fn attempt(&mut self, turn: Turn) -> Outcome {
        let newcomer = turn.but_not(Turn::QUEUED.and(Turn::WAITED).and(Turn::NOTIFIED));
        for at in 0..self.order.len() {
            let its = if at == self.at { turn } else { newcomer };
            let outcome = self.raw(at).attempt(its);
            if outcome == Outcome::Done {
                continue;
            }
            self.release(at);
            if at == self.at {
                return outcome;
            }
            if turn.is(Turn::QUEUED) {
                // `conclude` leaves the list, and `settle_up` passes on what it had been told there by then. What it was
                // told before that was for a lock that it has not tried.
                if turn.is(Turn::NOTIFIED) {
                    self.pass_on();
                }
                self.next = at;
                return Outcome::Again;
            }
            let before = std::mem::replace(&mut self.at, at);
            if turn.is(Turn::NOTIFIED) {
                self.raw(before).pass_on();
            }
            return outcome;
        }
        self.held = true;
        Outcome::Done
    }

    fn proceed(&mut self) {
        self.at = self.next;
    }

    fn undo(&mut self) {
        if std::mem::take(&mut self.held) {
            self.release(self.order.len());
        }
    }

    fn pass_on(&mut self) {
        self.raw(self.at).pass_on();
    }

    fn settle_up(&mut self) {
        // It goes to another list, and has perhaps not even tried the lock that it was notified of.
        if !self.held {
            self.pass_on();
        }
    }

    fn reserve(&mut self, again: bool) -> bool {
        self.raw(self.at).list().reserve(again)
    }

    fn lift_reservation(&mut self) {
        self.raw(self.at).list().lift_reservation();
    }
}

impl<L: Locks> Operation for LockAll<L> {
    or_timed_out!(L::Guards);

    fn take(&mut self) -> L::Guards {
        let locks = self.locks.take().expect("the locks have been taken");
        // SAFETY: An attempt has just taken all of them, and with `locks` goes the only chance to make guards for that.
        unsafe { locks.guards() }
    }
}

impl<L> fmt::Debug for LockAll<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockAll")
            .field("mutexes", &self.order.len())
            .finish_non_exhaustive()
    }
}
