//! The progress guarantees: what must go on although somebody else does not.
//!
//! Each test fails without the mechanism that it is about.

mod nested;
mod p1_a_blocked_thread_depends_on_no_task;
mod p2_every_poll_is_an_attempt;
mod p3_a_notified_wait_that_gives_up_wakes_the_next;
mod p4_a_release_wakes_a_further_waiter;
mod p5_no_user_code_under_a_lock;
mod p6_nobody_starves;
mod p7_panics_poison_nothing;
#[path = "../worlds/mod.rs"]
mod worlds;

use amphi::{Condvar, Event, Mutex, Wait, mutex::Lock};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};
use worlds::{Hand, On, World, poll_with, waker, watched, worlds};

/// Gives a thread the time to block. No outcome depends on it, only whether there was anything to show.
fn let_it_block() {
    thread::sleep(Duration::from_millis(20));
}

/// A leaked mutex, so that waits for it can go anywhere.
fn mutex() -> &'static Mutex<u32> {
    Box::leak(Box::default())
}

fn ready<T>(poll: Poll<T>) -> T {
    match poll {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it is not ready"),
    }
}
