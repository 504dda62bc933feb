//! [`Semaphore`] and [`BoundedSemaphore`]: a limited number at a time.

// | file | subject |
// |---|---|
// | `mod.rs` | the semaphores as their users see them, and the wait for permits |
// | `permit.rs` | what one holds of them |
// | `raw.rs` | one word, and the list of those who wait |

mod permit;
mod raw;

pub use permit::{BoundedPermit, OwnedBoundedPermit, OwnedPermit, Permit, Permits};

use crate::error::ReleaseError;
use crate::sync::const_fn;
use crate::wait::{Attempt, Line, Operation, Outcome, Turn, Wait, Waiter, or_timed_out};
use raw::RawSemaphore;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Admits a limited number of threads and tasks at the same time.
///
/// It holds permits. [`acquire`](CountingSemaphore::acquire) takes one, or waits until there is one; the
/// [`Permit`] gives it back when it is dropped. Anybody may [`release`](CountingSemaphore::release) more permits
/// than there were in the beginning; where that would be a mistake, take a [`BoundedSemaphore`].
///
/// It behaves like Python's `threading.Semaphore`. Several permits at once, and what can be done with them, are as in tokio.
///
/// ```
/// use amphi::{Semaphore, block_on};
/// use std::thread;
///
/// static CONNECTIONS: Semaphore = Semaphore::new(2);
///
/// let first = CONNECTIONS.acquire().block();
/// let second = CONNECTIONS.acquire().block();
/// assert!(CONNECTIONS.try_acquire().is_none());
/// let thread = thread::spawn(|| drop(CONNECTIONS.acquire().block()));
/// drop(first);
/// block_on(async {
///     let _permit = CONNECTIONS.acquire().await;
/// });
/// thread.join().unwrap();
/// # drop(second);
/// ```
///
/// # When to take another type
///
/// To protect data that only one may use at a time, take a [`Mutex`](crate::Mutex): it is a semaphore of one that knows
/// what it protects. To wait until something has happened, take an [`Event`](crate::Event); if every time that it happens
/// counts, a semaphore of zero that others release.
///
/// # Fairness
///
/// Those who wait are notified first come, first served, as far as there are enough permits for them, threads as well as
/// tasks. A newcomer may be quicker than somebody who has to wake up. No waiter starves: one
/// that has waited in vain for some milliseconds has the permits kept for it as they come back. So a
/// request for [many](CountingSemaphore::acquire_many) gets them even if others always take one. While permits
/// gather for it, those who ask for fewer wait as well, unless it does not answer within a
/// millisecond when it is asked whether it still waits. `try_acquire` and expired timeouts take whatever is there.
///
/// Somebody who holds permits and waits for more can deadlock with another who does the same: acquire
/// all of them at once.
#[doc(alias = "threading.Semaphore")]
#[doc(alias = "counting_semaphore")]
pub type Semaphore = CountingSemaphore<Unbounded>;

/// A [`Semaphore`] that never has more permits than in the beginning.
///
/// It is for things of which there is a fixed number, where giving back more than was taken is a mistake: that is
/// noticed here, as by Python's `threading.BoundedSemaphore`.
///
/// ```
/// use amphi::{BoundedSemaphore, ReleaseError, block_on};
///
/// let seats = BoundedSemaphore::new(3);
/// drop(seats.acquire().block()); // a thread
/// block_on(async { seats.acquire().await.forget() }); // a task
/// assert_eq!(seats.available_permits(), 2);
/// assert_eq!(seats.release(1), Ok(()));
/// assert_eq!(seats.release(1), Err(ReleaseError));
/// assert_eq!(seats.available_permits(), 3);
/// ```
#[doc(alias = "threading.BoundedSemaphore")]
pub type BoundedSemaphore = CountingSemaphore<Bounded>;

/// A semaphore; `B` says whether its number of permits has a bound. Its everyday names are
/// [`Semaphore`] and [`BoundedSemaphore`].
///
/// ```
/// use amphi::semaphore::{Bound, CountingSemaphore};
/// use amphi::{BoundedSemaphore, Semaphore};
///
/// /// Takes both.
/// fn is_exhausted<B: Bound>(semaphore: &CountingSemaphore<B>) -> bool {
///     semaphore.available_permits() == 0
/// }
/// assert!(is_exhausted(&Semaphore::new(0)));
/// assert!(!is_exhausted(&BoundedSemaphore::new(1)));
/// ```
pub struct CountingSemaphore<B> {
    raw: RawSemaphore,
    bound: B,
}

/// How many permits there can be: [`Unbounded`] or [`Bounded`]. The trait is sealed.
///
/// [`CountingSemaphore`] has an example.
pub trait Bound: sealed::Bound {}

/// The bound of a [`Semaphore`]: as many permits as fit into a word beside some marks, which is 2^61 - 1, or 2^29 - 1 where a
/// word has 32 bits.
#[derive(Clone, Copy, Debug)]
pub struct Unbounded(());

/// The bound of a [`BoundedSemaphore`]: no more permits than in the beginning.
#[derive(Clone, Copy, Debug)]
pub struct Bounded(usize);

impl Bound for Unbounded {}
impl Bound for Bounded {}

mod sealed {
    use super::raw::{MAX, RawSemaphore, TOO_MANY};

    pub trait Bound {
        fn max(&self) -> usize;

        /// Adds permits that were taken before.
        fn give_back(&self, raw: &RawSemaphore, permits: usize);
    }

    impl Bound for super::Unbounded {
        #[inline]
        fn max(&self) -> usize {
            MAX
        }

        #[inline]
        fn give_back(&self, raw: &RawSemaphore, permits: usize) {
            assert!(raw.release(permits, MAX), "{TOO_MANY}");
        }
    }

    impl Bound for super::Bounded {
        #[inline]
        fn max(&self) -> usize {
            self.0
        }

        #[inline]
        fn give_back(&self, raw: &RawSemaphore, permits: usize) {
            raw.release_some(permits, self.0);
        }
    }

    pub trait Ref {}
    impl<B> Ref for &super::CountingSemaphore<B> {}
    impl<B> Ref for super::Arc<super::CountingSemaphore<B>> {}
}

impl CountingSemaphore<Unbounded> {
    const_fn! {
        /// Makes a semaphore with this many permits.
        ///
        /// # Panics
        ///
        /// If a word can't hold them: more than 2^61 - 1, or 2^29 - 1 where a word has 32 bits.
        ///
        /// ```
        /// static LIMIT: amphi::Semaphore = amphi::Semaphore::new(10);
        /// assert_eq!(LIMIT.available_permits(), 10);
        /// ```
        pub const fn new(permits: usize) -> Self {
            CountingSemaphore { raw: RawSemaphore::new(permits), bound: Unbounded(()) }
        }
    }

    /// Adds permits, whether they have been acquired before or not.
    ///
    /// What happened before the release is seen by whoever acquires the permits.
    ///
    /// # Panics
    ///
    /// If a word can't hold that many permits; nothing has changed then.
    ///
    /// ```
    /// let done = amphi::Semaphore::new(0);
    /// std::thread::scope(|scope| {
    ///     for _ in 0..3 {
    ///         scope.spawn(|| done.release(1));
    ///     }
    ///     done.acquire_many(3).block().forget();
    /// });
    /// assert_eq!(done.available_permits(), 0);
    /// ```
    #[doc(alias = "add_permits")]
    #[inline]
    pub fn release(&self, permits: usize) {
        sealed::Bound::give_back(&self.bound, &self.raw, permits);
    }
}

impl CountingSemaphore<Bounded> {
    const_fn! {
        /// Makes a semaphore with this many permits, which will never have more.
        ///
        /// # Panics
        ///
        /// If a word can't hold them: more than 2^61 - 1, or 2^29 - 1 where a word has 32 bits.
        ///
        /// ```
        /// static SEATS: amphi::BoundedSemaphore = amphi::BoundedSemaphore::new(3);
        /// assert_eq!(SEATS.max_permits(), 3);
        /// ```
        pub const fn new(permits: usize) -> Self {
            CountingSemaphore { raw: RawSemaphore::new(permits), bound: Bounded(permits) }
        }
    }

    /// Gives back permits whose [`Permits`] have been forgotten.
    ///
    /// What happened before the release is seen by whoever acquires the permits.
    ///
    /// # Errors
    ///
    /// If there would be more permits than in the beginning; nothing has changed then.
    ///
    /// ```
    /// let semaphore = amphi::BoundedSemaphore::new(2);
    /// semaphore.acquire_many(2).block().forget();
    /// assert!(semaphore.release(3).is_err());
    /// assert!(semaphore.release(2).is_ok());
    /// ```
    #[inline]
    pub fn release(&self, permits: usize) -> Result<(), ReleaseError> {
        match self.raw.release(permits, self.bound.0) {
            true => Ok(()),
            false => Err(ReleaseError),
        }
    }

    /// How many permits there were in the beginning.
    ///
    /// ```
    /// assert_eq!(amphi::BoundedSemaphore::new(2).max_permits(), 2);
    /// ```
    pub fn max_permits(&self) -> usize {
        self.bound.0
    }
}

impl<B: Bound> CountingSemaphore<B> {
    /// Waits until there is a permit and takes it.
    ///
    /// With a timeout it gives `Err(TimedOut)` if that has not happened in time.
    ///
    /// # Cancel safety
    ///
    /// Dropping it gives up its place in the queue. No permit is lost, and if it had already been woken, the next waiter is
    /// woken instead.
    ///
    /// ```
    /// use amphi::{Semaphore, TimedOut, block_on};
    /// use std::time::Duration;
    ///
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.acquire().block();
    /// block_on(async {
    ///     let second = semaphore.acquire().timeout(Duration::from_millis(1)).await;
    ///     assert_eq!(second.err(), Some(TimedOut));
    ///     drop(permit);
    ///     semaphore.acquire().await;
    /// });
    /// ```
    #[doc(alias = "acquire_blocking")]
    #[inline]
    pub fn acquire(&self) -> Wait<Acquire<&Self>> {
        self.acquire_many(1)
    }

    /// Waits until there are this many permits at the same time, and takes them. No permits at all are there at once.
    ///
    /// It holds none until it gets all of them, and it is not starved by requests for fewer.
    ///
    /// # Cancel safety
    ///
    /// As for [`acquire`](Self::acquire).
    ///
    /// # Panics
    ///
    /// At once, if there can never be that many: more than the bound of a [`BoundedSemaphore`], or than a word holds.
    ///
    /// ```
    /// use amphi::{Semaphore, block_on};
    ///
    /// let semaphore = Semaphore::new(3);
    /// let two = semaphore.acquire_many(2).block(); // a thread
    /// assert!(semaphore.try_acquire_many(2).is_none());
    /// drop(two);
    /// let three = block_on(async { semaphore.acquire_many(3).await }); // a task
    /// assert_eq!((three.count(), semaphore.available_permits()), (3, 0));
    /// ```
    #[inline]
    pub fn acquire_many(&self, permits: usize) -> Wait<Acquire<&Self>> {
        Wait::new(Acquire::new(self, permits))
    }

    /// Like [`acquire`](Self::acquire), with a permit that keeps the semaphore alive by itself.
    ///
    /// # Cancel safety
    ///
    /// As for [`acquire`](Self::acquire).
    ///
    /// ```
    /// use amphi::{Semaphore, block_on};
    /// use std::sync::Arc;
    /// use std::thread;
    ///
    /// let semaphore = Arc::new(Semaphore::new(1));
    /// let permit = semaphore.acquire_owned().block();
    /// let thread = thread::spawn(move || drop(permit)); // it takes the permit along
    /// let permit = block_on(async { semaphore.acquire_owned().await });
    /// thread.join().unwrap();
    /// assert_eq!(permit.semaphore().available_permits(), 0);
    /// ```
    #[doc(alias = "acquire_arc")]
    #[inline]
    pub fn acquire_owned(self: &Arc<Self>) -> Wait<Acquire<Arc<Self>>> {
        self.acquire_many_owned(1)
    }

    /// Like [`acquire_many`](Self::acquire_many), with permits that keep the semaphore alive by themselves.
    ///
    /// # Cancel safety
    ///
    /// As for [`acquire`](Self::acquire).
    ///
    /// # Panics
    ///
    /// At once, if there can never be that many.
    ///
    /// ```
    /// use amphi::{Semaphore, block_on};
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(Semaphore::new(3));
    /// let mut permits = semaphore.acquire_many_owned(2).block();
    /// permits.merge(block_on(async { semaphore.acquire_many_owned(1).await }));
    /// assert_eq!(permits.count(), 3);
    /// ```
    #[inline]
    pub fn acquire_many_owned(self: &Arc<Self>, permits: usize) -> Wait<Acquire<Arc<Self>>> {
        Wait::new(Acquire::new(self.clone(), permits))
    }

    /// Takes a permit if there is one, and never waits.
    ///
    /// ```
    /// let semaphore = amphi::Semaphore::new(1);
    /// let permit = semaphore.try_acquire().unwrap();
    /// assert!(semaphore.try_acquire().is_none());
    /// # drop(permit);
    /// ```
    #[must_use = "the permits are given back as soon as they are dropped"]
    #[inline]
    pub fn try_acquire(&self) -> Option<Permits<&Self>> {
        self.try_acquire_many(1)
    }

    /// Takes this many permits if they are there, and never waits.
    ///
    /// # Panics
    ///
    /// If there can never be that many.
    ///
    /// ```
    /// let semaphore = amphi::Semaphore::new(2);
    /// assert!(semaphore.try_acquire_many(3).is_none());
    /// ```
    #[must_use = "the permits are given back as soon as they are dropped"]
    #[inline]
    pub fn try_acquire_many(&self, permits: usize) -> Option<Permits<&Self>> {
        Acquire::new(self, permits).at_once()
    }

    /// Like [`try_acquire`](Self::try_acquire), with a permit that keeps the semaphore alive by itself.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(amphi::Semaphore::new(1));
    /// let permit = semaphore.try_acquire_owned();
    /// assert_eq!(semaphore.available_permits(), 0);
    /// # drop(permit);
    /// ```
    #[must_use = "the permits are given back as soon as they are dropped"]
    #[inline]
    pub fn try_acquire_owned(self: &Arc<Self>) -> Option<Permits<Arc<Self>>> {
        self.try_acquire_many_owned(1)
    }

    /// Like [`try_acquire_many`](Self::try_acquire_many), with permits that keep the semaphore alive by themselves.
    ///
    /// # Panics
    ///
    /// If there can never be that many.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(amphi::Semaphore::new(2));
    /// assert!(semaphore.try_acquire_many_owned(2).is_some());
    /// ```
    #[must_use = "the permits are given back as soon as they are dropped"]
    #[inline]
    pub fn try_acquire_many_owned(self: &Arc<Self>, permits: usize) -> Option<Permits<Arc<Self>>> {
        Acquire::new(self.clone(), permits).at_once()
    }

    /// How many permits there are at this moment, which may be over when this returns.
    ///
    /// ```
    /// let semaphore = amphi::Semaphore::new(2);
    /// semaphore.release(1);
    /// assert_eq!(semaphore.available_permits(), 3);
    /// ```
    pub fn available_permits(&self) -> usize {
        self.raw.available()
    }
}

impl<B> fmt::Debug for CountingSemaphore<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("permits", &self.raw.available())
            .finish_non_exhaustive()
    }
}

/// How an operation or a permit refers to its semaphore: by reference, or by [`Arc`].
///
/// The trait is sealed: it is implemented for `&Semaphore` and `Arc<Semaphore>`, and likewise for [`BoundedSemaphore`].
///
/// ```
/// use amphi::Semaphore;
/// use amphi::semaphore::{Permits, SemaphoreRef};
///
/// /// Takes the permits of all semaphores.
/// fn halve<S: SemaphoreRef>(permits: &mut Permits<S>) -> Permits<S> {
///     permits.split(permits.count() / 2).unwrap()
/// }
///
/// let semaphore = Semaphore::new(4);
/// let mut permits = semaphore.acquire_many(4).block();
/// assert_eq!(halve(&mut permits).count(), 2);
/// ```
pub trait SemaphoreRef:
    Deref<Target = CountingSemaphore<Self::Bound>> + Clone + sealed::Ref
{
    /// Of which kind it is.
    type Bound: Bound;
}

impl<B: Bound> SemaphoreRef for &CountingSemaphore<B> {
    type Bound = B;
}

impl<B: Bound> SemaphoreRef for Arc<CountingSemaphore<B>> {
    type Bound = B;
}

/// The operation of taking permits; `S` says how it refers to the semaphore.
///
/// # Cancel safety
///
/// Dropped while it waits, it gives up its place in the queue. No permit is lost, and if it had already been woken, the next
/// waiter is woken instead.
///
/// ```
/// use amphi::semaphore::Acquire;
/// use amphi::{Semaphore, Wait};
///
/// let semaphore = Semaphore::new(1);
/// let wait: Wait<Acquire<&Semaphore>> = semaphore.acquire();
/// assert_eq!(wait.block().count(), 1);
/// ```
pub struct Acquire<S: SemaphoreRef> {
    /// `None` once the permits have been made.
    semaphore: Option<S>,
    permits: usize,
}

impl<S: SemaphoreRef> Acquire<S> {
    #[inline]
    fn new(semaphore: S, permits: usize) -> Self {
        let max = sealed::Bound::max(&semaphore.bound);
        assert!(
            permits <= max,
            "{permits} permits can never be acquired: there are at most {max}"
        );
        Acquire {
            semaphore: Some(semaphore),
            permits,
        }
    }

    #[inline]
    fn raw(&self) -> &RawSemaphore {
        &self.semaphore.as_ref().expect(TAKEN).raw
    }

    #[inline]
    fn at_once(mut self) -> Option<Permits<S>> {
        let acquired = self.raw().try_acquire(self.permits);
        acquired.then(|| self.take())
    }
}

const TAKEN: &str = "the permits have been taken";

impl<S: SemaphoreRef> Attempt for Acquire<S> {
    #[inline]
    fn fast(&mut self, _: bool) -> bool {
        self.raw().acquire_fast(self.permits)
    }

    fn is_brief(&self, _: bool) -> bool {
        self.raw().is_brief()
    }

    fn need(&self) -> usize {
        self.permits
    }

    fn list(&self) -> &dyn Line {
        self.raw().list()
    }

    fn attempt(&mut self, turn: Turn) -> Outcome {
        self.raw().attempt(self.permits, turn)
    }

    fn undo(&mut self) {
        let semaphore = self.semaphore.as_ref().expect(TAKEN);
        sealed::Bound::give_back(&semaphore.bound, &semaphore.raw, self.permits);
    }

    fn pass_on(&mut self) {
        self.raw().pass_on(self.permits);
    }

    fn leave_to_others(&mut self) {
        self.raw().serve();
    }

    fn expire(&mut self, waiter: &mut Waiter) -> bool {
        // It may have heard of permits only now, before it was known that the time is up, and found too few of them.
        let told = waiter.has_been_woken_in_vain();
        waiter.abandon(self);
        if told {
            self.pass_on();
        }
        true
    }

    fn settle_up(&mut self) {
        self.raw().serve();
    }

    fn reserve(&mut self, again: bool) -> bool {
        self.raw().reserve(again)
    }

    fn call_favoured(&mut self) {
        self.raw().call_favoured();
    }

    fn lift_reservation(&mut self) {
        self.raw().lift_reservation();
    }
}

impl<S: SemaphoreRef> Operation for Acquire<S> {
    or_timed_out!(Permits<S>);

    #[inline]
    fn take(&mut self) -> Permits<S> {
        Permits::new(self.semaphore.take().expect(TAKEN), self.permits)
    }
}

impl<S: SemaphoreRef> fmt::Debug for Acquire<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire")
            .field("permits", &self.permits)
            .finish_non_exhaustive()
    }
}
