//! The places of a list, in the order of arrival: a doubly linked list in a vector.
//!
//! | `notice` | `waker` | meaning | who moves it on |
//! |---|---|---|---|
//! | `None` | `Some` | waits, and is linked with those before and behind it | a notifier, to the next line; the waiter, by giving it up |
//! | `Some` | `None` | has been notified, and is no longer linked | the waiter, by giving it up, or by queueing up again: to the first line |
//! | any | `None` | vacant, and linked with other vacant ones | the next waiter to join |
//!
//! When all are notified at once their places are taken away together ([`Crowd`]).

use super::park::Kind;
use std::num::NonZeroU32;
use std::task::Waker;

/// What a waiter is told when it is notified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notice {
    /// Try again.
    Turn,
    /// Try again, but leave it to another while the object is reserved.
    StandBack,
    /// The object is kept for you: do you still wait? That there is anything new is not said.
    Asked,
}

/// Which place, plus one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Index(NonZeroU32);

impl Index {
    pub(super) const FIRST: Index = Index(NonZeroU32::MIN);

    fn get(self) -> usize {
        self.0.get() as usize - 1
    }
}

#[derive(Debug)]
pub(super) struct Place {
    pub(super) waker: Option<Waker>,
    before: Option<Index>,
    /// Of a vacant place: the vacant place to take after this one.
    pub(super) behind: Option<Index>,
    /// How much of the object it wants; when notified, how much it is expected to take.
    pub(super) need: usize,
    pub(super) kind: Kind,
    pub(super) notice: Option<Notice>,
    /// Has reserved the object.
    pub(super) favoured: bool,
    /// How often it has been passed over because there was too little.
    passed_over: u8,
}

impl Place {
    /// Notes that it has been passed over; `true` now and then, when it should be woken to find out
    /// whether it starves.
    pub(super) fn pass_over(&mut self) -> bool {
        self.passed_over = (self.passed_over + 1) % 8;
        self.passed_over == 0
    }
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
    /// What the threads that have been notified are going to take, and what the tasks may, as far as they are counted on.
    expected_of_threads: usize,
    expected_of_tasks: usize,
    /// How many of those who have been notified have reserved the object.
    favoured: usize,
    /// Somebody has come, gone, or asked in vain since this was last cleared.
    changed: bool,
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
            expected_of_threads: 0,
            expected_of_tasks: 0,
            favoured: 0,
            changed: false,
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

    /// What the threads that have been notified are going to take, and what the tasks may, as far as they are counted on.
    pub(super) fn expected(&self) -> (usize, usize) {
        (self.expected_of_threads, self.expected_of_tasks)
    }

    /// Whether somebody who has reserved the object has been notified, and has not come yet.
    pub(super) fn expects_favoured(&self) -> bool {
        self.favoured > 0
    }

    /// Somebody has asked whether it has been notified, and has not.
    pub(super) fn note_change(&mut self) {
        self.changed = true;
    }

    /// Whether somebody has come, gone, or asked in vain since the last time.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Counts no more on the tasks that have been notified so far, for others have asked in vain since: they may never come.
    pub(super) fn forget_tasks(&mut self) {
        self.expected_of_tasks = 0;
    }

    pub(super) fn first(&self) -> Option<Index> {
        self.first
    }

    pub(super) fn get(&mut self, index: Index) -> &mut Place {
        &mut self.all[index.get()]
    }

    /// Adds a waiter behind all others.
    #[inline(always)]
    pub(super) fn push(&mut self, kind: Kind, need: usize, waker: Waker) -> Index {
        let place = Place {
            waker: Some(waker),
            before: self.last,
            behind: None,
            need,
            kind,
            notice: None,
            favoured: false,
            passed_over: 0,
        };
        let index = match self.vacant {
            Some(index) => {
                self.vacant = self.get(index).behind;
                *self.get(index) = place;
                index
            }
            None => {
                let index = u32::try_from(self.all.len() + 1)
                    .ok()
                    .and_then(NonZeroU32::new)
                    .map(Index)
                    .expect("no more than 4,294,967,295 can wait for one object");
                self.all.push(place);
                index
            }
        };
        self.taken += 1;
        self.lengthen(index, kind);
        index
    }

    /// Lets a waiter that has been notified wait again: behind all others, or ahead of them if it has
    /// reserved the object.
    pub(super) fn push_again(&mut self, index: Index, kind: Kind, need: usize, waker: Waker) {
        self.expect(index, false);
        let place = self.get(index);
        place.waker = Some(waker);
        place.need = need;
        place.kind = kind;
        place.notice = None;
        match place.favoured {
            false => self.link(index),
            true => self.link_first(index),
        }
    }

    /// Notifies a waiter. One that is only to look, and not `expected` to take anything, is not
    /// counted on.
    #[inline]
    pub(super) fn notify(&mut self, index: Index, notice: Notice, expected: bool) -> Option<Waker> {
        self.unlink(index);
        let place = self.get(index);
        place.notice = Some(notice);
        let waker = place.waker.take();
        if !expected {
            place.need = 0;
        }
        self.expect(index, true);
        waker
    }

    /// A waiter that has been notified stands back.
    pub(super) fn hold_back(&mut self, index: Index) {
        self.expect(index, false);
        let place = self.get(index);
        (place.notice, place.need) = (Some(Notice::StandBack), 0);
        self.expect(index, true);
    }

    /// Counts on a waiter that has been notified, or no longer.
    #[inline]
    fn expect(&mut self, index: Index, comes: bool) {
        let place = self.get(index);
        let (kind, need, favoured) = (place.kind, place.need, place.favoured);
        let expected = match kind {
            Kind::Thread => &mut self.expected_of_threads,
            _ => &mut self.expected_of_tasks,
        };
        if comes {
            // Saturating: several may want as many as a word holds.
            *expected = expected.saturating_add(need);
            self.favoured += usize::from(favoured);
        } else {
            // Saturating: as above, or it may have been forgotten. Then too little is expected of others from now on, and some are woken in vain.
            *expected = expected.saturating_sub(need);
            self.favoured -= usize::from(favoured);
        }
    }

    /// Notes whether a waiter has reserved the object.
    pub(super) fn favour(&mut self, index: Index, favoured: bool) {
        let place = self.get(index);
        let old = std::mem::replace(&mut place.favoured, favoured);
        if place.notice.is_some() {
            self.favoured += usize::from(favoured);
            self.favoured -= usize::from(old);
        }
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
        } else {
            self.expect(index, false);
        }
        self.changed = true;
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
        (self.expected_of_threads, self.expected_of_tasks) = (0, 0);
        self.favoured = 0;
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
        let last = self.last;
        let place = self.get(index);
        (place.before, place.behind) = (last, None);
        let kind = place.kind;
        self.lengthen(index, kind);
    }

    /// Makes the last place the last but one before this one, which is linked with it already.
    #[inline]
    fn lengthen(&mut self, index: Index, kind: Kind) {
        match self.last.replace(index) {
            Some(last) => self.get(last).behind = Some(index),
            None => self.first = Some(index),
        }
        self.count(kind);
    }

    fn link_first(&mut self, index: Index) {
        let first = self.first.replace(index);
        match first {
            Some(first) => self.get(first).before = Some(index),
            None => self.last = Some(index),
        }
        let place = self.get(index);
        (place.before, place.behind) = (None, first);
        let kind = place.kind;
        self.count(kind);
    }

    #[inline]
    fn count(&mut self, kind: Kind) {
        self.waiting += 1;
        self.threads += usize::from(kind != Kind::Task);
        self.changed = true;
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
    pub(super) has_threads: bool,
}

impl Crowd {
    /// The wakers of those who are not tasks, in order.
    pub(super) fn threads(&mut self) -> impl Iterator<Item = Waker> {
        let mut next = self.next;
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

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn push(places: &mut Places) -> Index {
        places.push(Kind::Task, 1, Waker::noop().clone())
    }

    /// Notified between its attempt and its claim: the list expects it as it does one that had claimed before.
    #[test]
    fn favoured_when_it_has_been_notified() {
        let mut places = Places::new();
        let [first, second] = [push(&mut places), push(&mut places)];
        for index in [first, second] {
            places.notify(index, Notice::Turn, true);
        }
        assert!(!places.expects_favoured());
        places.favour(first, true);
        assert!(places.expects_favoured());
        places.favour(second, true);
        places.favour(first, true);
        places.remove(first);
        assert!(places.expects_favoured(), "the other one is still to come");
        places.favour(second, false);
        assert!(!places.expects_favoured());
        places.remove(second);
        assert!(!places.expects_favoured());
    }
}
