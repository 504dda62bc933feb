//! The smallest parts, by themselves: what the other models see nothing of, since a mutex stands in its place there, or
//! since something else orders it as well. They are the files that ship, with loom's atomics.

use super::model;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{self, AtomicBool, AtomicUsize, Ordering, fence};
use loom::thread;
#[cfg(feature = "thread")]
use search::Search;
use seats::Seats;
use spin_lock::SpinLock;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

#[cfg(feature = "thread")]
#[path = "../../src/thread/pool/search.rs"]
mod search;
#[path = "../../src/queue/seats.rs"]
mod seats;
#[path = "../../src/sync/spin_lock.rs"]
mod spin_lock;

/// Loom's atomics can't be made in a `const fn`.
macro_rules! const_fn {
    ($public:vis const fn $($rest:tt)*) => { $public fn $($rest)* };
}
pub(crate) use const_fn;

/// A few looks while the other one runs, and then whoever looks gives up. For loom a store need not come after
/// a read-modify-write that has read an older value, so it would let a loop find the lock held for ever.
#[derive(Debug)]
pub struct Spin(u8);

struct GivenUp;

impl Spin {
    fn steps() -> Self {
        Spin(3)
    }

    fn pause(&mut self) -> bool {
        if self.0 == 0 {
            resume_unwind(Box::new(GivenUp));
        }
        self.0 -= 1;
        thread::yield_now();
        true
    }
}

/// Whoever has the spin lock is alone, and sees what was done under it before, whether it has had to wait for that or not.
#[test]
fn spin_lock_publishes() {
    model(3, || {
        let shared = Arc::new(SpinLock::new(UnsafeCell::new(0)));
        let other = shared.clone();
        let add = |shared: &SpinLock<UnsafeCell<usize>>| {
            if let Ok(guard) = catch_unwind(AssertUnwindSafe(|| shared.lock())) {
                // SAFETY: The lock is held, and loom would tell if that meant nothing.
                guard.with_mut(|sum| unsafe { *sum += 1 });
            }
        };
        let thread = thread::spawn(move || add(&other));
        add(&shared);
        thread.join().unwrap();
    });
}

/// Two threads one after the other have the same seat: the second goes on counting where the first has stopped.
#[test]
fn seat_publishes() {
    model(3, || {
        let shared = Arc::new((Seats::new(), AtomicUsize::new(0)));
        let other = shared.clone();
        let count = |(seats, sum): &(Seats, AtomicUsize)| {
            let Some(seat) = seats.take(1) else { return 0 };
            sum.store(sum.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            seats.give_back(seat);
            1
        };
        let thread = thread::spawn(move || count(&other));
        let counted = count(&shared) + thread.join().unwrap();
        assert_eq!(shared.1.load(Ordering::Relaxed), counted);
    });
}

/// A job comes while a worker ends its search: whoever submits it finds that out and wakes somebody, or else the last look finds the job.
#[cfg(feature = "thread")]
#[test]
fn end_of_a_search() {
    model(3, || {
        let shared = Arc::new((Search::new(), AtomicBool::new(false)));
        assert!(shared.0.begin());
        let submits = shared.clone();
        let thread = thread::spawn(move || {
            submits.1.store(true, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            !submits.0.is_on()
        });
        shared.0.end();
        let found = shared.1.load(Ordering::Relaxed);
        let wakes = thread.join().unwrap();
        assert!(found || wakes);
    });
}
