//! Putting items into a queue.

use super::discipline::sealed::Refused;
use super::safe_point::safe_point;
use super::{ItemOf, QueueRef};
use crate::error::PutError;
use crate::finally::Finally;
use crate::sync::Spin;
use crate::wait::{Attempt, Line, Operation, Outcome, Turn};
use std::cell::Cell;
use std::collections::VecDeque;
use std::{fmt, mem};

/// The operation of [`QueueOf::put`](super::QueueOf::put).
///
/// # Cancel safety
///
/// Dropped while it waits, it drops the item, which has not been put. With a timeout the item comes back.
///
/// ```
/// use amphi::queue::Put;
/// use amphi::{Queue, Wait};
///
/// let queue = Queue::unbounded();
/// let wait: Wait<Put<&Queue<u8>>> = queue.put(1);
/// assert_eq!(wait.block(), Ok(()));
/// ```
pub struct Put<Q: QueueRef> {
    queue: Q,
    /// As long as it has not been put.
    item: Option<ItemOf<Q>>,
}

impl<Q: QueueRef> Put<Q> {
    #[inline]
    pub(super) fn new(queue: Q, item: ItemOf<Q>) -> Self {
        let item = Some(item);
        Put { queue, item }
    }

    #[inline(always)]
    fn push(&mut self) -> Outcome {
        let Some(item) = self.item.take() else {
            return Outcome::Done;
        };
        match self.queue.push(item) {
            Ok(()) => Outcome::Done,
            Err(Refused::Closed(item)) => {
                self.item = Some(item);
                Outcome::Done
            }
            Err(Refused::Full(item)) => {
                self.item = Some(item);
                Outcome::Refused
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.item.is_none()
    }

    fn left(&mut self) -> Option<ItemOf<Q>> {
        self.item.take()
    }
}

/// The operation of [`QueueOf::put_all`](super::QueueOf::put_all).
///
/// # Cancel safety
///
/// Dropped, it has put the first items, or none, and drops the others. With a timeout these come back.
///
/// ```
/// use amphi::queue::PutAll;
/// use amphi::{Queue, Wait};
///
/// let queue = Queue::unbounded();
/// let wait: Wait<PutAll<&Queue<u8>>> = queue.put_all([1, 2]);
/// assert_eq!(wait.block(), Ok(()));
/// ```
pub struct PutAll<Q: QueueRef> {
    queue: Q,
    items: VecDeque<ItemOf<Q>>,
}

impl<Q: QueueRef> PutAll<Q> {
    pub(super) fn new(queue: Q, items: VecDeque<ItemOf<Q>>) -> Self {
        PutAll { queue, items }
    }

    fn push(&mut self) -> Outcome {
        let queue = &*self.queue;
        queue.assert_not_inside();
        let pushed = Cell::new(0);
        // A comparison may panic.
        let tells = Finally::new(|| queue.tell_getters(pushed.get()));
        let mut outcome = Outcome::Done;
        while let Some(item) = self.items.pop_front() {
            match queue.push_quietly(item) {
                Ok(()) => pushed.set(pushed.get() + 1),
                Err(Refused::Closed(item)) => {
                    self.items.push_front(item);
                    break;
                }
                Err(Refused::Full(item)) => {
                    self.items.push_front(item);
                    outcome = match pushed.get() {
                        0 => Outcome::Refused,
                        // The next part is a wait of its own, not one that has been passed over.
                        _ => Outcome::Again,
                    };
                    break;
                }
            }
        }
        match pushed.get() {
            0 => tells.cancel(),
            _ => drop(tells),
        }
        outcome
    }

    fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn left(&mut self) -> Option<Vec<ItemOf<Q>>> {
        let left = mem::take(&mut self.items);
        (!left.is_empty()).then(|| left.into())
    }
}

/// Both are putters, and differ in how they push.
macro_rules! puts {
    ($operation:ident, $left:ty, $skips_first:literal) => {
        impl<Q: QueueRef> Attempt for $operation<Q> {
            #[inline(always)]
            fn fast(&mut self, blocks: bool) -> bool {
                if blocks {
                    safe_point();
                }
                self.queue.putters.is_plain() && self.push() == Outcome::Done
            }

            fn is_brief(&self, blocks: bool) -> bool {
                self.queue.putters.is_brief(blocks)
            }

            fn spin(&self, blocks: bool) -> Spin {
                self.queue.spin(blocks)
            }

            fn has_spun(&self, blocks: bool, success: bool) {
                if !blocks {
                    self.queue.putters.has_spun(success);
                }
            }

            fn list(&self) -> &dyn Line {
                &self.queue.putters.list
            }

            fn attempt(&mut self, turn: Turn) -> Outcome {
                let queue = self.queue.clone();
                // After a shutdown there is nothing to be kept for anybody.
                let entitled = self.is_empty() || queue.is_shut_down();
                let turn = turn.and_if(entitled, Turn::ENTITLED);
                let there = || !queue.is_full();
                queue.putters.attempt(turn, there, || {
                    queue.assert_not_inside();
                    // A look costs less than to push in vain, which has to be counted and taken back.
                    if queue.is_full() && !entitled {
                        Outcome::Refused
                    } else {
                        self.push()
                    }
                })
            }

            fn pass_on(&mut self) {
                // Others who have been told of room may never come.
                self.queue.tell_putters(1);
            }

            fn settle_up(&mut self) {
                self.queue.tell_putters(0);
            }

            fn reserve(&mut self, again: bool) -> bool {
                self.queue.putters.list.reserve(again)
            }

            fn call_favoured(&mut self) {
                self.queue.putters.call_favoured();
            }

            fn lift_reservation(&mut self) {
                self.queue.putters.list.lift_reservation();
                self.queue.tell_putters(self.queue.room());
            }
        }

        impl<Q: QueueRef> Operation for $operation<Q> {
            type Output = Result<(), PutError<$left>>;
            type Timed = Result<(), PutError<$left>>;
            const SKIPS_FIRST: bool = $skips_first;

            #[inline]
            fn take(&mut self) -> Self::Output {
                self.left()
                    .map_or(Ok(()), |left| Err(PutError::ShutDown(left)))
            }

            #[inline]
            fn in_time(&mut self, output: Self::Output) -> Self::Timed {
                output
            }

            fn timed_out(&mut self) -> Self::Timed {
                self.left()
                    .map_or(Ok(()), |left| Err(PutError::TimedOut(left)))
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

puts!(Put, ItemOf<Q>, true);
puts!(PutAll, Vec<ItemOf<Q>>, false);
