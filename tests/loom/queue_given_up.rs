//! A put or a get that is given up, or whose time is up: it has been done or it has not, and a wake-up that it had received goes to the
//! next.

use super::{model, poll_once, spawn};
use amphi::queue::{Discipline, QueueOf};
use amphi::{GetError, LifoQueue, PriorityQueue, PutError, Queue};
use loom::future::block_on;
use loom::sync::Arc;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

/// A get that has been woken and is dropped passes that on.
#[test]
fn cancelled_get() {
    model(3, || {
        let queue = Arc::new(Queue::unbounded());
        let mut dropped = queue.get();
        assert!(!poll_once(&mut dropped));
        let gets = spawn(&queue, |queue| queue.get().block());
        let puts = spawn(&queue, |queue| queue.try_put(1).unwrap());
        drop(dropped);
        assert_eq!(gets.join().unwrap(), Ok(1));
        puts.join().unwrap();
    });
}

/// Several are to be got, and that is given up: whoever waits behind has the item.
#[test]
fn cancelled_get_many() {
    model(3, || {
        let queue = Arc::new(Queue::unbounded());
        let mut dropped = queue.get_many(2);
        assert!(!poll_once(&mut dropped));
        let gets = spawn(&queue, |queue| block_on(queue.get()));
        let puts = spawn(&queue, |queue| queue.put(1).block().unwrap());
        drop(dropped);
        assert_eq!(gets.join().unwrap(), Ok(1));
        puts.join().unwrap();
        assert!(queue.is_empty());
    });
}

/// A put that has been woken and is dropped passes that on, and its item is not in the queue.
#[test]
fn cancelled_put() {
    model(3, || {
        let queue = Arc::new(Queue::bounded(1));
        queue.try_put(1).unwrap();
        let mut dropped = queue.put(2);
        assert!(!poll_once(&mut dropped));
        let puts = spawn(&queue, |queue| queue.put(3).block().unwrap());
        let gets = spawn(&queue, |queue| queue.get().block());
        drop(dropped);
        puts.join().unwrap();
        assert_eq!(gets.join().unwrap(), Ok(1));
        assert_eq!(queue.try_get(), Ok(3));
        assert_eq!(queue.unfinished(), 2);
    });
}

/// Several are being put, and that is given up after the first: the rest is not in the queue, and whoever waits for room behind has it.
#[test]
fn cancelled_put_all() {
    model(3, || {
        let queue = Arc::new(Queue::bounded(1));
        let mut dropped = queue.put_all([1, 2]);
        assert!(!poll_once(&mut dropped));
        let puts = spawn(&queue, |queue| block_on(queue.put(3)).unwrap());
        let gets = spawn(&queue, |queue| queue.get().block());
        drop(dropped);
        puts.join().unwrap();
        assert_eq!(gets.join().unwrap(), Ok(1));
        assert_eq!(queue.try_get(), Ok(3));
        assert_eq!(queue.unfinished(), 2);
    });
}

/// One item for two who wait. One of them gives up, or has the item and gives it back: the other one gets it.
fn get_beside_another<D>(make: fn(usize) -> QueueOf<D>, attempts: fn(&QueueOf<D>) -> Option<i32>)
where
    D: Discipline<Item = i32> + Send + Sync + 'static,
{
    model(2, move || {
        let queue = Arc::new(make(1));
        let other = spawn(&queue, |queue| queue.get().block());
        let gives_up = spawn(&queue, move |queue| {
            if let Some(item) = attempts(queue) {
                queue.try_put(item).unwrap();
            }
        });
        queue.try_put(1).unwrap();
        gives_up.join().unwrap();
        assert_eq!(other.join().unwrap(), Ok(1));
    });
}

/// Room for one of two who wait. One of them gives up, or has put and makes room again: the other one puts.
fn put_beside_another<D>(make: fn(usize) -> QueueOf<D>, attempts: fn(&QueueOf<D>) -> bool)
where
    D: Discipline<Item = i32> + Send + Sync + 'static,
{
    model(2, move || {
        let queue = Arc::new(make(1));
        queue.try_put(1).unwrap();
        let other = spawn(&queue, |queue| queue.put(3).block().unwrap());
        let gives_up = spawn(&queue, move |queue| {
            if attempts(queue) {
                assert_eq!(queue.try_get(), Ok(2));
            }
        });
        assert_eq!(queue.try_get(), Ok(1));
        gives_up.join().unwrap();
        other.join().unwrap();
        assert_eq!(queue.try_get(), Ok(3));
    });
}

fn polls_get<D: Discipline<Item = i32>>(queue: &QueueOf<D>) -> Option<i32> {
    let mut item = None;
    let mut get = queue.get();
    poll_once(&mut poll_fn(|cx| {
        Pin::new(&mut get)
            .poll(cx)
            .map(|got| item = Some(got.unwrap()))
    }));
    item
}

fn polls_put<D: Discipline<Item = i32>>(queue: &QueueOf<D>) -> bool {
    poll_once(&mut queue.put(2))
}

fn gets_in_no_time<D: Discipline<Item = i32>>(queue: &QueueOf<D>) -> Option<i32> {
    match queue.get().timeout(Duration::ZERO).block() {
        Err(GetError::TimedOut) => None,
        got => Some(got.unwrap()),
    }
}

fn puts_in_no_time<D: Discipline<Item = i32>>(queue: &QueueOf<D>) -> bool {
    match queue.put(2).timeout(Duration::ZERO).block() {
        Err(PutError::TimedOut(2)) => false,
        put => put.is_ok(),
    }
}

/// A get that is given up while an item comes.
#[test]
fn get_against_cancel_lifo() {
    get_beside_another(LifoQueue::bounded, polls_get);
}

/// A get that is given up while an item comes.
#[test]
fn get_against_cancel_priority() {
    get_beside_another(PriorityQueue::bounded, polls_get);
}

/// A put that is given up while there is room.
#[test]
fn put_against_cancel_lifo() {
    put_beside_another(LifoQueue::bounded, polls_put);
}

/// A put that is given up while there is room.
#[test]
fn put_against_cancel_priority() {
    put_beside_another(PriorityQueue::bounded, polls_put);
}

/// The time of a get is up while an item comes, and another one waits. (Two threads that get at the same time may wait for one that
/// puts by looking again and again in turns, which loom would follow for ever.)
#[test]
fn get_against_timeout() {
    model(3, || {
        let queue = Arc::new(Queue::bounded(1));
        let puts = spawn(&queue, |queue| queue.try_put(1).unwrap());
        let mut other = queue.get();
        if !poll_once(&mut other) {
            if let Some(item) = gets_in_no_time(&queue) {
                queue.try_put(item).unwrap();
            }
            assert_eq!(other.block(), Ok(1));
        }
        puts.join().unwrap();
    });
}

/// The time of a get is up while an item comes.
#[test]
fn get_against_timeout_lifo() {
    get_beside_another(LifoQueue::bounded, gets_in_no_time);
}

/// The time of a get is up while an item comes.
#[test]
fn get_against_timeout_priority() {
    get_beside_another(PriorityQueue::bounded, gets_in_no_time);
}

/// The time of a put is up while there is room, and another one waits.
#[test]
fn put_against_timeout() {
    model(3, || {
        let queue = Arc::new(Queue::bounded(1));
        queue.try_put(1).unwrap();
        let gets = spawn(&queue, |queue| assert_eq!(queue.try_get(), Ok(1)));
        let mut other = queue.put(3);
        if !poll_once(&mut other) {
            if puts_in_no_time(&queue) {
                assert_eq!(queue.try_get(), Ok(2));
            }
            other.block().unwrap();
        }
        gets.join().unwrap();
        assert_eq!(queue.try_get(), Ok(3));
    });
}

/// The time of a put is up while there is room.
#[test]
fn put_against_timeout_lifo() {
    put_beside_another(LifoQueue::bounded, puts_in_no_time);
}

/// The time of a put is up while there is room.
#[test]
fn put_against_timeout_priority() {
    put_beside_another(PriorityQueue::bounded, puts_in_no_time);
}
