//! The programs. To add one: write a file with a `play`, and add a line to the table.

mod barrier;
mod boss;
mod bounded;
mod broken_barrier;
mod claims;
mod counter;
mod deadlock;
mod dispatcher;
mod executor;
mod hot_pot;
mod loading;
mod lock_timeout;
mod order;
mod pool;
mod printer;
mod queue;
mod reentrant;
mod shop;
mod stock;
mod stop_flag;
mod threads;
mod timer;

use crate::stage::{Stage, Verdict};

pub struct Program {
    pub number: u32,
    pub name: &'static str,
    pub about: &'static str,
    /// Starts the parties, waits for them, and checks what came of it.
    pub play: fn(&Stage) -> Verdict,
}

impl Program {
    pub fn is_called(&self, wish: &str) -> bool {
        wish == self.name || wish.parse() == Ok(self.number)
    }

    const fn new(
        number: u32,
        name: &'static str,
        about: &'static str,
        play: fn(&Stage) -> Verdict,
    ) -> Program {
        Program {
            number,
            name,
            about,
            play,
        }
    }
}

/// Removes what plays have left behind for other plays, when this is dropped.
pub struct TidyUp;

impl Drop for TidyUp {
    fn drop(&mut self) {
        loading::tidy_up();
    }
}

#[rustfmt::skip]
pub const PROGRAMS: &[Program] = &[
    Program::new(1, "boss", "the boss goes on when the first of five workers is done", boss::play),
    Program::new(2, "printer", "a wait that times out is the clock of a periodic printer", printer::play),
    Program::new(3, "stop-flag", "an event as the flag that stops a loop", stop_flag::play),
    Program::new(4, "hot-pot", "diners wait for the host, but one not for long", hot_pot::play),
    Program::new(5, "timer", "a timer that can be cancelled: made of an event, and amphi's own", timer::play),
    Program::new(6, "counter", "no count is lost under a lock", counter::play),
    Program::new(7, "claims", "whoever takes a job's lock does the job, and nobody else", claims::play),
    Program::new(8, "lock-timeout", "a lock that is held: not waiting, and waiting for a while", lock_timeout::play),
    Program::new(9, "reentrant", "whoever holds a reentrant lock may take it again, and nobody else", reentrant::play),
    Program::new(10, "dispatcher", "numbers for all, for two, or for one of four consumers", dispatcher::play),
    Program::new(11, "shop", "two customers, and a producer who restocks what they buy", shop::play),
    Program::new(12, "stock", "producers add, consumers wait while there is too little", stock::play),
    Program::new(13, "barrier", "three workers arrive one by one and leave together", barrier::play),
    Program::new(14, "broken-barrier", "a barrier is aborted, reset, and broken by a timeout", broken_barrier::play),
    Program::new(15, "loading", "the main loop starts when ten workers have loaded a file", loading::play),
    Program::new(16, "pool", "five workers share three connections, and fail with them", pool::play),
    Program::new(17, "bounded", "releasing one permit too many is an error", bounded::play),
    Program::new(18, "queue", "items from producers to consumers, a full queue, an empty one", queue::play),
    Program::new(19, "order", "the last first, or the most urgent first", order::play),
    Program::new(20, "deadlock", "two locks in opposite order: with a timeout both back out", deadlock::play),
    Program::new(21, "threads", "threads have names, data of their own, and an end to wait for", threads::play),
    Program::new(22, "executor", "a pool runs jobs, which give results in whatever order is asked for", executor::play),
];
