//! A lock for a few steps at a time, none of which waits for anything or is a user's.
//!
//! | `held` | who | when |
//! |---|---|---|
//! | to `true` | whoever finds it `false` | by a swap, so one of several |
//! | to `false` | the holder | drops the guard |
//!
//! The swap is an Acquire and the store that ends it a Release: whoever has the lock sees what was done under it before.
//!
//! It knows nothing of those who wait for it. That is why giving it back is a plain store, where a mutex that has
//! sleepers to wake needs a second read-modify-write: a quarter of what it costs to join a list. In exchange
//! whoever finds it taken has to look again and again. A holder that runs has mostly done
//! in less than a microsecond (a semaphore with many who want more than there is takes longer). One that doesn't run is offered
//! the core, and after that they take naps, so that a thread of higher priority doesn't keep it from running for ever.

// By way of `super`, for `tests/loom/parts.rs` has this very file play with loom's.
use super::atomic::{AtomicBool, Ordering};
use super::{Spin, const_fn};
use std::cell::UnsafeCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::RefUnwindSafe;
use std::thread;
use std::time::Duration;

/// Between two looks at a lock whose holder does not run.
const NAP: Duration = Duration::from_micros(50);

pub(crate) struct SpinLock<T> {
    held: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: The lock gives access to one thread at a time, which is to send the value there and back.
unsafe impl<T: Send> Sync for SpinLock<T> {}

// While it's held nothing panics but for want of memory or of numbers, before anything is changed.
impl<T> RefUnwindSafe for SpinLock<T> {}

impl<T> SpinLock<T> {
    const_fn! {
        pub(crate) const fn new(value: T) -> Self {
            SpinLock { held: AtomicBool::new(false), value: UnsafeCell::new(value) }
        }
    }

    #[inline]
    pub(crate) fn lock(&self) -> SpinLockGuard<'_, T> {
        if self.held.swap(true, Ordering::Acquire) {
            self.wait();
        }
        SpinLockGuard { lock: self }
    }

    #[cold]
    fn wait(&self) {
        let mut spin = Spin::steps();
        loop {
            if !spin.pause() {
                thread::sleep(NAP);
            }
            // The load first, since a swap takes the memory from the holder's core.
            if !self.held.load(Ordering::Relaxed) && !self.held.swap(true, Ordering::Acquire) {
                return;
            }
        }
    }
}

impl<T> fmt::Debug for SpinLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpinLock").finish_non_exhaustive()
    }
}

#[must_use = "the lock is given back as soon as the guard is dropped"]
pub(crate) struct SpinLockGuard<'a, T> {
    lock: &'a SpinLock<T>,
}

// SAFETY: A shared guard lends out `&T` only. (Without this it were `Sync` wherever the lock is.)
unsafe impl<T: Sync> Sync for SpinLockGuard<'_, T> {}

impl<T> Deref for SpinLockGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: The guard's thread has swapped `held` from `false` and not given it back, so nobody else has a guard.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for SpinLockGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: As in `deref`, and the guard is borrowed uniquely.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for SpinLockGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.held.store(false, Ordering::Release);
    }
}
