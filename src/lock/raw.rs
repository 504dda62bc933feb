//! The lock without its data: one word with two marks, and the list of those who wait.
//!
//! | word | meaning | who moves it on |
//! |---|---|---|
//! | `0` | free, and nobody needs to be woken | `lock`: to `HELD` |
//! | `HELD` | held, nobody waits | its holder: to `0`. A waiter in the list: to `HELD + QUEUED` |
//! | `HELD + QUEUED` | held, and somebody may be in the list whom nobody has notified | its holder: to `0`, and then wakes the next |
//! | `QUEUED` | free, somebody is in the list and stands back from a reservation | whoever takes it: to `HELD + QUEUED` |
//! | `... + RESERVED` | a starving waiter is to have it: newcomers stand back | see below |
//!
//! The first three are the states of the mutex in Drepper's "Futexes Are Tricky". A release without
//! waiters is one compare-and-swap, and never looks at the list.
//!
//! # Why no waiter is forgotten
//!
//! A waiter joins the list, *then* makes the attempt that leaves the mark `QUEUED`, and
//! sleeps only after that. So at any moment somebody is responsible for those who sleep:
//!
//! * the holder, if `QUEUED` is set: its release notifies;
//! * or else a waiter that has been notified and has not tried again yet. It takes the lock
//!   *with* the mark, since it can't know whether others still wait, and then it is
//!   the holder's case again; or it's refused, and leaves the mark for whoever holds the lock
//!   then; or it is dropped, and notifies the next.
//!
//! A newcomer that takes a free lock as `HELD` thereby takes nothing over. Its release wakes
//! nobody, since the notified waiter is still on its way.
//!
//! # Reservations (P6)
//!
//! A lock that is never handed over can be snatched away from the same waiter again and
//! again. So a waiter that has been woken in vain for more than a millisecond sets
//! `RESERVED`. From then on only those may take the lock who were notified, in the order of the
//! list and one a release, or who made the reservation; whoever comes along finds the lock
//! "reserved", joins the list, and stands back. The waiter itself stood in the list
//! when it made the reservation, so a bounded number of others gets the lock before it.
//!
//! The one it is kept for may be a task that nobody polls. So everyone who stands back
//! does so for a millisecond at most in which it always finds the lock free; then it takes the lock, and
//! lifts the reservation. And once the release that has reached that waiter has set `CALLED`, the next
//! release finds that somebody else had the lock since, and lifts it as well. `try_lock` and expired
//! timeouts don't stand back at all: for them what is free is free.
//!
//! Besides what `wait/reservation.rs` says of the two marks:
//!
//! | mark | who | when |
//! |---|---|---|
//! | both set | `unlock_fair` | somebody waits, and the next one is called at once; whoever takes the lock leaves them until it releases that |
//! | both cleared | a release | finds `CALLED`; or finds nobody in the list |

use crate::sync::atomic::Ordering;
use crate::sync::const_fn;
use crate::wait::{CALLED, Order, Outcome, RESERVED, Turn, WaitList};

const HELD: usize = 4;
const QUEUED: usize = 8;

/// A lock that protects nothing but itself.
#[derive(Debug)]
pub struct RawLock {
    list: WaitList,
}

impl RawLock {
    const_fn! {
        pub(crate) const fn new() -> Self {
            RawLock { list: WaitList::new(0) }
        }
    }

    #[inline]
    pub(crate) fn list(&self) -> &WaitList {
        &self.list
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.list.word.load(Ordering::Relaxed) & HELD != 0
    }

    /// Whether it's only held: nobody has had to wait for it, so critical sections seem to be short.
    pub(crate) fn is_brief(&self) -> bool {
        self.list.word.load(Ordering::Relaxed) & !HELD == 0
    }

    /// The fast path: takes the lock if it is free and nobody waits.
    #[inline]
    pub(crate) fn lock_fast(&self) -> bool {
        // Acquire: pairs with the Release of the last holder.
        self.list
            .word
            .compare_exchange(0, HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    #[inline]
    pub(crate) fn try_lock(&self) -> bool {
        self.lock_fast() || self.attempt(Turn::BARGE) == Outcome::Done
    }

    pub(crate) fn attempt(&self, turn: Turn) -> Outcome {
        let mut old = self.list.word.load(Ordering::Relaxed);
        loop {
            let held = old & HELD != 0;
            let takes = !held && (turn.is(Turn::ENTITLED) || old & RESERVED == 0);
            let new = match takes {
                true if turn.is(Turn::WAITED) => old | HELD | QUEUED,
                true => old | HELD,
                false if turn.is(Turn::QUEUED) => old | QUEUED,
                false => old,
            };
            // Acquire: what the last holder did is seen. Release: pairs with the Acquire in
            // `unlock`, which is to find in the list whoever left the mark. If the mark was there
            // already there is nothing to write: a release that clears it takes
            // the list's lock after that, and this waiter joined before this load.
            if new == old
                || self
                    .list
                    .word
                    .compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Relaxed)
                    .inspect_err(|now| old = *now)
                    .is_ok()
            {
                return match (takes, held) {
                    (true, _) => Outcome::Done,
                    (false, true) => Outcome::Refused,
                    (false, false) => Outcome::Reserved,
                };
            }
        }
    }

    /// Gives the lock back. The caller holds it.
    #[inline]
    pub(crate) fn unlock(&self) {
        let word = &self.list.word;
        // A look first: so it is one read-modify-write also where somebody waits. Relaxed, for the exchange fails if it is out of date.
        let old = word.load(Ordering::Relaxed);
        // Release: what the holder did is seen by the next one. Acquire: pairs with the Release of those who left the mark.
        let is_free = old & RESERVED == 0
            && word
                .compare_exchange(old, 0, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        if !is_free {
            self.unlock_and_reserve(0);
        } else if old != HELD {
            self.wake_next(0);
        }
    }

    /// Gives the lock back if nobody needs to be woken for that.
    #[inline]
    pub(crate) fn unlock_fast(&self) -> bool {
        // Release: what the holder did is seen by the next one.
        self.list
            .word
            .compare_exchange(HELD, 0, Ordering::Release, Ordering::Relaxed)
            .is_ok()
    }

    /// Gives the lock back, and keeps it for those who wait. The caller holds it.
    pub(crate) fn unlock_fair(&self) {
        self.unlock_and_reserve(RESERVED | CALLED);
    }

    /// Gives the lock back, and if somebody waits leaves these marks on it. A reservation that is there stays, unless it is over.
    #[cold]
    fn unlock_and_reserve(&self, reserve: usize) {
        let word = &self.list.word;
        let mut old = word.load(Ordering::Relaxed);
        let reserved = loop {
            let reserved = if old & (RESERVED | CALLED) == RESERVED {
                RESERVED
            } else if old & QUEUED != 0 {
                // If `CALLED` is set somebody else has had the lock since then: whoever
                // it was kept for does not run.
                reserve
            } else {
                0
            };
            // Release and Acquire: as in `unlock`.
            match word.compare_exchange_weak(old, reserved, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => break reserved,
                Err(now) => old = now,
            }
        };
        if old & QUEUED != 0 {
            self.wake_next(reserved);
        }
    }

    /// Wakes the next waiter in place of one that has been woken and does not want the lock
    /// any more.
    pub(crate) fn pass_on(&self) {
        // Relaxed: of the word only the marks of a reservation are looked at.
        self.wake_next(self.list.word.load(Ordering::Relaxed));
    }

    /// Wakes those who are next, by the marks of the state word.
    #[cold]
    fn wake_next(&self, marks: usize) {
        if marks & RESERVED == 0 {
            return self.list.next(Order::Free).wake();
        }
        let next = self.list.next(Order::Reserved);
        if next.is_empty() {
            // A reservation for nobody would only hold up whoever comes along.
            self.list.lift_reservation();
        } else if next.has_favoured() {
            self.list.note_call();
        }
        next.wake();
    }
}
