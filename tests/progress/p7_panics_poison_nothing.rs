//! P7: a panic in user code releases what was held.

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
