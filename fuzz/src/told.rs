//! Who must be woken by a step, though others are awake: for all that the sleepers know these never come.

use crate::machine::Machine;
use crate::model::Expected;
use crate::model::suspend::Step;
use crate::parties::Party;

/// Those who sleep, by their turns.
type Sleepers = Vec<u32>;

/// Who waits at the queues, and what has gone through them, before a step.
pub struct Queues([Before; 3]);

struct Before {
    getters: Sleepers,
    putters: Sleepers,
    pushed: usize,
    taken: usize,
}

impl<'a> Machine<'a> {
    /// Takes a step and sees whether all holds that must.
    pub fn checked(&mut self, step: impl FnOnce(&mut Self)) {
        let queues = self.queues();
        step(self);
        self.look_at_queues_since(queues);
        self.look();
    }

    fn sleepers(&self, wants: impl Fn(&Expected) -> bool) -> Sleepers {
        let sleeps = |party: &&Party<'a>| party.is_polled() && !party.is_woken();
        let asleep = self.parties.iter().filter(sleeps);
        let asleep = asleep.filter(|party| wants(&party.expected));
        asleep.map(|party| party.turn).collect()
    }

    /// How many of these still wait, and have been woken; and how many sleep on. The others have been polled, or are gone.
    fn woken_of(&self, sleepers: &Sleepers) -> (usize, usize) {
        let waits = |party: &&Party<'a>| party.is_polled() && sleepers.contains(&party.turn);
        let (woken, asleep): (Vec<_>, Vec<_>) = self
            .parties
            .iter()
            .filter(waits)
            .partition(|party| party.is_woken());
        (woken.len(), asleep.len())
    }

    fn queues(&self) -> Queues {
        Queues([0, 1, 2].map(|queue| Before {
            getters:
                self.sleepers(
                    |its| matches!(its, Expected::Get { queue: its, .. } if *its == queue),
                ),
            putters:
                self.sleepers(
                    |its| matches!(its, Expected::Put { queue: its, .. } if *its == queue),
                ),
            pushed: self.model.queues[queue].pushed,
            taken: self.model.queues[queue].taken,
        }))
    }

    /// Each item that has come has woken one more of those who slept, and so has each that has been taken out.
    fn look_at_queues_since(&self, Queues(before): Queues) {
        for (queue, before) in self.model.queues.iter().zip(before) {
            for (sleepers, count) in [
                (&before.getters, queue.pushed - before.pushed),
                (&before.putters, queue.taken - before.taken),
            ] {
                let (woken, asleep) = self.woken_of(sleepers);
                assert!(
                    woken >= count || asleep == 0 || self.is_lenient(),
                    "{count} more, by which {woken} have been woken, and {asleep} sleep on"
                );
            }
        }
    }

    /// If this one has been woken: those who sleep, and could have what it gives up. It must be one of these who hears of it, or for
    /// a lock anybody in the same queue.
    pub fn beside(&self, party: &Party<'a>) -> Option<Sleepers> {
        if !party.is_woken() || self.is_lenient() {
            return None;
        }
        let lock = match &party.expected {
            Expected::Lock(lock) => Some(*lock),
            Expected::Acquire { .. } | Expected::Put { .. } | Expected::Get { .. } => None,
            _ => return None,
        };
        let is_beside = |other: &Expected| match (&party.expected, other) {
            (Expected::Lock(lock), Expected::Lock(its)) => lock == its,
            (
                Expected::Acquire { bounded, .. },
                Expected::Acquire {
                    bounded: its,
                    permits,
                },
            ) => bounded == its && *permits <= self.model.permits[usize::from(*bounded)],
            (Expected::Put { queue, .. }, Expected::Put { queue: its, .. }) => {
                queue == its && self.model.queues[*queue].room() > 0
            }
            (Expected::Get { queue, .. }, Expected::Get { queue: its, .. }) => {
                queue == its && !self.model.queues[*queue].items.is_empty()
            }
            _ => false,
        };
        let sleepers = self.sleepers(is_beside);
        let Some(lock) = lock else {
            return (!sleepers.is_empty()).then_some(sleepers);
        };
        let is_free = self.model.locks[lock].is_free();
        (is_free && !sleepers.is_empty()).then(|| {
            self.sleepers(|other| match other {
                Expected::Lock(its) => *its == lock,
                Expected::LockAll(its) => its.contains(&lock),
                Expected::Suspend(its) => {
                    its.lock == lock && matches!(its.step, Step::Locking { .. })
                }
                _ => false,
            })
        })
    }

    pub fn look_at_those(&self, sleepers: Option<Sleepers>) {
        if let Some(sleepers) = sleepers {
            let (woken, _) = self.woken_of(&sleepers);
            assert!(
                woken > 0 || self.is_lenient(),
                "what somebody was told of who gives up is told to nobody else"
            );
        }
    }
}
