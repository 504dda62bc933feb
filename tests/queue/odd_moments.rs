//! Queues at odd moments: amid a panic, at the end of a thread, in the middle of a shutdown.

use super::*;
use std::cell::RefCell;
use std::sync::LazyLock;

fn panics(action: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(action)).is_err()
}

/// A thread's last words: a local of it puts them while the thread's locals are destroyed.
#[test]
fn put_at_the_end_of_a_thread() {
    static QUEUE: LazyLock<Queue<u8>> = LazyLock::new(Queue::unbounded);
    struct LastWords;
    impl Drop for LastWords {
        fn drop(&mut self) {
            QUEUE.try_put(2).unwrap();
        }
    }
    std::thread_local! {
        static LAST_WORDS: RefCell<Option<LastWords>> = const { RefCell::new(None) };
    }
    for used_before in [false, true] {
        std::thread::spawn(move || {
            if used_before {
                LAST_WORDS.with(|words| *words.borrow_mut() = Some(LastWords));
            }
            QUEUE.try_put(1).unwrap();
            LAST_WORDS.with(|words| *words.borrow_mut() = Some(LastWords));
        })
        .join()
        .unwrap();
    }
    assert_eq!(QUEUE.unfinished(), QUEUE.len());
    assert_eq!(QUEUE.len(), 5);
}

/// More producers than have a counter of their own, one after the other and at the same time.
#[test]
fn counts_every_thread() {
    let queue = Queue::unbounded();
    for _ in 0..3 {
        std::thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| (0..1000).for_each(|number| queue.try_put(number).unwrap()));
            }
        });
    }
    assert_eq!(queue.unfinished(), 120_000);
    let items = queue.try_iter().inspect(|_| queue.task_done().unwrap());
    assert_eq!(items.count(), 120_000);
    assert!(queue.task_done().is_err());
    queue.join().block();
}

/// An item whose comparison may wait for something.
struct Compared {
    number: u32,
    compare: fn(),
}

impl Compared {
    fn plain(number: u32) -> Self {
        Compared {
            number,
            compare: || {},
        }
    }
}

ordered_by_cmp!(Compared);

impl Ord for Compared {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.compare)();
        (other.compare)();
        self.number.cmp(&other.number)
    }
}

/// A join begins while a put is about to fail, and is released all the same once everything has been done, although more is put
/// before it looks.
#[test]
fn join_beside_a_failing_put() {
    static INSIDE: Event = Event::new();
    static GO_ON: Event = Event::new();
    static QUEUE: LazyLock<PriorityQueue<Compared>> = LazyLock::new(|| PriorityQueue::bounded(2));
    watched(|| {
        let put = |item| QUEUE.try_put(item).map_err(|_| "full");
        put(Compared::plain(1)).unwrap();
        let holds = std::thread::spawn(move || {
            put(Compared {
                number: 2,
                compare: || {
                    INSIDE.set();
                    GO_ON.wait().block();
                },
            })
        });
        INSIDE.wait().block();
        // It has been counted, and waits behind that comparison to find that there is no room.
        let fails = std::thread::spawn(move || put(Compared::plain(3)));
        while QUEUE.unfinished() < 3 {
            std::thread::yield_now();
        }
        let mut join = QUEUE.join();
        let hand = Hand::new();
        // From another thread than the one that compares, so it's no misuse.
        assert!(hand.poll(&mut join).is_pending());
        GO_ON.set();
        assert!(holds.join().unwrap().is_ok());
        assert!(fails.join().unwrap().is_err());
        for _ in 0..2 {
            assert!(QUEUE.try_get().is_ok());
            QUEUE.task_done().unwrap();
        }
        assert_eq!(hand.woken(), 1);
        put(Compared::plain(4)).unwrap();
        assert!(hand.poll(&mut join).is_ready());
    });
}

/// Whoever waits for room panics when it is woken: the items that have made the room go back to the front, in order, and
/// take the room again.
#[test]
fn what_is_got_comes_back() {
    let queue = Queue::bounded(3);
    queue.put_all([1, 2, 3]).block().unwrap();
    for many in [false, true] {
        let mut waits = queue.put(9);
        let hostile = waker(|| panic!("the putter's"));
        assert!(poll_with(&hostile, &mut waits).is_pending());
        assert!(panics(|| {
            if many {
                let _ = queue.get_many(2).block();
            } else {
                let _ = queue.get().block();
            }
        }));
        drop(waits);
        assert_eq!((queue.len(), queue.is_full()), (3, true));
        assert_eq!(queue.try_put(9), Err(PutError::Full(9)));
    }
    // Those who get them have as much room to give as others.
    let waits = queue.put(4);
    let items = std::thread::scope(|scope| {
        let puts = scope.spawn(|| waits.block().unwrap());
        let first: Vec<_> = queue.iter().take(4).collect();
        puts.join().unwrap();
        first
    });
    assert_eq!(items, [1, 2, 3, 4]);
}

/// What has come back fills the queue, and a shutdown counts for more than that.
#[test]
fn shutdown_beats_what_came_back() {
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    let mut waits = queue.put(2);
    assert!(poll_with(&waker(|| panic!("the putter's")), &mut waits).is_pending());
    assert!(panics(|| assert!(queue.try_get().is_err())));
    assert_eq!(queue.try_put(3), Err(PutError::Full(3)));
    queue.shutdown();
    assert_eq!(queue.try_put(3), Err(PutError::ShutDown(3)));
    assert_eq!(
        Hand::new().poll(&mut waits),
        Poll::Ready(Err(PutError::ShutDown(2)))
    );
    assert_eq!(queue.try_get(), Ok(1));
}

/// An item that comes back after the queue has been emptied for good is dropped, and counts as done.
#[test]
fn comes_back_too_late() {
    static QUEUE: LazyLock<Queue<Arc<()>>> = LazyLock::new(|| Queue::bounded(1));
    watched(|| {
        let item = Arc::new(());
        QUEUE.try_put(item.clone()).unwrap();
        let mut waits = QUEUE.put(item.clone());
        let hostile = waker(|| {
            QUEUE.shutdown_now();
            panic!("the putter's");
        });
        assert!(poll_with(&hostile, &mut waits).is_pending());
        assert!(panics(|| drop(QUEUE.try_get())));
        drop(waits);
        assert_eq!(QUEUE.try_get(), Err(GetError::ShutDown));
        assert_eq!(Arc::strong_count(&item), 1);
        QUEUE.join().block();
    });
}

/// An item that notes that it has been dropped, and may panic then.
struct Dropped {
    count: Arc<AtomicUsize>,
    panics: bool,
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.count.fetch_add(1, SeqCst);
        if self.panics {
            panic!("an item's drop");
        }
    }
}

/// Five of them, the second of which panics.
fn five(count: &Arc<AtomicUsize>) -> impl Iterator<Item = Dropped> {
    (0..5).map(|number| Dropped {
        count: count.clone(),
        panics: number == 1,
    })
}

#[test]
fn a_queue_drops_all() {
    let count = Arc::new(AtomicUsize::new(0));
    let (fifo, unbounded, lifo) = (
        Queue::bounded(9),
        Queue::unbounded(),
        LifoQueue::unbounded(),
    );
    fifo.put_all(five(&count)).block().unwrap();
    unbounded.put_all(five(&count)).block().unwrap();
    lifo.put_all(five(&count)).block().unwrap();
    assert!(panics(|| drop(fifo)));
    assert_eq!(count.load(SeqCst), 5);
    assert!(panics(|| drop(unbounded)));
    assert_eq!(count.load(SeqCst), 10);
    assert!(panics(|| drop(lifo)));
    assert_eq!(count.load(SeqCst), 15);
}

/// A waker panics, and an item that is dropped after that: everybody is told, everything is dropped and counted.
#[test]
fn shutdown_now_among_panics() {
    let count = Arc::new(AtomicUsize::new(0));
    let queue = Queue::bounded(5);
    queue.put_all(five(&count)).block().unwrap();
    let mut waits = queue.put(five(&count).next().unwrap());
    assert!(poll_with(&waker(|| panic!("the putter's")), &mut waits).is_pending());
    assert!(panics(|| queue.shutdown_now()));
    assert_eq!((count.load(SeqCst), queue.unfinished()), (5, 0));
    let hand = Hand::new();
    assert!(matches!(
        hand.poll(&mut waits),
        Poll::Ready(Err(PutError::ShutDown(_)))
    ));
}

/// Comparisons that panic do not keep items from being dropped.
#[test]
fn shutdown_now_compares_nothing() {
    static HOSTILE: AtomicBool = AtomicBool::new(false);
    let queue = PriorityQueue::unbounded();
    let items = (0..5).map(|number| Compared {
        number,
        compare: || assert!(!HOSTILE.load(SeqCst), "a comparison"),
    });
    queue.put_all(items).block().unwrap();
    HOSTILE.store(true, SeqCst);
    assert!(panics(|| drop(queue.try_get())));
    queue.shutdown_now();
    assert_eq!((queue.len(), queue.unfinished()), (0, 0));
}

/// From within a comparison it is refused like everything else, and nothing has happened.
#[test]
fn shutdown_now_inside_a_comparison() {
    static QUEUE: LazyLock<PriorityQueue<Compared>> = LazyLock::new(PriorityQueue::unbounded);
    let item = |number| Compared {
        number,
        compare: || QUEUE.shutdown_now(),
    };
    assert!(QUEUE.try_put(item(1)).is_ok());
    let payload = catch_unwind(|| drop(QUEUE.try_put(item(2)))).unwrap_err();
    let message = payload.downcast_ref::<&str>().unwrap();
    assert!(message.contains("Ord::cmp"), "{message}");
    assert!(!QUEUE.is_shut_down());
    assert_eq!((QUEUE.len(), QUEUE.unfinished()), (2, 2));
}

/// A getter's waker panics while several items are put by a call that blocks: those that are left are dropped.
#[test]
fn put_all_leaks_nothing() {
    let item = Arc::new(());
    let queue = Queue::bounded(2);
    let mut waits = queue.get();
    assert!(poll_with(&waker(|| panic!("the getter's")), &mut waits).is_pending());
    let items = vec![item.clone(); 5];
    assert!(panics(|| queue.put_all(items).block().unwrap()));
    drop(waits);
    drop(queue);
    assert_eq!(Arc::strong_count(&item), 1);
}

/// One getter has been woken and does not come, and a newcomer takes its item. The next item is not only for that one.
#[test]
fn a_further_getter_is_woken() {
    let queue = Queue::unbounded();
    let (never_comes, comes) = (Hand::new(), Hand::new());
    let (mut first, mut second) = (queue.get(), queue.get());
    assert!(never_comes.poll(&mut first).is_pending());
    assert!(comes.poll(&mut second).is_pending());
    queue.try_put(1).unwrap();
    assert_eq!(queue.try_get(), Ok(1));
    queue.try_put(2).unwrap();
    assert_eq!((never_comes.woken(), comes.woken()), (1, 1));
    assert_eq!(comes.poll(&mut second), Poll::Ready(Ok(2)));
}

/// The same with room.
#[test]
fn a_further_putter_is_woken() {
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let (never_comes, comes) = (Hand::new(), Hand::new());
    let (mut first, mut second) = (queue.put(1), queue.put(2));
    assert!(never_comes.poll(&mut first).is_pending());
    assert!(comes.poll(&mut second).is_pending());
    assert_eq!(queue.try_get(), Ok(0));
    queue.try_put(3).unwrap();
    assert_eq!(queue.try_get(), Ok(3));
    assert_eq!((never_comes.woken(), comes.woken()), (1, 1));
    assert_eq!(comes.poll(&mut second), Poll::Ready(Ok(())));
}

/// Nothing is put or got at once, whatever others wait for and have reserved.
#[test]
fn empty_batches_never_wait() {
    watched(|| {
        let queue = Queue::<u8>::bounded(1);
        let starving = Hand::new();
        let mut waits = queue.get();
        assert!(starving.poll(&mut waits).is_pending());
        // Woken in vain for more than a millisecond, it has the next item kept for it.
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_millis(20) {
            queue.try_put(1).unwrap();
            queue.try_get().unwrap();
            assert!(starving.poll(&mut waits).is_pending());
        }
        let hand = Hand::new();
        assert_eq!(hand.poll(&mut queue.get_many(0)), Poll::Ready(Ok(vec![])));
        drop(waits);

        queue.try_put(1).unwrap();
        let mut waits = queue.put(2);
        assert!(starving.poll(&mut waits).is_pending());
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_millis(20) {
            queue.try_get().unwrap();
            queue.try_put(1).unwrap();
            assert!(starving.poll(&mut waits).is_pending());
        }
        assert_eq!(hand.poll(&mut queue.put_all([])), Poll::Ready(Ok(())));
    });
}

/// Told of an item, one comes upon a comparison that panics, and does not come again: another one is told of that item.
#[test]
fn a_comparison_that_panics_on_the_way_out() {
    static PANICS: AtomicBool = AtomicBool::new(false);
    let queue = PriorityQueue::unbounded();
    let hands = [(); 4].map(|()| Hand::new());
    let mut waits = [(); 4].map(|()| queue.get());
    for (hand, wait) in hands.iter().zip(&mut waits) {
        assert!(hand.poll(wait).is_pending());
    }
    for number in 1..4 {
        let compare = || assert!(!PANICS.load(SeqCst), "in the comparison");
        queue.try_put(Compared { number, compare }).ok().unwrap();
    }
    assert_eq!(hands.each_ref().map(Hand::woken), [1, 1, 1, 0]);
    PANICS.store(true, SeqCst);
    assert!(panics(|| drop(hands[0].poll(&mut waits[0]))));
    PANICS.store(false, SeqCst);
    assert_eq!(hands[3].woken(), 1);
}
