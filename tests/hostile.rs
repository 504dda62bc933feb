//! Wakers that panic when they are cloned or woken, lock when they are cloned, block when they are dropped, or have no data:
//! no lock leaks, and nobody else is forgotten.

mod worlds;

use amphi::{Condvar, Event, Mutex, Semaphore, block_on, lock_all, oneshot};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};
use worlds::{Hand, poll_with, watched};

/// A waker that has no data and does as its table says.
fn without_data(table: &'static RawWakerVTable) -> Waker {
    // SAFETY: None of the functions looks at the data.
    unsafe { Waker::from_raw(RawWaker::new(ptr::null(), table)) }
}

fn panics_when_cloned() -> Waker {
    static TABLE: RawWakerVTable =
        RawWakerVTable::new(|_| panic!("in clone"), |_| {}, |_| {}, |_| {});
    without_data(&TABLE)
}

fn panics_when_woken() -> Waker {
    static TABLE: RawWakerVTable = RawWakerVTable::new(
        |_| RawWaker::new(ptr::null(), &TABLE),
        |_| panic!("in wake"),
        |_| panic!("in wake"),
        |_| {},
    );
    without_data(&TABLE)
}

thread_local! {
    /// What a waker that `runs_when_cloned` runs, once.
    static WHEN_CLONED: Cell<Option<Box<dyn FnOnce()>>> = const { Cell::new(None) };
}

fn runs_when_cloned(action: impl FnOnce() + 'static) -> Waker {
    static TABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            if let Some(action) = WHEN_CLONED.take() {
                action();
            }
            RawWaker::new(ptr::null(), &TABLE)
        },
        |_| {},
        |_| {},
        |_| {},
    );
    WHEN_CLONED.set(Some(Box::new(action)));
    without_data(&TABLE)
}

thread_local! {
    /// What the next clone of a waker that `runs_when_a_clone_is_dropped` runs, once.
    static WHEN_DROPPED: Cell<Option<Box<dyn FnOnce()>>> = const { Cell::new(None) };
}

/// Runs what is in `WHEN_DROPPED`.
fn runs_when_a_clone_is_dropped() -> Waker {
    static CLONE: RawWakerVTable = RawWakerVTable::new(
        |_| RawWaker::new(ptr::null(), &CLONE),
        |_| {},
        |_| {},
        |_| {
            if let Some(action) = WHEN_DROPPED.take() {
                action();
            }
        },
    );
    static TABLE: RawWakerVTable = RawWakerVTable::new(
        |_| RawWaker::new(ptr::null(), &CLONE),
        |_| {},
        |_| {},
        |_| {},
    );
    without_data(&TABLE)
}

struct RunsWhenDropped<F: Fn() + Send + Sync>(F);

impl<F: Fn() + Send + Sync> Wake for RunsWhenDropped<F> {
    fn wake(self: Arc<Self>) {}
}

impl<F: Fn() + Send + Sync> Drop for RunsWhenDropped<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn leaked() -> &'static Mutex<()> {
    Box::leak(Box::default())
}

/// Notified, refused, and then the clone of its waker panics.
#[test]
fn a_clone_that_panics_passes_the_notification_on() {
    let mutex = Mutex::new(());
    let next = Hand::new();
    let guard = mutex.try_lock().unwrap();
    let (mut first, mut second) = (mutex.lock(), mutex.lock());
    assert!(Hand::new().poll(&mut first).is_pending());
    assert!(next.poll(&mut second).is_pending());
    drop(guard);
    let guard = mutex.try_lock().unwrap();
    let poll = catch_unwind(AssertUnwindSafe(|| {
        poll_with(&panics_when_cloned(), &mut first).is_ready()
    }));
    assert!(poll.is_err());
    drop(first);
    drop(guard);
    assert_eq!(next.woken(), 1);
}

/// It is told that the one lock is free in the middle of a poll, and then finds the other one taken.
#[test]
fn two_locks_change_hands_while_a_waker_is_cloned() {
    let (one, other) = (leaked(), leaked());
    let (first, second) = match ptr::from_ref(one) < ptr::from_ref(other) {
        true => (one, other),
        false => (other, one),
    };
    let next = Hand::new();
    let guard = second.try_lock().unwrap();
    let (mut both, mut behind) = (lock_all((one, other)), second.lock());
    assert!(Hand::new().poll(&mut both).is_pending());
    assert!(next.poll(&mut behind).is_pending());
    let waker = runs_when_cloned(move || {
        drop(guard);
        std::mem::forget(first.try_lock());
    });
    assert!(poll_with(&waker, &mut both).is_pending());
    assert!(first.is_locked(), "the waker has not been cloned");
    assert_eq!(next.woken(), 1);
    assert!(next.poll(&mut behind).is_ready());
}

/// It was a task and blocks a thread now, or the other way round, and there the clone panics.
#[test]
fn a_clone_that_panics_in_the_middle_of_a_move() {
    let mutex = leaked();
    let next = Hand::new();
    let guard = mutex.try_lock().unwrap();
    let (mut moves, mut second) = (mutex.lock(), mutex.lock());
    block_on(async { assert!(futures::poll!(&mut moves).is_pending()) });
    assert!(next.poll(&mut second).is_pending());
    let poll = catch_unwind(AssertUnwindSafe(|| {
        poll_with(&panics_when_cloned(), &mut moves).is_ready()
    }));
    assert!(poll.is_err());
    drop(guard);
    drop(moves);
    assert_eq!(next.woken(), 1);
    assert!(next.poll(&mut second).is_ready());
}

/// A waker that panics when it is dropped.
fn panics_when_dropped() -> Waker {
    Waker::from(Arc::new(RunsWhenDropped(|| panic!("in drop"))))
}

/// A wait succeeds by a poll of its own, before its turn, and the drop of its waker panics: whoever polled it gets the
/// panic, and so nobody what it has taken. `first` stands in the queue ahead of it.
fn panics_when_it_gives_its_place_up<F: Future + Unpin, W: Future + Unpin>(
    mut first: F,
    mut wait: W,
    release: impl FnOnce(),
) {
    let hand = Hand::new();
    assert!(hand.poll(&mut first).is_pending());
    let waker = panics_when_dropped();
    assert!(poll_with(&waker, &mut wait).is_pending());
    // Not the last one, so nothing happens.
    drop(waker);
    release();
    assert_eq!(hand.woken(), 1);
    let poll = catch_unwind(AssertUnwindSafe(|| hand.poll(&mut wait).is_ready()));
    assert!(poll.is_err(), "the waker was not dropped");
}

#[test]
fn a_drop_that_panics_leaks_no_lock() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    panics_when_it_gives_its_place_up(mutex.lock(), mutex.lock(), || drop(guard));
    assert!(!mutex.is_locked(), "no guard exists");
}

#[test]
fn nor_does_it_leak_a_permit() {
    let semaphore = Semaphore::new(0);
    panics_when_it_gives_its_place_up(semaphore.acquire(), semaphore.acquire(), || {
        semaphore.release(1)
    });
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn nor_does_it_in_a_condition_variables_wait() {
    let (mutex, changed) = (Mutex::new(()), Condvar::new());
    let mut wait = changed.wait(mutex.try_lock().unwrap());
    assert!(Hand::new().poll(&mut wait).is_pending());
    assert_eq!(changed.notify_one(), 1);
    let guard = mutex.try_lock().unwrap();
    panics_when_it_gives_its_place_up(mutex.lock(), wait, || drop(guard));
    assert!(!mutex.is_locked(), "no guard exists");
}

/// The waker of a wait that a thread now blocks on is dropped meanwhile, and blocks.
#[test]
fn a_drop_that_locks_in_the_middle_of_a_move() {
    watched(|| {
        let mutex = leaked();
        let guard = mutex.try_lock().unwrap();
        let mut wait = mutex.lock();
        let waker = Waker::from(Arc::new(RunsWhenDropped(|| drop(mutex.lock().block()))));
        assert!(poll_with(&waker, &mut wait).is_pending());
        drop(waker);
        let releases = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            drop(guard);
        });
        drop(wait.block());
        releases.join().unwrap();
    });
}

/// The other future blocks on the same lock, which is released later.
#[test]
fn or_with_a_future_that_blocks() {
    watched(|| {
        let mutex = leaked();
        let guard = mutex.try_lock().unwrap();
        let releases = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            drop(guard);
        });
        let _ = mutex
            .lock()
            .or(async { drop(mutex.lock().block()) })
            .block();
        releases.join().unwrap();
    });
}

/// A waker without data is a task's like any other.
#[test]
fn a_waker_without_data() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let hands = [Hand::new(), Hand::new()];
    let mut waits = [mutex.lock(), mutex.lock(), mutex.lock()];
    assert!(hands[0].poll(&mut waits[0]).is_pending());
    assert!(hands[1].poll(&mut waits[1]).is_pending());
    assert!(poll_with(Waker::noop(), &mut waits[2]).is_pending());
    drop(guard);
    assert_eq!(hands.each_ref().map(Hand::woken), [1, 0]);

    let (mutex, changed) = (Mutex::new(()), Condvar::new());
    let mut first = changed.wait(mutex.try_lock().unwrap());
    assert!(poll_with(&panics_when_woken(), &mut first).is_pending());
    let mut second = changed.wait(mutex.try_lock().unwrap());
    assert!(hands[0].poll(&mut second).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| changed.notify_all())).is_err());
    assert!(hands[0].poll(&mut second).is_ready());
}

/// A token of `unpark` that comes at the same moment as the wake-up belongs to the program.
#[test]
fn a_token_that_comes_with_the_wakeup() {
    watched(|| {
        for _ in 0..50 {
            let event = Arc::new(amphi::Event::new());
            let waits = event.clone();
            let thread = thread::spawn(move || {
                waits.wait().block();
                thread::park();
            });
            // So that it sleeps, mostly.
            thread::sleep(Duration::from_millis(2));
            thread.thread().unpark();
            event.set();
            thread.join().unwrap();
        }
    });
}

/// Polls on after its waker was exchanged at every step.
#[test]
fn a_waker_that_changes_with_every_poll() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let mut wait = mutex.lock();
    let mut hand = Hand::new();
    for _ in 0..10 {
        let other = Hand::new();
        assert!(other.poll(&mut wait).is_pending());
        hand = other;
    }
    drop(guard);
    assert_eq!(hand.woken(), 1);
    assert!(matches!(hand.poll(&mut wait), Poll::Ready(_)));
}

/// The event is set between its attempt and its asking what it has been told: it has ended, and is in the list no more.
#[test]
fn told_with_all_while_a_waker_is_cloned() {
    static EVENT: Event = Event::new();
    static WOKEN: AtomicUsize = AtomicUsize::new(0);
    static TABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            if let Some(action) = WHEN_CLONED.take() {
                action();
            }
            RawWaker::new(ptr::null(), &TABLE)
        },
        |_| _ = WOKEN.fetch_add(1, Ordering::Relaxed),
        |_| _ = WOKEN.fetch_add(1, Ordering::Relaxed),
        |_| {},
    );
    let mut wait = EVENT.wait();
    assert!(Hand::new().poll(&mut wait).is_pending());
    WHEN_CLONED.set(Some(Box::new(|| {
        EVENT.set();
        EVENT.clear();
    })));
    assert!(poll_with(&without_data(&TABLE), &mut wait).is_ready());
    // Without somebody who waits nobody would look at the list.
    let mut other = EVENT.wait();
    assert!(Hand::new().poll(&mut other).is_pending());
    EVENT.set();
    assert_eq!(WOKEN.load(Ordering::Relaxed), 0, "it waits for nothing");
}

/// What comes between its attempt and its asking what it has been told wakes the waker that it had before.
#[test]
fn a_channels_end_while_a_waker_is_cloned() {
    let (sender, mut receiver) = oneshot::channel();
    let mut wait = receiver.recv();
    assert!(Hand::new().poll(&mut wait).is_pending());
    let waker = runs_when_cloned(|| sender.send(1).unwrap());
    assert_eq!(poll_with(&waker, &mut wait), Poll::Ready(Ok(1)));

    let (mut sender, receiver) = oneshot::channel::<u8>();
    let mut wait = sender.closed();
    assert!(Hand::new().poll(&mut wait).is_pending());
    let waker = runs_when_cloned(|| drop(receiver));
    assert!(poll_with(&waker, &mut wait).is_ready());
}

/// Its time is up. It has looked for the lock, in vain; then that is released, and it looks for the last time.
#[test]
fn released_just_before_the_deadline() {
    let (mutex, changed) = (leaked(), Condvar::new());
    loop {
        let deadline = Instant::now() + Duration::from_millis(20);
        let mut wait = changed.wait(mutex.try_lock().unwrap()).deadline(deadline);
        assert!(Hand::new().poll(&mut wait).is_pending());
        let Some(guard) = mutex.try_lock() else {
            // The machine is busy: it is up already.
            continue;
        };
        changed.notify_one();
        let is_pending = poll_with(&runs_when_a_clone_is_dropped(), &mut wait).is_pending();
        if !is_pending || Instant::now() >= deadline {
            continue;
        }
        thread::sleep(deadline - Instant::now());
        WHEN_DROPPED.set(Some(Box::new(|| drop(guard))));
        let Poll::Ready((guard, result)) = Hand::new().poll(&mut wait) else {
            panic!("the lock is free")
        };
        assert!(!result.timed_out(), "it was notified");
        return drop(guard);
    }
}
