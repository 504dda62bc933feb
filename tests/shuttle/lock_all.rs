//! Three locks at once, by three and four parties: no deadlock, and no wake-up lost.

use super::{Patience, Place, SOON, join, model, poll_once, task, thread};
use amphi::{Mutex, lock_all};
use shuttle::sync::Arc;

/// An `Arc` of an array, so the order of the addresses is always the same.
#[derive(Default)]
struct Shared {
    mutexes: [Mutex<u32>; 3],
    places: [Place; 3],
}

impl Shared {
    fn count(&self, which: usize, data: &mut u32) {
        self.places[which].visit(1, 1);
        *data += 1;
    }

    fn three(&self, [a, b, c]: [usize; 3]) {
        let three = (&self.mutexes[a], &self.mutexes[b], &self.mutexes[c]);
        let (mut first, mut second, mut third) = lock_all(three).block();
        self.count(a, &mut first);
        self.count(b, &mut second);
        self.count(c, &mut third);
    }

    async fn three_in_a_task(&self, [a, b, c]: [usize; 3]) {
        let three = (&self.mutexes[a], &self.mutexes[b], &self.mutexes[c]);
        let (mut first, mut second, mut third) = lock_all(three).await;
        self.count(a, &mut first);
        self.count(b, &mut second);
        self.count(c, &mut third);
    }

    fn totals(&self) -> [u32; 3] {
        let totals = self.mutexes.each_ref().map(|mutex| mutex.try_lock());
        totals.map(|guard| *guard.expect("nobody holds it any more"))
    }
}

#[test]
fn three_orders() {
    model(9_000, || {
        let shared = Arc::new(Shared::default());
        let parties = [
            thread(&shared, |shared| shared.three([0, 1, 2])),
            task(&shared, async |shared| {
                shared.three_in_a_task([2, 1, 0]).await
            }),
            thread(&shared, |shared| shared.three([1, 2, 0])),
            task(&shared, async |shared| {
                shared.three_in_a_task([2, 0, 1]).await
            }),
        ];
        join(parties);
        assert_eq!(shared.totals(), [4, 4, 4]);
    });
}

/// Others hold two of them, and wait for the second while they hold the first.
#[test]
fn against_those_who_hold_and_wait() {
    model(9_000, || {
        let shared = Arc::new(Shared::default());
        let holds = thread(&shared, |shared| {
            let mut third = shared.mutexes[2].lock().block();
            let mut second = shared.mutexes[1].lock().block();
            shared.count(2, &mut third);
            shared.count(1, &mut second);
        });
        let holds_in_a_task = task(&shared, async |shared| {
            let mut second = shared.mutexes[2].lock().await;
            let mut first = shared.mutexes[0].lock().await;
            shared.count(2, &mut second);
            shared.count(0, &mut first);
        });
        let parties = [
            thread(&shared, |shared| shared.three([2, 0, 1])),
            task(&shared, async |shared| {
                shared.three_in_a_task([0, 1, 2]).await
            }),
        ];
        join(parties);
        join([holds, holds_in_a_task]);
        assert_eq!(shared.totals(), [3, 3, 4]);
    });
}

/// Those who give up have taken none, and leave their wake-ups to those behind them in each of the lists.
#[test]
fn cancels() {
    model(18_000, || {
        let shared = Arc::new(Shared::default());
        let held = [1, 2].map(|which| shared.mutexes[which].lock().block());
        let gives_up = task(&shared, async |shared| {
            let all = lock_all(&shared.mutexes[..]).or(Patience::some()).await;
            all.map_or(0, |mut guards| {
                guards.iter_mut().for_each(|data| **data += 1);
                1
            })
        });
        let is_late = thread(&shared, |shared| {
            let all = lock_all(&shared.mutexes[..]).timeout(SOON).block();
            all.map_or(0, |mut guards| {
                guards.iter_mut().for_each(|data| **data += 1);
                1
            })
        });
        let takes_one = task(&shared, async |shared| {
            shared.count(2, &mut *shared.mutexes[2].lock().await);
        });
        let takes_all = task(&shared, async |shared| {
            shared.three_in_a_task([2, 1, 0]).await
        });
        drop(held);
        join([takes_one, takes_all]);
        let cancelled = gives_up.join() + is_late.join();
        assert_eq!(shared.totals(), [0, 0, 1].map(|one| one + 1 + cancelled));
    });
}

/// Threads take one each behind somebody who waits for all and is not polled any more.
#[test]
fn threads_behind_an_unpolled_task() {
    model(12_000, || {
        let shared = Arc::new(Shared::default());
        let held = [0, 2].map(|which| shared.mutexes[which].lock().block());
        let mut unpolled = lock_all(&shared.mutexes[..]);
        assert!(!poll_once(&mut unpolled));
        let parties = [0, 1, 2].map(|which| {
            thread(&shared, move |shared| {
                shared.count(which, &mut shared.mutexes[which].lock().block());
            })
        });
        drop(held);
        join(parties);
        drop(unpolled);
        assert_eq!(shared.totals(), [1, 1, 1]);
    });
}
