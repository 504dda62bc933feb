//! The condition variable among three and four: no notification lost.

use super::{Patience, SOON, join, model, poll_once, task, thread};
use amphi::{Condvar, Mutex};
use shuttle::future::block_on;
use shuttle::sync::Arc;

/// Room for one thing, and two conditions.
#[derive(Default)]
struct Shared {
    full: Mutex<bool>,
    filled: Condvar,
    emptied: Condvar,
}

impl Shared {
    fn fill(&self) {
        let guard = self.full.lock().block();
        *self.emptied.wait_while(guard, |full| *full).block() = true;
        self.filled.notify_one();
    }

    async fn fill_in_a_task(&self) {
        let guard = self.full.lock().await;
        *self.emptied.wait_while(guard, |full| *full).await = true;
        self.filled.notify_one();
    }

    fn empty(&self) {
        let guard = self.full.lock().block();
        *self.filled.wait_while(guard, |full| !*full).block() = false;
        self.emptied.notify_one();
    }

    async fn empty_in_a_task(&self) {
        let guard = self.full.lock().await;
        *self.filled.wait_while(guard, |full| !*full).await = false;
        self.emptied.notify_one();
    }
}

#[test]
fn two_producers_and_two_consumers() {
    model(12_000, || {
        let shared = Arc::new(Shared::default());
        let parties = [
            thread(&shared, |shared| (0..2).for_each(|_| shared.fill())),
            task(&shared, async |shared| {
                shared.fill_in_a_task().await;
                shared.fill_in_a_task().await;
            }),
            thread(&shared, |shared| (0..2).for_each(|_| shared.empty())),
            task(&shared, async |shared| {
                shared.empty_in_a_task().await;
                shared.empty_in_a_task().await;
            }),
        ];
        join(parties);
        assert!(!*shared.full.try_lock().unwrap());
    });
}

/// One who is notified and gives up passes it on to another consumer.
#[test]
fn consumers_that_give_up() {
    model(18_000, || {
        let shared = Arc::new(Shared::default());
        let gives_up = task(&shared, async |shared| {
            let guard = shared.full.lock().await;
            let wait = shared.filled.wait_while(guard, |full| !*full);
            if let Ok(mut full) = wait.or(Patience::some()).await {
                *full = false;
                shared.emptied.notify_one();
                return true;
            }
            false
        });
        let is_late = thread(&shared, |shared| {
            let guard = shared.full.lock().block();
            let wait = shared.filled.wait_while(guard, |full| !*full);
            let (mut full, result) = wait.timeout(SOON).block();
            if !result.timed_out() {
                *full = false;
                shared.emptied.notify_one();
            }
            !result.timed_out()
        });
        let stays = thread(&shared, |shared| shared.empty());
        let fills = task(&shared, async |shared| shared.fill_in_a_task().await);
        let emptied = [gives_up.join(), is_late.join()];
        emptied.iter().filter(|it| **it).for_each(|_| shared.fill());
        stays.join();
        fills.join();
        assert!(!*shared.full.try_lock().unwrap());
    });
}

/// Two notifications for three, of whom the first gives up: the others get them.
#[test]
fn notifications_against_a_cancel() {
    model(12_000, || {
        let shared = Arc::new(Shared::default());
        let [gives_up, mut first, mut second] = [(); 3].map(|()| {
            let guard = shared.full.lock().block();
            let mut wait = shared.filled.wait(guard);
            assert!(!poll_once(&mut wait));
            wait
        });
        let notifies = [(); 2].map(|()| {
            thread(&shared, |shared| {
                assert_eq!(shared.filled.notify_one(), 1);
            })
        });
        drop(gives_up);
        drop(block_on(&mut second));
        drop(block_on(&mut first));
        join(notifies);
    });
}

/// One who was notified gives up while it waits for the lock: the task behind it gets that.
#[test]
fn cancel_while_it_locks() {
    model(12_000, || {
        let shared = Arc::new(Shared::default());
        let mut gives_up = shared.filled.wait(shared.full.lock().block());
        assert!(!poll_once(&mut gives_up));
        let guard = shared.full.lock().block();
        assert_eq!(shared.filled.notify_one(), 1);
        assert!(!poll_once(&mut gives_up));
        let parties =
            [(); 2].map(|()| task(&shared, async |shared| drop(shared.full.lock().await)));
        shuttle::thread::yield_now();
        drop(guard);
        drop(gives_up);
        join(parties);
    });
}

/// Everybody who waits hears of it, and has the lock one after the other.
#[test]
fn everybody_is_notified() {
    model(12_000, || {
        let shared = Arc::new(Shared::default());
        let waits = |shared: &Shared| {
            let guard = shared.full.lock().block();
            drop(shared.filled.wait_while(guard, |full| !*full).block());
        };
        let waits_in_a_task = async |shared: Arc<Shared>| {
            let guard = shared.full.lock().await;
            drop(shared.filled.wait_while(guard, |full| !*full).await);
        };
        let parties = [
            thread(&shared, waits),
            thread(&shared, waits),
            task(&shared, waits_in_a_task),
            task(&shared, waits_in_a_task),
        ];
        *shared.full.lock().block() = true;
        shared.filled.notify_all();
        join(parties);
    });
}
