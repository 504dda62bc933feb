//! Condition variables.

use std::collections::VecDeque;
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use asyncband::blocking::FutureExt;

use crate::harness::{Apart, Bound, Row, Sample, Stop, contenders};

const CAPACITY: usize = 16;

/// The last item: there is nothing to come.
const END: u64 = u64::MAX;

pub fn rows() -> Vec<Row> {
    vec![
        contenders!(
            Row::new("condvar/bounded buffer", "ns per item"),
            [Ours, Std, ParkingLot, Asyncband],
            |B, time| pass::<B>(time)
        )
        .bound(Bound::Ratio(1.0, &["std"])),
    ]
}

/// One thread puts, another gets.
fn pass<B: Buffer>(time: Duration) -> Sample {
    let buffer = Apart(B::new());
    let stop = Stop::new();
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut item = 0;
            while !stop.is_set() {
                buffer.put(item);
                item += 1;
            }
            buffer.put(END);
        });
        let consumer = scope.spawn(|| {
            let mut items = 0;
            while black_box(buffer.get()) != END {
                items += 1;
            }
            (items, start.elapsed())
        });
        stop.set_after(time);
        let (items, elapsed) = consumer.join().expect("the consumer");
        Sample::per_operation(&[items], elapsed)
    })
}

trait Buffer: Sync {
    fn new() -> Self;
    fn put(&self, item: u64);
    fn get(&self) -> u64;
}

/// The buffer as every textbook has it, notified after the lock has been given up.
macro_rules! buffer {
    (
        $type:ident, $name:literal, $mutex:ty, $condvar:ty,
        |$items:ident| $lock:expr,
        |$changed:ident, $guard:ident, $condition:ident| $wait_while:expr
    ) => {
        struct $type {
            items: $mutex,
            not_full: $condvar,
            not_empty: $condvar,
        }

        impl $type {
            const NAME: &str = $name;
        }

        impl Buffer for $type {
            fn new() -> Self {
                $type {
                    items: <$mutex>::new(VecDeque::with_capacity(CAPACITY)),
                    not_full: <$condvar>::new(),
                    not_empty: <$condvar>::new(),
                }
            }

            fn put(&self, item: u64) {
                let ($items, $changed) = (&self.items, &self.not_full);
                let $condition = |items: &mut VecDeque<u64>| items.len() == CAPACITY;
                let $guard = $lock;
                let mut items = $wait_while;
                items.push_back(item);
                drop(items);
                self.not_empty.notify_one();
            }

            fn get(&self) -> u64 {
                let ($items, $changed) = (&self.items, &self.not_empty);
                let $condition = |items: &mut VecDeque<u64>| items.is_empty();
                let $guard = $lock;
                let mut items = $wait_while;
                let item = items.pop_front().expect("not empty");
                drop(items);
                self.not_full.notify_one();
                item
            }
        }
    };
}

buffer!(
    Ours,
    "amphi",
    amphi::Mutex<VecDeque<u64>>,
    amphi::Condvar,
    |items| items.lock().block(),
    |changed, guard, condition| changed.wait_while(guard, condition).block()
);
buffer!(
    Std,
    "std",
    std::sync::Mutex<VecDeque<u64>>,
    std::sync::Condvar,
    |items| items.lock().expect("no poison"),
    |changed, guard, condition| changed.wait_while(guard, condition).expect("no poison")
);
buffer!(
    ParkingLot,
    "parking_lot",
    parking_lot::Mutex<VecDeque<u64>>,
    parking_lot::Condvar,
    |items| items.lock(),
    |changed, guard, condition| {
        let mut guard = guard;
        changed.wait_while(&mut guard, condition);
        guard
    }
);
buffer!(
    Asyncband,
    "asyncband",
    asyncband::mutex::Mutex<VecDeque<u64>>,
    asyncband::condvar::Condvar,
    |items| items.lock().block_on(),
    |changed, guard, condition| changed.wait_while(guard, condition).block_on()
);
