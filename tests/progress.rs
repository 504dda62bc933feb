//! The progress guarantees: what must go on although somebody else does not.
//!
//! Each test fails without the mechanism that it is about.

mod worlds;

use amphi::{Condvar, Event, Mutex, Wait, mutex::Lock};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};
use worlds::{Hand, On, World, poll_with, watched, worlds};

/// Gives a thread the time to block. No outcome depends on it, only whether there was anything to show.
fn let_it_block() {
    thread::sleep(Duration::from_millis(20));
}

/// A leaked mutex, so that waits for it can go anywhere.
fn mutex() -> &'static Mutex<u32> {
    Box::leak(Box::default())
}

fn ready<T>(poll: Poll<T>) -> T {
    match poll {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it is not ready"),
    }
}

mod p1_a_blocked_thread_depends_on_no_task {
    use super::*;

    /// `ahead` tasks, which nobody polls any more, are in the queue; behind them a thread.
    fn behind_unpolled_tasks(ahead: usize, block: fn(Wait<Lock<'static, u32>>)) {
        watched(move || {
            let mutex = mutex();
            let guard = mutex.lock().block();
            let tasks: Vec<_> = (0..ahead).map(|_| (Hand::new(), mutex.lock())).collect();
            let mut tasks = tasks;
            for (hand, wait) in &mut tasks {
                assert!(hand.poll(wait).is_pending());
            }
            let thread = thread::spawn(move || block(mutex.lock()));
            let_it_block();
            drop(guard);
            thread.join().unwrap();
            // Nobody has been passed over: the tasks get it as soon as they are polled.
            for (hand, wait) in &mut tasks {
                drop(ready(hand.poll(wait)));
            }
        });
    }

    #[test]
    fn one_task_ahead() {
        behind_unpolled_tasks(1, |wait| drop(wait.block()));
    }

    #[test]
    fn many_tasks_ahead() {
        behind_unpolled_tasks(100, |wait| drop(wait.block()));
    }

    #[test]
    fn with_a_deadline() {
        behind_unpolled_tasks(3, |wait| {
            drop(
                wait.timeout(Duration::from_secs(50))
                    .block()
                    .expect("it has a whole minute"),
            )
        });
    }

    #[test]
    fn together_with_another_future() {
        behind_unpolled_tasks(3, |wait| {
            assert!(wait.or(std::future::pending::<()>()).block().is_ok())
        });
    }

    #[test]
    fn in_block_on() {
        behind_unpolled_tasks(3, |wait| drop(amphi::block_on(wait)));
    }

    #[test]
    fn in_block_on_as_the_other_future() {
        behind_unpolled_tasks(3, |wait| {
            assert!(Event::new().wait().or(wait).block().is_err());
        });
    }

    /// Polled as a task first, and then blocked on.
    #[test]
    fn after_having_been_a_task() {
        behind_unpolled_tasks(3, |mut wait| match Hand::new().poll(&mut wait) {
            Poll::Ready(guard) => drop(guard),
            Poll::Pending => drop(wait.block()),
        });
    }

    /// Two threads behind a task: the first one's release finds the second.
    #[test]
    fn threads_in_a_row() {
        watched(|| {
            let mutex = mutex();
            let guard = mutex.lock().block();
            let mut waits: Vec<_> = (0..4).map(|_| mutex.lock()).collect();
            let mut threads = Vec::new();
            for wait in &mut waits {
                assert!(Hand::new().poll(wait).is_pending());
                threads.push(thread::spawn(|| drop(mutex.lock().block())));
                let_it_block();
            }
            drop(guard);
            threads
                .into_iter()
                .for_each(|thread| thread.join().unwrap());
        });
    }

    /// A release with only tasks in the list wakes one, not all.
    #[test]
    fn tasks_alone_pay_nothing() {
        let mutex = mutex();
        let guard = mutex.lock().block();
        // Threads that have come and gone, in vain or not, leave nothing behind.
        let brief = mutex.lock().timeout(Duration::from_millis(1));
        assert!(brief.block().is_err());
        let thread = thread::spawn(|| drop(mutex.lock().block()));
        let_it_block();
        drop(guard);
        thread.join().unwrap();
        let guard = mutex.lock().block();
        let hands = [Hand::new(), Hand::new(), Hand::new()];
        let mut waits = [mutex.lock(), mutex.lock(), mutex.lock()];
        for (hand, wait) in hands.iter().zip(&mut waits) {
            assert!(hand.poll(wait).is_pending());
        }
        drop(guard);
        assert_eq!(hands.each_ref().map(Hand::woken), [1, 0, 0]);
    }

    worlds! {
        /// A task is in the queue ahead of a call that blocks the very thread that would have to poll it.
        async fn on_the_executors_own_thread(world: World) {
            let mutex = mutex();
            let guard = mutex.lock().on(world).await;
            let mut ahead = mutex.lock();
            let hand = Hand::new();
            assert!(hand.poll(&mut ahead).is_pending());
            let releases = thread::spawn(move || {
                let_it_block();
                drop(guard);
            });
            let joined = futures::join!(
                // Queued behind `ahead`, and awaited in the same task as the next one blocks in.
                async { drop(mutex.lock().await) },
                async { drop(mutex.lock().block()) },
                async { drop(ahead.await) },
            );
            assert_eq!(joined, ((), (), ()));
            releases.join().unwrap();
        }
    }
}

mod p2_every_poll_is_an_attempt {
    use super::*;

    worlds! {
        /// One wait of a task has been notified and is not polled: the other goes on.
        async fn two_waits_in_one_task(world: World) {
            let mutex = mutex();
            let guard = mutex.lock().on(world).await;
            let mut first = mutex.lock();
            let mut second = mutex.lock();
            assert!(futures::poll!(&mut first).is_pending());
            assert!(futures::poll!(&mut second).is_pending());
            drop(guard);
            drop(second.await);
            drop(mutex.lock().await);
            drop(first.await);
        }

        /// The same with a third wait that starves, and for which the lock is kept.
        async fn beside_a_reservation(world: World) {
            let mutex = mutex();
            let mut guard = mutex.lock().on(world).await;
            let mut starving = mutex.lock();
            let mut queued = mutex.lock();
            assert!(futures::poll!(&mut starving).is_pending());
            // Woken in vain for more than a millisecond.
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(10) {
                drop(guard);
                guard = mutex.try_lock().expect("nobody else takes it");
                assert!(futures::poll!(&mut starving).is_pending());
            }
            assert!(futures::poll!(&mut queued).is_pending());
            drop(guard);
            // One first polled after the release, and one that was in the queue.
            drop(mutex.lock().await);
            drop(queued.await);
            drop(starving.await);
        }
    }

    #[test]
    fn a_poll_without_a_wakeup_succeeds_on_a_free_lock() {
        let mutex = mutex();
        let guard = mutex.lock().block();
        let (mut first, mut second) = (mutex.lock(), mutex.lock());
        let (one, two) = (Hand::new(), Hand::new());
        assert!(one.poll(&mut first).is_pending());
        assert!(two.poll(&mut second).is_pending());
        drop(guard);
        assert_eq!((one.woken(), two.woken()), (1, 0));
        drop(ready(two.poll(&mut second)));
        drop(ready(one.poll(&mut first)));
    }
}

mod p3_a_notified_wait_that_gives_up_wakes_the_next {
    use super::*;

    /// How a waiter that has been notified gives up.
    const WAYS: [fn(Wait<Lock<'static, u32>>); 3] = [
        drop,
        |wait| {
            // A deadline in the past, that is only looked at when the attempt fails.
            let taken = mutex_of(&wait).try_lock().expect("it is free");
            let mut timeout = wait.timeout(Duration::ZERO);
            assert!(ready(Hand::new().poll(&mut timeout)).is_err());
            drop(taken);
        },
        |wait| {
            let taken = mutex_of(&wait).try_lock().expect("it is free");
            let mut or = Box::pin(wait.or(std::future::ready(())));
            assert!(ready(Hand::new().poll(&mut or)).is_err());
            drop(taken);
        },
    ];

    thread_local! {
        static MUTEX: std::cell::Cell<Option<&'static Mutex<u32>>> = const { std::cell::Cell::new(None) };
    }

    fn mutex_of(_: &Wait<Lock<'static, u32>>) -> &'static Mutex<u32> {
        MUTEX.get().expect("set by the test")
    }

    #[test]
    fn task_before_task() {
        for give_up in WAYS {
            let mutex = mutex();
            MUTEX.set(Some(mutex));
            let guard = mutex.lock().block();
            let (one, two) = (Hand::new(), Hand::new());
            let (mut first, mut second) = (mutex.lock(), mutex.lock());
            assert!(one.poll(&mut first).is_pending());
            assert!(two.poll(&mut second).is_pending());
            drop(guard);
            assert_eq!((one.woken(), two.woken()), (1, 0));
            give_up(first);
            assert_eq!(two.woken(), 1, "the notification was lost");
            drop(ready(two.poll(&mut second)));
        }
    }

    #[test]
    fn task_before_thread() {
        for give_up in WAYS {
            watched(move || {
                let mutex = mutex();
                MUTEX.set(Some(mutex));
                let guard = mutex.lock().block();
                let mut first = mutex.lock();
                assert!(Hand::new().poll(&mut first).is_pending());
                drop(guard);
                let guard = mutex.lock().block();
                let thread = thread::spawn(|| drop(mutex.lock().block()));
                let_it_block();
                drop(guard);
                thread.join().unwrap();
                give_up(first);
            });
        }
    }

    /// Threads whose time is up, before a task or a thread: they race with the release, and whoever wins, the next
    /// one is woken.
    #[test]
    fn thread_before_either() {
        watched(|| {
            for round in 0..300 {
                let mutex = mutex();
                let guard = mutex.lock().block();
                let impatient: Vec<_> = (0..2)
                    .map(|n| {
                        let timeout = Duration::from_micros(100 + 10 * (round % 20) + n);
                        thread::spawn(move || drop(mutex.lock().timeout(timeout).block()))
                    })
                    .collect();
                let task = thread::spawn(|| {
                    futures::executor::block_on(async { drop(mutex.lock().await) })
                });
                let thread = thread::spawn(|| drop(mutex.lock().block()));
                thread::sleep(Duration::from_micros(100));
                drop(guard);
                impatient
                    .into_iter()
                    .for_each(|thread| thread.join().unwrap());
                task.join().unwrap();
                thread.join().unwrap();
            }
        });
    }

    worlds! {
        /// Parties that give up at every moment, and some that don't.
        async fn cancelled_at_random(world: World) {
            let mutex = mutex();
            let mut parties = Vec::new();
            for seed in 0..8 {
                parties.push(world.spawn(move |world| async move {
                    let mut random = fastrand::Rng::with_seed(seed);
                    for _ in 0..200 {
                        let mut wait = mutex.lock();
                        for _ in 0..random.u32(0..3) {
                            if let Poll::Ready(guard) = futures::poll!(&mut wait) {
                                world.yield_now().await;
                                drop(guard);
                                break;
                            }
                            world.yield_now().await;
                        }
                    }
                    *mutex.lock().on(world).await += 1;
                }));
            }
            for party in parties {
                party.join().await;
            }
            assert_eq!(*mutex.lock().on(world).await, 8);
        }
    }
}

mod p4_a_release_wakes_a_further_waiter {
    use super::*;

    #[test]
    fn before_the_first_has_run() {
        let mutex = mutex();
        let guard = mutex.lock().block();
        let hands = [Hand::new(), Hand::new(), Hand::new()];
        let mut waits = [mutex.lock(), mutex.lock(), mutex.lock()];
        assert!(hands[0].poll(&mut waits[0]).is_pending());
        assert!(hands[1].poll(&mut waits[1]).is_pending());
        drop(guard);
        // Somebody barges in, another one queues up, and the first one woken has not run yet.
        let guard = mutex.try_lock().unwrap();
        assert!(hands[2].poll(&mut waits[2]).is_pending());
        drop(guard);
        assert_eq!(hands.each_ref().map(Hand::woken), [1, 1, 0]);
    }

    #[test]
    fn two_notifications_wake_two() {
        let (mutex, changed) = (mutex(), Condvar::new());
        let hands = [Hand::new(), Hand::new(), Hand::new()];
        let _waits = hands.each_ref().map(|hand| {
            let mut wait = changed.wait(mutex.lock().block());
            assert!(hand.poll(&mut wait).is_pending());
            wait
        });
        assert_eq!(changed.notify_one(), 1);
        assert_eq!(changed.notify_one(), 1);
        assert_eq!(hands.each_ref().map(Hand::woken), [1, 1, 0]);
    }
}

mod p5_no_user_code_under_a_lock {
    use super::*;

    /// A waker that runs a function, as an executor that polls where it is woken does.
    struct Runs(Box<dyn Fn() + Send + Sync>);

    impl Wake for Runs {
        fn wake(self: Arc<Self>) {
            (self.0)();
        }
    }

    fn runs(what: impl Fn() + Send + Sync + 'static) -> Waker {
        Waker::from(Arc::new(Runs(Box::new(what))))
    }

    /// Polls a wait, with a waker that does something with the same mutex; releases; and expects
    /// another waiter to get its turn.
    fn hostile(what: impl Fn(&'static Mutex<u32>) + Send + Sync + 'static) {
        watched(move || {
            let mutex = mutex();
            let guard = mutex.lock().block();
            let waker = runs(move || what(mutex));
            let mut wait = mutex.lock();
            assert!(poll_with(&waker, &mut wait).is_pending());
            let other = Hand::new();
            let mut second = mutex.lock();
            assert!(other.poll(&mut second).is_pending());
            let _ = catch_unwind(AssertUnwindSafe(|| drop(guard)));
            drop(wait);
            drop(ready(other.poll(&mut second)));
            assert!(other.woken() > 0, "the second waiter was not woken");
        });
    }

    #[test]
    fn a_waker_that_locks() {
        hostile(|mutex| *mutex.lock().block() += 1);
    }

    #[test]
    fn a_waker_that_polls_and_drops_another_wait() {
        hostile(|mutex| {
            let guard = mutex.try_lock();
            let mut wait = mutex.lock();
            let _ = Hand::new().poll(&mut wait);
            drop(wait);
            drop(guard);
        });
    }

    #[test]
    fn a_waker_that_panics() {
        hostile(|_| panic!("in the waker"));
    }

    /// The panic reaches whoever released, after everybody else has been woken.
    #[test]
    fn a_panic_comes_last() {
        let event = Event::new();
        let hands = [Hand::new(), Hand::new()];
        let mut waits = [event.wait(), event.wait(), event.wait()];
        assert!(hands[0].poll(&mut waits[0]).is_pending());
        assert!(poll_with(&runs(|| panic!("in the waker")), &mut waits[1]).is_pending());
        assert!(hands[1].poll(&mut waits[2]).is_pending());
        assert!(catch_unwind(AssertUnwindSafe(|| event.set())).is_err());
        assert_eq!(hands.each_ref().map(Hand::woken), [1, 1]);
    }

    /// A second panic while unwinding would abort the process.
    #[test]
    fn a_panic_while_unwinding_is_swallowed() {
        let mutex = mutex();
        let mut wait = mutex.lock();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let _guard = mutex.lock().block();
            assert!(poll_with(&runs(|| panic!("in the waker")), &mut wait).is_pending());
            panic!("with the lock in hand");
        }));
        assert_eq!(
            *result.unwrap_err().downcast::<&str>().unwrap(),
            "with the lock in hand"
        );
        assert!(!mutex.is_locked());
    }

    /// A waker that does something when it's cloned or dropped.
    struct Shared {
        polls: &'static Mutex<u32>,
    }

    impl Drop for Shared {
        fn drop(&mut self) {
            let _ = self.polls.lock().timeout(Duration::from_millis(1)).block();
        }
    }

    impl Wake for Shared {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_waker_whose_drop_locks() {
        watched(|| {
            let mutex = mutex();
            let guard = mutex.lock().block();
            let mut wait = mutex.lock();
            for _ in 0..3 {
                // Each replaces the last one, which is dropped.
                let waker = Waker::from(Arc::new(Shared { polls: mutex }));
                assert!(poll_with(&waker, &mut wait).is_pending());
            }
            drop(guard);
            drop(wait);
            assert!(mutex.try_lock().is_some());
        });
    }

    /// The predicate of a condition variable, and the wakers that giving the lock up calls.
    #[test]
    fn a_predicate_that_uses_the_condition_variable() {
        watched(|| {
            let (mutex, changed) = (mutex(), Condvar::new());
            let mut looks = 0;
            let guard = mutex.lock().block();
            let wait = changed.wait_while(guard, |_| {
                changed.notify_all();
                assert!(mutex.try_lock().is_none());
                looks += 1;
                looks < 3
            });
            let (mut guard, result) = wait.timeout(Duration::from_millis(1)).block();
            *guard += 1;
            assert!(result.timed_out());
        });
    }
}

mod p6_nobody_starves {
    use super::*;

    worlds! {
        /// A greedy stream of short critical sections with no pause between them, against one modest waiter.
        async fn against_greedy_threads(world: World) {
            let mutex = mutex();
            let stop = Arc::new(AtomicBool::new(false));
            let greedy: Vec<_> = (0..2)
                .map(|_| {
                    let stop = stop.clone();
                    thread::spawn(move || {
                        while !stop.load(Ordering::Relaxed) {
                            let _guard = mutex.lock().block();
                            let start = Instant::now();
                            while start.elapsed() < Duration::from_micros(300) {
                                std::hint::spin_loop();
                            }
                        }
                    })
                })
                .collect();
            for _ in 0..20 {
                *mutex.lock().on(world).await += 1;
            }
            stop.store(true, Ordering::Relaxed);
            for thread in greedy {
                thread.join().unwrap();
            }
        }

        /// As above, where the greedy ones are tasks that hold the lock over a yield.
        async fn against_greedy_tasks(world: World) {
            let mutex = mutex();
            let stop = Arc::new(AtomicBool::new(false));
            let mut greedy = Vec::new();
            for _ in 0..4 {
                let stop = stop.clone();
                greedy.push(world.spawn(move |world| async move {
                    while !stop.load(Ordering::Relaxed) {
                        let _guard = mutex.lock().on(world).await;
                        world.yield_now().await;
                    }
                }));
            }
            for _ in 0..20 {
                *mutex.lock().on(world).await += 1;
            }
            stop.store(true, Ordering::Relaxed);
            for party in greedy {
                party.join().await;
            }
        }
    }

    /// Polled by hand and always too late: after a while the lock is kept for it.
    #[test]
    fn a_waiter_that_is_always_late_gets_it() {
        let mutex = mutex();
        let (late, newcomer) = (Hand::new(), Hand::new());
        let mut wait = mutex.lock();
        let start = Instant::now();
        loop {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "the waiter starves"
            );
            let mut quick = mutex.lock();
            let Poll::Ready(guard) = newcomer.poll(&mut quick) else {
                // Kept for the other one.
                drop(ready(late.poll(&mut wait)));
                drop(ready(newcomer.poll(&mut quick)));
                break;
            };
            assert!(late.poll(&mut wait).is_pending());
            drop(guard);
        }
        // With that the reservation is over.
        assert!(mutex.lock().timeout(Duration::ZERO).block().is_ok());
        drop(ready(newcomer.poll(&mut mutex.lock())));
    }

    /// A starving task that is not polled any more keeps nobody out for long.
    #[test]
    fn a_reservation_expires() {
        watched(|| {
            let mutex = mutex();
            let hand = Hand::new();
            let mut starving = mutex.lock();
            let mut guard = mutex.lock().block();
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(10) {
                assert!(hand.poll(&mut starving).is_pending());
                drop(guard);
                guard = mutex.try_lock().expect("nobody else takes it");
            }
            assert!(hand.poll(&mut starving).is_pending());
            drop(guard);
            assert!(hand.woken() > 0);
            // A thread, a task, and whoever makes one attempt only.
            drop(mutex.lock().timeout(Duration::ZERO).block().unwrap());
            drop(mutex.try_lock().unwrap());
            drop(mutex.lock().block());
            drop(futures::executor::block_on(mutex.lock()));
            drop(ready(hand.poll(&mut starving)));
        });
    }
}

mod p7_panics_poison_nothing {
    use super::*;

    /// Released by the panic itself, not only when the wait is dropped.
    #[test]
    fn in_a_poll_of_a_wait_that_lives_on() {
        let (mutex, changed) = (mutex(), Condvar::new());
        let mut wait = changed.wait_while(mutex.lock().block(), |_| panic!("in the predicate"));
        let poll = catch_unwind(AssertUnwindSafe(|| Hand::new().poll(&mut wait).is_ready()));
        assert!(poll.is_err());
        assert!(mutex.try_lock().is_some());
        drop(wait);
    }

    worlds! {
        /// A predicate that panics releases the lock, and leaves no waiter behind.
        async fn in_a_predicate(world: World) {
            let shared = Arc::new((Mutex::new(0), Condvar::new()));
            let party = {
                let shared = shared.clone();
                world.spawn(move |world| async move {
                    let (mutex, changed) = &*shared;
                    let guard = mutex.lock().on(world).await;
                    let wait = changed.wait_while(guard, |value| {
                        assert!(*value == 0, "in the predicate");
                        true
                    });
                    if world.is_threads() {
                        catch_unwind(AssertUnwindSafe(|| drop(wait.block()))).is_err()
                    } else {
                        let wait = AssertUnwindSafe(async { drop(wait.await) });
                        futures::FutureExt::catch_unwind(wait).await.is_err()
                    }
                })
            };
            let (mutex, changed) = &*shared;
            world.until(|| changed.notify_one() == 1).await;
            *mutex.lock().on(world).await = 1;
            world
                .until(|| {
                    changed.notify_one();
                    !mutex.is_locked()
                })
                .await;
            assert!(party.join().await);
            assert_eq!(*mutex.lock().on(world).await, 1);
            assert_eq!(changed.notify_all(), 0);
        }
    }
}

mod nested {
    use super::*;

    /// A poll that blocks its thread, in a future that is itself driven by `block_on`: the inner
    /// wait doesn't use up the outer one's wake-up.
    #[test]
    fn blocking_inside_of_block_on() {
        watched(|| {
            for _ in 0..200 {
                let (outer, inner) = (Arc::new(Event::new()), Arc::new(Event::new()));
                let sets = {
                    let (outer, inner) = (outer.clone(), inner.clone());
                    thread::spawn(move || {
                        outer.set();
                        inner.set();
                    })
                };
                let mut wait = outer.wait();
                amphi::block_on(std::future::poll_fn(|cx| {
                    let poll = std::pin::Pin::new(&mut wait).poll(cx);
                    inner.wait().block();
                    poll
                }));
                sets.join().unwrap();
            }
        });
    }

    /// The program's own use of `park` is not disturbed: a token that comes while a thread
    /// is blocked here is not lost.
    #[test]
    fn a_token_of_unpark_is_given_back() {
        watched(|| {
            let event = Arc::new(Event::new());
            let (ready, is_ready) = mpsc::channel();
            let thread = {
                let event = event.clone();
                thread::spawn(move || {
                    ready.send(()).unwrap();
                    event.wait().block();
                    thread::park();
                })
            };
            is_ready.recv().unwrap();
            let_it_block();
            thread.thread().unpark();
            let_it_block();
            event.set();
            thread.join().unwrap();
        });
    }
}
