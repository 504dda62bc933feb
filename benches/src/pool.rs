//! Functions that a task has run on other threads, and what comes back.
//!
//! Every pool has two workers, except `blocking`'s, which is one for the whole program and grows. A pool without results of
//! its own is given a oneshot channel for each function.

use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::harness::{Bound, OURS, Row, Sample, contenders};

const WORKERS: usize = 2;

/// Jobs that are under way at the same time, in the row that has many.
const MANY: u64 = 10_000;

pub fn rows() -> Vec<Row> {
    vec![
        contenders!(
            Row::new("pool/submit and await", "ns per job"),
            [Ours, Rayon, SpawnBlocking, Blocking, Threads],
            |P, time| one_by_one::<P>(time)
        )
        .bound(Bound::Ratio(0.7, &[Rayon::NAME]))
        .bound(Bound::Ratio(0.25, &[SpawnBlocking::NAME])),
        contenders!(
            Row::new("pool/10 000 jobs", "ns per job"),
            [Ours, Rayon, SpawnBlocking, Blocking, Threads],
            |P, time| many::<P>(time)
        )
        .bound(Bound::Ratio(1.0, &[Rayon::NAME])),
        contenders!(
            Row::new("thread/start and join from a task", "ns per thread"),
            [Joined, Threads],
            |P, time| one_by_one::<P>(time)
        ),
    ]
}

/// One after the other: what it takes to go to a worker and back.
fn one_by_one<P: Pool>(time: Duration) -> Sample {
    measure::<P>(time, async |pool| {
        for number in 0..50 {
            assert_eq!(pool.run(move || work(number)).await, number + 1);
        }
        50
    })
}

/// All at once, and then all of the results.
fn many<P: Pool>(time: Duration) -> Sample {
    measure::<P>(time, async |pool| {
        let jobs: Vec<_> = (0..MANY)
            .map(|number| pool.run(move || work(number)))
            .collect();
        for (number, job) in (0..).zip(jobs) {
            assert_eq!(job.await, number + 1);
        }
        MANY
    })
}

fn work(number: u64) -> u64 {
    black_box(number) + 1
}

/// Repeats a batch in a task, whose runtime has the waiting thread as its only worker.
fn measure<P: Pool>(time: Duration, mut batch: impl AsyncFnMut(&P) -> u64) -> Sample {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(WORKERS)
        .build()
        .expect("a runtime");
    let pool = P::new(&runtime);
    runtime.block_on(async {
        // The workers are there when it begins.
        batch(&pool).await;
        let start = Instant::now();
        let mut operations = 0;
        while start.elapsed() < time {
            operations += batch(&pool).await;
        }
        Sample::per_operation(&[operations], start.elapsed())
    })
}

trait Pool {
    fn new(runtime: &Runtime) -> Self;
    /// Begins at once, and gives the result.
    fn run<T: Send + 'static>(
        &self,
        function: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T>;
}

struct Ours(amphi::ThreadPool);

impl Ours {
    const NAME: &str = OURS;
}

impl Pool for Ours {
    fn new(_: &Runtime) -> Self {
        Ours(amphi::ThreadPool::new(WORKERS))
    }
    fn run<T: Send + 'static>(
        &self,
        function: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> {
        let job = self.0.submit(function).expect("a pool that is open");
        async { job.await.expect("a result") }
    }
}

struct Rayon(Arc<rayon::ThreadPool>);

impl Rayon {
    const NAME: &str = "rayon + oneshot";
}

impl Pool for Rayon {
    fn new(_: &Runtime) -> Self {
        let builder = rayon::ThreadPoolBuilder::new().num_threads(WORKERS);
        Rayon(Arc::new(builder.build().expect("a pool")))
    }
    fn run<T: Send + 'static>(
        &self,
        function: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> {
        let (sender, receiver) = oneshot::channel();
        self.0.spawn(move || drop(sender.send(function())));
        async { receiver.await.expect("a result") }
    }
}

struct SpawnBlocking(tokio::runtime::Handle);

impl SpawnBlocking {
    const NAME: &str = "spawn_blocking";
}

impl Pool for SpawnBlocking {
    fn new(runtime: &Runtime) -> Self {
        SpawnBlocking(runtime.handle().clone())
    }
    fn run<T: Send + 'static>(
        &self,
        function: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> {
        let job = self.0.spawn_blocking(function);
        async { job.await.expect("a result") }
    }
}

struct Blocking;

impl Blocking {
    const NAME: &str = "blocking";
}

impl Pool for Blocking {
    fn new(_: &Runtime) -> Self {
        Blocking
    }
    fn run<T: Send + 'static>(
        &self,
        function: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> {
        blocking::unblock(function)
    }
}

/// A thread for every function.
struct Threads;

impl Threads {
    const NAME: &str = "std thread + oneshot";
}

impl Pool for Threads {
    fn new(_: &Runtime) -> Self {
        Threads
    }
    fn run<T: Send + 'static>(
        &self,
        function: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> {
        let (sender, receiver) = oneshot::channel();
        std::thread::spawn(move || drop(sender.send(function())));
        async { receiver.await.expect("a result") }
    }
}

/// The same with a thread that can be joined from a task.
struct Joined;

impl Joined {
    const NAME: &str = OURS;
}

impl Pool for Joined {
    fn new(_: &Runtime) -> Self {
        Joined
    }
    fn run<T: Send + 'static>(
        &self,
        function: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> {
        let mut thread = amphi::thread::spawn(function);
        async move { thread.join().await.expect("a result") }
    }
}
