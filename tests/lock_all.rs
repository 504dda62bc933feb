//! `lock_all`.

mod worlds;

use amphi::{Mutex, MutexGuard, TimedOut, lock_all};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use worlds::{Hand, On, World, worlds};

type Five = [Mutex<u32>; 5];

worlds! {
    /// Any of them in any order, with others who take single ones, and two by two in the opposite order.
    async fn any_order(world: World) {
        let mutexes: Arc<Five> = Arc::default();
        let mut parties = Vec::new();
        for party in 0..6 {
            let mutexes = mutexes.clone();
            parties.push(world.spawn(move |world| async move {
                for round in 0..200 {
                    let (one, two, three) = (party % 5, (party + round % 4 + 1) % 5, (party + 2) % 5);
                    if three == two {
                        *mutexes[one].lock().on(world).await += 1;
                    } else if round % 3 == 0 {
                        let locks = (&mutexes[two], &mutexes[one], &mutexes[three]);
                        let (two, one, three) = lock_all(locks).on(world).await;
                        world.yield_now().await;
                        for mut guard in [one, two, three] {
                            *guard += 1;
                        }
                    } else {
                        let (mut one, mut two) =
                            lock_all((&mutexes[one], &mutexes[two])).on(world).await;
                        *one += 1;
                        *two += 1;
                    }
                }
            }));
        }
        for party in parties {
            party.join().await;
        }
        assert!(mutexes.iter().all(|mutex| !mutex.is_locked()));
        let expected: u32 = (0..6)
            .flat_map(|party| (0..200).map(move |round| (party, round)))
            .map(|(party, round)| match (party + round % 4 + 1) % 5 == (party + 2) % 5 {
                true => 1,
                false if round % 3 == 0 => 3,
                false => 2,
            })
            .sum();
        let sum: u32 = lock_all(&mutexes[..]).on(world).await.iter().map(|guard| **guard).sum();
        assert_eq!(sum, expected);
    }

    /// Others hold one and wait for the other, in whatever order: they get through.
    async fn no_deadlock_with_others(world: World) {
        let mutexes: Arc<Five> = Arc::default();
        let mut parties = Vec::new();
        for order in [[0, 1], [1, 0]] {
            let mutexes = mutexes.clone();
            parties.push(world.spawn(move |world| async move {
                for _ in 0..200 {
                    let _both = lock_all((&mutexes[order[0]], &mutexes[order[1]])).on(world).await;
                }
            }));
        }
        // One of them takes them one by one, while the others never hold one and wait.
        for _ in 0..100 {
            let _second = mutexes[1].lock().on(world).await;
            world.yield_now().await;
            let _first = mutexes[0].lock().on(world).await;
        }
        for party in parties {
            party.join().await;
        }
    }

    /// All or nothing.
    async fn times_out(world: World) {
        let (a, b, c) = (Mutex::new(()), Mutex::new(()), Mutex::new(()));
        for held in [&a, &b, &c] {
            let guard = held.lock().on(world).await;
            for timeout in [Duration::ZERO, Duration::from_millis(5)] {
                let all = lock_all((&c, &a, &b)).timeout(timeout).on(world).await;
                assert_eq!(all.err(), Some(TimedOut));
            }
            let free = [&a, &b, &c].into_iter().filter(|mutex| !mutex.is_locked());
            assert_eq!(free.count(), 2);
            drop(guard);
        }
        assert!(lock_all((&a, &b, &c)).timeout(Duration::ZERO).on(world).await.is_ok());
    }
}

#[test]
fn twice() {
    let (a, b) = (Mutex::new(1), Mutex::new(2));
    let panic = catch_unwind(AssertUnwindSafe(|| drop(lock_all((&a, &b, &a))))).unwrap_err();
    let message = panic.downcast_ref::<&str>().unwrap();
    assert_eq!(*message, "`lock_all` was given the same mutex twice");
    assert!(catch_unwind(AssertUnwindSafe(|| drop(lock_all(&[&a, &a][..])))).is_err());
}

#[test]
fn of_every_size() {
    let m: [Mutex<usize>; 8] = std::array::from_fn(Mutex::new);
    let (a, b) = lock_all((&m[1], &m[0])).block();
    assert_eq!((*a, *b), (1, 0));
    drop((a, b));
    let all = lock_all((&m[7], &m[6], &m[5], &m[4], &m[3], &m[2], &m[1], &m[0])).block();
    assert_eq!((*all.0, *all.4, *all.7), (7, 3, 0));
    drop(all);
    let some = [&m[3], &m[1]];
    assert_eq!(
        lock_all(&some[..])
            .block()
            .iter()
            .map(|guard| **guard)
            .collect::<Vec<_>>(),
        [3, 1]
    );
    assert_eq!(lock_all(&m[..]).block().len(), 8);
    assert!(lock_all(&m[..0]).block().is_empty());
    let (text, number) = (Mutex::new("text"), Mutex::new(1));
    let (text, number) = lock_all((&text, &number)).block();
    assert_eq!((*text, *number), ("text", 1));
}

/// It waits for one, is notified of it, and finds that another one is held: what it was told is passed on.
#[test]
fn passes_on_what_it_can_not_use() {
    for (first, second) in [(0, 1), (1, 0)] {
        let mutexes = [Mutex::new(()), Mutex::new(())];
        let (hand, behind) = (Hand::new(), Hand::new());
        let guard = mutexes[first].try_lock().unwrap();
        let mut all = lock_all((&mutexes[0], &mutexes[1]));
        assert!(hand.poll(&mut all).is_pending());
        let mut wait = mutexes[first].lock();
        assert!(behind.poll(&mut wait).is_pending());
        let other = mutexes[second].try_lock().unwrap();
        drop(guard);
        assert_eq!((hand.woken(), behind.woken()), (1, 0));
        assert!(hand.poll(&mut all).is_pending());
        assert_eq!(behind.woken(), 1, "the lock is free and nobody knows");
        assert!(behind.poll(&mut wait).is_ready());
        drop(other);
        assert_eq!(hand.woken(), 2);
        assert!(hand.poll(&mut all).is_ready());
    }
}

/// Dropped at any moment it leaves nothing locked, and passes on.
#[test]
fn dropped() {
    let mutexes = [Mutex::new(()), Mutex::new(())];
    for held in 0..2 {
        let guard = mutexes[held].try_lock().unwrap();
        let behind = Hand::new();
        let mut all = lock_all(&mutexes[..]);
        let mut wait = mutexes[held].lock();
        assert!(Hand::new().poll(&mut all).is_pending());
        assert!(behind.poll(&mut wait).is_pending());
        assert!(!mutexes[1 - held].is_locked());
        drop(guard);
        drop(all);
        assert_eq!(behind.woken(), 1);
        assert!(behind.poll(&mut wait).is_ready());
    }
}

fn panics_when_woken() -> std::task::Waker {
    struct Throws;
    impl std::task::Wake for Throws {
        fn wake(self: Arc<Self>) {
            panic!("in wake");
        }
    }
    Arc::new(Throws).into()
}

/// It changes from one queue to the other, and passes on what it had been told to a waker that panics: it holds none of
/// them, and releases none.
#[test]
fn a_panic_on_the_way_from_one_queue_to_the_other() {
    let mutexes = [Mutex::new(()), Mutex::new(())];
    let second = mutexes[1].try_lock().unwrap();
    let (mut all, hand) = (lock_all(&mutexes[..]), Hand::new());
    assert!(hand.poll(&mut all).is_pending());
    let mut behind = mutexes[1].lock();
    assert!(worlds::poll_with(&panics_when_woken(), &mut behind).is_pending());
    let _first = mutexes[0].try_lock().unwrap();
    drop(second);
    let poll = catch_unwind(AssertUnwindSafe(|| hand.poll(&mut all).is_pending()));
    assert!(poll.is_err());
    assert!(mutexes[0].try_lock().is_none(), "two guards");
}

/// Told in vain it sleeps again, and does not wake itself.
#[test]
fn told_in_vain() {
    let mutexes = [Mutex::new(()), Mutex::new(())];
    let guard = mutexes[0].try_lock().unwrap();
    let (mut all, hand) = (lock_all(&mutexes[..]), Hand::new());
    assert!(hand.poll(&mut all).is_pending());
    drop(guard);
    let _quicker = mutexes[0].try_lock().unwrap();
    assert!(hand.poll(&mut all).is_pending());
    assert_eq!(hand.woken(), 1, "it has woken itself");
}

/// It has all of them, without having waited as well.
#[test]
fn all_are_locked() {
    let mutexes = [Mutex::new(()), Mutex::new(())];
    for waits in [false, true] {
        let all = lock_all(&mutexes[..]);
        let guards = match waits {
            false => all.block(),
            true => all.timeout(Duration::ZERO).block().unwrap(),
        };
        assert!(mutexes.iter().all(Mutex::is_locked));
        drop(guards);
        assert!(!mutexes.iter().any(Mutex::is_locked));
    }
}

/// Its time is up: a release does not count on it any more.
#[test]
fn one_whose_time_is_up_is_out_of_the_queue() {
    let mutexes = [Mutex::new(()), Mutex::new(())];
    let guard = mutexes[1].try_lock().unwrap();
    let mut all = lock_all(&mutexes[..]).timeout(Duration::from_millis(1));
    while Hand::new().poll(&mut all).is_pending() {
        std::thread::yield_now();
    }
    let (mut wait, next) = (mutexes[1].lock(), Hand::new());
    assert!(next.poll(&mut wait).is_pending());
    drop(guard);
    assert_eq!(next.woken(), 1);
    drop(all);
}

/// It has taken them all, before it was its turn, and then its old waker panics when it is dropped: none stays locked.
#[test]
fn a_panic_with_all_in_hand() {
    struct Throws;
    impl std::task::Wake for Throws {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Throws {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let mutexes = [Mutex::new(()), Mutex::new(())];
    let guard = mutexes[1].try_lock().unwrap();
    let mut ahead = mutexes[1].lock();
    assert!(Hand::new().poll(&mut ahead).is_pending());
    let mut all = lock_all(&mutexes[..]);
    // The queue has the last one.
    assert!(worlds::poll_with(&Arc::new(Throws).into(), &mut all).is_pending());
    drop(guard);
    let poll = catch_unwind(AssertUnwindSafe(|| Hand::new().poll(&mut all).is_ready()));
    assert!(poll.is_err());
    assert!(!mutexes.iter().any(Mutex::is_locked));
}

/// They are free, and each is kept for somebody: without any time to wait they are all taken nevertheless.
#[test]
fn what_is_free_is_free() {
    let mutexes = [Mutex::new(()), Mutex::new(())];
    let mut called = mutexes.each_ref().map(|mutex| {
        let guard = mutex.try_lock().unwrap();
        let mut called = mutex.lock();
        assert!(Hand::new().poll(&mut called).is_pending());
        MutexGuard::unlock_fair(guard);
        assert!(Hand::new().poll(&mut mutex.lock()).is_pending());
        called
    });
    let all = lock_all(&mutexes[..]).timeout(Duration::ZERO).block();
    assert!(all.is_ok());
    drop(all);
    for called in &mut called {
        assert!(Hand::new().poll(called).is_ready());
    }
}
