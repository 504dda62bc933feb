//! What one holds of a semaphore.

use super::{BoundedSemaphore, Semaphore, SemaphoreRef, sealed};
use std::fmt;
use std::ptr;
use std::sync::Arc;

/// The permits of [`Semaphore`]: gives them back when it is dropped.
pub type Permit<'a> = Permits<&'a Semaphore>;

/// A [`Permit`] that keeps the semaphore alive until it is dropped.
pub type OwnedPermit = Permits<Arc<Semaphore>>;

/// The permits of a [`BoundedSemaphore`]: gives them back when it is dropped.
pub type BoundedPermit<'a> = Permits<&'a BoundedSemaphore>;

/// A [`BoundedPermit`] that keeps the semaphore alive until it is dropped.
pub type OwnedBoundedPermit = Permits<Arc<BoundedSemaphore>>;

/// One permit or several, of a semaphore to which it refers by `S`.
///
/// [`Permit`], [`OwnedPermit`], [`BoundedPermit`] and [`OwnedBoundedPermit`] are its everyday names. They are given
/// back when it is dropped, also while unwinding, and on whatever thread. What a [`BoundedSemaphore`] has no room for,
/// because somebody has released too much before, is gone.
///
/// If a panicking waker of a waiter is called by that, its panic comes out of the drop, after everybody who was
/// to be woken has been; while unwinding it is swallowed.
///
/// # Panics
///
/// Dropping it does if others have released so much that a word can't hold the sum.
#[must_use = "the permits are given back as soon as this is dropped"]
#[clippy::has_significant_drop]
pub struct Permits<S: SemaphoreRef> {
    semaphore: S,
    count: usize,
}

impl<S: SemaphoreRef> Permits<S> {
    #[inline]
    pub(super) fn new(semaphore: S, count: usize) -> Self {
        Permits { semaphore, count }
    }

    /// How many permits these are.
    ///
    /// ```
    /// let semaphore = amphi::Semaphore::new(3);
    /// assert_eq!(semaphore.acquire_many(2).block().count(), 2);
    /// ```
    pub fn count(&self) -> usize {
        self.count
    }

    /// The semaphore they are from.
    ///
    /// ```
    /// let semaphore = amphi::Semaphore::new(3);
    /// let permit = semaphore.acquire().block();
    /// assert_eq!(permit.semaphore().available_permits(), 2);
    /// ```
    pub fn semaphore(&self) -> &S {
        &self.semaphore
    }

    /// Drops this without giving the permits back: there are fewer of them from now on, until
    /// somebody releases them.
    ///
    /// ```
    /// let semaphore = amphi::Semaphore::new(3);
    /// semaphore.acquire().block().forget();
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    pub fn forget(mut self) {
        self.count = 0;
    }

    /// Adds others to these, so that they are given back together.
    ///
    /// # Panics
    ///
    /// If they are from another semaphore, or so many that a number can't say. These stay as they are then, and the others are given
    /// back.
    ///
    /// ```
    /// let semaphore = amphi::Semaphore::new(3);
    /// let mut permits = semaphore.acquire().block();
    /// permits.merge(semaphore.acquire().block());
    /// assert_eq!(permits.count(), 2);
    /// ```
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            ptr::eq(&*self.semaphore, &*other.semaphore),
            "permits of different semaphores can't be merged"
        );
        let sum = self.count.checked_add(other.count);
        self.count = sum.expect(super::TOO_MANY);
        other.count = 0;
    }

    /// Takes some of these away, to be given back by themselves; `None` if these are not as many.
    ///
    /// ```
    /// let semaphore = amphi::Semaphore::new(3);
    /// let mut permits = semaphore.acquire_many(3).block();
    /// drop(permits.split(2));
    /// assert_eq!((permits.count(), semaphore.available_permits()), (1, 2));
    /// assert!(permits.split(2).is_none());
    /// ```
    pub fn split(&mut self, count: usize) -> Option<Self> {
        self.count = self.count.checked_sub(count)?;
        Some(Permits::new(self.semaphore.clone(), count))
    }
}

impl<S: SemaphoreRef> Drop for Permits<S> {
    #[inline]
    fn drop(&mut self) {
        if self.count > 0 {
            sealed::Bound::give_back(&self.semaphore.bound, &self.semaphore.raw, self.count);
        }
    }
}

impl<S: SemaphoreRef> fmt::Debug for Permits<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permits")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}
