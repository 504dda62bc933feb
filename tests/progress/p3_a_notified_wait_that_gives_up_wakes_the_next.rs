//! P3: dropped, timed out or cancelled after its notification, a wait passes it on.

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
            let task =
                thread::spawn(|| futures::executor::block_on(async { drop(mutex.lock().await) }));
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
