//! `ReentrantMutex` and `owner`.

mod worlds;

use amphi::{Condvar, Event, ReentrantMutex, TimedOut, block_on, owner};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::thread;
use std::time::Duration;
use worlds::{Hand, On, World, watched, worlds};

/// Locks over and over, by calling itself.
async fn recurse(world: World, mutex: &ReentrantMutex<AtomicUsize>, depth: usize) {
    let guard = mutex.lock().on(world).await;
    guard.fetch_add(1, SeqCst);
    world.yield_now().await;
    if depth > 1 {
        Box::pin(recurse(world, mutex, depth - 1)).await;
    }
}

worlds! {
    /// Several owners, each of which takes the lock over and over: only one at a time, and every level is given back.
    async fn levels(world: World) {
        let shared = Arc::new((ReentrantMutex::new(AtomicUsize::new(0)), AtomicUsize::new(0)));
        let mut parties = Vec::new();
        for _ in 0..6 {
            let shared = shared.clone();
            parties.push(world.spawn(move |world| owner::scope(async move {
                let (mutex, inside) = &*shared;
                for _ in 0..50 {
                    let guard = mutex.lock().on(world).await;
                    assert_eq!(inside.fetch_add(1, SeqCst), 0, "two owners at a time");
                    recurse(world, mutex, 4).await;
                    assert_eq!(mutex.depth(), 1);
                    assert!(mutex.is_owned_by_current());
                    inside.fetch_sub(1, SeqCst);
                    drop(guard);
                    world.yield_now().await;
                }
            })));
        }
        for party in parties {
            party.join().await;
        }
        assert_eq!(shared.0.try_lock().unwrap().load(SeqCst), 6 * 50 * 4);
        assert!(shared.0.owner().is_some() == shared.0.is_locked());
        assert!(!shared.0.is_locked());
    }

    /// Another owner gets in only when the last level is gone, and times out before.
    async fn last_level(world: World) {
        let mutex = Arc::new(ReentrantMutex::new(()));
        let (tried, out) = (Arc::new(Event::new()), mutex.clone());
        owner::scope(async move {
            let first = mutex.lock().on(world).await;
            let second = mutex.lock().on(world).await;
            for guard in [first, second] {
                let (other, tries) = (mutex.clone(), tried.clone());
                let party = world.spawn(move |world| owner::scope(async move {
                    let timeout = Duration::from_millis(5);
                    let result = other.lock().timeout(timeout).on(world).await;
                    assert_eq!(result.err(), Some(TimedOut));
                    assert_eq!(other.depth(), 0);
                    tries.set();
                }));
                party.join().await;
                drop(guard);
            }
        })
        .await;
        assert!(out.try_lock().is_some());
    }

    /// A condition variable gives the lock up and takes it back.
    async fn condvar(world: World) {
        struct Shared {
            stock: ReentrantMutex<AtomicUsize>,
            changed: Condvar,
        }
        let shared = Arc::new(Shared {
            stock: ReentrantMutex::new(AtomicUsize::new(0)),
            changed: Condvar::new(),
        });
        let takes = shared.clone();
        let taker = world.spawn(move |world| owner::scope(async move {
            for _ in 0..20 {
                let guard = takes.stock.lock().on(world).await;
                let empty = |stock: &AtomicUsize| stock.load(SeqCst) == 0;
                let guard = takes.changed.wait_while(guard, empty).on(world).await;
                guard.fetch_sub(1, SeqCst);
                assert_eq!(takes.stock.depth(), 1);
            }
        }));
        owner::scope(async {
            for _ in 0..20 {
                let guard = shared.stock.lock().on(world).await;
                let _again = shared.stock.lock().on(world).await;
                guard.fetch_add(1, SeqCst);
                shared.changed.notify_one();
            }
        })
        .await;
        taker.join().await;
        assert!(!shared.stock.is_locked());
        let guard = shared.stock.lock().on(world).await;
        let timeout = Duration::from_millis(1);
        let (guard, result) = shared.changed.wait(guard).timeout(timeout).on(world).await;
        assert!(result.timed_out());
        drop(guard);
        assert!(!shared.stock.is_locked());
    }
}

/// A scope is the same owner wherever its task goes on.
#[test]
fn a_task_that_moves() {
    let mutex = Arc::new(ReentrantMutex::new(()));
    let locks = mutex.clone();
    let mut task = Box::pin(owner::scope(async move {
        let me = owner::current();
        let _first = locks.lock().await;
        hop().await;
        let _second = locks.lock().await;
        assert_eq!((locks.depth(), locks.owner()), (2, Some(me.clone())));
        hop().await;
        assert_eq!((locks.depth(), owner::current()), (2, me));
    }));
    for _ in 0..2 {
        // Each poll on a thread of its own.
        let poll = thread::spawn(move || {
            assert!(Hand::new().poll(&mut task).is_pending());
            task
        });
        task = poll.join().unwrap();
        assert!(mutex.try_lock().is_none(), "the thread is not the scope");
    }
    assert!(Hand::new().poll(&mut task).is_ready());
    assert!(!mutex.is_locked());
}

/// Gives way to others, and to other workers.
async fn hop() {
    let mut hopped = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut hopped, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// Tasks that move between two workers as these like.
#[test]
fn tasks_that_move() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let mutex = Arc::new(ReentrantMutex::new(()));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let mutex = mutex.clone();
                tokio::spawn(owner::scope(async move {
                    for _ in 0..200 {
                        let first = mutex.lock().await;
                        hop().await;
                        let second = mutex.lock().await;
                        assert_eq!(mutex.depth(), 2);
                        drop(first);
                        hop().await;
                        assert_eq!(mutex.depth(), 1);
                        drop(second);
                    }
                }))
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert!(!mutex.is_locked());
}

#[test]
fn another_task_on_the_same_thread() {
    let (mutex, hand) = (ReentrantMutex::new(()), Hand::new());
    let mut first = Box::pin(owner::scope(async {
        let _guard = mutex.lock().await;
        hop().await;
    }));
    let mut second = Box::pin(owner::scope(async {
        let _guard = mutex.lock().await;
    }));
    assert!(hand.poll(&mut first).is_pending());
    assert!(mutex.try_lock().is_none(), "the thread is not the scope");
    assert_eq!(mutex.depth(), 0);
    assert!(hand.poll(&mut second).is_pending());
    assert!(hand.poll(&mut first).is_ready());
    assert!(hand.poll(&mut second).is_ready());
}

/// Awaited outside of a scope each lock is by itself.
#[test]
fn outside_of_a_scope() {
    let (mutex, hand) = (ReentrantMutex::new(()), Hand::new());
    let mut first = mutex.lock();
    let std::task::Poll::Ready(guard) = hand.poll(&mut first) else {
        panic!("the lock is free")
    };
    assert_eq!(mutex.owner().unwrap().id(), 0);
    assert!(!mutex.is_owned_by_current());
    let mut second = mutex.lock();
    assert!(hand.poll(&mut second).is_pending());
    assert!(mutex.try_lock().is_none());
    drop(guard);
    assert!(hand.poll(&mut second).is_ready());
}

#[test]
fn nested_scopes() {
    amphi::block_on(owner::scope_named("outer", async {
        let mutex = ReentrantMutex::new(());
        let outer = owner::current();
        let guard = mutex.lock().await;
        owner::scope_named("inner", async {
            assert_eq!(owner::current().name(), Some("inner"));
            assert_ne!(owner::current(), outer);
            assert!(mutex.try_lock().is_none());
            assert_eq!(mutex.owner(), Some(outer.clone()));
        })
        .await;
        assert_eq!(owner::current(), outer);
        drop(guard);
    }));
    assert_ne!(owner::current().name(), Some("outer"));
}

fn message(action: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(action)).unwrap_err();
    payload.downcast_ref::<&str>().unwrap().to_string()
}

/// Where it can be told that it would wait for itself it panics.
#[test]
fn waits_for_itself() {
    watched(|| {
        let mutex = ReentrantMutex::new(());
        let guard = mutex.lock().block();
        let in_scope = message(|| {
            amphi::block_on(owner::scope(async {
                drop(mutex.lock().block());
            }))
        });
        assert!(in_scope.contains("would wait for ever"));
        let nested = message(|| {
            let other = ReentrantMutex::new(());
            amphi::block_on(owner::scope(async {
                let _guard = other.lock().await;
                owner::scope(async {
                    drop(other.lock().block());
                })
                .await;
            }))
        });
        assert!(nested.contains("would wait for ever"));
        amphi::block_on(owner::scope(async {
            let timed = mutex.lock().timeout(Duration::ZERO).block();
            assert_eq!(timed.err(), Some(TimedOut), "it would not wait for ever");
        }));
        drop(guard);
        assert!(mutex.try_lock().is_some(), "a panic has left a level");
    });
}

/// One part of a task releases what another part waits for.
#[test]
fn two_parts_of_a_task() {
    watched(|| {
        let mutex = ReentrantMutex::new(());
        amphi::block_on(async {
            let holds = async {
                let guard = mutex.try_lock();
                hop().await;
                drop(guard);
            };
            futures::join!(holds, async { drop(mutex.lock().await) });
        });
    });
}

/// A guard that is dropped on another thread gives its level back there, while the owner takes more.
#[test]
fn levels_dropped_elsewhere() {
    let mutex = Arc::new(ReentrantMutex::new(()));
    for _ in 0..200 {
        let guards: Vec<_> = (0..4).map(|_| mutex.lock_owned().block()).collect();
        let dropper = thread::spawn(move || drop(guards));
        for _ in 0..20 {
            drop(mutex.lock().block());
        }
        dropper.join().unwrap();
        assert!(!mutex.is_locked());
        assert_eq!(mutex.owner(), None);
    }
}

#[test]
fn debug_names_the_holder() {
    let mutex = ReentrantMutex::new(7);
    assert_eq!(format!("{mutex:?}"), "ReentrantMutex { data: 7 }");
    amphi::block_on(owner::scope_named("boss", async {
        let _guard = mutex.lock().await;
        assert_eq!(
            format!("{mutex:?}"),
            "ReentrantMutex { data: 7, state: held by boss }"
        );
        thread::scope(|scope| {
            scope.spawn(|| {
                let shown = format!("{mutex:?}");
                assert_eq!(
                    shown,
                    "ReentrantMutex { data: <locked>, state: held by boss }"
                );
            });
        });
    }));
    let named = thread::Builder::new().name("worker".into());
    let thread = named.spawn(move || {
        let _guard = mutex.lock().block();
        assert!(format!("{mutex:?}").contains("held by worker"));
    });
    thread.unwrap().join().unwrap();
}

/// Waits with a depth of three: all levels are given up and taken back.
#[test]
fn all_levels_are_given_up() {
    watched(|| {
        let shared = Arc::new((ReentrantMutex::new(AtomicUsize::new(0)), Condvar::new()));
        let sets = shared.clone();
        let (mutex, changed) = &*shared;
        let guards = [mutex.lock().block(), mutex.lock().block()];
        let guard = mutex.lock().block();
        // Waits for the lock as a task, whose waker is called when it's given up.
        let task = thread::spawn(move || {
            futures::executor::block_on(owner::scope(async {
                sets.0.lock().await.store(1, SeqCst);
            }));
            sets.1.notify_one()
        });
        let guard = changed
            .wait_while(guard, |set| set.load(SeqCst) == 0)
            .block();
        assert_eq!(mutex.depth(), 3);
        let (guard, result) = changed
            .wait(guard)
            .timeout(Duration::from_millis(1))
            .block();
        assert!(result.timed_out());
        assert_eq!(mutex.depth(), 3);
        drop((guard, guards));
        assert!(!mutex.is_locked());
        task.join().unwrap();
    });
}

/// A guard is dropped on another thread while all levels are given up, and that thread has the lock itself.
#[test]
fn a_level_dropped_while_given_up() {
    watched(|| {
        let (mutex, changed) = (Arc::new(ReentrantMutex::new(())), Arc::new(Condvar::new()));
        let guards = [mutex.lock_owned().block(), mutex.lock_owned().block()];
        let guard = mutex.lock().block();
        let (others, notifies) = (mutex.clone(), changed.clone());
        let [stays, goes] = guards;
        let thread = thread::spawn(move || {
            let mine = others.lock().block();
            drop(goes);
            assert_eq!(others.depth(), 1, "that was another owner's level");
            notifies.notify_all();
            drop(mine);
        });
        let guard = changed.wait(guard).block();
        assert_eq!(mutex.depth(), 2);
        drop((guard, stays));
        assert!(!mutex.is_locked());
        thread.join().unwrap();
    });
}

/// A waker that panics when several levels are given up: that would leave a guard without the lock.
#[test]
fn a_panic_while_levels_are_given_up() {
    struct Throws;
    impl std::task::Wake for Throws {
        fn wake(self: Arc<Self>) {
            panic!("in wake");
        }
    }
    watched(|| {
        let (mutex, changed) = (ReentrantMutex::new(Cell::new(0)), Condvar::new());
        let outer = mutex.lock().block();
        let mut waits = mutex.lock();
        assert!(worlds::poll_with(&Arc::new(Throws).into(), &mut waits).is_pending());
        let wait = changed.wait(mutex.lock().block());
        let (guard, _) = wait.timeout(Duration::ZERO).block();
        assert_eq!(mutex.depth(), 2);
        drop((guard, outer, waits));
        assert!(!mutex.is_locked());
    });
}

/// More than one level can't be given up where other code may run meanwhile.
#[test]
fn several_levels_in_a_poll() {
    let (mutex, changed) = (ReentrantMutex::new(Cell::new(0)), Condvar::new());
    let outer = mutex.lock().block();
    let mut wait = changed.wait(mutex.lock().block());
    let panic = message(|| assert!(Hand::new().poll(&mut wait).is_pending()));
    assert!(panic.contains("held several times over"));
    assert!(mutex.is_locked());
    drop(wait);
    let wait = changed.wait(mutex.lock().block());
    let panic = message(|| assert!(wait.or(async { outer.set(1) }).block().is_ok()));
    assert!(panic.contains("held several times over"));
    drop(outer);
    assert!(!mutex.is_locked());
    let mut wait = changed.wait(mutex.lock().block());
    assert!(Hand::new().poll(&mut wait).is_pending());
    assert!(!mutex.is_locked());
}

/// A wait that was notified, and whose owner had the lock already by the time it looked: the notification is for the next.
#[test]
fn a_notified_wait_that_enters_again_passes_on() {
    let mutex = ReentrantMutex::new(Cell::new(0));
    let first = mutex.lock().block();
    let (one, two) = (Hand::new(), Hand::new());
    let (mut mine, mut others) = (mutex.lock(), mutex.lock());
    let mut guards = Vec::new();
    let mut steps = 0;
    let mut scope = Box::pin(owner::scope(std::future::poll_fn(|_| {
        steps += 1;
        match steps {
            1 => assert!(one.poll(&mut mine).is_pending()),
            2 => guards.push(mutex.try_lock().unwrap()),
            3 => match one.poll(&mut mine) {
                Poll::Ready(guard) => guards.push(guard),
                Poll::Pending => panic!("it's the owner's already"),
            },
            _ => guards.clear(),
        }
        Poll::<()>::Pending
    })));
    let runs = Hand::new();
    assert!(runs.poll(&mut scope).is_pending());
    assert!(two.poll(&mut others).is_pending());
    drop(first);
    assert_eq!((one.woken(), two.woken()), (1, 0));
    for _ in 0..3 {
        assert!(runs.poll(&mut scope).is_pending());
    }
    assert!(!mutex.is_locked());
    assert_eq!(two.woken(), 1, "it's free, and the one who waits sleeps");
}

/// Told that the lock is free, or too late for that, it gives up: the next one is told.
#[test]
fn one_that_gives_up_is_out_of_the_queue() {
    let mutex = ReentrantMutex::new(());
    let guard = mutex.try_lock().unwrap();
    let (mut first, mut second, next) = (mutex.lock(), mutex.lock(), Hand::new());
    assert!(Hand::new().poll(&mut first).is_pending());
    assert!(next.poll(&mut second).is_pending());
    drop(guard);
    assert_eq!(next.woken(), 0);
    drop(first);
    assert_eq!(next.woken(), 1, "the lock is free and nobody knows");
    assert!(next.poll(&mut second).is_ready());

    let guard = mutex.try_lock().unwrap();
    let mut first = mutex.lock().timeout(Duration::from_millis(1));
    while Hand::new().poll(&mut first).is_pending() {
        thread::yield_now();
    }
    let mut third = mutex.lock();
    assert!(next.poll(&mut third).is_pending());
    drop(guard);
    assert_eq!(next.woken(), 2);
    assert!(next.poll(&mut third).is_ready());
}

/// It has taken the lock before it was its turn, and then its old waker panics when it is dropped: the lock is free.
#[test]
fn a_panic_with_the_lock_in_hand() {
    struct Throws;
    impl std::task::Wake for Throws {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Throws {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let mutex = ReentrantMutex::new(());
    let guard = mutex.try_lock().unwrap();
    let (mut ahead, mut wait) = (mutex.lock(), mutex.lock());
    assert!(Hand::new().poll(&mut ahead).is_pending());
    // The queue has the last one.
    assert!(worlds::poll_with(&Arc::new(Throws).into(), &mut wait).is_pending());
    drop(guard);
    let panic = message(|| assert!(Hand::new().poll(&mut wait).is_ready()));
    assert_eq!(panic, "in drop");
    assert!(!mutex.is_locked());
}

/// Two owners have given up several levels each, and one level is dropped meanwhile: each takes back its own.
#[test]
fn two_owners_have_given_up() {
    watched(|| {
        let (mutex, given_up) = (Arc::new(ReentrantMutex::new(())), Arc::new(Event::new()));
        let mut owners = Vec::new();
        for left in [3, 1] {
            let (mutex, changed) = (mutex.clone(), Arc::new(Condvar::new()));
            let (notifies, waits) = (changed.clone(), given_up.clone());
            let (lends, borrows) = std::sync::mpsc::channel();
            let owner = thread::spawn(move || {
                let guards = [mutex.lock_owned().block(), mutex.lock_owned().block()];
                let guard = mutex.lock().block();
                lends.send(guards).unwrap();
                // Those who find it set have to wait for the lock, which is given up when this one waits.
                waits.set();
                let guard = changed.wait(guard).block();
                assert_eq!(mutex.depth(), left);
                drop(guard);
            });
            owners.push((owner, notifies, borrows.recv().unwrap()));
            given_up.wait().block();
            given_up.clear();
        }
        drop(mutex.lock().block());
        let (first, second) = (owners.remove(0), owners.remove(0));
        // The second one's other levels.
        drop(second.2);
        second.1.notify_one();
        second.0.join().unwrap();
        first.1.notify_one();
        first.0.join().unwrap();
        drop(first.2);
        assert!(!mutex.is_locked());
    });
}

/// A task that is polled by the lock's owner is not that owner, not even by the last attempt that it makes when its time is up.
#[test]
fn a_task_on_the_owners_thread() {
    let mutex = ReentrantMutex::new(());
    let guard = mutex.lock().block();
    let mut wait = mutex.lock().timeout(Duration::ZERO);
    assert!(matches!(
        Hand::new().poll(&mut wait),
        Poll::Ready(Err(TimedOut))
    ));
    assert_eq!(mutex.depth(), 1);
    drop(guard);
}

#[test]
fn tried_and_owned() {
    let mutex = Arc::new(ReentrantMutex::new(()));
    let levels = [(); 2].map(|()| mutex.try_lock_owned().expect("it is this thread's"));
    assert_eq!(mutex.depth(), 2);
    let elsewhere = mutex.clone();
    let tried = thread::spawn(move || elsewhere.try_lock_owned().is_none());
    assert!(tried.join().unwrap());
    drop(levels);
    assert!(!mutex.is_locked());
}

fn is_free<T: Send + Sync>(mutex: &ReentrantMutex<T>) -> bool {
    thread::scope(|scope| scope.spawn(|| mutex.try_lock().is_some()).join().unwrap())
}

/// A guard is given to a condition variable on another thread, while the owner goes on with two more of them: the lock is not free.
#[test]
fn a_guard_elsewhere_gives_up_its_own_level() {
    watched(|| {
        let (mutex, changed) = (Arc::new(ReentrantMutex::new(())), Arc::new(Condvar::new()));
        let stay = [mutex.lock_owned().block(), mutex.lock_owned().block()];
        let (goes, waits) = (mutex.lock_owned().block(), changed.clone());
        let thread = thread::spawn(move || drop(waits.wait(goes).block()));
        while mutex.depth() == 3 {
            thread::yield_now();
        }
        assert_eq!(mutex.depth(), 2);
        assert!(!is_free(&mutex));
        assert_eq!(changed.notify_one(), 1);
        assert_eq!(mutex.depth(), 2);
        drop(stay);
        thread.join().unwrap();
        assert!(!mutex.is_locked());
    });
}

/// The thread has the lock twice, and waits in a scope: it is the thread's own wait, and all levels are given up.
#[test]
fn a_wait_in_a_scope_with_the_threads_levels() {
    watched(|| {
        let (mutex, changed) = (ReentrantMutex::new(()), Condvar::new());
        let [first, second] = [mutex.lock().block(), mutex.lock().block()];
        thread::scope(|scope| {
            scope.spawn(|| {
                let guard = mutex.lock().block();
                changed.notify_all();
                drop(guard);
            });
            let wait = async { changed.wait(second).block() };
            drop(block_on(owner::scope(wait)));
        });
        assert_eq!(mutex.depth(), 1);
        drop(first);
        assert!(!mutex.is_locked());
    });
}

/// The same while the owner has given all of them up, and a third party has the lock several times over: its levels are its own.
#[test]
fn a_guard_elsewhere_gives_up_nothing_of_others() {
    watched(|| {
        let (mutex, changed) = (Arc::new(ReentrantMutex::new(())), Arc::new(Condvar::new()));
        let [stays, goes] = [mutex.lock_owned().block(), mutex.lock_owned().block()];
        let has_ended = Arc::new(AtomicUsize::new(0));
        let (others, notifies, ends) = (mutex.clone(), changed.clone(), has_ended.clone());
        let thread = thread::spawn(move || {
            let thirds = [others.lock().block(), others.lock().block()];
            let waits = thread::spawn(move || {
                let other = Condvar::new();
                let (guard, _) = other.wait(goes).timeout(Duration::ZERO).block();
                notifies.notify_all();
                ends.store(1, SeqCst);
                drop(guard);
            });
            // Time for it to take what is not its own. No outcome depends on it, only whether there was anything to show.
            thread::sleep(Duration::from_millis(20));
            assert_eq!(others.depth(), 2);
            assert!(!is_free(&others));
            drop(thirds);
            waits.join().unwrap();
        });
        let stays = changed.wait(stays).block();
        assert_eq!((mutex.depth(), has_ended.load(SeqCst)), (1, 1));
        drop(stays);
        assert!(!mutex.is_locked());
        thread.join().unwrap();
    });
}
