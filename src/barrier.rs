//! [`Barrier`]: a place where a fixed number of parties wait for each other.

use crate::error::BarrierError;
use crate::sync::atomic::{AtomicU8, Ordering, fence};
use crate::sync::{Mutex, MutexGuard, local, lock};
use crate::wait::{Alarm, Attempt, Line, Operation, Outcome, Turn, Wait, WaitList, Waiter};
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

/// Gathers a fixed number of parties, threads and tasks: all wait until the last has arrived, and go on
/// together. Then it serves for the next time.
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
/// If one party's time is up it can't be waited for any more, so the others would wait for ever: the barrier
/// breaks, and all get an error, whoever comes after them as well, until
/// [`reset`](Barrier::reset). [`abort`](Barrier::abort) breaks it on purpose.
///
/// # When to take another type
///
/// Where the number is not fixed, or not all of those who wait have to arrive, take an
/// [`Event`](crate::Event), or a [`Semaphore`](crate::Semaphore) of zero from which one acquires as many as
/// there are to come.
#[doc(alias = "threading.Barrier")]
pub struct Barrier {
    parties: usize,
    action: Option<Box<dyn Fn() + Send + Sync>>,
    timeout: Option<Duration>,
    state: Mutex<State>,
    list: WaitList,
}

/// What arriving changes. No user code runs while its mutex is held.
///
/// | who | when | what becomes of the current generation |
/// |---|---|---|
/// | a party that arrives | it is not the last | has one more, who waits |
/// | the last one | it arrives | is replaced by a fresh one; tripped, or broken, when the action has ended |
/// | a party that waits | it is dropped | has one less |
/// | a party that waits | its time is up | broken, replaced by a fresh one, and so is the barrier |
/// | `abort`, `reset` | | the same; `reset` mends the barrier |
///
/// So whoever waits and finds that its generation is not the current one knows that it's decided.
struct State {
    generation: Arc<Generation>,
    /// An earlier one, to be used again when nobody refers to it any more.
    spare: Option<Arc<Generation>>,
    /// Of the current generation: how many have arrived, the index of the next one, and the indices below
    /// that of those who have withdrawn.
    arrived: usize,
    next: usize,
    withdrawn: BinaryHeap<Reverse<usize>>,
    broken: bool,
}

/// Those who go on together.
///
/// | `result` | meaning | who moves it on |
/// |---|---|---|
/// | `OPEN` | nobody goes on yet | the last to arrive, when the action has ended, to one of the others; a timeout, `abort`, `reset`: to `BROKEN` |
/// | `TRIPPED` | all have arrived | nobody; the last to arrive at a later one, when nobody refers to this one any more |
/// | `BROKEN` | they have not, or the action has failed | the same |
///
/// It is written before the list is woken and read after it was joined, with a full fence in between on both sides, so nobody
/// sleeps through it.
struct Generation {
    result: AtomicU8,
}

const OPEN: u8 = 0;
const TRIPPED: u8 = 1;
const BROKEN: u8 = 2;

impl Generation {
    fn new() -> Arc<Self> {
        Arc::new(Generation {
            result: AtomicU8::new(OPEN),
        })
    }
}

impl State {
    /// Replaces the current generation by a fresh one.
    fn end_generation(&mut self) -> Arc<Generation> {
        let mut fresh = self.spare.take();
        let unused = fresh.as_mut().and_then(Arc::get_mut);
        let fresh = match unused {
            Some(generation) => {
                generation.result = AtomicU8::new(OPEN);
                fresh.unwrap_or_else(Generation::new)
            }
            None => Generation::new(),
        };
        (self.arrived, self.next) = (0, 0);
        self.withdrawn.clear();
        let ended = std::mem::replace(&mut self.generation, fresh);
        self.spare = Some(ended.clone());
        ended
    }

    fn arrive(&mut self) -> usize {
        self.arrived += 1;
        match self.withdrawn.pop() {
            Some(Reverse(index)) => index,
            None => {
                self.next += 1;
                self.next - 1
            }
        }
    }
}

impl Barrier {
    /// Makes a barrier for so many parties.
    ///
    /// # Panics
    ///
    /// If there are none.
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
            state: Mutex::new(State {
                generation: Generation::new(),
                spare: None,
                arrived: 0,
                next: 0,
                withdrawn: BinaryHeap::new(),
                broken: false,
            }),
            list: WaitList::new(0),
        }
    }

    /// Has the last to arrive call this, each time, before anybody goes on.
    ///
    /// It runs under no lock, so it may use the barrier. Who arrives meanwhile belongs to the next generation. If it
    /// calls [`abort`](Barrier::abort) all of its generation get [`BarrierError::Broken`]. If it panics the last to
    /// arrive gets the panic, and the others `Broken`. In both cases the barrier is broken.
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

    /// Gives each party so much time, from its arrival. [`Wait::timeout`] takes the place of it.
    ///
    /// Without the feature `time` a party that has to be awaited panics then; it can be blocked on.
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
    /// A party arrives with the first poll, or with `block`. What any party did before it arrived is seen by all who go on.
    ///
    /// # Errors
    ///
    /// [`BarrierError::TimedOut`] if this party's time is up: then the barrier is broken. A zero
    /// timeout breaks it unless the party is the last. [`BarrierError::Broken`] if the barrier is broken, or gets broken
    /// or reset meanwhile.
    ///
    /// # Panics
    ///
    /// In the last to arrive, where the [action](Barrier::with_action) panics.
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
        Wait::new(Gather {
            barrier: self,
            stage: Stage::Away,
            alarm: Alarm::default(),
            has_timeout: false,
        })
    }

    /// Breaks the barrier until it's reset: those who wait get [`BarrierError::Broken`], and so does whoever
    /// comes.
    ///
    /// ```
    /// let barrier = amphi::Barrier::new(2);
    /// barrier.abort();
    /// assert!(barrier.is_broken());
    /// ```
    pub fn abort(&self) {
        ACTIONS.with(|actions| {
            let mut actions = actions.borrow_mut();
            let running = |action: &&mut Action| ptr::eq(action.barrier, self);
            if let Some(action) = actions.iter_mut().rev().find(running) {
                action.aborts = true;
            }
        });
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

    /// Sends those who wait away with an error.
    fn break_generation(&self, mut state: MutexGuard<'_, State>) {
        if state.arrived == 0 {
            return;
        }
        let generation = state.end_generation();
        drop(state);
        self.finish(&generation, BROKEN);
    }

    fn finish(&self, generation: &Generation, result: u8) {
        // Release: all that happened before any party arrived is seen by those who find this, by the Acquire in `look`.
        generation.result.store(result, Ordering::Release);
        // Pairs with the one in `attempt`: a list that is not there yet has no mutex to order the two.
        fence(Ordering::SeqCst);
        self.list.wake(usize::MAX);
    }

    /// Arrives.
    #[cold]
    fn arrive(&self) -> Stage {
        let mut state = lock(&self.state);
        if state.broken {
            return Stage::Gone(Err(BarrierError::Broken));
        }
        let index = state.arrive();
        if state.arrived < self.parties {
            let generation = state.generation.clone();
            return Stage::Waits { generation, index };
        }
        let generation = state.end_generation();
        drop(state);
        self.decide(&generation, index)
    }

    /// The last one has arrived: runs the action, and lets all go on.
    fn decide(&self, generation: &Generation, index: usize) -> Stage {
        let (panic, aborted) = match &self.action {
            None => (None, false),
            Some(action) => self.run(action),
        };
        let broken = panic.is_some() || aborted;
        // Those who have arrived meanwhile can't be left waiting at a broken barrier.
        let next = panic.as_ref().and_then(|_| {
            let mut state = lock(&self.state);
            state.broken = true;
            (state.arrived > 0).then(|| state.end_generation())
        });
        if let Some(next) = next {
            // Release: as in `finish`, which also wakes these.
            next.result.store(BROKEN, Ordering::Release);
        }
        let result = if broken { BROKEN } else { TRIPPED };
        let wakes = catch_unwind(AssertUnwindSafe(|| self.finish(generation, result)));
        match (panic, wakes) {
            (None, Ok(())) => {}
            (None, Err(panic)) => resume_unwind(panic),
            (Some(panic), wakes) => {
                // Of two panics the first goes on; to drop the other may panic as well.
                std::mem::forget(wakes);
                resume_unwind(panic);
            }
        }
        let leader = true;
        Stage::Gone(match broken {
            false => Ok(BarrierWait { index, leader }),
            true => Err(BarrierError::Broken),
        })
    }

    /// Runs the action. Returns its panic, and whether it has aborted the barrier.
    fn run(
        &self,
        action: &(dyn Fn() + Send + Sync),
    ) -> (Option<Box<dyn std::any::Any + Send>>, bool) {
        ACTIONS.with(|actions| {
            actions.borrow_mut().push(Action {
                barrier: self,
                aborts: false,
            });
        });
        let panic = catch_unwind(AssertUnwindSafe(action)).err();
        let ran = ACTIONS.with(|actions| {
            let mut actions = actions.borrow_mut();
            let ran = actions.pop();
            if actions.is_empty() {
                **actions = Vec::new();
            }
            ran
        });
        (panic, ran.is_some_and(|action| action.aborts))
    }
}

/// An action that this thread is running.
struct Action {
    barrier: *const Barrier,
    /// Has called `abort`.
    aborts: bool,
}

local! {
    /// The actions this thread is running, one within the other. An `abort` from within one concerns its generation, one
    /// from elsewhere does not any more. Without a destructor, so that it's there as long as the thread is.
    static ACTIONS: RefCell<ManuallyDrop<Vec<Action>>> =
        RefCell::new(ManuallyDrop::new(Vec::new()));
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWait {
    index: usize,
    leader: bool,
}

impl BarrierWait {
    /// The order of arrival, from 0 to the number of parties less one; each once in a generation. Where a party had
    /// withdrawn, the next to arrive has taken the lowest index that was free.
    ///
    /// ```
    /// let barrier = amphi::Barrier::new(1);
    /// assert_eq!(barrier.wait().block().unwrap().index(), 0);
    /// ```
    pub fn index(&self) -> usize {
        self.index
    }

    /// Whether it was the last to arrive: one in each generation.
    ///
    /// ```
    /// let barrier = amphi::Barrier::new(1);
    /// assert!(barrier.wait().block().unwrap().is_leader());
    /// ```
    pub fn is_leader(&self) -> bool {
        self.leader
    }
}

/// The operation of [`Barrier::wait`].
///
/// # Cancel safety
///
/// Dropped while it waits, it withdraws; unless all have arrived already: they go on without it.
pub struct Gather<'a> {
    barrier: &'a Barrier,
    stage: Stage,
    /// The barrier's own timeout.
    alarm: Alarm,
    /// There is another one.
    has_timeout: bool,
}

/// How far a party has come.
enum Stage {
    /// Not arrived.
    Away,
    Waits {
        generation: Arc<Generation>,
        index: usize,
    },
    /// It goes on, or has been sent away.
    Gone(Result<BarrierWait, BarrierError>),
}

impl Gather<'_> {
    /// Whether there is a result.
    fn look(&mut self) -> bool {
        match &self.stage {
            Stage::Away => false,
            Stage::Gone(_) => true,
            Stage::Waits { generation, index } => {
                // Acquire: pairs with the Release in `finish`.
                let result = match generation.result.load(Ordering::Acquire) {
                    OPEN => return false,
                    TRIPPED => Ok(BarrierWait {
                        index: *index,
                        leader: false,
                    }),
                    _ => Err(BarrierError::Broken),
                };
                self.stage = Stage::Gone(result);
                true
            }
        }
    }
}

impl Attempt for Gather<'_> {
    fn is_brief(&self, blocks: bool) -> bool {
        // A task that spins keeps others from arriving, unless there is but one to come.
        match &self.stage {
            Stage::Waits { index, .. } => blocks || index + 2 >= self.barrier.parties,
            _ => false,
        }
    }

    #[inline]
    fn fast(&mut self, _: bool) -> bool {
        if let Stage::Away = self.stage {
            self.stage = self.barrier.arrive();
            if !self.has_timeout {
                self.alarm = self.barrier.timeout.map(Alarm::after).unwrap_or_default();
            }
        }
        self.look()
    }

    fn list(&self) -> &dyn Line {
        &self.barrier.list
    }

    fn attempt(&mut self, turn: Turn) -> Outcome {
        if turn.is(Turn::QUEUED) {
            // Pairs with the one in `finish`.
            fence(Ordering::SeqCst);
        }
        match self.fast(false) {
            true => Outcome::Done,
            false => Outcome::Refused,
        }
    }

    fn pass_on(&mut self) {
        // Everybody is told at the same time.
    }

    fn alarm(&mut self) -> Option<&mut Alarm> {
        Some(&mut self.alarm)
    }

    fn without_alarm(&mut self) {
        self.has_timeout = true;
        self.alarm = Alarm::default();
    }

    fn expire(&mut self, waiter: &mut Waiter) -> bool {
        let Stage::Waits { generation, .. } = &self.stage else {
            return true;
        };
        let mut state = lock(&self.barrier.state);
        if !Arc::ptr_eq(generation, &state.generation) {
            // It's decided, and the result comes when the action has ended.
            return false;
        }
        state.broken = true;
        self.stage = Stage::Gone(Err(BarrierError::TimedOut));
        self.barrier.break_generation(state);
        waiter.leave(&self.barrier.list);
        true
    }
}

impl<'a> Operation for Gather<'a> {
    type Output = Result<BarrierWait, BarrierError>;
    type Timed = Result<BarrierWait, BarrierError>;

    fn take(&mut self) -> Self::Output {
        match std::mem::replace(&mut self.stage, Stage::Away) {
            Stage::Gone(result) => result,
            _ => unreachable!("an attempt is done with a result"),
        }
    }

    fn in_time(&mut self, result: Self::Output) -> Self::Timed {
        result
    }

    fn timed_out(&mut self) -> Self::Timed {
        self.take()
    }

    fn overdue(&mut self) -> Self::Output {
        self.take()
    }
}

impl Drop for Gather<'_> {
    fn drop(&mut self) {
        if let Stage::Waits { generation, index } = &self.stage {
            let mut state = lock(&self.barrier.state);
            if Arc::ptr_eq(generation, &state.generation) {
                state.arrived -= 1;
                state.withdrawn.push(Reverse(*index));
            }
        }
    }
}

impl fmt::Debug for Gather<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").finish_non_exhaustive()
    }
}
