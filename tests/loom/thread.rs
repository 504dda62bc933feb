//! Threads that others join: their result is there, and their end is told to all.

use super::{model, poll_once};
use amphi::Event;
use amphi::thread::{JoinError, join_all, spawn};
use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use std::cell::RefCell;
use std::time::Duration;

/// What a thread has done is seen by the thread, or the task, that joins it.
#[test]
fn end_against_thread_and_task() {
    for by_task in [false, true] {
        model(2, move || {
            let done = Arc::new(AtomicBool::new(false));
            let does = done.clone();
            let mut handle = spawn(move || does.store(true, Ordering::Relaxed));
            match by_task {
                false => handle.join().block().unwrap(),
                true => block_on(handle.join()).unwrap(),
            }
            assert!(done.load(Ordering::Relaxed));
            assert!(!handle.is_alive());
        });
    }
}

/// A join that is given up while the thread ends takes nothing, and somebody else hears of the end.
#[test]
fn end_against_cancel() {
    model(2, || {
        let mut handle = spawn(|| 7);
        let about = handle.thread().clone();
        let other = thread::spawn(move || block_on(about.finished()));
        let mut gives_up = handle.join();
        let joined = poll_once(&mut gives_up);
        drop(gives_up);
        if !joined {
            assert_eq!(handle.join().block().unwrap(), 7);
        }
        other.join().unwrap();
    });
}

/// The time of a join is up while the thread ends: it has the result, or the next one has.
#[test]
fn end_against_timeout() {
    model(2, || {
        let mut handle = spawn(|| 7);
        let about = handle.thread().clone();
        let other = thread::spawn(move || block_on(about.finished()));
        let result = match handle.join().timeout(Duration::ZERO).block() {
            Err(JoinError::TimedOut) => handle.join().block(),
            joined => joined,
        };
        assert_eq!(result.unwrap(), 7);
        other.join().unwrap();
    });
}

loom::thread_local! {
    /// Dropped at the very end of a thread.
    static END: RefCell<Option<SetEvent>> = RefCell::new(None);
}

struct SetEvent(Arc<Event>);

impl Drop for SetEvent {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// What a thread has done is seen by whoever has waited for all, and a wait for all that is given up loses nothing.
#[test]
fn end_against_join_all() {
    model(2, || {
        let done = Arc::new(AtomicBool::new(false));
        let (does, ended) = (done.clone(), Arc::new(Event::new()));
        let sets = SetEvent(ended.clone());
        spawn(move || {
            END.with(|end| *end.borrow_mut() = Some(sets));
            does.store(true, Ordering::Relaxed);
        });
        let mut all = join_all();
        // The second poll may come before it is woken.
        if !poll_once(&mut all) && !poll_once(&mut all) {
            drop(all);
            join_all().block();
        }
        assert!(done.load(Ordering::Relaxed));
        // Loom drops the statics of a model with its first thread.
        ended.wait().block();
    });
}
