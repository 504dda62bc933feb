//! One waiter, from its first refusal to its end: the crate's only wait loop.

use super::list::{Node, Notice, WaitList};
use super::notes::{Notes, ONE_MILLISECOND};
use super::operation::{Attempt, Outcome, Turn};
use super::park::{Kind, Who};
use super::time::now;
use event_listener::{EventListener, Listener};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, atomic::Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// A place in a list, and what has happened to it. Empty until an attempt is refused, and small:
/// whatever is needed only then lies in the node.
///
/// | `listener` | `registered` | meaning | who moves it on |
/// |---|---|---|---|
/// | `None` | | in no list | the waiter, by `join` |
/// | `Some` | `false` | in the list; a notifier notes nobody | the waiter, by `register` |
/// | `Some` | `true` | in the list with the node as its waker | a notifier, by noting the node; the waiter, by `leave` |
#[derive(Debug)]
pub struct Waiter {
    listener: Option<EventListener>,
    /// Kept from one turn in the list to the next.
    node: Option<Arc<Node>>,
}

impl Waiter {
    pub(super) const NEW: Waiter = Waiter {
        listener: None,
        node: None,
    };

    /// Whether it has never been refused, and so has nothing to give up.
    #[inline]
    pub(super) fn is_new(&self) -> bool {
        self.node.is_none()
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.listener.is_some()
    }

    /// When a thread has to look again even if nobody wakes it.
    pub(super) fn look_again_at(&self) -> Option<Instant> {
        let patient = self
            .node
            .as_ref()
            .is_some_and(|node| node.notes.patient.is_set());
        patient.then(|| now() + ONE_MILLISECOND)
    }

    /// Attempts, and joins the list if that's refused, until there is nothing to do
    /// but to wait (`Pending`: `who` will be woken) or the operation is done.
    #[cold]
    pub(super) fn advance(&mut self, operation: &mut dyn Attempt, who: Who<'_>) -> Poll<()> {
        let mut early = None;
        loop {
            let notice = early.take().or_else(|| self.hear(operation, who));
            if let (Some(Notice::Turn), Some(node)) = (notice, &self.node) {
                node.notes.patient.clear();
            }
            let turn = self.turn(notice);
            let reserved = match operation.attempt(turn) {
                Outcome::Done => {
                    self.conclude(operation);
                    return Poll::Ready(());
                }
                Outcome::Again => {
                    self.proceed(operation);
                    continue;
                }
                Outcome::Refused => false,
                Outcome::Reserved => true,
            };
            let Some(node) = self.node.as_ref().filter(|_| self.listener.is_some()) else {
                if let Some(node) = self.node.as_ref().filter(|_| notice.is_some()) {
                    node.notes.woken_in_vain();
                }
                // In the list first, and then one more attempt: whatever changes
                // after that attempt notifies the listener. To clone and to drop users' wakers may
                // panic, and then somebody else must hear what this waiter has heard.
                let unused = |it: &mut dyn Attempt| {
                    if notice.is_some() {
                        it.pass_on()
                    }
                };
                let join = |it: &mut dyn Attempt| {
                    let waker = who.waker.clone();
                    self.join(it.list(), who.kind, waker);
                };
                or_else(operation, join, unused);
                continue;
            };
            if node.notes.registered.load(Relaxed) {
                return self.settle(reserved, who);
            }
            claim(&node.notes, operation);
            early = self.register(operation.list());
            if early.is_none() {
                return self.settle(reserved, who);
            }
        }
    }

    /// The last attempt of somebody whose time is up. It takes the object even if it is
    /// reserved, for an operation without any time succeeds on whatever is free.
    #[cold]
    pub(super) fn last_attempt(&mut self, operation: &mut dyn Attempt) -> bool {
        let turn = Turn {
            entitled: true,
            ..self.turn(None)
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
            Outcome::Refused | Outcome::Reserved => false,
        }
    }

    /// Gives the place up; `true` if it had been notified and nobody has made use of that.
    pub(crate) fn leave(&mut self, list: &WaitList) -> bool {
        let (Some(listener), Some(node)) = (self.listener.take(), &self.node) else {
            return false;
        };
        let notified = listener.discard();
        if !(notified && node.notes.registered.load(Relaxed)) {
            list.forget(node.kind);
        }
        notified
    }

    /// Gives everything up and loses nothing.
    #[cold]
    pub(crate) fn abandon(&mut self, operation: &mut dyn Attempt) {
        let notified = self.leave(operation.list());
        self.lift(operation, false);
        if notified {
            operation.pass_on();
        }
    }

    /// Leaves the list for that of the operation's next step; `true` if it had been notified.
    pub(crate) fn leave_for_next_step(&mut self, list: &WaitList) -> bool {
        let notified = self.leave(list);
        *self = Waiter::NEW;
        notified
    }

    fn turn(&self, notice: Option<Notice>) -> Turn {
        let told = notice.is_some_and(|notice| notice != Notice::StandBack);
        let notes = self.node.as_ref().map(|node| &node.notes);
        Turn {
            queued: self.listener.is_some(),
            waited: notes.is_some(),
            notified: notice.is_some(),
            entitled: told
                || notes.is_some_and(|notes| notes.is_favoured() || notes.patient.is_past()),
        }
    }

    /// Ends this turn in the list after an attempt that got what it wanted.
    fn conclude(&mut self, operation: &mut dyn Attempt) {
        // It may have been notified besides, since this attempt was not owed to that.
        let unused = self.leave(operation.list());
        let patient = self
            .node
            .as_ref()
            .is_some_and(|node| node.notes.patient.is_past());
        self.lift(operation, patient);
        if unused {
            // Others' wakers may panic, and then nobody gets what has been taken.
            or_else(operation, |it| it.pass_on(), |it| it.undo());
        }
    }

    /// Leaves this step of the operation for the next one.
    fn proceed(&mut self, operation: &mut dyn Attempt) {
        self.conclude(operation);
        *self = Waiter::NEW;
        operation.proceed();
    }

    /// Ends the reservation if it's this waiter's own, or if it is `over` anyhow.
    fn lift(&mut self, operation: &mut dyn Attempt, over: bool) {
        let notes = self.node.as_ref().map(|node| &node.notes);
        if notes.is_some_and(|notes| notes.favoured.swap(false, Relaxed)) || over {
            operation.lift_reservation();
        }
    }

    fn join(&mut self, list: &WaitList, kind: Kind, waker: Waker) {
        let notes = self
            .node
            .as_ref()
            .map_or_else(Notes::default, |node| node.notes.carry_over());
        let node = Node::new(kind, waker, notes);
        match self.node.as_mut().and_then(Arc::get_mut) {
            Some(old) => *old = node,
            None => self.node = Some(Arc::new(node)),
        }
        self.listener = Some(list.join(kind));
    }

    /// Makes the node the listener's waker. `Some` if the listener was notified before.
    fn register(&mut self, list: &WaitList) -> Option<Notice> {
        let (Some(listener), Some(node)) = (&mut self.listener, &self.node) else {
            return None;
        };
        let waker = Waker::from(node.clone());
        match Pin::new(listener).poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => {
                node.notes.registered.store(true, Relaxed);
                None
            }
            Poll::Ready(()) => {
                self.listener = None;
                list.forget(node.kind);
                Some(Notice::Turn)
            }
        }
    }

    /// What the waiter has been told since the last attempt. If anything, it is not in the
    /// list any more.
    fn hear(&mut self, operation: &mut dyn Attempt, who: Who<'_>) -> Option<Notice> {
        let (Some(_), Some(node)) = (&self.listener, &self.node) else {
            return None;
        };
        if !node.notes.registered.load(Relaxed) {
            return None;
        }
        if node.kind != who.kind {
            return self.move_to(operation, who);
        }
        let notice = node.hear(who.waker)?;
        self.leave(operation.list());
        Some(notice)
    }

    /// A wait that was polled as a task now blocks a thread, or the other way round. The
    /// list must know, so it gets a new place; the old one is kept until then, or
    /// a notification in between would be lost.
    #[cold]
    fn move_to(&mut self, operation: &mut dyn Attempt, who: Who<'_>) -> Option<Notice> {
        // User code, so it comes before anything is changed: a `clone` that panics, a `drop` that locks.
        let waker = who.waker.clone();
        drop(self.node.as_ref().and_then(|node| node.mute()));
        let mut old = Waiter {
            listener: self.listener.take(),
            node: self.node.clone(),
        };
        self.join(operation.list(), who.kind, waker);
        if !old.leave(operation.list()) {
            return None;
        }
        if self.leave(operation.list()) {
            // If this panics nobody uses the old place's notification either.
            or_else(operation, |it| it.pass_on(), |it| it.pass_on());
        }
        Some(Notice::Turn)
    }

    fn settle(&mut self, reserved: bool, who: Who<'_>) -> Poll<()> {
        let Some(node) = &self.node else {
            return Poll::Pending;
        };
        if !reserved {
            node.notes.patient.clear();
        } else {
            // Nobody is going to notify it when the reservation expires.
            node.notes.patient.set();
            if who.kind != Kind::Thread {
                who.waker.wake_by_ref();
            }
        }
        Poll::Pending
    }
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

/// Reserves the object if a waiter has been passed over for too long.
fn claim(notes: &Notes, operation: &mut dyn Attempt) {
    if notes.is_favoured() || notes.is_starving() {
        let mine = operation.reserve(notes.is_favoured());
        notes.favoured.store(mine, Relaxed);
    }
}
