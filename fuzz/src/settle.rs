//! How a program ends: everything that can go on does, then everything is released, and nobody is left.

use crate::machine::Machine;
use crate::model::Expected;
use crate::parties::Party;
use std::time::{Duration, Instant};

/// Nobody has that much to do.
const TOO_LONG: Duration = Duration::from_secs(5);

/// Nor are there so many polls for it. In a process that is stopped for a while time goes on, but nobody is polled.
const TOO_MANY: usize = 10_000;

impl Machine<'_> {
    pub fn settle(mut self) {
        // They may have a lock with them.
        while let Some(which) = self.parties.iter().position(|party| !party.is_polled()) {
            self.drop_party(which);
        }
        self.run_awake();
        for event in 0..2 {
            self.flag(event, true);
            self.world.condvars[event].notify_all();
            self.model.condvars[event].notify(usize::MAX);
        }
        self.world.barrier.abort();
        self.model.barrier.break_up(true);
        self.run_awake();
        // Whoever gets a lock keeps it until here, and `wait_while` may have to wait again.
        while self.gives_back() || self.goes_on() {
            self.run_awake();
        }
        for queue in 0..3 {
            // As often as there may be permits for all.
            self.release_permits(false, 3);
            self.finish(queue, 14);
            self.run_awake();
            while self.model.queues[queue].unfinished > 0 {
                self.finish(queue, 0);
            }
        }
        while self.model.permits[1] < self.model.bound {
            self.release_permits(true, 1);
        }
        self.run_awake();
        while self.gives_back() {
            self.run_awake();
        }
        for ends in 0..2 {
            self.use_channel(ends, 1);
            self.use_channel(ends, 3);
        }
        self.run_awake();
        if !self.gathers {
            let left = self.parties.iter().find(|party| party.is_polled());
            let left = left.map(|party| &party.expected);
            assert!(left.is_none(), "left waiting: {left:?}");
        }
        self.parties.clear();
        for queue in 0..3 {
            self.world.queue(queue).shutdown_now();
            self.model.queues[queue].shut_down_now();
        }
        self.look();
        let gone = self.gone.borrow().iter().copied().eq(1..=self.items);
        assert!(gone, "an item is lost");
    }

    /// Polls all who are awake until nobody is.
    fn run_awake(&mut self) {
        let start = Instant::now();
        let mut polls = 0;
        while self.parties.iter().any(Party::is_woken) {
            let which = self.nth_woken(0);
            self.checked(|machine| machine.poll(which, false));
            polls += 1;
            let goes_on = polls < TOO_MANY || start.elapsed() < TOO_LONG;
            assert!(goes_on, "they don't come to an end");
        }
    }

    fn gives_back(&mut self) -> bool {
        let held = self.take_held(0);
        held.map(|held| {
            self.release(held, false);
            self.look();
        })
        .is_some()
    }

    /// Whether somebody goes on for want of time who might wait for ever: for a notification, or for a sender that waits itself.
    fn goes_on(&mut self) -> bool {
        let waits = |party: &Party<'_>| match &party.expected {
            Expected::Suspend(its) => !its.timed,
            Expected::Receive(_) => true,
            _ => false,
        };
        let which = self.parties.iter().position(waits);
        which.map(|which| self.expire(which, false)).is_some()
    }
}
