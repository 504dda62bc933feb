//! P4: two releases before the first woken waiter runs wake two.

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
