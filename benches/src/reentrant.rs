//! Locks that their owner may take again.

use std::cell::Cell;
use std::hint::black_box;
use std::ops::Deref;
use std::time::Duration;

use crate::harness::{Apart, Bound, Row, Sample, contenders, repeat};

/// Operations between two looks at the clock.
const BATCH: u64 = 1000;

pub fn rows() -> Vec<Row> {
    let unit = "ns per lock";
    vec![
        contenders!(
            Row::new("reentrant/uncontended", unit),
            [Ours, ParkingLot],
            |M, time| uncontended::<M>(time)
        )
        .bound(Bound::Ratio(1.1, &["parking_lot"])),
        contenders!(
            Row::new("reentrant/taken again", unit),
            [Ours, ParkingLot],
            |M, time| taken_again::<M>(time)
        ),
    ]
}

fn uncontended<M: Reentrant>(time: Duration) -> Sample {
    let mutex = Apart(M::new());
    repeat(time, || many::<M>(&mutex))
}

/// By a thread that has it.
fn taken_again<M: Reentrant>(time: Duration) -> Sample {
    let mutex = Apart(M::new());
    let _outer = mutex.lock();
    repeat(time, || many::<M>(&mutex))
}

fn many<M: Reentrant>(mutex: &M) -> u64 {
    for _ in 0..BATCH {
        let count = black_box(mutex).lock();
        count.set(count.get() + 1);
    }
    BATCH
}

trait Reentrant {
    fn new() -> Self;
    fn lock(&self) -> impl Deref<Target = Cell<u64>>;
}

struct Ours(amphi::ReentrantMutex<Cell<u64>>);
struct ParkingLot(parking_lot::ReentrantMutex<Cell<u64>>);

macro_rules! reentrant {
    ($type:ident, $name:literal, $new:expr, |$m:ident| $lock:expr) => {
        impl $type {
            const NAME: &str = $name;
        }
        impl Reentrant for $type {
            fn new() -> Self {
                $type($new)
            }
            fn lock(&self) -> impl Deref<Target = Cell<u64>> {
                let $m = &self.0;
                $lock
            }
        }
    };
}

reentrant!(
    Ours,
    "amphi",
    amphi::ReentrantMutex::new(Cell::new(0)),
    |m| m.lock().block()
);
reentrant!(
    ParkingLot,
    "parking_lot",
    parking_lot::ReentrantMutex::new(Cell::new(0)),
    |m| m.lock()
);
