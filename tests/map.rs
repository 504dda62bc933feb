//! `ThreadPool::map`: results in the order of the items.

mod worlds;

use amphi::thread::Map;
use amphi::{Job, JobError, ThreadPool};
use futures::StreamExt;
use futures::stream::FusedStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
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

fn values<T>(results: Vec<Result<T, JobError>>) -> Vec<T> {
    results.into_iter().map(Result::unwrap).collect()
}

fn is_timed_out<T>(result: &Result<T, JobError>) -> bool {
    matches!(result, Err(JobError::TimedOut))
}

worlds! {
    /// The results come in the order of the items, whichever ends first.
    async fn in_order(world: World) {
        let pool = ThreadPool::new(4);
        let gate = Gate::new();
        let waits = gate.waits();
        let mut map = pool.map(0..50, move |item| {
            if item == 0 { waits(); }
            item * item
        }).unwrap();
        assert_eq!((ExactSizeIterator::len(&map), map.is_terminated()), (50, false));
        // All but the first have ended before it.
        world.until(|| pool.submit(|| ()).unwrap().result().block().is_ok()).await;
        gate.open();
        assert_eq!(world.next(&mut map).await.unwrap().unwrap(), 0);
        assert_eq!((ExactSizeIterator::len(&map), futures::Stream::size_hint(&map)), (49, (49, Some(49))));
        let rest: Vec<_> = (1..50).map(|item| item * item).collect();
        assert_eq!(values(world.collect(map).await), rest);
    }

    /// Of nothing there is nothing, and it ends once and for all.
    async fn of_nothing(world: World) {
        let pool = ThreadPool::new(1);
        let mut map = pool.map([] as [u8; 0], |item| item).unwrap();
        assert!(map.is_terminated());
        assert!(world.next(&mut map).await.is_none());
        assert!(world.next(&mut map).await.is_none());
        let map = pool.map([1_u8, 2], |item| item).unwrap();
        let mut map = map.timeout(Duration::MAX);
        assert_eq!(world.next(&mut map).await.unwrap().unwrap(), 1);
        assert_eq!(world.next(&mut map).await.unwrap().unwrap(), 2);
        assert!(world.next(&mut map).await.is_none() && map.is_terminated());
        assert!(world.next(&mut map).await.is_none());
    }

    /// An item without a result has the reason in its place.
    async fn some_panic(world: World) {
        let pool = ThreadPool::new(2);
        let map = pool.map(0..20, |item| {
            assert!(item % 3 != 0, "item {item}");
            item
        });
        for (item, result) in world.collect(map.unwrap()).await.into_iter().enumerate() {
            match result {
                Ok(value) => assert!(item % 3 != 0 && value == item),
                Err(JobError::Panicked(panicked)) => assert_eq!(panicked.message(), format!("item {item}")),
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// What is not there in time never begins, if it has not begun. What is there is had.
    async fn times_out(world: World) {
        let pool = ThreadPool::new(1);
        let gate = Gate::new();
        let (waits, ran) = (gate.waits(), Arc::new(AtomicUsize::new(0)));
        let counts = ran.clone();
        let (start, timeout) = (Instant::now(), Duration::from_millis(20));
        let map = pool.map(0..5, move |item| {
            if item == 1 { waits(); }
            counts.fetch_add(1, SeqCst);
            item
        });
        let mut map = map.unwrap().timeout(timeout);
        world.until(|| ran.load(SeqCst) == 1).await;
        assert_eq!(world.next(&mut map).await.unwrap().unwrap(), 0);
        for left in (0..4).rev() {
            assert!(is_timed_out(&world.next(&mut map).await.unwrap()));
            assert!(start.elapsed() >= timeout);
            assert_eq!(ExactSizeIterator::len(&map), left);
        }
        gate.open();
        pool.shutdown().on(world).await;
        assert_eq!(ran.load(SeqCst), 2);
    }

    /// No time at all is enough for what is there.
    async fn no_time(world: World) {
        let pool = ThreadPool::new(1);
        let map = pool.map(0..3, |item| item).unwrap();
        pool.shutdown().on(world).await;
        assert_eq!(values(world.collect(map.timeout(Duration::ZERO)).await), [0, 1, 2]);
        let (pool, gate, _first) = busy();
        let map = pool.map(0..3, |item| item).unwrap();
        let results = world.collect(map.timeout(Duration::ZERO)).await;
        assert!(results.len() == 3 && results.iter().all(is_timed_out));
        gate.open();
    }

    /// Dropped half way, what has not begun never does, and what has goes on.
    async fn dropped(world: World) {
        for asked in [0, 1] {
            let pool = ThreadPool::new(1);
            let gate = Gate::new();
            let (waits, begun) = (gate.waits(), Arc::new(AtomicUsize::new(0)));
            let held = Arc::new(());
            let counts = begun.clone();
            let items: Vec<_> = (0..10).map(|item| (item, held.clone())).collect();
            let mut map = pool.map(items, move |(item, _)| {
                counts.fetch_add(1, SeqCst);
                if item == asked { waits(); }
            }).unwrap();
            for _ in 0..asked {
                world.next(&mut map).await.unwrap().unwrap();
            }
            world.until(|| begun.load(SeqCst) == asked + 1).await;
            // As a stream it may have begun to wait for one.
            if asked == 1 {
                assert!(Hand::new().poll(&mut StreamExt::next(&mut map)).is_pending());
                assert_eq!(ExactSizeIterator::len(&map), 9);
            }
            drop(map);
            assert!(Arc::strong_count(&held) <= 2, "items live on");
            gate.open();
            pool.shutdown().on(world).await;
            assert_eq!((begun.load(SeqCst), Arc::strong_count(&held)), (asked + 1, 1));
        }
    }

    /// The same for the one that is being polled for, if it has not begun.
    async fn dropped_while_polled(world: World) {
        let (pool, gate, _first) = busy();
        let held = Arc::new(());
        let items = [held.clone(), held.clone()];
        let mut map = pool.map(items, drop).unwrap();
        assert!(Hand::new().poll(&mut StreamExt::next(&mut map)).is_pending());
        drop(map);
        assert_eq!(Arc::strong_count(&held), 1, "items live on");
        gate.open();
        pool.shutdown().on(world).await;
    }

    /// Whoever drops it is not woken for that.
    async fn dropped_by_who_polls(world: World) {
        let (pool, gate, _first) = busy();
        let (mut map, hand) = (pool.map(0..2, |item| item).unwrap(), Hand::new());
        assert!(hand.poll(&mut StreamExt::next(&mut map)).is_pending());
        drop(map);
        assert_eq!(hand.woken(), 0);
        gate.open();
        pool.shutdown().on(world).await;
    }

    /// Asked by turns as a stream and as an iterator it leaves none out.
    async fn by_turns(world: World) {
        let pool = ThreadPool::new(1);
        let gates: Vec<_> = (0..4).map(|_| Gate::new()).collect();
        let waits: Vec<_> = gates.iter().map(Gate::waits).collect();
        let mut map = pool.map(0..4, move |item: usize| { waits[item](); item }).unwrap();
        let hand = Hand::new();
        for (item, gate) in gates.iter().enumerate() {
            assert!(hand.poll(&mut StreamExt::next(&mut map)).is_pending());
            assert_eq!(ExactSizeIterator::len(&map), 4 - item);
            gate.open();
            let next = match item % 2 {
                0 => Iterator::next(&mut map),
                _ => StreamExt::next(&mut map).await,
            };
            assert_eq!(next.unwrap().unwrap(), item);
        }
        assert!(world.next(&mut map).await.is_none());
    }

    /// The pool is shut down while the items are taken: the rest is cancelled.
    async fn shut_down_meanwhile(world: World) {
        let pool = Arc::new(ThreadPool::new(1));
        let own = pool.clone();
        let items = (0..6).inspect(move |item| {
            if *item == 3 {
                own.shutdown().block();
            }
        });
        let map = pool.map(items, |item| item).unwrap();
        let results = world.collect(map).await;
        assert_eq!(results.len(), 6);
        for (item, result) in results.into_iter().enumerate() {
            match item {
                0..3 => assert_eq!(result.unwrap(), item),
                _ => assert!(matches!(result, Err(JobError::Cancelled))),
            }
        }
    }
}

/// The items are the caller's, so a panic while they are taken is, too. The pool goes on.
#[test]
fn items_panic() {
    watched(|| {
        let pool = ThreadPool::new(1);
        let items = (0..6).inspect(|item| assert!(*item < 3, "an item"));
        let map = catch_unwind(AssertUnwindSafe(|| pool.map(items, |item| item)));
        assert!(map.is_err());
        let rest: Map<_> = pool.map(0..2, |item| item).unwrap();
        assert_eq!(values(Iterator::collect(rest)), [0, 1]);
    });
}

/// Of its results those that nobody has been given are dropped with it, or when they come to be.
#[test]
fn drops_results() {
    watched(|| {
        let held = Arc::new(());
        let (pool, gate) = (ThreadPool::new(2), Gate::new());
        let (waits, holds) = (gate.waits(), Arc::downgrade(&held));
        let map = pool.map(0..4, move |item| {
            if item == 3 {
                waits();
            }
            holds.upgrade().unwrap()
        });
        let mut map = map.unwrap();
        let first = Iterator::next(&mut map).unwrap().unwrap();
        while Arc::strong_count(&held) < 4 {
            std::thread::yield_now();
        }
        drop(map);
        while Arc::strong_count(&held) > 2 {
            std::thread::yield_now();
        }
        gate.open();
        pool.shutdown().block();
        drop(first);
        assert_eq!(Arc::strong_count(&held), 1);
    });
}
