//! The queues and the channels that take part.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossfire::mpmc::{self, Array, List};
use crossfire::{MAsyncRx, MAsyncTx, MRx, MTx};

use super::{Bounded, TaskGet, TaskPut, ThreadGet, ThreadPut, Unbounded};
use crate::harness::Apart;

macro_rules! channel {
    (
        $type:ident, $name:literal
        $(, bounded: |$n:ident| $bounded:expr => ($put:ty, $get:ty))?
        $(, unbounded: $unbounded:expr => ($free_put:ty, $free_get:ty))?
    ) => {
        /// A name for a pair of ends; nobody has one.
        pub enum $type {}

        impl $type {
            pub const NAME: &str = $name;
        }
        $(impl Bounded for $type {
            type Put = $put;
            type Get = $get;
            fn bounded($n: usize) -> (Self::Put, Self::Get) {
                $bounded
            }
        })?
        $(impl Unbounded for $type {
            type Put = $free_put;
            type Get = $free_get;
            fn unbounded() -> (Self::Put, Self::Get) {
                $unbounded
            }
        })?
    };
}

pub(super) use channel;

/// Each end says how a thread uses it, how a task does, or both. What it gives is a `Result`.
macro_rules! ends {
    (
        $put:ty, $get:ty
        $(, thread: |$a:ident, $i:ident| $send:expr, |$b:ident| $receive:expr)?
        $(, task: |$c:ident, $j:ident| $sending:expr, |$d:ident| $receiving:expr)?
    ) => {
        $(impl ThreadPut for $put {
            fn put(&mut self, $i: usize) {
                let $a = self;
                $send.expect("a consumer");
            }
        }
        impl ThreadGet for $get {
            fn get(&mut self) -> Option<usize> {
                let $b = self;
                $receive.ok()
            }
        })?
        $(impl TaskPut for $put {
            async fn put_in_task(&mut self, $j: usize) {
                let $c = self;
                $sending.await.expect("a consumer");
            }
        }
        impl TaskGet for $get {
            async fn get_in_task(&mut self) -> Option<usize> {
                let $d = self;
                $receiving.await.ok()
            }
        })?
    };
}

channel!(
    Std, "std",
    bounded: |n| std::sync::mpsc::sync_channel(n)
        => (std::sync::mpsc::SyncSender<usize>, std::sync::mpsc::Receiver<usize>),
    unbounded: std::sync::mpsc::channel()
        => (std::sync::mpsc::Sender<usize>, std::sync::mpsc::Receiver<usize>)
);
ends!(
    std::sync::mpsc::SyncSender<usize>, std::sync::mpsc::Receiver<usize>,
    thread: |put, item| put.send(item), |get| get.recv()
);
// Its consumer is the same as the bounded one's.
impl ThreadPut for std::sync::mpsc::Sender<usize> {
    fn put(&mut self, item: usize) {
        self.send(item).expect("a consumer");
    }
}

channel!(
    Crossbeam, "crossbeam",
    bounded: |n| crossbeam_channel::bounded(n)
        => (crossbeam_channel::Sender<usize>, crossbeam_channel::Receiver<usize>),
    unbounded: crossbeam_channel::unbounded()
        => (crossbeam_channel::Sender<usize>, crossbeam_channel::Receiver<usize>)
);
ends!(
    crossbeam_channel::Sender<usize>, crossbeam_channel::Receiver<usize>,
    thread: |put, item| put.send(item), |get| get.recv()
);

channel!(
    Flume, "flume",
    bounded: |n| flume::bounded(n) => (flume::Sender<usize>, flume::Receiver<usize>),
    unbounded: flume::unbounded() => (flume::Sender<usize>, flume::Receiver<usize>)
);
ends!(
    flume::Sender<usize>, flume::Receiver<usize>,
    thread: |put, item| put.send(item), |get| get.recv(),
    task: |put, item| put.send_async(item), |get| get.recv_async()
);

channel!(
    Kanal, "kanal",
    bounded: |n| kanal::bounded(n) => (kanal::Sender<usize>, kanal::Receiver<usize>),
    unbounded: kanal::unbounded() => (kanal::Sender<usize>, kanal::Receiver<usize>)
);
ends!(
    kanal::Sender<usize>, kanal::Receiver<usize>,
    thread: |put, item| put.send(item), |get| get.recv(),
    task: |put, item| put.as_async().send(item), |get| get.as_async().recv()
);

channel!(
    AsyncChannel, "async-channel",
    bounded: |n| async_channel::bounded(n)
        => (async_channel::Sender<usize>, async_channel::Receiver<usize>),
    unbounded: async_channel::unbounded()
        => (async_channel::Sender<usize>, async_channel::Receiver<usize>)
);
ends!(
    async_channel::Sender<usize>, async_channel::Receiver<usize>,
    thread: |put, item| put.send_blocking(item), |get| get.recv_blocking(),
    task: |put, item| put.send(item), |get| get.recv()
);

channel!(
    Tokio, "tokio",
    bounded: |n| tokio::sync::mpsc::channel(n)
        => (tokio::sync::mpsc::Sender<usize>, tokio::sync::mpsc::Receiver<usize>),
    unbounded: tokio::sync::mpsc::unbounded_channel() => (
        tokio::sync::mpsc::UnboundedSender<usize>,
        tokio::sync::mpsc::UnboundedReceiver<usize>
    )
);
ends!(
    tokio::sync::mpsc::Sender<usize>, tokio::sync::mpsc::Receiver<usize>,
    thread: |put, item| put.blocking_send(item), |get| get.blocking_recv().ok_or(()),
    task: |put, item| put.send(item), |get| async { get.recv().await.ok_or(()) }
);
ends!(
    tokio::sync::mpsc::UnboundedSender<usize>, tokio::sync::mpsc::UnboundedReceiver<usize>,
    thread: |put, item| put.send(item), |get| get.blocking_recv().ok_or(())
);

// Its ends are made for one world each, so it has a channel for each pair of worlds.
channel!(
    Crossfire, "crossfire",
    bounded: |n| tuned(|| mpmc::bounded_blocking(n)) => (MTx<Array<usize>>, MRx<Array<usize>>),
    unbounded: tuned(mpmc::unbounded_blocking) => (MTx<List<usize>>, MRx<List<usize>>)
);
channel!(
    CrossfireTasks, "crossfire",
    bounded: |n| tuned(|| mpmc::bounded_async(n))
        => (MAsyncTx<Array<usize>>, MAsyncRx<Array<usize>>)
);
channel!(
    CrossfireToTask, "crossfire",
    bounded: |n| tuned(|| mpmc::bounded_blocking_async(n))
        => (MTx<Array<usize>>, MAsyncRx<Array<usize>>)
);
channel!(
    CrossfireToThread, "crossfire",
    bounded: |n| tuned(|| mpmc::bounded_async_blocking(n))
        => (MAsyncTx<Array<usize>>, MRx<Array<usize>>)
);
ends!(
    MTx<Array<usize>>, MRx<Array<usize>>,
    thread: |put, item| put.send(item), |get| get.recv()
);
ends!(
    MTx<List<usize>>, MRx<List<usize>>,
    thread: |put, item| put.send(item), |get| get.recv()
);
ends!(
    MAsyncTx<Array<usize>>, MAsyncRx<Array<usize>>,
    task: |put, item| put.send(item), |get| get.recv()
);

/// crossfire wants to be told to look at the machine, as its manual says.
fn tuned<T>(make: impl FnOnce() -> T) -> T {
    crossfire::detect_backoff_cfg();
    make()
}

/// A queue that is one object for both sides, and is closed by hand.
pub trait Object: Send + Sync + 'static {
    fn put(&self, item: usize);
    fn get(&self) -> Option<usize>;
    fn close(&self);
}

/// Closes the queue with the last one, as a channel's senders do.
pub struct Putter<Q: Object> {
    queue: Arc<Apart<Q>>,
    putters: Arc<AtomicUsize>,
}

pub struct Getter<Q> {
    queue: Arc<Apart<Q>>,
}

pub fn ends_of<Q: Object>(queue: Q) -> (Putter<Q>, Getter<Q>) {
    let queue = Arc::new(Apart(queue));
    let putter = Putter {
        queue: queue.clone(),
        putters: Arc::new(AtomicUsize::new(1)),
    };
    (putter, Getter { queue })
}

impl<Q: Object> Clone for Putter<Q> {
    fn clone(&self) -> Self {
        self.putters.fetch_add(1, Ordering::Relaxed);
        Putter {
            queue: self.queue.clone(),
            putters: self.putters.clone(),
        }
    }
}

impl<Q: Object> Drop for Putter<Q> {
    fn drop(&mut self) {
        if self.putters.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.queue.close();
        }
    }
}

impl<Q> Clone for Getter<Q> {
    fn clone(&self) -> Self {
        Getter {
            queue: self.queue.clone(),
        }
    }
}

impl<Q: Object> ThreadPut for Putter<Q> {
    fn put(&mut self, item: usize) {
        self.queue.put(item);
    }
}

impl<Q: Object> ThreadGet for Getter<Q> {
    fn get(&mut self) -> Option<usize> {
        self.queue.get()
    }
}

type Queue = amphi::Queue<usize>;
type PriorityQueue = amphi::PriorityQueue<usize>;

channel!(
    Ours, "amphi",
    bounded: |n| ends_of(Queue::bounded(n)) => (Putter<Queue>, Getter<Queue>),
    unbounded: ends_of(Queue::unbounded()) => (Putter<Queue>, Getter<Queue>)
);
channel!(
    OursPriority, "amphi",
    bounded: |n| ends_of(PriorityQueue::bounded(n))
        => (Putter<PriorityQueue>, Getter<PriorityQueue>)
);

macro_rules! object {
    ($type:ty) => {
        impl Object for $type {
            fn put(&self, item: usize) {
                self.put(item).block().expect("an open queue");
            }
            fn get(&self) -> Option<usize> {
                self.get().block().ok()
            }
            fn close(&self) {
                self.shutdown();
            }
        }
    };
}
object!(Queue);
object!(PriorityQueue);

impl TaskPut for Putter<Queue> {
    async fn put_in_task(&mut self, item: usize) {
        self.queue.0.put(item).await.expect("an open queue");
    }
}

impl TaskGet for Getter<Queue> {
    async fn get_in_task(&mut self) -> Option<usize> {
        self.queue.0.get().await.ok()
    }
}
