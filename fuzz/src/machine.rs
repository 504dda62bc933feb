//! What the bytes mean.
//!
//! A step is two bytes: an operation, and something about it.

use crate::item::{Gone, Item};
use crate::model::lock::Owner;
use crate::model::{Expected, Model, barrier::Stage};
use crate::parties::Party;
use crate::scope::Scope;
use crate::world::{Data, Level, Sizes, World};
use amphi::oneshot::{Receiver, Sender};
use amphi::semaphore::BoundedPermit;
use amphi::{MutexGuard, Permit, ReentrantMutexGuard};
use std::time::{Duration, Instant};

/// What is kept for one that starves may be refused to others. Nobody can starve in so short a time.
const NOBODY_STARVES: Duration = Duration::from_micros(900);

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
    /// How often anybody has been polled.
    pub turns: u32,
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
            turns: 0,
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
    pub fn is_lenient(&self) -> bool {
        self.fair || self.is_late()
    }

    pub fn is_late(&self) -> bool {
        self.start.elapsed() > NOBODY_STARVES
    }

    pub fn inside<R: 'a>(&mut self, scope: Option<usize>, code: impl FnOnce() -> R + 'a) -> R {
        match scope {
            Some(scope) => self.scopes[scope].run(code),
            None => code(),
        }
    }
}
