//! The wait for the others at a barrier.

use super::generation::{Generation, OPEN, TRIPPED};
use super::{Barrier, BarrierWait};
use crate::error::BarrierError;
use crate::sync::atomic::{Ordering, fence};
use crate::sync::lock;
use crate::wait::{Alarm, Attempt, Line, Operation, Outcome, Turn, Waiter};
use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

/// The operation of [`Barrier::wait`].
///
/// # Cancel safety
///
/// Dropped while it waits, it withdraws, unless all have arrived already: then they go on without it.
///
/// ```
/// use amphi::barrier::Gather;
/// use amphi::{Barrier, Wait};
///
/// let barrier = Barrier::new(1);
/// let wait: Wait<Gather<'_>> = barrier.wait(); // it has not arrived yet
/// assert!(wait.block().is_ok());
/// ```
pub struct Gather<'a> {
    barrier: &'a Barrier,
    stage: Stage,
    /// The barrier's own timeout.
    alarm: Alarm,
    /// There is another one.
    has_timeout: bool,
}

/// How far a party has come.
///
/// | stage | meaning | who moves it on |
/// |---|---|---|
/// | `Away` | it has not arrived | the first attempt: to `Waits`; the last party's, and one at a broken barrier: to `Gone` |
/// | `Waits` | it has arrived, and its generation has it counted | an attempt that finds the generation's result, or its own time up: to `Gone`; dropped, it withdraws |
/// | `Gone` | it goes on, or has been sent away | `take`, which ends the wait |
pub(super) enum Stage {
    Away,
    Waits {
        generation: Arc<Generation>,
        index: usize,
    },
    Gone(Result<BarrierWait, BarrierError>),
}

impl<'a> Gather<'a> {
    #[inline]
    pub(super) fn new(barrier: &'a Barrier) -> Self {
        Gather {
            barrier,
            stage: Stage::Away,
            alarm: Alarm::default(),
            has_timeout: false,
        }
    }

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

impl Operation for Gather<'_> {
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
