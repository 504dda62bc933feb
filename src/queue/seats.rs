//! [`Seats`]: a few of something, of which each has one owner at a time.

// By way of `super`, for `tests/loom/parts.rs` has this very file play with loom's.
use super::atomic::{AtomicU32, Ordering};
use super::const_fn;

/// A bit for each that is taken.
pub(super) struct Seats(AtomicU32);

impl Seats {
    const_fn! {
        pub(super) const fn new() -> Self {
            Seats(AtomicU32::new(0))
        }
    }

    /// Takes one of so many, if one is free.
    pub(super) fn take(&self, seats: usize) -> Option<usize> {
        let mut taken = self.0.load(Ordering::Relaxed);
        loop {
            let seat = taken.trailing_ones() as usize;
            if seat >= seats {
                return None;
            }
            // Acquire: pairs with the Release in `give_back`.
            match self.0.compare_exchange_weak(
                taken,
                taken | 1 << seat,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(seat),
                Err(now) => taken = now,
            }
        }
    }

    pub(super) fn give_back(&self, seat: usize) {
        // Release: whoever has it next goes on where this owner has stopped.
        self.0.fetch_and(!(1 << seat), Ordering::Release);
    }
}
