//! `Wait`, `Timeout`, `Or` and `block_on`: what holds for every operation.

mod worlds;

use amphi::{Event, Mutex, ThreadPool, TimedOut, Wait, mutex::Lock, wait_all, wait_any};
use futures::future::FusedFuture;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, RawWaker, RawWakerVTable, Waker};
use std::time::{Duration, Instant};
use worlds::{Hand, On, World, poll_with, watched, worlds};

worlds! {
    /// Whichever comes first.
    async fn or(world: World) {
        let (mutex, shutdown) = (Arc::new(Mutex::new(())), Arc::new(Event::new()));
        let guard = mutex.lock().on(world).await;
        let party = {
            let (mutex, shutdown) = (mutex.clone(), shutdown.clone());
            world.spawn(move |world| async move {
                let wait = mutex.lock().or(shutdown.wait());
                let lock = if world.is_threads() { wait.block() } else { wait.await };
                lock.is_err()
            })
        };
        world.yield_now().await;
        shutdown.set();
        assert!(party.join().await);
        drop(guard);

        // Both are ready: the operation comes first.
        let wait = mutex.lock().or(shutdown.wait());
        let lock = if world.is_threads() { wait.block() } else { wait.await };
        assert!(lock.is_ok());
        drop(lock);
        let wait = mutex.lock().timeout(Duration::ZERO).or(shutdown.wait());
        let lock = if world.is_threads() { wait.block() } else { wait.await };
        assert!(matches!(lock, Ok(Ok(_))));
    }

    /// A runtime's own sleep gives up just as well.
    async fn or_the_runtimes_sleep(world: World) {
        let event = Event::new();
        let start = Instant::now();
        let wait = event.wait().or(Box::pin(world.sleep(Duration::from_millis(10))));
        let result = if world.is_threads() { wait.block() } else { wait.await };
        assert_eq!(result, Err(()));
        assert!(start.elapsed() >= Duration::from_millis(10));
    }

    /// A timeout counts from the call of `timeout`, not from the first poll.
    async fn counts_from_the_call(world: World) {
        let event = Event::new();
        let wait = event.wait().timeout(Duration::from_millis(10));
        world.sleep(Duration::from_millis(15)).await;
        let start = Instant::now();
        let late = event.wait().timeout(Duration::from_secs(3600));
        assert_eq!(wait.on(world).await, Err(TimedOut));
        drop(late);
        // An upper bound, but of a whole hour.
        assert!(start.elapsed() < Duration::from_secs(3600));
    }

    /// In the middle of a timeout, notified: it ends at once.
    async fn in_time(world: World) {
        let event = Arc::new(Event::new());
        let party = {
            let event = event.clone();
            world.spawn(move |world| async move {
                event.wait().timeout(Duration::from_secs(3600)).on(world).await
            })
        };
        world.sleep(Duration::from_millis(5)).await;
        event.set();
        assert_eq!(party.join().await, Ok(()));
    }
}

#[test]
fn a_wait_can_be_stored_and_moved() {
    struct Stored<'a> {
        wait: Wait<Lock<'a, i32>>,
    }
    let mutex = Mutex::new(1);
    let guard = mutex.lock().block();
    let hand = Hand::new();
    let mut stored = Stored { wait: mutex.lock() };
    assert!(hand.poll(&mut stored.wait).is_pending());
    let mut moved = Box::new(stored);
    drop(guard);
    assert_eq!(hand.woken(), 1);
    assert!(hand.poll(&mut moved.wait).is_ready());
}

#[test]
fn fused() {
    let event = Event::new();
    let hand = Hand::new();
    let mut wait = event.wait();
    assert!(!wait.is_terminated());
    event.set();
    assert!(hand.poll(&mut wait).is_ready());
    assert!(wait.is_terminated());
    let used = catch_unwind(AssertUnwindSafe(|| hand.poll(&mut wait)));
    let message = *used.unwrap_err().downcast::<&str>().unwrap();
    assert!(message.contains("after it was ready"), "{message}");
    let or = wait.or(std::future::pending::<()>());
    let used = catch_unwind(AssertUnwindSafe(|| or.block()));
    assert!(used.is_err());

    let mut timeout = event.wait().timeout(Duration::ZERO);
    assert!(!timeout.is_terminated());
    assert!(hand.poll(&mut timeout).is_ready());
    assert!(timeout.is_terminated());
    let mut or = event.wait().or(std::future::pending::<()>());
    assert!(!or.is_terminated());
    assert!(hand.poll(&mut or).is_ready());
    assert!(or.is_terminated());
}

#[test]
fn the_latest_waker_is_woken() {
    let mutex = Mutex::new(());
    let guard = mutex.lock().block();
    let (old, new) = (Hand::new(), Hand::new());
    let mut wait = mutex.lock();
    assert!(old.poll(&mut wait).is_pending());
    assert!(new.poll(&mut wait).is_pending());
    drop(guard);
    assert_eq!((old.woken(), new.woken()), (0, 1));
}

#[test]
fn a_new_waker_keeps_the_place() {
    let mutex = Mutex::new(());
    let guard = mutex.lock().block();
    let (one, two) = (Hand::new(), Hand::new());
    let (mut first, mut second) = (mutex.lock(), mutex.lock());
    assert!(one.poll(&mut first).is_pending());
    assert!(two.poll(&mut second).is_pending());
    let moved = Hand::new();
    assert!(moved.poll(&mut first).is_pending());
    drop(guard);
    assert_eq!((moved.woken(), two.woken()), (1, 0));
}

#[test]
fn block_on_drives_any_future() {
    assert_eq!(amphi::block_on(async { 1 + 1 }), 2);
    let (sender, receiver) = futures::channel::oneshot::channel();
    let thread = std::thread::spawn(|| sender.send(7).unwrap());
    assert_eq!(amphi::block_on(receiver), Ok(7));
    thread.join().unwrap();
    assert_eq!(amphi::block_on(async { amphi::block_on(async { 3 }) }), 3);
}

#[test]
fn shows_itself() {
    let mutex = Mutex::new(());
    let changed = amphi::Condvar::new();
    assert_eq!(
        format!("{:?}", mutex.lock()),
        "Wait { waiting: false, done: false, .. }"
    );
    let wait = changed.wait_while(mutex.lock().block(), |()| true);
    assert!(format!("{wait:?}").starts_with("Wait {"));
    assert!(format!("{:?}", wait.timeout(Duration::ZERO)).starts_with("Timeout {"));
    assert!(format!("{:?}", mutex.lock().or(std::future::ready(()))).starts_with("Or {"));
    assert_eq!(TimedOut.to_string(), "timed out");
}

/// Locks are released and waited for while a thread ends, when thread-locals are being dropped.
#[test]
fn in_the_destructor_of_a_thread_local() {
    struct AtEnd(Arc<Mutex<u32>>);
    impl Drop for AtEnd {
        fn drop(&mut self) {
            *self.0.lock().block() += 1;
            let _ = Event::new()
                .wait()
                .timeout(Duration::from_millis(1))
                .block();
        }
    }
    thread_local! {
        static AT_END: std::cell::RefCell<Option<AtEnd>> = const { std::cell::RefCell::new(None) };
    }
    let mutex = Arc::new(Mutex::new(0));
    let guard = mutex.lock().block();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let mutex = mutex.clone();
            std::thread::spawn(move || AT_END.set(Some(AtEnd(mutex))))
        })
        .collect();
    drop(guard);
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    assert_eq!(*mutex.lock().block(), 4);
}

/// A wait that is over at once leaves nothing behind, for a thread as little as for a task.
#[test]
fn what_a_wait_has_with_it_is_dropped() {
    let pool = ThreadPool::new(1);
    let result = Arc::new(());
    for _ in 0..3 {
        let sent = result.clone();
        let job = pool.submit(move || sent).unwrap();
        while !job.is_done() {
            std::thread::yield_now();
        }
        wait_all([&job]).block();
        assert_eq!(wait_any([&job]).block(), 0);
        drop(job);
    }
    pool.shutdown().block();
    assert_eq!(Arc::strong_count(&result), 1);
}

/// A thread with a deadline sleeps until then: it does not look again and again.
#[test]
fn a_deadline_is_slept_to() {
    let (event, mut polls) = (Event::new(), 0);
    let counts = std::future::poll_fn(|_| {
        polls += 1;
        Poll::<()>::Pending
    });
    let wait = event.wait().timeout(Duration::from_millis(100));
    assert_eq!(wait.or(counts).block(), Ok(Err(TimedOut)));
    assert!(polls < 10, "it has looked {polls} times");
}

/// A waker may not recognize its own clones. A wait that is polled with it twice sleeps as any other.
#[test]
fn a_waker_that_does_not_know_its_clones() {
    static TABLE: RawWakerVTable = RawWakerVTable::new(|_| new(), |_| {}, |_| {}, |_| {});
    fn new() -> RawWaker {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        RawWaker::new(std::ptr::without_provenance(number), &TABLE)
    }
    watched(|| {
        // SAFETY: None of the functions looks at the data.
        let waker = unsafe { Waker::from_raw(new()) };
        assert!(!waker.will_wake(&waker.clone()));
        let mutex = Mutex::new(());
        let guard = mutex.lock().block();
        let mut wait = mutex.lock();
        for _ in 0..2 {
            assert!(poll_with(&waker, &mut wait).is_pending());
        }
        drop(guard);
        assert!(poll_with(&waker, &mut wait).is_ready());
    });
}

/// Polled in `block_on` first, and then by a task, it is a task's: no release goes on to it behind another task.
#[test]
fn a_wait_that_goes_to_a_task() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let (mut ahead, mut wait) = (mutex.lock(), mutex.lock());
    let (first, second) = (Hand::new(), Hand::new());
    assert!(first.poll(&mut ahead).is_pending());
    amphi::block_on(async { assert!(futures::poll!(&mut wait).is_pending()) });
    assert!(second.poll(&mut wait).is_pending());
    drop(guard);
    assert_eq!((first.woken(), second.woken()), (1, 0));
}
