//! The objects, and the parties' day with them.
//!
//! | file | subject |
//! |---|---|
//! | `mod.rs` | the objects, the day, and how it ends |
//! | `actions.rs` | what can be done with the objects |
//! | `counts.rs` | what is counted |
//! | `balance.rs` | what the counts have to come to |

mod actions;
mod balance;
mod counts;

use crate::party::Party;
use crate::runtimes::Parties;
use amphi::{
    Barrier, BoundedSemaphore, Condvar, Event, LifoQueue, Mutex, PriorityQueue, Queue,
    ReentrantMutex, Semaphore, ThreadPool, owner,
};
use counts::{ACTIONS, Counts, Item};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant};

const ACCOUNTS: usize = 4;
const MONEY: u64 = 1000;
const PERMITS: usize = 4;
const SEATS: usize = 3;
const GATHERS: usize = 3;

/// If nothing has been done for so long, nothing will be.
const STUCK: Duration = Duration::from_secs(30);

pub struct Town {
    counts: Arc<Counts>,
    accounts: [Mutex<u64>; ACCOUNTS],
    house: ReentrantMutex<AtomicI64>,
    semaphore: Semaphore,
    /// How many have one of its permits.
    inside: AtomicI64,
    seats: BoundedSemaphore,
    seated: AtomicI64,
    event: Event,
    barrier: Barrier,
    stock: Mutex<u64>,
    stocked: Condvar,
    fifo: Queue<Item>,
    lifo: LifoQueue<Item>,
    priority: PriorityQueue<Item>,
    pool: ThreadPool,
    stop: Event,
    /// A permit for each party that has come to its end.
    gone: Semaphore,
    /// How much had been done when it was looked last, and since when that has not changed.
    progress: Mutex<(u64, Instant)>,
}

impl Town {
    pub fn new() -> Self {
        let counts = Arc::<Counts>::default();
        let counting = counts.clone();
        Town {
            counts,
            accounts: std::array::from_fn(|_| Mutex::new(MONEY)),
            house: ReentrantMutex::new(AtomicI64::new(0)),
            semaphore: Semaphore::new(PERMITS),
            inside: AtomicI64::new(0),
            seats: BoundedSemaphore::new(SEATS),
            seated: AtomicI64::new(0),
            event: Event::new(),
            barrier: Barrier::new(GATHERS).with_action(move || counting.rounds.one()),
            stock: Mutex::new(0),
            stocked: Condvar::new(),
            fifo: Queue::bounded(8),
            lifo: LifoQueue::bounded(4),
            priority: PriorityQueue::bounded(2),
            pool: ThreadPool::new(2),
            stop: Event::new(),
            gone: Semaphore::new(0),
            progress: Mutex::new((0, Instant::now())),
        }
    }

    /// What a party does all day.
    pub async fn live(self: Arc<Self>, party: Party) {
        let _leaves = Leaves(&self);
        while !self.stop.is_set() {
            let action = fastrand::usize(..ACTIONS.len());
            match action {
                0 => self.lock(party).await,
                1 => self.transfer(party).await,
                2 => owner::scope(self.enter(party)).await,
                3 => self.acquire(party).await,
                4 => self.sit(party).await,
                5 => self.wait_for_event(party).await,
                6 => self.gather(party).await,
                7 => self.produce(party).await,
                8 => self.consume(party).await,
                9 => self.move_items(party).await,
                10 => self.ask(party).await,
                11 => self.have_run(party).await,
                12 => self.set_timer(party).await,
                // A thread costs a hundred times as much as the rest.
                _ if fastrand::u8(..16) == 0 => self.spawn(party).await,
                _ => party.give_way().await,
            }
            self.counts.actions[action].one();
            self.counts.operations.one();
        }
    }

    fn gave_up(&self) {
        self.counts.given_up.one();
    }
}

/// Tells that a party has come to its end, and of which kind that was.
struct Leaves<'a>(&'a Town);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.counts.panicked.one();
        }
        self.0.gone.release(1);
    }
}

/// From outside.
impl Town {
    pub fn operations(&self) -> u64 {
        self.counts.operations.get()
    }

    /// Whether nothing has been done for a long time.
    pub fn is_stuck(&self) -> bool {
        let mut progress = self.progress.lock().block();
        let operations = self.operations();
        if operations != progress.0 {
            *progress = (operations, Instant::now());
        }
        progress.1.elapsed() > STUCK
    }

    /// Waits until all parties have come to their end, and says if they don't.
    pub fn stop(&self, parties: Parties) -> Option<String> {
        self.stop.set();
        let all = self.gone.acquire_many(parties.len()).timeout(STUCK);
        if let Ok(permits) = all.block() {
            permits.forget();
            self.pool.shutdown().block();
            let start = Instant::now();
            while self.pending_timers() > 0 && start.elapsed() < STUCK {
                std::thread::sleep(Duration::from_millis(1));
            }
            return None;
        }
        // They use what is dropped with them.
        std::mem::forget(parties);
        let left = self.gone.available_permits();
        Some(format!("only {left} parties have come to their end"))
    }

    /// So that those who wait for others who wait themselves go on: done every few milliseconds.
    pub fn stir(&self) {
        self.event.set();
        self.event.clear();
        self.barrier.reset();
        if let Some(mut stock) = self.stock.try_lock() {
            *stock += 1;
            self.counts.produced.one();
        }
        self.stocked.notify_all();
        self.count_put(self.fifo.try_put(self.item()));
        self.count_put(self.lifo.try_put(self.item()));
        self.count_put(self.priority.try_put(self.item()));
    }
}
