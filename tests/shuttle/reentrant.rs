//! The reentrant lock among three and four: one owner at a time, and every level is given back.

use super::{Patience, Place, SOON, join, model, task, thread};
use amphi::{Condvar, ReentrantMutex, owner};
use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicBool, Ordering};

#[derive(Default)]
struct Shared {
    mutex: ReentrantMutex<()>,
    place: Place,
    changed: Condvar,
}

impl Shared {
    fn twice(&self) {
        let _outer = self.mutex.lock().block();
        let _inner = self.mutex.lock().block();
        assert_eq!(self.mutex.depth(), 2);
        self.place.visit(1, 1);
    }

    async fn twice_in_a_scope(&self) {
        owner::scope(async {
            let _outer = self.mutex.lock().await;
            let _inner = self.mutex.lock().await;
            assert_eq!(self.mutex.depth(), 2);
            self.place.visit(1, 1);
        })
        .await;
    }

    /// One level more, of somebody who has one.
    fn once_more(&self) {
        let _inner = self.mutex.lock().block();
        assert_eq!(self.mutex.depth(), 2);
        self.place.visit(1, 1);
    }

    fn check_free(&self) {
        assert!(!self.mutex.is_locked());
        assert_eq!(self.mutex.owner(), None);
    }
}

#[test]
fn two_levels_each() {
    model(12_000, || {
        let shared = Arc::new(Shared::default());
        let parties = [
            thread(&shared, |shared| (0..2).for_each(|_| shared.twice())),
            thread(&shared, |shared| shared.twice()),
            task(&shared, async |shared| {
                shared.twice_in_a_scope().await;
                shared.twice_in_a_scope().await;
            }),
            task(&shared, async |shared| shared.twice_in_a_scope().await),
        ];
        join(parties);
        shared.check_free();
    });
}

/// A guard of each owner is handed over to somebody else, who drops it while the owner locks again.
#[test]
fn guards_dropped_elsewhere() {
    model(12_000, || {
        let shared = Arc::new(Arc::new(ReentrantMutex::new(Place::default())));
        let hands_over = |mutex: &Arc<ReentrantMutex<Place>>| {
            let elsewhere = mutex.lock_owned().block();
            let mine = mutex.lock().block();
            let drops = shuttle::thread::spawn(move || drop(elsewhere));
            let again = mutex.lock().block();
            again.visit(1, 1);
            drop((mine, again));
            drops.join().unwrap();
        };
        let hands_over_in_a_scope = async |mutex: Arc<Arc<ReentrantMutex<Place>>>| {
            let drops = owner::scope(async {
                let elsewhere = mutex.lock_owned().await;
                let drops = shuttle::future::spawn(async move { drop(elsewhere) });
                mutex.lock().await.visit(1, 1);
                drops
            });
            drops.await.await.unwrap();
        };
        let parties = [
            thread(&shared, move |mutex| hands_over(mutex)),
            thread(&shared, move |mutex| hands_over(mutex)),
            task(&shared, hands_over_in_a_scope),
        ];
        join(parties);
        assert!(!shared.is_locked());
    });
}

/// Some give up while they wait for the first level.
#[test]
fn cancels() {
    model(12_000, || {
        let shared = Arc::new(Shared::default());
        let parties = [
            task(&shared, async |shared| {
                let twice = async {
                    let outer = shared.mutex.lock().or(Patience::some()).await;
                    if outer.is_ok() {
                        drop(shared.mutex.lock().await);
                        shared.place.visit(1, 1);
                    }
                };
                owner::scope(twice).await;
            }),
            thread(&shared, |shared| {
                if let Ok(_outer) = shared.mutex.lock().timeout(SOON).block() {
                    shared.once_more();
                }
            }),
            thread(&shared, |shared| shared.twice()),
            task(&shared, async |shared| shared.twice_in_a_scope().await),
        ];
        join(parties);
        shared.check_free();
    });
}

/// Threads that wait for a notification give both levels up, and get them back.
#[test]
fn notify_against_two_who_wait() {
    model(12_000, || {
        let shared = Arc::new((Shared::default(), AtomicBool::new(false)));
        let waits = |(shared, done): &(Shared, AtomicBool)| {
            let outer = shared.mutex.lock().block();
            let inner = shared.mutex.lock().block();
            let is_not_done = |_: &()| !done.load(Ordering::Relaxed);
            let inner = shared.changed.wait_while(inner, is_not_done).block();
            assert_eq!(shared.mutex.depth(), 2);
            shared.place.visit(1, 1);
            drop((inner, outer));
        };
        let waits_in_a_scope = async |shared: Arc<(Shared, AtomicBool)>| {
            let (shared, done) = &*shared;
            let once = async {
                let guard = shared.mutex.lock().await;
                let is_not_done = |_: &()| !done.load(Ordering::Relaxed);
                drop(shared.changed.wait_while(guard, is_not_done).await);
            };
            owner::scope(once).await;
        };
        let parties = [
            thread(&shared, waits),
            thread(&shared, waits),
            task(&shared, waits_in_a_scope),
        ];
        let guard = shared.0.mutex.lock().block();
        shared.1.store(true, Ordering::Relaxed);
        shared.0.changed.notify_all();
        drop(guard);
        join(parties);
        shared.0.check_free();
    });
}
