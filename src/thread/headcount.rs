//! [`Headcount`]: how many threads there are, and those who wait until they are gone.

use crate::sync::atomic::Ordering;
use crate::sync::const_fn;
use crate::wait::{Line, Outcome, Turn, WaitList};

/// Threads that somebody may want to see the end of.
///
/// | in the word | who | when |
/// |---|---|---|
/// | one more | whoever starts a thread | before it runs |
/// | one fewer | that thread, and then it wakes all who wait | it has ended |
/// | `WAITING` set | whoever waits, in the list already | there is one to wait for |
/// | `WAITING` cleared | a thread that has ended, and is about to wake all | in the same step |
pub(super) struct Headcount {
    list: WaitList,
}

const WAITING: usize = 1;
const ONE: usize = 2;

impl Headcount {
    const_fn! {
        pub(super) const fn new() -> Self {
            Headcount { list: WaitList::new(0) }
        }
    }

    /// One more.
    pub(super) fn enter(&self) {
        // Relaxed: whoever knows of the thread, and waits for its end, sees this by whatever has told them.
        self.list.word.fetch_add(ONE, Ordering::Relaxed);
    }

    /// One fewer. Returns whether those who wait are to be woken.
    #[must_use = "`wake` those who wait"]
    pub(super) fn leave(&self) -> bool {
        let word = &self.list.word;
        let mut old = word.load(Ordering::Relaxed);
        loop {
            let new = (old - ONE) & !WAITING;
            // Release: what the thread did is seen by those who wait for it. Acquire: those who have set `WAITING` are found in
            // the list.
            match word.compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return old & WAITING != 0,
                Err(now) => old = now,
            }
        }
    }

    /// Has all who wait look again.
    pub(super) fn wake(&self) {
        self.list.wake(usize::MAX);
    }

    /// Where those who wait stand.
    pub(super) fn line(&self) -> &dyn Line {
        &self.list
    }

    /// Tries to find all of them gone, but for the calling thread if `is_one` of them.
    pub(super) fn attempt(&self, turn: Turn, is_one: bool) -> Outcome {
        let word = &self.list.word;
        let left = if is_one { ONE } else { 0 };
        // Acquire: pairs with the Release of those who have ended.
        let mut old = word.load(Ordering::Acquire);
        loop {
            if old & !WAITING <= left {
                return Outcome::Done;
            }
            if !turn.is(Turn::QUEUED) || old & WAITING != 0 {
                return Outcome::Refused;
            }
            // Release: joining the list comes before.
            match word.compare_exchange_weak(
                old,
                old | WAITING,
                Ordering::Release,
                Ordering::Acquire,
            ) {
                Ok(_) => return Outcome::Refused,
                Err(now) => old = now,
            }
        }
    }
}
