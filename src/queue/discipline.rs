//! In which order a queue hands its items out.
//!
//! [`Fifo`] stands on the lock-free queues of `concurrent-queue`. [`Lifo`] and [`Priority`] are std's collections
//! under a mutex; their length is written beside it, so that whoever only asks never waits.

use crate::owner;
use crate::sync::atomic::{AtomicUsize, fence};
use crate::sync::{Mutex, interruptible, local, lock};
use concurrent_queue::{ConcurrentQueue, PopError, PushError};
use std::any::Any;
use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fmt;
use std::mem::{ManuallyDrop, needs_drop};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// The order in which a queue hands its items out: [`Fifo`], [`Lifo`] or [`Priority`]. The trait is sealed.
///
/// ```
/// use amphi::queue::{Discipline, QueueOf};
/// use amphi::{LifoQueue, Queue};
///
/// /// Takes queues of every kind.
/// fn first<D: Discipline<Item = u32>>(queue: &QueueOf<D>) -> u32 {
///     queue.put_all([1, 2]).block().unwrap();
///     queue.get().block().unwrap()
/// }
/// assert_eq!((first(&Queue::unbounded()), first(&LifoQueue::unbounded())), (1, 2));
/// ```
pub trait Discipline: sealed::Discipline {}

impl<T> Discipline for Fifo<T> {}
impl<T> Discipline for Lifo<T> {}
impl<T: Ord> Discipline for Priority<T> {}

pub(super) mod sealed {
    use crate::error::PutError;

    pub trait Discipline {
        /// What is queued.
        type Item;

        /// The queue's everyday name.
        const NAME: &'static str;

        fn bounded(capacity: usize) -> Self;

        fn unbounded() -> Self;

        /// If it panics, the item is in the queue.
        fn push(&self, item: Self::Item) -> Result<(), Refused<Self::Item>>;

        /// If it panics, all items are in the queue.
        fn pop(&self) -> Result<Self::Item, Nothing>;

        /// From now on nothing is pushed. `false` if that was so before.
        fn close(&self) -> bool;

        fn is_closed(&self) -> bool;

        /// Takes everything out, in whatever order, and calls nothing of the user's.
        fn drain(&self) -> Vec<Self::Item>;

        fn len(&self) -> usize;

        fn capacity(&self) -> Option<usize>;

        /// Panics if this thread is in the middle of an operation already, and called user's code.
        #[inline]
        fn assert_not_inside(&self) {}
    }

    /// Why an item was not pushed.
    #[derive(Debug)]
    pub enum Refused<T> {
        Full(T),
        Closed(T),
    }

    impl<T> Refused<T> {
        pub(in crate::queue) fn into_error(self) -> PutError<T> {
            match self {
                Refused::Full(item) => PutError::Full(item),
                Refused::Closed(item) => PutError::ShutDown(item),
            }
        }
    }

    /// Why there is no item.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum Nothing {
        /// Not yet.
        Empty,
        /// And there never will be.
        Closed,
    }
}

use sealed::{Nothing, Refused};

/// First in, first out: the order of a [`Queue`](crate::Queue).
///
/// ```
/// use amphi::Queue;
/// use amphi::queue::{Fifo, QueueOf};
///
/// let queue: Queue<u8> = QueueOf::<Fifo<u8>>::unbounded();
/// # drop(queue);
/// ```
pub struct Fifo<T>(ConcurrentQueue<T>);

impl<T> sealed::Discipline for Fifo<T> {
    type Item = T;

    const NAME: &'static str = "Queue";

    fn bounded(capacity: usize) -> Self {
        Fifo(ConcurrentQueue::bounded(capacity))
    }

    fn unbounded() -> Self {
        Fifo(ConcurrentQueue::unbounded())
    }

    #[inline]
    fn push(&self, item: T) -> Result<(), Refused<T>> {
        interruptible();
        self.0.push(item).map_err(|error| match error {
            PushError::Full(item) => Refused::Full(item),
            // No fence as in `pop`: whoever is refused takes back what it has counted, and there is one.
            PushError::Closed(item) => Refused::Closed(item),
        })
    }

    #[inline]
    fn pop(&self) -> Result<T, Nothing> {
        interruptible();
        self.0.pop().map_err(|error| match error {
            PopError::Empty => Nothing::Empty,
            PopError::Closed => {
                // What preceded the shutdown is seen by those who learn of it here.
                fence(Acquire);
                Nothing::Closed
            }
        })
    }

    fn close(&self) -> bool {
        interruptible();
        self.0.close()
    }

    fn is_closed(&self) -> bool {
        interruptible();
        self.0.is_closed()
    }

    fn drain(&self) -> Vec<T> {
        interruptible();
        self.0.try_iter().collect()
    }

    fn len(&self) -> usize {
        interruptible();
        self.0.len()
    }

    fn capacity(&self) -> Option<usize> {
        self.0.capacity()
    }
}

/// `ConcurrentQueue` would drop no more items after one whose drop panics.
impl<T> Drop for Fifo<T> {
    fn drop(&mut self) {
        if needs_drop::<T>() {
            drop(self.0.try_iter().collect::<Vec<_>>());
        }
    }
}

/// Last in, first out: the order of a [`LifoQueue`](crate::LifoQueue).
///
/// ```
/// use amphi::LifoQueue;
/// use amphi::queue::{Lifo, QueueOf};
///
/// let queue: LifoQueue<u8> = QueueOf::<Lifo<u8>>::unbounded();
/// # drop(queue);
/// ```
pub struct Lifo<T>(Locked<Vec<T>>);

/// The smallest first, and equal ones in order of arrival: the order of a [`PriorityQueue`](crate::PriorityQueue).
///
/// ```
/// use amphi::PriorityQueue;
/// use amphi::queue::{Priority, QueueOf};
///
/// let queue: PriorityQueue<u8> = QueueOf::<Priority<u8>>::unbounded();
/// # drop(queue);
/// ```
pub struct Priority<T>(Locked<Heap<T>>);

/// Both are the collection under its mutex.
macro_rules! by_locked {
    ($name:literal, $discipline:ident<$item:ident $(: $bound:ident)?>) => {
        impl<$item $(: $bound)?> sealed::Discipline for $discipline<$item> {
            type Item = $item;

            const NAME: &'static str = $name;

            fn bounded(capacity: usize) -> Self {
                $discipline(Locked::new(Some(capacity)))
            }

            fn unbounded() -> Self {
                $discipline(Locked::new(None))
            }

            fn push(&self, item: $item) -> Result<(), Refused<$item>> {
                self.0.push(item)
            }

            fn pop(&self) -> Result<$item, Nothing> {
                self.0.pop()
            }

            fn close(&self) -> bool {
                self.0.close()
            }

            fn is_closed(&self) -> bool {
                // Acquire: pairs with the Release in `close`.
                self.0.tally.load(Acquire) & CLOSED != 0
            }

            fn drain(&self) -> Vec<$item> {
                self.0.drain()
            }

            fn len(&self) -> usize {
                self.0.tally.load(Relaxed) / ONE
            }

            fn capacity(&self) -> Option<usize> {
                self.0.capacity
            }

            fn assert_not_inside(&self) {
                self.0.assert_not_inside();
            }
        }
    };
}

by_locked!("LifoQueue", Lifo<T>);
by_locked!("PriorityQueue", Priority<T: Ord>);

impl<T> fmt::Debug for Fifo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fifo").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Lifo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifo").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Priority<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Priority").finish_non_exhaustive()
    }
}

/// A collection under a mutex.
struct Locked<S> {
    store: Mutex<S>,
    /// `CLOSED`, and how many items there are times `ONE`. Written with the mutex held, which orders it.
    tally: AtomicUsize,
    /// The thread that holds the mutex, while it may call user's code. Relaxed: a thread only compares it with
    /// itself, and what it wrote itself it sees.
    holder: AtomicU64,
    capacity: Option<usize>,
}

const CLOSED: usize = 1;
const ONE: usize = 2;

trait Store: Default {
    type Item;

    /// Whether it calls user's code.
    const COMPARES: bool;

    /// With what a comparison has panicked, if it has. The item has been added nevertheless.
    fn push(&mut self, item: Self::Item) -> Result<(), Payload>;

    /// The same: then nothing has been taken out.
    fn pop(&mut self) -> Result<Option<Self::Item>, Payload>;

    fn into_items(self) -> impl Iterator<Item = Self::Item>;
}

type Payload = Box<dyn Any + Send>;

impl<S: Store> Locked<S> {
    fn new(capacity: Option<usize>) -> Self {
        Locked {
            store: Mutex::new(S::default()),
            tally: AtomicUsize::new(0),
            holder: AtomicU64::new(owner::NOBODY),
            capacity,
        }
    }

    fn push(&self, item: S::Item) -> Result<(), Refused<S::Item>> {
        let pushed = self.with(|store| {
            let tally = self.tally.load(Relaxed);
            if tally & CLOSED != 0 {
                return Err(Refused::Closed(item));
            }
            if self
                .capacity
                .is_some_and(|capacity| tally / ONE >= capacity)
            {
                return Err(Refused::Full(item));
            }
            let panicked = store.push(item);
            self.tally.fetch_add(ONE, Relaxed);
            Ok(panicked)
        });
        pushed?.or_else(|payload| resume_unwind(payload))
    }

    fn pop(&self) -> Result<S::Item, Nothing> {
        let popped = self.with(|store| {
            let popped = store.pop()?;
            let tally = self.tally.load(Relaxed);
            if popped.is_some() {
                self.tally.fetch_sub(ONE, Relaxed);
            }
            Ok(popped.ok_or(match tally & CLOSED {
                0 => Nothing::Empty,
                _ => Nothing::Closed,
            }))
        });
        popped.unwrap_or_else(|payload| resume_unwind(payload))
    }

    fn close(&self) -> bool {
        // Release: whoever finds it closed, with or without the mutex, sees what preceded that.
        self.with(|_| self.tally.fetch_or(CLOSED, Release) & CLOSED == 0)
    }

    fn drain(&self) -> Vec<S::Item> {
        let store = self.with(|store| {
            self.tally.fetch_and(CLOSED, Relaxed);
            std::mem::take(store)
        });
        store.into_items().collect()
    }

    /// Does something with the store, and drops nothing of the user's meanwhile.
    fn with<R>(&self, action: impl FnOnce(&mut S) -> R) -> R {
        let mut store = lock(&self.store);
        if S::COMPARES {
            self.holder.store(owner::thread_id(), Relaxed);
        }
        let result = action(&mut store);
        if S::COMPARES {
            self.holder.store(owner::NOBODY, Relaxed);
        }
        result
    }

    fn assert_not_inside(&self) {
        let inside = S::COMPARES && self.holder.load(Relaxed) == owner::thread_id();
        assert!(
            !inside,
            "a priority queue was used from within the `Ord::cmp` of its own items"
        );
    }
}

impl<T> Store for Vec<T> {
    type Item = T;

    const COMPARES: bool = false;

    fn push(&mut self, item: T) -> Result<(), Payload> {
        Vec::push(self, item);
        Ok(())
    }

    fn pop(&mut self) -> Result<Option<T>, Payload> {
        Ok(Vec::pop(self))
    }

    fn into_items(self) -> impl Iterator<Item = T> {
        self.into_iter()
    }
}

/// Items by priority, and by their number where that's the same.
///
/// A `BinaryHeap` would lose the item that it is about to hand out if a comparison panicked. So it never sees a
/// panic: [`Entry::cmp`] catches it, and it goes on when the heap is whole again.
struct Heap<T> {
    entries: BinaryHeap<Entry<T>>,
    next: u64,
}

struct Entry<T> {
    item: T,
    number: u64,
}

local! {
    /// With what a comparison has panicked in the operation on a heap that this thread is in the middle of. Without a
    /// destructor, so that it's there as long as the thread is.
    static PANICKED: Cell<Option<ManuallyDrop<Payload>>> = Cell::new(None);
}

/// Does something with a heap; the last panic of a comparison is the error.
fn comparing<R>(action: impl FnOnce() -> R) -> (R, Result<(), Payload>) {
    // A comparison may be in the middle of another heap's operation.
    let outer = PANICKED.with(Cell::take);
    let result = action();
    let panicked = PANICKED.with(|panicked| panicked.replace(outer));
    let panicked = panicked.map(ManuallyDrop::into_inner);
    (result, panicked.map_or(Ok(()), Err))
}

impl<T: Ord> Default for Heap<T> {
    fn default() -> Self {
        Heap {
            entries: BinaryHeap::new(),
            next: 0,
        }
    }
}

impl<T: Ord> Store for Heap<T> {
    type Item = T;

    const COMPARES: bool = true;

    fn push(&mut self, item: T) -> Result<(), Payload> {
        // It would take centuries to count that far.
        let number = self.next;
        self.next += 1;
        let entries = &mut self.entries;
        comparing(|| entries.push(Entry { item, number })).1
    }

    fn pop(&mut self) -> Result<Option<T>, Payload> {
        let entries = &mut self.entries;
        let (first, compared) = comparing(|| entries.pop());
        if let Err(payload) = compared {
            // The first panic is told, others would be too much.
            let (_, again) = comparing(|| entries.extend(first));
            std::mem::forget(again);
            return Err(payload);
        }
        Ok(first.map(|entry| entry.item))
    }

    fn into_items(self) -> impl Iterator<Item = T> {
        self.entries.into_iter().map(|entry| entry.item)
    }
}

impl<T: Ord> Ord for Entry<T> {
    /// The smallest is the greatest here, since a `BinaryHeap` hands out that.
    fn cmp(&self, other: &Self) -> Ordering {
        let items = || self.item.cmp(&other.item);
        let order = catch_unwind(AssertUnwindSafe(items)).unwrap_or_else(|payload| {
            let payload = Some(ManuallyDrop::new(payload));
            PANICKED.with(|panicked| panicked.set(payload));
            Ordering::Equal
        });
        order.then(self.number.cmp(&other.number)).reverse()
    }
}

impl<T: Ord> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T: Ord> Eq for Entry<T> {}
