//! P2: a poll succeeds on what is free, whether it was notified or not.

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
