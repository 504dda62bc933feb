//! `Queue`, `LifoQueue` and `PriorityQueue`.

#[path = "queue/everywhere.rs"]
mod everywhere;
#[path = "queue/handed_on.rs"]
mod handed_on;
#[path = "queue/hostile_items.rs"]
mod hostile_items;
#[path = "queue/hostile_wakers.rs"]
mod hostile_wakers;
#[path = "queue/kept_for_one.rs"]
mod kept_for_one;
#[path = "queue/odd_moments.rs"]
mod odd_moments;
#[path = "queue/one_by_one.rs"]
mod one_by_one;
#[path = "queue/parties.rs"]
mod parties;
#[cfg(feature = "sink")]
#[path = "queue/sink.rs"]
mod sink;
mod worlds;

use amphi::queue::{Discipline, QueueOf};
use amphi::{
    Event, GetError, LifoQueue, PriorityQueue, PutError, Queue, TaskDoneError, TimedOut, block_on,
};
use futures::StreamExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};
use worlds::{
    Hand, On, World, ordered_by_cmp, panics_when_woken, poll_with, waker, watched, worlds,
};

/// Gives a thread the time to block. No outcome depends on it, only whether there was anything to show.
fn let_it_block() {
    thread::sleep(Duration::from_millis(20));
}

fn ready<T>(poll: Poll<T>) -> T {
    match poll {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it is not ready"),
    }
}

fn ignore<T>(_: T) {}

fn panics<T>(action: impl FnOnce() -> T) {
    assert!(
        catch_unwind(AssertUnwindSafe(action)).is_err(),
        "it does not panic"
    );
}

/// What an action panics with.
fn message<T>(action: impl FnOnce() -> T) -> String {
    let result = catch_unwind(AssertUnwindSafe(|| ignore(action())));
    let payload = result.expect_err("it does not panic");
    payload.downcast::<String>().map_or_else(
        |payload| payload.downcast::<&str>().unwrap().to_string(),
        |message| *message,
    )
}

/// A leaked queue, so that waits for it can go anywhere.
fn leaked<D: Discipline>(queue: QueueOf<D>) -> &'static QueueOf<D> {
    Box::leak(Box::new(queue))
}

/// What is in the queue, in the order in which it comes out.
fn rest<D: Discipline>(queue: &QueueOf<D>) -> Vec<D::Item> {
    queue.try_iter().collect()
}

/// Does the same with a queue of each kind.
macro_rules! of_each_kind {
    (|$queue:ident = $new:ident($($bound:expr)?)| $body:expr) => {{
        { let $queue = Queue::$new($($bound)?); $body }
        { let $queue = LifoQueue::$new($($bound)?); $body }
        { let $queue = PriorityQueue::$new($($bound)?); $body }
    }};
}
use of_each_kind;
