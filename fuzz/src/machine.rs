//! What the bytes mean, and how a step is compared with the model.
//!
//! A step is two bytes: an operation, and something about it.

use crate::hand::Hand;
use crate::item::{Gone, Item};
use crate::model::lock::Owner;
use crate::model::suspend::{Step, Suspend};
use crate::model::{Expected, Model, REENTRANT, barrier::Stage};
use crate::scope::Scope;
use crate::waiting::{AnyWait, End, Left, Told};
use crate::world::{Data, Level, Sizes, World};
use amphi::oneshot::{Receiver, Sender};
use amphi::semaphore::BoundedPermit;
use amphi::{MutexGuard, Permit, PutError, ReentrantMutexGuard};
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

/// How many may wait at the same time. When there is one more, the oldest is dropped.
const MOST: usize = 12;

/// What is kept for one that starves may be refused to others. Nobody can starve in so short a time.
const NOBODY_STARVES: Duration = Duration::from_micros(900);

/// One that waits.
pub struct Party<'a> {
    waiting: AnyWait<'a>,
    pub expected: Expected,
    /// By whom it has been polled, if it has, and how often that one had been woken by then.
    polled: Option<(Hand, usize)>,
    /// In which scope it's polled.
    scope: Option<usize>,
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

/// What somebody has got and not given back.
pub enum Held<'a> {
    Mutex(usize, MutexGuard<'a, Data>),
    Level(ReentrantMutexGuard<'a, Level>),
    Permits(Permit<'a>),
    BoundedPermits(BoundedPermit<'a>),
}

/// The ends of a channel that nobody is using.
#[derive(Default)]
pub struct Ends {
    pub sender: Option<Sender<u32>>,
    pub receiver: Option<Receiver<u32>>,
}

pub struct Machine<'a> {
    pub world: &'a World,
    pub model: Model,
    pub parties: Vec<Party<'a>>,
    pub held: Vec<Held<'a>>,
    scopes: [Scope<'a>; 3],
    pub channels: [Ends; 2],
    start: Instant,
    /// A lock was released fairly, and so may be kept for somebody at any time.
    pub fair: bool,
    /// Somebody stands back who need not be woken before there is enough for another.
    pub gathers: bool,
    /// The number of the last item.
    pub items: u32,
    pub gone: Gone,
    /// The last value that was sent over a channel.
    pub values: u32,
}

impl<'a> Machine<'a> {
    pub fn new(world: &'a World, sizes: Sizes) -> Self {
        Machine {
            world,
            model: Model::new(sizes),
            parties: Vec::new(),
            held: Vec::new(),
            scopes: [Scope::new(), Scope::new(), Scope::new()],
            channels: Default::default(),
            start: Instant::now(),
            fair: false,
            gathers: false,
            items: 0,
            gone: Gone::default(),
            values: 0,
        }
    }

    pub fn step(&mut self, operation: u8, detail: u8) {
        let world = self.world;
        let low = usize::from(detail & 3);
        let next = usize::from(detail >> 2 & 3);
        let number = usize::from(detail & 15);
        // A few are made without being polled.
        let polls = detail >> 4 != 15;
        match operation % 48 {
            0 | 1 => {
                let lock = low % 3;
                self.begin(world.lock(lock), Expected::Lock(lock), None, polls);
            }
            2 => {
                let locks: &[usize] = [&[0, 1][..], &[2, 0], &[1, 2], &[0, 1, 2]][low];
                let expected = Expected::LockAll(locks.to_vec());
                self.begin(world.lock_all(locks), expected, None, polls);
            }
            3 | 4 => {
                let scope = (low < 3).then_some(low);
                let expected = Expected::Enter(Owner::Guard);
                self.begin(world.enter(), expected, scope, polls);
            }
            5 | 6 => self.suspend(low & 1, next, None, polls),
            7 => self.suspend(low & 1, next, Some(detail >> 4 & 3), polls),
            8 | 9 => {
                let bounded = low & 1 == 1;
                let permits = match bounded {
                    true => next.min(self.model.bound),
                    false => next,
                };
                let expected = Expected::Acquire { bounded, permits };
                self.begin(world.acquire(bounded, permits), expected, None, polls);
            }
            10 => {
                let event = low & 1;
                let expected = Expected::Set { event, since: None };
                self.begin(world.wait_set(event), expected, None, polls);
            }
            11 | 12 => {
                let expected = Expected::Gather(Stage::Away);
                self.begin(world.gather(), expected, None, polls);
            }
            13 | 14 => {
                let (queue, item) = (low % 3, self.item(next));
                let items = vec![item.known()];
                let expected = Expected::Put { queue, items };
                self.begin(world.queue(queue).put(item), expected, None, polls);
            }
            15 => {
                let queue = low % 3;
                let items: Vec<_> = (0..next).map(|index| self.item(index ^ 1)).collect();
                let known = items.iter().map(Item::known).collect();
                let waiting = world.queue(queue).put_all(items);
                let expected = Expected::Put {
                    queue,
                    items: known,
                };
                self.begin(waiting, expected, None, polls);
            }
            16 | 17 => {
                let queue = low % 3;
                let expected = Expected::Get { queue, max: 1 };
                self.begin(world.queue(queue).get(), expected, None, polls);
            }
            18 => {
                let (queue, max) = (low % 3, next);
                let expected = Expected::Get { queue, max };
                self.begin(world.queue(queue).get_many(max), expected, None, polls);
            }
            19 => {
                let queue = low % 3;
                let expected = Expected::Join { queue, since: None };
                self.begin(world.queue(queue).join(), expected, None, polls);
            }
            20 => self.receive(low & 1, polls),
            21 => self.await_closed(low & 1, polls),
            22 | 23 => self.with_party(number, |machine, which| machine.poll(which, false)),
            24 => self.with_party(number, |machine, which| machine.poll(which, true)),
            25..=28 => {
                let woken = |party: &&mut Party<'_>| party.is_woken();
                let count = self.parties.iter_mut().filter(woken).count();
                if count > 0 {
                    let which = self.nth_woken(number % count);
                    self.poll(which, detail & 16 != 0);
                }
            }
            29 | 30 => self.with_party(number, Machine::drop_party),
            31 => self.with_party(number, |machine, which| machine.expire(which, false)),
            32 => self.with_party(number, |machine, which| machine.expire(which, true)),
            33 => self.with_party(number, Machine::or_now),
            34 => self.with_party(number, Machine::block),
            35 | 36 => {
                if let Some(held) = self.take_held(number) {
                    self.release(held, detail & 64 != 0);
                }
            }
            37 => self.rearrange(number, usize::from(detail >> 4)),
            38 => self.release_permits(low & 1 == 1, next),
            39 => self.flag(low & 1, next < 2),
            40 => {
                let count = if next == 3 { usize::MAX } else { next };
                let told = world.condvars[low & 1].notify(count);
                assert_eq!(told, self.model.condvars[low & 1].notify(count));
            }
            41 => self.write(number, detail >> 4 & 3),
            42 => match next {
                0 => {
                    world.barrier.abort();
                    self.model.barrier.break_up(true);
                }
                _ => {
                    world.barrier.reset();
                    self.model.barrier.break_up(false);
                }
            },
            43 => self.try_lock(low),
            44 => self.try_acquire(low & 1 == 1, next),
            45 => match detail & 16 {
                0 => self.try_put(low % 3, next),
                _ => self.try_get(low % 3),
            },
            46 => self.finish(low % 3, detail >> 4),
            _ => self.use_channel(low & 1, next),
        }
    }

    pub fn item(&mut self, rank: usize) -> Item {
        self.items += 1;
        Item {
            rank: rank as u8,
            number: self.items,
            gone: self.gone.clone(),
        }
    }

    /// Whether a party may be refused what is free.
    fn is_lenient(&self) -> bool {
        self.fair || self.is_late()
    }

    fn is_late(&self) -> bool {
        self.start.elapsed() > NOBODY_STARVES
    }

    pub fn inside<R: 'a>(&mut self, scope: Option<usize>, code: impl FnOnce() -> R + 'a) -> R {
        match scope {
            Some(scope) => self.scopes[scope].run(code),
            None => code(),
        }
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
        });
        if polls {
            self.poll(self.parties.len() - 1, false);
        }
    }

    /// Waits for a condition variable with one of the locks that are held.
    fn suspend(&mut self, condvar: usize, which: usize, wanted: Option<u8>, polls: bool) {
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

    fn with_party(&mut self, number: usize, action: impl FnOnce(&mut Self, usize)) {
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
        let party = Party { waiting, ..party };
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
        let party = self.parties.remove(which);
        drop(party.waiting);
        self.model.abandon(&party.expected);
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
    fn or_now(&mut self, which: usize) {
        match &self.parties[which].expected {
            // Those that get something done even if they are not ready.
            Expected::Suspend(_) | Expected::Enter(_) => return,
            Expected::Put { items, .. } if items.len() != 1 => return,
            _ => {}
        }
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
            }
        }
    }

    /// Goes on as a thread, if it need not wait.
    fn block(&mut self, which: usize) {
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
