//! Semaphores: permits that are there, permits that are not, and hand-overs.

use std::future::Future;
use std::hint::black_box;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use asyncband::blocking::FutureExt;

use crate::harness::{
    Apart, Bound, Row, Sample, Stop, contenders, crowd, lone_worker, repeat, repeat_in_task,
};

/// How many may have a permit at the same time, except in the hand-overs.
const PERMITS: usize = 4;

/// Operations between two looks at the clock.
const BATCH: u64 = 1000;

const ASYNC_PEERS: &[&str] = &["tokio", "async-lock", "asyncband"];

pub fn rows() -> Vec<Row> {
    let unit = "ns per permit";
    let mut rows = vec![
        contenders!(
            Row::new("semaphore/uncontended/thread", unit),
            [Ours, Std, Tokio, AsyncLock, Asyncband, Saa],
            |S, time| uncontended_by_thread::<S>(time)
        ),
        contenders!(
            Row::new("semaphore/uncontended/task", unit),
            [Ours, Tokio, AsyncLock, Asyncband, Saa],
            |S, time| uncontended_by_task::<S>(time)
        )
        .bound(Bound::Ratio(0.8, ASYNC_PEERS)),
    ];
    for (workers, name) in [(1, "1 worker"), (2, "2 workers")] {
        rows.push(
            contenders!(
                Row::new(format!("semaphore/held over a yield/{name}"), unit),
                [Ours, Tokio, AsyncLock, Asyncband, Saa],
                |S, time| crowd(workers, 64, time, S::new(PERMITS), held_over_a_yield::<S>)
            )
            .bound(Bound::Ratio(1.0, ASYNC_PEERS)),
        );
    }
    let unit = "ns per hand-over";
    rows.extend([
        contenders!(
            Row::new("semaphore/hand-over/two threads", unit),
            [Ours, Std, Tokio, AsyncLock, Asyncband, Saa],
            |S, time| between_threads::<S>(time)
        )
        .bound(Bound::Ratio(0.5, &["saa"]))
        .bound(Bound::Ratio(0.1, &["std"])),
        contenders!(
            Row::new("semaphore/hand-over/thread and task", unit),
            [Ours, Tokio, AsyncLock, Asyncband, Saa],
            |S, time| between_thread_and_task::<S>(time)
        )
        .bound(Bound::Ratio(1.0, &["tokio", "async-lock"])),
    ]);
    rows
}

fn uncontended_by_thread<S: ThreadSemaphore>(time: Duration) -> Sample {
    let semaphore = Apart(S::new(PERMITS));
    repeat(time, || {
        for _ in 0..BATCH {
            drop(black_box(&*semaphore).acquire());
        }
        BATCH
    })
}

fn uncontended_by_task<S: TaskSemaphore>(time: Duration) -> Sample {
    let semaphore = Apart(S::new(PERMITS));
    repeat_in_task(time, async || {
        for _ in 0..BATCH {
            drop(black_box(&*semaphore).acquire_in_task().await);
        }
        BATCH
    })
}

async fn held_over_a_yield<S: TaskSemaphore>(shared: Arc<(Apart<S>, Stop)>) -> u64 {
    let (semaphore, stop) = &*shared;
    let mut operations = 0;
    while !stop.is_set() {
        let permit = semaphore.acquire_in_task().await;
        tokio::task::yield_now().await;
        drop(permit);
        operations += 1;
    }
    operations
}

/// Two who take turns: one makes the first move and waits for the answer, and so on. A move is
/// a permit that one gives and the other takes for good, so nobody can make two in a row.
struct Game<S> {
    moves: Apart<S>,
    answers: Apart<S>,
    stop: Stop,
    /// The last move is made for nothing but to let the other one see this.
    over: AtomicBool,
}

impl<S: Semaphore> Game<S> {
    fn new() -> Self {
        Game {
            moves: Apart(S::new(0)),
            answers: Apart(S::new(0)),
            stop: Stop::new(),
            over: AtomicBool::new(false),
        }
    }

    /// Makes moves until the time is up, and says how many and how long that took.
    fn lead(&self) -> (u64, Duration)
    where
        S: ThreadSemaphore,
    {
        let start = Instant::now();
        let mut moves = 0;
        while !self.stop.is_set() {
            self.moves.release();
            mem::forget(self.answers.acquire());
            moves += 1;
        }
        let elapsed = start.elapsed();
        self.over.store(true, Ordering::Relaxed);
        self.moves.release();
        (moves, elapsed)
    }

    /// Answers moves until the game is over, and says how many.
    fn follow(&self) -> u64
    where
        S: ThreadSemaphore,
    {
        let mut answers = 0;
        loop {
            mem::forget(self.moves.acquire());
            if self.over.load(Ordering::Relaxed) {
                return answers;
            }
            self.answers.release();
            answers += 1;
        }
    }

    async fn follow_in_task(self: Arc<Self>) -> u64
    where
        S: TaskSemaphore,
    {
        let mut answers = 0;
        loop {
            mem::forget(self.moves.acquire_in_task().await);
            if self.over.load(Ordering::Relaxed) {
                return answers;
            }
            self.answers.release();
            answers += 1;
        }
    }
}

/// Each move and each answer is a hand-over.
fn per_hand_over((moves, elapsed): (u64, Duration), answers: u64) -> Sample {
    assert_eq!(moves, answers, "a permit came from nowhere");
    Sample::per_operation(&[moves + answers], elapsed)
}

fn between_threads<S: ThreadSemaphore>(time: Duration) -> Sample {
    let game = Game::<S>::new();
    thread::scope(|scope| {
        let follower = scope.spawn(|| game.follow());
        let leader = scope.spawn(|| game.lead());
        game.stop.set_after(time);
        let moves = leader.join().expect("the leader");
        per_hand_over(moves, follower.join().expect("the follower"))
    })
}

fn between_thread_and_task<S: ThreadSemaphore + TaskSemaphore>(time: Duration) -> Sample {
    let game = Arc::new(Game::<S>::new());
    let runtime = lone_worker();
    let follower = runtime.spawn(game.clone().follow_in_task());
    thread::scope(|scope| {
        let leader = scope.spawn(|| game.lead());
        game.stop.set_after(time);
        let moves = leader.join().expect("the leader");
        per_hand_over(moves, runtime.block_on(follower).expect("the follower"))
    })
}

trait Semaphore: Send + Sync {
    fn new(permits: usize) -> Self;
    fn release(&self);
}

trait ThreadSemaphore: Semaphore {
    /// The permit comes back when it is dropped; forgotten, it is gone.
    fn acquire(&self) -> impl Sized;
}

trait TaskSemaphore: Semaphore + 'static {
    /// Likewise.
    fn acquire_in_task(&self) -> impl Future<Output = impl Send> + Send;
}

struct Ours(amphi::Semaphore);
struct Tokio(tokio::sync::Semaphore);
struct AsyncLock(async_lock::Semaphore);
struct Asyncband(asyncband::semaphore::Semaphore);
struct Saa(saa::Semaphore);

/// What std offers in place of one.
struct Std {
    permits: std::sync::Mutex<usize>,
    released: std::sync::Condvar,
}

/// For those whose permits do not come back by themselves.
struct Permit<'a, S: Semaphore>(&'a S);

impl<S: Semaphore> Drop for Permit<'_, S> {
    fn drop(&mut self) {
        self.0.release();
    }
}

macro_rules! semaphore {
    (
        $type:ident, $name:literal,
        new: |$n:ident| $new:expr, release: |$r:ident| $release:expr
        $(, thread: |$a:ident| $block:expr)? $(, task: |$b:ident| $future:expr)?
    ) => {
        impl $type {
            const NAME: &str = $name;
        }
        impl Semaphore for $type {
            fn new($n: usize) -> Self {
                $new
            }
            fn release(&self) {
                let $r = self;
                $release;
            }
        }
        $(impl ThreadSemaphore for $type {
            fn acquire(&self) -> impl Sized {
                let $a = self;
                $block
            }
        })?
        $(impl TaskSemaphore for $type {
            fn acquire_in_task(&self) -> impl Future<Output = impl Send> + Send {
                let $b = self;
                $future
            }
        })?
    };
}

semaphore!(
    Ours, "amphi",
    new: |permits| Ours(amphi::Semaphore::new(permits)),
    release: |s| s.0.release(1),
    thread: |s| s.0.acquire().block(),
    task: |s| s.0.acquire()
);
semaphore!(
    Std, "std",
    new: |permits| Std {
        permits: std::sync::Mutex::new(permits),
        released: std::sync::Condvar::new(),
    },
    release: |s| {
        *s.permits.lock().expect("no poison") += 1;
        s.released.notify_one();
    },
    thread: |s| {
        let permits = s.permits.lock().expect("no poison");
        let mut permits = s
            .released
            .wait_while(permits, |permits| *permits == 0)
            .expect("no poison");
        *permits -= 1;
        drop(permits);
        Permit(s)
    }
);
// It can't be blocked on by itself; any `block_on` will do.
semaphore!(
    Tokio, "tokio",
    new: |permits| Tokio(tokio::sync::Semaphore::new(permits)),
    release: |s| s.0.add_permits(1),
    thread: |s| s.0.acquire().block_on().expect("an open semaphore"),
    task: |s| async { s.0.acquire().await.expect("an open semaphore") }
);
semaphore!(
    AsyncLock, "async-lock",
    new: |permits| AsyncLock(async_lock::Semaphore::new(permits)),
    release: |s| s.0.add_permits(1),
    thread: |s| s.0.acquire_blocking(),
    task: |s| s.0.acquire()
);
semaphore!(
    Asyncband, "asyncband",
    new: |permits| Asyncband(asyncband::semaphore::Semaphore::new(permits)),
    release: |s| s.0.release(1),
    thread: |s| s.0.acquire(1).block_on(),
    task: |s| s.0.acquire(1)
);
semaphore!(
    Saa, "saa",
    new: |permits| Saa(saa::Semaphore::with_permits(permits)),
    release: |s| assert!(s.0.release()),
    thread: |s| {
        s.0.acquire_sync();
        Permit(s)
    },
    task: |s| async {
        s.0.acquire_async().await;
        Permit(s)
    }
);
