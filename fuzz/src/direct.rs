//! The operations that never wait.

use crate::item::Item;
use crate::machine::{Held, Machine};
use crate::model::lock::Owner;
use crate::model::{Expected, REENTRANT, channel::Channel};
use crate::waiting::{closed, receive};
use amphi::oneshot::{self, RecvError, SendError};
use amphi::{GetError, MutexGuard, PutError, TaskDoneError};
use std::sync::atomic::Ordering;

/// Locks.
impl<'a> Machine<'a> {
    pub fn try_lock(&mut self, which: usize) {
        let world = self.world;
        if which < REENTRANT {
            let guard = world.mutexes[which].try_lock();
            let told = self.model.locks[which].take(Owner::Guard);
            assert_eq!(guard.is_some(), told, "lock {which}");
            if let Some(guard) = guard {
                self.keep_lock(which, guard);
            }
            return;
        }
        // By turns the thread and the scopes.
        let who = self.held.len() % 4;
        let scope = (who < 3).then_some(who);
        let guard = self.inside(scope, || world.reentrant.try_lock());
        let owner = scope.map_or(Owner::Thread, Owner::Scope);
        let told = self.model.locks[REENTRANT].take(owner);
        assert_eq!(guard.is_some(), told, "{owner:?}");
        if let Some(guard) = guard {
            self.keep_level(guard);
        }
    }

    pub fn take_held(&mut self, number: usize) -> Option<Held<'a>> {
        let count = self.held.len();
        (count > 0).then(|| self.held.swap_remove(number % count))
    }

    pub fn release(&mut self, held: Held<'a>, fairly: bool) {
        match held {
            Held::Mutex(lock, mut guard) => {
                assert!(guard.held, "lock {lock} was not held");
                guard.held = false;
                self.model.locks[lock].release();
                match fairly {
                    true => MutexGuard::unlock_fair(guard),
                    false => drop(guard),
                }
                self.fair |= fairly;
            }
            Held::Level(guard) => {
                guard.fetch_sub(1, Ordering::Relaxed);
                self.model.locks[REENTRANT].release();
                drop(guard);
            }
            Held::Permits(permits) => {
                self.model.release_permits(false, permits.count());
                drop(permits);
            }
            Held::BoundedPermits(permits) => {
                self.model.release_permits(true, permits.count());
                drop(permits);
            }
        }
    }

    /// Changes what a lock protects, as `wait_while` sees it.
    pub fn write(&mut self, number: usize, value: u8) {
        let count = self.held.len();
        if count == 0 {
            return;
        }
        if let Held::Mutex(lock, guard) = &mut self.held[number % count] {
            guard.value = value;
            self.model.locks[*lock].value = value;
        }
    }
}

/// Permits.
impl Machine<'_> {
    pub fn try_acquire(&mut self, bounded: bool, permits: usize) {
        let there = self.model.permits[usize::from(bounded)];
        let taken = match bounded {
            false => {
                let taken = self.world.semaphore.try_acquire_many(permits);
                taken.map(Held::Permits)
            }
            true if permits > self.model.bound => return,
            true => {
                let taken = self.world.bounded.try_acquire_many(permits);
                taken.map(Held::BoundedPermits)
            }
        };
        assert_eq!(taken.is_some(), permits <= there, "{permits} of {there}");
        if let Some(held) = taken {
            self.model.permits[usize::from(bounded)] -= permits;
            self.held.push(held);
        }
    }

    pub fn release_permits(&mut self, bounded: bool, permits: usize) {
        if bounded {
            let fits = self.model.permits[1] + permits <= self.model.bound;
            assert_eq!(self.world.bounded.release(permits).is_ok(), fits);
            if !fits {
                return;
            }
        } else {
            self.world.semaphore.release(permits);
        }
        self.model.release_permits(bounded, permits);
    }

    /// Splits permits, merges them, or forgets them.
    pub fn rearrange(&mut self, number: usize, how: usize) {
        let Some(mut held) = self.take_held(number) else {
            return;
        };
        match (&mut held, how % 3) {
            (Held::Permits(permits), 0) => {
                let half = permits.count() / 2;
                let split = permits.split(half).expect("there are more");
                self.held.push(Held::Permits(split));
            }
            (Held::BoundedPermits(permits), 0) => {
                let more = permits.count() + 1;
                assert!(permits.split(more).is_none());
                let split = permits.split(more - 1).expect("there are as many");
                self.held.push(Held::BoundedPermits(split));
            }
            (Held::Permits(permits), 1) => {
                for other in &mut self.held {
                    if let Held::Permits(other) = other {
                        let sum = other.count() + permits.count();
                        permits.merge(other.split(other.count()).expect("all of them"));
                        assert_eq!(permits.count(), sum);
                    }
                }
            }
            (Held::Permits(_) | Held::BoundedPermits(_), 2) => {
                match held {
                    Held::Permits(permits) => permits.forget(),
                    Held::BoundedPermits(permits) => permits.forget(),
                    _ => {}
                }
                return;
            }
            _ => {}
        }
        self.held.push(held);
    }
}

/// Events, queues.
impl Machine<'_> {
    pub fn flag(&mut self, event: usize, sets: bool) {
        match sets {
            true => {
                self.world.events[event].set();
                self.model.set(event);
            }
            false => {
                self.world.events[event].clear();
                self.model.events[event].is_set = false;
            }
        }
    }

    pub fn try_put(&mut self, queue: usize, rank: usize) {
        let item = self.item(rank);
        let known = item.known();
        let result = self.world.queue(queue).try_put(item);
        let model = &mut self.model.queues[queue];
        let came_back = match result {
            Ok(()) => {
                assert!(!model.shut_down && model.room() > 0);
                return model.push(known);
            }
            Err(PutError::ShutDown(item)) => {
                assert!(model.shut_down);
                item
            }
            Err(PutError::Full(item)) => {
                assert!(!model.shut_down && model.room() == 0);
                item
            }
            Err(PutError::TimedOut(_)) => panic!("there was no time"),
        };
        assert_eq!(came_back.known(), known);
    }

    pub fn try_get(&mut self, queue: usize) {
        let got = self.world.queue(queue).try_get();
        let model = &mut self.model.queues[queue];
        let nothing = match model.shut_down {
            true => GetError::ShutDown,
            false => GetError::Empty,
        };
        let known = got.as_ref().map(Item::known).map_err(|error| *error);
        assert_eq!(known, model.take().ok_or(nothing));
    }

    /// Mostly an item is done with; rarely the queue ends.
    pub fn finish(&mut self, queue: usize, how: u8) {
        let world = self.world.queue(queue);
        let model = &mut self.model.queues[queue];
        match how {
            14 => {
                world.shutdown();
                model.shut_down = true;
            }
            15 => {
                world.shutdown_now();
                model.shut_down_now();
            }
            _ => {
                let told = match model.unfinished {
                    0 => Err(TaskDoneError),
                    _ => Ok(()),
                };
                model.done(1);
                assert_eq!(world.task_done(), told);
            }
        }
    }
}

/// Oneshot channels.
impl Machine<'_> {
    pub fn use_channel(&mut self, channel: usize, how: usize) {
        let ends = &mut self.channels[channel];
        let model = &mut self.model.channels[channel];
        match how {
            0 => {
                if let Some(sender) = ends.sender.take() {
                    self.values += 1;
                    let sent = sender.send(self.values).map_err(SendError::into_inner);
                    let accepted = model.send(self.values);
                    assert_eq!(sent, if accepted { Ok(()) } else { Err(self.values) });
                }
            }
            1 => {
                if ends.sender.take().is_some() {
                    model.drop_sender();
                }
            }
            2 => {
                if let Some(receiver) = &mut ends.receiver {
                    let told = match model.receive() {
                        None => Err(RecvError::Empty),
                        Some(received) => received.map_err(RecvError::from),
                    };
                    assert_eq!(receiver.try_recv(), told);
                }
            }
            _ => {
                if ends.receiver.take().is_some() {
                    model.drop_receiver();
                }
            }
        }
    }

    pub fn receive(&mut self, channel: usize, polls: bool) {
        self.renew(channel);
        if let Some(receiver) = self.channels[channel].receiver.take() {
            self.begin(receive(receiver), Expected::Receive(channel), None, polls);
        }
    }

    pub fn await_closed(&mut self, channel: usize, polls: bool) {
        self.renew(channel);
        if let Some(sender) = self.channels[channel].sender.take() {
            self.begin(closed(sender), Expected::Closed(channel), None, polls);
        }
    }

    /// Makes a new channel where both ends of the last one are gone.
    fn renew(&mut self, channel: usize) {
        let is_used = |expected: &Expected| match expected {
            Expected::Receive(used) | Expected::Closed(used) => *used == channel,
            _ => false,
        };
        let ends = &mut self.channels[channel];
        let is_over = ends.sender.is_none() && ends.receiver.is_none();
        if is_over && !self.parties.iter().any(|party| is_used(&party.expected)) {
            let (sender, receiver) = oneshot::channel();
            (ends.sender, ends.receiver) = (Some(sender), Some(receiver));
            self.model.channels[channel] = Channel::default();
        }
    }
}
