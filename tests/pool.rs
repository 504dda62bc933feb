//! Thread pools.

#[path = "pool/destructors.rs"]
mod destructors;
#[path = "pool/ending.rs"]
mod ending;
#[path = "pool/workers.rs"]
mod workers;
mod worlds;

use amphi::thread::{self, Thread};
use amphi::{Barrier, Event, Job, JobError, SubmitError, ThreadPool, TimedOut, wait_all};
use std::cell::Cell;
use std::collections::HashSet;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::time::{Duration, Instant};
use worlds::{Gate, Hand, On, World, watched, worlds};

/// A pool of one worker, which is busy until the gate is opened.
fn busy() -> (ThreadPool, Gate, Job<()>) {
    let (pool, gate) = (ThreadPool::new(1), Gate::new());
    let first = pool.submit(gate.waits()).unwrap();
    while !first.is_running() {
        std::thread::yield_now();
    }
    (pool, gate, first)
}

fn is_refused<T>(result: &Result<Job<T>, SubmitError<impl Sized>>) -> bool {
    matches!(result, Err(SubmitError::ShutDown(_)))
}
