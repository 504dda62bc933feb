//! The semaphore: no permit lost or made, and no wake-up lost.

use super::{Woken, model, poll_once, spawn};
use amphi::{BoundedSemaphore, Semaphore};
use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

struct Shared {
    semaphore: Semaphore,
    out: AtomicUsize,
    max: usize,
}

impl Shared {
    fn new(max: usize) -> Arc<Self> {
        Arc::new(Shared {
            semaphore: Semaphore::new(max),
            out: AtomicUsize::new(0),
            max,
        })
    }

    fn by_thread(&self, permits: usize) {
        let permits = self.semaphore.acquire_many(permits).block();
        self.hold(permits.count());
    }

    fn by_task(&self, permits: usize) {
        block_on(async {
            let permits = self.semaphore.acquire_many(permits).await;
            self.hold(permits.count());
        });
    }

    fn hold(&self, permits: usize) {
        let out = self.out.fetch_add(permits, Ordering::Relaxed) + permits;
        assert!(out <= self.max);
        self.out.fetch_sub(permits, Ordering::Relaxed);
    }
}

/// One permit for a thread and a task.
#[test]
fn thread_against_task() {
    model(3, || {
        let shared = Shared::new(1);
        let task = spawn(&shared, |shared| shared.by_task(1));
        shared.by_thread(1);
        task.join().unwrap();
        assert_eq!(shared.semaphore.available_permits(), 1);
    });
}

/// A task that wants all permits against two threads that want one each.
#[test]
fn many_against_few() {
    model(2, || {
        let shared = Shared::new(2);
        let many = spawn(&shared, |shared| shared.by_task(2));
        let one = spawn(&shared, |shared| shared.by_thread(1));
        shared.by_thread(1);
        many.join().unwrap();
        one.join().unwrap();
        assert_eq!(shared.semaphore.available_permits(), 2);
    });
}

/// One at a time comes back, two wait for one each, and nobody gives any back.
#[test]
fn two_releases_for_two() {
    model(2, || {
        let shared = Shared::new(0);
        let waits = |shared: &Shared| shared.semaphore.acquire().block().forget();
        let parties = [spawn(&shared, waits), spawn(&shared, waits)];
        let releases = spawn(&shared, |shared| shared.semaphore.release(1));
        shared.semaphore.release(1);
        releases.join().unwrap();
        for party in parties {
            party.join().unwrap();
        }
        assert_eq!(shared.semaphore.available_permits(), 0);
    });
}

/// A release, while one that it notifies gives up, and another one waits for more than one.
#[test]
fn release_against_cancel() {
    model(3, || {
        let shared = Shared::new(1);
        let mut first = shared.semaphore.acquire_many(2);
        assert!(!poll_once(&mut first));
        let mut second = shared.semaphore.acquire_many(2);
        assert!(!poll_once(&mut second));
        let releases = spawn(&shared, |shared| shared.semaphore.release(1));
        drop(first);
        block_on(second).forget();
        releases.join().unwrap();
        assert_eq!(shared.semaphore.available_permits(), 0);
    });
}

/// One takes its permit before it hears of the release that was for it; the next release must not count
/// on it any more.
#[test]
fn release_against_an_early_poll() {
    model(3, || {
        let shared = Shared::new(0);
        let mut early = shared.semaphore.acquire();
        assert!(!poll_once(&mut early));
        let mut behind = shared.semaphore.acquire();
        assert!(!poll_once(&mut behind));
        let releases = spawn(&shared, |shared| {
            shared.semaphore.release(1);
            shared.semaphore.release(1);
        });
        let taken = poll_once(&mut early);
        if !taken {
            drop(early);
        }
        block_on(behind).forget();
        releases.join().unwrap();
    });
}

/// A thread gets through behind a task that is not polled, whatever that has been told.
#[test]
fn thread_behind_an_unpolled_task() {
    model(2, || {
        let shared = Shared::new(1);
        let permit = shared.semaphore.acquire().block();
        let mut unpolled = shared.semaphore.acquire();
        assert!(!poll_once(&mut unpolled));
        let threads = [
            spawn(&shared, |shared| shared.by_thread(1)),
            spawn(&shared, |shared| shared.by_thread(1)),
        ];
        drop(permit);
        for thread in threads {
            thread.join().unwrap();
        }
        drop(unpolled);
        assert_eq!(shared.semaphore.available_permits(), 1);
    });
}

/// What precedes a release is seen by whoever gets the permit, waiting or not.
#[test]
fn release_publishes() {
    model(3, || {
        let shared = Shared::new(0);
        let acquires = spawn(&shared, |shared| {
            shared.semaphore.acquire().block().forget();
            assert_eq!(shared.out.load(Ordering::Relaxed), 1);
        });
        shared.out.store(1, Ordering::Relaxed);
        shared.semaphore.release(1);
        acquires.join().unwrap();
    });
}

/// The time of one is up while a permit comes: it has that or passes it on.
#[test]
fn release_against_timeout() {
    model(2, || {
        let shared = Shared::new(0);
        let timed = spawn(&shared, |shared| {
            // If it has been quick enough it gives the permit back.
            drop(shared.semaphore.acquire().timeout(Duration::ZERO).block());
        });
        let waits = spawn(&shared, |shared| {
            shared.semaphore.acquire().block().forget()
        });
        shared.semaphore.release(1);
        timed.join().unwrap();
        waits.join().unwrap();
        assert_eq!(shared.semaphore.available_permits(), 0);
    });
}

/// The bounded one: a thread against a task, and each has given back what it had.
#[test]
fn bounded_thread_against_task() {
    model(3, || {
        let semaphore = Arc::new(BoundedSemaphore::new(1));
        let other = semaphore.clone();
        let task = thread::spawn(move || block_on(async { drop(other.acquire().await) }));
        drop(semaphore.acquire().block());
        task.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
        assert!(semaphore.release(1).is_err());
    });
}

/// The bounded one: a release, while the one that it notifies gives up.
#[test]
fn bounded_release_against_cancel() {
    model(3, || {
        let semaphore = Arc::new(BoundedSemaphore::new(1));
        semaphore.acquire().block().forget();
        let mut first = semaphore.acquire();
        assert!(!poll_once(&mut first));
        let mut second = semaphore.acquire();
        assert!(!poll_once(&mut second));
        let releases = semaphore.clone();
        let thread = thread::spawn(move || releases.release(1).unwrap());
        drop(first);
        drop(block_on(second));
        thread.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

/// The bounded one: the time of one is up while a permit comes.
#[test]
fn bounded_release_against_timeout() {
    model(2, || {
        let semaphore = Arc::new(BoundedSemaphore::new(1));
        semaphore.acquire().block().forget();
        let (expires, behind) = (semaphore.clone(), semaphore.clone());
        let timed = thread::spawn(move || {
            drop(expires.acquire().timeout(Duration::ZERO).block());
        });
        let waits = thread::spawn(move || drop(behind.acquire().block()));
        semaphore.release(1).unwrap();
        timed.join().unwrap();
        waits.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

/// One takes its permit before it hears of the release that was for it, and of the next one before it has left: that is for the
/// one behind it, who is not polled before.
#[test]
fn taken_and_told_at_once() {
    model(3, || {
        let shared = Shared::new(0);
        let (mut early, mut behind) = (shared.semaphore.acquire(), shared.semaphore.acquire());
        let woken = Woken::new();
        assert!(!poll_once(&mut early));
        assert!(!woken.poll(&mut behind));
        shared.semaphore.release(1);
        let releases = spawn(&shared, |shared| shared.semaphore.release(1));
        match Pin::new(&mut early).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(permit) => permit.forget(),
            Poll::Pending => drop(early),
        }
        releases.join().unwrap();
        assert!(woken.is_woken());
    });
}
