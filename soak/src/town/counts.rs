//! What is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// A number of things that have happened.
#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn one(&self) {
        self.many(1);
    }

    pub fn many(&self, number: usize) {
        self.0.fetch_add(number as u64, SeqCst);
    }

    pub fn get(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

/// All that is counted.
#[derive(Default)]
pub struct Counts {
    pub operations: Count,
    /// By action, in the order of [`ACTIONS`].
    pub actions: [Count; ACTIONS.len()],
    pub given_up: Count,
    pub panicked: Count,

    pub made: Count,
    pub put: Count,
    pub got: Count,
    pub returned: Count,
    pub dropped: Count,

    pub produced: Count,
    pub consumed: Count,

    pub submitted: Count,
    pub ran: Count,
    pub cancelled: Count,
    pub ended: Count,

    pub started: Count,
    pub fired: Count,
    pub stopped: Count,

    pub spawned: Count,
    pub joined: Count,

    pub rounds: Count,
    pub gathered: Count,
    pub led: Count,
}

pub const ACTIONS: [&str; 14] = [
    "lock",
    "lock_all",
    "reentrant",
    "semaphore",
    "bounded",
    "event",
    "barrier",
    "produce",
    "consume",
    "queues",
    "oneshot",
    "job",
    "timer",
    "thread",
];

/// What goes through the queues.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    pub rank: u8,
    pub end: End,
}

/// Counts the end of an item.
pub struct End(pub Arc<Counts>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.dropped.one();
    }
}

impl PartialEq for End {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for End {}

impl PartialOrd for End {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for End {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}
