//! P5: wakers and predicates may do on the same object what they like.

use super::*;

/// Polls a wait, with a waker that does something with the same mutex; releases; and expects
/// another waiter to get its turn.
fn hostile(what: impl Fn(&'static Mutex<u32>) + Send + Sync + 'static) {
    watched(move || {
        let mutex = mutex();
        let guard = mutex.lock().block();
        let waker = waker(move || what(mutex));
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
    assert!(poll_with(&waker(|| panic!("in the waker")), &mut waits[1]).is_pending());
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
        assert!(poll_with(&waker(|| panic!("in the waker")), &mut wait).is_pending());
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
