//! Mutexes, by threads and by tasks.

use std::future::Future;
use std::hint::black_box;
use std::ops::DerefMut;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use asyncband::blocking::FutureExt;

use crate::harness::{Apart, Bound, Row, Sample, Stop, contenders, crowd, repeat, repeat_in_task};

/// Steps of work under the lock, and between two locks.
const INSIDE: u32 = 5;
const OUTSIDE: u32 = 10;

/// Operations between two looks at the clock.
const BATCH: u64 = 1000;

/// Locks that a task takes before it lets others have its worker. No task is interrupted
/// otherwise, so without this, two tasks could keep both workers to themselves.
const BURST: u64 = 64;

const ASYNC_PEERS: &[&str] = &["tokio", "async-lock", "asyncband"];

pub fn rows() -> Vec<Row> {
    let unit = "ns per lock";
    let mut rows = vec![
        contenders!(
            Row::new("mutex/uncontended/thread", unit),
            [Ours, Std, ParkingLot, Tokio, AsyncLock, Asyncband, Saa],
            |M, time| uncontended_by_thread::<M>(time)
        )
        .bound(Bound::Ratio(1.05, &["std"])),
        contenders!(
            Row::new("mutex/uncontended/task", unit),
            [Ours, Tokio, AsyncLock, Asyncband, Saa],
            |M, time| uncontended_by_task::<M>(time)
        )
        .contender("std, by thread", uncontended_by_thread::<Std>)
        .bound(Bound::Ratio(1.25, &["std, by thread"])),
    ];
    for threads in [2, 8] {
        rows.push(
            contenders!(
                Row::new(format!("mutex/{threads} threads"), unit),
                [Ours, Std, ParkingLot, Tokio, AsyncLock, Asyncband, Saa],
                |M, time| by_threads::<M>(threads, time)
            )
            .bound(Bound::Ratio(1.1, &["parking_lot"])),
        );
    }
    for tasks in [8, 256] {
        rows.push(
            contenders!(
                Row::new(format!("mutex/{tasks} tasks"), unit),
                [Ours, Tokio, AsyncLock, Asyncband, Saa],
                |M, time| crowd(2, tasks, time, <M as TaskMutex>::new(), brief::<M>)
            )
            .bound(Bound::Ratio(0.3, ASYNC_PEERS)),
        );
    }
    for (workers, name) in [(1, "1 worker"), (2, "2 workers")] {
        rows.push(
            contenders!(
                Row::new(format!("mutex/held over a yield/{name}"), unit),
                [Ours, Tokio, AsyncLock, Asyncband, Saa],
                |M, time| crowd(
                    workers,
                    64,
                    time,
                    <M as TaskMutex>::new(),
                    held_over_a_yield::<M>
                )
            )
            .bound(Bound::Ratio(1.0, ASYNC_PEERS)),
        );
    }
    rows
}

fn uncontended_by_thread<M: ThreadMutex>(time: Duration) -> Sample {
    let mutex = Apart(M::new());
    repeat(time, || {
        for _ in 0..BATCH {
            *black_box(&*mutex).lock() += 1;
        }
        BATCH
    })
}

fn uncontended_by_task<M: TaskMutex>(time: Duration) -> Sample {
    let mutex = Apart(M::new());
    repeat_in_task(time, async || {
        for _ in 0..BATCH {
            *black_box(&*mutex).lock().await += 1;
        }
        BATCH
    })
}

fn by_threads<M: ThreadMutex>(threads: usize, time: Duration) -> Sample {
    let mutex = Apart(M::new());
    let stop = Stop::new();
    let ready = Barrier::new(threads + 1);
    let participant = || {
        ready.wait();
        let (mut operations, mut own) = (0, 0);
        while !stop.is_set() {
            work(&mut mutex.lock(), INSIDE);
            work(&mut own, OUTSIDE);
            operations += 1;
        }
        operations
    };
    thread::scope(|scope| {
        let participants: Vec<_> = (0..threads).map(|_| scope.spawn(participant)).collect();
        ready.wait();
        let start = Instant::now();
        stop.set_after(time);
        let counts: Vec<u64> = participants
            .into_iter()
            .map(|participant| participant.join().expect("a participant"))
            .collect();
        Sample::per_operation(&counts, start.elapsed())
    })
}

async fn brief<M: TaskMutex>(shared: Arc<(Apart<M>, Stop)>) -> u64 {
    let (mutex, stop) = &*shared;
    let (mut operations, mut own) = (0, 0);
    while !stop.is_set() {
        work(&mut *mutex.lock().await, INSIDE);
        work(&mut own, OUTSIDE);
        operations += 1;
        if operations % BURST == 0 {
            tokio::task::yield_now().await;
        }
    }
    operations
}

async fn held_over_a_yield<M: TaskMutex>(shared: Arc<(Apart<M>, Stop)>) -> u64 {
    let (mutex, stop) = &*shared;
    let mut operations = 0;
    while !stop.is_set() {
        let mut guard = mutex.lock().await;
        work(&mut guard, INSIDE);
        tokio::task::yield_now().await;
        drop(guard);
        operations += 1;
    }
    operations
}

/// A chain of dependent steps that no optimizer can shorten.
fn work(value: &mut u64, steps: u32) {
    for _ in 0..steps {
        *value = black_box(value.wrapping_mul(6364136223846793005).wrapping_add(1));
    }
}

trait ThreadMutex: Send + Sync {
    fn new() -> Self;
    fn lock(&self) -> impl DerefMut<Target = u64>;
}

trait TaskMutex: Send + Sync + 'static {
    fn new() -> Self;
    fn lock(&self) -> impl Future<Output = impl DerefMut<Target = u64> + Send> + Send;
}

struct Ours(amphi::Mutex<u64>);
struct Std(std::sync::Mutex<u64>);
struct ParkingLot(parking_lot::Mutex<u64>);
struct Tokio(tokio::sync::Mutex<u64>);
struct AsyncLock(async_lock::Mutex<u64>);
struct Asyncband(asyncband::mutex::Mutex<u64>);
struct Saa(saa::Mutex<u64>);

macro_rules! mutex {
    ($type:ident, $name:literal, $new:expr $(, thread: |$a:ident| $block:expr)? $(, task: |$b:ident| $future:expr)?) => {
        impl $type {
            const NAME: &str = $name;
        }
        $(impl ThreadMutex for $type {
            fn new() -> Self {
                $type($new)
            }
            fn lock(&self) -> impl DerefMut<Target = u64> {
                let $a = &self.0;
                $block
            }
        })?
        $(impl TaskMutex for $type {
            fn new() -> Self {
                $type($new)
            }
            fn lock(&self) -> impl Future<Output = impl DerefMut<Target = u64> + Send> + Send {
                let $b = &self.0;
                $future
            }
        })?
    };
}

mutex!(Ours, "amphi", amphi::Mutex::new(0), thread: |m| m.lock().block(), task: |m| m.lock());
mutex!(Std, "std", std::sync::Mutex::new(0), thread: |m| m.lock().expect("no poison"));
mutex!(ParkingLot, "parking_lot", parking_lot::Mutex::new(0), thread: |m| m.lock());
mutex!(Tokio, "tokio", tokio::sync::Mutex::new(0), thread: |m| m.blocking_lock(), task: |m| m.lock());
mutex!(AsyncLock, "async-lock", async_lock::Mutex::new(0), thread: |m| m.lock_blocking(), task: |m| m.lock());
mutex!(Asyncband, "asyncband", asyncband::mutex::Mutex::new(0), thread: |m| m.lock().block_on(), task: |m| m.lock());
mutex!(Saa, "saa", saa::Mutex::new(0), thread: |m| m.lock(), task: |m| saa::lock_async(m));
