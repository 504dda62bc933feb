//! A counter that many threads add to and few read.

use crate::sync::IS_MODEL;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crossbeam_utils::CachePadded;

/// Producers that are all counted in one place would take it from each other's cores with every item. So a thread adds
/// to a part of its own, and whoever wants to know adds the parts up, as in Java's `LongAdder`.
///
/// | part | of | how it is written |
/// |---|---|---|
/// | one of the first | the thread that has that [seat](seat), and nobody else | load and store, which costs a tenth of what a read-modify-write does |
/// | the last | all threads without a seat | read-modify-write |
///
/// All accesses are Relaxed. A sum contains all that the reader knows to have been added before; of what is added meanwhile
/// it may contain some and not the rest. A seat changes hands by a Release and an Acquire.
#[derive(Debug)]
pub(super) struct Tally {
    parts: [CachePadded<AtomicUsize>; SEATS + 1],
}

/// The part of those without a seat.
const SHARED: usize = SEATS;

impl Tally {
    pub(super) fn new() -> Self {
        Tally {
            parts: std::array::from_fn(|_| CachePadded::new(AtomicUsize::new(0))),
        }
    }

    /// Adds one.
    #[inline]
    pub(super) fn increment(&self) {
        self.change(1);
    }

    /// Takes away one that the same thread has added.
    pub(super) fn decrement(&self) {
        self.change(usize::MAX);
    }

    #[inline]
    fn change(&self, by: usize) {
        let seat = seat::current();
        let part = &self.parts[seat];
        if seat == SHARED {
            part.fetch_add(by, Ordering::Relaxed);
        } else {
            let old = part.load(Ordering::Relaxed);
            part.store(old.wrapping_add(by), Ordering::Relaxed);
        }
    }

    pub(super) fn sum(&self) -> usize {
        let parts = self.parts.iter().map(|part| part.load(Ordering::Relaxed));
        parts.fold(0, usize::wrapping_add)
    }
}

/// So many threads may have a part of their own. Each is 128 bytes in every queue.
const SEATS: usize = if IS_MODEL { 0 } else { 16 };

/// Which threads have a part of their own.
mod seat {
    use super::{SEATS, SHARED};
    use std::cell::Cell;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A bit for each that is taken.
    static TAKEN: AtomicU32 = AtomicU32::new(0);

    std::thread_local! {
        /// The thread's seat plus one, `SHARED` plus one if it has none, or zero if it has not asked yet. Without a destructor, so
        /// that it can be read to the thread's very end.
        static SEAT: Cell<usize> = const { Cell::new(0) };
        static LEAVES: Leaves = const { Leaves };
    }

    /// Gives the seat back when the thread ends.
    struct Leaves;

    impl Drop for Leaves {
        fn drop(&mut self) {
            // Others of the thread's locals may still use queues.
            let seat = SEAT.replace(SHARED + 1) - 1;
            if seat != SHARED {
                // Release: whoever has it next goes on counting where this thread has stopped.
                TAKEN.fetch_and(!(1 << seat), Ordering::Release);
            }
        }
    }

    /// The part that this thread adds to.
    #[inline]
    pub(super) fn current() -> usize {
        match SEAT.get() {
            0 => first(),
            seat => seat - 1,
        }
    }

    #[cold]
    fn first() -> usize {
        let seat = match LEAVES.try_with(|_| ()) {
            Ok(()) => take(),
            // The thread is past the end of its locals.
            Err(_) => SHARED,
        };
        SEAT.set(seat + 1);
        seat
    }

    fn take() -> usize {
        let mut taken = TAKEN.load(Ordering::Relaxed);
        loop {
            let seat = taken.trailing_ones() as usize;
            if seat >= SEATS {
                return SHARED;
            }
            // Acquire: pairs with the Release in `Leaves`.
            match TAKEN.compare_exchange_weak(
                taken,
                taken | 1 << seat,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return seat,
                Err(now) => taken = now,
            }
        }
    }
}
