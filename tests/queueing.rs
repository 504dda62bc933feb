//! Who is woken, and in which order, seen one poll at a time.

mod worlds;

use amphi::{Condvar, Event, Mutex, MutexGuard, Operation, Wait, block_on};
use std::cell::RefCell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::ptr;
use std::sync::{Arc, Mutex as StdMutex, mpsc};
use std::task::{Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::thread;
use std::time::Duration;
use worlds::{Hand, poll_with, watched};

fn leaked() -> &'static Mutex<()> {
    Box::leak(Box::default())
}

/// Tasks that are polled when they are woken, and only then, get the lock in the order in which they came, with a poll
/// each: whoever makes use of its notification wakes nobody.
#[test]
fn first_come_first_served() {
    const TASKS: usize = 6;
    let mutex = Mutex::new(());
    let hands: [Hand; TASKS] = std::array::from_fn(|_| Hand::new());
    let mut waits: [_; TASKS] = std::array::from_fn(|_| mutex.lock());
    let mut guard = mutex.try_lock();
    for (hand, wait) in hands.iter().zip(&mut waits) {
        assert!(hand.poll(wait).is_pending());
    }
    for task in 0..TASKS {
        drop(guard.take());
        let woken = hands.each_ref().map(Hand::woken);
        let expected: [usize; TASKS] = std::array::from_fn(|other| usize::from(other <= task));
        assert_eq!(woken, expected);
        let Poll::Ready(next) = hands[task].poll(&mut waits[task]) else {
            panic!("the lock is free")
        };
        assert_eq!(
            hands.each_ref().map(Hand::woken),
            woken,
            "it is not free any more"
        );
        guard = Some(next);
    }
}

struct Runs<F>(F);

impl<F: Fn() + Send + Sync> Wake for Runs<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

/// The waker of a task ahead takes its time: until the thread behind it has been woken.
fn threads_first<O: Operation + Send + 'static>(
    wait: impl Fn() -> Wait<O> + Send + Copy + 'static,
    release: impl FnOnce() + Send + 'static,
) {
    watched(move || {
        let (gets_through, got_through) = mpsc::channel();
        let got_through = StdMutex::new(got_through);
        let waker = Waker::from(Arc::new(Runs(move || {
            let result = got_through
                .lock()
                .unwrap()
                .recv_timeout(Duration::from_secs(10));
            result.expect("the thread is woken after the task");
        })));
        let mut task = wait();
        assert!(poll_with(&waker, &mut task).is_pending());
        let thread = thread::spawn(move || {
            drop(wait().block());
            gets_through.send(()).unwrap();
        });
        // So that it waits, mostly.
        thread::sleep(Duration::from_millis(30));
        release();
        thread.join().unwrap();
    });
}

#[test]
fn threads_first_by_a_release() {
    let mutex = leaked();
    let guard = mutex.try_lock();
    threads_first(|| mutex.lock(), || drop(guard));
}

#[test]
fn threads_first_by_a_broadcast() {
    let event: &'static Event = Box::leak(Box::default());
    threads_first(|| event.wait(), || event.set());
}

/// Polls it in `block_on`, and releases the lock when it waits there: it is reached like a thread.
fn is_reached_in_block_on<'a>(
    wait: &mut (impl Future<Output = MutexGuard<'a, ()>> + Unpin),
    guard: MutexGuard<'a, ()>,
) {
    let mut guard = Some(guard);
    drop(block_on(poll_fn(|cx| {
        let poll = Pin::new(&mut *wait).poll(cx);
        if poll.is_pending() {
            drop(guard.take());
        }
        poll
    })));
}

/// It was woken in vain as a task, and queues up again in `block_on`, behind a task that nobody polls.
#[test]
fn a_task_queues_up_again_as_a_thread() {
    watched(|| {
        let mutex = Mutex::new(());
        let guard = mutex.try_lock().unwrap();
        let (mut wait, mut ahead) = (mutex.lock(), mutex.lock());
        assert!(Hand::new().poll(&mut wait).is_pending());
        drop(guard);
        let guard = mutex.try_lock().unwrap();
        assert!(Hand::new().poll(&mut ahead).is_pending());
        is_reached_in_block_on(&mut wait, guard);
    });
}

/// Polled with the waker of `block_on` outside of it, and then within.
#[test]
fn the_same_waker_changes_sides() {
    watched(|| {
        let waker = block_on(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
        let mutex = Mutex::new(());
        let guard = mutex.try_lock().unwrap();
        let (mut ahead, mut wait) = (mutex.lock(), mutex.lock());
        assert!(Hand::new().poll(&mut ahead).is_pending());
        assert!(poll_with(&waker, &mut wait).is_pending());
        is_reached_in_block_on(&mut wait, guard);
    });
}

thread_local! {
    static HELD: RefCell<Option<MutexGuard<'static, ()>>> = const { RefCell::new(None) };
}

/// A waker that releases the lock when it's cloned.
fn releases_when_cloned() -> Waker {
    static TABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            if let Some(guard) = HELD.take() {
                MutexGuard::unlock_fair(guard);
            }
            RawWaker::new(ptr::null(), &TABLE)
        },
        |_| {},
        |_| {},
        |_| {},
    );
    // SAFETY: None of the functions looks at the data.
    unsafe { Waker::from_raw(RawWaker::new(ptr::null(), &TABLE)) }
}

/// The lock is released, and kept for this waiter, between its attempt and its asking what it has been told.
#[test]
fn told_between_attempt_and_hearing() {
    let (mutex, waker) = (leaked(), releases_when_cloned());
    let guard = mutex.try_lock();
    let mut wait = mutex.lock();
    assert!(poll_with(&waker, &mut wait).is_pending());
    HELD.set(guard);
    assert!(
        poll_with(&waker, &mut wait).is_ready(),
        "it stands back from itself"
    );
}

/// Panics when it is dropped, unless something panics already.
struct Payload;

impl Drop for Payload {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("in the payload's drop");
        }
    }
}

fn throws() -> Waker {
    Waker::from(Arc::new(Runs(|| panic_any(Payload))))
}

fn forget_panic(action: impl FnOnce()) {
    let payload = catch_unwind(AssertUnwindSafe(action)).unwrap_err();
    std::mem::forget(payload);
}

/// Several wakers panic, with payloads that panic when dropped: the last one is woken all the same.
#[test]
fn payloads_that_panic() {
    let (event, last) = (Event::new(), Hand::new());
    let mut waits = [event.wait(), event.wait(), event.wait()];
    assert!(poll_with(&throws(), &mut waits[0]).is_pending());
    assert!(poll_with(&throws(), &mut waits[1]).is_pending());
    assert!(last.poll(&mut waits[2]).is_pending());
    forget_panic(|| event.set());
    assert_eq!(last.woken(), 1);

    let (mutex, changed) = (Mutex::new(()), Condvar::new());
    let mut waits = [(); 4].map(|()| None);
    for (index, slot) in waits.iter_mut().enumerate() {
        let wait = slot.insert(changed.wait(mutex.try_lock().unwrap()));
        let poll = match index {
            0 | 1 => poll_with(&throws(), wait),
            _ => last.poll(wait),
        };
        assert!(poll.is_pending());
    }
    forget_panic(|| assert_eq!(changed.notify(3), 3));
    assert_eq!(last.woken(), 2);
}

/// Its time is up, and while it stands back for the last time it is told that the lock is free. It takes that, and the one
/// behind it hears of the release.
#[test]
fn told_when_the_time_is_up() {
    let (mutex, next) = (leaked(), Hand::new());
    let guard = mutex.try_lock().unwrap();
    let mut called = mutex.lock();
    assert!(Hand::new().poll(&mut called).is_pending());
    MutexGuard::unlock_fair(guard);
    let behind = StdMutex::new(Some(mutex.lock()));
    let (slot, polls) = (Arc::new(StdMutex::new(None)), next.clone());
    let waits = slot.clone();
    let waker = Waker::from(Arc::new(Runs(move || {
        let Some(mut wait) = behind.lock().unwrap().take() else {
            return;
        };
        assert!(polls.poll(&mut wait).is_pending());
        *waits.lock().unwrap() = Some(wait);
        drop(mutex.try_lock().unwrap());
    })));
    let mut late = mutex.lock().timeout(Duration::ZERO);
    let Poll::Ready(Ok(guard)) = poll_with(&waker, &mut late) else {
        panic!("the lock is free")
    };
    let woken = next.woken();
    drop(guard);
    assert_eq!(next.woken(), woken + 1, "the lock is free and nobody knows");
    drop(slot);
}
