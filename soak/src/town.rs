//! The objects, what can be done with them, and the balance at the end.

use crate::party::{Party, moment};
use crate::runtimes::Parties;
use amphi::{
    Barrier, BarrierError, BoundedSemaphore, Condvar, Event, GetError, JobError, LifoQueue, Mutex,
    PriorityQueue, PutError, Queue, ReentrantMutex, Semaphore, ThreadPool, Timer, lock_all,
    oneshot, owner, thread, wait_all,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

const ACCOUNTS: usize = 4;
const MONEY: u64 = 1000;
const PERMITS: usize = 4;
const SEATS: usize = 3;
const GATHERS: usize = 3;

/// How many jobs may wait for a worker before nobody leaves one alone.
const BACKLOG: u64 = 100;

/// If nothing has been done for so long, nothing will be.
const STUCK: Duration = Duration::from_secs(30);

/// A number of things that have happened.
#[derive(Default)]
struct Count(AtomicU64);

impl Count {
    fn one(&self) {
        self.many(1);
    }

    fn many(&self, number: usize) {
        self.0.fetch_add(number as u64, SeqCst);
    }

    fn get(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

/// All that is counted.
#[derive(Default)]
struct Counts {
    operations: Count,
    /// By action, in the order of [`ACTIONS`].
    actions: [Count; ACTIONS.len()],
    given_up: Count,
    panicked: Count,

    made: Count,
    put: Count,
    got: Count,
    returned: Count,
    dropped: Count,

    produced: Count,
    consumed: Count,

    submitted: Count,
    ran: Count,
    cancelled: Count,
    ended: Count,

    started: Count,
    fired: Count,
    stopped: Count,

    spawned: Count,
    joined: Count,

    rounds: Count,
    gathered: Count,
    led: Count,
}

const ACTIONS: [&str; 14] = [
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
struct Item {
    rank: u8,
    end: End,
}

/// Counts the end of an item.
struct End(Arc<Counts>);

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

/// Locks.
impl Town {
    async fn lock(&self, party: Party) {
        let account = &self.accounts[fastrand::usize(..ACCOUNTS)];
        let guard = match fastrand::u8(..4) {
            0 => Some(party.wait(account.lock()).await),
            1 => party.wait_briefly(account.lock()).await.ok(),
            2 => party.try_twice(account.lock()).await,
            _ => account.try_lock(),
        };
        match guard {
            Some(guard) => {
                if fastrand::bool() {
                    party.give_way().await;
                }
                drop(guard);
            }
            None => self.gave_up(),
        }
    }

    async fn transfer(&self, party: Party) {
        let from = fastrand::usize(..ACCOUNTS);
        let to = (from + fastrand::usize(1..ACCOUNTS)) % ACCOUNTS;
        let both = lock_all((&self.accounts[from], &self.accounts[to]));
        let guards = match fastrand::u8(..3) {
            0 => Some(party.wait(both).await),
            1 => party.wait_briefly(both).await.ok(),
            _ => party.try_twice(both).await,
        };
        match guards {
            Some((mut from, mut to)) => {
                let amount = fastrand::u64(..=*from);
                *from -= amount;
                party.give_way().await;
                *to += amount;
            }
            None => self.gave_up(),
        }
    }

    async fn enter(&self, party: Party) {
        let first = match fastrand::bool() {
            true => Some(party.wait(self.house.lock()).await),
            false => party.wait_briefly(self.house.lock()).await.ok(),
        };
        let Some(first) = first else {
            return self.gave_up();
        };
        assert_eq!(first.fetch_add(1, SeqCst), 0, "two owners");
        party.give_way().await;
        let second = party.wait(self.house.lock()).await;
        assert_eq!(self.house.depth(), 2);
        drop(second);
        first.fetch_sub(1, SeqCst);
    }

    async fn produce(&self, party: Party) {
        let mut stock = party.wait(self.stock.lock()).await;
        *stock += 1;
        self.counts.produced.one();
        if fastrand::bool() {
            drop(stock);
        }
        self.stocked.notify_one();
    }

    async fn consume(&self, party: Party) {
        let stock = party.wait(self.stock.lock()).await;
        let wanted = fastrand::u64(1..3);
        let too_little = move |stock: &mut u64| *stock < wanted;
        let wait = self.stocked.wait_while(stock, too_little);
        let stock = match fastrand::u8(..16) > 0 {
            true => {
                let (stock, result) = party.wait_briefly(wait).await;
                assert_eq!(result.timed_out(), *stock < wanted);
                Some(stock)
            }
            false => party.wait_or(wait, self.stop.wait()).await,
        };
        match stock {
            Some(mut stock) if *stock >= wanted => {
                *stock -= wanted;
                self.counts.consumed.many(wanted as usize);
            }
            _ => self.gave_up(),
        }
    }
}

/// Permits, the event, the barrier.
impl Town {
    async fn acquire(&self, party: Party) {
        let count = fastrand::usize(1..=PERMITS);
        let wait = self.semaphore.acquire_many(count);
        let permits = match fastrand::u8(..3) {
            0 => Some(party.wait(wait).await),
            1 => party.wait_briefly(wait).await.ok(),
            _ => party.try_twice(wait).await,
        };
        let Some(permits) = permits else {
            return self.gave_up();
        };
        let others = self.inside.fetch_add(count as i64, SeqCst);
        assert!(others + count as i64 <= PERMITS as i64, "too many permits");
        party.give_way().await;
        self.inside.fetch_sub(count as i64, SeqCst);
        drop(permits);
    }

    async fn sit(&self, party: Party) {
        let seat = match fastrand::bool() {
            true => Some(party.wait(self.seats.acquire()).await),
            false => party.wait_briefly(self.seats.acquire()).await.ok(),
        };
        let Some(seat) = seat else {
            return self.gave_up();
        };
        assert!(
            self.seated.fetch_add(1, SeqCst) < SEATS as i64,
            "too many seats"
        );
        party.give_way().await;
        self.seated.fetch_sub(1, SeqCst);
        match fastrand::bool() {
            true => drop(seat),
            false => {
                seat.forget();
                self.seats.release(1).expect("one was taken");
            }
        }
    }

    async fn wait_for_event(&self, party: Party) {
        match fastrand::u8(..3) {
            0 => {
                self.event.set();
                party.give_way().await;
                self.event.clear();
            }
            1 => {
                if party.wait_briefly(self.event.wait()).await.is_err() {
                    self.gave_up();
                }
            }
            _ if fastrand::u8(..8) > 0 => party.give_way().await,
            _ => {
                let stops = self.stop.wait();
                if party.wait_or(self.event.wait(), stops).await.is_none() {
                    self.gave_up();
                }
            }
        }
    }

    async fn gather(&self, party: Party) {
        let end = match fastrand::u8(..16) {
            // It withdraws.
            0..7 => party.try_twice(self.barrier.wait()).await,
            7..14 => Some(party.wait_briefly(self.barrier.wait()).await),
            _ => party.wait_or(self.barrier.wait(), self.stop.wait()).await,
        };
        match end {
            Some(Ok(wait)) => {
                assert!(wait.index() < GATHERS);
                self.counts.gathered.one();
                if wait.is_leader() {
                    self.counts.led.one();
                }
            }
            Some(Err(BarrierError::TimedOut)) => {
                self.gave_up();
                self.barrier.reset();
            }
            Some(Err(BarrierError::Broken)) => self.gave_up(),
            None => self.gave_up(),
        }
    }
}

/// Queues and channels.
impl Town {
    fn item(&self) -> Item {
        self.counts.made.one();
        Item {
            rank: fastrand::u8(..),
            end: End(self.counts.clone()),
        }
    }

    async fn move_items(&self, party: Party) {
        // The three have the same methods, and no common type.
        macro_rules! moves {
            ($queue:expr) => {
                match fastrand::u8(..7) {
                    0 => self.count_put(party.wait_briefly($queue.put(self.item())).await),
                    1 => self.count_put($queue.try_put(self.item())),
                    2 => {
                        let items = [self.item(), self.item(), self.item()];
                        let put = party.wait_briefly($queue.put_all(items)).await;
                        let left = put.err().map_or(0, |error| error.into_inner().len());
                        self.counts.put.many(3 - left);
                        self.counts.returned.many(left);
                    }
                    3 => self.count_got($queue.try_get().map(|item| vec![item])),
                    4 => {
                        let got = party.wait_briefly($queue.get()).await;
                        self.count_got(got.map(|item| vec![item]));
                    }
                    5 if fastrand::u8(..16) == 0 => {
                        match party.wait_or($queue.get(), self.stop.wait()).await {
                            Some(got) => self.count_got(got.map(|item| vec![item])),
                            None => self.gave_up(),
                        }
                    }
                    _ => match party.try_twice($queue.get_many(3)).await {
                        Some(got) => self.count_got(got),
                        None => self.gave_up(),
                    },
                }
            };
        }
        match fastrand::u8(..3) {
            0 => moves!(self.fifo),
            1 => moves!(self.lifo),
            _ => moves!(self.priority),
        }
    }

    fn count_put(&self, put: Result<(), PutError<Item>>) {
        match put {
            Ok(()) => self.counts.put.one(),
            Err(_) => {
                self.gave_up();
                self.counts.returned.one();
            }
        }
    }

    fn count_got(&self, got: Result<Vec<Item>, GetError>) {
        match got {
            Ok(items) => self.counts.got.many(items.len()),
            Err(_) => self.gave_up(),
        }
    }

    /// A question to the pool, and the reply.
    async fn ask(&self, party: Party) {
        let (sender, mut receiver) = oneshot::channel();
        let question = fastrand::u32(..1000);
        let asked = self.submit(move || {
            // The one who asked may be gone.
            let _ = sender.send(2 * question);
        });
        if fastrand::bool() && asked.cancel() {
            self.counts.cancelled.one();
        }
        let reply = match self.pool_is_busy() || fastrand::bool() {
            true => party.wait(receiver.recv()).await.ok(),
            false => party.wait_briefly(receiver.recv()).await.ok(),
        };
        match reply {
            Some(reply) => assert_eq!(reply, 2 * question),
            None => self.gave_up(),
        }
    }
}

/// Threads.
impl Town {
    fn submit(&self, function: impl FnOnce() + Send + 'static) -> amphi::Job<()> {
        let counts = self.counts.clone();
        let job = self.pool.submit(move || {
            counts.ran.one();
            function();
        });
        let job = job.unwrap_or_else(|error| panic!("{error}"));
        self.counts.submitted.one();
        let counts = self.counts.clone();
        job.on_done(move |_| counts.ended.one());
        job
    }

    /// Whether so many jobs are waiting that one should wait for them: else they would get ever more.
    fn pool_is_busy(&self) -> bool {
        let ended = self.counts.ended.get();
        self.counts.submitted.get().saturating_sub(ended) > BACKLOG
    }

    async fn have_run(&self, party: Party) {
        let jobs = [(); 3].map(|()| self.submit(std::hint::spin_loop));
        for job in &jobs {
            if fastrand::u8(..4) == 0 && job.cancel() {
                self.counts.cancelled.one();
            }
        }
        if self.pool_is_busy() || fastrand::bool() {
            party.wait(wait_all(&jobs)).await;
        } else if party.try_twice(wait_all(&jobs)).await.is_none() {
            return self.gave_up();
        }
        for job in &jobs {
            assert!(job.is_done());
            match party.wait(job.result()).await {
                Ok(()) => assert!(!job.is_cancelled()),
                Err(JobError::Cancelled) => assert!(job.is_cancelled()),
                Err(error) => panic!("{error}"),
            }
        }
    }

    async fn set_timer(&self, party: Party) {
        let counts = self.counts.clone();
        let timer = Timer::after(moment(), move || counts.fired.one());
        timer.start();
        self.counts.started.one();
        if fastrand::bool() {
            party.give_way().await;
            if timer.cancel() {
                self.counts.stopped.one();
            }
        }
        match fastrand::bool() {
            true => party.wait(timer.finished()).await,
            // It fires although nobody waits for it.
            false => self.gave_up(),
        }
    }

    async fn spawn(&self, party: Party) {
        let number = fastrand::u32(..);
        let mut handle = thread::spawn(move || number);
        self.counts.spawned.one();
        let joined = match fastrand::bool() {
            true => party.try_twice(handle.join()).await,
            false => None,
        };
        let joined = match joined {
            Some(joined) => joined,
            None => party.wait(handle.join()).await,
        };
        assert_eq!(joined.ok(), Some(number));
        self.counts.joined.one();
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

    fn pending_timers(&self) -> u64 {
        let counts = &self.counts;
        counts.started.get() - counts.fired.get() - counts.stopped.get()
    }

    /// Those that others would have to wait for; the crate's own are daemons.
    fn threads_alive(&self) -> u64 {
        let (threads, main) = (thread::enumerate(), thread::main().id());
        let is_ours = |thread: &&thread::Thread| !thread.is_daemon() && thread.id() != main;
        let alive = threads.iter().filter(is_ours);
        alive.count() as u64
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

    pub fn print_counts(&self) {
        let counts = &self.counts;
        for (name, count) in ACTIONS.iter().zip(&counts.actions) {
            println!("{name:>10}: {}", count.get());
        }
        println!("{:>10}: {}", "given up", counts.given_up.get());
    }

    /// What is not where it belongs.
    pub fn balance(&self) -> Vec<String> {
        let counts = &self.counts;
        let left = self.fifo.len() + self.lifo.len() + self.priority.len();
        let money: Option<u64> = self
            .accounts
            .iter()
            .map(|account| account.try_lock().map(|money| *money))
            .sum();
        let stock = self.stock.try_lock().map(|stock| *stock);
        let there = left as u64;
        let rows = [
            ("parties that panicked", counts.panicked.get(), 0),
            ("money", money.unwrap_or(0), MONEY * ACCOUNTS as u64),
            ("locks of the house", self.house.is_locked().into(), 0),
            (
                "permits",
                self.semaphore.available_permits() as u64,
                PERMITS as u64,
            ),
            ("seats", self.seats.available_permits() as u64, SEATS as u64),
            (
                "stock produced",
                counts.produced.get(),
                counts.consumed.get() + stock.unwrap_or(0),
            ),
            (
                "items made",
                counts.made.get(),
                counts.put.get() + counts.returned.get(),
            ),
            ("items put", counts.put.get(), counts.got.get() + there),
            (
                "items dropped",
                counts.dropped.get(),
                counts.made.get() - there,
            ),
            (
                "jobs submitted",
                counts.submitted.get(),
                counts.ran.get() + counts.cancelled.get(),
            ),
            ("jobs ended", counts.ended.get(), counts.submitted.get()),
            (
                "timers started",
                counts.started.get(),
                counts.fired.get() + counts.stopped.get(),
            ),
            ("threads spawned", counts.spawned.get(), counts.joined.get()),
            ("threads alive", self.threads_alive(), 0),
            ("barrier rounds", counts.rounds.get(), counts.led.get()),
            ("parties at the barrier", self.barrier.waiting() as u64, 0),
        ];
        let mut complaints = Vec::new();
        for (name, number, expected) in rows {
            println!("{name}: {number}, and {expected} expected");
            if number != expected {
                complaints.push(format!("{name}: {number}, not {expected}"));
            }
        }
        // Of a round those are not counted who gave up when it was decided already.
        if counts.gathered.get() > counts.rounds.get() * GATHERS as u64 {
            complaints.push("more have gathered than there were rounds for".to_string());
        }
        complaints
    }
}
