//! The parties that go on together: how they arrive, and how it is decided what becomes of them.

use super::gather::Stage;
use super::{Barrier, BarrierWait};
use crate::error::BarrierError;
use crate::first_panic::FirstPanic;
use crate::sync::atomic::{AtomicU8, Ordering, fence};
use crate::sync::{MutexGuard, local, lock};
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

/// What arriving changes. No user code runs while its mutex is held.
///
/// | who | when | what becomes of the current generation |
/// |---|---|---|
/// | a party that arrives | it is not the last | has one more, who waits |
/// | the last one | it arrives | is replaced by a fresh one; tripped, or broken, when the action has ended |
/// | the last one | its action panics | broken, if anybody has come meanwhile, and replaced by a fresh one; the barrier is broken in any case |
/// | a party that waits | it is dropped | has one fewer |
/// | a party that waits | its time is up | broken, replaced by a fresh one, and so is the barrier |
/// | `abort` | | the barrier is broken; so is this, and replaced by a fresh one, if anybody waits |
/// | `reset` | | the barrier is mended; broken, and replaced by a fresh one, if anybody waits |
///
/// So whoever waits and finds that its generation is not the current one knows that it's decided.
pub(super) struct State {
    pub(super) generation: Arc<Generation>,
    /// An earlier one, to be used again when nobody refers to it any more.
    spare: Option<Arc<Generation>>,
    /// Of the current generation: how many have arrived, the index of the next one, and the indices below
    /// that of those who have withdrawn.
    pub(super) arrived: usize,
    next: usize,
    pub(super) withdrawn: BinaryHeap<Reverse<usize>>,
    pub(super) broken: bool,
}

/// Those who go on together.
///
/// | `result` | meaning | who moves it on |
/// |---|---|---|
/// | `OPEN` | nobody goes on yet | the last to arrive, when the action has ended, to one of the others; a timeout, `abort`, `reset`: to `BROKEN` |
/// | `TRIPPED` | all have arrived | nobody; whoever ends a later generation, when nobody refers to this one any more: to `OPEN`, for it serves again |
/// | `BROKEN` | they have not, or the action has failed | the same |
///
/// It is written before the list is woken and read after it was joined, with a full fence in between on both sides, so nobody
/// sleeps through it.
pub(super) struct Generation {
    pub(super) result: AtomicU8,
}

pub(super) const OPEN: u8 = 0;
pub(super) const TRIPPED: u8 = 1;
const BROKEN: u8 = 2;

impl Generation {
    fn new() -> Arc<Self> {
        Arc::new(Generation {
            result: AtomicU8::new(OPEN),
        })
    }
}

impl State {
    pub(super) fn new() -> Self {
        State {
            generation: Generation::new(),
            spare: None,
            arrived: 0,
            next: 0,
            withdrawn: BinaryHeap::new(),
            broken: false,
        }
    }

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
    /// Sends those who wait away with an error.
    pub(super) fn break_generation(&self, mut state: MutexGuard<'_, State>) {
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
    pub(super) fn arrive(&self) -> Stage {
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
        let mut panic = FirstPanic::of(panic);
        panic.catch(|| self.finish(generation, result));
        panic.resume();
        let leader = true;
        Stage::Gone(match broken {
            false => Ok(BarrierWait { index, leader }),
            true => Err(BarrierError::Broken),
        })
    }

    /// An `abort` from within an action concerns its generation.
    pub(super) fn abort_from_action(&self) {
        ACTIONS.with(|actions| {
            let mut actions = actions.borrow_mut();
            let running = |action: &&mut Action| ptr::eq(action.barrier, self);
            if let Some(action) = actions.iter_mut().rev().find(running) {
                action.aborts = true;
            }
        });
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
