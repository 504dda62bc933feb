//! Keeping an object for a waiter that starves: two bits of the state word.
//!
//! | mark | who | when |
//! |---|---|---|
//! | `RESERVED` set | a waiter in the list | refused, and first woken in vain over a millisecond ago |
//! | `CALLED` set | whoever takes that waiter off the list | it is told that there is something for it, or asked whether it still waits |
//! | `CALLED` cleared | the waiter | has come, was refused, and waits again |
//! | both cleared | the waiter | has got what it wanted, or gives up |
//! | both cleared | whoever has stood back for a millisecond since `CALLED` was set | takes the object |
//!
//! What a primitive does besides stands with its state word. All accesses are Relaxed as far as these two are
//! concerned: they say who should go first, and no data depend on that.

use super::list::WaitList;
use crate::sync::atomic::Ordering::Relaxed;

/// A starving waiter is to have the object: newcomers stand back.
pub(crate) const RESERVED: usize = 1;
/// That waiter has been called, and has not answered yet.
pub(crate) const CALLED: usize = 2;

impl WaitList {
    /// Keeps newcomers off; `false` if somebody else has done so already. Whoever does it `again` has been
    /// called and has come, only too late or too early.
    pub(crate) fn reserve(&self, again: bool) -> bool {
        if self.word.fetch_or(RESERVED, Relaxed) & RESERVED == 0 {
            return true;
        }
        if let Some(inner) = self.inner.get().filter(|_| again) {
            inner.answers.fetch_add(1, Relaxed);
            self.word.fetch_and(!CALLED, Relaxed);
        }
        again
    }

    /// Notes that whoever the object is kept for is called. It may have taken it by a
    /// poll of its own before; then there is nothing to note.
    pub(crate) fn note_call(&self) {
        let mut old = self.word.load(Relaxed);
        while old & RESERVED != 0 {
            match self
                .word
                .compare_exchange_weak(old, old | CALLED, Relaxed, Relaxed)
            {
                Ok(_) => return,
                Err(now) => old = now,
            }
        }
    }

    /// Ends whatever reservation there is.
    pub(crate) fn lift_reservation(&self) {
        if self.word.load(Relaxed) & RESERVED != 0 {
            self.word.fetch_and(!(RESERVED | CALLED), Relaxed);
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    /// Between the look at the list and the note the one that the object was kept for may have taken it. A call left over
    /// would count for the next reservation.
    #[test]
    fn nobody_is_called_when_nothing_is_reserved() {
        let list = WaitList::new(8);
        list.note_call();
        assert_eq!(list.word.load(Relaxed), 8);
        assert!(list.reserve(false));
        assert_eq!(list.word.load(Relaxed), 8 | RESERVED);
        // The same by two at once.
        for _ in 0..2 {
            list.note_call();
            assert_eq!(list.word.load(Relaxed), 8 | RESERVED | CALLED);
        }
        list.lift_reservation();
        assert_eq!(list.word.load(Relaxed), 8);
    }
}
