//! One of a queue's two sides: those who wait for room, or those who wait for items.

use crate::sync::atomic::{Ordering, fence};
use crate::sync::const_fn;
use crate::wait::{CALLED, Outcome, RESERVED, Turn, WaitList};
use std::sync::atomic::{AtomicU32, compiler_fence};

const WAITING: usize = 4;
/// What a side counts in its word begins here.
const ONE: usize = 8;

/// A microsecond's pauses.
pub(super) const LEAD: u32 = 32;

/// Those who wait for something that is elsewhere: room in the queue, or items.
///
/// | in the word | set by | cleared by |
/// |---|---|---|
/// | `RESERVED`, `CALLED` | see `wait/reservation.rs` | |
/// | `WAITING` | whoever waits, in the list already, before each attempt | whoever serves the list and leaves nobody in it |
/// | the rest, times `ONE` | the queue | the queue |
///
/// What is waited for changes elsewhere than in this word, so there are two orders to keep:
///
/// | party | first | then |
/// |---|---|---|
/// | waiter, [`announce`](Side::announce) | sets `WAITING` | attempts |
/// | notifier, [`changed`](Side::changed) | changes the queue | looks for `WAITING` |
///
/// with a full fence in between on both sides. So at least one of the two sees the other: either the attempt finds
/// what has changed, or the notifier finds the mark, and by that the waiter in the list (`wait/list.rs` says why
/// the mark is enough).
///
/// Each item that is put wakes one of those who wait, and so does each that is taken out on the other side: those who have been
/// woken before may come late or never, and somebody else may have been quicker (P4).
#[derive(Debug)]
pub(super) struct Side {
    pub(super) list: WaitList,
    /// How often in a row it was of no use, or not tried, to spin in a task.
    useless: AtomicU32,
    /// For how many pauses a thread leaves the other side alone, if that side never waits.
    lead: AtomicU32,
}

impl Side {
    const_fn! {
        pub(super) const fn new() -> Self {
            Side { list: WaitList::new(0), useless: AtomicU32::new(0), lead: AtomicU32::new(LEAD) }
        }
    }

    /// Whether there is nothing to be considered, and a newcomer may just try. Relaxed, as in `is_brief` and `count`: a
    /// mark that is seen late means one newcomer more, or a look at the list that was not needed.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.list.word.load(Ordering::Relaxed) & !(WAITING | CALLED) == 0
    }

    /// Whether nobody has had to wait, and it is worth while to try again before one does.
    ///
    /// A task spins in vain if the other side's tasks are to run on the same thread. That is found out by trying.
    pub(super) fn is_brief(&self, blocks: bool) -> bool {
        let word = self.list.word.load(Ordering::Relaxed);
        word & (WAITING | RESERVED) == 0 && (blocks || self.is_spinning_useful())
    }

    /// After two failures it is tried one time in 64. Relaxed, and no read-modify-write: it's a guess.
    fn is_spinning_useful(&self) -> bool {
        let useless = self.useless.load(Ordering::Relaxed);
        let useful = useless < 2 || useless % 64 == 0;
        if !useful {
            self.useless
                .store(useless.wrapping_add(1), Ordering::Relaxed);
        }
        useful
    }

    /// Notes how a task's spinning has ended.
    pub(super) fn has_spun(&self, success: bool) {
        let useless = match success {
            true => 0,
            false => self.useless.load(Ordering::Relaxed).wrapping_add(1),
        };
        self.useless.store(useless, Ordering::Relaxed);
    }

    /// How long a thread that waits here is to leave the other side alone, in pauses. Relaxed, as in `note_lead`.
    pub(super) fn lead(&self) -> u32 {
        self.lead.load(Ordering::Relaxed)
    }

    /// Notes whether the other side had got `ahead` by the time that this one had looked again. If so it gets more time from now
    /// on: where it goes on and on, both are slowed down whenever this one has caught up. Relaxed: it's a guess.
    pub(super) fn note_lead(&self, ahead: bool) {
        let lead = match ahead {
            true => (2 * self.lead()).min(16 * LEAD),
            false => LEAD,
        };
        self.lead.store(lead, Ordering::Relaxed);
    }

    /// What the queue counts here. Relaxed: whatever is counted is looked for with a mutex in hand.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.list.word.load(Ordering::Relaxed) / ONE
    }

    pub(super) fn count_up(&self, by: usize) {
        self.list.word.fetch_add(by * ONE, Ordering::Relaxed);
    }

    pub(super) fn count_down(&self, by: usize) {
        self.list.word.fetch_sub(by * ONE, Ordering::Relaxed);
    }

    /// Sees to it that whoever changes the queue from now on notices this waiter, which is in the list.
    fn announce(&self) {
        // Relaxed: whoever sees the mark before the fence, and no list yet, leaves it there; what they have changed is seen by the attempt.
        self.list.word.fetch_or(WAITING, Ordering::Relaxed);
        // Pairs with the one in `changed`.
        fence_after_rmw();
    }

    /// Whether somebody may wait for what has just been changed in the queue.
    #[inline]
    pub(super) fn changed(&self) -> bool {
        fence_after_rmw();
        self.list.word.load(Ordering::Relaxed) & WAITING != 0
    }

    /// Wakes those for whom there is something: so much is `there`, and so much of that is new.
    #[cold]
    pub(super) fn serve(&self, there: usize, added: usize) {
        self.list.serve(there, added, true, WAITING);
    }

    /// Wakes all who wait.
    pub(super) fn wake_all(&self) {
        self.list.wake(usize::MAX);
    }

    /// Tries, unless what is `there` is kept for another.
    pub(super) fn attempt(
        &self,
        turn: Turn,
        there: impl FnOnce() -> bool,
        attempt: impl FnOnce() -> Outcome,
    ) -> Outcome {
        if turn.is(Turn::QUEUED) {
            self.announce();
        }
        let word = self.list.word.load(Ordering::Relaxed);
        if turn.is(Turn::ENTITLED) || word & RESERVED == 0 {
            attempt()
        } else if !there() {
            Outcome::Refused
        } else if word & CALLED != 0 {
            Outcome::Reserved
        } else {
            Outcome::Gathering
        }
    }

    pub(super) fn call_favoured(&self) {
        self.list.note_call();
        self.list.call_favoured();
    }
}

/// A full fence after a push or a pop, and after the mark of somebody who waits.
///
/// On x86 it's there already: each of them has a read-modify-write, which is one. A push or a pop makes itself known no later than by
/// that to the other side, which then does not find the queue empty, or full, but waits for the slot to be written. Elsewhere, and
/// under loom, that is not relied upon.
#[inline]
pub(super) fn fence_after_rmw() {
    let strong = cfg!(all(
        any(target_arch = "x86", target_arch = "x86_64"),
        not(loom)
    ));
    if strong {
        compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    /// It grows as long as the other side gets ahead, up to some microseconds, and begins anew when that has ended.
    #[test]
    fn the_lead_that_the_other_side_gets() {
        let side = Side::new();
        for times in [1, 2, 4, 8, 16, 16] {
            assert_eq!(side.lead(), times * LEAD);
            side.note_lead(true);
        }
        side.note_lead(false);
        assert_eq!(side.lead(), LEAD);
    }
}
