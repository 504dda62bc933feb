//! Which timers are pending, and the thread that waits for the first of them.

use super::SubmitError;
use super::timer::{Moment, Timer, pool};
use crate::event::Event;
use crate::sync::{Mutex, lock};
use std::collections::BTreeMap;
use std::time::Instant;

static SCHEDULE: Mutex<Schedule> = Mutex::new(Schedule {
    timers: BTreeMap::new(),
    is_kept: false,
});

/// There is something that is due earlier than what the thread waits for.
static CHANGED: Event = Event::new();

struct Schedule {
    /// By when they are due; equal ones by the order in which they were made.
    timers: BTreeMap<(Instant, u64), Timer>,
    /// A thread waits for the first one, or is about to.
    is_kept: bool,
}

/// Adds a timer. Its state is locked by the caller, and never by this module, so the two locks are always taken in this order.
pub(super) fn add(timer: &Timer, due: Moment) -> Result<(), SubmitError<fn()>> {
    let Some(due) = due else {
        return Ok(());
    };
    let key = (due, timer.id());
    let mut schedule = lock(&SCHEDULE);
    let is_first = schedule
        .timers
        .keys()
        .next()
        .is_none_or(|first| key < *first);
    schedule.timers.insert(key, timer.clone());
    if schedule.is_kept {
        drop(schedule);
        if is_first {
            CHANGED.set();
        }
        return Ok(());
    }
    schedule.is_kept = true;
    drop(schedule);
    pool().submit(keep as fn()).map(drop).inspect_err(|_| {
        let mut schedule = lock(&SCHEDULE);
        schedule.is_kept = false;
        schedule.timers.remove(&key);
    })
}

/// Removes it, if it's there.
pub(super) fn remove(timer: &Timer, due: Moment) {
    if let Some(due) = due {
        lock(&SCHEDULE).timers.remove(&(due, timer.id()));
    }
}

/// Fires the timers that are due, until none is pending.
fn keep() {
    loop {
        // Before it looks: a change after that ends the wait.
        CHANGED.clear();
        let mut due = Vec::new();
        let mut schedule = lock(&SCHEDULE);
        let now = Instant::now();
        let next = loop {
            match schedule.timers.first_entry() {
                Some(first) if first.key().0 <= now => due.push(first.remove_entry()),
                first => break first.map(|first| first.key().0),
            }
        };
        schedule.is_kept = next.is_some();
        drop(schedule);
        let is_early = due.is_empty();
        for ((instant, _), timer) in due {
            timer.fire(instant);
        }
        match next {
            None => return,
            Some(next) if is_early => drop(CHANGED.wait().deadline(next).block()),
            // Meanwhile others may be due.
            Some(_) => {}
        }
    }
}
