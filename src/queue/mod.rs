//! [`Queue`], [`LifoQueue`] and [`PriorityQueue`]: data from producers to consumers.

// | file | subject |
// |---|---|
// | `mod.rs` | the queue as its users see it, and what its operations are made of |
// | `put.rs`, `get.rs` | the waits for room, and for items |
// | `side.rs` | those who wait for one of the two, and how they are told |
// | `discipline.rs` | in which order the items come out |
// | `returned.rs` | items that have come back, since it came to a panic |
// | `end.rs` | how a queue comes to its end |
// | `join.rs` | how many items are not dealt with yet, and the wait until none are |
// | `tally.rs`, `seats.rs` | a counter that many add to and few read |
// | `safe_point.rs` | when a thread offers its core |
// | `adapter.rs` | a queue as an iterator, a stream, a sink |

mod adapter;
mod discipline;
mod end;
mod get;
mod join;
mod put;
mod returned;
mod safe_point;
mod seats;
mod side;
mod tally;

#[cfg(feature = "sink")]
pub use adapter::Sink;
pub use adapter::{IntoIter, Iter, Stream, TryIter};
pub use discipline::{Discipline, Fifo, Lifo, Priority};
pub use get::{Get, GetMany};
pub use join::Join;
pub use put::{Put, PutAll};

use crate::error::{GetError, PutError};
use crate::finally::Finally;
use crate::sync::{Spin, atomic, const_fn};
use crate::wait::Wait;
use crossbeam_utils::CachePadded;
use discipline::sealed::{Nothing, Refused};
use join::Unfinished;
use returned::{InHand, Returned};
use side::{LEAD, Side};
use std::fmt;
use std::mem;
use std::ops::Deref;
use std::sync::Arc;

/// Moves data between threads and tasks: first in, first out.
///
/// Any number of producers [`put`](QueueOf::put) items, any number of consumers [`get`](QueueOf::get) them, and each item
/// reaches exactly one consumer. A bounded queue makes producers wait while it is full, so that they get no
/// further ahead than that. It behaves like Python's `queue.Queue`. It is one object, shared by
/// reference or `Arc`, and has no separate ends.
///
/// ```
/// use amphi::{Queue, block_on};
/// use std::thread;
///
/// let queue = Queue::bounded(2);
/// thread::scope(|scope| {
///     scope.spawn(|| {
///         for number in 1..=10 {
///             queue.put(number).block().unwrap(); // a thread, which waits for room
///         }
///         queue.shutdown();
///     });
///     let sum = block_on(async {
///         let mut sum = 0;
///         while let Ok(number) = queue.get().await {
///             sum += number; // a task, which waits for items
///         }
///         sum
///     });
///     assert_eq!(sum, 55);
/// });
/// ```
///
/// # The end
///
/// Nobody needs to count senders: whoever knows that there will be no more items calls [`shutdown`](QueueOf::shutdown).
/// From then on nothing can be put, what is in the queue is still handed out, and after that every `get` ends with
/// [`GetError::ShutDown`]. [`shutdown_now`](QueueOf::shutdown_now) drops what is in the queue.
///
/// If it matters when all items have been *dealt with*, consumers call [`task_done`](QueueOf::task_done) after each, and
/// whoever wants to know waits with [`join`](QueueOf::join).
///
/// # Cancel safety
///
/// An item is in the queue, or with the caller, or with one consumer. A `get` that is dropped has
/// taken nothing; if it had been woken for an item, another one is woken instead. A `put` that is dropped while it waits
/// drops its item, which then never gets into the queue; one whose time is up hands it back.
///
/// # Fairness
///
/// Those who wait are woken first come, first served, threads as well as tasks. A newcomer may be quicker than
/// somebody who has to wake up, but no waiter starves: one that has waited in vain for a few milliseconds has the next
/// item, or the next room, kept for it. `try_get`, `try_put` and expired timeouts take whatever is there.
///
/// A thread that does nothing but put and get offers its core to others after every 65,536 operations, so that it is seldom
/// interrupted in the middle of one, which would hold the others up.
///
/// # Panics of wakers
///
/// Putting and getting wake others. If a waker panics, the panic comes out of the operation after everybody has been
/// woken; an item that was being got goes back to the front of the queue.
///
/// # When to take another type
///
/// For one value once, a [`oneshot`](crate::oneshot) channel. To notify without data, an [`Event`](crate::Event). For
/// data that stay where they are, a [`Mutex`](crate::Mutex).
#[doc(alias = "channel")]
#[doc(alias = "mpmc")]
#[doc(alias = "queue.Queue")]
pub type Queue<T> = QueueOf<Fifo<T>>;

/// A [`Queue`] that hands out what was put last, like Python's `queue.LifoQueue`.
///
/// ```
/// let queue = amphi::LifoQueue::unbounded();
/// queue.put_all(["first", "second", "third"]).block().unwrap();
/// assert_eq!(queue.get().block(), Ok("third")); // a thread
/// assert_eq!(amphi::block_on(async { queue.get().await }), Ok("second")); // a task
/// ```
#[doc(alias = "stack")]
#[doc(alias = "queue.LifoQueue")]
pub type LifoQueue<T> = QueueOf<Lifo<T>>;

/// A [`Queue`] that hands out the smallest item, like Python's `queue.PriorityQueue`, and equal ones in the order in which
/// they came.
///
/// To get the greatest first, wrap the items in [`Reverse`](std::cmp::Reverse); for a priority beside the data, put tuples that begin
/// with it, or a type with an `Ord` of its own.
///
/// ```
/// let queue = amphi::PriorityQueue::unbounded();
/// queue.put_all([(2, "then this"), (1, "this first")]).block().unwrap();
/// assert_eq!(queue.get().block(), Ok((1, "this first"))); // a thread
/// assert_eq!(amphi::block_on(async { queue.get().await }), Ok((2, "then this"))); // a task
/// ```
///
/// # Panics
///
/// Items are compared while the queue is locked. From within `Ord::cmp` the plain readers ([`len`](QueueOf::len),
/// `is_empty`, `is_full`, `capacity`, `unfinished`, `is_shut_down`) answer; any other operation on the same queue panics. If a
/// comparison panics, the panic comes out of the operation, no item is lost, and one that was being put is in the queue. The order
/// of the items is unspecified after that.
#[doc(alias = "queue.PriorityQueue")]
#[doc(alias = "heap")]
pub type PriorityQueue<T> = QueueOf<Priority<T>>;

/// A queue; `D` says in which order it hands the items out. Its everyday names are [`Queue`], [`LifoQueue`] and
/// [`PriorityQueue`].
///
/// ```
/// use amphi::queue::{Discipline, QueueOf};
/// use amphi::{LifoQueue, Queue};
///
/// /// Takes queues of every kind.
/// fn is_idle<D: Discipline>(queue: &QueueOf<D>) -> bool {
///     queue.unfinished() == 0
/// }
/// assert!(is_idle(&Queue::<u8>::unbounded()) && is_idle(&LifoQueue::<u8>::bounded(1)));
/// ```
pub struct QueueOf<D: Discipline> {
    items: D,
    /// Those who wait for room.
    putters: CachePadded<Side>,
    /// Those who wait for items. It counts the items that have been `returned`.
    getters: CachePadded<Side>,
    unfinished: CachePadded<Unfinished>,
    returned: Returned<D::Item>,
}

/// To make a queue, and to ask about it.
impl<D: Discipline> QueueOf<D> {
    /// Makes a queue for at most `capacity` items. A [`Queue`] has the memory for all of them from the beginning.
    ///
    /// # Panics
    ///
    /// If `capacity` is zero: nothing could ever be put. For a [`Queue`], also if there can't be memory for that many.
    ///
    /// ```
    /// let queue = amphi::Queue::bounded(1);
    /// queue.try_put("fits").unwrap();
    /// assert!(queue.try_put("does not").is_err());
    /// ```
    #[doc(alias = "maxsize")]
    pub fn bounded(capacity: usize) -> Self {
        assert!(
            capacity > 0,
            "a queue's capacity can't be zero; a queue without a bound is made by `unbounded`"
        );
        Self::over(D::bounded(capacity))
    }

    /// Makes a queue for as many items as there is memory for.
    ///
    /// ```
    /// let queue = amphi::Queue::unbounded();
    /// for number in 0..1000 {
    ///     queue.try_put(number).unwrap();
    /// }
    /// assert_eq!(queue.len(), 1000);
    /// ```
    pub fn unbounded() -> Self {
        Self::over(D::unbounded())
    }

    fn over(items: D) -> Self {
        QueueOf {
            items,
            putters: CachePadded::new(Side::new()),
            getters: CachePadded::new(Side::new()),
            unfinished: CachePadded::new(Unfinished::new()),
            returned: Returned::new(),
        }
    }

    /// How many items are in the queue at this moment, which may be over when this returns.
    ///
    /// ```
    /// let queue = amphi::Queue::unbounded();
    /// queue.try_put('a').unwrap();
    /// assert_eq!(queue.len(), 1);
    /// ```
    #[doc(alias = "qsize")]
    pub fn len(&self) -> usize {
        self.items.len() + self.getters.count()
    }

    /// Whether there is no item in the queue at this moment.
    ///
    /// ```
    /// assert!(amphi::Queue::<u8>::unbounded().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room in the queue at this moment. Without a bound there always is some.
    ///
    /// ```
    /// let queue = amphi::Queue::bounded(1);
    /// assert!(!queue.is_full());
    /// queue.try_put('a').unwrap();
    /// assert!(queue.is_full());
    /// ```
    pub fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// How many items there is room for in all; `None` if there is no bound.
    ///
    /// ```
    /// assert_eq!(amphi::Queue::<u8>::bounded(3).capacity(), Some(3));
    /// assert_eq!(amphi::Queue::<u8>::unbounded().capacity(), None);
    /// ```
    #[doc(alias = "maxsize")]
    pub fn capacity(&self) -> Option<usize> {
        self.items.capacity()
    }

    /// Whether the queue has been shut down. There may still be items in it.
    ///
    /// ```
    /// let queue = amphi::Queue::<u8>::unbounded();
    /// queue.shutdown();
    /// assert!(queue.is_shut_down());
    /// ```
    pub fn is_shut_down(&self) -> bool {
        self.items.is_closed()
    }

    /// How many items have been put and not yet reported by [`task_done`](Self::task_done), whether they are still in the queue or
    /// in somebody's hands. An item that is being put counts already.
    ///
    /// ```
    /// let queue = amphi::Queue::unbounded();
    /// queue.try_put("item").unwrap();
    /// queue.try_get().unwrap();
    /// assert_eq!(queue.unfinished(), 1);
    /// queue.task_done().unwrap();
    /// assert_eq!(queue.unfinished(), 0);
    /// ```
    #[doc(alias = "unfinished_tasks")]
    pub fn unfinished(&self) -> usize {
        self.unfinished.count()
    }
}

/// To put and to get.
impl<D: Discipline> QueueOf<D> {
    /// Puts an item into the queue, waiting for room.
    ///
    /// What happened before is seen by whoever gets the item. With a timeout, an item for which there was no room comes back in
    /// [`PutError::TimedOut`].
    ///
    /// # Errors
    ///
    /// [`PutError::ShutDown`] with the item: at once if the queue has been shut down, or else as soon as it is.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, it drops the item, which has not been put. With a timeout the item comes back.
    ///
    /// ```
    /// use amphi::{PutError, Queue, block_on};
    /// use std::time::Duration;
    ///
    /// let queue = Queue::bounded(1);
    /// queue.put("a thread's").block().unwrap();
    /// let second = queue.put("a task's").timeout(Duration::from_millis(1));
    /// assert_eq!(block_on(second), Err(PutError::TimedOut("a task's")));
    /// ```
    #[doc(alias = "send")]
    #[doc(alias = "push")]
    #[inline]
    pub fn put(&self, item: D::Item) -> Wait<Put<&Self>> {
        Wait::new(Put::new(self, item))
    }

    /// Gets an item out of the queue, waiting for one.
    ///
    /// # Errors
    ///
    /// [`GetError::ShutDown`] if the queue has been shut down and there is none left. With a timeout,
    /// [`GetError::TimedOut`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has taken nothing. If it had been woken for an item, another waiter is woken instead.
    ///
    /// ```
    /// use amphi::{GetError, Queue, block_on};
    /// use std::time::Duration;
    ///
    /// let queue = Queue::unbounded();
    /// queue.put_all([1, 2]).block().unwrap();
    /// assert_eq!(queue.get().block(), Ok(1));
    /// assert_eq!(block_on(queue.get()), Ok(2));
    /// let third = queue.get().timeout(Duration::from_millis(1));
    /// assert_eq!(third.block(), Err(GetError::TimedOut));
    /// ```
    #[doc(alias = "recv")]
    #[doc(alias = "pop")]
    #[inline]
    pub fn get(&self) -> Wait<Get<&Self>> {
        Wait::new(Get::new(self))
    }

    /// Puts an item into the queue if there is room, and never waits.
    ///
    /// # Errors
    ///
    /// [`PutError::Full`] or [`PutError::ShutDown`], with the item.
    ///
    /// ```
    /// use amphi::{PutError, Queue};
    ///
    /// let queue = Queue::bounded(1);
    /// assert_eq!(queue.try_put(1), Ok(()));
    /// assert_eq!(queue.try_put(2), Err(PutError::Full(2)));
    /// ```
    #[doc(alias = "put_nowait")]
    #[doc(alias = "try_send")]
    #[inline]
    pub fn try_put(&self, item: D::Item) -> Result<(), PutError<D::Item>> {
        self.push(item).map_err(Refused::into_error)
    }

    /// The same, but if somebody `searches` nobody is woken. Whoever that is ends it by a write and a full fence, and after that looks
    /// once more; or else they call [`tell`](Self::tell).
    #[cfg(feature = "thread")]
    pub(crate) fn try_put_for(
        &self,
        item: D::Item,
        searches: impl FnOnce() -> bool,
    ) -> Result<(), PutError<D::Item>> {
        self.push_quietly(item).map_err(Refused::into_error)?;
        side::fence_after_rmw();
        if !searches() {
            self.tell_getters(1);
        }
        Ok(())
    }

    /// Wakes somebody who waits, if there is an item.
    #[cfg(feature = "thread")]
    pub(crate) fn tell(&self) {
        if !self.is_empty() {
            self.tell_getters(1);
        }
    }

    /// Gets an item out of the queue if there is one, and never waits.
    ///
    /// # Errors
    ///
    /// [`GetError::Empty`], or [`GetError::ShutDown`] if there will never be one.
    ///
    /// ```
    /// use amphi::{GetError, Queue};
    ///
    /// let queue = Queue::unbounded();
    /// assert_eq!(queue.try_get(), Err(GetError::Empty));
    /// queue.try_put(1).unwrap();
    /// assert_eq!(queue.try_get(), Ok(1));
    /// ```
    #[doc(alias = "get_nowait")]
    #[doc(alias = "try_recv")]
    #[inline]
    pub fn try_get(&self) -> Result<D::Item, GetError> {
        self.pop().map_err(|nothing| match nothing {
            Nothing::Empty => GetError::Empty,
            Nothing::Closed => GetError::ShutDown,
        })
    }

    /// Puts several items into the queue in their order, waiting for room as often as it takes.
    ///
    /// As many as there is room for are put at a time, and then others are woken: that costs less than putting them one by
    /// one. Other producers' items may come in between. The iterator is run to its end before this returns.
    ///
    /// # Errors
    ///
    /// As for [`put`](Self::put), with those items that have not been put.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has put the first items, or none, and drops the others. With a timeout these come back.
    ///
    /// ```
    /// use amphi::{PutError, Queue, block_on};
    /// use std::time::Duration;
    ///
    /// let queue = Queue::bounded(3);
    /// let left = queue.put_all(1..=5).timeout(Duration::from_millis(1)).block(); // a thread
    /// assert_eq!(left, Err(PutError::TimedOut(vec![4, 5])));
    /// assert_eq!(queue.try_iter().collect::<Vec<_>>(), [1, 2, 3]);
    /// block_on(async { queue.put_all([4, 5]).await }).unwrap(); // a task
    /// assert_eq!(queue.len(), 2);
    /// ```
    #[doc(alias = "send_all")]
    pub fn put_all(&self, items: impl IntoIterator<Item = D::Item>) -> Wait<PutAll<&Self>> {
        Wait::new(PutAll::new(self, items.into_iter().collect()))
    }

    /// Gets as many items as there are, up to `max`, waiting for the first one. If `max` is zero it returns at once, with none.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has taken nothing.
    ///
    /// ```
    /// use amphi::{Queue, block_on};
    ///
    /// let queue = Queue::unbounded();
    /// queue.put_all(1..=5).block().unwrap();
    /// assert_eq!(queue.get_many(3).block(), Ok(vec![1, 2, 3])); // a thread
    /// assert_eq!(block_on(async { queue.get_many(3).await }), Ok(vec![4, 5])); // a task
    /// ```
    #[doc(alias = "recv_many")]
    pub fn get_many(&self, max: usize) -> Wait<GetMany<&Self>> {
        Wait::new(GetMany::new(self, max))
    }
}

/// What the operations are made of.
impl<D: Discipline> QueueOf<D> {
    /// Panics in the middle of a comparison of the queue's own items.
    #[inline]
    fn assert_not_inside(&self) {
        self.items.assert_not_inside();
    }

    /// How much more fits.
    fn room(&self) -> usize {
        let capacity = self.items.capacity();
        capacity.map_or(usize::MAX, |capacity| capacity.saturating_sub(self.len()))
    }

    /// How to wait for the other side before one does so in the list.
    fn spin(&self, blocks: bool) -> Spin {
        match self.capacity() {
            Some(capacity) if capacity < Self::BATCH => Spin::moment(blocks),
            None if blocks => Spin::batch(true, self.getters.lead()),
            _ => Spin::batch(blocks, LEAD),
        }
    }

    /// Notes how a thread's spinning for an item has ended.
    fn note_lead(&self, success: bool) {
        const SOME: usize = 8;
        if self.capacity().is_none() {
            self.getters.note_lead(success && self.len() >= SOME);
        }
    }

    /// What the other side does meanwhile, more or less.
    const BATCH: usize = 32;

    #[inline(always)]
    fn push(&self, item: D::Item) -> Result<(), Refused<D::Item>> {
        self.push_quietly(item)?;
        self.tell_getters(1);
        Ok(())
    }

    /// Pushes an item, and tells nobody.
    #[inline]
    fn push_quietly(&self, item: D::Item) -> Result<(), Refused<D::Item>> {
        self.assert_not_inside();
        if self.getters.count() > 0 && self.is_full_by_returned() {
            return Err(Refused::Full(item));
        }
        // Before the item is there, for it may be done the next moment.
        self.unfinished.add();
        // A comparison may panic, and then the item is in the queue.
        let tells = Finally::new(|| self.tell_getters(1));
        let pushed = self.items.push(item);
        tells.cancel();
        if pushed.is_err() {
            self.unfinished.take_back();
        }
        pushed
    }

    /// Whether nothing can be put, since what has been returned takes room that `items` knows nothing of.
    #[cold]
    fn is_full_by_returned(&self) -> bool {
        self.is_full() && !self.is_shut_down()
    }

    /// Wakes those for whom there is an item, so many of which are new.
    #[inline]
    fn tell_getters(&self, added: usize) {
        if self.getters.changed() {
            self.getters.serve(self.len(), added);
        }
    }

    #[inline]
    fn pop(&self) -> Result<D::Item, Nothing> {
        self.pop_quietly().map(|item| self.told_putters(item))
    }

    /// Pops an item if nobody's claims need to be considered; else it finds nothing.
    #[inline(always)]
    fn pop_if_plain(&self) -> Result<D::Item, Nothing> {
        self.assert_not_inside();
        // Then nothing has been returned either.
        if !self.getters.is_plain() {
            return Err(Nothing::Empty);
        }
        self.items.pop().map(|item| self.told_putters(item))
    }

    /// Pops an item, and tells nobody.
    #[inline]
    fn pop_quietly(&self) -> Result<D::Item, Nothing> {
        self.assert_not_inside();
        if self.getters.count() > 0 {
            if let Some(item) = self.returned.pop(&self.getters) {
                return Ok(item);
            }
        }
        self.items.pop()
    }

    /// Passes an item on that has been popped, once those who want its room have been told.
    #[inline]
    fn told_putters(&self, item: D::Item) -> D::Item {
        match self.putters.changed() {
            true => self.tell_putters_of(Some(item), 1).expect("it was given"),
            false => item,
        }
    }

    /// Wakes those for whom there is room, so much of which is new.
    fn tell_putters(&self, added: usize) {
        if self.putters.changed() {
            self.putters.serve(self.room(), added);
        }
    }

    /// The same, with items in hand that have made the room. If a waker panics they are returned.
    #[cold]
    fn tell_putters_of<I>(&self, items: I, added: usize) -> I
    where
        I: IntoIterator<Item = D::Item> + Default,
    {
        let mut in_hand = InHand { queue: self, items };
        self.putters.serve(self.room(), added);
        mem::take(&mut in_hand.items)
    }

    /// Returns items to the front of the queue.
    #[cold]
    fn give_back(&self, items: impl IntoIterator<Item = D::Item>) {
        let items: Vec<_> = items.into_iter().collect();
        let count = items.len();
        match self.returned.push(items, &self.getters) {
            Err(too_late) => self.discard(too_late),
            Ok(()) if count > 0 => self.tell_getters(count),
            Ok(()) => {}
        }
    }
}

impl<D: Discipline> fmt::Debug for QueueOf<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(D::NAME)
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("shut_down", &self.is_shut_down())
            .field("unfinished", &self.unfinished())
            .finish_non_exhaustive()
    }
}

/// How an operation refers to its queue: `&QueueOf<D>` or `Arc<QueueOf<D>>`. The trait is sealed.
///
/// ```
/// use amphi::Queue;
/// use amphi::queue::{Fifo, QueueRef, Stream};
/// use futures::StreamExt;
/// use std::sync::Arc;
///
/// /// Takes the streams of both.
/// fn sum<Q: QueueRef<Discipline = Fifo<u32>>>(stream: Stream<Q>) -> u32 {
///     amphi::block_on(stream.fold(0, async |sum, number| sum + number))
/// }
///
/// let queue = Arc::new(Queue::unbounded());
/// queue.put_all([1, 2, 3]).block().unwrap();
/// queue.shutdown();
/// assert_eq!((sum(queue.stream()), sum(queue.stream_owned())), (6, 0));
/// ```
pub trait QueueRef: Deref<Target = QueueOf<Self::Discipline>> + Clone + sealed::Ref {
    /// Which kind of queue it is.
    type Discipline: Discipline;
}

impl<D: Discipline> QueueRef for &QueueOf<D> {
    type Discipline = D;
}

impl<D: Discipline> QueueRef for Arc<QueueOf<D>> {
    type Discipline = D;
}

mod sealed {
    use super::{Discipline, QueueOf};

    pub trait Ref {}
    impl<D: Discipline> Ref for &QueueOf<D> {}
    impl<D: Discipline> Ref for std::sync::Arc<QueueOf<D>> {}
}

/// What is in a queue that is referred to by `Q`.
type ItemOf<Q> = <<Q as QueueRef>::Discipline as discipline::sealed::Discipline>::Item;
