//! The guards of a mutex.

use super::{Acquire, Mutex, MutexRef};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr;
use std::sync::Arc;

/// The guard of [`Mutex::lock`]: releases the mutex when it is dropped.
///
/// ```
/// use amphi::{Mutex, MutexGuard};
///
/// fn push_twice(mut guard: MutexGuard<'_, Vec<u32>>, number: u32) {
///     guard.extend([number; 2]);
/// }
///
/// let mutex = Mutex::new(Vec::new());
/// push_twice(mutex.lock().block(), 1);
/// assert_eq!(mutex.into_inner(), [1, 1]);
/// ```
pub type MutexGuard<'a, T> = Guard<&'a Mutex<T>, T>;

/// The guard of [`Mutex::lock_owned`]: releases the mutex when it is dropped, and keeps it alive
/// until then.
///
/// ```
/// use amphi::{Mutex, OwnedMutexGuard};
/// use std::sync::Arc;
/// use std::thread;
///
/// let mutex = Arc::new(Mutex::new(0));
/// let mut guard: OwnedMutexGuard<u32> = mutex.lock_owned().block();
/// let thread = thread::spawn(move || *guard += 1); // it takes the guard along
/// thread.join().unwrap();
/// assert_eq!(*mutex.lock().block(), 1);
/// ```
pub type OwnedMutexGuard<T> = Guard<Arc<Mutex<T>>, T>;

/// A [`MutexGuard`] for a part `U` of the data, made by [`Guard::map`].
///
/// ```
/// use amphi::{MappedMutexGuard, Mutex, MutexGuard};
///
/// type Pair = (u32, String);
///
/// fn name(pair: &Mutex<Pair>) -> MappedMutexGuard<'_, Pair, str> {
///     MutexGuard::map(pair.lock().block(), |pair| pair.1.as_mut_str())
/// }
///
/// let pair = Mutex::new((1, "one".to_string()));
/// assert_eq!(&*name(&pair), "one");
/// ```
pub type MappedMutexGuard<'a, T, U> = Guard<&'a Mutex<T>, U>;

/// An [`OwnedMutexGuard`] for a part `U` of the data, made by [`Guard::map`].
///
/// ```
/// use amphi::{Mutex, OwnedMappedMutexGuard, OwnedMutexGuard};
/// use std::sync::Arc;
///
/// type Pair = (u32, String);
///
/// fn number(pair: &Arc<Mutex<Pair>>) -> OwnedMappedMutexGuard<Pair, u32> {
///     OwnedMutexGuard::map(pair.lock_owned().block(), |pair| &mut pair.0)
/// }
///
/// let pair = Arc::new(Mutex::new((1, "one".to_string())));
/// assert_eq!(*number(&pair), 1);
/// ```
pub type OwnedMappedMutexGuard<T, U> = Guard<Arc<Mutex<T>>, U>;

/// Access to the data `U` of a locked mutex, to which it refers by `M`.
///
/// [`MutexGuard`] and [`OwnedMutexGuard`] are its everyday names. The mutex is released when the guard is
/// dropped, also while unwinding, and on whatever thread: a task may have moved.
///
/// If the release calls another waiter's waker and that panics, the panic comes out of the drop after
/// everybody who was to be woken has been; while unwinding it is swallowed.
///
/// ```
/// use amphi::{Mutex, block_on};
///
/// let mutex = Mutex::new(0);
/// block_on(async {
///     let mut guard = mutex.lock().await;
///     *guard += 1;
///     drop(guard); // or at the end of the block
///     assert!(!mutex.is_locked());
/// });
/// ```
#[must_use = "the mutex is released as soon as the guard is dropped"]
#[clippy::has_significant_drop]
pub struct Guard<M: MutexRef, U: ?Sized> {
    mutex: M,
    /// Into the mutex's data. A `*mut`, so that `U` is as invariant as in the `&mut U` lent out.
    value: *mut U,
}

// SAFETY: The guard is used like a `&mut U`, which is `Send` if `U` is, and the lock it releases belongs
// to no thread.
unsafe impl<M: MutexRef + Send, U: ?Sized + Send> Send for Guard<M, U> {}
// SAFETY: A shared guard lends out `&U` only.
unsafe impl<M: MutexRef + Sync, U: ?Sized + Sync> Sync for Guard<M, U> {}

impl<M: MutexRef, U: ?Sized> UnwindSafe for Guard<M, U> {}
impl<M: MutexRef, U: ?Sized> RefUnwindSafe for Guard<M, U> {}

impl<M: MutexRef> Guard<M, M::Data> {
    /// # Safety
    ///
    /// The caller has taken the lock, and makes one guard only for that.
    #[inline]
    pub(in crate::lock) unsafe fn new(mutex: M) -> Self {
        let value = mutex.data.get();
        Guard { mutex, value }
    }

    /// An operation that takes the same mutex again.
    pub(crate) fn lock_again(&self) -> Acquire<M> {
        Acquire {
            mutex: Some(self.mutex.clone()),
        }
    }
}

impl<M: MutexRef, U: ?Sized> Guard<M, U> {
    /// The mutex that is locked.
    ///
    /// ```
    /// use amphi::{Mutex, MutexGuard};
    ///
    /// let mutex = Mutex::new(1);
    /// let guard = mutex.lock().block();
    /// assert!(MutexGuard::mutex(&guard).is_locked());
    /// ```
    pub fn mutex(guard: &Self) -> &M {
        &guard.mutex
    }

    /// Narrows the guard down to a part of the data. The whole mutex stays locked.
    ///
    /// ```
    /// use amphi::{Mutex, MutexGuard};
    ///
    /// let mutex = Mutex::new((1, "one"));
    /// let mut number = MutexGuard::map(mutex.lock().block(), |pair| &mut pair.0);
    /// *number += 1;
    /// drop(number);
    /// assert_eq!(*mutex.lock().block(), (2, "one"));
    /// ```
    pub fn map<V: ?Sized>(guard: Self, part: impl FnOnce(&mut U) -> &mut V) -> Guard<M, V> {
        // SAFETY: The guard holds the lock, and `guard` is not used to lend the data out again before the
        // reference is gone. If `part` panics the guard is dropped.
        let value: *mut V = part(unsafe { &mut *guard.value });
        Guard {
            value,
            mutex: guard.into_mutex(),
        }
    }

    /// Narrows the guard down to a part of the data, if there is one.
    ///
    /// # Errors
    ///
    /// The guard as it was, if `part` returns `None`.
    ///
    /// ```
    /// use amphi::{Mutex, MutexGuard};
    ///
    /// let mutex = Mutex::new(vec![1, 2]);
    /// let guard = mutex.lock().block();
    /// let guard = MutexGuard::try_map(guard, |all| all.get_mut(5)).unwrap_err();
    /// let first = MutexGuard::try_map(guard, |all| all.get_mut(0)).unwrap();
    /// assert_eq!(*first, 1);
    /// ```
    pub fn try_map<V: ?Sized>(
        guard: Self,
        part: impl FnOnce(&mut U) -> Option<&mut V>,
    ) -> Result<Guard<M, V>, Self> {
        // SAFETY: As in `map`.
        match part(unsafe { &mut *guard.value }).map(ptr::from_mut) {
            Some(value) => Ok(Guard {
                value,
                mutex: guard.into_mutex(),
            }),
            None => Err(guard),
        }
    }

    /// Releases the mutex and keeps it for those who wait, in order.
    ///
    /// Whoever comes to wait for it meanwhile, the caller included, stands back until the next waiter has
    /// had its turn (for a millisecond at most, in case that is a task that nobody polls); `try_lock` does not. The price is the
    /// time in which nobody holds the mutex, so use it where the others should get a chance; no
    /// waiter starves without it. (parking_lot's hands the mutex over; here a waiter that does not come may be passed over.)
    ///
    /// ```
    /// use amphi::{Mutex, MutexGuard};
    ///
    /// let mutex = Mutex::new(0);
    /// for _ in 0..3 {
    ///     let mut guard = mutex.lock().block();
    ///     *guard += 1;
    ///     MutexGuard::unlock_fair(guard);
    /// }
    /// # assert_eq!(mutex.into_inner(), 3);
    /// ```
    pub fn unlock_fair(guard: Self) {
        guard.into_mutex().raw.unlock_fair();
    }

    /// The reference to the mutex, which stays locked.
    fn into_mutex(self) -> M {
        let guard = ManuallyDrop::new(self);
        // SAFETY: `guard` is never dropped nor used again, so the reference is moved out once.
        unsafe { ptr::read(&guard.mutex) }
    }
}

impl<M: MutexRef, U: ?Sized> Deref for Guard<M, U> {
    type Target = U;

    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: The guard holds the lock, so nobody else uses the data; `value` points into the mutex, which
        // `mutex` keeps where it is; and the result borrows the guard.
        unsafe { &*self.value }
    }
}

impl<M: MutexRef, U: ?Sized> DerefMut for Guard<M, U> {
    #[inline]
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: As in `deref`, and the guard is borrowed uniquely.
        unsafe { &mut *self.value }
    }
}

impl<M: MutexRef, U: ?Sized> Drop for Guard<M, U> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.raw.unlock();
    }
}

impl<M: MutexRef, U: ?Sized + fmt::Debug> fmt::Debug for Guard<M, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<M: MutexRef, U: ?Sized + fmt::Display> fmt::Display for Guard<M, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
