//! When a thread that works on queues offers its core.

use crate::sync::{IS_MODEL, yield_now};
use std::cell::Cell;

std::thread_local! {
    /// Operations until the next offer.
    static LEFT: Cell<u32> = const { Cell::new(BETWEEN_OFFERS) };
}

/// At ten nanoseconds each somewhat less than a time slice, which on Linux is from one to three milliseconds.
const BETWEEN_OFFERS: u32 = 1 << 16;

/// To be called by a thread that is about to put or get, and may wait for it.
///
/// A push or pop of `concurrent-queue` claims a slot by a compare-and-exchange and marks it as finished by a store. Whoever comes to
/// a slot that is claimed and not finished looks at it again and again, without offering its core, so a thread that loses its own
/// in between holds the others up for a time slice or two: the one that runs next in its place may be of those who look. That is likely, since the exchange
/// is what takes longest, and an interrupt waits for its end. Where more threads than cores use a queue it took half of their time.
///
/// So they offer their cores here, where they hold nothing, and are seldom interrupted elsewhere. Threads that
/// do more than that between two operations are mostly interrupted there, and offer theirs less often. The notion is that of a safe point
/// in a garbage collector; the problem is that of a lock's holder that loses its core, for which Solaris has `schedctl`.
#[inline]
pub(super) fn safe_point() {
    let left = LEFT.get() - 1;
    LEFT.set(left);
    if left == 0 {
        offer();
    }
}

#[cold]
fn offer() {
    LEFT.set(BETWEEN_OFFERS);
    // A model has its own ways to interrupt.
    if !IS_MODEL {
        yield_now();
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    /// The core is offered when so many operations are over, and then after as many again.
    #[test]
    fn one_offer_in_so_many_operations() {
        safe_point();
        assert_eq!(LEFT.get(), BETWEEN_OFFERS - 1);
        LEFT.set(2);
        safe_point();
        assert_eq!(LEFT.get(), 1);
        safe_point();
        assert_eq!(LEFT.get(), BETWEEN_OFFERS);
    }
}
