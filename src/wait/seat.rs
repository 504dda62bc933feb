//! A list for one waiter at a time, which needs no memory of its own.
//!
//! For an object that only one party can wait for, since the operation borrows it mutably.
//!
//! | `waker` | `notified` | meaning | who moves it on |
//! |---|---|---|---|
//! | `None` | no | nobody waits | a waiter that joins, to the next line |
//! | `Some` | no | somebody waits | a notifier, to the next line; the waiter, by giving it up, to the first |
//! | `None` | yes | notified, whether it has heard of that or not | a waiter that joins, to the second line |
//!
//! As in `list.rs` a waiter joins before its last attempt, and a notifier changes the object before it looks here,
//! both under the same lock: one of them sees the other. There is no mark in a state word, so every notification takes the
//! lock; in exchange there may be no state word.
//!
//! A wait that was forgotten keeps the seat until the next one takes it. It is never heard of again: as long as it could be polled or
//! dropped, there is no other wait.

use super::list::{Heard, Key, Left, Line, Woken};
use super::park::Kind;
use super::places::{Index, Notice};
use crate::sync::SpinLock;
use std::task::Waker;

#[derive(Debug)]
pub(crate) struct Seat {
    state: SpinLock<State>,
}

#[derive(Debug)]
struct State {
    waker: Option<(Kind, Waker)>,
    notified: bool,
}

impl Seat {
    pub(crate) fn new() -> Self {
        Seat {
            state: SpinLock::new(State {
                waker: None,
                notified: false,
            }),
        }
    }

    /// Wakes whoever waits.
    pub(crate) fn notify(&self) {
        let mut state = self.state.lock();
        let Some((kind, waker)) = state.waker.take() else {
            return;
        };
        state.notified = true;
        drop(state);
        Woken::one(kind, waker).wake();
    }
}

impl Line for Seat {
    fn join(&self, kind: Kind, _need: usize, waker: Waker) -> Key {
        let mut state = self.state.lock();
        let forgotten = state.waker.replace((kind, waker));
        state.notified = false;
        drop(state);
        drop(forgotten);
        Key {
            epoch: 0,
            index: Index::FIRST,
        }
    }

    fn hear(&self, _place: Key, kind: Kind, waker: Waker, _requeue: Option<usize>) -> Heard {
        let mut state = self.state.lock();
        if state.notified {
            return Heard::Told(Notice::Turn, waker);
        }
        let old = state.waker.replace((kind, waker));
        Heard::Nothing(old.map(|(_, waker)| waker))
    }

    fn leave(&self, _place: Key) -> Left {
        let mut state = self.state.lock();
        match state.notified {
            true => Left::Notified,
            false => Left::Unnotified(state.waker.take().map(|(_, waker)| waker)),
        }
    }
}
