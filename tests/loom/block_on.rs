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

/// Of two who call the waker, one may find that the other has called it, and unparks nobody: what precedes that call is seen
/// as well by the poll after it, or by one more.
#[test]
fn two_wakes_publish() {
    model(3, || {
        let flags = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let mut polled = false;
        block_on(poll_fn(|cx| {
            if !std::mem::replace(&mut polled, true) {
                for flag in flags.clone() {
                    let waker = cx.waker().clone();
                    // Not joined: loom would take an unpark that comes late for the thread's end.
                    thread::spawn(move || {
                        flag.store(true, Ordering::Relaxed);
                        waker.wake();
                    });
                }
            }
            match flags.iter().all(|flag| flag.load(Ordering::Relaxed)) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        }));
    });
}
