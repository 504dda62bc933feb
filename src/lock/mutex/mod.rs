//! [`Mutex`]: data that only one may use at a time.

// | file | subject |
// |---|---|
// | `mod.rs` | the mutex, and the wait for it |
// | `guard.rs` | its guards |

mod guard;

pub use guard::{Guard, MappedMutexGuard, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};

use super::raw::RawLock;
use crate::sync::{Spin, const_fn};
use crate::wait::{Attempt, Line, Operation, Outcome, Turn, Wait, or_timed_out};
use std::cell::UnsafeCell;
use std::fmt;
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

/// Data that only one thread or task may use at a time.
///
/// [`lock`](Mutex::lock) is awaited by tasks and blocked on by threads, on the same mutex and
/// at the same time. The guards are like parking_lot's: they can be [narrowed down](Guard::map), and
/// [released fairly](Guard::unlock_fair).
///
/// ```
/// use amphi::{Mutex, block_on};
/// use std::thread;
///
/// static COUNT: Mutex<u32> = Mutex::new(0);
///
/// let thread = thread::spawn(|| *COUNT.lock().block() += 1);
/// block_on(async { *COUNT.lock().await += 1 });
/// thread.join().unwrap();
/// assert_eq!(*COUNT.lock().block(), 2);
/// ```
///
/// # When to take another type
///
/// A lock that only threads take, and only for a moment, may as well be `std::sync::Mutex`; so may
/// one in a task that is never held across an `.await`. This one costs the same without
/// contention, can be held across an `.await`, and can be waited for with a timeout, by threads and
/// by tasks. To wait until the data *change*, add a [`Condvar`](crate::Condvar); if
/// there is no data, an [`Event`](crate::Event) is simpler.
///
/// # Fairness
///
/// A released lock is free for whoever comes first, and newcomers may be quicker than
/// somebody who has to wake up. That's what makes it fast: handing the lock over would leave it idle until
/// then. No waiter starves: one that has been woken in vain for a millisecond has the
/// lock kept for it (for a millisecond at most, in case nobody polls it).
/// [`MutexGuard::unlock_fair`] does so at once. If tasks and threads wait together, a release wakes those who
/// waited longest, up to the first thread.
///
/// # Panics in the critical section
///
/// The guard releases the lock while unwinding. There is no poisoning.
#[doc(alias = "threading.Lock")]
#[doc(alias = "Lock")]
#[repr(C)]
pub struct Mutex<T: ?Sized> {
    raw: RawLock,
    data: UnsafeCell<T>,
}

// SAFETY: Who moves the mutex moves the data, and nothing else in it is bound to a thread.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: A shared mutex gives out the data to one at a time, on whatever thread, which is like sending them
// there; `&T` is never given to two at once, so `T: Sync` is not needed.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T: ?Sized> UnwindSafe for Mutex<T> {}
impl<T: ?Sized> RefUnwindSafe for Mutex<T> {}

impl<T> Mutex<T> {
    const_fn! {
        /// Makes a mutex that is free.
        ///
        /// ```
        /// static NAMES: amphi::Mutex<Vec<String>> = amphi::Mutex::new(Vec::new());
        /// NAMES.lock().block().push("one".to_string());
        /// assert_eq!(*NAMES.lock().block(), ["one"]);
        /// ```
        #[inline]
        pub const fn new(value: T) -> Self {
            Mutex { raw: RawLock::new(), data: UnsafeCell::new(value) }
        }
    }

    /// Takes the data out.
    ///
    /// ```
    /// let mutex = amphi::Mutex::new(1);
    /// *mutex.lock().block() += 1;
    /// assert_eq!(mutex.into_inner(), 2);
    /// ```
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    pub(super) fn raw(&self) -> &RawLock {
        &self.raw
    }

    /// Waits until the mutex is free and takes it.
    ///
    /// With a timeout it gives `Err(TimedOut)` if that has not happened in time. Locking a
    /// mutex that the same thread or task holds waits for ever.
    ///
    /// # Cancel safety
    ///
    /// Dropping it gives up its place in the queue; if it had already been woken, the next waiter is woken
    /// instead.
    ///
    /// ```
    /// use amphi::{Mutex, TimedOut, block_on};
    /// use std::time::Duration;
    ///
    /// let mutex = Mutex::new(vec![1]);
    /// mutex.lock().block().push(2);
    /// block_on(async {
    ///     let mut guard = mutex.lock().await;
    ///     guard.push(3);
    ///     let second = mutex.lock().timeout(Duration::from_millis(1)).await;
    ///     assert!(second.is_err());
    /// });
    /// assert_eq!(*mutex.lock().block(), [1, 2, 3]);
    /// ```
    #[doc(alias = "acquire")]
    #[doc(alias = "lock_blocking")]
    #[doc(alias = "blocking_lock")]
    #[inline]
    pub fn lock(&self) -> Wait<Lock<'_, T>> {
        Wait::new(Acquire { mutex: Some(self) })
    }

    /// Like [`lock`](Mutex::lock), with a guard that keeps the mutex alive by itself.
    ///
    /// # Cancel safety
    ///
    /// That of [`lock`](Mutex::lock).
    ///
    /// ```
    /// use amphi::{Mutex, OwnedMutexGuard, block_on};
    /// use std::sync::Arc;
    ///
    /// fn locked(value: u32) -> OwnedMutexGuard<u32> {
    ///     Arc::new(Mutex::new(value)).lock_owned().block()
    /// }
    /// assert_eq!(*locked(5), 5);
    /// let guard = block_on(async { Arc::new(Mutex::new(6)).lock_owned().await });
    /// assert_eq!(*guard, 6); // there is no other reference to the mutex any more
    /// ```
    #[doc(alias = "lock_arc")]
    #[inline]
    pub fn lock_owned(self: &Arc<Self>) -> Wait<LockOwned<T>> {
        Wait::new(Acquire {
            mutex: Some(self.clone()),
        })
    }

    /// Takes the mutex if it is free, and never waits.
    ///
    /// ```
    /// let mutex = amphi::Mutex::new(1);
    /// let guard = mutex.try_lock().unwrap();
    /// assert!(mutex.try_lock().is_none());
    /// # drop(guard);
    /// ```
    #[must_use = "the mutex is released as soon as the guard is dropped"]
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        // SAFETY: The lock has just been taken, and the guard is the only one made for that.
        self.raw.try_lock().then(|| unsafe { Guard::new(self) })
    }

    /// Like [`try_lock`](Mutex::try_lock), with a guard that keeps the mutex alive by itself.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let mutex = Arc::new(amphi::Mutex::new(1));
    /// let guard = mutex.try_lock_owned().unwrap();
    /// assert!(mutex.is_locked());
    /// # drop(guard);
    /// ```
    #[doc(alias = "try_lock_arc")]
    #[must_use = "the mutex is released as soon as the guard is dropped"]
    #[inline]
    pub fn try_lock_owned(self: &Arc<Self>) -> Option<OwnedMutexGuard<T>> {
        // SAFETY: The lock has just been taken, and the guard is the only one made for that.
        self.raw
            .try_lock()
            .then(|| unsafe { Guard::new(self.clone()) })
    }

    /// Whether somebody holds the mutex at this moment, which may be over when this returns.
    ///
    /// ```
    /// let mutex = amphi::Mutex::new(());
    /// assert!(!mutex.is_locked());
    /// ```
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// The data, without locking: the unique reference shows that nobody else is there.
    ///
    /// ```
    /// let mut mutex = amphi::Mutex::new(1);
    /// *mutex.get_mut() = 2;
    /// assert_eq!(mutex.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }

    /// Releases a mutex whose guard has been forgotten. It is for bindings to languages that have
    /// functions to lock and unlock, and no guards. The name is parking_lot's.
    ///
    /// # Safety
    ///
    /// The mutex must be locked, its guard must have been given to [`std::mem::forget`], and nobody may
    /// still use a reference that the guard has lent out.
    ///
    /// ```
    /// let mutex = amphi::Mutex::new(());
    /// std::mem::forget(mutex.lock().block());
    /// // SAFETY: the guard has just been forgotten.
    /// unsafe { mutex.force_unlock() };
    /// assert!(!mutex.is_locked());
    /// ```
    pub unsafe fn force_unlock(&self) {
        self.raw.unlock();
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(guard) => shown.field("data", &&*guard),
            None => shown.field("data", &format_args!("<locked>")),
        };
        shown.finish()
    }
}

/// How an operation or a guard refers to its mutex: by reference, or by [`Arc`].
///
/// The trait is sealed: it is implemented for `&Mutex<T>` and `Arc<Mutex<T>>`.
///
/// ```
/// use amphi::Mutex;
/// use amphi::mutex::{Guard, MutexRef};
/// use std::sync::Arc;
///
/// /// Takes the guards of both.
/// fn increment<M: MutexRef<Data = u32>>(mut guard: Guard<M, u32>) {
///     *guard += 1;
/// }
///
/// let mutex = Arc::new(Mutex::new(0));
/// increment(mutex.lock().block());
/// increment(mutex.lock_owned().block());
/// assert_eq!(*mutex.lock().block(), 2);
/// ```
pub trait MutexRef: Deref<Target = Mutex<Self::Data>> + Clone + sealed::Sealed {
    /// What the mutex holds.
    type Data: ?Sized;
}

mod sealed {
    /// # Safety
    ///
    /// However often it's dereferenced, moved or cloned, the implementor refers to the same mutex.
    pub unsafe trait Sealed {}
    // SAFETY: A reference is copied as it is.
    unsafe impl<T: ?Sized> Sealed for &super::Mutex<T> {}
    // SAFETY: An `Arc` owns one value at one place.
    unsafe impl<T: ?Sized> Sealed for super::Arc<super::Mutex<T>> {}
}

impl<T: ?Sized> MutexRef for &Mutex<T> {
    type Data = T;
}

impl<T: ?Sized> MutexRef for Arc<Mutex<T>> {
    type Data = T;
}

/// The operation of [`Mutex::lock`].
///
/// ```
/// use amphi::mutex::Lock;
/// use amphi::{Mutex, Wait};
///
/// /// Is about to lock.
/// struct Increments<'a> {
///     lock: Wait<Lock<'a, u32>>,
/// }
///
/// let mutex = Mutex::new(0);
/// let increments = Increments { lock: mutex.lock() };
/// *increments.lock.block() += 1;
/// ```
pub type Lock<'a, T> = Acquire<&'a Mutex<T>>;

/// The operation of [`Mutex::lock_owned`].
///
/// ```
/// use amphi::mutex::LockOwned;
/// use amphi::{Mutex, Wait};
/// use std::sync::Arc;
///
/// let lock: Wait<LockOwned<u32>> = Arc::new(Mutex::new(1)).lock_owned();
/// assert_eq!(*lock.block(), 1);
/// ```
pub type LockOwned<T> = Acquire<Arc<Mutex<T>>>;

/// The operation of taking a mutex; `M` says how it refers to it. [`Lock`] and [`LockOwned`] are its everyday names.
///
/// # Cancel safety
///
/// Dropped while it waits, it gives up its place in the queue; if it had already been woken, the next waiter is
/// woken instead.
///
/// ```
/// use amphi::mutex::{Acquire, MutexRef};
/// use amphi::{Mutex, Wait};
///
/// fn read<M: MutexRef<Data = u32>>(lock: Wait<Acquire<M>>) -> u32 {
///     *lock.block()
/// }
/// assert_eq!(read(Mutex::new(1).lock()), 1);
/// ```
pub struct Acquire<M: MutexRef> {
    /// `None` once the guard has been made.
    mutex: Option<M>,
}

impl<M: MutexRef> Acquire<M> {
    #[inline]
    fn raw(&self) -> &RawLock {
        &self.mutex.as_ref().expect("the lock has been taken").raw
    }
}

impl<M: MutexRef> Attempt for Acquire<M> {
    #[inline]
    fn fast(&mut self, _: bool) -> bool {
        self.raw().lock_fast()
    }

    fn is_brief(&self, _: bool) -> bool {
        self.raw().is_brief()
    }

    fn spin(&self, blocks: bool) -> Spin {
        Spin::turn(blocks)
    }

    fn list(&self) -> &dyn Line {
        self.raw().list()
    }

    fn attempt(&mut self, turn: Turn) -> Outcome {
        self.raw().attempt(turn)
    }

    fn undo(&mut self) {
        self.raw().unlock();
    }

    fn pass_on(&mut self) {
        self.raw().pass_on();
    }

    fn reserve(&mut self, again: bool) -> bool {
        self.raw().list().reserve(again)
    }

    fn lift_reservation(&mut self) {
        self.raw().list().lift_reservation();
    }
}

impl<M: MutexRef> Operation for Acquire<M> {
    or_timed_out!(Guard<M, M::Data>);

    #[inline]
    fn take(&mut self) -> Self::Output {
        let mutex = self.mutex.take().expect("the lock has been taken");
        // SAFETY: An attempt has just taken the lock, and with the mutex goes the only chance to make a guard
        // for that.
        unsafe { Guard::new(mutex) }
    }
}

impl<M: MutexRef> fmt::Debug for Acquire<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").finish_non_exhaustive()
    }
}
