//! Jobs and maps among wakers and drops that panic, and at odd moments.

mod worlds;

use amphi::{Event, Job, JobError, ThreadPool, TimedOut, as_completed, wait_all, wait_any};
use futures::StreamExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Wake, Waker};
use std::time::Duration;
use worlds::{Gate, Hand, poll_with, watched};

struct WakePanics;

impl Wake for WakePanics {
    fn wake(self: Arc<Self>) {
        panic!("in the waker");
    }
}

struct DropPanics;

impl Drop for DropPanics {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

/// A pool of one worker, which is busy until the gate is opened.
fn busy() -> (ThreadPool, Gate, Job<()>) {
    let (pool, gate) = (ThreadPool::new(1), Gate::new());
    let first = pool.submit(gate.waits()).unwrap();
    while !first.is_running() {
        std::thread::yield_now();
    }
    (pool, gate, first)
}

/// Whoever is told that a job has ended finds that it has: a callback that is called at once, who waits for several, who cancels.
#[test]
fn what_is_told_is_so() {
    watched(|| {
        // Workers come and go, so that a job's end takes its time.
        let builder = ThreadPool::builder().workers(64);
        let pool = Arc::new(builder.keep_alive(Duration::ZERO).build());
        let stop = Arc::new(AtomicBool::new(false));
        let noise: Vec<_> = (0..3)
            .map(|_| {
                let (pool, stop) = (pool.clone(), stop.clone());
                std::thread::spawn(move || {
                    while !stop.load(SeqCst) {
                        drop(pool.submit(std::thread::yield_now));
                        std::thread::yield_now();
                    }
                })
            })
            .collect();
        let early = Arc::new([const { AtomicUsize::new(0) }; 3]);
        let count = |index: usize, job: &Job<()>| {
            early[index].fetch_add(usize::from(!job.is_done()), SeqCst);
        };
        for round in 0..3000 {
            let ended = Arc::new(Event::new());
            let tells = ended.clone();
            let job = pool.submit(move || tells.set()).unwrap();
            ended.wait().block();
            match round % 3 {
                0 => {
                    for _ in 0..10 {
                        let early = early.clone();
                        job.on_done(move |job| {
                            early[0].fetch_add(usize::from(!job.is_done()), SeqCst);
                        });
                    }
                }
                1 => Iterator::for_each(as_completed([&job]), |job| count(1, &job)),
                _ => {
                    while wait_any([&job]).timeout(Duration::ZERO).block().is_err() {}
                    count(2, &job);
                }
            }
        }
        stop.store(true, SeqCst);
        noise.into_iter().for_each(|noise| noise.join().unwrap());
        let early = early.each_ref().map(|count| count.load(SeqCst));
        assert_eq!(early, [0; 3], "by callbacks, `as_completed`, `wait_any`");
    });
}

/// They come in the order in which they end, as far as anybody can tell: one that was seen to have ended before the other began
/// to end comes before it.
#[test]
fn completed_in_the_order_that_was_seen() {
    watched(|| {
        let pool = ThreadPool::new(2);
        let mut wrong = 0;
        for _ in 0..300 {
            let gates = [Gate::new(), Gate::new()];
            let jobs = gates
                .each_ref()
                .map(|gate| pool.submit(gate.waits()).unwrap());
            let completed = as_completed([&jobs[0], &jobs[1], &jobs[1]]);
            gates[1].open();
            while !jobs[1].is_done() {
                std::thread::yield_now();
            }
            gates[0].open();
            let order = Iterator::map(completed, |job| usize::from(job == jobs[1]));
            wrong += usize::from(order.collect::<Vec<_>>() != [1, 1, 0]);
        }
        assert_eq!(wrong, 0, "times in another order");
    });
}

/// A stream whose waker panics keeps no other stream from hearing of the end.
#[test]
fn a_streams_waker_panics() {
    watched(|| {
        let (pool, gate, job) = busy();
        let (panics, hand) = (Waker::from(Arc::new(WakePanics)), Hand::new());
        let (mut first, mut second) = (as_completed([&job]), as_completed([&job]));
        assert!(poll_with(&panics, &mut StreamExt::next(&mut first)).is_pending());
        assert!(hand.poll(&mut StreamExt::next(&mut second)).is_pending());
        gate.open();
        pool.shutdown().block();
        assert_eq!(hand.woken(), 1);
        assert!(hand.poll(&mut StreamExt::next(&mut second)).is_ready());
    });
}

/// The function of a job that is cancelled is dropped, even if the waker of somebody who waits for it panics.
#[test]
fn a_waker_panics_in_cancel() {
    watched(|| {
        let (pool, _gate, _first) = busy();
        let held = Arc::new(());
        let holds = held.clone();
        let job = pool.submit(move || drop(holds)).unwrap();
        let mut wait = job.result();
        let panics = Waker::from(Arc::new(WakePanics));
        assert!(poll_with(&panics, &mut wait).is_pending());
        let _ = catch_unwind(AssertUnwindSafe(|| job.cancel()));
        assert!(job.is_cancelled());
        assert_eq!(Arc::strong_count(&held), 1, "the function lives on");
    });
}

/// The last of very many jobs is the one that is waited for.
#[test]
fn all_of_very_many() {
    watched(|| {
        let pool = ThreadPool::new(1);
        let gate = Gate::new();
        let mut jobs: Vec<_> = (0..200_000).map(|_| pool.submit(|| ()).unwrap()).collect();
        wait_all(&jobs).block();
        jobs.push(pool.submit(gate.waits()).unwrap());
        for _ in 0..3 {
            let early = wait_all(&jobs).timeout(Duration::from_millis(1)).block();
            assert_eq!(early, Err(TimedOut));
        }
        gate.open();
        wait_all(&jobs).block();
    });
}

/// An initializer's panic may be a value whose drop panics: the pool is broken like by any other.
#[test]
fn an_initializers_payload_panics() {
    watched(|| {
        let builder = ThreadPool::builder().workers(1);
        let pool = builder
            .initializer(|| std::panic::panic_any(DropPanics))
            .build();
        let job = pool.submit(|| ()).unwrap();
        let result = job.result().timeout(Duration::from_secs(10)).block();
        assert!(matches!(result, Err(JobError::Broken)), "{result:?}");
    });
}

/// One item's drop panics when the map is dropped: the others are cancelled all the same.
#[test]
fn a_map_is_dropped_and_an_item_panics() {
    watched(|| {
        let (pool, gate, _first) = busy();
        let ran = Arc::new(AtomicUsize::new(0));
        let counts = ran.clone();
        let items = [None, Some(DropPanics), None, None];
        let map = pool
            .map(items, move |item| {
                std::mem::forget(item);
                counts.fetch_add(1, SeqCst);
            })
            .unwrap();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(map)));
        gate.open();
        pool.shutdown().block();
        assert_eq!(ran.load(SeqCst), 0, "ran after the map was dropped");
    });
}

/// A timeout counts for the item that is being polled for, too.
#[test]
fn a_map_is_polled_and_then_timed() {
    watched(|| {
        let (pool, gate) = (ThreadPool::new(1), Gate::new());
        let waits = gate.waits();
        let mut map = pool.map([1, 2], move |_| waits()).unwrap();
        let hand = Hand::new();
        assert!(hand.poll(&mut StreamExt::next(&mut map)).is_pending());
        let mut map = map.timeout(Duration::ZERO);
        let opens = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            gate.open();
        });
        let first = Iterator::next(&mut map).unwrap();
        assert!(matches!(first, Err(JobError::TimedOut)), "{first:?}");
        opens.join().unwrap();
    });
}

/// A wait that finds what it waits for at once keeps nothing afterwards.
#[test]
fn what_was_there_is_not_kept() {
    watched(|| {
        let pool = ThreadPool::new(1);
        let held = Arc::new(());
        let holds = held.clone();
        let job = pool.submit(move || holds).unwrap();
        wait_all([&job]).block();
        while Arc::strong_count(&held) > 2 {
            std::thread::yield_now();
        }
        assert_eq!(wait_any([&job]).block(), 0);
        wait_all([&job]).block();
        pool.shutdown().block();
        drop(job);
        assert_eq!(Arc::strong_count(&held), 1, "the job lives on");
    });
}
