//! One waiter, from its first refusal to its end: the crate's only wait loop.
//!
//! | it stands | its attempt | then |
//! |---|---|---|
//! | nowhere, as a newcomer (`begin`) | is refused, or skipped | it joins the list, and attempts at the last place |
//! | at the last place, which it has just taken (`stand_last`) | is refused | it waits |
//! | at a place (`resume`) | is refused, and it has not been notified | it waits |
//! | at a place | is refused, and it had been notified | it attempts at the last place, or the first if it is favoured, which it has been given in exchange |
//! | at a place | is put off for another reason, and it had been notified | it attempts with that notification, and without a place |
//! | nowhere, with a notification | is refused | it joins the list, and attempts at the last place |
//! | anywhere | is done | it gives its place up (`conclude`) |
//! | anywhere | makes a step of several | the same, and goes on as a newcomer |
//!
//! "Joins, and then attempts" is what no change may get past: whatever changes before that attempt is seen by
//! it, and whatever changes after it finds the waiter in the list.

use super::list::{Heard, Key, Left, Line};
use super::notes::{Notes, ONE_MILLISECOND, Stamp};
use super::operation::{Attempt, Outcome};
use super::park::Who;
use super::places::Notice;
use super::time::now;
use super::turn::Turn;
use crate::sync::yield_now;
use std::ops::ControlFlow;
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

    /// Whether it has been notified, and could make no use of that.
    pub(crate) fn has_been_woken_in_vain(&self) -> bool {
        self.notes.has_been_woken_in_vain()
    }

    /// When a thread has to look again even if nobody wakes it.
    pub(super) fn look_again_at(&self) -> Option<Instant> {
        self.notes.patient.is_set().then(|| now() + ONE_MILLISECOND)
    }

    /// Attempts, and joins the list if that's refused, until there is nothing to do
    /// but to wait (`Pending`: `who` will be woken) or the operation is done.
    ///
    /// The ways that are taken most stand in `begin` and `resume`; `go_on` is for all the others.
    #[inline]
    pub(super) fn advance(&mut self, operation: &mut dyn Attempt, who: Who<'_>) -> Poll<()> {
        match self.place {
            None => self.begin(operation, who),
            Some(place) => self.resume(operation, who, place),
        }
    }

    /// The same at a place in the list.
    #[inline(never)]
    fn resume(&mut self, operation: &mut dyn Attempt, who: Who<'_>, place: Key) -> Poll<()> {
        let turn = who
            .turn
            .and(QUEUED)
            .and_if(self.is_entitled(operation), Turn::ENTITLED);
        let outcome = match operation.attempt(turn) {
            Outcome::Done => {
                self.conclude(operation);
                return Poll::Ready(());
            }
            Outcome::Refused => match hear(place, operation, who, Outcome::Refused) {
                Heard::Requeued(place, notice) => {
                    let turn = self.requeued(who, place, notice);
                    match self.stand_last(operation, who, turn, Some(notice)) {
                        ControlFlow::Break(()) => return Poll::Pending,
                        ControlFlow::Continue(outcome) => outcome,
                    }
                }
                heard => match self.told(operation, heard, turn) {
                    Some(turn) => {
                        let outcome = operation.attempt(turn);
                        return self.go_on(operation, who, turn, outcome);
                    }
                    None => {
                        self.settle(operation, Outcome::Refused, who);
                        return Poll::Pending;
                    }
                },
            },
            outcome => outcome,
        };
        self.go_on(operation, who, turn, outcome)
    }

    /// The same for a newcomer.
    #[inline(never)]
    fn begin(&mut self, operation: &mut dyn Attempt, who: Who<'_>) -> Poll<()> {
        if !who.turn.is(Turn::SKIPS_FIRST) {
            match operation.attempt(who.turn) {
                Outcome::Done => return Poll::Ready(()),
                Outcome::Again => return self.go_on(operation, who, who.turn, Outcome::Again),
                _ => {}
            }
        }
        self.join(operation, who);
        let turn = who.turn.and(QUEUED);
        match self.stand_last(operation, who, turn, None) {
            ControlFlow::Break(()) => Poll::Pending,
            ControlFlow::Continue(outcome) => self.go_on(operation, who, turn, outcome),
        }
    }

    /// The same after an attempt that has gone like this.
    #[cold]
    fn go_on(
        &mut self,
        operation: &mut dyn Attempt,
        who: Who<'_>,
        mut turn: Turn,
        mut outcome: Outcome,
    ) -> Poll<()> {
        loop {
            match outcome {
                Outcome::Done => {
                    self.conclude(operation);
                    return Poll::Ready(());
                }
                Outcome::Again => {
                    self.proceed(operation);
                    turn = who.turn;
                    outcome = operation.attempt(turn);
                    continue;
                }
                _ => {}
            }
            let vain = match self.place {
                None => {
                    let notified = turn.is(Turn::NOTIFIED);
                    turn = self.join_again(operation, who, notified);
                    notified.then_some(Notice::Turn)
                }
                Some(place) => match hear(place, operation, who, outcome) {
                    Heard::Requeued(place, notice) => {
                        turn = self.requeued(who, place, notice);
                        Some(notice)
                    }
                    heard => match self.told(operation, heard, turn) {
                        Some(next) => {
                            turn = next;
                            outcome = operation.attempt(turn);
                            continue;
                        }
                        None => {
                            self.settle(operation, outcome, who);
                            return Poll::Pending;
                        }
                    },
                },
            };
            outcome = match self.stand_last(operation, who, turn, vain) {
                ControlFlow::Break(()) => return Poll::Pending,
                ControlFlow::Continue(outcome) => outcome,
            };
        }
    }

    /// The attempt of somebody who has just taken the last place: whatever changes after it notifies this waiter. It may
    /// be there because it was told something in `vain`. Returns how the attempt went unless it was refused.
    #[inline]
    fn stand_last(
        &mut self,
        operation: &mut dyn Attempt,
        who: Who<'_>,
        turn: Turn,
        vain: Option<Notice>,
    ) -> ControlFlow<(), Outcome> {
        let outcome = operation.attempt(turn.and_if(vain.is_some(), Turn::NOTIFIED));
        if let Outcome::Done | Outcome::Again = outcome {
            return ControlFlow::Continue(outcome);
        }
        if let Some(notice) = vain {
            if self.notes.favoured || self.notes.is_starving() {
                self.claim(operation);
            }
            // Who was only asked has been told of nothing that it could leave to others, and they would ask again, and so for ever.
            if outcome == Outcome::Refused && notice != Notice::Asked {
                self.notes.patient = Stamp::UNSET;
                operation.leave_to_others();
            }
        }
        self.settle(operation, outcome, who);
        ControlFlow::Break(())
    }

    /// The last attempt of somebody whose time is up. It takes the object even if it is
    /// reserved, for an operation without any time succeeds on whatever is free.
    #[cold]
    pub(super) fn last_attempt(&mut self, operation: &mut dyn Attempt, who: Who<'_>) -> bool {
        let turn = who
            .turn
            .and(Turn::TIMED)
            .and(Turn::ENTITLED)
            .and_if(self.place.is_some(), QUEUED);
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
        place.is_some_and(|place| !matches!(list.leave(place), Left::Unnotified(_)))
    }

    /// Gives everything up and loses nothing.
    #[cold]
    pub(crate) fn abandon(&mut self, operation: &mut dyn Attempt) {
        let Waiter { place, notes } = std::mem::replace(self, Waiter::NEW);
        let left = place.map(|place| operation.list().leave(place));
        if notes.favoured {
            operation.lift_reservation();
        }
        let is_notified = !matches!(left, None | Some(Left::Unnotified(_)));
        if is_notified || notes.stands_back_notified() {
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
        // Its own reservation, or one that has lasted too long anyhow.
        let lifts = self.is_entitled(operation);
        let Waiter { place, notes } = std::mem::replace(self, Waiter::NEW);
        let left = place.map(|place| operation.list().leave(place));
        // Where all were notified nobody is left who could have been in its place.
        if lifts || !matches!(left, None | Some(Left::NotifiedWithAll)) {
            let notified = matches!(left, Some(Left::Notified)) || notes.stands_back_notified();
            let tell_others = |it: &mut dyn Attempt| {
                if lifts {
                    it.lift_reservation();
                }
                if notified {
                    it.settle_up();
                }
            };
            // Users' wakers may panic, and then nobody gets what has been taken.
            let leave = |it: &mut dyn Attempt| {
                or_else(it, |_| drop(left), tell_others);
                tell_others(it);
            };
            or_else(operation, leave, |it| it.undo());
        }
    }

    /// Leaves this step of the operation for the next one.
    fn proceed(&mut self, operation: &mut dyn Attempt) {
        self.conclude(operation);
        operation.proceed();
    }

    /// Takes the last place.
    #[inline]
    fn join(&mut self, operation: &mut dyn Attempt, who: Who<'_>) {
        let waker = who.waker.clone();
        self.place = Some(operation.list().join(who.kind(), operation.need(), waker));
    }

    /// Takes the last place after another one. If it was `notified` there, and could make no use of that, somebody
    /// else must hear of it should the user's `clone` panic. Returns as whom to attempt.
    fn join_again(&mut self, operation: &mut dyn Attempt, who: Who<'_>, notified: bool) -> Turn {
        if notified {
            self.notes.woken_in_vain();
            or_else(operation, |it| self.join(it, who), |it| it.pass_on());
        } else {
            self.join(operation, who);
        }
        let turn = who.turn.and(QUEUED);
        turn.and_if(self.notes.favoured, Turn::ENTITLED)
    }

    /// It was notified in vain and has taken this place. Returns as whom to attempt.
    #[inline]
    fn requeued(&mut self, who: Who<'_>, place: Key, notice: Notice) -> Turn {
        self.place = Some(place);
        self.notes.woken_in_vain();
        // It may have been told only after the attempt that was refused.
        let entitled = notice == Notice::Turn || self.notes.favoured;
        who.turn.and(QUEUED).and_if(entitled, Turn::ENTITLED)
    }

    /// It has heard something else than that. Returns as whom to attempt now; `None` if it has not been notified.
    fn told(&mut self, operation: &mut dyn Attempt, heard: Heard, turn: Turn) -> Option<Turn> {
        match heard {
            Heard::Nothing(unused) => {
                drop(unused);
                None
            }
            Heard::Moved(unused) => {
                drop(unused);
                Some(turn)
            }
            Heard::Told(notice, unused) => {
                self.place = None;
                // If that panics somebody else hears of it.
                or_else(operation, |_| drop(unused), |it| it.pass_on());
                let turn = turn.but_not(Turn::QUEUED).and(Turn::NOTIFIED);
                if notice == Notice::StandBack {
                    return Some(turn);
                }
                self.notes.patient = Stamp::UNSET;
                Some(turn.and(Turn::ENTITLED))
            }
            Heard::Requeued(..) => unreachable!("it has a place again"),
        }
    }

    /// Reserves the object, since this waiter has been passed over for too long.
    #[cold]
    fn claim(&mut self, operation: &mut dyn Attempt) {
        self.notes.favoured = operation.reserve(self.notes.favoured);
        if let Some(place) = self.place {
            operation.list().favour(place, self.notes.favoured);
        }
    }

    /// There is nothing to do now but to wait.
    #[inline]
    fn settle(&mut self, operation: &mut dyn Attempt, outcome: Outcome, who: Who<'_>) {
        if let Outcome::Reserved | Outcome::Gathering = outcome {
            self.stand_back(operation, outcome, who);
            return;
        }
        // What it has been notified of, and has left to another, is too little for it by now.
        let leaves = outcome == Outcome::Refused && self.notes.stands_back_notified();
        self.notes.patient = Stamp::UNSET;
        if leaves {
            operation.leave_to_others();
        }
    }

    /// Leaves the object to the one that it is kept for, for a while.
    #[cold]
    fn stand_back(&mut self, operation: &mut dyn Attempt, outcome: Outcome, who: Who<'_>) {
        let is_thread = who.turn.is(Turn::DEVOTED);
        let answers = operation.list().answers();
        if self.notes.patient.is_set() && self.notes.answers != answers {
            self.notes.patient = Stamp::UNSET;
            // Whoever it is kept for does come, and will wake this waiter when it has got enough. A task may rely
            // on that, a thread asks again, also one that waits in `block_on`.
            if outcome == Outcome::Gathering && !is_thread {
                who.look_again();
                return;
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
    }
}

/// At a place in the list, so somebody may be behind it.
const QUEUED: Turn = Turn::QUEUED.and(Turn::WAITED);

/// What the waiter has been told since it has been at this place, where an attempt has gone like this. If it was notified it is
/// in the list again, or has no place.
#[inline]
fn hear(place: Key, operation: &mut dyn Attempt, who: Who<'_>, outcome: Outcome) -> Heard {
    // The user's, so it is cloned and dropped while the place is as it was, or somebody else hears.
    let waker = who.waker.clone();
    let requeue = (outcome == Outcome::Refused).then(|| operation.need());
    operation.list().hear(place, who.kind(), waker, requeue)
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
