//! The condition variable: no notification lost between the lock and the list.

use super::{model, poll_once};
use amphi::{Condvar, Mutex};
use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use std::time::Duration;

#[derive(Default)]
struct Shared {
    full: Mutex<bool>,
    changed: Condvar,
}

fn fill(shared: &Shared) {
    *shared.full.lock().block() = true;
    shared.changed.notify_one();
}

/// A notification against a thread that is about to wait.
#[test]
fn notify_against_thread() {
    model(3, || {
        let shared = Arc::new(Shared::default());
        let fills = shared.clone();
        let thread = thread::spawn(move || fill(&fills));
        let guard = shared.full.lock().block();
        let mut full = shared.changed.wait_while(guard, |full| !*full).block();
        *full = false;
        drop(full);
        thread.join().unwrap();
    });
}

/// A notification against a task that is about to wait.
#[test]
fn notify_against_task() {
    model(3, || {
        let shared = Arc::new(Shared::default());
        let fills = shared.clone();
        let thread = thread::spawn(move || fill(&fills));
        block_on(async {
            let guard = shared.full.lock().await;
            let mut full = shared.changed.wait_while(guard, |full| !*full).await;
            *full = false;
        });
        thread.join().unwrap();
    });
}

/// One notification and two waiters, of which the first gives up: the second gets it, whether
/// the first had been notified already or not.
#[test]
fn notify_against_cancel() {
    model(3, || {
        let shared = Arc::new(Shared::default());
        let mut first = shared.changed.wait(shared.full.lock().block());
        assert!(!poll_once(&mut first));
        let mut second = shared.changed.wait(shared.full.lock().block());
        assert!(!poll_once(&mut second));
        let notifies = shared.clone();
        let thread = thread::spawn(move || assert_eq!(notifies.changed.notify_one(), 1));
        drop(first);
        drop(block_on(second));
        thread.join().unwrap();
    });
}

/// The waiter that was notified gives up at whatever point of taking the lock back.
#[test]
fn cancel_while_it_locks() {
    model(3, || {
        let shared = Arc::new(Shared::default());
        let mut first = shared.changed.wait(shared.full.lock().block());
        assert!(!poll_once(&mut first));
        let mut second = shared.changed.wait(shared.full.lock().block());
        assert!(!poll_once(&mut second));
        let guard = shared.full.lock().block();
        assert_eq!(shared.changed.notify_one(), 1);
        assert!(!poll_once(&mut first));
        std::mem::forget(guard);
        let releases = shared.clone();
        let thread = thread::spawn(move || {
            // SAFETY: The guard has been forgotten.
            unsafe { releases.full.force_unlock() };
        });
        drop(first);
        drop(block_on(second));
        thread.join().unwrap();
        assert!(shared.full.try_lock().is_some());
    });
}

/// `notify_all` reaches everybody who waits, on both sides.
#[test]
fn notify_all_against_both() {
    model(2, || {
        let shared = Arc::new(Shared::default());
        let waits = shared.clone();
        let thread = thread::spawn(move || {
            let guard = waits.full.lock().block();
            drop(waits.changed.wait_while(guard, |full| !*full).block());
        });
        let fills = shared.clone();
        let filler = thread::spawn(move || {
            *fills.full.lock().block() = true;
            fills.changed.notify_all();
        });
        block_on(async {
            let guard = shared.full.lock().await;
            drop(shared.changed.wait_while(guard, |full| !*full).await);
        });
        thread.join().unwrap();
        filler.join().unwrap();
    });
}

/// What precedes a `notify_all` is seen by those it reaches, also if the lock has nothing to do with it and they have
/// not been woken yet.
#[test]
fn notify_all_publishes() {
    model(3, || {
        // Leaked, so that the wait can go to another thread. It begins here, and that thread runs after this one: in other orders
        // what precedes the change of the epoch hides from loom that the look at it races with that.
        let shared = Box::leak(Box::new((Shared::default(), AtomicBool::new(false))));
        let (shared, notified) = (&shared.0, &shared.1);
        let mut wait = shared.changed.wait(shared.full.lock().block());
        assert!(!poll_once(&mut wait));
        let waits = thread::spawn(move || {
            if poll_once(&mut wait) {
                assert!(notified.load(Ordering::Relaxed));
            }
        });
        notified.store(true, Ordering::Relaxed);
        shared.changed.notify_all();
        waits.join().unwrap();
    });
}

/// The time of one is up while there is a notification: it takes what that is about, or the other one is notified.
#[test]
fn notify_against_timeout() {
    model(2, || {
        let shared = Arc::new(Shared::default());
        let (expires, waits) = (shared.clone(), shared.clone());
        let timed = thread::spawn(move || {
            let guard = expires.full.lock().block();
            let wait = expires.changed.wait_while(guard, |full| !*full);
            let (guard, result) = wait.timeout(Duration::ZERO).block();
            assert_eq!(result.timed_out(), !*guard);
            drop(guard);
            if !result.timed_out() {
                // It leaves it to the other one.
                expires.changed.notify_one();
            }
        });
        let waiter = thread::spawn(move || {
            let guard = waits.full.lock().block();
            drop(waits.changed.wait_while(guard, |full| !*full).block());
        });
        fill(&shared);
        timed.join().unwrap();
        waiter.join().unwrap();
    });
}
