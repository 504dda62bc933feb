//! `Mutex` and its guards.

mod worlds;

use amphi::{
    MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard, TimedOut,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use worlds::{Hand, On, World, worlds};

worlds! {
    /// One at a time: no increment is lost, not even over a yield.
    async fn excludes(world: World) {
        let mutex = Arc::new(Mutex::new(0));
        let mut parties = Vec::new();
        for _ in 0..8 {
            let mutex = mutex.clone();
            parties.push(world.spawn(move |world| async move {
                for round in 0..1000 {
                    let mut guard = mutex.lock().on(world).await;
                    let old = *guard;
                    if round % 16 == 0 {
                        world.yield_now().await;
                    }
                    *guard = old + 1;
                }
            }));
        }
        for party in parties {
            party.join().await;
        }
        assert_eq!(*mutex.lock().on(world).await, 8000);
    }

    /// As `excludes`, with guards that own the mutex and may come from anywhere.
    async fn excludes_owned(world: World) {
        let mutex = Arc::new(Mutex::new(0));
        let mut parties = Vec::new();
        for _ in 0..6 {
            let mutex = mutex.clone();
            parties.push(world.spawn(move |world| async move {
                for _ in 0..300 {
                    *mutex.lock_owned().on(world).await += 1;
                }
                // A guard may be dropped anywhere.
                let guard = mutex.lock_owned().on(world).await;
                world.spawn(|_| async move { drop(guard) }).join().await;
            }));
        }
        for party in parties {
            party.join().await;
        }
        assert_eq!(*mutex.try_lock_owned().unwrap(), 1800);
    }

    /// With timeouts everywhere: who gives up leaves no trace, and nobody is forgotten.
    async fn give_up(world: World) {
        let mutex = Arc::new(Mutex::new(0));
        let mut parties = Vec::new();
        for party in 0..8 {
            let mutex = mutex.clone();
            parties.push(world.spawn(move |world| async move {
                let mut times = 0;
                for round in 0..300 {
                    let timeout = Duration::from_micros((round * 7 + party * 31) % 90);
                    if let Ok(mut guard) = mutex.lock().timeout(timeout).on(world).await {
                        *guard += 1;
                        times += 1;
                        if round % 8 == 0 {
                            world.yield_now().await;
                        }
                    }
                }
                // One without a timeout: it hangs if a wake-up was lost.
                *mutex.lock().on(world).await += 1;
                times + 1
            }));
        }
        let mut sum = 0;
        for party in parties {
            sum += party.join().await;
        }
        assert_eq!(*mutex.lock().on(world).await, sum);
    }

    /// A held lock times out, not before its time, and is unharmed.
    async fn times_out(world: World) {
        let mutex = Mutex::new(1);
        let guard = mutex.lock().on(world).await;
        assert!(mutex.try_lock().is_none());
        let start = Instant::now();
        let timeout = Duration::from_millis(20);
        assert_eq!(mutex.lock().timeout(timeout).on(world).await.err(), Some(TimedOut));
        assert!(start.elapsed() >= timeout);
        assert_eq!(mutex.lock().timeout(Duration::ZERO).on(world).await.err(), Some(TimedOut));
        assert_eq!(mutex.lock().deadline(start).on(world).await.err(), Some(TimedOut));
        drop(guard);
        assert_eq!(*mutex.lock().timeout(Duration::ZERO).on(world).await.unwrap(), 1);
        assert_eq!(*mutex.lock().deadline(start).on(world).await.unwrap(), 1);
        assert_eq!(*mutex.lock().timeout(Duration::MAX).on(world).await.unwrap(), 1);
    }

    /// `unlock_fair` lets a waiter go first although the caller comes back at once.
    async fn unlock_fair(world: World) {
        let mutex = Arc::new(Mutex::new(Vec::new()));
        let guard = mutex.lock().on(world).await;
        let mut parties = Vec::new();
        for name in 1..=3 {
            let mutex = mutex.clone();
            parties.push(world.spawn(move |world| async move {
                mutex.lock().on(world).await.push(name);
            }));
        }
        world.sleep(Duration::from_millis(5)).await;
        MutexGuard::unlock_fair(guard);
        for party in parties {
            party.join().await;
        }
        let mut names = mutex.lock().on(world).await.clone();
        names.sort();
        assert_eq!(names, [1, 2, 3]);
    }
}

#[test]
fn fair_unlock_keeps_the_lock_for_the_waiter() {
    let mutex = Mutex::new(());
    let guard = mutex.lock().block();
    let (waiter, newcomer) = (Hand::new(), Hand::new());
    let mut wait = mutex.lock();
    assert!(waiter.poll(&mut wait).is_pending());
    MutexGuard::unlock_fair(guard);
    assert_eq!(waiter.woken(), 1);
    let mut late = mutex.lock();
    assert!(
        newcomer.poll(&mut late).is_pending(),
        "a newcomer got a lock kept for a waiter"
    );
    let guard = match waiter.poll(&mut wait) {
        std::task::Poll::Ready(guard) => guard,
        std::task::Poll::Pending => panic!("the lock was kept for nobody"),
    };
    drop(guard);
    assert!(newcomer.poll(&mut late).is_ready());
    assert!(mutex.try_lock().is_some());
}

#[test]
fn accessors() {
    let mut mutex = Mutex::from(vec![1]);
    assert!(!mutex.is_locked());
    mutex.get_mut().push(2);
    assert_eq!(format!("{mutex:?}"), "Mutex { data: [1, 2] }");
    let guard = mutex.try_lock().unwrap();
    assert!(mutex.is_locked());
    assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
    assert_eq!(format!("{guard:?}"), "[1, 2]");
    assert!(std::ptr::eq(*MutexGuard::mutex(&guard), &mutex));
    drop(guard);
    assert_eq!(mutex.into_inner(), [1, 2]);
    assert_eq!(Mutex::<u8>::default().into_inner(), 0);
    let unsized_data: &Mutex<[u8]> = &Mutex::new([1, 2, 3]);
    assert_eq!(unsized_data.lock().block().len(), 3);
}

#[test]
fn mapped_guards_hold_the_lock_until_they_are_dropped() {
    let mutex = Arc::new(Mutex::new((1, [2, 3])));
    let guard: MappedMutexGuard<'_, _, [i32; 2]> =
        MutexGuard::map(mutex.lock().block(), |pair| &mut pair.1);
    let mut last: MappedMutexGuard<'_, _, i32> = MappedMutexGuard::map(guard, |two| &mut two[1]);
    *last += 10;
    assert!(mutex.try_lock().is_none());
    drop(last);

    let guard: OwnedMutexGuard<_> = mutex.lock_owned().block();
    let guard = OwnedMutexGuard::try_map(guard, |_| None::<&mut ()>).unwrap_err();
    let mut first: OwnedMappedMutexGuard<_, i32> =
        OwnedMutexGuard::try_map(guard, |pair| Some(&mut pair.0)).unwrap();
    *first += 10;
    assert!(mutex.is_locked());
    drop(first);
    assert_eq!(*mutex.try_lock().unwrap(), (11, [2, 13]));
}

#[test]
fn a_panic_in_map_releases() {
    let mutex = Mutex::new(1);
    let guard = mutex.lock().block();
    let result = catch_unwind(AssertUnwindSafe(|| {
        drop(MutexGuard::map(guard, |_| -> &mut i32 { panic!("in map") }));
    }));
    assert!(result.is_err());
    assert!(!mutex.is_locked());
}

#[test]
fn a_panic_in_the_critical_section_releases() {
    let mutex = Mutex::new(1);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let _guard = mutex.lock().block();
        panic!("with the lock in hand");
    }));
    assert!(result.is_err());
    assert_eq!(*mutex.lock().block(), 1);
}

#[test]
fn an_owned_guard_keeps_the_mutex_alive() {
    struct Flag(Arc<Mutex<bool>>);
    impl Drop for Flag {
        fn drop(&mut self) {
            *self.0.lock().block() = true;
        }
    }
    let dropped = Arc::new(Mutex::new(false));
    let guard = Arc::new(Mutex::new(Flag(dropped.clone())))
        .lock_owned()
        .block();
    assert!(!*dropped.lock().block());
    drop(guard);
    assert!(*dropped.lock().block());
}

#[test]
fn force_unlock() {
    let mutex = Mutex::new(1);
    std::mem::forget(mutex.lock().block());
    assert!(mutex.is_locked());
    // SAFETY: The guard has been forgotten.
    unsafe { mutex.force_unlock() };
    assert!(!mutex.is_locked());
}

#[test]
fn sixteen_bytes() {
    assert_eq!(size_of::<Mutex<()>>(), 16);
}
