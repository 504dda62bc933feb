//! How much has been done, and whether all is where it belongs at the end.

use super::counts::ACTIONS;
use super::{ACCOUNTS, GATHERS, MONEY, PERMITS, SEATS, Town};
use amphi::thread;

impl Town {
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

    pub(super) fn pending_timers(&self) -> u64 {
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
}
