//! The barrier: all go on, or all get the error; and nobody sleeps through it.

use super::{model, poll_once};
use amphi::{Barrier, BarrierError};
use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

/// A thread and a task meet twice, and have the indices between them.
#[test]
fn thread_against_task() {
    model(3, || {
        let barrier = Arc::new(Barrier::new(2));
        let waits = barrier.clone();
        let task = thread::spawn(move || {
            let first = block_on(waits.wait()).unwrap();
            let second = block_on(waits.wait()).unwrap();
            (first.index(), second.index())
        });
        let first = barrier.wait().block().unwrap();
        let second = barrier.wait().block().unwrap();
        let (theirs, theirs_again) = task.join().unwrap();
        assert_eq!(first.index() + theirs, 1);
        assert_eq!(second.index() + theirs_again, 1);
    });
}

/// The last party arrives while somebody aborts: all go on, or all get the error.
#[test]
fn trip_against_abort() {
    model(3, || {
        let barrier = Arc::new(Barrier::new(2));
        let mut first = barrier.wait();
        assert!(!poll_once(&mut first));
        let (aborts, waits) = (barrier.clone(), barrier.clone());
        let aborter = thread::spawn(move || aborts.abort());
        let last = thread::spawn(move || waits.wait().block());
        let mine = first.block();
        let theirs = last.join().unwrap();
        assert_eq!(mine.is_ok(), theirs.is_ok());
        aborter.join().unwrap();
        assert_eq!(barrier.wait().block(), Err(BarrierError::Broken));
    });
}

/// One gives up while the second arrives: either both had arrived, or the second waits for a third.
#[test]
fn trip_against_withdrawal() {
    model(3, || {
        let barrier = Arc::new(Barrier::new(2));
        let mut gives_up = barrier.wait();
        assert!(!poll_once(&mut gives_up));
        let waits = barrier.clone();
        let task = thread::spawn(move || block_on(waits.wait()));
        drop(gives_up);
        let mut third = barrier.wait();
        if !poll_once(&mut third) {
            // The second has gone on, or comes yet: then it meets the third, or the error.
            barrier.abort();
            let mine = block_on(third);
            let theirs = task.join().unwrap();
            assert!(theirs.is_ok() || mine.is_err());
        } else {
            assert!(task.join().unwrap().is_ok());
        }
    });
}

/// A party whose time is up, which is modelled by a reset, against the last one.
#[test]
fn trip_against_reset() {
    model(3, || {
        let barrier = Arc::new(Barrier::new(2));
        let mut first = barrier.wait();
        assert!(!poll_once(&mut first));
        let (resets, waits) = (barrier.clone(), barrier.clone());
        let resetter = thread::spawn(move || resets.reset());
        let last = thread::spawn(move || {
            let mut last = waits.wait();
            poll_once(&mut last)
        });
        let mine = block_on(first);
        resetter.join().unwrap();
        let tripped = last.join().unwrap();
        assert_eq!(mine.is_ok(), tripped);
        assert_eq!(barrier.waiting(), 0);
    });
}

/// What each party did before it arrived is seen by all who go on.
#[test]
fn arrival_publishes() {
    model(3, || {
        let shared = Arc::new((Barrier::new(2), [false; 2].map(AtomicBool::new)));
        let other = shared.clone();
        let task = thread::spawn(move || {
            other.1[0].store(true, Ordering::Relaxed);
            block_on(other.0.wait()).unwrap();
            assert!(other.1[1].load(Ordering::Relaxed));
        });
        shared.1[1].store(true, Ordering::Relaxed);
        let mut wait = shared.0.wait();
        // The second poll may come before it is woken.
        if !poll_once(&mut wait) && !poll_once(&mut wait) {
            wait.block().unwrap();
        }
        assert!(shared.1[0].load(Ordering::Relaxed));
        task.join().unwrap();
    });
}

/// The time of one is up while the other arrives: both go on, or both get an error.
#[test]
fn trip_against_timeout() {
    model(3, || {
        let barrier = Arc::new(Barrier::new(2));
        let waits = barrier.clone();
        let task = thread::spawn(move || block_on(waits.wait()));
        let mine = barrier.wait().timeout(Duration::ZERO).block();
        let theirs = task.join().unwrap();
        match mine {
            Ok(_) => assert!(theirs.is_ok() && !barrier.is_broken()),
            Err(error) => {
                assert_eq!(error, BarrierError::TimedOut);
                assert_eq!(theirs, Err(BarrierError::Broken));
            }
        }
    });
}

/// The action panics: what it has done before is seen by all who get the error, those included who have come while it ran.
#[test]
fn a_panic_publishes() {
    model(2, || {
        let done = Arc::new(AtomicBool::new(false));
        let does = done.clone();
        let barrier = Arc::new(Barrier::new(2).with_action(move || {
            does.store(true, Ordering::Relaxed);
            // Without a word of the panic hook.
            resume_unwind(Box::new("no"));
        }));
        let arrives = |polls: bool| {
            let (barrier, done) = (barrier.clone(), done.clone());
            move || {
                let arrived = catch_unwind(AssertUnwindSafe(|| {
                    let mut wait = barrier.wait();
                    // The later polls may come before it is woken.
                    match polls && (poll_once(&mut wait) || poll_once(&mut wait)) {
                        true => Err(BarrierError::Broken),
                        false => wait.block(),
                    }
                }));
                if let Ok(result) = arrived {
                    assert_eq!(result, Err(BarrierError::Broken));
                    assert!(done.load(Ordering::Relaxed));
                }
            }
        };
        let others = [thread::spawn(arrives(false)), thread::spawn(arrives(false))];
        arrives(true)();
        for other in others {
            other.join().unwrap();
        }
    });
}
