//! The lock among three and four: exclusion, and no wake-up lost.

use super::{Party, Patience, Place, SOON, join, model, poll_once, task, thread};
use amphi::{Mutex, MutexGuard};
use shuttle::sync::Arc;

#[derive(Default)]
struct Shared {
    mutex: Mutex<u32>,
    place: Place,
}

impl Shared {
    fn count(&self, mut guard: MutexGuard<'_, u32>) {
        self.place.visit(1, 1);
        *guard += 1;
    }

    fn total(&self) -> u32 {
        *self.mutex.try_lock().expect("nobody holds it any more")
    }
}

fn counts(shared: &Arc<Shared>, times: u32) -> Party<()> {
    thread(shared, move |shared| {
        (0..times).for_each(|_| shared.count(shared.mutex.lock().block()));
    })
}

fn counts_in_a_task(shared: &Arc<Shared>, times: u32) -> Party<()> {
    task(shared, async move |shared| {
        for _ in 0..times {
            shared.count(shared.mutex.lock().await);
        }
    })
}

#[test]
fn exclusion() {
    model(12_000, || {
        let shared = Arc::new(Shared::default());
        let parties = [
            counts(&shared, 2),
            counts_in_a_task(&shared, 2),
            counts(&shared, 2),
            counts_in_a_task(&shared, 2),
        ];
        join(parties);
        assert_eq!(shared.total(), 8);
    });
}

/// Those who give up, by polls or by the clock, leave the lock to the others.
#[test]
fn cancels() {
    model(18_000, || {
        let shared = Arc::new(Shared::default());
        let guard = shared.mutex.lock().block();
        let gives_up = task(&shared, async |shared| {
            let lock = shared.mutex.lock().or(Patience::some()).await;
            lock.map_or(0, |guard| {
                shared.count(guard);
                1
            })
        });
        let is_late = thread(&shared, |shared| {
            let lock = shared.mutex.lock().timeout(SOON).block();
            lock.map_or(0, |guard| {
                shared.count(guard);
                1
            })
        });
        let others = [counts(&shared, 1), counts_in_a_task(&shared, 1)];
        drop(guard);
        join(others);
        let cancelled = gives_up.join() + is_late.join();
        assert_eq!(shared.total(), 2 + cancelled);
    });
}

/// Threads get through behind tasks that are not polled any more, whatever those have been told.
#[test]
fn threads_behind_unpolled_tasks() {
    model(18_000, || {
        let shared = Arc::new(Shared::default());
        let guard = shared.mutex.lock().block();
        let mut unpolled = [shared.mutex.lock(), shared.mutex.lock()];
        assert!(!unpolled.iter_mut().any(poll_once));
        let drives = thread(&shared, |shared| {
            amphi::block_on(async { shared.count(shared.mutex.lock().await) });
        });
        let parties = [counts(&shared, 1), drives];
        drop(guard);
        join(parties);
        drop(unpolled);
        assert_eq!(shared.total(), 2);
    });
}

/// The same with a task that is polled now and then, and has perhaps reserved the lock when it is polled no more.
#[test]
fn threads_behind_a_reservation() {
    model(18_000, || {
        let shared = Arc::new(Shared::default());
        let guard = shared.mutex.lock().block();
        let mut rarely_polled = shared.mutex.lock();
        assert!(!poll_once(&mut rarely_polled));
        let parties = [counts(&shared, 2), counts(&shared, 2)];
        drop(guard);
        let _ = (0..4).any(|_| poll_once(&mut rarely_polled));
        join(parties);
        drop(rarely_polled);
        assert_eq!(shared.total(), 4);
    });
}

/// Handed over to whoever is next, while others come along.
#[test]
fn fair_unlocks() {
    model(12_000, || {
        let shared = Arc::new(Shared::default());
        let fair = thread(&shared, |shared| {
            for _ in 0..2 {
                let mut guard = shared.mutex.lock().block();
                *guard += 1;
                MutexGuard::unlock_fair(guard);
            }
        });
        let others = [counts(&shared, 2), counts_in_a_task(&shared, 2)];
        join(others);
        fair.join();
        assert_eq!(shared.total(), 6);
    });
}

/// A task holds the lock where others may come between, and gives up at a second one.
#[test]
fn held_across_an_await() {
    model(12_000, || {
        let shared = Arc::new((Shared::default(), Mutex::new(())));
        let holds = task(&shared, async |shared| {
            let mut guard = shared.0.mutex.lock().await;
            let _ = shared.1.lock().or(Patience::some()).await;
            *guard += 1;
        });
        let second = thread(&shared, |shared| {
            let _second = shared.1.lock().block();
            shared.0.mutex.try_lock().map_or(0, |mut guard| {
                *guard += 1;
                1
            })
        });
        let waits = thread(&shared, |shared| *shared.0.mutex.lock().block() += 1);
        holds.join();
        waits.join();
        let second = second.join();
        assert_eq!(shared.0.total(), 2 + second);
    });
}
