//! The places of a list, in the order of arrival: a doubly linked list in a vector.
//!
//! | `notice` | `waker` | meaning | who moves it on |
//! |---|---|---|---|
//! | `None` | `Some` | waits, and is linked with those before and behind it | a notifier, to the next line; the waiter, by giving it up |
//! | `Some` | `None` | has been notified, and is no longer linked | the waiter, by giving it up, or by queueing up again: to the first line |
//!
//! When all are notified at once their places are taken away together ([`Crowd`]).

use super::park::Kind;
use std::num::NonZeroU32;
use std::task::Waker;

/// What a waiter is told when it is notified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Notice {
    /// Try again.
    Turn,
    /// Try again, but leave it to another while the object is reserved.
    StandBack,
}

/// Which place, plus one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Index(NonZeroU32);

impl Index {
    fn get(self) -> usize {
        self.0.get() as usize - 1
    }
}

#[derive(Debug)]
pub(super) struct Place {
    pub(super) waker: Option<Waker>,
    before: Option<Index>,
    /// Of a vacant place: the vacant place to take after this one.
    behind: Option<Index>,
    pub(super) kind: Kind,
    pub(super) notice: Option<Notice>,
    /// Has reserved the object.
    pub(super) favoured: bool,
}

/// Those who wait, in order, and those who have been notified one by one and have not heard of it yet.
#[derive(Debug)]
pub(super) struct Places {
    all: Vec<Place>,
    vacant: Option<Index>,
    first: Option<Index>,
    last: Option<Index>,
    /// How many places are not vacant, how many of these wait, and how many of those are not tasks.
    taken: usize,
    waiting: usize,
    threads: usize,
    /// Empty, for the next crowd.
    spare: Vec<Place>,
}

/// Room for more than this is given back to the allocator when it is empty.
const ROOM_KEPT: usize = 256;

impl Places {
    pub(super) const fn new() -> Self {
        Places {
            all: Vec::new(),
            vacant: None,
            first: None,
            last: None,
            taken: 0,
            waiting: 0,
            threads: 0,
            spare: Vec::new(),
        }
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether any of those who wait is not a task.
    pub(super) fn has_threads(&self) -> bool {
        self.threads > 0
    }

    pub(super) fn first(&self) -> Option<Index> {
        self.first
    }

    pub(super) fn get(&mut self, index: Index) -> &mut Place {
        &mut self.all[index.get()]
    }

    /// Adds a waiter behind all others.
    #[inline]
    pub(super) fn push(&mut self, kind: Kind, waker: Waker) -> Index {
        let place = Place {
            waker: Some(waker),
            before: None,
            behind: None,
            kind,
            notice: None,
            favoured: false,
        };
        self.taken += 1;
        let index = match self.vacant {
            Some(index) => {
                self.vacant = self.get(index).behind;
                *self.get(index) = place;
                index
            }
            None => {
                self.all.push(place);
                u32::try_from(self.all.len())
                    .ok()
                    .and_then(NonZeroU32::new)
                    .map(Index)
                    .expect("no more than 4,294,967,295 can wait for one object")
            }
        };
        self.link(index);
        index
    }

    /// Lets a waiter that has been notified wait again, behind all others.
    pub(super) fn push_again(&mut self, index: Index, kind: Kind, waker: Waker) {
        let place = self.get(index);
        place.waker = Some(waker);
        place.kind = kind;
        place.notice = None;
        self.link(index);
    }

    /// Notifies a waiter.
    pub(super) fn notify(&mut self, index: Index, notice: Notice) -> Option<Waker> {
        self.unlink(index);
        let place = self.get(index);
        place.notice = Some(notice);
        place.waker.take()
    }

    /// Makes a waiter that waits one of another kind, where it stands.
    pub(super) fn change_kind(&mut self, index: Index, kind: Kind) {
        let old = std::mem::replace(&mut self.get(index).kind, kind);
        self.threads += usize::from(kind != Kind::Task);
        self.threads -= usize::from(old != Kind::Task);
    }

    /// Gives a place up: whether it had been notified, and its waker if not.
    pub(super) fn remove(&mut self, index: Index) -> (Option<Notice>, Option<Waker>) {
        if self.get(index).notice.is_none() {
            self.unlink(index);
        }
        let vacant = self.vacant.replace(index);
        let place = self.get(index);
        place.behind = vacant;
        let left = (place.notice, place.waker.take());
        self.taken -= 1;
        if self.taken == 0 {
            self.vacant = None;
            self.all.clear();
            if self.all.capacity() > ROOM_KEPT {
                self.all = Vec::new();
            }
        }
        left
    }

    /// Takes all places away.
    pub(super) fn take_all(&mut self) -> Crowd {
        self.last = None;
        self.vacant = None;
        self.taken = 0;
        Crowd {
            all: std::mem::replace(&mut self.all, std::mem::take(&mut self.spare)),
            next: self.first.take(),
            count: std::mem::take(&mut self.waiting),
            has_threads: std::mem::take(&mut self.threads) > 0,
        }
    }

    /// Takes back the room that a crowd has had.
    pub(super) fn keep(&mut self, crowd: Crowd) {
        let mut all = crowd.all;
        if all.capacity() <= ROOM_KEPT {
            all.clear();
            self.spare = all;
        }
    }

    #[inline]
    fn link(&mut self, index: Index) {
        let last = self.last.replace(index);
        match last {
            Some(last) => self.get(last).behind = Some(index),
            None => self.first = Some(index),
        }
        let place = self.get(index);
        (place.before, place.behind) = (last, None);
        let is_thread = place.kind != Kind::Task;
        self.waiting += 1;
        self.threads += usize::from(is_thread);
    }

    fn unlink(&mut self, index: Index) {
        let place = self.get(index);
        let (before, behind) = (place.before, place.behind);
        let is_thread = place.kind != Kind::Task;
        match before {
            Some(before) => self.get(before).behind = behind,
            None => self.first = behind,
        }
        match behind {
            Some(behind) => self.get(behind).before = before,
            None => self.last = before,
        }
        self.waiting -= 1;
        self.threads -= usize::from(is_thread);
    }
}

/// All who waited at a moment.
pub(super) struct Crowd {
    all: Vec<Place>,
    next: Option<Index>,
    pub(super) count: usize,
    has_threads: bool,
}

impl Crowd {
    /// The wakers of those who are not tasks, in order.
    pub(super) fn threads(&mut self) -> impl Iterator<Item = Waker> {
        let mut next = self.next.filter(|_| self.has_threads);
        std::iter::from_fn(move || {
            loop {
                let place = &mut self.all[next?.get()];
                next = place.behind;
                if place.kind != Kind::Task {
                    return place.waker.take();
                }
            }
        })
    }

    /// The wakers of all whose waker has not been taken yet, in order.
    pub(super) fn rest(&mut self) -> impl Iterator<Item = Waker> {
        std::iter::from_fn(move || {
            loop {
                let place = &mut self.all[self.next?.get()];
                self.next = place.behind;
                if let Some(waker) = place.waker.take() {
                    return Some(waker);
                }
            }
        })
    }
}
