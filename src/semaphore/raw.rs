//! The semaphore without its permits' type: one word, and the list of those who wait.
//!
//! The word holds the number of permits that are there, above three marks:
//!
//! | mark | set by | cleared by |
//! |---|---|---|
//! | `RESERVED`, `CALLED` | see `wait/reservation.rs` | |
//! | `WAITING` | a waiter in the list that is refused | whoever serves the list and leaves nobody in it |
//!
//! | permits | who | when |
//! |---|---|---|
//! | fewer | anybody | there are as many as they want, and the object is not reserved, or they are entitled |
//! | more | anybody | a release |
//!
//! # Why no waiter is forgotten
//!
//! Permits are never handed over: a release adds them to the word, and then, if `WAITING` is set, notifies
//! those in the list who find as many as they need, until as many are spoken for as there are. How many that is
//! the list knows, since a waiter that has been notified keeps its place until it comes. So at any moment
//! either nobody in the list could be served, or the permits are spoken for by waiters on
//! their way. Each of these serves the list again
//!
//! * when it has got its permits and gives its place up, since more may have been released meanwhile that were
//!   taken for its own;
//! * when it was refused (somebody was quicker), since what is there may do for somebody who needs less; not if it was only asked whether
//!   it still waits (see below), for then nothing was spoken for by it;
//! * when it is dropped, or its time is up: then also if the permits are spoken for, for those on their way may never come.
//!
//! `WAITING` is cleared with the list's lock in hand and nobody in the list, so whoever joins finds it cleared and sets
//! it again. A release that does not see it came before that attempt, which then finds the permits.
//!
//! A newcomer takes what is there, also what others have been notified of. When it gives that back, these are
//! still on their way, and nobody else is woken for it; unless somebody has joined the list, left it, or asked in vain since they were
//! notified: from then on the tasks among them are not counted on, for one that never comes would keep the rest waiting. A thread
//! only ever counts on threads (P1).
//!
//! # A request for many is not starved by requests for few
//!
//! Who needs more than there is is passed over, but every eighth time it is woken to find out how long this has
//! been going on. After a millisecond it reserves the semaphore: from then on permits gather.
//! That may take as long as others hold theirs, and it needn't run meanwhile. So whoever finds permits that are
//! kept for it *calls* it: if it answers within a millisecond, it waits in earnest. A task then sleeps until it is served; a
//! thread asks again each millisecond, also in `block_on`, for it is not to depend on a task being polled (P1). If there is no
//! answer, the permits are for whoever is there. A task that took its word for it and is then let down
//! waits until the next release or the next newcomer.

use crate::sync::atomic::Ordering;
use crate::sync::const_fn;
use crate::wait::{CALLED, Outcome, RESERVED, Turn, WaitList};

const WAITING: usize = 4;
const ONE: usize = 8;

/// As many permits as a word holds.
pub(super) const MAX: usize = usize::MAX / ONE;

/// What is said about more than that.
pub(super) const TOO_MANY: &str = "a semaphore can't hold that many permits";

/// How many permits there are, and who waits for them.
#[derive(Debug)]
pub struct RawSemaphore {
    list: WaitList,
}

impl RawSemaphore {
    const_fn! {
        pub(super) const fn new(permits: usize) -> Self {
            assert!(permits <= MAX, "{}", TOO_MANY);
            RawSemaphore { list: WaitList::new(permits * ONE) }
        }
    }

    #[inline]
    pub(super) fn list(&self) -> &WaitList {
        &self.list
    }

    pub(super) fn available(&self) -> usize {
        self.list.word.load(Ordering::Relaxed) / ONE
    }

    /// Whether nobody has had to wait, so permits seem to be held for short times.
    pub(super) fn is_brief(&self) -> bool {
        self.list.word.load(Ordering::Relaxed) & (WAITING | RESERVED) == 0
    }

    /// The fast path: takes permits if there are enough that are kept for nobody.
    #[inline]
    pub(super) fn acquire_fast(&self, permits: usize) -> bool {
        let word = &self.list.word;
        let old = word.load(Ordering::Relaxed);
        // Acquire: pairs with the Release of those who gave the permits back.
        old & RESERVED == 0
            && old / ONE >= permits
            && word
                .compare_exchange(
                    old,
                    old - permits * ONE,
                    Ordering::Acquire,
                    Ordering::Relaxed,
                )
                .is_ok()
    }

    #[inline]
    pub(super) fn try_acquire(&self, permits: usize) -> bool {
        self.acquire_fast(permits) || self.attempt(permits, Turn::BARGE) == Outcome::Done
    }

    pub(super) fn attempt(&self, permits: usize, turn: Turn) -> Outcome {
        let word = &self.list.word;
        let mut old = word.load(Ordering::Relaxed);
        loop {
            let enough = old / ONE >= permits;
            let takes = enough && (turn.is(Turn::ENTITLED) || old & RESERVED == 0 || permits == 0);
            let new = match takes {
                true => old - permits * ONE,
                false if turn.is(Turn::QUEUED) => old | WAITING,
                false => old,
            };
            // Acquire: as in `acquire_fast`. Release: whoever sees the mark finds this waiter in the list. If the mark
            // was there already there is nothing to write: had a release found the list without
            // this waiter, it had cleared the mark before this waiter joined.
            if new == old
                || word
                    .compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Relaxed)
                    .inspect_err(|now| old = *now)
                    .is_ok()
            {
                return match (takes, enough) {
                    (true, _) => Outcome::Done,
                    (false, false) => Outcome::Refused,
                    (false, true) if old & CALLED != 0 => Outcome::Reserved,
                    (false, true) => Outcome::Gathering,
                };
            }
        }
    }

    /// Adds permits, if that makes no more than `max` of them; else nothing is changed and it returns `false`.
    #[inline]
    pub(super) fn release(&self, permits: usize, max: usize) -> bool {
        self.add(max, |room| (permits <= room).then_some(permits))
    }

    /// Adds as many of these permits as there is room for below `max`; the rest is gone.
    #[inline]
    pub(super) fn release_some(&self, permits: usize, max: usize) {
        self.add(max, |room| Some(permits.min(room)));
    }

    #[inline]
    fn add(&self, max: usize, mut fitting: impl FnMut(usize) -> Option<usize>) -> bool {
        let word = &self.list.word;
        let mut old = word.load(Ordering::Relaxed);
        loop {
            let Some(permits) = fitting(max - old / ONE) else {
                return false;
            };
            let new = old + permits * ONE;
            // Release: what their holder did is seen by the next one. Acquire: pairs with the Release of
            // those who left the mark.
            match word.compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => {
                    if old & WAITING != 0 {
                        self.list.serve(new / ONE, permits, false, WAITING);
                    }
                    return true;
                }
                Err(now) => old = now,
            }
        }
    }

    /// Wakes those who can have what is there and not spoken for.
    pub(super) fn serve(&self) {
        let word = self.list.word.load(Ordering::Relaxed);
        if word & WAITING != 0 && word / ONE > 0 {
            self.list.serve(word / ONE, 0, false, WAITING);
        }
    }

    /// Wakes those who can have what a waiter was notified of that has given up: whoever has been notified of as much before may
    /// never come.
    pub(super) fn pass_on(&self, permits: usize) {
        let word = self.list.word.load(Ordering::Relaxed);
        let there = word / ONE;
        if word & WAITING != 0 && there > 0 {
            self.list.serve(there, permits.min(there), true, WAITING);
        }
    }

    pub(super) fn reserve(&self, again: bool) -> bool {
        self.list.reserve(again)
    }

    pub(super) fn call_favoured(&self) {
        self.list.note_call();
        self.list.call_favoured();
    }

    /// Ends a reservation, and wakes those who have stood back from it.
    pub(super) fn lift_reservation(&self) {
        self.list.lift_reservation();
        self.pass_on(MAX);
    }
}
