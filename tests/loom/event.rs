//! The event: whoever waits at a `set` is released by it.

use super::{model, poll_once};
use amphi::Event;
use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use std::time::Duration;

/// A `set` releases a thread and a task, whenever they have come.
#[test]
fn set_against_thread_and_task() {
    model(2, || {
        let event = Arc::new(Event::new());
        let (by_thread, by_task) = (event.clone(), event.clone());
        let thread = thread::spawn(move || by_thread.wait().block());
        let task = thread::spawn(move || block_on(async { by_task.wait().await }));
        event.set();
        thread.join().unwrap();
        task.join().unwrap();
    });
}

/// What precedes `set` is seen by whom it releases.
#[test]
fn set_publishes() {
    model(3, || {
        let shared = Arc::new((Event::new(), AtomicBool::new(false)));
        let sets = shared.clone();
        let thread = thread::spawn(move || {
            sets.1.store(true, Ordering::Relaxed);
            sets.0.set();
        });
        shared.0.wait().block();
        assert!(shared.1.load(Ordering::Relaxed));
        thread.join().unwrap();
    });
}

/// A `clear` at any moment after the `set` takes nothing back from those who waited.
#[test]
fn clear_against_wait() {
    model(3, || {
        let event = Arc::new(Event::new());
        let mut wait = event.wait();
        assert!(!poll_once(&mut wait));
        let sets = event.clone();
        let thread = thread::spawn(move || {
            sets.set();
            sets.clear();
        });
        block_on(wait);
        thread.join().unwrap();
        assert!(!event.is_set());
    });
}

/// Two who set and one who clears: the flag and the waiters agree.
#[test]
fn set_against_set_and_clear() {
    model(3, || {
        let event = Arc::new(Event::new());
        let mut wait = event.wait();
        assert!(!poll_once(&mut wait));
        let (one, other) = (event.clone(), event.clone());
        let sets = thread::spawn(move || one.set());
        let clears = thread::spawn(move || {
            other.set();
            other.clear();
        });
        block_on(wait);
        sets.join().unwrap();
        clears.join().unwrap();
    });
}

/// A wait that is dropped while it is notified, beside one that is not.
#[test]
fn set_against_cancel() {
    model(3, || {
        let event = Arc::new(Event::new());
        let mut dropped = event.wait();
        assert!(!poll_once(&mut dropped));
        let waits = event.clone();
        let thread = thread::spawn(move || waits.wait().block());
        let sets = event.clone();
        let setter = thread::spawn(move || sets.set());
        drop(dropped);
        thread.join().unwrap();
        setter.join().unwrap();
    });
}

/// Whoever finds the flag set sees what preceded that: by asking, and by a poll that nobody has woken it for.
#[test]
fn set_publishes_to_whoever_looks() {
    model(3, || {
        let shared = Arc::new((Event::new(), AtomicBool::new(false)));
        let looks = shared.clone();
        let asks = thread::spawn(move || {
            if looks.0.is_set() {
                assert!(looks.1.load(Ordering::Relaxed));
            }
        });
        let looks = shared.clone();
        let polls = thread::spawn(move || {
            let mut wait = looks.0.wait();
            if poll_once(&mut wait) || poll_once(&mut wait) {
                assert!(looks.1.load(Ordering::Relaxed));
            }
        });
        shared.1.store(true, Ordering::Relaxed);
        shared.0.set();
        asks.join().unwrap();
        polls.join().unwrap();
    });
}

/// One whose time is up while the event is set has heard of that or not, and the other one has in any case.
#[test]
fn set_against_timeout() {
    model(2, || {
        let shared = Arc::new((Event::new(), AtomicBool::new(false)));
        let (waits, expires) = (shared.clone(), shared.clone());
        let waiter = thread::spawn(move || waits.0.wait().block());
        let timed = thread::spawn(move || {
            if expires.0.wait().timeout(Duration::ZERO).block().is_ok() {
                assert!(expires.1.load(Ordering::Relaxed));
            }
        });
        shared.1.store(true, Ordering::Relaxed);
        shared.0.set();
        waiter.join().unwrap();
        timed.join().unwrap();
    });
}

/// Whoever finds the flag cleared sees what preceded the `clear`.
#[test]
fn clear_publishes() {
    model(3, || {
        let shared = Arc::new((Event::new(), AtomicBool::new(false)));
        shared.0.set();
        let clears = shared.clone();
        let thread = thread::spawn(move || {
            clears.1.store(true, Ordering::Relaxed);
            clears.0.clear();
        });
        if !shared.0.is_set() {
            assert!(shared.1.load(Ordering::Relaxed));
        }
        thread.join().unwrap();
    });
}

/// Somebody clears the flag, looks for what is to be done, and waits if that is nothing: what preceded the `set` that was
/// undone is not overlooked.
#[test]
fn clear_before_a_look() {
    model(3, || {
        let shared = Arc::new((Event::new(), AtomicBool::new(false)));
        let sets = shared.clone();
        let thread = thread::spawn(move || {
            sets.1.store(true, Ordering::Relaxed);
            sets.0.set();
        });
        shared.0.clear();
        while !shared.1.load(Ordering::Relaxed) {
            shared.0.wait().block();
            shared.0.clear();
        }
        thread.join().unwrap();
    });
}
