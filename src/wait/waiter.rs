//! One waiter, from its first refusal to its end: the crate's only wait loop.

use super::list::{Node, Notice, WaitList};
use super::operation::{Attempt, Outcome, Turn};
use super::park::{Kind, Who};
use super::time::now;
use crate::sync::atomic::Ordering;
use event_listener::{EventListener, Listener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// How long a waiter puts up with being woken in vain before it reserves the object.
/// Under loom, where there is no time, once is enough.
const STARVING_AFTER: Duration = Duration::from_millis(if cfg!(loom) { 0 } else { 1 });

/// How long a reservation is respected by those it keeps waiting.
const PATIENCE: Duration = Duration::from_millis(if cfg!(loom) { 0 } else { 1 });

/// A place in a list, and what has happened to it. Empty until an attempt is refused.
///
/// | `entry` | the listener | who moves it on |
/// |---|---|---|
/// | `None` | there is none | the waiter, by `join` |
/// | `Joined` | in the list, and a notifier would note nobody | the waiter, by `register` |
/// | `Registered` | in the list with the node as its waker | a notifier, by noting the node; the waiter, by `leave` |
#[derive(Debug)]
pub struct Waiter {
    entry: Option<Entry>,
    /// Kept from one turn in the list to the next.
    node: Option<Arc<Node>>,
    /// Has been in the list since the operation's last step.
    waited: bool,
    /// Made the reservation that is, or was, in force.
    favoured: bool,
    /// When it was first woken in vain.
    vain_since: Option<Instant>,
    /// Until when it leaves the object to somebody else.
    patient_until: Option<Instant>,
}

#[derive(Debug)]
struct Entry {
    listener: EventListener,
    registered: bool,
}

impl Waiter {
    pub(super) const NEW: Waiter = Waiter {
        entry: None,
        node: None,
        waited: false,
        favoured: false,
        vain_since: None,
        patient_until: None,
    };

    /// Whether there is anything to give up.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.entry.is_none() && !self.favoured
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.entry.is_some()
    }

    /// When a thread has to look again even if nobody wakes it.
    pub(super) fn look_again_at(&self) -> Option<Instant> {
        self.patient_until
    }

    /// Attempts, and joins the list if that's refused, until there is nothing to do
    /// but to wait (`Pending`: `who` will be woken) or the operation is done.
    #[cold]
    pub(super) fn advance(&mut self, operation: &mut dyn Attempt, who: Who<'_>) -> Poll<()> {
        let mut early = None;
        loop {
            let notice = early.take().or_else(|| self.hear(operation, who));
            let turn = self.turn(notice);
            let reserved = match operation.attempt(turn) {
                Outcome::Done => {
                    self.succeed(operation, notice);
                    return Poll::Ready(());
                }
                Outcome::Again => {
                    self.start_over(operation);
                    operation.proceed();
                    continue;
                }
                Outcome::Refused => false,
                Outcome::Reserved => true,
            };
            if notice.is_some() {
                self.vain_since.get_or_insert_with(now);
            }
            match &mut self.entry {
                // In the list first, and then one more attempt: whatever changes
                // after that attempt notifies the listener.
                None => self.join(operation.list(), who),
                Some(entry) if !entry.registered => {
                    self.claim(operation);
                    early = self.register(operation.list());
                    if early.is_none() {
                        return self.settle(reserved, who);
                    }
                }
                Some(_) => return self.settle(reserved, who),
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
                self.succeed(operation, None);
                return true;
            }
            Outcome::Again => {
                self.start_over(operation);
                operation.proceed();
            }
            Outcome::Refused | Outcome::Reserved => {}
        }
        false
    }

    /// Gives the place up; `true` if it had been notified and nobody has made use of that.
    pub(crate) fn leave(&mut self, list: &WaitList) -> bool {
        let (Some(entry), Some(node)) = (self.entry.take(), &self.node) else {
            return false;
        };
        let notified = entry.listener.discard();
        if !(entry.registered && notified) {
            list.forget(node.kind);
        }
        notified
    }

    /// Gives everything up and loses nothing.
    #[cold]
    pub(crate) fn abandon(&mut self, operation: &mut dyn Attempt) {
        let notified = self.leave(operation.list());
        self.lift(operation, self.favoured);
        if notified {
            operation.pass_on();
        }
    }

    /// Leaves the list of one step for that of another.
    pub(crate) fn start_over(&mut self, operation: &mut dyn Attempt) {
        self.abandon(operation);
        *self = Waiter {
            node: self.node.take(),
            ..Waiter::NEW
        };
    }

    fn turn(&self, notice: Option<Notice>) -> Turn {
        let told = notice.is_some_and(|notice| notice != Notice::StandBack);
        Turn {
            queued: self.entry.is_some(),
            waited: self.waited,
            notified: notice.is_some(),
            entitled: told || self.favoured || self.is_impatient(),
        }
    }

    fn is_impatient(&self) -> bool {
        self.patient_until.is_some_and(|until| now() >= until)
    }

    fn succeed(&mut self, operation: &mut dyn Attempt, notice: Option<Notice>) {
        // It may have been notified besides, since this attempt was not owed to that.
        let unused = self.leave(operation.list());
        let last = self.favoured || notice == Some(Notice::LastTurn) || self.is_impatient();
        self.lift(operation, last);
        if unused {
            operation.pass_on();
        }
    }

    fn lift(&mut self, operation: &mut dyn Attempt, mine: bool) {
        self.favoured = false;
        if mine {
            operation.lift_reservation();
        }
    }

    fn join(&mut self, list: &WaitList, who: Who<'_>) {
        let waker = who.waker.clone();
        match self.node.as_mut().and_then(Arc::get_mut) {
            Some(node) => *node = Node::new(who.kind, waker),
            None => self.node = Some(Arc::new(Node::new(who.kind, waker))),
        }
        self.entry = Some(Entry {
            listener: list.join(who.kind),
            registered: false,
        });
        self.waited = true;
    }

    /// Makes the node the listener's waker. `Some` if the listener was notified before.
    fn register(&mut self, list: &WaitList) -> Option<Notice> {
        let (Some(entry), Some(node)) = (&mut self.entry, &self.node) else {
            return None;
        };
        let waker = Waker::from(node.clone());
        match Pin::new(&mut entry.listener).poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => {
                entry.registered = true;
                None
            }
            Poll::Ready(()) => {
                self.entry = None;
                list.forget(node.kind);
                Some(Notice::LastTurn)
            }
        }
    }

    /// What the waiter has been told since the last attempt. If anything, it is not in the
    /// list any more.
    fn hear(&mut self, operation: &mut dyn Attempt, who: Who<'_>) -> Option<Notice> {
        let (Some(entry), Some(node)) = (&self.entry, &self.node) else {
            return None;
        };
        if !entry.registered {
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
        let mut old = Waiter {
            entry: self.entry.take(),
            node: self.node.take(),
            ..Waiter::NEW
        };
        self.join(operation.list(), who);
        if !old.leave(operation.list()) {
            return None;
        }
        if self.leave(operation.list()) {
            operation.pass_on();
        }
        Some(Notice::Turn)
    }

    /// Reserves the object if this waiter has been passed over for too long.
    fn claim(&mut self, operation: &mut dyn Attempt) {
        let Some(since) = self.vain_since else { return };
        if now() - since >= STARVING_AFTER && operation.reserve() {
            self.favoured = true;
        }
        if let Some(node) = &self.node {
            node.favoured.store(self.favoured, Ordering::Relaxed);
        }
    }

    fn settle(&mut self, reserved: bool, who: Who<'_>) -> Poll<()> {
        if !reserved {
            self.patient_until = None;
            return Poll::Pending;
        }
        // Nobody is going to notify it when the reservation expires.
        self.patient_until.get_or_insert_with(|| now() + PATIENCE);
        if who.kind != Kind::Thread {
            who.waker.wake_by_ref();
        }
        Poll::Pending
    }
}
