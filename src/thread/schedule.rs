//! Which timers are pending, and the thread that waits for the first of them.

use super::timer::{Moment, Timer};
use crate::event::Event;
use crate::sync::{Builder, Mutex, lock, shared};
use crate::wait::now;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use std::{io, mem};

shared! {
    static SCHEDULE: Mutex<Schedule> = Mutex::new(Schedule { timers: BTreeMap::new(), is_kept: false });
    /// Something is due earlier than what the keeper waits for.
    static CHANGED: Event = Event::new();
}

/// How long a keeper stays when nothing is pending.
const LINGER: Duration = Duration::from_secs(1);

struct Schedule {
    /// By when they are due; equal ones by the order in which they were made.
    timers: BTreeMap<(Instant, u64), Timer>,
    /// A thread waits for the first one. It ends when there has been none for a while; whoever then adds one starts the next.
    is_kept: bool,
}

impl Schedule {
    /// Whether the keeper waits for something later.
    fn insert(&mut self, timer: &Timer, due: Instant) -> bool {
        let key = (due, timer.id());
        let first = self.timers.keys().next();
        let is_first = first.is_none_or(|first| key < *first);
        self.timers.insert(key, timer.clone());
        is_first
    }
}

/// Adds a timer. On an error nothing has changed.
///
/// The caller has locked the timer's state, and nobody locks one with the schedule in hand. The keeper is started with it in hand, since others
/// that are added meanwhile rely on it; it's std's thread, so that nobody hears of it.
pub(super) fn add(timer: &Timer, due: Moment) -> io::Result<()> {
    let Some(due) = due else {
        return Ok(());
    };
    let mut schedule = lock(&SCHEDULE);
    if !schedule.is_kept {
        Builder::new().name("timers".into()).spawn(keep)?;
        schedule.is_kept = true;
    }
    let is_first = schedule.insert(timer, due);
    drop(schedule);
    if is_first {
        CHANGED.set();
    }
    Ok(())
}

/// Adds a timer that has been there before. Returns whether the calling thread has to [`keep`] the schedule, as no other can be started.
#[must_use]
pub(super) fn add_again(timer: &Timer, due: Moment) -> bool {
    let (Err(_), Some(due)) = (add(timer, due), due) else {
        return false;
    };
    let mut schedule = lock(&SCHEDULE);
    schedule.insert(timer, due);
    let is_kept = mem::replace(&mut schedule.is_kept, true);
    drop(schedule);
    CHANGED.set();
    !is_kept
}

/// Removes it, if it's there.
pub(super) fn remove(timer: &Timer, due: Moment) {
    let Some(due) = due else {
        return;
    };
    let mut schedule = lock(&SCHEDULE);
    schedule.timers.remove(&(due, timer.id()));
    let is_empty = schedule.timers.is_empty();
    drop(schedule);
    if is_empty {
        // The keeper has nothing to wait for any more.
        CHANGED.set();
    }
}

/// Fires the timers when they are due, until none has been pending for a while.
pub(super) fn keep() {
    let mut has_lingered = false;
    loop {
        // Before it looks: a change after that ends the wait.
        CHANGED.clear();
        let mut due = Vec::new();
        let mut schedule = lock(&SCHEDULE);
        let now = now();
        let next = loop {
            match schedule.timers.first_entry() {
                Some(first) if first.key().0 <= now => due.push(first.remove_entry()),
                first => break first.map(|first| first.key().0),
            }
        };
        let is_idle = due.is_empty() && next.is_none();
        if is_idle && has_lingered {
            schedule.is_kept = false;
            return;
        }
        drop(schedule);
        let is_early = due.is_empty();
        for ((instant, _), timer) in due {
            timer.fire(instant);
        }
        // Otherwise it took some time, and others may be due.
        if is_early {
            let until = next.unwrap_or(now + LINGER);
            let changed = CHANGED.wait().deadline(until).block();
            has_lingered = is_idle && changed.is_err();
        }
    }
}
