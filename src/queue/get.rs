//! Taking items out of a queue.

use super::discipline::Discipline;
use super::discipline::sealed::Nothing;
use super::returned::InHand;
use super::safe_point::safe_point;
use super::{ItemOf, QueueOf, QueueRef};
use crate::error::GetError;
use crate::finally::Finally;
use crate::sync::Spin;
use crate::wait::{Attempt, Line, Operation, Outcome, Turn};
use std::{fmt, mem};

/// The operation of [`QueueOf::get`].
///
/// # Cancel safety
///
/// Dropped, it has taken nothing out of the queue. If it had been woken for an item, another waiter is woken instead.
///
/// ```
/// use amphi::queue::Get;
/// use amphi::{Queue, Wait};
///
/// let queue = Queue::unbounded();
/// queue.try_put(1).unwrap();
/// let wait: Wait<Get<&Queue<u8>>> = queue.get();
/// assert_eq!(wait.block(), Ok(1));
/// ```
pub struct Get<Q: QueueRef> {
    queue: Q,
    /// When it's done and this is `None`, there will be no more items.
    got: Option<ItemOf<Q>>,
}

impl<Q: QueueRef> Get<Q> {
    #[inline]
    pub(crate) fn new(queue: Q) -> Self {
        Get { queue, got: None }
    }

    fn wants_none(&self) -> bool {
        false
    }

    #[inline]
    fn pop_if_plain(&mut self) -> bool {
        let popped = self.queue.pop_if_plain();
        self.note(popped)
    }

    fn pop(&mut self) -> bool {
        let popped = self.queue.pop();
        self.note(popped)
    }

    /// Whether it's done.
    #[inline(always)]
    fn note(&mut self, popped: Result<ItemOf<Q>, Nothing>) -> bool {
        match popped {
            Ok(item) => {
                self.got = Some(item);
                true
            }
            Err(nothing) => nothing == Nothing::Closed,
        }
    }
}

/// The operation of [`QueueOf::get_many`].
///
/// # Cancel safety
///
/// Dropped, it has taken nothing out of the queue. If it had been woken for an item, another waiter is woken instead.
///
/// ```
/// use amphi::queue::GetMany;
/// use amphi::{Queue, Wait};
///
/// let queue = Queue::unbounded();
/// queue.try_put(1).unwrap();
/// let wait: Wait<GetMany<&Queue<u8>>> = queue.get_many(5);
/// assert_eq!(wait.block(), Ok(vec![1]));
/// ```
pub struct GetMany<Q: QueueRef> {
    queue: Q,
    max: usize,
    /// As in [`Get`].
    got: Option<Vec<ItemOf<Q>>>,
}

impl<Q: QueueRef> GetMany<Q> {
    pub(super) fn new(queue: Q, max: usize) -> Self {
        let got = None;
        GetMany { queue, max, got }
    }

    fn wants_none(&self) -> bool {
        self.max == 0
    }

    fn pop_if_plain(&mut self) -> bool {
        self.queue.getters.is_plain() && self.pop()
    }

    fn pop(&mut self) -> bool {
        let queue = &*self.queue;
        queue.assert_not_inside();
        let items = Vec::with_capacity(self.max.min(queue.len()));
        // A comparison of the next item may panic.
        let mut in_hand = InHand { queue, items };
        let mut nothing = None;
        while nothing.is_none() && in_hand.items.len() < self.max {
            match queue.pop_quietly() {
                Ok(item) => in_hand.items.push(item),
                Err(reason) => nothing = Some(reason),
            }
        }
        let items = mem::take(&mut in_hand.items);
        drop(in_hand);
        self.got = match nothing {
            Some(nothing) if items.is_empty() => return nothing == Nothing::Closed,
            _ if queue.putters.changed() => {
                let count = items.len();
                Some(queue.tell_putters_of(items, count))
            }
            _ => Some(items),
        };
        true
    }
}

/// Tries, as one who waits for items.
fn attempt<D: Discipline>(
    queue: &QueueOf<D>,
    turn: Turn,
    wants_none: bool,
    pop: impl FnOnce() -> bool,
) -> Outcome {
    // After a shutdown nothing needs to be shared out.
    let turn = turn.and_if(wants_none || queue.is_shut_down(), Turn::ENTITLED);
    let there = || !queue.is_empty();
    queue.getters.attempt(turn, there, || {
        // If a comparison panics, the item that this waiter was woken for is there yet.
        let passes_on = Finally::new(|| queue.tell_getters(1));
        let popped = pop();
        passes_on.cancel();
        match popped {
            true => Outcome::Done,
            false => Outcome::Refused,
        }
    })
}

/// Both are getters, and differ in how they pop.
macro_rules! gets {
    ($operation:ident, $output:ty, |$got:pat_param| $items:expr) => {
        impl<Q: QueueRef> Attempt for $operation<Q> {
            #[inline]
            fn fast(&mut self, blocks: bool) -> bool {
                if blocks {
                    safe_point();
                }
                self.pop_if_plain()
            }

            fn is_brief(&self, blocks: bool) -> bool {
                self.queue.getters.is_brief(blocks)
            }

            fn spin(&self, blocks: bool) -> Spin {
                self.queue.spin(blocks)
            }

            fn has_spun(&self, blocks: bool, success: bool) {
                match blocks {
                    true => self.queue.note_lead(success),
                    false => self.queue.getters.has_spun(success),
                }
            }

            fn list(&self) -> &dyn Line {
                &self.queue.getters.list
            }

            fn attempt(&mut self, turn: Turn) -> Outcome {
                let queue = self.queue.clone();
                attempt(&queue, turn, self.wants_none(), || self.pop())
            }

            fn undo(&mut self) {
                if let Some($got) = self.got.take() {
                    self.queue.give_back($items);
                }
            }

            fn pass_on(&mut self) {
                // Others who have been told of an item may never come.
                self.queue.tell_getters(1);
            }

            fn settle_up(&mut self) {
                self.queue.tell_getters(0);
            }

            fn reserve(&mut self, again: bool) -> bool {
                self.queue.getters.list.reserve(again)
            }

            fn call_favoured(&mut self) {
                self.queue.getters.call_favoured();
            }

            fn lift_reservation(&mut self) {
                self.queue.getters.list.lift_reservation();
                self.queue.tell_getters(self.queue.len());
            }
        }

        impl<Q: QueueRef> Operation for $operation<Q> {
            type Output = Result<$output, GetError>;
            type Timed = Result<$output, GetError>;
            const SKIPS_FIRST: bool = true;

            #[inline]
            fn take(&mut self) -> Self::Output {
                self.got.take().ok_or(GetError::ShutDown)
            }

            #[inline]
            fn in_time(&mut self, output: Self::Output) -> Self::Timed {
                output
            }

            fn timed_out(&mut self) -> Self::Timed {
                Err(GetError::TimedOut)
            }
        }

        impl<Q: QueueRef> fmt::Debug for $operation<Q> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($operation))
                    .field("queue", &*self.queue)
                    .finish_non_exhaustive()
            }
        }
    };
}

gets!(Get, ItemOf<Q>, |item| Some(item));
gets!(GetMany, Vec<ItemOf<Q>>, |items| items);
