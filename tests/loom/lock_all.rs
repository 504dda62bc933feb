//! Several locks at once: no deadlock, and no wake-up lost.

use super::{model, poll_once};
use amphi::{Mutex, lock_all};
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;
use std::time::Duration;

type Two = (Mutex<u32>, Mutex<u32>);

fn both(two: &Two) -> [u32; 2] {
    let (first, second) = lock_all((&two.0, &two.1)).block();
    [*first, *second]
}

/// A thread and a task take the same two locks in opposite orders.
#[test]
fn opposite_orders() {
    model(2, || {
        let two = Arc::new(Two::default());
        let other = two.clone();
        let task = thread::spawn(move || {
            block_on(async {
                let (mut second, mut first) = lock_all((&other.1, &other.0)).await;
                *first += 1;
                *second += 1;
            });
        });
        let (mut first, mut second) = lock_all((&two.0, &two.1)).block();
        *first += 1;
        *second += 1;
        drop((first, second));
        task.join().unwrap();
        assert_eq!(both(&two), [2, 2]);
    });
}

/// Another one holds the second and waits for the first.
#[test]
fn against_one_that_holds_and_waits() {
    model(2, || {
        let two = Arc::new(Two::default());
        let other = two.clone();
        let thread = thread::spawn(move || {
            let mut second = other.1.lock().block();
            let mut first = other.0.lock().block();
            *first += 1;
            *second += 1;
        });
        let (mut first, mut second) = lock_all((&two.0, &two.1)).block();
        *first += 1;
        *second += 1;
        drop((first, second));
        thread.join().unwrap();
        assert_eq!(both(&two), [2, 2]);
    });
}

/// It gives up while what it waits for is released: the next one in the queue gets that.
#[test]
fn release_against_cancel() {
    model(2, || {
        let two = Arc::new(Two::default());
        let guard = two.1.lock().block();
        let mut all = lock_all((&two.0, &two.1));
        assert!(!poll_once(&mut all));
        let behind = two.clone();
        let task = thread::spawn(move || block_on(async { *behind.1.lock().await += 1 }));
        drop(guard);
        drop(all);
        task.join().unwrap();
        assert_eq!(both(&two), [0, 1]);
    });
}

/// The time of all is up while what they wait for is released: they have it, or the next one in the queue gets it.
#[test]
fn release_against_timeout() {
    model(2, || {
        let two = Arc::new(Two::default());
        let guard = two.1.lock().block();
        let (expires, behind) = (two.clone(), two.clone());
        let timed = thread::spawn(move || {
            let locked = lock_all((&expires.0, &expires.1));
            let locked = locked.timeout(Duration::ZERO).block();
            locked.map(|(mut first, _second)| *first += 1).is_ok()
        });
        let task = thread::spawn(move || block_on(async { *behind.1.lock().await += 1 }));
        drop(guard);
        let locked = timed.join().unwrap();
        task.join().unwrap();
        assert_eq!(both(&two), [u32::from(locked), 1]);
    });
}
