//! The semaphore among three and four: no permit lost or made, and no wake-up lost.

use super::{Party, Patience, Place, SOON, impatiently, join, model, poll_once, task, thread};
use amphi::Semaphore;
use shuttle::sync::Arc;

struct Shared {
    semaphore: Semaphore,
    place: Place,
    max: usize,
}

impl Shared {
    fn new(max: usize) -> Arc<Self> {
        Arc::new(Shared {
            semaphore: Semaphore::new(max),
            place: Place::default(),
            max,
        })
    }

    fn visit(&self, permits: usize) {
        self.place.visit(permits, self.max);
    }
}

fn enters(shared: &Arc<Shared>, permits: usize, times: usize) -> Party<()> {
    thread(shared, move |shared| {
        for _ in 0..times {
            let _permits = shared.semaphore.acquire_many(permits).block();
            shared.visit(permits);
        }
    })
}

fn enters_in_a_task(shared: &Arc<Shared>, permits: usize, times: usize) -> Party<()> {
    task(shared, async move |shared| {
        for _ in 0..times {
            let _permits = shared.semaphore.acquire_many(permits).await;
            shared.visit(permits);
        }
    })
}

#[test]
fn two_of_four() {
    model(12_000, || {
        let shared = Shared::new(2);
        let parties = [
            enters(&shared, 1, 2),
            enters_in_a_task(&shared, 1, 2),
            enters(&shared, 1, 2),
            enters_in_a_task(&shared, 1, 2),
        ];
        join(parties);
        assert_eq!(shared.semaphore.available_permits(), 2);
    });
}

/// Those who want much get it beside those who want little.
#[test]
fn much_and_little() {
    model(12_000, || {
        let shared = Shared::new(3);
        let parties = [
            enters(&shared, 3, 1),
            enters_in_a_task(&shared, 2, 2),
            enters(&shared, 1, 2),
            enters_in_a_task(&shared, 3, 1),
        ];
        join(parties);
        assert_eq!(shared.semaphore.available_permits(), 3);
    });
}

/// Permits that come one by one, from two sides, for those who want two each; some give up.
#[test]
fn releases_against_cancels() {
    model(18_000, || {
        let shared = Shared::new(0);
        let takes = thread(&shared, |shared| {
            shared.semaphore.acquire_many(2).block().forget();
        });
        let takes_in_a_task = task(&shared, async |shared| {
            shared.semaphore.acquire_many(2).await.forget();
        });
        let gives_up = task(&shared, async |shared| {
            let acquire = shared.semaphore.acquire_many(2);
            drop(acquire.or(Patience::some()).await);
        });
        let is_late = thread(&shared, |shared| {
            drop(shared.semaphore.acquire().timeout(SOON).block());
        });
        let releases = thread(&shared, |shared| {
            (0..2).for_each(|_| shared.semaphore.release(1));
        });
        (0..2).for_each(|_| shared.semaphore.release(1));
        join([takes, takes_in_a_task, gives_up, is_late, releases]);
        assert_eq!(shared.semaphore.available_permits(), 0);
    });
}

/// As many permits as there are waiters behind tasks that are not polled any more.
#[test]
fn threads_behind_unpolled_tasks() {
    model(18_000, || {
        let shared = Shared::new(0);
        let mut unpolled = [shared.semaphore.acquire(), shared.semaphore.acquire()];
        assert!(!unpolled.iter_mut().any(poll_once));
        let takes = |shared: &Shared| shared.semaphore.acquire().block().forget();
        let parties = [thread(&shared, takes), thread(&shared, takes)];
        let releases = thread(&shared, |shared| shared.semaphore.release(1));
        shared.semaphore.release(1);
        join(parties);
        releases.join();
        drop(unpolled);
        assert_eq!(shared.semaphore.available_permits(), 0);
    });
}

/// One that has been woken comes too late, and leaves what there is to the one behind it that wants less.
#[test]
fn too_little_for_the_first() {
    model(12_000, || {
        let shared = Shared::new(0);
        let wants_two = task(&shared, async |shared| {
            shared.semaphore.acquire_many(2).await.forget();
        });
        let wants_one = task(&shared, async |shared| {
            shared.semaphore.acquire().await.forget();
        });
        shared.semaphore.release(2);
        let is_quicker = shared.semaphore.try_acquire().map(|it| it.forget());
        if is_quicker.is_none() {
            // The first had both.
            shared.semaphore.release(1);
        }
        wants_one.join();
        if is_quicker.is_some() {
            shared.semaphore.release(2);
        }
        wants_two.join();
        assert_eq!(shared.semaphore.available_permits(), 0);
    });
}

/// Several at once, split and given back one by one.
#[test]
fn split_permits() {
    model(12_000, || {
        let shared = Shared::new(2);
        let splits = thread(&shared, |shared| {
            let mut both = shared.semaphore.acquire_many(2).block();
            let one = both.split(1);
            shared.visit(2);
            drop(both);
            shared.visit(1);
            drop(one);
        });
        let others = [enters(&shared, 1, 2), enters_in_a_task(&shared, 2, 1)];
        splits.join();
        join(others);
        assert_eq!(shared.semaphore.available_permits(), 2);
    });
}

/// Two wait, one of them tries once more without having been woken, and may take one permit at the moment at which it is told of the other one:
/// that is for the other party.
#[test]
fn taken_and_told_at_once() {
    model(18_000, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let takes = [
            task(&semaphore, async |semaphore| {
                impatiently(semaphore.acquire()).await.forget()
            }),
            task(&semaphore, async |semaphore| {
                semaphore.acquire().await.forget()
            }),
        ];
        let releases = [(); 2].map(|()| thread(&semaphore, |semaphore| semaphore.release(1)));
        join(takes);
        join(releases);
        assert_eq!(semaphore.available_permits(), 0);
    });
}
