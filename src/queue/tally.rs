//! A counter that many threads add to and few read.

use crate::sync::IS_MODEL;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crossbeam_utils::CachePadded;

/// Producers that are all counted in one place would take it from each other's cores with every item. So a thread adds
/// to a part of its own, and whoever wants to know adds the parts up, as in Java's `LongAdder`.
///
/// | part | of | how it is written |
/// |---|---|---|
/// | one of `own` | the thread that has that [`seat`], and nobody else | load and store, which costs a tenth of what a read-modify-write does |
/// | `shared` | all threads without a seat | read-modify-write |
///
/// All accesses are Relaxed. A sum contains all that the reader knows to have been added before; of what is added meanwhile
/// it may contain some and not the rest. A seat changes hands by a Release and an Acquire (`seats.rs`).
#[derive(Debug)]
pub(super) struct Tally {
    own: [CachePadded<AtomicUsize>; SEATS],
    shared: CachePadded<AtomicUsize>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Tally {
            own: std::array::from_fn(|_| CachePadded::new(AtomicUsize::new(0))),
            shared: CachePadded::new(AtomicUsize::new(0)),
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
        match self.own.get(seat::of_this_thread()) {
            Some(own) => add(own, by),
            None => self.change_without_seat(by),
        }
    }

    #[cold]
    fn change_without_seat(&self, by: usize) {
        match self.own.get(seat::ask_once()) {
            Some(own) => add(own, by),
            None => {
                self.shared.fetch_add(by, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn sum(&self) -> usize {
        let parts = self.own.iter().chain([&self.shared]);
        let counts = parts.map(|part| part.load(Ordering::Relaxed));
        counts.fold(0, usize::wrapping_add)
    }
}

/// Adds to a part that nobody else writes.
#[inline]
fn add(own: &AtomicUsize, by: usize) {
    let old = own.load(Ordering::Relaxed);
    own.store(old.wrapping_add(by), Ordering::Relaxed);
}

/// So many threads may have a part of their own. Each is 128 bytes in every queue.
const SEATS: usize = if IS_MODEL { 0 } else { 16 };

/// Which threads have a part of their own.
mod seat {
    use super::SEATS;
    use crate::queue::seats::Seats;
    use crate::sync::shared;
    use std::cell::Cell;

    shared! {
        static ALL: Seats = Seats::new();
    }

    /// In place of a seat.
    const NONE: usize = usize::MAX;

    std::thread_local! {
        // Without destructors, so that both can be read to the thread's very end.
        static SEAT: Cell<usize> = const { Cell::new(NONE) };
        static HAS_ASKED: Cell<bool> = const { Cell::new(false) };
        static LEAVES: Leaves = const { Leaves };
    }

    /// Gives the seat back when the thread ends.
    struct Leaves;

    impl Drop for Leaves {
        fn drop(&mut self) {
            // Others of the thread's locals may still use queues.
            let seat = SEAT.replace(NONE);
            if seat != NONE {
                ALL.give_back(seat);
            }
        }
    }

    /// The part that this thread adds to, or `NONE`.
    #[inline]
    pub(super) fn of_this_thread() -> usize {
        SEAT.get()
    }

    /// Gives this thread a seat if one is free and it has not asked before; else it stays as it is, so that what is taken
    /// away goes from the part to which it was added, and no reader finds less than nothing there.
    pub(super) fn ask_once() -> usize {
        // Not past the end of the thread's locals either: nobody would give it back.
        if SEATS > 0 && !HAS_ASKED.replace(true) && LEAVES.try_with(|_| ()).is_ok() {
            SEAT.set(ALL.take(SEATS).unwrap_or(NONE));
        }
        SEAT.get()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::{SEATS, seat};
    use std::collections::HashSet;
    use std::sync::mpsc;
    use std::thread;

    /// A thread that asks for a seat whenever it is told to.
    struct Asks {
        asks: mpsc::Sender<()>,
        seats: mpsc::Receiver<Option<usize>>,
        thread: thread::JoinHandle<()>,
    }

    impl Asks {
        fn new() -> Self {
            let (asks, asked) = mpsc::channel();
            let (says, seats) = mpsc::channel();
            let thread = thread::spawn(move || {
                for () in asked {
                    let seat = seat::ask_once();
                    assert_eq!(seat, seat::of_this_thread());
                    says.send((seat < SEATS).then_some(seat)).unwrap();
                }
            });
            Asks {
                asks,
                seats,
                thread,
            }
        }

        fn ask(&self) -> Option<usize> {
            self.asks.send(()).unwrap();
            self.seats.recv().unwrap()
        }

        /// Its seat is free after that.
        fn end(self) {
            drop(self.asks);
            self.thread.join().unwrap();
        }
    }

    /// No two threads have the same seat at a time, one that got none stays without, and those who end leave theirs to others.
    #[test]
    fn a_seat_is_for_one_thread() {
        let stays = Asks::new();
        let taken = stays.ask().expect("some are free");
        for _ in 0..2 {
            let threads: Vec<_> = (0..SEATS + 4).map(|_| Asks::new()).collect();
            let (with, without): (Vec<_>, Vec<_>) = threads
                .into_iter()
                .partition(|thread| thread.ask().is_some());
            // Another test's thread may have one.
            assert!(with.len() > SEATS / 2, "those who have gone keep theirs");
            let mut seats: HashSet<_> = with.iter().map(|thread| thread.ask()).collect();
            assert!(seats.insert(Some(taken)));
            assert_eq!(seats.len(), with.len() + 1);
            with.into_iter().for_each(Asks::end);
            assert!(without.len() > 2);
            for thread in without {
                assert_eq!(thread.ask(), None, "it has counted elsewhere");
                thread.end();
            }
        }
        assert_eq!(stays.ask(), Some(taken));
    }
}
