//! What one holds of a semaphore.

use super::{BoundedSemaphore, Semaphore, SemaphoreRef, sealed};
use std::fmt;
use std::ptr;
use std::sync::Arc;

/// The permits of a [`Semaphore`]: gives them back when it is dropped.
///
/// ```
/// use amphi::{Permit, Semaphore};
///
/// let semaphore = Semaphore::new(3);
/// let all: Vec<Permit<'_>> = std::iter::from_fn(|| semaphore.try_acquire()).collect();
/// assert_eq!(all.len(), 3);
/// drop(all);
/// assert_eq!(semaphore.available_permits(), 3);
/// ```
pub type Permit<'a> = Permits<&'a Semaphore>;

/// A [`Permit`] that keeps the semaphore alive until it is dropped.
///
/// ```
/// use amphi::{OwnedPermit, Semaphore};
/// use std::sync::Arc;
///
/// struct Connection {
///     _permit: OwnedPermit,
/// }
///
/// let limit = Arc::new(Semaphore::new(1));
/// let connection = Connection { _permit: limit.acquire_owned().block() };
/// assert!(limit.try_acquire().is_none());
/// drop(connection);
/// assert!(limit.try_acquire().is_some());
/// ```
pub type OwnedPermit = Permits<Arc<Semaphore>>;

/// The permits of a [`BoundedSemaphore`]: gives them back when it is dropped.
///
/// ```
/// use amphi::BoundedSemaphore;
/// use amphi::semaphore::BoundedPermit;
///
/// let semaphore = BoundedSemaphore::new(2);
/// let both: BoundedPermit<'_> = semaphore.acquire_many(2).block();
/// assert_eq!(both.count(), 2);
/// ```
pub type BoundedPermit<'a> = Permits<&'a BoundedSemaphore>;

/// A [`BoundedPermit`] that keeps the semaphore alive until it is dropped.
///
/// ```
/// use amphi::BoundedSemaphore;
/// use amphi::semaphore::OwnedBoundedPermit;
/// use std::sync::Arc;
///
/// let permit: OwnedBoundedPermit = Arc::new(BoundedSemaphore::new(1)).acquire_owned().block();
/// assert_eq!(permit.semaphore().max_permits(), 1);
/// ```
pub type OwnedBoundedPermit = Permits<Arc<BoundedSemaphore>>;

/// One permit or several, of a semaphore to which it refers by `S`.
///
/// [`Permit`], [`OwnedPermit`], [`BoundedPermit`] and [`OwnedBoundedPermit`] are its everyday names. They are given
/// back when it is dropped, also while unwinding, and on whatever thread. What a [`BoundedSemaphore`] has no room for,
/// because somebody has released too much before, is gone.
///
/// If this calls a waiter's waker and that panics, the panic comes out of the drop after everybody who was
/// to be woken has been; while unwinding it is swallowed.
///
/// # Panics
///
/// Dropping it panics if others have released so many permits that a word can't hold the sum.
///
/// ```
/// use amphi::{Semaphore, block_on};
///
/// let semaphore = Semaphore::new(3);
/// block_on(async {
///     let mut permits = semaphore.acquire_many(2).await;
///     permits.merge(semaphore.acquire().await);
///     drop(permits.split(1));
///     assert_eq!((permits.count(), semaphore.available_permits()), (2, 1));
/// });
/// assert_eq!(semaphore.available_permits(), 3);
/// ```
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

    /// How many permits there are in this.
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

    /// Drops this without giving the permits back: the semaphore has fewer of them from now on, until
    /// somebody releases as many.
    ///
    /// ```
    /// let semaphore = amphi::Semaphore::new(3);
    /// semaphore.acquire().block().forget();
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    #[doc(alias = "forget_permits")]
    pub fn forget(mut self) {
        self.count = 0;
    }

    /// Adds others to these, so that they are given back together.
    ///
    /// # Panics
    ///
    /// If they are from another semaphore, or if the sum is more than a `usize`. These stay as they are then, and the others are
    /// given back.
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
        self.count = sum.expect(super::raw::TOO_MANY);
        other.count = 0;
    }

    /// Takes some of these away, to be given back by themselves; `None` if there are fewer than that.
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
