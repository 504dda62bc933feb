//! How a queue's items are dealt with: whoever waits for the end is released when nothing is unfinished, and sees what was done.

use super::{model, poll_once, spawn};
use amphi::Queue;
use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};

/// Whoever waits for the end is released by whoever is done last.
#[test]
fn join_against_task_done() {
    model(3, || {
        let queue = Arc::new(Queue::bounded(2));
        queue.put_all([1, 2]).block().unwrap();
        let work = |queue: &Queue<i32>| {
            queue.get().block().unwrap();
            queue.task_done().unwrap();
        };
        let works = spawn(&queue, work);
        let joins = spawn(&queue, |queue| block_on(queue.join()));
        work(&queue);
        works.join().unwrap();
        joins.join().unwrap();
        assert!(queue.task_done().is_err());
    });
}

/// A put that fails has counted for a moment, and looks itself whether anybody waits for the end.
#[test]
fn join_against_a_failing_put() {
    model(3, || {
        let queue = Arc::new(Queue::bounded(1));
        queue.try_put(1).unwrap();
        let fails = spawn(&queue, |queue| {
            let _ = queue.try_put(2).map(|()| queue.task_done().unwrap());
        });
        let done = spawn(&queue, |queue| queue.task_done().unwrap());
        queue.join().block();
        fails.join().unwrap();
        done.join().unwrap();
    });
}

/// Somebody waits for the end, and is the first who does, while there are two moments at which nothing is unfinished: whoever takes its mark
/// away finds it in the list.
#[test]
fn join_against_two_ends() {
    model(5, || {
        let queue = Arc::new(Queue::unbounded());
        queue.try_put(1).unwrap();
        let works = spawn(&queue, |queue| {
            queue.task_done().unwrap();
            queue.try_put(2).unwrap();
            queue.task_done().unwrap();
        });
        queue.join().block();
        works.join().unwrap();
    });
}

/// A put that fails takes back its own count, and not what a consumer has done meanwhile.
#[test]
fn a_failing_put_beside_a_consumer() {
    model(3, || {
        let queue = Arc::new(Queue::bounded(1));
        queue.try_put(1).unwrap();
        let consumes = spawn(&queue, |queue| {
            for next in [true, false] {
                if queue.try_get().is_ok() {
                    queue.task_done().unwrap();
                }
                let _ = next && queue.try_put(2).is_ok();
            }
        });
        let put = queue.try_put(3);
        consumes.join().unwrap();
        if put.is_err() {
            assert_eq!(queue.unfinished(), queue.len());
        }
    });
}

/// What a shutdown drops counts as done, also if it is being put.
#[test]
fn shutdown_now_against_put_and_join() {
    model(2, || {
        let queue = Arc::new(Queue::bounded(1));
        let puts = spawn(&queue, |queue| {
            let _ = queue.put(1).block();
            let _ = queue.put(2).block();
        });
        let joins = spawn(&queue, |queue| queue.join().block());
        queue.shutdown_now();
        puts.join().unwrap();
        joins.join().unwrap();
        queue.join().block();
        assert_eq!(queue.unfinished(), 0);
    });
}

/// Whoever reports an item knows of as many puts as others have reported: else it would seem to be one report too many.
#[test]
fn task_done_beside_a_put_and_its_task_done() {
    model(3, || {
        let queue = Arc::new(Queue::unbounded());
        queue.try_put(1).unwrap();
        let reports = spawn(&queue, |queue| queue.task_done().unwrap());
        queue.try_put(2).unwrap();
        queue.task_done().unwrap();
        reports.join().unwrap();
        assert!(queue.task_done().is_err());
    });
}

/// What preceded each `task_done` is seen by whoever has waited for the end.
#[test]
fn task_done_publishes() {
    model(2, || {
        let shared = Arc::new((Queue::unbounded(), [0; 2].map(AtomicUsize::new)));
        shared.0.put_all([1, 2]).block().unwrap();
        let work = |shared: &(Queue<i32>, [AtomicUsize; 2]), which: usize| {
            shared.1[which].store(1, Ordering::Relaxed);
            shared.0.task_done().unwrap();
        };
        let works = spawn(&shared, move |shared| work(shared, 0));
        let joins = spawn(&shared, |shared| {
            shared.0.join().block();
            shared.1.each_ref().map(|done| done.load(Ordering::Relaxed))
        });
        work(&shared, 1);
        works.join().unwrap();
        assert_eq!(joins.join().unwrap(), [1, 1]);
    });
}

/// A moment at which nothing is unfinished publishes what preceded it, also to somebody who looks only when there is something again.
#[test]
fn a_moment_that_is_over_publishes() {
    model(4, || {
        let shared = Arc::new((Queue::unbounded(), AtomicUsize::new(0)));
        shared.0.try_put(1).unwrap();
        let works = spawn(&shared, |shared| {
            shared.1.store(1, Ordering::Relaxed);
            shared.0.task_done().unwrap();
            shared.0.try_put(2).unwrap();
        });
        let mut join = shared.0.join();
        // The second poll may come before it is woken.
        if poll_once(&mut join) || poll_once(&mut join) {
            assert_eq!(shared.1.load(Ordering::Relaxed), 1);
        }
        works.join().unwrap();
    });
}

/// A moment at which nothing is unfinished may be found by who was not the last to be done: what the last one has done is seen as well, by a
/// newcomer that knows of the moment and not of the reports.
#[test]
fn a_moment_that_another_finds_publishes() {
    model(3, || {
        let shared = Arc::new((Queue::unbounded(), AtomicUsize::new(0)));
        shared.0.put_all([1, 2]).block().unwrap();
        let mut waits = shared.0.join();
        assert!(!poll_once(&mut waits));
        let works = spawn(&shared, |shared| {
            shared.1.store(1, Ordering::Relaxed);
            shared.0.task_done().unwrap();
        });
        let finds = spawn(&shared, |shared| shared.0.task_done().unwrap());
        let comes = spawn(&shared, |shared| {
            if poll_once(&mut shared.0.join()) {
                assert_eq!(shared.1.load(Ordering::Relaxed), 1);
            }
        });
        for party in [works, finds, comes] {
            party.join().unwrap();
        }
    });
}
