//! A thread that drives a future: it sleeps until the waker is called, and no longer.

use super::model;
use amphi::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use std::task::Poll;

/// What precedes the wake is seen by the poll after it, whether the thread sleeps already or not.
#[test]
fn wake_publishes() {
    model(3, || {
        let ready = Arc::new(AtomicBool::new(false));
        let mut waker = None;
        block_on(std::future::poll_fn(|cx| {
            if waker.is_some() {
                assert!(ready.load(Ordering::Relaxed), "nobody has called the waker");
                return Poll::Ready(());
            }
            let (wakes, sets) = (cx.waker().clone(), ready.clone());
            waker = Some(thread::spawn(move || {
                sets.store(true, Ordering::Relaxed);
                wakes.wake();
            }));
            Poll::Pending
        }));
        waker.expect("it was polled").join().unwrap();
    });
}
