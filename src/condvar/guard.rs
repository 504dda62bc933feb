//! The guards that a condition variable can give up and take back.

use crate::lock::mutex::{Acquire, Guard, MutexRef};
use crate::lock::reentrant::{self, ReentrantMutexRef};
use std::ops::DerefMut;

/// A guard that a [`Condvar`](super::Condvar) can give up and take back.
///
/// The trait is sealed: it is implemented for the guards of [`Mutex`](crate::Mutex), borrowed and owned, as they
/// come from the lock (not mapped), and for those of [`ReentrantMutex`](crate::ReentrantMutex).
///
/// ```
/// use amphi::condvar::LockGuard;
/// use amphi::{Condvar, Mutex, ReentrantMutex};
/// use std::time::Duration;
///
/// /// Whatever the lock is, lets others have it for a moment.
/// fn give_way<G: LockGuard>(changed: &Condvar, guard: G) -> G {
///     changed.wait(guard).timeout(Duration::from_millis(1)).block().0
/// }
///
/// let (mutex, reentrant, changed) = (Mutex::new(1), ReentrantMutex::new(2), Condvar::new());
/// let number = *give_way(&changed, mutex.lock().block());
/// assert_eq!(number + *give_way(&changed, reentrant.lock().block()), 3);
/// ```
pub trait LockGuard: sealed::Relock + for<'a> Lends<'a> {
    /// What the lock protects.
    type Data: ?Sized;
}

/// What a guard lends to the condition of [`Condvar::wait_while`](super::Condvar::wait_while) for a lifetime: `&mut T`, or `&T` of a
/// reentrant mutex. Sealed as [`LockGuard`] is.
///
/// `Outlived` is a way to say that the guard outlives `'a`, for all lifetimes for which it does.
///
/// ```
/// use amphi::{Condvar, Mutex, ReentrantMutex};
///
/// let changed = Condvar::new();
/// let mutex = Mutex::new(1);
/// changed.wait_while(mutex.lock().block(), |number: &mut u32| *number == 0).block();
/// let mutex = ReentrantMutex::new(1);
/// changed.wait_while(mutex.lock().block(), |number: &u32| *number == 0).block();
/// ```
pub trait Lends<'a, Outlived = &'a Self>: sealed::Relock {
    /// The reference.
    type Lent;

    #[doc(hidden)]
    fn lend(&'a mut self) -> Self::Lent;
}

pub(super) mod sealed {
    use crate::wait::Operation;

    pub trait Relock: Sized {
        /// Takes the lock back.
        type Lock: Operation<Output = Self>;

        /// Made while the lock is still held.
        fn relock(&self) -> Self::Lock;

        /// Gives the lock up, with all these levels.
        fn give_up(self) {}

        /// How many levels are given up: more than one if other guards of the same owner live on meanwhile.
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
