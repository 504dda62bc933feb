//! One waiter, from its first refusal to its end: the crate's only wait loop.

use super::list::{Heard, Key, Line};
use super::notes::{Notes, ONE_MILLISECOND, Stamp};
use super::operation::{Attempt, Outcome, Turn};
use super::park::{Kind, Who};
use super::places::Notice;
use super::time::now;
use crate::sync::yield_now;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Poll;
use std::time::Instant;

/// A place in a list, and what has happened to it. There is no place until an attempt is refused.
#[derive(Debug)]
pub struct Waiter {
    place: Option<Key>,
    notes: Notes,
}

impl Waiter {
    pub(super) const NEW: Waiter = Waiter {
        place: None,
        notes: Notes::NEW,
    };

    /// Whether it has nothing to give up.
    #[inline]
    pub(super) fn is_new(&self) -> bool {
        self.place.is_none()
    }

    /// When a thread has to look again even if nobody wakes it.
    pub(super) fn look_again_at(&self) -> Option<Instant> {
        self.notes.patient.is_set().then(|| now() + ONE_MILLISECOND)
    }

    /// Attempts, and joins the list if that's refused, until there is nothing to do
    /// but to wait (`Pending`: `who` will be woken) or the operation is done.
    #[cold]
    pub(super) fn advance(&mut self, operation: &mut dyn Attempt, who: Who<'_>) -> Poll<()> {
        let first = Turn {
            blocks: who.blocks,
            kind: who.kind,
            timed: who.timed,
            entitled: false,
            ..Turn::BARGE
        };
        let mut turn = Turn {
            queued: self.place.is_some(),
            waited: self.place.is_some(),
            notified: false,
            entitled: self.is_entitled(operation),
            ..first
        };
        // Whether it has just taken the last place.
        let mut joined = false;
        let mut vain = false;
        loop {
            let outcome = operation.attempt(turn);
            match outcome {
                Outcome::Done => {
                    self.conclude(operation);
                    return Poll::Ready(());
                }
                Outcome::Again => {
                    self.proceed(operation);
                    (turn, joined, vain) = (first, false, false);
                    continue;
                }
                _ => {}
            }
            if joined {
                self.claim(operation);
                if vain && outcome == Outcome::Refused {
                    operation.leave_to_others();
                }
                return self.settle(operation, outcome, who);
            }
            match self.place {
                None => {
                    vain = turn.notified;
                    turn.entitled = false;
                    self.join(operation, who, vain);
                }
                Some(place) => match self.hear(place, operation, who, outcome) {
                    Heard::Nothing => return self.settle(operation, outcome, who),
                    Heard::Moved => continue,
                    Heard::Requeued(place, notice) => {
                        self.place = Some(place);
                        self.notes.woken_in_vain();
                        vain = true;
                        // It may have been told only after that attempt was refused.
                        turn.entitled = notice == Notice::Turn;
                    }
                    Heard::Told(notice) => {
                        (turn.queued, turn.notified) = (false, true);
                        if notice == Notice::Turn {
                            self.notes.patient = Stamp::UNSET;
                            turn.entitled = true;
                        }
                        continue;
                    }
                },
            }
            // In the list first, and then one more attempt: whatever changes
            // after that attempt notifies this waiter.
            joined = true;
            turn = Turn {
                queued: true,
                waited: true,
                notified: false,
                entitled: turn.entitled || self.notes.favoured,
                ..first
            };
        }
    }

    /// The last attempt of somebody whose time is up. It takes the object even if it is
    /// reserved, for an operation without any time succeeds on whatever is free.
    #[cold]
    pub(super) fn last_attempt(&mut self, operation: &mut dyn Attempt, who: Who<'_>) -> bool {
        let turn = Turn {
            blocks: who.blocks,
            queued: self.place.is_some(),
            waited: self.place.is_some(),
            ..Turn::BARGE
        };
        match operation.attempt(turn) {
            Outcome::Done => {
                self.conclude(operation);
                true
            }
            Outcome::Again => {
                self.proceed(operation);
                false
            }
            _ => false,
        }
    }

    /// Gives the place up; `true` if it had been notified and nobody has made use of that.
    pub(crate) fn leave(&mut self, list: &dyn Line) -> bool {
        let place = std::mem::replace(self, Waiter::NEW).place;
        place.is_some_and(|place| list.leave(place).0)
    }

    /// Gives everything up and loses nothing.
    #[cold]
    pub(crate) fn abandon(&mut self, operation: &mut dyn Attempt) {
        let Waiter { place, notes } = std::mem::replace(self, Waiter::NEW);
        let left = place.map(|place| operation.list().leave(place));
        if notes.favoured {
            operation.lift_reservation();
        }
        if left.is_some_and(|(notified, _)| notified) {
            operation.pass_on();
        }
    }

    /// Whether it may take what is reserved: it has done that itself, or has stood back long enough for one who does not
    /// answer.
    #[inline]
    fn is_entitled(&self, operation: &dyn Attempt) -> bool {
        let notes = &self.notes;
        notes.favoured || (notes.patient.is_past() && notes.answers == operation.list().answers())
    }

    /// Ends this turn in the list after an attempt that got what it wanted.
    fn conclude(&mut self, operation: &mut dyn Attempt) {
        let left = self.place.map(|place| operation.list().leave(place));
        // Its own reservation, or one that has lasted too long anyhow.
        let lifts = self.is_entitled(operation);
        *self = Waiter::NEW;
        let (notified, waker) = left.unwrap_or((false, None));
        if lifts || notified || waker.is_some() {
            let tell_others = |it: &mut dyn Attempt| {
                drop(waker);
                if lifts {
                    it.lift_reservation();
                }
                if notified {
                    it.settle_up();
                }
            };
            // Users' wakers may panic, and then nobody gets what has been taken.
            or_else(operation, tell_others, |it| it.undo());
        }
    }

    /// Leaves this step of the operation for the next one.
    fn proceed(&mut self, operation: &mut dyn Attempt) {
        self.conclude(operation);
        operation.proceed();
    }

    /// Takes the last place. If it has been `notified` and could make no use of that, somebody else must hear it
    /// should the user's `clone` panic.
    fn join(&mut self, operation: &mut dyn Attempt, who: Who<'_>, notified: bool) {
        let waker = if notified {
            self.notes.woken_in_vain();
            or_else(operation, |_| who.waker.clone(), |it| it.pass_on())
        } else {
            who.waker.clone()
        };
        self.place = Some(operation.list().join(who.kind, need(operation), waker));
    }

    /// What the waiter has been told since it has been at this place.
    fn hear(
        &mut self,
        place: Key,
        operation: &mut dyn Attempt,
        who: Who<'_>,
        outcome: Outcome,
    ) -> Heard {
        // The user's, so it is cloned and dropped while the place is as it was, or somebody else hears.
        let waker = who.waker.clone();
        let requeue = (outcome == Outcome::Refused).then(|| need(operation));
        let (heard, unused) = operation.list().hear(place, who.kind, waker, requeue);
        if let Heard::Told(_) = heard {
            self.place = None;
            or_else(operation, |_| drop(unused), |it| it.pass_on());
        }
        heard
    }

    /// Reserves the object if this waiter has been passed over for too long.
    fn claim(&mut self, operation: &mut dyn Attempt) {
        if !self.notes.favoured && !self.notes.is_starving() {
            return;
        }
        self.notes.favoured = operation.reserve(self.notes.favoured);
        if let Some(place) = self.place {
            operation.list().favour(place, self.notes.favoured);
        }
    }

    fn settle(&mut self, operation: &mut dyn Attempt, outcome: Outcome, who: Who<'_>) -> Poll<()> {
        let is_thread = who.kind == Kind::Thread;
        if !matches!(outcome, Outcome::Reserved | Outcome::Gathering) {
            self.notes.patient = Stamp::UNSET;
            return Poll::Pending;
        }
        let answers = operation.list().answers();
        if self.notes.patient.is_set() && self.notes.answers != answers {
            self.notes.patient = Stamp::UNSET;
            // Whoever it is kept for does come, and will wake this waiter when it has got enough. A task may rely
            // on that, a thread asks again.
            if outcome == Outcome::Gathering && !is_thread {
                return Poll::Pending;
            }
        }
        if !self.notes.patient.is_set() {
            self.notes.patient.set();
            self.notes.answers = answers;
            if outcome == Outcome::Gathering {
                operation.call_favoured();
            }
        }
        // Nobody is going to notify it when the reservation expires.
        if !is_thread {
            who.waker.wake_by_ref();
            // It comes back at once, and the one that it waits for may be a thread in want of a core.
            yield_now();
        }
        Poll::Pending
    }
}

fn need(operation: &dyn Attempt) -> u32 {
    operation.need().try_into().unwrap_or(u32::MAX)
}

/// Does something that may panic, and if it does, something else.
fn or_else<T>(
    operation: &mut dyn Attempt,
    action: impl FnOnce(&mut dyn Attempt) -> T,
    otherwise: impl FnOnce(&mut dyn Attempt),
) -> T {
    match catch_unwind(AssertUnwindSafe(|| action(operation))) {
        Ok(output) => output,
        Err(payload) => {
            otherwise(operation);
            resume_unwind(payload)
        }
    }
}
