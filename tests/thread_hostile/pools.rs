//! Pools: their initializer, their end, and what may be done with them after a panic.

use super::*;
use amphi::thread::{AsCompleted, Builder, JoinHandle, PoolBuilder, Thread};
use amphi::{JobError, Timer};
use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe, panic_any};
use std::sync::{Mutex, mpsc};

/// The initializer panics with something that panics when it is dropped: the jobs would never end.
#[test]
fn a_pool_breaks_whatever_its_initializer_panics_with() {
    watched(|| {
        let pool = ThreadPool::builder()
            .workers(1)
            .initializer(|| panic_any(PanicsWhenDropped))
            .build();
        let result = pool.submit(|| ()).unwrap().result().block();
        assert!(matches!(result, Err(JobError::Broken)), "{result:?}");
    });
}

/// Polls a future where it is woken, as an executor without threads does, and tells whether it's ready.
struct Inline<F> {
    future: Mutex<F>,
    polled: mpsc::Sender<bool>,
}

impl<F: Future + Unpin + Send + 'static> Wake for Inline<F> {
    fn wake(self: Arc<Self>) {
        let waker = Waker::from(self.clone());
        let poll = poll_with(&waker, &mut *self.future.lock().unwrap());
        self.polled.send(poll.is_ready()).unwrap();
    }
}

/// A worker that leaves wakes whoever waits for a shutdown: polled on its thread, that would take itself for one of the
/// pool's jobs, which need not wait for themselves, and be ready too early.
#[test]
fn a_shutdown_polled_by_a_worker_that_leaves_waits_for_the_others() {
    watched(|| {
        let pool: &'static ThreadPool = Box::leak(Box::new(ThreadPool::new(2)));
        let (first, second) = (Occupied::new(pool), Occupied::new(pool));
        let (tells, polled) = mpsc::channel();
        let inline = Arc::new(Inline {
            future: Mutex::new(pool.shutdown()),
            polled: tells,
        });
        Waker::from(inline).wake();
        assert_eq!(polled.recv(), Ok(false));
        drop(first);
        assert_eq!(polled.recv(), Ok(false));
        assert!(second.job.is_running());
        drop(second);
        assert_eq!(polled.recv(), Ok(true));
    });
}

/// A job begins to wait for the shutdown, and somebody else goes on with that: the job's own worker is not excepted any more, and
/// nobody else is in its place.
#[test]
fn a_shutdown_begun_by_a_job_and_ended_elsewhere_waits_for_all() {
    watched(|| {
        let pool: &'static ThreadPool = Box::leak(Box::new(ThreadPool::new(2)));
        let other = Occupied::new(pool);
        let begins = pool.submit(move || {
            let mut shutdown = pool.shutdown();
            assert!(Hand::new().poll(&mut shutdown).is_pending());
            (shutdown, amphi::thread::current())
        });
        let (shutdown, worker) = begins.unwrap().result().block().unwrap();
        worker.finished().block();
        let soon = shutdown.timeout(Duration::from_millis(20)).block();
        assert!(other.job.is_running());
        assert!(soon.is_err(), "a job still runs");
        drop(other);
        pool.shutdown().block();
    });
}

/// The same with the drop of the pool, which would return while a job runs.
#[test]
fn a_pool_dropped_by_a_worker_that_leaves_waits_for_the_others() {
    watched(|| {
        let pool = ThreadPool::new(2);
        let (first, second) = (Occupied::new(&pool), Occupied::new(&pool));
        let slot = Arc::new(Mutex::new(None));
        let (tells, dropped) = mpsc::channel();
        let begins = Arc::new(Event::new());
        let (takes, begun, other) = (slot.clone(), begins.clone(), second.job.clone());
        let drops = waker(move || {
            let pool: Option<ThreadPool> = takes.lock().unwrap().take();
            begun.set();
            drop(pool.unwrap());
            tells.send(other.is_running()).unwrap();
        });
        let mut shutdown = pool.shutdown();
        assert!(poll_with(&drops, &mut shutdown).is_pending());
        // It stays in the list, and keeps the pool from nothing.
        mem::forget(shutdown);
        *slot.lock().unwrap() = Some(pool);
        drop(first);
        begins.wait().block();
        // Time for a drop that doesn't wait. No outcome depends on it, only whether there was anything to show.
        let early = dropped.recv_timeout(Duration::from_millis(50));
        drop(second);
        let is_running = early.or_else(|_| dropped.recv());
        assert_eq!(is_running, Ok(false));
    });
}

/// What a panic may pass on its way. If one of them could not be used after it, this would not compile.
#[test]
fn a_panic_leaves_all_of_them_usable() {
    fn are_usable<T: UnwindSafe + RefUnwindSafe>() {}
    are_usable::<ThreadPool>();
    are_usable::<PoolBuilder>();
    are_usable::<Job<u8>>();
    are_usable::<AsCompleted<u8>>();
    are_usable::<Timer>();
    are_usable::<Thread>();
    are_usable::<JoinHandle<u8>>();
    are_usable::<Builder>();
}

/// No thread can be started for a while.
#[cfg(target_os = "linux")]
mod limited {
    use super::*;
    use crate::limited::{NoThreads, limited};

    /// Another worker would be needed, and there is one: it comes to the job.
    #[test]
    fn the_worker_that_there_is_comes_to_it() {
        limited(
            "pools::limited::the_worker_that_there_is_comes_to_it",
            || {
                let pool = ThreadPool::new(2);
                let occupied = Occupied::new(&pool);
                let no_threads = NoThreads::new();
                let job = pool.submit(|| 1).unwrap();
                drop(occupied);
                assert_eq!(job.result().block().unwrap(), 1);
                drop(no_threads);
            },
        );
    }

    /// A worker drops a result, and another one would be needed: whoever waits for the end is told that there is none, even if a waker panics,
    /// and the result as well.
    #[test]
    fn no_other_worker_while_a_result_is_dropped() {
        limited(
            "pools::limited::no_other_worker_while_a_result_is_dropped",
            || {
                let pool = ThreadPool::new(2);
                let go_on = Arc::new(Event::new());
                let waits = go_on.clone();
                let first = pool.submit(move || {
                    waits.wait().block();
                    PanicsWhenDropped
                });
                let first = first.unwrap();
                until(|| first.is_running());
                let no_threads = NoThreads::new();
                let second = pool.submit(|| 1).unwrap();
                let (mut panics, mut shutdown, hand) =
                    (pool.shutdown(), pool.shutdown(), Hand::new());
                assert!(poll_with(&panics_when_woken(), &mut panics).is_pending());
                assert!(hand.poll(&mut shutdown).is_pending());
                drop(first);
                go_on.set();
                let mut woken = 0;
                while hand.poll(&mut shutdown).is_pending() {
                    until(|| hand.woken() > woken);
                    woken = hand.woken();
                }
                assert_eq!(second.result().block().unwrap(), 1);
                drop(no_threads);
            },
        );
    }
}
