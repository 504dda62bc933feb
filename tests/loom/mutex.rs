//! The lock: exclusion, and no wake-up lost.

use super::{model, poll_once};
use amphi::mutex::Lock;
use amphi::{Mutex, MutexGuard, Wait};
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;
use std::time::Duration;

/// Data that loom watches: two parties at once would be an error.
type Data = loom::cell::UnsafeCell<u32>;

struct Shared(Mutex<Data>);

// SAFETY: The cell is used under the lock only, which is what the models check.
unsafe impl Sync for Shared {}

fn shared() -> Arc<Shared> {
    Arc::new(Shared(Mutex::new(Data::new(0))))
}

fn increment(guard: MutexGuard<'_, Data>) {
    // SAFETY: The lock is held.
    guard.with_mut(|data| unsafe { *data += 1 });
}

fn count(shared: &Shared) -> u32 {
    // SAFETY: The lock is held.
    shared.0.lock().block().with(|data| unsafe { *data })
}

/// Two threads: one at a time, and each sees what the other has done.
#[test]
fn thread_against_thread() {
    model(3, || {
        let mutex = shared();
        let other = mutex.clone();
        let thread = thread::spawn(move || increment(other.0.lock().block()));
        increment(mutex.0.lock().block());
        thread.join().unwrap();
        assert_eq!(count(&mutex), 2);
    });
}

/// A thread and a task: one at a time, and each sees what the other has done.
#[test]
fn thread_against_task() {
    model(3, || {
        let mutex = shared();
        let other = mutex.clone();
        let task = thread::spawn(move || block_on(async { increment(other.0.lock().await) }));
        increment(mutex.0.lock().block());
        task.join().unwrap();
        assert_eq!(count(&mutex), 2);
    });
}

/// Two threads and a task: one at a time.
#[test]
fn three_parties() {
    model(2, || {
        let mutex = shared();
        let (second, third) = (mutex.clone(), mutex.clone());
        let thread = thread::spawn(move || increment(second.0.lock().block()));
        let task = thread::spawn(move || block_on(async { increment(third.0.lock().await) }));
        increment(mutex.0.lock().block());
        thread.join().unwrap();
        task.join().unwrap();
        assert_eq!(count(&mutex), 3);
    });
}

/// The first in the queue gives up while the lock is being released: the second gets it.
#[test]
fn release_against_cancel() {
    model(2, || {
        let mutex = shared();
        let guard = mutex.0.lock().block();
        let mut first = mutex.0.lock();
        assert!(!poll_once(&mut first));
        let behind = mutex.clone();
        let task = thread::spawn(move || block_on(async { increment(behind.0.lock().await) }));
        let releases = mutex.clone();
        std::mem::forget(guard);
        let release = thread::spawn(move || {
            // SAFETY: The guard has been forgotten.
            unsafe { releases.0.force_unlock() };
        });
        drop(first);
        release.join().unwrap();
        task.join().unwrap();
        assert_eq!(count(&mutex), 1);
    });
}

/// A task that has been polled once stands in the queue, and behind it somebody who increments. Then comes the release, and
/// what the case does with the task.
fn behind_a_task(increments: fn(Arc<Shared>), release: fn(MutexGuard<'_, Data>), gives_up: bool) {
    model(2, move || {
        let mutex = shared();
        let guard = mutex.0.lock().block();
        let mut task = mutex.0.lock();
        assert!(!poll_once(&mut task));
        let behind = mutex.clone();
        let party = thread::spawn(move || increments(behind));
        release(guard);
        let unpolled = if gives_up { None } else { Some(task) };
        party.join().unwrap();
        drop(unpolled);
        increment(mutex.0.lock().block());
        assert_eq!(count(&mutex), 2);
    });
}

fn by_thread(mutex: Arc<Shared>) {
    increment(mutex.0.lock().block());
}

fn by_block_on(mutex: Arc<Shared>) {
    amphi::block_on(async { increment(mutex.0.lock().await) });
}

/// A task that was first in the queue gives up during the release, and a thread behind it gets the lock.
#[test]
fn release_against_cancel_before_a_thread() {
    behind_a_task(by_thread, |guard| drop(guard), true);
}

/// A release that keeps the lock for those who wait, against one who gives up and one who does not.
#[test]
fn fair_release_against_cancel() {
    behind_a_task(by_thread, |guard| MutexGuard::unlock_fair(guard), true);
}

/// A task that nobody polls stands ahead of a thread: P1.
#[test]
fn thread_behind_an_unpolled_task() {
    behind_a_task(by_thread, |guard| drop(guard), false);
}

/// A fair release keeps the lock for a task that nobody polls: the patience of the thread behind it has to end.
#[test]
fn thread_behind_an_unpolled_task_and_a_fair_release() {
    behind_a_task(by_thread, |guard| MutexGuard::unlock_fair(guard), false);
}

/// A task that nobody polls stands ahead of a future that `amphi::block_on` drives.
#[test]
fn driven_behind_an_unpolled_task() {
    behind_a_task(by_block_on, |guard| drop(guard), false);
}

/// The waiter was polled as a task, and then a thread blocks on it.
#[test]
fn release_against_a_change_of_sides() {
    model(3, || {
        let mutex = shared();
        let guard = mutex.0.lock().block();
        let waits = mutex.clone();
        let thread = thread::spawn(move || {
            let mut wait = waits.0.lock();
            if poll_once(&mut wait) {
                return;
            }
            increment(wait.block());
        });
        drop(guard);
        thread.join().unwrap();
        assert!(mutex.0.try_lock().is_some());
    });
}

/// A waiter was polled as a task, behind one that nobody polls, and goes on like this while the lock is released.
fn behind_an_unpolled_task(goes_on: fn(Wait<Lock<'_, Data>>) -> MutexGuard<'_, Data>) {
    model(3, move || {
        let mutex = shared();
        let guard = mutex.0.lock().block();
        let mut unpolled = mutex.0.lock();
        assert!(!poll_once(&mut unpolled));
        let waits = mutex.clone();
        let thread = thread::spawn(move || {
            let mut wait = waits.0.lock();
            if poll_once(&mut wait) {
                return;
            }
            increment(goes_on(wait));
        });
        drop(guard);
        thread.join().unwrap();
        drop(unpolled);
        assert!(mutex.0.try_lock().is_some());
    });
}

/// A waiter behind a task that nobody polls was polled, and then a thread blocks on it: a release that stops at that task may come just before the change.
#[test]
fn a_change_of_sides_behind_an_unpolled_task() {
    behind_an_unpolled_task(|wait| wait.block());
}

/// A waiter behind a task that nobody polls was polled, and then goes on in `amphi::block_on`: a release that stops at that task may come just before the change.
#[test]
fn a_change_of_drivers_behind_an_unpolled_task() {
    behind_an_unpolled_task(|wait| amphi::block_on(wait));
}

/// Two releases, and a waiter that begins to starve between them and gives up: the lock is not kept for anybody in the end.
#[test]
fn reservation_against_releases_and_cancel() {
    model(4, || {
        let mutex = shared();
        let guard = mutex.0.lock().block();
        let mut wait = mutex.0.lock();
        assert!(!poll_once(&mut wait));
        // It has been notified, and somebody was quicker.
        drop(guard);
        std::mem::forget(mutex.0.try_lock().unwrap());
        let releases = mutex.clone();
        let thread = thread::spawn(move || {
            // SAFETY: The guard has been forgotten.
            unsafe { releases.0.force_unlock() };
            drop(releases.0.try_lock());
        });
        // If that takes the lock it gives it back.
        poll_once(&mut wait);
        drop(wait);
        thread.join().unwrap();
        assert!(poll_once(&mut mutex.0.lock()), "it is kept for nobody");
    });
}

/// Two releases, and a waiter that begins to starve between them and gives up: whoever is behind it gets the lock, whatever is left of the reservation.
#[test]
fn reservation_against_releases_and_cancel_before_another() {
    for party in [by_thread, by_block_on] {
        model(2, move || {
            let mutex = shared();
            let guard = mutex.0.lock().block();
            let mut wait = mutex.0.lock();
            assert!(!poll_once(&mut wait));
            drop(guard);
            std::mem::forget(mutex.0.try_lock().unwrap());
            let releases = mutex.clone();
            let thread = thread::spawn(move || {
                // SAFETY: The guard has been forgotten.
                unsafe { releases.0.force_unlock() };
                drop(releases.0.try_lock());
            });
            let behind = mutex.clone();
            let other = thread::spawn(move || party(behind));
            poll_once(&mut wait);
            drop(wait);
            thread.join().unwrap();
            other.join().unwrap();
            assert_eq!(count(&mutex), 1);
        });
    }
}

/// The time of the first in the queue is up while the lock is being released: it has the lock or passes it on.
#[test]
fn release_against_timeout() {
    model(2, || {
        let mutex = shared();
        let guard = mutex.0.lock().block();
        let (expires, behind) = (mutex.clone(), mutex.clone());
        let timed = thread::spawn(move || {
            let locked = expires.0.lock().timeout(Duration::ZERO).block();
            locked.map(increment).is_ok()
        });
        let task = thread::spawn(move || block_on(async { increment(behind.0.lock().await) }));
        drop(guard);
        let locked = timed.join().unwrap();
        task.join().unwrap();
        assert_eq!(count(&mutex), 1 + u32::from(locked));
    });
}
