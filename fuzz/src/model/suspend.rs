//! Condition variables.

use super::Model;
use super::lock::Owner;
use crate::waiting::Told;
use std::collections::{BTreeSet, VecDeque};

/// Those who wait for a notification, in their order, and those who have one and have not heard of it.
#[derive(Clone, Debug, Default)]
pub struct Condvar {
    listeners: VecDeque<u32>,
    pub notified: BTreeSet<u32>,
}

impl Condvar {
    /// How many have been notified.
    pub fn notify(&mut self, count: usize) -> usize {
        let count = count.min(self.listeners.len());
        self.notified.extend(self.listeners.drain(..count));
        count
    }
}

/// A party that gives a lock up and takes it back.
#[derive(Clone, Debug)]
pub struct Suspend {
    pub condvar: usize,
    pub lock: usize,
    pub owner: Owner,
    /// The value that it waits for; any notification is enough if there is none.
    pub wanted: Option<u8>,
    /// It has no time left.
    pub timed: bool,
    pub step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It has the lock yet.
    Held,
    Listening(u32),
    Locking {
        notified: bool,
    },
}

impl Model {
    /// Goes as far as it comes. Only the lock that is taken back can be kept for another.
    pub(super) fn suspend(&mut self, suspend: &mut Suspend, may_be_taken: bool) -> Option<Told> {
        if suspend.step == Step::Held {
            if !self.must_wait(suspend, false) {
                return Some(Told::Back { timed_out: false });
            }
            self.listen(suspend);
        }
        loop {
            match suspend.step {
                Step::Listening(ticket) => {
                    let condvar = &mut self.condvars[suspend.condvar];
                    let notified = condvar.notified.remove(&ticket);
                    if !notified && !suspend.timed {
                        return None;
                    }
                    condvar.listeners.retain(|other| *other != ticket);
                    suspend.step = Step::Locking { notified };
                }
                Step::Held | Step::Locking { .. } => {
                    let lock = &mut self.locks[suspend.lock];
                    if !may_be_taken || !lock.is_free() {
                        return None;
                    }
                    lock.take(suspend.owner);
                    let notified = suspend.step == Step::Locking { notified: true };
                    let timed_out = self.must_wait(suspend, notified);
                    if suspend.timed || !timed_out {
                        return Some(Told::Back { timed_out });
                    }
                    self.listen(suspend);
                }
            }
        }
    }

    fn must_wait(&self, suspend: &Suspend, notified: bool) -> bool {
        match suspend.wanted {
            Some(wanted) => self.locks[suspend.lock].value != wanted,
            None => !notified,
        }
    }

    /// Gives the lock up.
    fn listen(&mut self, suspend: &mut Suspend) {
        self.locks[suspend.lock].release();
        self.ticket += 1;
        self.condvars[suspend.condvar]
            .listeners
            .push_back(self.ticket);
        suspend.step = Step::Listening(self.ticket);
    }

    pub(super) fn abandon_suspended(&mut self, suspend: &Suspend) {
        let condvar = &mut self.condvars[suspend.condvar];
        let notified = match suspend.step {
            Step::Held => return self.locks[suspend.lock].release(),
            Step::Listening(ticket) => {
                condvar.listeners.retain(|other| *other != ticket);
                condvar.notified.remove(&ticket)
            }
            Step::Locking { notified } => notified,
        };
        if notified {
            condvar.notify(1);
        }
    }
}
