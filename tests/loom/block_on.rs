//! A thread that drives a future: it sleeps until the waker is called, and no longer.

use super::model;
use amphi::block_on;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;
use std::future::poll_fn;
use std::task::{Poll, Waker};

#[derive(Default)]
struct Shared {
    waker: Mutex<Option<Waker>>,
    is_over: AtomicBool,
    ready: AtomicBool,
}

/// What precedes the wake is seen by the poll after it, whether the thread sleeps already or not.
#[test]
fn wake_publishes() {
    model(3, || {
        let shared = Arc::new(Shared::default());
        let waits = shared.clone();
        let thread = thread::spawn(move || {
            let mut polled = false;
            block_on(poll_fn(|cx| {
                if polled {
                    let ready = waits.ready.load(Ordering::Relaxed);
                    assert!(ready, "nobody has called the waker");
                    return Poll::Ready(());
                }
                polled = true;
                let mut waker = waits.waker.lock().unwrap();
                if waits.is_over.load(Ordering::Relaxed) {
                    return Poll::Ready(());
                }
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }));
        });
        let waker = {
            let mut waker = shared.waker.lock().unwrap();
            shared.is_over.store(true, Ordering::Relaxed);
            waker.take()
        };
        if let Some(waker) = waker {
            shared.ready.store(true, Ordering::Relaxed);
            waker.wake();
        }
        thread.join().unwrap();
    });
}
