//! The reentrant lock: one owner at a time, and every level is given back.

use super::{model, poll_once};
use amphi::{Condvar, ReentrantMutex, owner};
use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

#[derive(Default)]
struct Shared {
    mutex: ReentrantMutex<()>,
    inside: AtomicUsize,
    changed: Condvar,
}

impl Shared {
    fn enter(&self) {
        assert_eq!(self.inside.fetch_add(1, Ordering::Relaxed), 0);
        self.inside.fetch_sub(1, Ordering::Relaxed);
    }

    /// Two levels, as a scope: in a model all threads are one to `owner`.
    async fn twice(&self) {
        owner::scope(async {
            let _outer = self.mutex.lock().await;
            let _inner = self.mutex.lock().await;
            self.enter();
        })
        .await;
    }
}

#[test]
fn reentry_against_hand_over() {
    model(3, || {
        let shared = Arc::new(Shared::default());
        let other = shared.clone();
        let task = thread::spawn(move || block_on(other.twice()));
        block_on(shared.twice());
        task.join().unwrap();
        assert!(!shared.mutex.is_locked());
    });
}

/// One of two levels is dropped elsewhere while the owner takes the lock once more.
#[test]
fn reentry_against_a_drop_elsewhere() {
    model(3, || {
        let shared = std::sync::Arc::new(ReentrantMutex::new(()));
        let owned = block_on(owner::scope({
            let shared = shared.clone();
            async move {
                let elsewhere = shared.lock_owned().await;
                let dropper = thread::spawn(move || drop(elsewhere));
                let mine = shared.lock().await;
                assert!(shared.depth() >= 1);
                drop(mine);
                dropper
            }
        }));
        owned.join().unwrap();
        assert!(!shared.is_locked());
        assert_eq!(shared.owner(), None);
    });
}

/// A condition variable's wait gives the lock up to the one that notifies, and takes it back.
#[test]
fn notify_against_wait() {
    model(2, || {
        let shared = Arc::new(Shared::default());
        let guard = block_on(shared.mutex.lock());
        let mut wait = shared.changed.wait(guard);
        assert!(!poll_once(&mut wait));
        let notifies = shared.clone();
        let task = thread::spawn(move || {
            block_on(notifies.twice());
            notifies.changed.notify_one();
        });
        let guard = block_on(wait);
        shared.enter();
        drop(guard);
        task.join().unwrap();
        assert!(!shared.mutex.is_locked());
    });
}

/// What is done with a level that is dropped elsewhere is seen by whoever locks next, also if that level was not the last one.
#[test]
fn a_drop_elsewhere_publishes() {
    model(2, || {
        let shared = std::sync::Arc::new((
            std::sync::Arc::new(ReentrantMutex::new(())),
            AtomicUsize::new(0),
        ));
        let threads = block_on(owner::scope({
            let shared = shared.clone();
            async move {
                let elsewhere = shared.0.lock_owned().await;
                let mine = shared.0.lock().await;
                let (drops, locks) = (shared.clone(), shared.clone());
                let dropper = thread::spawn(move || {
                    drops.1.store(1, Ordering::Relaxed);
                    drop(elsewhere);
                });
                let next = thread::spawn(move || {
                    let guard = block_on(locks.0.lock());
                    assert_eq!(locks.1.load(Ordering::Relaxed), 1);
                    drop(guard);
                });
                drop(mine);
                [dropper, next]
            }
        }));
        for thread in threads {
            thread.join().unwrap();
        }
    });
}
