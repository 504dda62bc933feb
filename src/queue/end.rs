//! How a queue comes to its end: when nothing is put any more, and when all has been dealt with.

use super::discipline::Discipline;
use super::{Join, QueueOf};
use crate::error::TaskDoneError;
use crate::finally::Finally;
use crate::first_panic::FirstPanic;
use crate::sync::atomic::{Ordering, fence};
use crate::wait::Wait;

/// To come to an end.
impl<D: Discipline> QueueOf<D> {
    /// Reports that an item has been dealt with. Consumers call it after each item if anybody waits with [`join`](Self::join).
    ///
    /// # Errors
    ///
    /// If it has already been called as often as items have been put; nothing changes then. (One call too many at the very moment at which a put
    /// fails may be taken for that put's: it is forgotten with it, or counts for the next item.)
    ///
    /// ```
    /// use amphi::{Queue, TaskDoneError};
    ///
    /// let queue = Queue::unbounded();
    /// queue.try_put("item").unwrap();
    /// queue.try_get().unwrap();
    /// assert_eq!(queue.task_done(), Ok(()));
    /// assert_eq!(queue.task_done(), Err(TaskDoneError));
    /// ```
    pub fn task_done(&self) -> Result<(), TaskDoneError> {
        self.assert_not_inside();
        match self.unfinished.done() {
            true => Ok(()),
            false => Err(TaskDoneError),
        }
    }

    /// Waits until all items that have been put have been dealt with, as [`task_done`](Self::task_done) reports.
    ///
    /// Whoever waits at the moment when nothing is unfinished is released, even if something is put at once. With a timeout it
    /// gives `Err(TimedOut)` if there was no such moment in time.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    ///
    /// ```
    /// use amphi::{Queue, block_on};
    ///
    /// let queue = Queue::unbounded();
    /// queue.put_all(["one", "two"]).block().unwrap();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         for _ in 0..2 {
    ///             queue.get().block().unwrap();
    ///             queue.task_done().unwrap();
    ///         }
    ///     });
    ///     queue.join().block(); // a thread
    /// });
    /// block_on(async { queue.join().await }); // a task, for which there is nothing left to wait for
    /// assert_eq!(queue.unfinished(), 0);
    /// ```
    pub fn join(&self) -> Wait<Join<'_, D>> {
        Wait::new(Join::new(self))
    }

    /// From now on nothing can be put. What is in the queue is still handed out; after that every `get` ends with an
    /// error. Those who wait are woken. A second call changes nothing. (In Python, `Queue.shutdown()` since 3.13.)
    ///
    /// ```
    /// use amphi::{GetError, PutError, Queue};
    ///
    /// let queue = Queue::unbounded();
    /// queue.try_put(1).unwrap();
    /// queue.shutdown();
    /// assert_eq!(queue.try_put(2), Err(PutError::ShutDown(2)));
    /// assert_eq!(queue.get().block(), Ok(1));
    /// assert_eq!(queue.get().block(), Err(GetError::ShutDown));
    /// ```
    #[doc(alias = "close")]
    pub fn shutdown(&self) {
        self.assert_not_inside();
        if self.items.close() {
            // Whoever has joined a list without having been seen there sees this.
            fence(Ordering::SeqCst);
            let _putters = Finally::new(|| self.putters.wake_all());
            self.getters.wake_all();
        }
    }

    /// Shuts down and drops what is in the queue, which counts as dealt with.
    ///
    /// So [`join`](Self::join) ends when the items in consumers' hands are done. (In Python, `Queue.shutdown(immediate=True)`.)
    ///
    /// ```
    /// use amphi::{GetError, Queue};
    ///
    /// let queue = Queue::unbounded();
    /// queue.try_put(1).unwrap();
    /// queue.shutdown_now();
    /// assert_eq!(queue.try_get(), Err(GetError::ShutDown));
    /// queue.join().block();
    /// ```
    #[doc(alias = "cancel")]
    pub fn shutdown_now(&self) {
        self.assert_not_inside();
        // A waker may panic, and an item when it is dropped.
        let mut panic = FirstPanic::NONE;
        panic.catch(|| self.shutdown());
        let mut items = self.items.drain();
        items.extend(self.returned.drain(&self.getters));
        panic.catch(|| self.discard(items));
        panic.resume();
    }

    /// Drops items. When they are gone they count as dealt with.
    pub(super) fn discard(&self, items: Vec<D::Item>) {
        let count = items.len();
        let _counts = Finally::new(|| {
            self.unfinished.done_with(count);
        });
        drop(items);
    }
}
