//! Queues: items from those who put to those who get, in every combination of worlds.
//!
//! The peers are channels. Ours is always a queue of many producers and many consumers, so
//! crossfire takes part with its `mpmc` flavour in all rows, even with one of each: its `spsc`
//! is faster, but its ends can't be shared. std and tokio only have channels of one consumer;
//! they take part where there is one.
//!
//! | file | subject |
//! |---|---|
//! | `mod.rs` | the rows, and their work |
//! | `channels.rs` | the queues and channels that do it |
//! | `heap.rs` | priority queues made of a heap, a mutex and condition variables |

mod channels;
mod heap;

use std::future::Future;
use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Bound, Row, Sample, Stop, contenders, lone_worker, repeat, runtime};
use channels::{
    AsyncChannel, Crossbeam, Crossfire, CrossfireTasks, CrossfireToTask, CrossfireToThread, Flume,
    Kanal, Ours, OursPriority, Std, Tokio,
};
use heap::{ParkingLotHeap, StdHeap};

const CAPACITY: usize = 128;

/// Items between two looks at the clock, alone.
const BATCH: u64 = 1000;

/// Items that a producer puts between two looks at whether the time is up.
const STRIDE: usize = 64;

/// Items in an unbounded queue at most. A producer that is faster than the consumer would fill
/// the memory, and then it would be the memory that is measured.
const ROUND: usize = 10_000;

/// From one item to the next. Large and small come in turn, so a queue that sorts has work.
const STEP: usize = 0x9E37_79B9_7F4A_7C15_u64 as usize;

const UNIT: &str = "ns per item";

/// Everybody who works between threads, if there is one consumer.
macro_rules! one_to_one {
    ($row:expr, |$queue:ident, $time:ident| $run:expr) => {
        contenders!(
            $row,
            [
                Ours,
                Std,
                Crossbeam,
                Crossfire,
                Flume,
                Kanal,
                AsyncChannel,
                Tokio
            ],
            |$queue, $time| $run
        )
    };
}

pub fn rows() -> Vec<Row> {
    let mut rows = vec![one_to_one!(
        Row::new("queue/uncontended/thread", UNIT),
        |Q, time| uncontended::<Q>(time)
    )];
    rows.extend(between_threads());
    rows.extend(between_tasks());
    rows.extend(between_worlds());
    rows.extend([
        one_to_one!(Row::new("queue/unbounded/threads 1p1c", UNIT), |Q, time| {
            in_rounds::<Q>(time)
        })
        .bound(Bound::Ratio(1.0, &["crossbeam"])),
        one_to_one!(
            Row::new("queue/capacity 1/threads 1p1c", UNIT),
            |Q, time| threads(one_each(Q::bounded(1)), time)
        ),
        contenders!(
            Row::new("queue/capacity 1/tasks 1p1c, 2 workers", UNIT),
            [Ours, CrossfireTasks, Flume, Kanal, AsyncChannel, Tokio],
            |Q, time| tasks(2, one_each(Q::bounded(1)), time)
        ),
        contenders!(
            Row::new("queue/priority/threads 1p1c", UNIT),
            [OursPriority, StdHeap, ParkingLotHeap],
            |Q, time| threads(one_each(Q::bounded(CAPACITY)), time)
        ),
    ]);
    rows
}

fn between_threads() -> Vec<Row> {
    let mut rows = vec![one_to_one!(
        Row::new("queue/bounded 128/threads 1p1c", UNIT),
        |Q, time| threads(one_each(Q::bounded(CAPACITY)), time)
    )];
    for each in [2, 4] {
        rows.push(contenders!(
            Row::new(format!("queue/bounded 128/threads {each}p{each}c"), UNIT),
            [Ours, Crossbeam, Crossfire, Flume, Kanal, AsyncChannel],
            |Q, time| threads(many(each, Q::bounded(CAPACITY)), time)
        ));
    }
    let bound = |row: Row| {
        row.bound(Bound::Ratio(0.8, &["crossbeam"]))
            .bound(Bound::Ratio(1.2, &["crossfire"]))
    };
    rows.into_iter().map(bound).collect()
}

fn between_tasks() -> Vec<Row> {
    let mut rows = Vec::new();
    for (workers, name) in [(1, "1 worker"), (2, "2 workers")] {
        rows.push(contenders!(
            Row::new(format!("queue/bounded 128/tasks 1p1c, {name}"), UNIT),
            [Ours, CrossfireTasks, Flume, Kanal, AsyncChannel, Tokio],
            |Q, time| tasks(workers, one_each(Q::bounded(CAPACITY)), time)
        ));
    }
    rows.push(contenders!(
        Row::new("queue/bounded 128/tasks 4p4c", UNIT),
        [Ours, CrossfireTasks, Flume, Kanal, AsyncChannel],
        |Q, time| tasks(2, many(4, Q::bounded(CAPACITY)), time)
    ));
    let bound = |row: Row| {
        row.bound(Bound::Ratio(0.5, &["async-channel"]))
            .bound(Bound::Ratio(1.2, &["kanal", "crossfire"]))
    };
    rows.into_iter().map(bound).collect()
}

fn between_worlds() -> [Row; 2] {
    let bound = || Bound::Ratio(0.5, &["flume", "tokio", "async-channel"]);
    [
        contenders!(
            Row::new("queue/bounded 128/thread to task", UNIT),
            [Ours, CrossfireToTask, Flume, Kanal, AsyncChannel, Tokio],
            |Q, time| thread_to_task(Q::bounded(CAPACITY), time)
        )
        .bound(bound()),
        contenders!(
            Row::new("queue/bounded 128/task to thread", UNIT),
            [Ours, CrossfireToThread, Flume, Kanal, AsyncChannel, Tokio],
            |Q, time| task_to_thread(Q::bounded(CAPACITY), time)
        )
        .bound(bound()),
    ]
}

/// The ends of one queue, for all who take part.
type Ends<P, G> = (Vec<P>, Vec<G>);

fn one_each<P, G>((put, get): (P, G)) -> Ends<P, G> {
    (vec![put], vec![get])
}

fn many<P: Clone, G: Clone>(each: usize, (put, get): (P, G)) -> Ends<P, G> {
    (vec![put; each], vec![get; each])
}

/// One thread puts and gets in turn; nobody ever waits.
fn uncontended<Q>(time: Duration) -> Sample
where
    Q: Bounded<Put: ThreadPut, Get: ThreadGet>,
{
    let (mut put, mut get) = Q::bounded(CAPACITY);
    let mut item = 0_usize;
    repeat(time, || {
        for _ in 0..BATCH {
            black_box(&mut put).put(item);
            black_box(black_box(&mut get).get());
            item = item.wrapping_add(STEP);
        }
        BATCH
    })
}

/// Every end in a thread of its own.
fn threads<P: ThreadPut, G: ThreadGet>((puts, gets): Ends<P, G>, time: Duration) -> Sample {
    let stop = Stop::new();
    let start = Instant::now();
    thread::scope(|scope| {
        let consumers: Vec<_> = gets
            .into_iter()
            .map(|get| scope.spawn(move || consume(get, start)))
            .collect();
        let producers: Vec<_> = puts
            .into_iter()
            .map(|put| scope.spawn(|| produce(put, &stop)))
            .collect();
        stop.set_after(time);
        let produced = producers
            .into_iter()
            .map(|producer| producer.join().expect("a producer"))
            .sum();
        let consumed: Vec<_> = consumers
            .into_iter()
            .map(|consumer| consumer.join().expect("a consumer"))
            .collect();
        per_item(produced, &consumed)
    })
}

/// Every end in a task of its own, on a runtime with so many workers.
fn tasks<P: TaskPut, G: TaskGet>(
    workers: usize,
    (puts, gets): Ends<P, G>,
    time: Duration,
) -> Sample {
    let runtime = runtime(workers);
    let stop = Arc::new(Stop::new());
    let start = Instant::now();
    let consumers: Vec<_> = gets
        .into_iter()
        .map(|get| runtime.spawn(consume_in_task(get, start)))
        .collect();
    let producers: Vec<_> = puts
        .into_iter()
        .map(|put| runtime.spawn(produce_in_task(put, stop.clone())))
        .collect();
    thread::scope(|scope| {
        // The one worker of a current-thread runtime is whoever blocks on it.
        let waiter = scope.spawn(|| {
            runtime.block_on(async {
                let mut produced = 0;
                for producer in producers {
                    produced += producer.await.expect("a producer");
                }
                let mut consumed = Vec::new();
                for consumer in consumers {
                    consumed.push(consumer.await.expect("a consumer"));
                }
                per_item(produced, &consumed)
            })
        });
        stop.set_after(time);
        waiter.join().expect("the sample")
    })
}

/// The task has a worker of its own; the thread is beside it.
fn thread_to_task<P: ThreadPut, G: TaskGet>((put, get): (P, G), time: Duration) -> Sample {
    let runtime = lone_worker();
    let stop = Stop::new();
    let start = Instant::now();
    let consumer = runtime.spawn(consume_in_task(get, start));
    thread::scope(|scope| {
        let producer = scope.spawn(|| produce(put, &stop));
        stop.set_after(time);
        let produced = producer.join().expect("the producer");
        let consumed = runtime.block_on(consumer).expect("the consumer");
        per_item(produced, &[consumed])
    })
}

fn task_to_thread<P: TaskPut, G: ThreadGet>((put, get): (P, G), time: Duration) -> Sample {
    let runtime = lone_worker();
    let stop = Arc::new(Stop::new());
    let start = Instant::now();
    thread::scope(|scope| {
        let consumer = scope.spawn(move || consume(get, start));
        let producer = runtime.spawn(produce_in_task(put, stop.clone()));
        stop.set_after(time);
        let produced = runtime.block_on(producer).expect("the producer");
        per_item(produced, &[consumer.join().expect("the consumer")])
    })
}

/// Two threads that meet after every round, when the queue is empty again.
fn in_rounds<Q>(time: Duration) -> Sample
where
    Q: Unbounded<Put: ThreadPut, Get: ThreadGet>,
{
    let (mut put, mut get) = Q::unbounded();
    let stop = Stop::new();
    let drained = Barrier::new(2);
    let start = Instant::now();
    thread::scope(|scope| {
        let (stop, drained) = (&stop, &drained);
        let producer = scope.spawn(move || {
            let (mut items, mut item) = (0, 0_usize);
            while !stop.is_set() {
                for _ in 0..ROUND {
                    put.put(item);
                    item = item.wrapping_add(STEP);
                }
                items += ROUND as u64;
                drained.wait();
            }
            items
        });
        let consumer = scope.spawn(move || {
            let mut items = 0;
            while let Some(item) = get.get() {
                black_box(item);
                items += 1;
                if items % ROUND as u64 == 0 {
                    drained.wait();
                }
            }
            (items, start.elapsed())
        });
        stop.set_after(time);
        let produced = producer.join().expect("the producer");
        per_item(produced, &[consumer.join().expect("the consumer")])
    })
}

/// Puts until the time is up, and says how many. Its end goes with it; with the last one, the
/// queue is closed.
fn produce(mut put: impl ThreadPut, stop: &Stop) -> u64 {
    let (mut items, mut item) = (0, 0_usize);
    while !stop.is_set() {
        for _ in 0..STRIDE {
            put.put(item);
            item = item.wrapping_add(STEP);
        }
        items += STRIDE as u64;
    }
    items
}

/// Gets until nothing is to come, and says how many and how long that took.
fn consume(mut get: impl ThreadGet, start: Instant) -> (u64, Duration) {
    let mut items = 0;
    while let Some(item) = get.get() {
        black_box(item);
        items += 1;
    }
    (items, start.elapsed())
}

async fn produce_in_task(mut put: impl TaskPut, stop: Arc<Stop>) -> u64 {
    let (mut items, mut item) = (0, 0_usize);
    while !stop.is_set() {
        for _ in 0..STRIDE {
            put.put_in_task(item).await;
            item = item.wrapping_add(STEP);
        }
        items += STRIDE as u64;
    }
    items
}

async fn consume_in_task(mut get: impl TaskGet, start: Instant) -> (u64, Duration) {
    let mut items = 0;
    while let Some(item) = get.get_in_task().await {
        black_box(item);
        items += 1;
    }
    (items, start.elapsed())
}

/// The time ends when the last consumer has got everything and knows that there is no more.
fn per_item(produced: u64, consumed: &[(u64, Duration)]) -> Sample {
    let counts: Vec<u64> = consumed.iter().map(|(items, _)| *items).collect();
    assert_eq!(produced, counts.iter().sum(), "items got lost");
    let times = consumed.iter().map(|(_, elapsed)| *elapsed);
    Sample::per_operation(&counts, times.max().expect("a consumer"))
}

trait Bounded {
    type Put;
    type Get;
    fn bounded(capacity: usize) -> (Self::Put, Self::Get);
}

trait Unbounded {
    type Put;
    type Get;
    fn unbounded() -> (Self::Put, Self::Get);
}

trait ThreadPut: Send {
    fn put(&mut self, item: usize);
}

trait ThreadGet: Send {
    /// Nothing if nothing is to come.
    fn get(&mut self) -> Option<usize>;
}

trait TaskPut: Send + 'static {
    fn put_in_task(&mut self, item: usize) -> impl Future<Output = ()> + Send;
}

trait TaskGet: Send + 'static {
    /// Likewise.
    fn get_in_task(&mut self) -> impl Future<Output = Option<usize>> + Send;
}
