//! Priority queues as one writes them without a crate for it.

use std::collections::BinaryHeap;

use super::Bounded;
use super::channels::{Getter, Object, Putter, channel, ends_of};

/// What is in a heap with locks around it, and whether there is more to come.
struct Items {
    heap: BinaryHeap<usize>,
    closed: bool,
}

/// A bounded priority queue as one writes it without a crate for it, notified after the lock
/// has been given up.
macro_rules! heap {
    (
        $channel:ident, $type:ident, $name:literal, $mutex:ty, $condvar:ty,
        |$items:ident| $lock:expr,
        |$changed:ident, $guard:ident, $condition:ident| $wait_while:expr
    ) => {
        channel!(
            $channel, $name,
            bounded: |n| ends_of($type::new(n)) => (Putter<$type>, Getter<$type>)
        );

        pub struct $type {
            items: $mutex,
            capacity: usize,
            not_full: $condvar,
            not_empty: $condvar,
        }

        impl $type {
            fn new(capacity: usize) -> Self {
                let items = Items {
                    heap: BinaryHeap::with_capacity(capacity),
                    closed: false,
                };
                $type {
                    items: <$mutex>::new(items),
                    capacity,
                    not_full: <$condvar>::new(),
                    not_empty: <$condvar>::new(),
                }
            }
        }

        impl Object for $type {
            fn put(&self, item: usize) {
                let ($items, $changed) = (&self.items, &self.not_full);
                let $condition = |items: &mut Items| items.heap.len() == self.capacity;
                let $guard = $lock;
                let mut items = $wait_while;
                items.heap.push(item);
                drop(items);
                self.not_empty.notify_one();
            }

            fn get(&self) -> Option<usize> {
                let ($items, $changed) = (&self.items, &self.not_empty);
                let $condition = |items: &mut Items| items.heap.is_empty() && !items.closed;
                let $guard = $lock;
                let mut items = $wait_while;
                let item = items.heap.pop();
                drop(items);
                self.not_full.notify_one();
                item
            }

            fn close(&self) {
                let $items = &self.items;
                let mut items = $lock;
                items.closed = true;
                drop(items);
                self.not_empty.notify_all();
            }
        }
    };
}

heap!(
    StdHeap,
    StdHeapQueue,
    "std",
    std::sync::Mutex<Items>,
    std::sync::Condvar,
    |items| items.lock().expect("no poison"),
    |changed, guard, condition| changed.wait_while(guard, condition).expect("no poison")
);
heap!(
    ParkingLotHeap,
    ParkingLotHeapQueue,
    "parking_lot",
    parking_lot::Mutex<Items>,
    parking_lot::Condvar,
    |items| items.lock(),
    |changed, guard, condition| {
        let mut guard = guard;
        changed.wait_while(&mut guard, condition);
        guard
    }
);
