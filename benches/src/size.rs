//! What the types weigh, and what a waiting task weighs beyond its future.

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::Future;
use std::mem::size_of;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};
use std::task::{Context, Waker};

use crate::harness::{Bound, Row};

const WAITERS: usize = 1000;

pub fn rows() -> Vec<Row> {
    vec![
        Row::new("size/Mutex<()>", "bytes")
            .number("amphi", size_of::<amphi::Mutex<()>>())
            .number("std", size_of::<std::sync::Mutex<()>>())
            .number("parking_lot", size_of::<parking_lot::Mutex<()>>())
            .number("tokio", size_of::<tokio::sync::Mutex<()>>())
            .number("async-lock", size_of::<async_lock::Mutex<()>>())
            .number("asyncband", size_of::<asyncband::mutex::Mutex<()>>())
            .number("saa", size_of::<saa::Mutex<()>>())
            .bound(Bound::Value(16.0)),
        Row::new("size/ReentrantMutex<()>", "bytes")
            .number("amphi", size_of::<amphi::ReentrantMutex<()>>())
            .number("parking_lot", size_of::<parking_lot::ReentrantMutex<()>>()),
        Row::new("size/Event", "bytes")
            .number("amphi", size_of::<amphi::Event>())
            .number("tokio Notify", size_of::<tokio::sync::Notify>())
            .number("event-listener", size_of::<event_listener::Event>())
            .number("asyncband", size_of::<asyncband::event::ManualResetEvent>())
            .number("saa Gate", size_of::<saa::Gate>())
            .bound(Bound::Value(16.0)),
        Row::new("size/Condvar", "bytes")
            .number("amphi", size_of::<amphi::Condvar>())
            .number("std", size_of::<std::sync::Condvar>())
            .number("parking_lot", size_of::<parking_lot::Condvar>())
            .number("asyncband", size_of::<asyncband::condvar::Condvar>())
            .bound(Bound::Value(16.0)),
        Row::new("size/Semaphore", "bytes")
            .number("amphi", size_of::<amphi::Semaphore>())
            .number("tokio", size_of::<tokio::sync::Semaphore>())
            .number("async-lock", size_of::<async_lock::Semaphore>())
            .number("asyncband", size_of::<asyncband::semaphore::Semaphore>())
            .number("saa", size_of::<saa::Semaphore>())
            .bound(Bound::Value(16.0)),
        Row::new("size/Barrier", "bytes")
            .number("amphi", size_of::<amphi::Barrier>())
            .number("std", size_of::<std::sync::Barrier>())
            .number("tokio", size_of::<tokio::sync::Barrier>())
            .number("async-lock", size_of::<async_lock::Barrier>())
            .number("asyncband", size_of::<asyncband::barrier::Barrier>())
            .number("saa", size_of::<saa::Barrier>()),
    ]
    .into_iter()
    .chain(waiting_for_a_mutex())
    .chain(waiting_for_an_event())
    .collect()
}

fn waiting_for_a_mutex() -> [Row; 2] {
    let ours = amphi::Mutex::new(());
    let tokio = tokio::sync::Mutex::new(());
    let async_lock = async_lock::Mutex::new(());
    let asyncband = asyncband::mutex::Mutex::new(());
    let saa = saa::Mutex::new(());
    // They are held, so whoever comes has to wait.
    let _guards = (
        ours.try_lock(),
        tokio.try_lock(),
        async_lock.try_lock(),
        asyncband.try_lock(),
        saa.try_lock(),
    );
    weigh(
        "waiting for a mutex",
        [
            ("amphi", weight(|| ours.lock())),
            ("tokio", weight(|| tokio.lock())),
            ("async-lock", weight(|| async_lock.lock())),
            ("asyncband", weight(|| asyncband.lock())),
            ("saa", weight(|| saa::lock_async(&saa))),
        ],
    )
}

fn waiting_for_an_event() -> [Row; 2] {
    let ours = amphi::Event::new();
    let notify = tokio::sync::Notify::new();
    let event_listener = event_listener::Event::new();
    let asyncband = asyncband::event::ManualResetEvent::new();
    let gate = saa::Gate::new();
    weigh(
        "waiting for an event",
        [
            ("amphi", weight(|| ours.wait())),
            ("tokio Notify", weight(|| notify.notified())),
            // Listens as soon as it is made, so it has to be made by the poll.
            (
                "event-listener",
                weight(|| async { event_listener.listen().await }),
            ),
            ("asyncband", weight(|| asyncband.wait())),
            ("saa Gate", weight(|| gate.enter_async())),
        ],
    )
}

struct Weight {
    future: usize,
    beyond: usize,
}

fn weigh<const N: usize>(what: &str, weights: [(&'static str, Weight); N]) -> [Row; 2] {
    let mut future = Row::new(format!("size/{what}/future"), "bytes");
    let mut beyond = Row::new(format!("size/{what}/beyond the future"), "bytes of heap");
    for (name, weight) in weights {
        future = future.number(name, weight.future);
        beyond = beyond.number(name, weight.beyond);
    }
    [future, beyond.bound(Bound::Value(200.0))]
}

/// What a future that waits weighs, by a thousand that have been polled once.
fn weight<F: Future>(mut wait: impl FnMut() -> F) -> Weight {
    let mut futures: Vec<Pin<Box<F>>> = (0..WAITERS).map(|_| Box::pin(wait())).collect();
    let mut context = Context::from_waker(Waker::noop());

    HEAP.store(0, Ordering::Relaxed);
    COUNTING.store(true, Ordering::Relaxed);
    for future in &mut futures {
        assert!(future.as_mut().poll(&mut context).is_pending());
    }
    COUNTING.store(false, Ordering::Relaxed);
    let bytes = HEAP.load(Ordering::Relaxed);
    Weight {
        future: size_of::<F>(),
        beyond: usize::try_from(bytes).unwrap_or(0).div_ceil(WAITERS),
    }
}

/// The system's allocator, which counts what is taken and not given back, if told so. Told
/// otherwise, as in all rows about time, it only reads a flag that nobody writes.
struct Counting;

static COUNTING: AtomicBool = AtomicBool::new(false);
static HEAP: AtomicIsize = AtomicIsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: usize, sign: isize) {
    if COUNTING.load(Ordering::Relaxed) {
        HEAP.fetch_add(sign * bytes as isize, Ordering::Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller's promises are the ones asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(layout.size(), -1);
        count(size, 1);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
