//! A queue as an iterator, a stream, a sink.

use super::discipline::Discipline;
use super::{Get, ItemOf, QueueOf, QueueRef};
use crate::wait::Wait;
use futures_core::stream::FusedStream;
use std::fmt;
use std::iter::FusedIterator;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// As an iterator or a stream.
impl<D: Discipline> QueueOf<D> {
    /// The items as a stream, which ends when the queue has been shut down and is empty.
    ///
    /// Several streams of one queue share its items, also with those who [`get`](Self::get).
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has taken nothing that it has not handed out.
    ///
    /// ```
    /// use futures::StreamExt;
    ///
    /// let queue = amphi::Queue::unbounded();
    /// queue.put_all([1, 2, 3]).block().unwrap();
    /// queue.shutdown();
    /// let doubled: Vec<_> = amphi::block_on(queue.stream().map(|number| 2 * number).collect());
    /// assert_eq!(doubled, [2, 4, 6]);
    /// ```
    pub fn stream(&self) -> Stream<&Self> {
        Stream::new(self)
    }

    /// Like [`stream`](Self::stream), with a stream that keeps the queue alive by itself.
    ///
    /// ```
    /// use futures::StreamExt;
    /// use std::sync::Arc;
    ///
    /// let queue = Arc::new(amphi::Queue::unbounded());
    /// let stream = queue.stream_owned();
    /// let task = std::thread::spawn(|| amphi::block_on(stream.collect::<String>()));
    /// queue.put_all(["a", "b"]).block().unwrap();
    /// queue.shutdown();
    /// assert_eq!(task.join().unwrap(), "ab");
    /// ```
    pub fn stream_owned(self: &Arc<Self>) -> Stream<Arc<Self>> {
        Stream::new(self.clone())
    }

    /// The items as an iterator that blocks while there are none, and ends when the queue has been
    /// shut down and is empty. `for item in &queue` is the same.
    ///
    /// ```
    /// let queue = amphi::Queue::unbounded();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         queue.put_all([1, 2, 3]).block().unwrap();
    ///         queue.shutdown();
    ///     });
    ///     assert_eq!(queue.iter().sum::<i32>(), 6);
    /// });
    /// ```
    pub fn iter(&self) -> Iter<'_, D> {
        Iter {
            queue: self,
            ended: false,
        }
    }

    /// The items that are there, as an iterator that never waits and ends when there are none.
    ///
    /// ```
    /// let queue = amphi::Queue::unbounded();
    /// queue.put_all([1, 2, 3]).block().unwrap();
    /// assert_eq!(queue.try_iter().collect::<Vec<_>>(), [1, 2, 3]);
    /// ```
    pub fn try_iter(&self) -> TryIter<'_, D> {
        TryIter { queue: self }
    }
}

/// The stream of [`QueueOf::stream`] and [`QueueOf::stream_owned`].
///
/// # Cancel safety
///
/// Dropped, it has taken nothing that it has not handed out.
///
/// ```
/// use amphi::Queue;
/// use amphi::queue::Stream;
/// use futures::StreamExt;
///
/// let queue = Queue::unbounded();
/// queue.put_all(["a", "b"]).block().unwrap();
/// let mut stream: Stream<&Queue<&str>> = queue.stream();
/// assert_eq!(amphi::block_on(stream.next()), Some("a"));
/// assert_eq!(queue.len(), 1);
/// ```
#[must_use = "a stream does nothing until it is polled"]
pub struct Stream<Q: QueueRef> {
    queue: Q,
    /// For the item that is being waited for.
    wait: Option<Wait<Get<Q>>>,
    ended: bool,
}

impl<Q: QueueRef> Stream<Q> {
    fn new(queue: Q) -> Self {
        Stream {
            queue,
            wait: None,
            ended: false,
        }
    }
}

impl<Q: QueueRef> futures_core::Stream for Stream<Q> {
    type Item = ItemOf<Q>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ItemOf<Q>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let wait = this
            .wait
            .get_or_insert_with(|| Wait::new(Get::new(this.queue.clone())));
        let got = std::task::ready!(Pin::new(wait).poll(cx));
        this.wait = None;
        this.ended = got.is_err();
        Poll::Ready(got.ok())
    }
}

impl<Q: QueueRef> FusedStream for Stream<Q> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

// Nothing points into it.
impl<Q: QueueRef> Unpin for Stream<Q> {}

impl<Q: QueueRef> fmt::Debug for Stream<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("queue", &*self.queue)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// The iterator of [`QueueOf::iter`], which blocks.
///
/// ```
/// use amphi::Queue;
/// use amphi::queue::{Fifo, Iter};
///
/// let queue = Queue::unbounded();
/// queue.put_all([1, 2]).block().unwrap();
/// let mut items: Iter<'_, Fifo<u8>> = queue.iter();
/// assert_eq!((items.next(), items.next()), (Some(1), Some(2)));
/// queue.shutdown();
/// assert_eq!(items.next(), None);
/// ```
pub struct Iter<'a, D: Discipline> {
    queue: &'a QueueOf<D>,
    ended: bool,
}

impl<D: Discipline> Iterator for Iter<'_, D> {
    type Item = D::Item;

    fn next(&mut self) -> Option<D::Item> {
        if self.ended {
            return None;
        }
        let item = self.queue.get().block().ok();
        self.ended = item.is_none();
        item
    }
}

impl<D: Discipline> FusedIterator for Iter<'_, D> {}

impl<D: Discipline> fmt::Debug for Iter<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Iter").field(self.queue).finish()
    }
}

/// The iterator of [`QueueOf::try_iter`], which never waits.
///
/// ```
/// use amphi::Queue;
/// use amphi::queue::{Fifo, TryIter};
///
/// let queue = Queue::unbounded();
/// let mut items: TryIter<'_, Fifo<u8>> = queue.try_iter();
/// assert_eq!(items.next(), None);
/// queue.put(1).block().unwrap();
/// assert_eq!(items.next(), Some(1));
/// ```
pub struct TryIter<'a, D: Discipline> {
    queue: &'a QueueOf<D>,
}

impl<D: Discipline> Iterator for TryIter<'_, D> {
    type Item = D::Item;

    fn next(&mut self) -> Option<D::Item> {
        self.queue.try_get().ok()
    }
}

impl<D: Discipline> fmt::Debug for TryIter<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TryIter").field(self.queue).finish()
    }
}

/// What is left in a queue that nobody uses any more: the iterator into which a [`QueueOf`] turns. It never waits.
///
/// ```
/// use amphi::Queue;
/// use amphi::queue::{Fifo, IntoIter};
///
/// let queue = Queue::unbounded();
/// queue.put_all([1, 2]).block().unwrap();
/// let items: IntoIter<Fifo<u8>> = queue.into_iter();
/// assert_eq!(items.len(), 2);
/// ```
pub struct IntoIter<D: Discipline> {
    queue: QueueOf<D>,
}

impl<D: Discipline> Iterator for IntoIter<D> {
    type Item = D::Item;

    fn next(&mut self) -> Option<D::Item> {
        self.queue.pop_quietly().ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.queue.len();
        (len, Some(len))
    }
}

impl<D: Discipline> ExactSizeIterator for IntoIter<D> {}
impl<D: Discipline> FusedIterator for IntoIter<D> {}

impl<D: Discipline> fmt::Debug for IntoIter<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IntoIter").field(&self.queue).finish()
    }
}

/// The items that are left, in the order of the queue; nothing waits.
///
/// ```
/// let queue = amphi::PriorityQueue::unbounded();
/// queue.put_all([3, 1, 2]).block().unwrap();
/// assert_eq!(queue.into_iter().collect::<Vec<_>>(), [1, 2, 3]);
/// ```
impl<D: Discipline> IntoIterator for QueueOf<D> {
    type Item = D::Item;
    type IntoIter = IntoIter<D>;

    fn into_iter(self) -> IntoIter<D> {
        IntoIter { queue: self }
    }
}

/// [`QueueOf::iter`]: blocks while there are no items.
impl<'a, D: Discipline> IntoIterator for &'a QueueOf<D> {
    type Item = D::Item;
    type IntoIter = Iter<'a, D>;

    fn into_iter(self) -> Iter<'a, D> {
        self.iter()
    }
}

#[cfg(feature = "sink")]
pub use sink::Sink;

#[cfg(feature = "sink")]
mod sink {
    use super::super::Put;
    use super::*;
    use crate::error::PutError;

    /// As a sink.
    impl<D: Discipline> QueueOf<D> {
        /// A sink that puts what is sent into it. Needs the feature `sink`.
        ///
        /// It holds one item that has been sent and for which there is no room yet; flushing waits until that one has been put.
        /// Closing flushes. It does not shut the queue down, for there may be other producers.
        ///
        /// # Cancel safety
        ///
        /// Dropped, it drops the item that it holds.
        ///
        /// ```
        /// use futures::SinkExt;
        ///
        /// let queue = amphi::Queue::bounded(2);
        /// amphi::block_on(async {
        ///     let mut sink = queue.sink();
        ///     sink.send(1).await.unwrap();
        ///     sink.send(2).await.unwrap();
        /// });
        /// assert_eq!(queue.try_iter().collect::<Vec<_>>(), [1, 2]);
        /// ```
        pub fn sink(&self) -> Sink<&Self> {
            Sink::new(self)
        }

        /// Like [`sink`](Self::sink), with a sink that keeps the queue alive by itself. Needs the feature `sink`.
        ///
        /// ```
        /// use futures::SinkExt;
        /// use std::sync::Arc;
        ///
        /// let queue = Arc::new(amphi::Queue::unbounded());
        /// let mut sink = queue.sink_owned();
        /// std::thread::spawn(move || amphi::block_on(sink.send("item")).unwrap());
        /// assert_eq!(queue.get().block(), Ok("item"));
        /// ```
        pub fn sink_owned(self: &Arc<Self>) -> Sink<Arc<Self>> {
            Sink::new(self.clone())
        }
    }

    /// The sink of [`QueueOf::sink`] and [`QueueOf::sink_owned`].
    ///
    /// If the queue is shut down while the sink holds an item, the next flush gives that back in
    /// [`PutError::ShutDown`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, it drops the item that it holds.
    ///
    /// # Panics
    ///
    /// `start_send` panics while the sink holds an item; `poll_ready` says when it does not.
    ///
    /// ```
    /// use amphi::Queue;
    /// use amphi::queue::Sink;
    /// use futures::{SinkExt, stream};
    ///
    /// let queue = Queue::unbounded();
    /// let mut sink: Sink<&Queue<u8>> = queue.sink();
    /// amphi::block_on(sink.send_all(&mut stream::iter([Ok(1), Ok(2)]))).unwrap();
    /// assert_eq!(queue.try_iter().collect::<Vec<_>>(), [1, 2]);
    /// ```
    #[must_use = "a sink does nothing until it is used"]
    pub struct Sink<Q: QueueRef> {
        queue: Q,
        put: Option<Wait<Put<Q>>>,
    }

    impl<Q: QueueRef> Sink<Q> {
        fn new(queue: Q) -> Self {
            Sink { queue, put: None }
        }
    }

    impl<Q: QueueRef> futures_sink::Sink<ItemOf<Q>> for Sink<Q> {
        type Error = PutError<ItemOf<Q>>;

        fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            self.poll_flush(cx)
        }

        fn start_send(self: Pin<&mut Self>, item: ItemOf<Q>) -> Result<(), Self::Error> {
            let this = self.get_mut();
            assert!(this.put.is_none(), "`start_send` without `poll_ready`");
            this.put = Some(Wait::new(Put::new(this.queue.clone(), item)));
            Ok(())
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            let this = self.get_mut();
            let Some(put) = &mut this.put else {
                return Poll::Ready(Ok(()));
            };
            let result = std::task::ready!(Pin::new(put).poll(cx));
            this.put = None;
            Poll::Ready(result)
        }

        fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            self.poll_flush(cx)
        }
    }

    // Nothing points into it.
    impl<Q: QueueRef> Unpin for Sink<Q> {}

    impl<Q: QueueRef> fmt::Debug for Sink<Q> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Sink")
                .field("queue", &*self.queue)
                .field("holds_item", &self.put.is_some())
                .finish_non_exhaustive()
        }
    }
}
