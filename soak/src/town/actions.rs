//! What a party can do: one function for each of the actions.

use super::counts::{End, Item};
use super::{ACCOUNTS, GATHERS, PERMITS, SEATS, Town};
use crate::party::{Party, moment};
use amphi::{
    BarrierError, GetError, JobError, PutError, Timer, lock_all, oneshot, thread, wait_all,
};
use std::sync::atomic::Ordering::SeqCst;

/// How many jobs may wait for a worker before nobody leaves one alone.
const BACKLOG: u64 = 100;

/// Locks.
impl Town {
    pub(super) async fn lock(&self, party: Party) {
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

    pub(super) async fn transfer(&self, party: Party) {
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

    pub(super) async fn enter(&self, party: Party) {
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

    pub(super) async fn produce(&self, party: Party) {
        let mut stock = party.wait(self.stock.lock()).await;
        *stock += 1;
        self.counts.produced.one();
        if fastrand::bool() {
            drop(stock);
        }
        self.stocked.notify_one();
    }

    pub(super) async fn consume(&self, party: Party) {
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
    pub(super) async fn acquire(&self, party: Party) {
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

    pub(super) async fn sit(&self, party: Party) {
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

    pub(super) async fn wait_for_event(&self, party: Party) {
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

    pub(super) async fn gather(&self, party: Party) {
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
    pub(super) fn item(&self) -> Item {
        self.counts.made.one();
        Item {
            rank: fastrand::u8(..),
            end: End(self.counts.clone()),
        }
    }

    pub(super) async fn move_items(&self, party: Party) {
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

    pub(super) fn count_put(&self, put: Result<(), PutError<Item>>) {
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
    pub(super) async fn ask(&self, party: Party) {
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

    pub(super) async fn have_run(&self, party: Party) {
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

    pub(super) async fn set_timer(&self, party: Party) {
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

    pub(super) async fn spawn(&self, party: Party) {
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
