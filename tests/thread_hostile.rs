//! Threads, pools, jobs and timers whose users' code panics, blocks, or comes back at an odd moment, and systems that can't
//! start a thread.

#[path = "thread_hostile/jobs.rs"]
mod jobs;
#[cfg(target_os = "linux")]
#[path = "thread_hostile/limited.rs"]
mod limited;
#[path = "thread_hostile/maps.rs"]
mod maps;
#[path = "thread_hostile/no_thread.rs"]
mod no_thread;
#[path = "thread_hostile/pools.rs"]
mod pools;
#[path = "thread_hostile/threads.rs"]
mod threads;
#[path = "thread_hostile/timers.rs"]
mod timers;
mod worlds;

use amphi::{Event, Job, ThreadPool};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Poll, Wake, Waker};
use std::time::{Duration, Instant};
use worlds::{Hand, panics_when_woken, poll_with, waker, watched};

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("in the drop");
    }
}

/// Does something when it is dropped.
struct OnDrop(fn());

impl Drop for OnDrop {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn panics<T>(action: impl FnOnce() -> T) {
    let result = catch_unwind(AssertUnwindSafe(|| drop(action())));
    assert!(result.is_err(), "it does not panic");
}

/// Waits until something holds; the watchdog sees to it that it's not for ever.
fn until(condition: impl Fn() -> bool) {
    while !condition() {
        std::thread::yield_now();
    }
}

/// A job that keeps a worker from all others until this is dropped. It has begun.
struct Occupied {
    job: Job<()>,
    go_on: Arc<Event>,
}

impl Occupied {
    fn new(pool: &ThreadPool) -> Self {
        let go_on = Arc::new(Event::new());
        let waits = go_on.clone();
        let job = pool.submit(move || waits.wait().block()).unwrap();
        until(|| job.is_running());
        Occupied { job, go_on }
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.go_on.set();
    }
}

/// More than there is room for: a thread with such a stack can't be started.
const TOO_LARGE: usize = usize::MAX / 4 + 1;

/// A pool that can't start a worker.
fn unable(name_prefix: &str) -> ThreadPool {
    ThreadPool::builder()
        .workers(1)
        .name_prefix(name_prefix)
        .stack_size(TOO_LARGE)
        .build()
}

/// Runs the case of a test in a process of its own.
fn alone(test: &str, case: impl FnOnce() + Send + 'static) {
    let own = std::env::current_exe().unwrap();
    alone_by(Command::new(own), test, case);
}

/// The same, where the command runs this program with further arguments.
fn alone_by(mut command: Command, test: &str, case: impl FnOnce() + Send + 'static) {
    const ALONE: &str = "AMPHI_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return watched(case);
    }
    let output = command.args([test, "--exact"]).env(ALONE, "1").output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{}: {said}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}
