//! Pools and their jobs: a job is run once or cancelled, its result is seen, and nobody waits for ever.
//!
//! A pool's start and its end are long, so they are played by one schedule only, [`at_once`], where the model is about something else.

use super::{model, poll_once};
use amphi::{Event, Job, JobError, ThreadPool, wait_all, wait_any};
use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use std::time::Duration;

/// What jobs do and others look for: Relaxed, so that nothing but the crate orders it.
#[derive(Clone)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn new() -> Self {
        Count(Arc::new(AtomicUsize::new(0)))
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// What the caller is sure to see.
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// What it has come to.
    fn newest(&self) -> usize {
        self.0.fetch_add(0, Ordering::Relaxed)
    }

    fn submit_to(&self, pool: &ThreadPool) -> Option<Job<()>> {
        let count = self.clone();
        pool.submit(move || count.add()).ok()
    }
}

/// Does something that is not to be explored.
fn at_once<T>(action: impl FnOnce() -> T) -> T {
    loom::stop_exploring();
    let result = action();
    loom::explore();
    result
}

/// A pool that is never dropped, but shut down: loom doesn't know that std's `Arc` orders the last drop behind all the others.
fn kept(pool: ThreadPool) -> std::sync::Arc<ThreadPool> {
    let pool = std::sync::Arc::new(pool);
    std::mem::forget(pool.clone());
    pool
}

/// A pool with one worker, and a job that it is about to begin.
fn one_job() -> (std::sync::Arc<ThreadPool>, Count, Job<()>) {
    at_once(|| {
        let pool = kept(ThreadPool::new(1));
        let count = Count::new();
        let job = count.submit_to(&pool).unwrap();
        (pool, count, job)
    })
}

/// A result against the thread, or the task, that waits for it: it sees what the job has done.
#[test]
fn end_against_thread_and_task() {
    for by_task in [false, true] {
        model(2, move || {
            let (pool, count, job) = one_job();
            match by_task {
                false => job.result().block().unwrap(),
                true => block_on(job.result()).unwrap(),
            }
            assert_eq!(count.get(), 1);
            at_once(|| pool.shutdown().block());
        });
    }
}

/// A wait for a result is given up while the job ends, and another one is not.
#[test]
fn end_against_cancel_of_a_wait() {
    model(2, || {
        let (pool, _, job) = one_job();
        let other = job.clone();
        let waits = thread::spawn(move || other.result().block());
        poll_once(&mut job.result());
        let result = waits.join().unwrap();
        assert!(matches!(result, Ok(()) | Err(JobError::Taken)));
        at_once(|| pool.shutdown().block());
    });
}

/// The time of a wait for a result is up while the job ends.
#[test]
fn end_against_timeout() {
    model(2, || {
        let (pool, count, job) = one_job();
        let result = match job.result().timeout(Duration::ZERO).block() {
            Err(JobError::TimedOut) => block_on(job.result()),
            result => result,
        };
        result.unwrap();
        assert_eq!(count.get(), 1);
        at_once(|| pool.shutdown().block());
    });
}

/// A job is run or cancelled, and whoever waits hears which.
#[test]
fn begin_against_cancel() {
    model(2, || {
        let (pool, count, job) = one_job();
        let cancelled = job.cancel();
        match job.result().block() {
            Ok(()) => assert!(!cancelled && count.get() == 1),
            Err(JobError::Cancelled) => assert!(cancelled),
            Err(error) => panic!("{error}"),
        }
        at_once(|| pool.shutdown().block());
        assert_eq!(count.newest(), usize::from(!cancelled));
    });
}

/// Two cancel a job that a worker is about to begin: both say the same.
#[test]
fn begin_against_two_cancels() {
    model(2, || {
        let (pool, count, job) = one_job();
        let other = job.clone();
        let cancels = thread::spawn(move || other.cancel());
        let cancelled = job.cancel();
        assert_eq!(cancels.join().unwrap(), cancelled);
        at_once(|| pool.shutdown().block());
        assert_eq!(count.newest(), usize::from(!cancelled));
    });
}

/// A callback is called once, by the worker or by whoever adds it, when the job has ended, and sees what that has done.
#[test]
fn end_against_on_done() {
    model(2, || {
        let (pool, count, job) = one_job();
        let called = Count::new();
        let (sees, calls) = (count.clone(), called.clone());
        job.on_done(move |job| {
            assert!(job.is_done());
            assert_eq!(sees.get(), 1);
            calls.add();
        });
        at_once(|| pool.shutdown().block());
        assert_eq!(called.newest(), 1);
    });
}

/// Whoever waits for any job, or for all, hears of the end.
#[test]
fn end_against_watchers() {
    for all in [false, true] {
        model(2, move || {
            let (pool, count, job) = one_job();
            match all {
                false => assert_eq!(wait_any([&job]).block(), 0),
                true => block_on(wait_all([&job])),
            }
            assert!(job.is_done());
            assert_eq!(count.get(), 1);
            at_once(|| pool.shutdown().block());
        });
    }
}

/// What precedes a submit is seen by the job, also if the worker that runs it was there before, and looks for a job or sleeps.
#[test]
fn submit_publishes() {
    model(2, || {
        let (pool, count, _) = one_job();
        let preceding = Count::new();
        preceding.add();
        let sees = preceding.clone();
        let job = pool.submit(move || assert_eq!(sees.get(), 1)).unwrap();
        job.result().block().unwrap();
        assert_eq!(count.get(), 1);
        at_once(|| pool.shutdown().block());
    });
}

/// Two submit, and one of them starts the worker. The other may find the pool complete or not.
#[test]
fn submit_against_submit() {
    model(2, || {
        let pool = kept(ThreadPool::new(1));
        let count = Count::new();
        let (other, counts) = (pool.clone(), count.clone());
        let submits = thread::spawn(move || counts.submit_to(&other).unwrap());
        let mine = at_once(|| count.submit_to(&pool).unwrap());
        let theirs = submits.join().unwrap();
        at_once(|| pool.shutdown().block());
        mine.result().block().unwrap();
        theirs.result().block().unwrap();
        assert_eq!(count.newest(), 2);
    });
}

/// What the workers have done is seen by whoever has waited for their end: a thread, a task, and one that looks without having been woken.
#[test]
fn shutdown_publishes() {
    for by_task in [false, true] {
        model(2, move || {
            let (pool, count, _) = one_job();
            let mut shutdown = pool.shutdown();
            if !poll_once(&mut shutdown) && !poll_once(&mut shutdown) {
                match by_task {
                    false => shutdown.block(),
                    true => block_on(shutdown),
                }
            }
            assert_eq!(count.get(), 1);
        });
    }
}

/// Two wait for the end of the workers, and one of them gives up: the other one hears of it.
#[test]
fn shutdown_against_cancel() {
    model(2, || {
        let (pool, count, _) = one_job();
        let (mut gives_up, mut waits) = (pool.shutdown(), pool.shutdown());
        poll_once(&mut gives_up);
        if !poll_once(&mut waits) {
            drop(gives_up);
            block_on(waits);
        }
        assert_eq!(count.get(), 1);
    });
}

/// Two wait for the end of the workers, and the time of one is up: the other one hears of it.
#[test]
fn shutdown_against_timeout() {
    model(2, || {
        let (pool, count, _) = one_job();
        let mut waits = pool.shutdown();
        if !poll_once(&mut waits) {
            let timed = pool.shutdown().timeout(Duration::ZERO).block();
            assert!(timed.is_err() || count.get() == 1);
            waits.block();
        }
        assert_eq!(count.get(), 1);
    });
}

/// What is accepted is run before the shutdown ends, be it by the first worker or by one that is there.
#[test]
fn shutdown_against_submit() {
    for has_worker in [false, true] {
        model(2, move || {
            let (pool, count) = match has_worker {
                false => (kept(ThreadPool::new(1)), Count::new()),
                true => (|(pool, count, _)| (pool, count))(one_job()),
            };
            let (other, counts) = (pool.clone(), count.clone());
            let submits = thread::spawn(move || usize::from(counts.submit_to(&other).is_some()));
            pool.shutdown().block();
            let run = count.get();
            assert_eq!(run, submits.join().unwrap() + usize::from(has_worker));
        });
    }
}

/// What has not begun is cancelled, and its end is told.
#[test]
fn shutdown_now_against_begin() {
    model(2, || {
        let (pool, count, job) = one_job();
        pool.shutdown_now().block();
        assert_eq!(count.get(), usize::from(job.result().block().is_ok()));
    });
}

/// A worker that ends when it has nothing to do leaves no job behind.
#[test]
fn ending_worker_against_submit() {
    model(2, || {
        let builder = ThreadPool::builder().workers(1);
        let pool = kept(builder.keep_alive(Duration::ZERO).build());
        let count = Count::new();
        at_once(|| count.submit_to(&pool).unwrap());
        let job = count.submit_to(&pool).unwrap();
        job.result().block().unwrap();
        at_once(|| pool.shutdown().block());
        assert_eq!(count.newest(), 2);
    });
}

/// Two jobs that need each other come while one worker of two ends its search and the other one sleeps.
#[test]
fn end_of_a_search_against_two_submits() {
    model(2, || {
        let pool = kept(ThreadPool::new(2));
        let meet = || {
            let events = Arc::new([(); 2].map(|()| Event::new()));
            [0, 1].map(|mine| {
                let events = events.clone();
                let meets = move || {
                    events[mine].set();
                    events[1 - mine].wait().block();
                };
                pool.submit(meets).unwrap()
            })
        };
        let first = at_once(|| {
            // Both workers are there, and sleep.
            let jobs = meet();
            jobs.iter().for_each(|job| job.result().block().unwrap());
            pool.submit(|| ()).unwrap()
        });
        first.result().block().unwrap();
        let jobs = meet();
        loom::stop_exploring();
        jobs.iter().for_each(|job| job.result().block().unwrap());
        pool.shutdown().block();
    });
}
