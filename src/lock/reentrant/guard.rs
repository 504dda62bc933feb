//! The guards of a reentrant mutex: one for each level.

use super::{Acquire, ReentrantMutex, ReentrantMutexRef};
use crate::first_panic::unharmed;
use crate::owner;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr;
use std::sync::Arc;

/// The guard of [`ReentrantMutex::lock`]: one level, which it gives back when it is dropped.
///
/// ```
/// use amphi::{ReentrantMutex, ReentrantMutexGuard};
///
/// let mutex = ReentrantMutex::new("data");
/// let guards: Vec<ReentrantMutexGuard<'_, &str>> = (0..3).map(|_| mutex.lock().block()).collect();
/// assert_eq!(mutex.depth(), 3);
/// assert_eq!(*guards[2], "data");
/// ```
pub type ReentrantMutexGuard<'a, T> = Guard<&'a ReentrantMutex<T>>;

/// The guard of [`ReentrantMutex::lock_owned`], which keeps the mutex alive as well.
///
/// ```
/// use amphi::{OwnedReentrantMutexGuard, ReentrantMutex};
/// use std::sync::Arc;
///
/// fn locked(value: u32) -> OwnedReentrantMutexGuard<u32> {
///     Arc::new(ReentrantMutex::new(value)).lock_owned().block()
/// }
/// assert_eq!(*locked(5), 5);
/// ```
pub type OwnedReentrantMutexGuard<T> = Guard<Arc<ReentrantMutex<T>>>;

/// One level of a locked reentrant mutex, to which it refers by `M`.
///
/// [`ReentrantMutexGuard`] and [`OwnedReentrantMutexGuard`] are its everyday names. It lends `&T`. When the last level is
/// dropped the mutex is released, on whatever thread that happens.
///
/// It is `Send` only if `T` is `Sync`: its owner may have another guard, so when this one goes to another
/// thread, two threads have a `&T`.
///
/// While a [`Condvar`](crate::Condvar) has given all levels up, a guard on another thread lends the data without the lock. If that guard is given to
/// a condition variable there, it gives up its own level only.
///
/// ```
/// use amphi::{ReentrantMutex, block_on, owner};
///
/// let mutex = ReentrantMutex::new(1);
/// let outer = mutex.lock().block();
/// let inner = mutex.lock().block();
/// drop(outer); // in any order
/// assert_eq!((*inner, mutex.depth()), (1, 1));
/// drop(inner);
/// block_on(owner::scope(async {
///     let guards = (mutex.lock().await, mutex.lock().await);
///     assert_eq!(*guards.0 + *guards.1, 2);
/// }));
/// ```
#[must_use = "the level is given back as soon as the guard is dropped"]
#[clippy::has_significant_drop]
pub struct Guard<M: ReentrantMutexRef> {
    mutex: M,
    owner: u64,
    /// Not `Send` nor `Sync` but where it says so.
    lends: PhantomData<*const M::Data>,
}

// SAFETY: Sending it gives another thread a `&T`, while the owner's thread may have another one: `T: Sync`. The level is
// given back by an atomic, wherever that happens. If it is the last reference to the mutex the data are dropped
// there, and `M: Send` requires for that `T: Send`.
unsafe impl<M: ReentrantMutexRef<Data: Sync> + Send> Send for Guard<M> {}
// SAFETY: A shared guard lends out `&T` only.
unsafe impl<M: ReentrantMutexRef<Data: Sync> + Sync> Sync for Guard<M> {}

impl<M: ReentrantMutexRef> UnwindSafe for Guard<M> {}
impl<M: ReentrantMutexRef> RefUnwindSafe for Guard<M> {}

impl<M: ReentrantMutexRef> Guard<M> {
    /// For a level that has just been taken.
    #[inline]
    pub(super) fn new(mutex: M) -> Self {
        let (owner, _) = mutex.hold.get();
        Guard {
            mutex,
            owner,
            lends: PhantomData,
        }
    }

    /// The mutex that is locked.
    ///
    /// ```
    /// use amphi::{ReentrantMutex, ReentrantMutexGuard};
    ///
    /// let mutex = ReentrantMutex::new(1);
    /// let guard = mutex.lock().block();
    /// assert!(ReentrantMutexGuard::mutex(&guard).is_locked());
    /// ```
    pub fn mutex(guard: &Self) -> &M {
        &guard.mutex
    }

    /// How many levels are given up with this one: all of its owner, for whom this is done, or this one alone. For an owner that runs elsewhere
    /// goes on with the others, and one that has given them up already has the others to take back.
    pub(crate) fn levels(&self) -> u64 {
        let is_here = || self.owner == owner::current_id(true) || owner::is_beneath(self.owner);
        match self.mutex.hold.get() {
            (owner, levels @ 2..) if owner == self.owner && is_here() => levels,
            _ => 1,
        }
    }

    /// An operation that takes these levels back, for the same owner.
    pub(crate) fn lock_again(&self) -> Acquire<M> {
        Acquire {
            mutex: Some(self.mutex.clone()),
            back: Some((self.owner, self.levels())),
        }
    }

    /// Gives all these levels up. The other guards, if any, lend the data without the lock until it has been taken
    /// back. If a waker that is called for this panics nobody learns of it: the panic would leave them so for good.
    pub(crate) fn give_up(self) {
        if self.levels() == 1 {
            return;
        }
        let guard = ManuallyDrop::new(self);
        // SAFETY: `guard` is never dropped nor used again, so the reference is moved out once.
        let mutex = unsafe { ptr::read(&guard.mutex) };
        let raw = &mutex.raw;
        mutex.hold.give_up(guard.owner);
        if raw.unlock_fast() {
            return;
        }
        unharmed(|| raw.unlock());
    }
}

impl<M: ReentrantMutexRef> Deref for Guard<M> {
    type Target = M::Data;

    #[inline]
    fn deref(&self) -> &M::Data {
        &self.mutex.data
    }
}

impl<M: ReentrantMutexRef> Drop for Guard<M> {
    #[inline]
    fn drop(&mut self) {
        if self.mutex.hold.leave(self.owner) {
            self.mutex.raw.unlock();
        }
    }
}

impl<M: ReentrantMutexRef<Data: fmt::Debug>> fmt::Debug for Guard<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<M: ReentrantMutexRef<Data: fmt::Display>> fmt::Display for Guard<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
