//! What the primitives are to do, in plain sequential code.
//!
//! | file | subject |
//! |---|---|
//! | `mod.rs` | one attempt of any operation, and what is lost when it is dropped |
//! | `lock.rs` | the mutexes, the reentrant one as well |
//! | `suspend.rs` | condition variables |
//! | `barrier.rs` | the barrier |
//! | `queue.rs` | the queues |
//! | `channel.rs` | the oneshot channels |

pub mod barrier;
pub mod channel;
pub mod lock;
pub mod queue;
pub mod suspend;

use crate::item::Known;
use crate::waiting::{Left, Told};
use crate::world::Sizes;
use amphi::{BarrierError, GetError};
use barrier::{Barrier, Stage};
use channel::Channel;
use lock::{Lock, Owner};
use queue::{Kind, Queue};
use suspend::{Condvar, Suspend};

/// The reentrant mutex, after the three others.
pub const REENTRANT: usize = 3;

/// What a party waits for, and how far it has come.
#[derive(Clone, Debug)]
pub enum Expected {
    Lock(usize),
    LockAll(Vec<usize>),
    Enter(Owner),
    Suspend(Suspend),
    Acquire {
        bounded: bool,
        permits: usize,
    },
    /// With the number of times that the event had been set at the first attempt.
    Set {
        event: usize,
        since: Option<usize>,
    },
    Gather(Stage),
    /// What has not been put yet.
    Put {
        queue: usize,
        items: Vec<Known>,
    },
    Get {
        queue: usize,
        max: usize,
    },
    /// With the number of times that nothing was unfinished, at the first attempt.
    Join {
        queue: usize,
        since: Option<usize>,
    },
    Receive(usize),
    Closed(usize),
}

#[derive(Clone, Debug, Default)]
pub struct Event {
    pub is_set: bool,
    pub sets: usize,
}

#[derive(Clone, Debug)]
pub struct Model {
    pub locks: [Lock; 4],
    pub condvars: [Condvar; 2],
    /// Of the semaphore, and of the bounded one.
    pub permits: [usize; 2],
    pub bound: usize,
    pub events: [Event; 2],
    pub barrier: Barrier,
    pub queues: [Queue; 3],
    pub channels: [Channel; 2],
    /// The next number of those that wait for a condition variable.
    ticket: u32,
}

impl Model {
    pub fn new(sizes: Sizes) -> Self {
        let queue = |kind, which: usize| Queue::new(kind, sizes.capacities[which]);
        Model {
            locks: Default::default(),
            condvars: Default::default(),
            permits: [sizes.permits, sizes.bound],
            bound: sizes.bound,
            events: Default::default(),
            barrier: Barrier::new(sizes.parties),
            queues: [
                queue(Kind::Fifo, 0),
                queue(Kind::Lifo, 1),
                queue(Kind::Priority, 2),
            ],
            channels: Default::default(),
            ticket: 0,
        }
    }

    /// One attempt; `None` if it has to wait. If nothing `may_be_taken`, the object is kept for another party.
    pub fn attempt(&mut self, expected: &mut Expected, may_be_taken: bool) -> Option<Told> {
        match expected {
            Expected::Lock(lock) => {
                (may_be_taken && self.locks[*lock].take(Owner::Guard)).then_some(Told::Locked)
            }
            Expected::LockAll(locks) => {
                let free = locks.iter().all(|lock| self.locks[*lock].is_free());
                (may_be_taken && free).then(|| {
                    for lock in locks {
                        self.locks[*lock].take(Owner::Guard);
                    }
                    Told::Locked
                })
            }
            Expected::Enter(owner) => {
                (may_be_taken && self.locks[REENTRANT].take(*owner)).then_some(Told::Locked)
            }
            Expected::Suspend(suspend) => self.suspend(suspend, may_be_taken),
            Expected::Acquire { bounded, permits } => {
                let there = &mut self.permits[usize::from(*bounded)];
                let takes = *permits == 0 || may_be_taken && *permits <= *there;
                takes.then(|| {
                    *there -= *permits;
                    Told::Permits(*permits)
                })
            }
            Expected::Set { event, since } => {
                let event = &self.events[*event];
                let since = *since.get_or_insert(event.sets);
                (event.is_set || event.sets > since).then_some(Told::Released)
            }
            Expected::Gather(stage) => self.barrier.attempt(stage).map(Told::Gathered),
            Expected::Put { queue, items } => self.queues[*queue].put(items, may_be_taken),
            Expected::Get { max: 0, .. } => Some(Told::Got(Vec::new())),
            Expected::Get { queue, max } => self.queues[*queue].get(*max, may_be_taken),
            Expected::Join { queue, since } => self.queues[*queue].join(since),
            Expected::Receive(channel) => self.channels[*channel].receive().map(Told::Received),
            Expected::Closed(channel) => {
                let closed = self.channels[*channel].is_closed();
                closed.then_some(Told::FoundClosed)
            }
        }
    }

    /// The last attempt of one that has no time left.
    pub fn expire(&mut self, expected: &mut Expected, may_be_taken: bool) -> Option<Told> {
        if let Expected::Suspend(suspend) = expected {
            suspend.timed = true;
            return self.suspend(suspend, may_be_taken);
        }
        let told = self.attempt(expected, true);
        Some(told.unwrap_or_else(|| match expected {
            Expected::Gather(_) => {
                self.barrier.break_up(true);
                Told::Gathered(Err(BarrierError::TimedOut))
            }
            Expected::Put { items, .. } => Told::NotPut(Left::TimedOut, items.clone()),
            Expected::Get { .. } => Told::Nothing(GetError::TimedOut),
            _ => Told::TimedOut,
        }))
    }

    /// A wait that has not ended is dropped.
    pub fn abandon(&mut self, expected: &Expected) {
        match expected {
            Expected::Suspend(suspend) => self.abandon_suspended(suspend),
            Expected::Gather(stage) => self.barrier.withdraw(stage),
            Expected::Receive(channel) => self.channels[*channel].drop_receiver(),
            Expected::Closed(channel) => self.channels[*channel].drop_sender(),
            _ => {}
        }
    }

    pub fn release_permits(&mut self, bounded: bool, permits: usize) {
        let there = &mut self.permits[usize::from(bounded)];
        *there += permits;
        if bounded {
            // What is too much is gone.
            *there = self.bound.min(*there);
        }
    }

    pub fn set(&mut self, event: usize) {
        let event = &mut self.events[event];
        if !event.is_set {
            event.is_set = true;
            event.sets += 1;
        }
    }
}
