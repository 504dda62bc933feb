//! `oneshot`: one value, once.

mod worlds;

use amphi::TimedOut;
use amphi::oneshot::{self, Closed, RecvError};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};
use std::time::{Duration, Instant};
use worlds::{Hand, On, World, poll_with, worlds};

worlds! {
    /// The value arrives, and what preceded it is seen, whoever comes first.
    async fn arrives(world: World) {
        for round in 0..200 {
            let (sender, mut receiver) = oneshot::channel();
            let data = Arc::new(AtomicUsize::new(0));
            let party = {
                let data = data.clone();
                world.spawn(move |world| async move {
                    assert_eq!(receiver.recv().on(world).await, Ok(round));
                    assert_eq!(data.load(Ordering::Relaxed), round);
                    assert_eq!(receiver.recv().on(world).await, Err(Closed));
                })
            };
            if round % 2 == 0 {
                world.yield_now().await;
            }
            data.store(round, Ordering::Relaxed);
            sender.send(round).unwrap();
            party.join().await;
        }
    }

    /// Each side hears of the other's end.
    async fn ends(world: World) {
        for _ in 0..50 {
            let (sender, mut receiver) = oneshot::channel::<u8>();
            let party = world.spawn(move |world| async move { receiver.recv().on(world).await });
            world.yield_now().await;
            drop(sender);
            assert_eq!(party.join().await, Err(Closed));

            let (mut sender, receiver) = oneshot::channel::<u8>();
            let party = world.spawn(move |world| async move {
                sender.closed().on(world).await;
                sender.send(1).unwrap_err().into_inner()
            });
            world.yield_now().await;
            drop(receiver);
            assert_eq!(party.join().await, 1);
        }
    }

    /// Whose time is up may wait again.
    async fn times_out(world: World) {
        let (mut sender, mut receiver) = oneshot::channel();
        let start = Instant::now();
        let timeout = Duration::from_millis(10);
        assert_eq!(receiver.recv().timeout(timeout).on(world).await, Err(RecvError::TimedOut));
        assert_eq!(sender.closed().timeout(timeout).on(world).await, Err(TimedOut));
        assert!(start.elapsed() >= 2 * timeout);
        assert_eq!(receiver.recv().timeout(Duration::ZERO).on(world).await, Err(RecvError::TimedOut));
        sender.send('v').unwrap();
        assert_eq!(receiver.recv().timeout(Duration::ZERO).on(world).await, Ok('v'));
        assert_eq!(receiver.recv().timeout(timeout).on(world).await, Err(RecvError::Closed));
    }

    /// The value or the end of the other side comes at the same time as the wait gives up: the value is
    /// somewhere, and only once.
    async fn races(world: World) {
        for round in 0..300 {
            let value = Arc::new(());
            let (sender, mut receiver) = oneshot::channel();
            let sends = {
                let value = value.clone();
                world.spawn(move |_| async move { sender.send(value).map_err(|error| error.into_inner()) })
            };
            let received = receiver.recv().timeout(Duration::from_micros(round)).on(world).await;
            drop(receiver);
            let sent = sends.join().await;
            let copies = Arc::strong_count(&value) - 1;
            assert_eq!(copies, usize::from(received.is_ok()) + usize::from(sent.is_err()));
            assert!(copies <= 1);
        }
    }
}

#[test]
fn try_recv() {
    let (sender, mut receiver) = oneshot::channel();
    assert_eq!(receiver.try_recv(), Err(RecvError::Empty));
    assert_eq!(
        format!("{receiver:?} {sender:?}"),
        "Receiver { sent: false, .. } Sender { closed: false, .. }"
    );
    sender.send(1).unwrap();
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(receiver.try_recv(), Err(RecvError::Closed));
}

/// The one who waits is woken once, and a value that is never received is dropped with the channel.
#[test]
fn wakes_and_drops() {
    let value = Arc::new(());
    let (sender, mut receiver) = oneshot::channel();
    let hand = Hand::new();
    let mut wait = receiver.recv();
    assert!(hand.poll(&mut wait).is_pending());
    sender.send(value.clone()).unwrap();
    assert_eq!(hand.woken(), 1);
    drop(wait);
    drop(receiver);
    assert_eq!(Arc::strong_count(&value), 1);
}

/// A wait that was forgotten does not keep the next one from being woken.
#[test]
fn forgotten_wait() {
    let (sender, mut receiver) = oneshot::channel();
    let (forgotten, hand) = (Hand::new(), Hand::new());
    let mut first = receiver.recv();
    assert!(forgotten.poll(&mut first).is_pending());
    std::mem::forget(first);
    let mut second = receiver.recv();
    assert!(hand.poll(&mut second).is_pending());
    sender.send(1).unwrap();
    assert_eq!(hand.woken(), 1);
    assert_eq!(hand.poll(&mut second), Poll::Ready(Ok(1)));
}

/// Polled by another task, that one is woken.
#[test]
fn changes_tasks() {
    let (sender, mut receiver) = oneshot::channel();
    let (before, after) = (Hand::new(), Hand::new());
    let mut wait = receiver.recv();
    assert!(before.poll(&mut wait).is_pending());
    assert!(after.poll(&mut wait).is_pending());
    sender.send(1).unwrap();
    assert_eq!((before.woken(), after.woken()), (0, 1));
    assert_eq!(after.poll(&mut wait), Poll::Ready(Ok(1)));
}

struct Hostile;

impl Wake for Hostile {
    fn wake(self: Arc<Self>) {
        panic!("a waker's");
    }
}

/// A waker that panics when it is called: the panic is the sender's, the value is there.
#[test]
fn waker_that_panics() {
    let (sender, mut receiver) = oneshot::channel();
    let mut wait = receiver.recv();
    assert!(poll_with(&Waker::from(Arc::new(Hostile)), &mut wait).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| sender.send(1))).is_err());
    assert_eq!(Hand::new().poll(&mut wait), Poll::Ready(Ok(1)));
}

struct Counting;

std::thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: it is the system's allocator, and a count.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Waiting, sending and receiving need no more memory than the channel itself.
#[test]
fn one_allocation() {
    let waker = Waker::noop();
    let before = ALLOCATIONS.with(Cell::get);
    let (mut sender, mut receiver) = oneshot::channel();
    let mut closed = sender.closed();
    assert!(poll_with(waker, &mut closed).is_pending());
    drop(closed);
    let mut wait = receiver.recv();
    assert!(poll_with(waker, &mut wait).is_pending());
    sender.send(1).unwrap();
    assert_eq!(poll_with(waker, &mut wait), Poll::Ready(Ok(1)));
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 1);
}
