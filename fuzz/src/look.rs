//! What must hold after each step: what can be read is as in the model, and nobody sleeps without need.

use crate::machine::Machine;
use crate::model::lock::Owner;
use crate::model::suspend::Step;
use crate::model::{Expected, REENTRANT};
use crate::parties::Party;
use std::sync::atomic::Ordering;

impl<'a> Machine<'a> {
    pub fn look(&self) {
        self.look_at_readings();
        for lock in 0..=REENTRANT {
            self.look_at_lock(lock);
        }
        self.look_at_all_locks();
        for bounded in [false, true] {
            self.look_at_permits(bounded);
        }
        for queue in 0..3 {
            self.look_at_queue(queue);
        }
        for party in self.polled() {
            self.look_at_party(party);
        }
    }

    fn polled(&self) -> impl Iterator<Item = &Party<'a>> {
        self.parties.iter().filter(|party| party.is_polled())
    }

    fn look_at_readings(&self) {
        let (world, model) = (self.world, &self.model);
        for (mutex, lock) in world.mutexes.iter().zip(&model.locks) {
            assert_eq!(mutex.is_locked(), !lock.is_free());
        }
        let lock = &model.locks[REENTRANT];
        assert_eq!(world.reentrant.is_locked(), !lock.is_free());
        let by_thread = match lock.owner() {
            Some(Owner::Thread) => lock.levels(),
            _ => 0,
        };
        assert_eq!(world.reentrant.depth(), by_thread);
        assert_eq!(world.semaphore.available_permits(), model.permits[0]);
        assert_eq!(world.bounded.available_permits(), model.permits[1]);
        for (event, its) in world.events.iter().zip(&model.events) {
            assert_eq!(event.is_set(), its.is_set);
        }
        assert_eq!(world.barrier.waiting(), model.barrier.waiting());
        assert_eq!(world.barrier.is_broken(), model.barrier.broken);
        assert_eq!(world.rounds.load(Ordering::SeqCst), model.barrier.rounds);
        for (queue, its) in model.queues.iter().enumerate() {
            let told = (
                its.items.len(),
                Some(its.capacity),
                its.unfinished,
                its.shut_down,
            );
            assert_eq!(world.queue(queue).readings(), told, "queue {queue}");
        }
    }

    /// If a lock is free, and one of those who wait for it alone sleeps, another one is awake who will have it or wake the next.
    fn look_at_lock(&self, lock: usize) {
        if !self.model.locks[lock].is_free() {
            return;
        }
        let waits = |party: &&Party<'a>| match &party.expected {
            Expected::Lock(its) => *its == lock,
            Expected::Enter(_) => lock == REENTRANT,
            Expected::Suspend(its) => its.lock == lock && matches!(its.step, Step::Locking { .. }),
            _ => false,
        };
        let locks = |party: &&Party<'a>| match &party.expected {
            Expected::LockAll(its) => its.contains(&lock),
            _ => waits(party),
        };
        if self.polled().filter(waits).any(|party| !party.is_woken()) {
            let awake = self.polled().filter(locks).any(Party::is_woken);
            assert!(awake, "lock {lock} is free, and all who want it sleep");
        }
    }

    /// The same for those who want several.
    fn look_at_all_locks(&self) {
        for party in self.polled().filter(|party| !party.is_woken()) {
            let Expected::LockAll(locks) = &party.expected else {
                continue;
            };
            if !locks.iter().all(|lock| self.model.locks[*lock].is_free()) {
                continue;
            }
            let competes = |other: &&Party<'a>| match &other.expected {
                Expected::Lock(lock) => locks.contains(lock),
                Expected::LockAll(its) => its.iter().any(|lock| locks.contains(lock)),
                Expected::Suspend(its) => {
                    locks.contains(&its.lock) && matches!(its.step, Step::Locking { .. })
                }
                _ => false,
            };
            let awake = self.polled().filter(competes).any(Party::is_woken);
            assert!(
                awake,
                "locks {locks:?} are free, and all who want them sleep"
            );
        }
    }

    /// What is there is spoken for by those who are awake, or not enough for any of those who sleep.
    fn look_at_permits(&self, bounded: bool) {
        if self.gathers {
            return;
        }
        let there = self.model.permits[usize::from(bounded)];
        let need = |party: &Party<'a>| match party.expected {
            Expected::Acquire {
                bounded: its,
                permits,
            } if its == bounded => Some(permits),
            _ => None,
        };
        let awake = self.polled().filter(|party| party.is_woken());
        let spoken_for: usize = awake.filter_map(need).sum();
        let asleep = self.polled().filter(|party| !party.is_woken());
        for need in asleep.filter_map(need) {
            assert!(
                need + spoken_for > there,
                "{there} permits, of which {spoken_for} are spoken for, and one sleeps who wants {need}"
            );
        }
    }

    fn look_at_queue(&self, queue: usize) {
        let model = &self.model.queues[queue];
        let (mut getters, mut putters) = ((0, 0), (0, 0));
        for party in self.polled() {
            let awake = usize::from(party.is_woken());
            match &party.expected {
                Expected::Put { queue: its, .. } if *its == queue => {
                    putters = (putters.0 + 1, putters.1 + awake);
                }
                Expected::Get { queue: its, .. } if *its == queue => {
                    getters = (getters.0 + 1, getters.1 + awake);
                }
                _ => {}
            }
        }
        if model.shut_down {
            assert_eq!(getters.0, getters.1, "a getter sleeps on");
            assert_eq!(putters.0, putters.1, "a putter sleeps on");
        }
        if self.gathers {
            return;
        }
        let (items, room) = (model.items.len(), model.room());
        assert!(
            getters.1 >= items.min(getters.0),
            "of {} getters {} are awake for {items} items",
            getters.0,
            getters.1,
        );
        assert!(
            putters.1 >= room.min(putters.0),
            "of {} putters {} are awake for room of {room}",
            putters.0,
            putters.1,
        );
    }

    /// Those who are all told at once, and those who are alone.
    fn look_at_party(&self, party: &Party<'_>) {
        let model = &self.model;
        let must_be_awake = match &party.expected {
            Expected::Set { event, since } => {
                since.is_some_and(|since| model.events[*event].sets > since)
            }
            Expected::Gather(stage) => model.barrier.is_over(stage),
            Expected::Join { queue, since } => {
                since.is_some_and(|since| model.queues[*queue].is_joined(since))
            }
            Expected::Suspend(suspend) => match suspend.step {
                Step::Listening(ticket) => {
                    model.condvars[suspend.condvar].notified.contains(&ticket)
                }
                _ => false,
            },
            Expected::Receive(channel) => model.channels[*channel].is_decided(),
            Expected::Closed(channel) => model.channels[*channel].is_closed(),
            _ => false,
        };
        assert!(
            !must_be_awake || party.is_woken(),
            "sleeps on: {:?}",
            party.expected
        );
    }
}
