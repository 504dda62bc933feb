//! [`ReentrantMutex`]: a lock that its holder may take again.

// | file | subject |
// |---|---|
// | `mod.rs` | the mutex, and the wait for it |
// | `guard.rs` | its guards: one for each level |
// | `hold.rs` | who holds it, and how often |

mod guard;
mod hold;

pub use guard::{Guard, OwnedReentrantMutexGuard, ReentrantMutexGuard};

use super::raw::RawLock;
use crate::owner::{self, Owner};
use crate::sync::{Spin, const_fn};
use crate::wait::{Attempt, Line, Operation, Outcome, Turn, Wait, or_timed_out};
use hold::Hold;
use std::fmt;
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

/// A lock that its holder may take again: a thread, or a [scope](crate::owner) within a task.
///
/// It is for functions that lock and call each other. Each guard is a *level*, and the lock is free when all of them are
/// gone. As there may be several guards at a time they lend only `&T`; data that change must be atomics, or have a lock of their
/// own. They have to be `Sync` to be used from several threads, since an owner may have guards on more than one.
///
/// It behaves like Python's `threading.RLock`. Its guards lend the data, as parking_lot's do.
///
/// ```
/// use amphi::{ReentrantMutex, block_on, owner};
/// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
///
/// let count = ReentrantMutex::new(AtomicU32::new(0));
///
/// fn twice(count: &ReentrantMutex<AtomicU32>) {
///     let _guard = count.lock().block();
///     for _ in 0..2 {
///         count.lock().block().fetch_add(1, Relaxed);
///     }
/// }
/// twice(&count);
/// block_on(owner::scope(async {
///     let _guard = count.lock().await;
///     twice(&count);
/// }));
/// assert_eq!(count.into_inner().into_inner(), 4);
/// ```
///
/// # Who the holder is
///
/// The [scope](crate::owner::scope) if the code runs inside one, or else the thread. A scope is the same owner on whatever
/// thread its task runs, and another task on that thread is not.
///
/// **In a task, lock it inside a scope.** A [`lock`](ReentrantMutex::lock) that is awaited outside of one belongs to nobody who could
/// take it again: as with a [`Mutex`](crate::Mutex), a second one waits until the first is released, and so for ever if
/// the same task holds it. Outside of a scope, `block` and `try_lock` in a task belong to the thread.
///
/// # When to take another type
///
/// A [`Mutex`](crate::Mutex) is simpler, and lends `&mut T`. The need for this one mostly goes away when the
/// locked part becomes a function that takes the data instead of locking them.
///
/// # Fairness, panics
///
/// Those of [`Mutex`](crate::Mutex).
#[doc(alias = "threading.RLock")]
#[doc(alias = "RLock")]
#[doc(alias = "RMutex")]
#[doc(alias = "recursive_mutex")]
#[repr(C)]
pub struct ReentrantMutex<T: ?Sized> {
    raw: RawLock,
    hold: Hold,
    data: T,
}

// SAFETY: Who moves the mutex moves the data, and nothing else in it is bound to a thread.
unsafe impl<T: ?Sized + Send> Send for ReentrantMutex<T> {}
// SAFETY: A shared mutex lends `&T` to one owner at a time, on whatever thread that is: which is like sending
// the data there, so `T: Send`. And several `&T` may exist at a time: an owner that is a scope goes on on another thread, while
// one of its guards has stayed behind, in a thread-local perhaps; so `T: Sync`.
unsafe impl<T: ?Sized + Send + Sync> Sync for ReentrantMutex<T> {}

impl<T: ?Sized> UnwindSafe for ReentrantMutex<T> {}
impl<T: ?Sized> RefUnwindSafe for ReentrantMutex<T> {}

impl<T> ReentrantMutex<T> {
    const_fn! {
        /// Makes a mutex that is free.
        ///
        /// ```
        /// static LOCK: amphi::ReentrantMutex<()> = amphi::ReentrantMutex::new(());
        /// assert!(!LOCK.is_locked());
        /// ```
        pub const fn new(value: T) -> Self {
            ReentrantMutex { raw: RawLock::new(), hold: Hold::new(), data: value }
        }
    }

    /// Takes the data out.
    ///
    /// ```
    /// assert_eq!(amphi::ReentrantMutex::new(1).into_inner(), 1);
    /// ```
    pub fn into_inner(self) -> T {
        self.data
    }
}

impl<T: ?Sized> ReentrantMutex<T> {
    /// Waits until the mutex is free, or held by this very owner, and takes it once more.
    ///
    /// With a timeout it gives `Err(TimedOut)` if that has not happened in time.
    ///
    /// # Cancel safety
    ///
    /// Dropping it gives up its place in the queue; if it had already been woken, the next waiter is woken instead.
    ///
    /// # Panics
    ///
    /// * If it is held 65,535 times over.
    /// * If it would wait for ever for an owner that can't go on before it returns: it blocks the thread, without a timeout and in a
    ///   scope, while the lock belongs to the thread, or to a scope around this one. Where it is awaited this can't be told, since
    ///   another part of the task may hold the lock and release it.
    ///
    /// ```
    /// use amphi::{ReentrantMutex, block_on, owner};
    ///
    /// let mutex = ReentrantMutex::new(1);
    /// let guards = (mutex.lock().block(), mutex.lock().block()); // a thread
    /// assert_eq!(mutex.depth(), 2);
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| assert!(mutex.try_lock().is_none()));
    /// });
    /// drop(guards);
    /// block_on(owner::scope(async {
    ///     let guards = (mutex.lock().await, mutex.lock().await); // a task
    ///     assert_eq!(mutex.depth(), 2);
    /// #   drop(guards);
    /// }));
    /// ```
    #[doc(alias = "acquire")]
    #[doc(alias = "lock_blocking")]
    #[doc(alias = "blocking_lock")]
    #[inline]
    pub fn lock(&self) -> Wait<Lock<'_, T>> {
        Wait::new(Acquire::new(self))
    }

    /// Like [`lock`](ReentrantMutex::lock), with a guard that keeps the mutex alive by itself.
    ///
    /// # Cancel safety, panics
    ///
    /// Those of [`lock`](ReentrantMutex::lock).
    ///
    /// ```
    /// use amphi::{ReentrantMutex, block_on, owner};
    /// use std::sync::Arc;
    ///
    /// let mutex = Arc::new(ReentrantMutex::new(1));
    /// let guard = mutex.lock_owned().block();
    /// drop(mutex);
    /// let mutex = owner::scope(async { Arc::new(ReentrantMutex::new(2)).lock_owned().await });
    /// assert_eq!(*guard + *block_on(mutex), 3);
    /// ```
    #[doc(alias = "lock_arc")]
    #[inline]
    pub fn lock_owned(self: &Arc<Self>) -> Wait<LockOwned<T>> {
        Wait::new(Acquire::new(self.clone()))
    }

    /// Takes the mutex if it is free or held by this very owner, and never waits.
    ///
    /// # Panics
    ///
    /// If it is held 65,535 times over.
    ///
    /// ```
    /// let mutex = amphi::ReentrantMutex::new(1);
    /// let first = mutex.try_lock().unwrap();
    /// assert!(mutex.try_lock().is_some());
    /// # drop(first);
    /// ```
    #[must_use = "the level is given back as soon as the guard is dropped"]
    #[inline]
    pub fn try_lock(&self) -> Option<ReentrantMutexGuard<'_, T>> {
        self.take(owner::current_id(true)).then(|| Guard::new(self))
    }

    /// Like [`try_lock`](ReentrantMutex::try_lock), with a guard that keeps the mutex alive by itself.
    ///
    /// # Panics
    ///
    /// If it is held 65,535 times over.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let mutex = Arc::new(amphi::ReentrantMutex::new(1));
    /// let guard = mutex.try_lock_owned();
    /// assert!(mutex.is_locked());
    /// # drop(guard);
    /// ```
    #[must_use = "the level is given back as soon as the guard is dropped"]
    #[inline]
    pub fn try_lock_owned(self: &Arc<Self>) -> Option<OwnedReentrantMutexGuard<T>> {
        self.take(owner::current_id(true))
            .then(|| Guard::new(self.clone()))
    }

    /// The raw lock has been taken for that owner; for all its levels if it had given them up.
    #[inline]
    fn hold_for(&self, owner: u64, levels: u64) {
        match levels {
            1 => self.hold.begin(owner, 1),
            _ => self.hold.take_back(owner),
        }
    }

    fn take(&self, owner: u64) -> bool {
        self.hold.enter_again(owner) || {
            let locked = self.raw.try_lock();
            if locked {
                self.hold.begin(owner, 1);
            }
            locked
        }
    }

    /// Whether somebody holds the mutex at this moment, which may be over when this returns.
    ///
    /// ```
    /// assert!(!amphi::ReentrantMutex::new(1).is_locked());
    /// ```
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// Whether whoever calls this holds the mutex: the scope, or else the thread.
    ///
    /// ```
    /// let mutex = amphi::ReentrantMutex::new(1);
    /// let guard = mutex.lock().block();
    /// assert!(mutex.is_owned_by_current());
    /// # drop(guard);
    /// ```
    pub fn is_owned_by_current(&self) -> bool {
        self.depth() > 0
    }

    /// How many levels whoever calls this holds: none if somebody else does, or nobody.
    ///
    /// ```
    /// let mutex = amphi::ReentrantMutex::new(1);
    /// let _guards = (mutex.lock().block(), mutex.lock().block());
    /// assert_eq!(mutex.depth(), 2);
    /// ```
    pub fn depth(&self) -> usize {
        match self.hold.get() {
            (owner, levels) if owner == owner::current_id(true) => levels as usize,
            _ => 0,
        }
    }

    /// Who holds the mutex at this moment, if anybody. Its id is zero if the lock was awaited outside of a scope.
    ///
    /// ```
    /// use amphi::{ReentrantMutex, owner};
    ///
    /// let mutex = ReentrantMutex::new(1);
    /// assert_eq!(mutex.owner(), None);
    /// let guard = mutex.lock().block();
    /// assert_eq!(mutex.owner(), Some(owner::current()));
    /// # drop(guard);
    /// ```
    pub fn owner(&self) -> Option<Owner> {
        let (owner, levels) = self.hold.get();
        (levels > 0).then(|| Owner::with_id(owner))
    }

    /// The data, without locking: the unique reference shows that nobody else is there.
    ///
    /// ```
    /// let mut mutex = amphi::ReentrantMutex::new(1);
    /// *mutex.get_mut() = 2;
    /// assert_eq!(mutex.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.data
    }
}

impl<T: Default> Default for ReentrantMutex<T> {
    fn default() -> Self {
        ReentrantMutex::new(T::default())
    }
}

impl<T> From<T> for ReentrantMutex<T> {
    fn from(value: T) -> Self {
        ReentrantMutex::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for ReentrantMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holder = self.owner();
        let mut shown = f.debug_struct("ReentrantMutex");
        match self.try_lock() {
            Some(guard) => shown.field("data", &&*guard),
            None => shown.field("data", &format_args!("<locked>")),
        };
        if let Some(holder) = holder {
            shown.field("state", &format_args!("held by {holder}"));
        }
        shown.finish()
    }
}

/// How an operation or a guard refers to its mutex: by reference, or by [`Arc`].
///
/// The trait is sealed: it is implemented for `&ReentrantMutex<T>` and `Arc<ReentrantMutex<T>>`.
///
/// ```
/// use amphi::ReentrantMutex;
/// use amphi::reentrant::{Guard, ReentrantMutexRef};
/// use std::sync::Arc;
///
/// /// Takes the guards of both.
/// fn read<M: ReentrantMutexRef<Data = u32>>(guard: &Guard<M>) -> u32 {
///     **guard
/// }
///
/// let mutex = Arc::new(ReentrantMutex::new(1));
/// assert_eq!(read(&mutex.lock().block()) + read(&mutex.lock_owned().block()), 2);
/// ```
pub trait ReentrantMutexRef:
    Deref<Target = ReentrantMutex<Self::Data>> + Clone + sealed::Sealed
{
    /// What the mutex holds.
    type Data: ?Sized;
}

mod sealed {
    pub trait Sealed {}
    impl<T: ?Sized> Sealed for &super::ReentrantMutex<T> {}
    impl<T: ?Sized> Sealed for super::Arc<super::ReentrantMutex<T>> {}
}

impl<T: ?Sized> ReentrantMutexRef for &ReentrantMutex<T> {
    type Data = T;
}

impl<T: ?Sized> ReentrantMutexRef for Arc<ReentrantMutex<T>> {
    type Data = T;
}

/// The operation of [`ReentrantMutex::lock`].
///
/// ```
/// use amphi::reentrant::Lock;
/// use amphi::{ReentrantMutex, Wait};
///
/// let mutex = ReentrantMutex::new(1);
/// let lock: Wait<Lock<'_, u32>> = mutex.lock();
/// assert_eq!(*lock.block(), 1);
/// ```
pub type Lock<'a, T> = Acquire<&'a ReentrantMutex<T>>;

/// The operation of [`ReentrantMutex::lock_owned`].
///
/// ```
/// use amphi::reentrant::LockOwned;
/// use amphi::{ReentrantMutex, Wait};
/// use std::sync::Arc;
///
/// let lock: Wait<LockOwned<u32>> = Arc::new(ReentrantMutex::new(1)).lock_owned();
/// assert_eq!(*lock.block(), 1);
/// ```
pub type LockOwned<T> = Acquire<Arc<ReentrantMutex<T>>>;

/// The operation of taking a reentrant mutex; `M` says how it refers to it. [`Lock`] and [`LockOwned`] are its everyday names.
///
/// # Cancel safety
///
/// Dropped while it waits, it gives up its place in the queue; if it had already been woken, the next waiter is
/// woken instead.
///
/// ```
/// use amphi::reentrant::{Acquire, ReentrantMutexRef};
/// use amphi::{ReentrantMutex, Wait};
///
/// fn read<M: ReentrantMutexRef<Data = u32>>(lock: Wait<Acquire<M>>) -> u32 {
///     *lock.block()
/// }
/// assert_eq!(read(ReentrantMutex::new(1).lock()), 1);
/// ```
pub struct Acquire<M: ReentrantMutexRef> {
    /// `None` once the guard has been made.
    mutex: Option<M>,
    /// Who had given it up, and how many levels, if it is taken back.
    back: Option<(u64, u64)>,
}

impl<M: ReentrantMutexRef> Acquire<M> {
    #[inline]
    fn new(mutex: M) -> Self {
        Acquire {
            mutex: Some(mutex),
            back: None,
        }
    }

    #[inline]
    fn mutex(&self) -> &ReentrantMutex<M::Data> {
        self.mutex.as_ref().expect(TAKEN)
    }

    /// For whom it is taken, and how many levels.
    #[inline]
    fn hold(&self, blocks: bool) -> (u64, u64) {
        match self.back {
            Some(back) => back,
            None => (owner::current_id(blocks), 1),
        }
    }
}

const TAKEN: &str = "the lock has been taken";

impl<M: ReentrantMutexRef> Attempt for Acquire<M> {
    #[inline]
    fn fast(&mut self, blocks: bool) -> bool {
        let (owner, levels) = self.hold(blocks);
        let mutex = self.mutex();
        if self.back.is_none() && mutex.hold.enter_again(owner) {
            return true;
        }
        let locked = mutex.raw.lock_fast();
        if locked {
            mutex.hold_for(owner, levels);
        }
        locked
    }

    fn is_brief(&self, _: bool) -> bool {
        self.mutex().raw.is_brief()
    }

    fn spin(&self, blocks: bool) -> Spin {
        Spin::turn(blocks)
    }

    fn list(&self) -> &dyn Line {
        self.mutex().raw.list()
    }

    fn attempt(&mut self, turn: Turn) -> Outcome {
        let (owner, levels) = self.hold(turn.is(Turn::BLOCKS));
        let mutex = self.mutex();
        if self.back.is_none() && mutex.hold.enter_again(owner) {
            return Outcome::Done;
        }
        let outcome = mutex.raw.attempt(turn);
        if outcome == Outcome::Done {
            mutex.hold_for(owner, levels);
        } else if turn.is(Turn::DEVOTED) && !turn.is(Turn::TIMED) && self.back.is_none() {
            let (holder, _) = mutex.hold.get();
            assert!(
                !owner::is_beneath(holder),
                "this would wait for ever: the reentrant mutex is held by an owner that can't go on before this \
                 returns; run all of it in one `owner::scope`"
            );
        }
        outcome
    }

    fn undo(&mut self) {
        drop(Guard::new(self.mutex.clone().expect(TAKEN)));
    }

    fn pass_on(&mut self) {
        self.mutex().raw.pass_on();
    }

    fn settle_up(&mut self) {
        // The owner had it already, by another wait, so nobody has left a mark for those who are next.
        if self.back.is_none() && self.mutex().hold.get().1 > 1 {
            self.pass_on();
        }
    }

    fn reserve(&mut self, again: bool) -> bool {
        self.mutex().raw.list().reserve(again)
    }

    fn lift_reservation(&mut self) {
        self.mutex().raw.list().lift_reservation();
    }
}

impl<M: ReentrantMutexRef> Operation for Acquire<M> {
    or_timed_out!(Guard<M>);

    #[inline]
    fn take(&mut self) -> Guard<M> {
        Guard::new(self.mutex.take().expect(TAKEN))
    }
}

impl<M: ReentrantMutexRef> fmt::Debug for Acquire<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").finish_non_exhaustive()
    }
}
