//! Pools that can't start a worker.

use super::*;
use amphi::SubmitError;
use amphi::thread::{Thread, enumerate};
use std::mem;

/// What has been refused would stay in the pool.
#[test]
fn what_is_refused_stays_nowhere() {
    watched(|| {
        let (pool, captured) = (unable("refuses"), Arc::new(()));
        for _ in 0..100 {
            let keeps = captured.clone();
            let refused = pool.submit(move || drop(keeps));
            assert!(matches!(refused, Err(SubmitError::NoThread(..))));
        }
        assert_eq!(Arc::strong_count(&captured), 1);
        let shown = format!("{pool:?}");
        assert!(shown.contains("pending: 0"), "{shown}");
    });
}

/// Until the system has said that it can't start a thread, that is in the list of all that live, and others may find it
/// there. Submits until somebody has found one and was woken, which calls the function; or gives up after many times.
fn submit_until_found(
    pool: &ThreadPool,
    name_prefix: &str,
    when_woken: impl Fn() + Send + Sync + 'static,
) {
    let (found, stop) = (Arc::new(AtomicBool::new(false)), AtomicBool::new(false));
    let tells = found.clone();
    let waker = waker(move || {
        if !tells.swap(true, SeqCst) {
            when_woken();
        }
    });
    let is_its = |name: &str| name.starts_with(name_prefix);
    let finds = || {
        for thread in enumerate() {
            if thread.name().is_some_and(is_its) {
                let thread: &'static Thread = Box::leak(Box::new(thread));
                let mut finished = thread.finished();
                let _ = poll_with(&waker, &mut finished);
                mem::forget(finished);
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(SeqCst) {
                finds();
            }
        });
        for _ in 0..ATTEMPTS {
            let submitted = catch_unwind(AssertUnwindSafe(|| drop(pool.submit(|| ()))));
            if found.load(SeqCst) || submitted.is_err() {
                stop.store(true, SeqCst);
                assert!(submitted.is_ok(), "the waker's panic comes out here");
                break;
            }
        }
        stop.store(true, SeqCst);
    });
}

const ATTEMPTS: usize = 20_000;

/// Whoever waits for a thread that can't be started is woken where that is found out: there it would wait for the pool's own
/// mutex if it used the pool.
#[test]
fn a_waker_may_use_the_pool_that_failed_to_start_a_thread() {
    watched(|| {
        let pool = Arc::new(unable("used by a waker"));
        let uses = pool.clone();
        submit_until_found(&pool, "used by a waker", move || {
            assert!(uses.submit(|| ()).is_err());
            assert!(format!("{uses:?}").contains("shut_down: false"));
        });
        pool.shutdown().block();
    });
}

/// The same one panics: the worker would count as there, and a shutdown would wait for it.
#[test]
fn a_waker_may_panic_when_a_thread_could_not_be_started() {
    watched(|| {
        let pool = unable("panics a waker");
        submit_until_found(&pool, "panics a waker", || panic!("in the waker"));
        pool.shutdown().block();
    });
}
