//! `Condvar`: who is woken, and what becomes of the lock.

mod worlds;

use amphi::{Condvar, Mutex, MutexGuard};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};
use worlds::{Hand, On, World, watched, worlds};

/// What a case shares between its parties.
#[derive(Default)]
struct Shared {
    mutex: Mutex<Vec<usize>>,
    changed: Condvar,
}

worlds! {
    /// A bounded buffer: every item arrives once, in order for each producer.
    async fn bounded_buffer(world: World) {
        #[derive(Default)]
        struct Buffer {
            items: Mutex<VecDeque<usize>>,
            filled: Condvar,
            emptied: Condvar,
        }
        const ITEMS: usize = 500;
        let buffer = Arc::new(Buffer::default());
        let mut producers = Vec::new();
        for producer in 0..3 {
            let buffer = buffer.clone();
            producers.push(world.spawn(move |world| async move {
                for item in 0..ITEMS {
                    let guard = buffer.items.lock().on(world).await;
                    let wait = buffer.emptied.wait_while(guard, |items| items.len() >= 4);
                    let mut items = wait.on(world).await;
                    items.push_back(producer * ITEMS + item);
                    drop(items);
                    buffer.filled.notify_one();
                }
            }));
        }
        let mut consumers = Vec::new();
        for _ in 0..3 {
            let buffer = buffer.clone();
            consumers.push(world.spawn(move |world| async move {
                let mut got = Vec::new();
                for _ in 0..ITEMS {
                    let guard = buffer.items.lock().on(world).await;
                    let wait = buffer.filled.wait_while(guard, |items| items.is_empty());
                    let mut items = wait.on(world).await;
                    got.push(items.pop_front().unwrap());
                    drop(items);
                    buffer.emptied.notify_one();
                }
                got
            }));
        }
        for party in producers {
            party.join().await;
        }
        let mut all = Vec::new();
        for party in consumers {
            let got = party.join().await;
            for producer in 0..3 {
                let range = producer * ITEMS..(producer + 1) * ITEMS;
                assert!(got.iter().filter(|item| range.contains(item)).is_sorted());
            }
            all.extend(got);
        }
        all.sort();
        assert_eq!(all, (0..3 * ITEMS).collect::<Vec<_>>());
    }

    /// `notify(n)` wakes as many of those who wait, and says how many.
    async fn notifies_n(world: World) {
        let shared = Arc::new(Shared::default());
        let mut parties = Vec::new();
        for party in 0..5 {
            let shared = shared.clone();
            parties.push(world.spawn(move |world| async move {
                let mut guard = shared.mutex.lock().on(world).await;
                guard.push(party);
                let mut guard = shared.changed.wait(guard).on(world).await;
                guard.push(party + 10);
            }));
        }
        // Who has written and released the lock waits.
        loop {
            if shared.mutex.lock().on(world).await.len() == 5 {
                break;
            }
            world.yield_now().await;
        }
        assert_eq!(shared.changed.notify(2), 2);
        world.until(|| shared.mutex.try_lock().is_some_and(|order| order.len() == 7)).await;
        assert_eq!(shared.changed.notify_one(), 1);
        assert_eq!(shared.changed.notify_all(), 2);
        assert_eq!(shared.changed.notify_all(), 0);
        for party in parties {
            party.join().await;
        }
        let order = shared.mutex.lock().on(world).await;
        let (came, mut first_two) = (&order[..5], order[5..7].to_vec());
        first_two.sort();
        let mut expected = vec![came[0] + 10, came[1] + 10];
        expected.sort();
        assert_eq!(first_two, expected, "not those who came first");
    }

    /// A timed-out wait has the lock, also if it has to wait for it; a zero timeout lets others have it.
    async fn times_out_with_the_lock(world: World) {
        let shared = Arc::new(Shared::default());
        for timeout in [Duration::ZERO, Duration::from_millis(10)] {
            let start = Instant::now();
            let guard = shared.mutex.lock().on(world).await;
            let party = {
                let shared = shared.clone();
                world.spawn(move |world| async move {
                    let mut guard = shared.mutex.lock().on(world).await;
                    world.sleep(Duration::from_millis(20)).await;
                    guard.push(1);
                })
            };
            let (guard, result) = shared.changed.wait(guard).timeout(timeout).on(world).await;
            assert!(result.timed_out());
            assert!(start.elapsed() >= timeout);
            assert!(shared.mutex.try_lock().is_none());
            drop(guard);
            party.join().await;
            assert_eq!(shared.changed.notify_all(), 0);
        }
    }

    /// The condition is looked at once more after the timeout.
    async fn condition_after_the_timeout(world: World) {
        let shared = Shared::default();
        let guard = shared.mutex.lock().on(world).await;
        let mut looks = 0;
        let wait = shared.changed.wait_while(guard, |_| {
            looks += 1;
            looks < 2
        });
        let (guard, result) = wait.timeout(Duration::from_millis(5)).on(world).await;
        assert!(!result.timed_out(), "the condition was fulfilled");
        drop(guard);
        assert_eq!(looks, 2);

        let guard = shared.mutex.lock().on(world).await;
        let start = Instant::now();
        let wait = shared.changed.wait_while(guard, |_| true);
        let (guard, result) = wait.timeout(Duration::from_millis(5)).on(world).await;
        assert!(result.timed_out());
        assert!(start.elapsed() >= Duration::from_millis(5));
        drop(guard);

        let guard = shared.mutex.lock().on(world).await;
        let wait = shared.changed.wait_while(guard, |_| false);
        let (guard, result) = wait.timeout(Duration::ZERO).on(world).await;
        assert!(!result.timed_out());
        drop(guard);
    }

    /// Timeouts and notifications race: none is lost, none is counted twice.
    async fn timeouts_against_notifications(world: World) {
        let shared = Arc::new(Shared::default());
        let mut waiters = Vec::new();
        for party in 0..4 {
            let shared = shared.clone();
            waiters.push(world.spawn(move |world| async move {
                let mut notified = 0;
                for round in 0..300 {
                    let timeout = Duration::from_micros((round * 13 + party * 29) % 100);
                    let guard = shared.mutex.lock().on(world).await;
                    let (guard, result) = shared.changed.wait(guard).timeout(timeout).on(world).await;
                    drop(guard);
                    notified += usize::from(!result.timed_out());
                }
                notified
            }));
        }
        let notifier = {
            let shared = shared.clone();
            world.spawn(move |world| async move {
                let mut count = 0;
                for _ in 0..600 {
                    count += shared.changed.notify_one();
                    world.yield_now().await;
                }
                count
            })
        };
        let mut sum = 0;
        for party in waiters {
            sum += party.join().await;
        }
        assert_eq!(notifier.join().await, sum);
        assert_eq!(shared.changed.notify_all(), 0);
    }

    /// With guards that own the mutex, and one condition variable for two mutexes.
    async fn owned_guards_and_several_mutexes(world: World) {
        let changed = Arc::new(Condvar::new());
        let mutexes = [Arc::new(Mutex::new(false)), Arc::new(Mutex::new(false))];
        let mut parties = Vec::new();
        for mutex in mutexes.clone() {
            let changed = changed.clone();
            parties.push(world.spawn(move |world| async move {
                let guard = mutex.lock_owned().on(world).await;
                let mut guard = changed.wait_while(guard, |done| !*done).on(world).await;
                *guard = false;
            }));
        }
        for mutex in &mutexes {
            *mutex.lock().on(world).await = true;
            changed.notify_all();
        }
        for party in parties {
            party.join().await;
        }
        for mutex in &mutexes {
            assert!(!*mutex.lock().on(world).await);
        }
    }

    /// A wait ends with another future, without the lock.
    async fn or_something_else(world: World) {
        let shared = Shared::default();
        let guard = shared.mutex.lock().on(world).await;
        let wait = shared.changed.wait(guard).or(std::future::ready(1));
        let result = if world.is_threads() { wait.block() } else { wait.await };
        assert_eq!(result.err(), Some(1));
        assert!(!shared.mutex.is_locked());
        assert_eq!(shared.changed.notify_all(), 0);
    }
}

/// The notification comes in the very moment in which the time is up.
#[test]
fn a_notification_at_the_deadline_counts() {
    watched(|| {
        let shared = Shared::default();
        let (mut counted, mut notified) = (0, 0);
        for round in 0..4000 {
            let guard = shared.mutex.lock().block();
            let deadline = Instant::now() + Duration::from_micros(40);
            thread::scope(|scope| {
                let notifier = scope.spawn(|| {
                    let early = Duration::from_nanos(10 * (round % 300));
                    while Instant::now() + early < deadline {
                        std::hint::spin_loop();
                    }
                    shared.changed.notify_one()
                });
                let wait = shared.changed.wait(guard).deadline(deadline);
                notified += usize::from(!wait.block().1.timed_out());
                counted += notifier.join().unwrap();
            });
        }
        assert_eq!(counted, notified);
    });
}

fn wait_by_hand<'a>(
    shared: &'a Shared,
    hand: &Hand,
) -> impl Future<Output = MutexGuard<'a, Vec<usize>>> + Unpin + use<'a> {
    let mut wait = shared.changed.wait(shared.mutex.lock().block());
    assert!(hand.poll(&mut wait).is_pending());
    wait
}

#[test]
fn the_lock_is_held_until_the_first_poll_and_free_after_it() {
    let shared = Shared::default();
    let mut wait = shared.changed.wait(shared.mutex.lock().block());
    assert!(shared.mutex.is_locked());
    assert!(Hand::new().poll(&mut wait).is_pending());
    assert!(!shared.mutex.is_locked());
    drop(wait);
    assert_eq!(shared.changed.notify_one(), 0);

    drop(shared.changed.wait(shared.mutex.lock().block()));
    assert!(!shared.mutex.is_locked());
}

#[test]
fn a_notification_is_remembered_for_nobody() {
    let (shared, hand) = (Shared::default(), Hand::new());
    assert_eq!(shared.changed.notify_all(), 0);
    let mut wait = wait_by_hand(&shared, &hand);
    assert!(hand.poll(&mut wait).is_pending());
    assert_eq!(shared.changed.notify(3), 1);
    assert!(hand.poll(&mut wait).is_ready());
}

#[test]
fn dropped_after_its_notification_it_notifies_the_next() {
    let shared = Shared::default();
    let (one, two) = (Hand::new(), Hand::new());
    let (first, mut second) = (wait_by_hand(&shared, &one), wait_by_hand(&shared, &two));
    assert_eq!(shared.changed.notify_one(), 1);
    assert_eq!((one.woken(), two.woken()), (1, 0));
    drop(first);
    assert_eq!(two.woken(), 1);
    assert!(two.poll(&mut second).is_ready());
}

#[test]
fn dropped_while_it_takes_the_lock_back_it_notifies_the_next() {
    let shared = Shared::default();
    let (one, two) = (Hand::new(), Hand::new());
    let (mut first, mut second) = (wait_by_hand(&shared, &one), wait_by_hand(&shared, &two));
    let guard = shared.mutex.lock().block();
    assert_eq!(shared.changed.notify_one(), 1);
    assert!(one.poll(&mut first).is_pending());
    drop(first);
    assert_eq!(two.woken(), 1);
    drop(guard);
    assert!(two.poll(&mut second).is_ready());
}

#[test]
fn timed_out_while_it_takes_the_lock_back_it_was_notified() {
    let (shared, hand) = (Shared::default(), Hand::new());
    let guard = shared.mutex.lock().block();
    let deadline = Instant::now() + Duration::from_millis(5);
    let mut wait = shared.changed.wait(guard).deadline(deadline);
    assert!(hand.poll(&mut wait).is_pending());
    let guard = shared.mutex.lock().block();
    assert_eq!(shared.changed.notify_one(), 1);
    assert!(hand.poll(&mut wait).is_pending());
    while Instant::now() < deadline {
        thread::yield_now();
    }
    assert!(hand.poll(&mut wait).is_pending());
    drop(guard);
    let Poll::Ready((guard, result)) = hand.poll(&mut wait) else {
        panic!("the lock is free")
    };
    assert!(!result.timed_out());
    assert!(shared.mutex.is_locked());
    drop(guard);
}

#[test]
fn when_it_waits_again_it_holds_nothing_and_stands_in_the_condvars_list() {
    let (shared, hand) = (Shared::default(), Hand::new());
    let guard = shared.mutex.lock().block();
    let mut wait = shared.changed.wait_while(guard, |items| items.is_empty());
    assert!(hand.poll(&mut wait).is_pending());
    for _ in 0..3 {
        assert_eq!(shared.changed.notify_one(), 1);
        assert!(hand.poll(&mut wait).is_pending());
        assert!(!shared.mutex.is_locked());
    }
    let woken = hand.woken();
    // A release of the mutex is nothing to it.
    shared.mutex.lock().block().push(1);
    assert_eq!(hand.woken(), woken);
    assert_eq!(shared.changed.notify_one(), 1);
    assert!(hand.poll(&mut wait).is_ready());
}

#[test]
fn sixteen_bytes() {
    assert_eq!(size_of::<Condvar>(), 16);
}

/// Notified, and told that the lock is free, it gives up: the next one in the lock's queue is told.
#[test]
fn dropped_when_the_lock_is_free() {
    let (mutex, changed) = (Mutex::new(()), Condvar::new());
    let mut wait = changed.wait(mutex.try_lock().unwrap());
    assert!(Hand::new().poll(&mut wait).is_pending());
    let guard = mutex.try_lock().unwrap();
    changed.notify_one();
    assert!(Hand::new().poll(&mut wait).is_pending());
    let (mut behind, next) = (mutex.lock(), Hand::new());
    assert!(next.poll(&mut behind).is_pending());
    drop(guard);
    assert_eq!(next.woken(), 0);
    drop(wait);
    assert_eq!(next.woken(), 1, "the lock is free and nobody knows");
}

/// Notified, it looks at its condition, and that panics: the next one is notified, as if it had been dropped.
#[test]
fn a_condition_that_panics_notifies_the_next() {
    let shared = Shared::default();
    let (one, two) = (Hand::new(), Hand::new());
    let guard = shared.mutex.lock().block();
    let mut first = shared.changed.wait_while(guard, |items| {
        assert!(items.is_empty(), "in the condition");
        true
    });
    assert!(one.poll(&mut first).is_pending());
    let guard = shared.mutex.lock().block();
    let mut second = shared.changed.wait_while(guard, |items| items.is_empty());
    assert!(two.poll(&mut second).is_pending());
    shared.mutex.lock().block().push(1);
    assert_eq!(shared.changed.notify_one(), 1);
    let poll = catch_unwind(AssertUnwindSafe(|| one.poll(&mut first).is_ready()));
    assert!(poll.is_err());
    drop(first);
    assert_eq!(two.woken(), 1, "there is something, and nobody knows");
    assert!(two.poll(&mut second).is_ready());
}
