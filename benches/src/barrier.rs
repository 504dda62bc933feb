//! Barriers, met again and again by the same parties.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use asyncband::blocking::FutureExt;

use crate::harness::{Apart, Bound, Row, Sample, Stop, contenders, runtime};

const THREADS: usize = 4;
const TASKS: usize = 64;

pub fn rows() -> Vec<Row> {
    let unit = "ns per generation";
    vec![
        contenders!(
            Row::new(format!("barrier/{THREADS} threads"), unit),
            [Ours, Std, Tokio, AsyncLock, Asyncband, Saa],
            |B, time| by_threads::<B>(time)
        )
        .bound(Bound::Ratio(1.0, &["std"])),
        // saa's takes 63 parties at most.
        contenders!(
            Row::new(format!("barrier/{TASKS} tasks"), unit),
            [Ours, Tokio, AsyncLock, Asyncband],
            |B, time| by_tasks::<B>(time)
        )
        .bound(Bound::Ratio(1.0, &["tokio"])),
    ]
}

/// A barrier, and which generation is its last. One party only, the first, looks whether the time is
/// up, and says so before it arrives: then each of the others knows when it has passed, and
/// nobody leaves while others count on it.
struct Meeting<B> {
    barrier: Apart<B>,
    stop: Stop,
    /// The number is needed, since the first party may be one generation ahead already.
    last: Apart<AtomicU64>,
}

impl<B> Meeting<B> {
    fn new(barrier: B) -> Self {
        Meeting {
            barrier: Apart(barrier),
            stop: Stop::new(),
            last: Apart(AtomicU64::new(u64::MAX)),
        }
    }

    /// To be called before `party` arrives.
    fn before(&self, party: usize, generation: u64) {
        if party == 0 && self.stop.is_set() {
            self.last.store(generation, Ordering::Relaxed);
        }
    }

    /// Whether there is another generation; to be called when this one is complete.
    fn goes_on(&self, generation: u64) -> bool {
        self.last.load(Ordering::Relaxed) != generation
    }

    fn attend(&self, party: usize) -> u64
    where
        B: ThreadBarrier,
    {
        for generation in 0.. {
            self.before(party, generation);
            self.barrier.wait();
            if !self.goes_on(generation) {
                return generation + 1;
            }
        }
        unreachable!("there is a last generation")
    }

    async fn attend_in_task(self: Arc<Self>, party: usize) -> u64
    where
        B: TaskBarrier,
    {
        for generation in 0.. {
            self.before(party, generation);
            self.barrier.wait_in_task().await;
            if !self.goes_on(generation) {
                return generation + 1;
            }
        }
        unreachable!("there is a last generation")
    }
}

/// What one generation took, where `counts` is how many each party saw.
fn per_generation(counts: &[u64], time: Duration) -> Sample {
    assert!(
        counts.iter().all(|count| *count == counts[0]),
        "somebody passed alone"
    );
    Sample::per_operation(&counts[..1], time)
}

fn by_threads<B: ThreadBarrier>(time: Duration) -> Sample {
    let meeting = Meeting::new(B::new(THREADS));
    let meeting = &meeting;
    thread::scope(|scope| {
        let start = Instant::now();
        let parties: Vec<_> = (0..THREADS)
            .map(|party| scope.spawn(move || meeting.attend(party)))
            .collect();
        meeting.stop.set_after(time);
        let counts: Vec<u64> = parties
            .into_iter()
            .map(|party| party.join().expect("a party"))
            .collect();
        per_generation(&counts, start.elapsed())
    })
}

fn by_tasks<B: TaskBarrier>(time: Duration) -> Sample {
    let runtime = runtime(2);
    let meeting = Arc::new(Meeting::new(B::new(TASKS)));
    let start = Instant::now();
    let parties: Vec<_> = (0..TASKS)
        .map(|party| runtime.spawn(meeting.clone().attend_in_task(party)))
        .collect();
    meeting.stop.set_after(time);
    runtime.block_on(async {
        let mut counts = Vec::new();
        for party in parties {
            counts.push(party.await.expect("a party"));
        }
        per_generation(&counts, start.elapsed())
    })
}

trait ThreadBarrier: Send + Sync {
    fn new(parties: usize) -> Self;
    fn wait(&self);
}

trait TaskBarrier: Send + Sync + 'static {
    fn new(parties: usize) -> Self;
    fn wait_in_task(&self) -> impl Future + Send;
}

struct Ours(amphi::Barrier);
struct Std(std::sync::Barrier);
struct Tokio(tokio::sync::Barrier);
struct AsyncLock(async_lock::Barrier);
struct Asyncband(asyncband::barrier::Barrier);
struct Saa(saa::Barrier);

macro_rules! barrier {
    (
        $type:ident, $name:literal, |$n:ident| $new:expr
        $(, thread: |$a:ident| $block:expr)? $(, task: |$b:ident| $future:expr)?
    ) => {
        impl $type {
            const NAME: &str = $name;
        }
        $(impl ThreadBarrier for $type {
            fn new($n: usize) -> Self {
                $type($new)
            }
            fn wait(&self) {
                let $a = &self.0;
                $block;
            }
        })?
        $(impl TaskBarrier for $type {
            fn new($n: usize) -> Self {
                $type($new)
            }
            fn wait_in_task(&self) -> impl Future + Send {
                let $b = &self.0;
                $future
            }
        })?
    };
}

barrier!(
    Ours,
    "amphi",
    |n| amphi::Barrier::new(n),
    thread: |b| b.wait().block().expect("all arrive"),
    task: |b| async { b.wait().await.expect("all arrive") }
);
barrier!(Std, "std", |n| std::sync::Barrier::new(n), thread: |b| b.wait());
// It can't be blocked on by itself; any `block_on` will do.
barrier!(Tokio, "tokio", |n| tokio::sync::Barrier::new(n), thread: |b| b.wait().block_on(), task: |b| b.wait());
barrier!(AsyncLock, "async-lock", |n| async_lock::Barrier::new(n), thread: |b| b.wait_blocking(), task: |b| b.wait());
barrier!(Asyncband, "asyncband", |n| asyncband::barrier::Barrier::new(n as u32), thread: |b| b.wait().block_on(), task: |b| b.wait());
barrier!(Saa, "saa", |n| saa::Barrier::with_count(n), thread: |b| b.wait_sync());
