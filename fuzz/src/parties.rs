//! Those who wait: how they begin, are polled and end, and how that is compared with the model.

use crate::hand::Hand;
use crate::item::Item;
use crate::machine::{Held, Machine};
use crate::model::lock::Owner;
use crate::model::suspend::{Step, Suspend};
use crate::model::{Expected, Model, REENTRANT};
use crate::waiting::{AnyWait, End, Left, Told};
use crate::world::{Data, Level};
use amphi::{MutexGuard, PutError, ReentrantMutexGuard};
use std::sync::atomic::Ordering;
use std::task::Poll;

/// How many may wait at the same time. When there is one more, the oldest is dropped.
const MOST: usize = 12;

/// One that waits.
pub struct Party<'a> {
    waiting: AnyWait<'a>,
    pub expected: Expected,
    /// By whom it has been polled, if it has, and how often that one had been woken by then.
    polled: Option<(Hand, usize)>,
    /// In which scope it's polled.
    scope: Option<usize>,
    /// Another number after each poll.
    pub turn: u32,
}

impl Party<'_> {
    pub fn is_polled(&self) -> bool {
        self.polled.is_some()
    }

    pub fn is_woken(&self) -> bool {
        let polled = self.polled.as_ref();
        polled.is_some_and(|(hand, before)| hand.woken() > *before)
    }
}

/// Waits.
impl<'a> Machine<'a> {
    pub fn begin(
        &mut self,
        waiting: AnyWait<'a>,
        expected: Expected,
        scope: Option<usize>,
        polls: bool,
    ) {
        if self.parties.len() == MOST {
            self.drop_party(0);
        }
        self.parties.push(Party {
            waiting,
            expected,
            polled: None,
            scope,
            turn: 0,
        });
        if polls {
            self.poll(self.parties.len() - 1, false);
        }
    }

    /// Waits for a condition variable with one of the locks that are held.
    pub fn suspend(&mut self, condvar: usize, which: usize, wanted: Option<u8>, polls: bool) {
        let is_lock = |held: &Held<'_>| matches!(held, Held::Mutex(..) | Held::Level(_));
        let indices = 0..self.held.len();
        let mut locks: Vec<_> = indices.filter(|at| is_lock(&self.held[*at])).collect();
        if locks.is_empty() {
            return;
        }
        let at = locks.swap_remove(which % locks.len());
        let suspend = |lock, owner, wanted| {
            Expected::Suspend(Suspend {
                condvar,
                lock,
                owner,
                wanted,
                timed: false,
                step: Step::Held,
            })
        };
        match self.held.remove(at) {
            Held::Mutex(lock, mut guard) => {
                guard.held = false;
                let waiting = match wanted {
                    None => self.world.wait(condvar, guard),
                    Some(wanted) => self.world.wait_while(condvar, guard, wanted),
                };
                self.begin(waiting, suspend(lock, Owner::Guard, wanted), None, polls);
            }
            Held::Level(guard) if self.model.locks[REENTRANT].levels() == 1 => {
                guard.fetch_sub(1, Ordering::Relaxed);
                let owner = self.model.locks[REENTRANT].owner();
                let expected = suspend(REENTRANT, owner.expect("it's held"), None);
                // Polled later there might be more levels, and that panics.
                let waiting = self.world.wait_again(condvar, guard);
                self.begin(waiting, expected, None, true);
            }
            held => self.held.push(held),
        }
    }

    pub fn with_party(&mut self, number: usize, action: impl FnOnce(&mut Self, usize)) {
        if !self.parties.is_empty() {
            action(self, number % self.parties.len());
        }
    }

    /// The place of a party that has been woken.
    pub fn nth_woken(&self, n: usize) -> usize {
        let parties = self.parties.iter().enumerate();
        let mut woken = parties.filter(|(_, party)| party.is_woken());
        woken.nth(n).expect("there are as many").0
    }

    pub fn poll(&mut self, which: usize, other_waker: bool) {
        let mut party = self.parties.remove(which);
        if let Expected::Enter(owner) = &mut party.expected {
            *owner = party.scope.map_or(Owner::Guard, Owner::Scope);
        }
        let hand = match party.polled.take() {
            Some((hand, _)) if !other_waker => hand,
            _ => Hand::new(),
        };
        party.polled = Some((hand.clone(), hand.woken()));
        let mut waiting = party.waiting;
        let (waiting, polled) = self.inside(party.scope, move || {
            let polled = waiting.poll(&hand);
            (waiting, polled)
        });
        self.turns += 1;
        let turn = self.turns;
        let party = Party {
            waiting,
            turn,
            ..party
        };
        self.judge(which, party, polled, Model::attempt);
    }

    /// Compares a poll with what the model says.
    fn judge(
        &mut self,
        which: usize,
        mut party: Party<'a>,
        polled: Poll<End<'a>>,
        attempt: fn(&mut Model, &mut Expected, bool) -> Option<Told>,
    ) {
        let expected = &mut party.expected;
        match polled {
            Poll::Ready(end) => {
                let told = attempt(&mut self.model, expected, true);
                let real = self.keep(end, &party.expected);
                assert_eq!(Some(real), told, "{:?}", party.expected);
            }
            Poll::Pending => {
                match self.was_turned_away(&party) {
                    true => self.turn_away(&mut party.expected, attempt),
                    false => {
                        let told = attempt(&mut self.model, &mut party.expected, true);
                        assert_eq!(told, None, "not ready: {:?}", party.expected);
                    }
                }
                self.parties.insert(which, party);
            }
        }
    }

    /// Whether it may not have got what is free, since that is kept for another.
    fn was_turned_away(&mut self, party: &Party<'_>) -> bool {
        // Asked once: time goes on.
        let lenient = self.is_lenient();
        if !lenient || party.is_woken() {
            return lenient;
        }
        let gathers = matches!(
            party.expected,
            Expected::Acquire { .. } | Expected::Put { .. } | Expected::Get { .. }
        );
        let could = || {
            let attempt = self
                .model
                .clone()
                .attempt(&mut party.expected.clone(), true);
            attempt.is_some()
        };
        let stands_back = self.is_late() && gathers && could();
        self.gathers |= stands_back;
        stands_back
    }

    fn turn_away(
        &mut self,
        expected: &mut Expected,
        attempt: fn(&mut Model, &mut Expected, bool) -> Option<Told>,
    ) {
        if let Expected::Put { queue, items } = expected {
            // Several may have been put before it was turned away.
            let (len, ..) = self.world.queue(*queue).readings();
            let model = &mut self.model.queues[*queue];
            for item in items.drain(..len - model.items.len()) {
                model.push(item);
            }
        }
        let told = attempt(&mut self.model, expected, false);
        assert_eq!(told, None, "turned away: {expected:?}");
    }

    pub fn drop_party(&mut self, which: usize) {
        let beside = self.beside(&self.parties[which]);
        let party = self.parties.remove(which);
        drop(party.waiting);
        self.model.abandon(&party.expected);
        self.look_at_those(beside);
    }

    pub fn expire(&mut self, which: usize, blocks: bool) {
        let mut party = self.parties.remove(which);
        let is_suspended = matches!(party.expected, Expected::Suspend(_));
        let blocks = blocks && !is_suspended;
        if let Expected::Enter(owner) = &mut party.expected {
            *owner = match (party.scope, blocks) {
                (Some(scope), _) => Owner::Scope(scope),
                (None, true) => Owner::Thread,
                (None, false) => Owner::Guard,
            };
        }
        let hand = Hand::new();
        party.polled = Some((hand.clone(), 0));
        let waiting = party.waiting;
        if blocks {
            let end = self.inside(party.scope, move || waiting.expire().block());
            let told = self.model.expire(&mut party.expected, true);
            assert_eq!(Some(self.keep(end, &party.expected)), told);
            return;
        }
        let (waiting, polled) = self.inside(party.scope, move || {
            let mut waiting = waiting.expire();
            let polled = waiting.poll(&hand);
            (waiting, polled)
        });
        let party = Party { waiting, ..party };
        assert!(polled.is_ready() || is_suspended, "{:?}", party.expected);
        self.judge(which, party, polled, Model::expire);
    }

    /// Another future comes first, unless this one is ready.
    pub fn or_now(&mut self, which: usize) {
        match &self.parties[which].expected {
            // Those that get something done even if they are not ready.
            Expected::Suspend(_) | Expected::Enter(_) => return,
            Expected::Put { items, .. } if items.len() != 1 => return,
            _ => {}
        }
        let beside = self.beside(&self.parties[which]);
        let mut party = self.parties.remove(which);
        let end = party.waiting.or_now();
        let is_channel = matches!(party.expected, Expected::Receive(_) | Expected::Closed(_));
        let may_be_taken = end.is_some() || !self.is_lenient();
        let told = self.model.attempt(&mut party.expected, may_be_taken);
        match end {
            Some(end) => {
                let told = told.or(is_channel.then_some(Told::TimedOut));
                assert_eq!(Some(self.keep(end, &party.expected)), told);
            }
            None => {
                assert_eq!(told, None, "{:?}", party.expected);
                self.model.abandon(&party.expected);
                self.look_at_those(beside);
            }
        }
    }

    /// Goes on as a thread, if it need not wait.
    pub fn block(&mut self, which: usize) {
        let scope = self.parties[which].scope;
        let mut expected = self.parties[which].expected.clone();
        if let Expected::Enter(owner) = &mut expected {
            *owner = scope.map_or(Owner::Thread, Owner::Scope);
        }
        let mut model = self.model.clone();
        let Some(told) = model.attempt(&mut expected, true) else {
            return;
        };
        let waiting = self.parties.remove(which).waiting;
        let end = self.inside(scope, move || waiting.block());
        self.model = model;
        assert_eq!(self.keep(end, &expected), told);
    }

    /// Keeps what has been got, and tells the rest.
    fn keep(&mut self, end: End<'a>, expected: &Expected) -> Told {
        match end {
            End::Locked(guards) => {
                let locks = match expected {
                    Expected::Lock(lock) => std::slice::from_ref(lock),
                    Expected::LockAll(locks) => locks,
                    other => panic!("a lock: {other:?}"),
                };
                assert_eq!(guards.len(), locks.len());
                for (lock, guard) in locks.iter().zip(guards) {
                    self.keep_lock(*lock, guard);
                }
                Told::Locked
            }
            End::Entered(guard) => {
                self.keep_level(guard);
                Told::Locked
            }
            End::Back(guard, timed_out) => {
                let Expected::Suspend(suspend) = expected else {
                    panic!("a lock that is given back: {expected:?}");
                };
                self.keep_lock(suspend.lock, guard);
                Told::Back { timed_out }
            }
            End::BackAgain(guard, timed_out) => {
                self.keep_level(guard);
                Told::Back { timed_out }
            }
            End::Permits(permits) => {
                let count = permits.count();
                self.held.push(Held::Permits(permits));
                Told::Permits(count)
            }
            End::BoundedPermits(permits) => {
                let count = permits.count();
                self.held.push(Held::BoundedPermits(permits));
                Told::Permits(count)
            }
            End::Released => Told::Released,
            End::Gathered(end) => Told::Gathered(end.map(|wait| (wait.index(), wait.is_leader()))),
            End::Put(Ok(())) => Told::Put,
            End::Put(Err(error)) => {
                let left = match error {
                    PutError::ShutDown(_) => Left::ShutDown,
                    PutError::TimedOut(_) => Left::TimedOut,
                    PutError::Full(_) => panic!("a wait does not say that it's full"),
                };
                let items = error.into_inner();
                Told::NotPut(left, items.iter().map(Item::known).collect())
            }
            End::Got(Ok(items)) => Told::Got(items.iter().map(Item::known).collect()),
            End::Got(Err(error)) => Told::Nothing(error),
            End::Joined => Told::Joined,
            End::Received(receiver, received) => {
                let Expected::Receive(channel) = expected else {
                    panic!("a receiver: {expected:?}");
                };
                self.channels[*channel].receiver = Some(receiver);
                received.map_or(Told::TimedOut, Told::Received)
            }
            End::FoundClosed(sender, closed) => {
                let Expected::Closed(channel) = expected else {
                    panic!("a sender: {expected:?}");
                };
                self.channels[*channel].sender = Some(sender);
                closed.map_or(Told::TimedOut, |()| Told::FoundClosed)
            }
            End::TimedOut => Told::TimedOut,
        }
    }

    pub fn keep_lock(&mut self, lock: usize, mut guard: MutexGuard<'a, Data>) {
        assert!(!guard.held, "two have lock {lock}");
        assert_eq!(guard.value, self.model.locks[lock].value);
        guard.held = true;
        self.held.push(Held::Mutex(lock, guard));
    }

    pub fn keep_level(&mut self, guard: ReentrantMutexGuard<'a, Level>) {
        let others = guard.fetch_add(1, Ordering::Relaxed);
        assert_eq!(others + 1, self.model.locks[REENTRANT].levels());
        self.held.push(Held::Level(guard));
    }
}
