//! The reentrant lock: one owner at a time, and every level is given back.

use super::{model, poll_once};
use amphi::{Condvar, OwnedReentrantMutexGuard, ReentrantMutex, owner};
use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;
use std::task::{Context, Wake};
use std::time::Duration;

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

/// Two tasks with two levels each: one at a time, and every level is given back.
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

/// A thread takes two levels, and so does a task.
#[test]
fn thread_against_task() {
    model(2, || {
        let shared = Arc::new(Shared::default());
        let other = shared.clone();
        let task = thread::spawn(move || block_on(other.twice()));
        let outer = shared.mutex.lock().block();
        let inner = shared.mutex.lock().block();
        shared.enter();
        drop(outer);
        drop(inner);
        task.join().unwrap();
        assert!(!shared.mutex.is_locked());
    });
}

/// The first in the queue gives up while the last level is being dropped: the second gets the lock.
#[test]
fn release_against_cancel() {
    model(2, || {
        let shared = Arc::new(Shared::default());
        let guards = [(); 2].map(|()| shared.mutex.lock().block());
        // Outside of a scope it is nobody's.
        let mut first = shared.mutex.lock();
        assert!(!poll_once_as_another(&mut first));
        let behind = shared.clone();
        let task = thread::spawn(move || {
            let _guard = block_on(behind.mutex.lock());
            behind.enter();
        });
        drop(guards);
        drop(first);
        task.join().unwrap();
        assert!(!shared.mutex.is_locked());
    });
}

/// The time of one is up while the last level is being dropped.
#[test]
fn release_against_timeout() {
    model(2, || {
        let shared = Arc::new(Shared::default());
        let guard = shared.mutex.lock().block();
        let (expires, behind) = (shared.clone(), shared.clone());
        let timed = thread::spawn(move || {
            let locked = expires.mutex.lock().timeout(Duration::ZERO).block();
            let _ = locked.map(|_guard| expires.enter());
        });
        let task = thread::spawn(move || {
            let _guard = block_on(behind.mutex.lock());
            behind.enter();
        });
        drop(guard);
        timed.join().unwrap();
        task.join().unwrap();
        assert!(!shared.mutex.is_locked());
    });
}

/// Polls in a scope, which is not who holds the lock.
fn poll_once_as_another<F: Future + Unpin>(future: &mut F) -> bool {
    let mut scope = Box::pin(owner::scope(future));
    poll_once(&mut scope)
}

/// What was done with a level that was dropped elsewhere before a condition variable's wait is seen by who gets the lock then,
/// also if that wait gives up several levels.
#[test]
fn a_drop_elsewhere_before_a_wait_publishes() {
    model(3, || {
        let shared = std::sync::Arc::new(Dropped::default());
        let elsewhere = shared.mutex.lock_owned().block();
        let (outer, inner) = (shared.mutex.lock().block(), shared.mutex.lock().block());
        let drops = shared.clone();
        let dropper = thread::spawn(move || {
            drops.done.store(true, Ordering::Relaxed);
            drop(elsewhere);
        });
        // The drop first: what precedes it in its thread hides from loom that the two race.
        thread::yield_now();
        // Only whoever gives the lock up has heard of the drop.
        if shared.mutex.depth() == 2 {
            let locks = shared.clone();
            let next = thread::spawn(move || {
                if locks.mutex.try_lock().is_some() {
                    assert!(locks.done.load(Ordering::Relaxed));
                }
            });
            // Its time is up at once, and it takes the lock back.
            let wait = shared.changed.wait(inner).timeout(Duration::ZERO);
            drop(wait.block());
            next.join().unwrap();
        }
        drop(outer);
        dropper.join().unwrap();
    });
}

#[derive(Default)]
struct Dropped {
    mutex: std::sync::Arc<ReentrantMutex<()>>,
    changed: Condvar,
    done: AtomicBool,
}

/// A condition variable's wait gives up several levels and takes them back, and meanwhile one of them is dropped elsewhere.
#[test]
fn a_drop_elsewhere_against_a_wait() {
    model(2, || {
        let shared = std::sync::Arc::new(Dropped::default());
        let elsewhere = shared.mutex.lock_owned().block();
        let mine = shared.mutex.lock().block();
        let dropper = thread::spawn(move || drop(elsewhere));
        // Its time is up at once, and it takes the lock back.
        let wait = shared.changed.wait(mine).timeout(Duration::ZERO);
        let (mine, _) = wait.block();
        assert!(shared.mutex.is_owned_by_current());
        dropper.join().unwrap();
        assert_eq!(shared.mutex.depth(), 1);
        drop(mine);
        assert!(!shared.mutex.is_locked());
    });
}

/// A level is taken and dropped elsewhere while the last one is being dropped: what was done with it is seen by the next.
#[test]
fn a_level_in_between_publishes() {
    model(2, || {
        let shared = std::sync::Arc::new(Dropped::default());
        let threads = block_on(owner::scope({
            let shared = shared.clone();
            async move {
                let first = shared.mutex.lock_owned().await;
                let drops = thread::spawn(move || drop(first));
                let second = shared.mutex.lock_owned().await;
                let does = shared.clone();
                let drops_later = thread::spawn(move || {
                    does.done.store(true, Ordering::Relaxed);
                    drop(second);
                });
                [drops, drops_later]
            }
        }));
        let guard = block_on(owner::scope(shared.mutex.lock()));
        assert!(shared.done.load(Ordering::Relaxed));
        drop(guard);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// A thread that waits by a condition variable has given several levels up. A waker that it calls for that takes a level
/// in its name, and that one and one of those given up are dropped elsewhere, at the same moment.
#[test]
fn levels_given_up_and_taken_meanwhile() {
    model(2, || {
        let shared = std::sync::Arc::new(Dropped::default());
        let level = std::sync::Arc::new(std::sync::Mutex::new(None));
        let elsewhere = shared.mutex.lock_owned().block();
        let mine = shared.mutex.lock().block();
        let slot = level.clone();
        let drops_taken = thread::spawn(move || {
            loop {
                let level = slot.lock().unwrap().take();
                if level.is_some() {
                    return drop(level);
                }
                thread::park();
            }
        });
        let drops_given_up = thread::spawn(move || drop(elsewhere));
        let takes = std::sync::Arc::new(Takes {
            mutex: shared.mutex.clone(),
            level,
            dropper: drops_taken.thread().clone(),
        });
        // Nobody's, so it waits behind the thread.
        let mut waits = shared.mutex.lock();
        assert!(
            std::pin::pin!(owner::scope(&mut waits))
                .poll(&mut Context::from_waker(&takes.into()))
                .is_pending()
        );
        // Its time is up at once, and it takes the lock back.
        let wait = shared.changed.wait(mine).timeout(Duration::ZERO);
        let (mine, _) = wait.block();
        drop(waits);
        drops_taken.join().unwrap();
        drops_given_up.join().unwrap();
        assert_eq!(shared.mutex.depth(), 1);
        drop(mine);
        assert!(!shared.mutex.is_locked());
    });
}

type Level = OwnedReentrantMutexGuard<()>;

/// Takes a level when it is woken, and leaves it to a thread.
struct Takes {
    mutex: std::sync::Arc<ReentrantMutex<()>>,
    level: std::sync::Arc<std::sync::Mutex<Option<Level>>>,
    dropper: thread::Thread,
}

impl Wake for Takes {
    fn wake(self: std::sync::Arc<Self>) {
        let level = self
            .mutex
            .try_lock_owned()
            .expect("the lock has been given up");
        *self.level.lock().unwrap() = Some(level);
        self.dropper.unpark();
    }
}
