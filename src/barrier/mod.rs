//! [`Barrier`]: a place where a fixed number of parties wait for each other.

// | file | subject |
// |---|---|
// | `mod.rs` | the barrier as its users see it |
// | `generation.rs` | those who go on together: their arrival, and what becomes of them |
// | `gather.rs` | the wait for the others |

mod gather;
mod generation;

pub use gather::Gather;

#[cfg(doc)]
use crate::error::BarrierError;
use crate::sync::{Mutex, lock};
use crate::wait::{Wait, WaitList};
use generation::State;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

/// Gathers a fixed number of parties, threads and tasks: all wait until the last has arrived, and go on
/// together. Then it can be used again.
///
/// It behaves like Python's `threading.Barrier`.
///
/// ```
/// use amphi::{Barrier, block_on};
/// use std::thread;
///
/// static START: std::sync::LazyLock<Barrier> = std::sync::LazyLock::new(|| Barrier::new(3));
///
/// let thread = thread::spawn(|| START.wait().block());
/// let task = thread::spawn(|| block_on(async { START.wait().await }));
/// let mine = START.wait().block()?;
/// let mut indices = [mine, thread.join().unwrap()?, task.join().unwrap()?].map(|wait| wait.index());
/// indices.sort();
/// assert_eq!(indices, [0, 1, 2]);
/// # Ok::<_, amphi::BarrierError>(())
/// ```
///
/// # Generations
///
/// The parties that go on together are a generation. When its last party arrives it is decided: what others do
/// from then on (a timeout, a drop, `abort`, `reset`) concerns the next generation. The last one runs
/// the [action](Barrier::with_action), if there is one, before anybody goes on.
///
/// # A broken barrier
///
/// If one party's time is up it can't be waited for any more, and the others would wait for ever. So the barrier
/// breaks, and all of them get an error, as does whoever comes after them, until
/// [`reset`](Barrier::reset). [`abort`](Barrier::abort) breaks it on purpose.
///
/// # When to take another type
///
/// Where the number is not fixed, or where those who wait are not those who arrive, take an
/// [`Event`](crate::Event), or a [`Semaphore`](crate::Semaphore) of zero from which one acquires as many permits as
/// there are to come.
#[doc(alias = "threading.Barrier")]
#[doc(alias = "CyclicBarrier")]
pub struct Barrier {
    parties: usize,
    action: Option<Box<dyn Fn() + Send + Sync>>,
    timeout: Option<Duration>,
    state: Mutex<State>,
    list: WaitList,
}

impl Barrier {
    /// Makes a barrier for this many parties.
    ///
    /// # Panics
    ///
    /// If `parties` is zero.
    ///
    /// ```
    /// let barrier = amphi::Barrier::new(1);
    /// assert!(barrier.wait().block().unwrap().is_leader());
    /// ```
    pub fn new(parties: usize) -> Self {
        assert!(parties > 0, "a barrier needs at least one party");
        Barrier {
            parties,
            action: None,
            timeout: None,
            state: Mutex::new(State::new()),
            list: WaitList::new(0),
        }
    }

    /// Has the last party to arrive call this, each time, before anybody goes on.
    ///
    /// It runs under no lock, so it may use the barrier. Whoever arrives meanwhile belongs to the next generation. If it
    /// calls [`abort`](Barrier::abort), all of its generation get [`BarrierError::Broken`]. If it panics, the last to
    /// arrive gets the panic, and the others get `Broken`. In both cases the barrier is broken.
    ///
    /// ```
    /// use amphi::Barrier;
    /// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    ///
    /// static ROUNDS: AtomicU32 = AtomicU32::new(0);
    ///
    /// let barrier = Barrier::new(1).with_action(|| {
    ///     ROUNDS.fetch_add(1, Relaxed);
    /// });
    /// barrier.wait().block().unwrap();
    /// assert_eq!(ROUNDS.load(Relaxed), 1);
    /// ```
    #[must_use]
    pub fn with_action(self, action: impl Fn() + Send + Sync + 'static) -> Self {
        Barrier {
            action: Some(Box::new(action)),
            ..self
        }
    }

    /// Gives each party this much time from its arrival, unless it has a [timeout](Wait::timeout) of its own.
    ///
    /// Without the feature `time` such a barrier can only be blocked on: to await it panics if it has to wait.
    ///
    /// ```
    /// use amphi::{Barrier, BarrierError};
    /// use std::time::Duration;
    ///
    /// let barrier = Barrier::new(2).with_timeout(Duration::from_millis(5));
    /// assert_eq!(barrier.wait().block().err(), Some(BarrierError::TimedOut));
    /// assert!(barrier.is_broken());
    /// ```
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Barrier {
            timeout: Some(timeout),
            ..self
        }
    }

    /// Arrives, and waits until all have arrived.
    ///
    /// A party arrives with the first poll, or with `block`. What any party did before it arrived is seen by all that go on.
    ///
    /// # Errors
    ///
    /// [`BarrierError::TimedOut`] if this party's time is up: then the barrier is broken. A zero
    /// timeout breaks it unless the party is the last. [`BarrierError::Broken`] if the barrier is broken, or gets broken
    /// or reset meanwhile.
    ///
    /// # Panics
    ///
    /// In the last to arrive, if the [action](Barrier::with_action) panics.
    ///
    /// # Cancel safety
    ///
    /// A wait that is dropped withdraws: it has not arrived, and another party can take its place. If all
    /// had arrived already they go on without it.
    ///
    /// ```
    /// use amphi::{Barrier, block_on};
    /// use std::thread;
    ///
    /// let barrier = Barrier::new(2);
    /// thread::scope(|scope| {
    ///     let thread = scope.spawn(|| barrier.wait().block());
    ///     let mine = block_on(async { barrier.wait().await })?; // a task
    ///     let other = thread.join().unwrap()?;
    ///     assert!(mine.is_leader() != other.is_leader());
    ///     Ok::<_, amphi::BarrierError>(())
    /// })?;
    /// # Ok::<_, amphi::BarrierError>(())
    /// ```
    #[inline]
    pub fn wait(&self) -> Wait<Gather<'_>> {
        Wait::new(Gather::new(self))
    }

    /// Breaks the barrier until it is reset: those who wait get [`BarrierError::Broken`], and so does whoever
    /// comes after that.
    ///
    /// ```
    /// let barrier = amphi::Barrier::new(2);
    /// barrier.abort();
    /// assert!(barrier.is_broken());
    /// ```
    pub fn abort(&self) {
        self.abort_from_action();
        let mut state = lock(&self.state);
        state.broken = true;
        self.break_generation(state);
    }

    /// Makes the barrier as it was in the beginning. Those who wait get [`BarrierError::Broken`].
    ///
    /// ```
    /// let barrier = amphi::Barrier::new(1);
    /// barrier.abort();
    /// barrier.reset();
    /// assert!(barrier.wait().block().is_ok());
    /// ```
    pub fn reset(&self) {
        let mut state = lock(&self.state);
        state.broken = false;
        self.break_generation(state);
    }

    /// Whether the barrier is broken.
    ///
    /// ```
    /// assert!(!amphi::Barrier::new(2).is_broken());
    /// ```
    pub fn is_broken(&self) -> bool {
        lock(&self.state).broken
    }

    /// How many have arrived and wait for the others.
    ///
    /// ```
    /// assert_eq!(amphi::Barrier::new(2).waiting(), 0);
    /// ```
    #[doc(alias = "n_waiting")]
    pub fn waiting(&self) -> usize {
        lock(&self.state).arrived
    }

    /// How many parties it takes.
    ///
    /// ```
    /// assert_eq!(amphi::Barrier::new(2).parties(), 2);
    /// ```
    pub fn parties(&self) -> usize {
        self.parties
    }
}

// An action that panics leaves the barrier broken, not inconsistent.
impl UnwindSafe for Barrier {}
impl RefUnwindSafe for Barrier {}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.state);
        f.debug_struct("Barrier")
            .field("parties", &self.parties)
            .field("waiting", &state.arrived)
            .field("broken", &state.broken)
            .finish_non_exhaustive()
    }
}

/// One party of a generation that has gone on: what [`Barrier::wait`] gives.
///
/// ```
/// use amphi::{Barrier, BarrierWait};
///
/// let alone: BarrierWait = Barrier::new(1).wait().block()?;
/// assert_eq!((alone.index(), alone.is_leader()), (0, true));
/// # Ok::<_, amphi::BarrierError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWait {
    index: usize,
    leader: bool,
}

impl BarrierWait {
    /// The order of arrival, from 0 to the number of parties minus one; each number once in a generation. Where parties had
    /// withdrawn, the next to arrive took the lowest number that was free.
    ///
    /// ```
    /// let barrier = amphi::Barrier::new(1);
    /// assert_eq!(barrier.wait().block().unwrap().index(), 0);
    /// ```
    pub fn index(&self) -> usize {
        self.index
    }

    /// Whether it was the last to arrive, as one is in each generation.
    ///
    /// ```
    /// let barrier = amphi::Barrier::new(1);
    /// assert!(barrier.wait().block().unwrap().is_leader());
    /// ```
    pub fn is_leader(&self) -> bool {
        self.leader
    }
}
