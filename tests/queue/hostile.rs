//! Wakers, comparisons and destructors that panic, or use the queue that calls them.

use super::*;
use std::cell::Cell;
use std::cmp::Ordering;
use std::sync::{Mutex, Weak};

fn panics<T>(action: impl FnOnce() -> T) {
    assert!(
        catch_unwind(AssertUnwindSafe(action)).is_err(),
        "it does not panic"
    );
}

/// A getter's waker panics: the item is in the queue, and everybody else has been woken.
#[test]
fn a_getters_waker_panics_in_a_put() {
    of_each_kind!(|queue = unbounded()| {
        let ways: [fn(&_); 3] = [
            |queue: &QueueOf<_>| queue.try_put(1).unwrap(),
            |queue| queue.put(1).block().unwrap(),
            |queue| queue.put_all([1]).block().unwrap(),
        ];
        for put in ways {
            let hand = Hand::new();
            let (mut first, mut second) = (queue.get(), queue.get());
            assert!(poll_with(&panics_when_woken(), &mut first).is_pending());
            assert!(hand.poll(&mut second).is_pending());
            panics(|| put(&queue));
            assert_eq!((queue.len(), hand.woken()), (1, 0));
            drop(first);
            assert_eq!(hand.woken(), 1);
            assert_eq!(hand.poll(&mut second), Poll::Ready(Ok(1)));
            queue.task_done().unwrap();
            assert_eq!(queue.unfinished(), 0);
        }
    });
}

/// Two are put, for two getters, and the first one's waker panics.
#[test]
fn a_panic_comes_last() {
    let (queue, hand) = (Queue::unbounded(), Hand::new());
    let (mut first, mut second) = (queue.get(), queue.get());
    assert!(poll_with(&panics_when_woken(), &mut first).is_pending());
    assert!(hand.poll(&mut second).is_pending());
    panics(|| queue.put_all([1, 2]).block().unwrap());
    assert_eq!((queue.len(), hand.woken()), (2, 1));
    assert_eq!(hand.poll(&mut second), Poll::Ready(Ok(1)));
}

/// A putter's waker panics in a get: the item is back in front, and waits for another one.
#[test]
fn a_putters_waker_panics_in_a_get() {
    of_each_kind!(|queue = bounded(3)| {
        let ways: [fn(&_); 6] = [
            |queue: &QueueOf<_>| ignore(queue.try_get()),
            |queue| ignore(queue.get().block()),
            |queue| ignore(queue.get().timeout(Duration::ZERO).block()),
            |queue| ignore(queue.get_many(2).block()),
            |queue| ignore(queue.get_many(9).block()),
            |queue| ignore(queue.try_iter().next()),
        ];
        for get in ways {
            let fresh = || {
                queue.put_all([1, 2, 3]).block().unwrap();
            };
            fresh();
            let expected = rest(&queue);
            fresh();
            let unfinished = queue.unfinished();
            let hand = Hand::new();
            let (mut put, mut other) = (queue.put(4), queue.put(5));
            assert!(poll_with(&panics_when_woken(), &mut put).is_pending());
            assert!(hand.poll(&mut other).is_pending());
            panics(|| get(&queue));
            assert_eq!((queue.len(), queue.unfinished()), (3, unfinished));
            drop((put, other));
            assert_eq!(rest(&queue), expected);
            while queue.task_done().is_ok() {}
        }
    });
}

/// The same while others wait for items: the one that has come back is for them.
#[test]
fn what_comes_back_is_for_those_who_wait() {
    let queue = leaked(Queue::bounded(1));
    let hand = Hand::new();
    // It waits, and is not woken for the item that a newcomer takes.
    let mut get = queue.get();
    assert!(hand.poll(&mut get).is_pending());
    queue.try_put(1).unwrap();
    let woken = hand.woken();
    let mut put = queue.put(2);
    let gets_again = {
        let hand = hand.clone();
        let get = Mutex::new(Some(get));
        let got = Arc::new(Mutex::new(None));
        let result = got.clone();
        let waker = runs(move || {
            // Polled between the get and its panic: there is nothing, so it sleeps.
            let mut get = get.lock().unwrap().take().unwrap();
            assert!(hand.poll(&mut get).is_pending());
            *got.lock().unwrap() = Some(get);
            panic!("in the waker");
        });
        assert!(poll_with(&waker, &mut put).is_pending());
        result
    };
    panics(|| queue.try_get());
    let mut get = gets_again.lock().unwrap().take().unwrap();
    assert!(
        hand.woken() > woken,
        "nobody was told of the item that came back"
    );
    assert_eq!(hand.poll(&mut get), Poll::Ready(Ok(1)));
}

/// Several have come back. They still are in front, in their order, take up room, and may come back once more.
#[test]
fn what_comes_back_goes_first() {
    let queue = Queue::bounded(3);
    queue.put_all([1, 2, 3]).block().unwrap();
    let mut put = queue.put(0);
    assert!(poll_with(&panics_when_woken(), &mut put).is_pending());
    panics(|| queue.get_many(3).block());
    drop(put);
    assert!(queue.is_full());
    assert_eq!(queue.try_put(4), Err(PutError::Full(4)));
    let mut put = queue.put(0);
    assert!(poll_with(&panics_when_woken(), &mut put).is_pending());
    panics(|| queue.try_get());
    drop(put);
    assert_eq!((queue.get().block(), queue.try_put(4)), (Ok(1), Ok(())));
    let mut put = queue.put(0);
    assert!(poll_with(&panics_when_woken(), &mut put).is_pending());
    panics(|| queue.get_many(3).block());
    drop(put);
    assert_eq!(queue.get_many(2).block(), Ok(vec![2, 3]));
    assert_eq!((queue.try_get(), queue.len()), (Ok(4), 0));
    queue.shutdown();
    assert_eq!(queue.try_get(), Err(GetError::ShutDown));
}

/// What has come back is dropped by a shutdown that drops, handed out by one that does not, and what is left of the queue.
#[test]
fn what_comes_back_ends_as_the_rest() {
    for now in [false, true] {
        let queue = Queue::bounded(2);
        queue.put_all([1, 2]).block().unwrap();
        let mut put = queue.put(0);
        assert!(poll_with(&panics_when_woken(), &mut put).is_pending());
        panics(|| queue.try_get());
        drop(put);
        match now {
            true => queue.shutdown_now(),
            false => queue.shutdown(),
        }
        let left = if now { 0 } else { 2 };
        assert_eq!((queue.len(), queue.unfinished()), (left, left));
        let mut iter = queue.into_iter();
        assert_eq!(iter.len(), left);
        assert!(iter.by_ref().eq(1..=left));
    }
}

struct PanicsWhenDropped;

impl Wake for PanicsWhenDropped {
    fn wake(self: Arc<Self>) {}
}

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("in the waker's drop");
    }
}

/// A get succeeds by a poll of its own, before its turn, and the drop of its waker panics: nobody gets what it has taken, so
/// it goes back.
#[test]
fn a_getters_own_waker_panics() {
    of_each_kind!(|queue = unbounded()| {
        queue.put_all([1, 2]).block().unwrap();
        let expected = rest(&queue);
        for many in [false, true] {
            let (hand, waker) = (Hand::new(), Waker::from(Arc::new(PanicsWhenDropped)));
            let mut ahead = [queue.get(), queue.get()];
            for wait in &mut ahead {
                assert!(hand.poll(wait).is_pending());
            }
            let (mut one, mut all) = (queue.get(), queue.get_many(2));
            match many {
                false => assert!(poll_with(&waker, &mut one).is_pending()),
                true => assert!(poll_with(&waker, &mut all).is_pending()),
            }
            // Not the last one, so nothing happens.
            drop(waker);
            queue.put_all([1, 2]).block().unwrap();
            assert_eq!(hand.woken(), 2);
            panics(|| match many {
                false => ignore(hand.poll(&mut one)),
                true => ignore(hand.poll(&mut all)),
            });
            drop((ahead, one, all));
            assert_eq!(rest(&queue), expected);
        }
    });
}

/// A putter's, in the same way: its item has been put, once.
#[test]
fn a_putters_own_waker_panics() {
    of_each_kind!(|queue = bounded(1)| {
        let (hand, waker) = (Hand::new(), Waker::from(Arc::new(PanicsWhenDropped)));
        queue.try_put(1).unwrap();
        let (mut ahead, mut put) = (queue.put(2), queue.put(3));
        assert!(hand.poll(&mut ahead).is_pending());
        assert!(poll_with(&waker, &mut put).is_pending());
        drop(waker);
        queue.try_get().unwrap();
        panics(|| hand.poll(&mut put));
        drop((ahead, put));
        assert_eq!((rest(&queue), queue.unfinished()), (vec![3], 2));
    });
}

/// Refused after it had been woken, and then the clone of its waker panics: the next one hears of it.
#[test]
fn a_clone_that_panics() {
    static TABLE: std::task::RawWakerVTable =
        std::task::RawWakerVTable::new(|_| panic!("in clone"), |_| {}, |_| {}, |_| {});
    // SAFETY: None of the functions looks at the data.
    let waker = unsafe { Waker::from_raw(std::task::RawWaker::new(std::ptr::null(), &TABLE)) };
    let (queue, next) = (Queue::unbounded(), Hand::new());
    let (mut first, mut second) = (queue.get(), queue.get());
    assert!(Hand::new().poll(&mut first).is_pending());
    assert!(next.poll(&mut second).is_pending());
    queue.try_put(1).unwrap();
    queue.try_get().unwrap();
    panics(|| poll_with(&waker, &mut first));
    drop(first);
    queue.try_put(2).unwrap();
    assert_eq!(next.woken(), 1);
    assert_eq!(next.poll(&mut second), Poll::Ready(Ok(2)));
}

/// In a shutdown: everybody on both sides is woken all the same, and what is to be dropped is.
#[test]
fn wakers_panic_in_a_shutdown() {
    for now in [false, true] {
        let (queue, hand) = (Queue::bounded(1), Hand::new());
        let (mut get, mut other_get) = (queue.get(), queue.get());
        assert!(poll_with(&panics_when_woken(), &mut get).is_pending());
        assert!(hand.poll(&mut other_get).is_pending());
        // There is an item, and somebody waits for one.
        panics(|| queue.try_put(1).unwrap());
        let (mut put, mut other_put, mut join) = (queue.put(2), queue.put(3), queue.join());
        assert!(poll_with(&panics_when_woken(), &mut put).is_pending());
        assert!(hand.poll(&mut other_put).is_pending());
        assert!(hand.poll(&mut join).is_pending());
        panics(|| {
            if now {
                queue.shutdown_now()
            } else {
                queue.shutdown()
            }
        });
        assert_eq!(hand.woken(), if now { 3 } else { 2 });
        assert_eq!(queue.len(), if now { 0 } else { 1 });
        assert_eq!(
            hand.poll(&mut other_put),
            Poll::Ready(Err(PutError::ShutDown(3)))
        );
        assert_eq!(hand.poll(&mut join).is_ready(), now);
    }
}

/// The waker of one who joins panics: the others are released, and the item is done.
#[test]
fn a_waker_panics_in_task_done() {
    let (queue, hand) = (Queue::unbounded(), Hand::new());
    queue.try_put(1).unwrap();
    let (mut first, mut second) = (queue.join(), queue.join());
    assert!(poll_with(&panics_when_woken(), &mut first).is_pending());
    assert!(hand.poll(&mut second).is_pending());
    panics(|| queue.task_done().unwrap());
    assert_eq!((hand.woken(), queue.unfinished()), (1, 0));
    assert!(hand.poll(&mut second).is_ready());
}

/// Wakers that use the same queue, as an executor does that polls where it is woken.
#[test]
fn wakers_that_use_the_queue() {
    watched(|| {
        let uses: [fn(&'static Queue<u32>); 5] = [
            |queue| ignore(queue.try_get()),
            |queue| ignore(queue.try_put(9)),
            |queue| {
                let (mut get, mut put) = (queue.get(), queue.put(8));
                ignore((Hand::new().poll(&mut get), Hand::new().poll(&mut put)));
            },
            |queue| ignore(queue.put(7).timeout(Duration::from_millis(1)).block()),
            |queue| queue.shutdown_now(),
        ];
        for what in uses {
            let queue = leaked(Queue::bounded(1));
            let hand = Hand::new();
            let (mut get, mut other) = (queue.get(), queue.get());
            assert!(poll_with(&runs(move || what(queue)), &mut get).is_pending());
            assert!(hand.poll(&mut other).is_pending());
            queue.try_put(1).unwrap();
            drop(get);
            let (mut put, mut second) = (queue.put(2), queue.put(3));
            if !queue.is_shut_down() {
                ignore(queue.try_put(4));
                assert!(poll_with(&runs(move || what(queue)), &mut put).is_pending());
                assert!(hand.poll(&mut second).is_pending());
                ignore(queue.try_get());
            }
            drop((put, second));
            queue.shutdown();
            assert!(hand.woken() > 0);
            assert!(hand.poll(&mut other).is_ready());
        }
    });
}

/// An item that does something when it is compared or dropped.
struct Item {
    number: u32,
    compares: Arc<Hook>,
    drops: Option<Arc<Hook>>,
}

/// What is done; it may be changed at any time.
#[derive(Default)]
struct Hook(Mutex<Option<Arc<dyn Fn() + Send + Sync>>>);

impl Hook {
    fn set(&self, what: impl Fn() + Send + Sync + 'static) {
        *self.0.lock().unwrap() = Some(Arc::new(what));
    }

    fn clear(&self) {
        *self.0.lock().unwrap() = None;
    }

    fn run(&self) {
        let what = self.0.lock().unwrap().clone();
        if let Some(what) = what {
            what();
        }
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compares.run();
        self.number.cmp(&other.number)
    }
}

ordered_by_cmp!(Item);

impl Drop for Item {
    fn drop(&mut self) {
        if let Some(hook) = self.drops.take() {
            hook.run();
        }
    }
}

fn compared(hook: &Arc<Hook>) -> impl Fn(u32) -> Item + use<> {
    let compares = hook.clone();
    move |number| Item {
        number,
        compares: compares.clone(),
        drops: None,
    }
}

fn numbers(items: Vec<Item>) -> Vec<u32> {
    let mut numbers: Vec<_> = items.iter().map(|item| item.number).collect();
    numbers.sort();
    numbers
}

/// Lets each comparison of an operation panic in turn, until there is none left to panic; what is in the queue then is
/// `expected`, together with what the operation has given.
fn comparisons_panic(
    expected: &[u32],
    operation: impl Fn(&PriorityQueue<Item>, &dyn Fn(u32) -> Item) -> Vec<Item>,
) {
    for panicking in 0.. {
        let hook = Arc::new(Hook::default());
        let (item, queue) = (compared(&hook), PriorityQueue::unbounded());
        queue
            .put_all([5, 3, 7, 1, 6, 2, 4].map(&item))
            .block()
            .unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        hook.set(move || {
            let number = count.fetch_add(1, SeqCst);
            assert!(number != panicking, "in comparison {panicking}");
        });
        let result = catch_unwind(AssertUnwindSafe(|| operation(&queue, &item)));
        hook.clear();
        let over = result.is_ok();
        let got = result.unwrap_or_default();
        assert_eq!(queue.unfinished(), expected.len());
        assert_eq!(queue.len() + got.len(), expected.len());
        let mut all = rest(&queue);
        all.extend(got);
        assert_eq!(numbers(all), expected);
        // It's as usable as before.
        queue.put_all([9, 8].map(&item)).block().unwrap();
        assert_eq!(queue.try_get().unwrap().number, 8);
        if over {
            assert!(panicking > 0, "nothing was compared");
            break;
        }
    }
}

#[test]
fn a_comparison_panics() {
    let seven = [1, 2, 3, 4, 5, 6, 7];
    comparisons_panic(&seven, |queue, _| vec![queue.try_get().unwrap()]);
    comparisons_panic(&seven, |queue, _| vec![queue.get().block().unwrap()]);
    comparisons_panic(&seven, |queue, _| queue.get_many(5).block().unwrap());
    comparisons_panic(&seven, |queue, _| queue.get_many(9).block().unwrap());
    comparisons_panic(&[0, 1, 2, 3, 4, 5, 6, 7], |queue, item| {
        queue.try_put(item(0)).ok().unwrap();
        Vec::new()
    });
    comparisons_panic(&[0, 1, 2, 3, 4, 5, 6, 7], |queue, item| {
        queue.put(item(0)).block().ok().unwrap();
        Vec::new()
    });
    // Polled on, one that puts several puts the others as well.
    comparisons_panic(&[0, 0, 0, 1, 2, 3, 4, 5, 6, 7], |queue, item| {
        let mut all = queue.put_all([0, 0, 0].map(item));
        let mut poll = || catch_unwind(AssertUnwindSafe(|| Hand::new().poll(&mut all)));
        let panic = poll().err();
        if let Some(payload) = panic {
            assert_eq!(poll().unwrap(), Poll::Ready(Ok(())));
            std::panic::resume_unwind(payload);
        }
        Vec::new()
    });
}

/// A comparison that would panic keeps nothing from being dropped.
#[test]
fn a_comparison_panics_in_shutdown_now() {
    let hook = Arc::new(Hook::default());
    let (item, queue) = (compared(&hook), PriorityQueue::unbounded());
    queue.put_all([3, 1, 2].map(&item)).block().unwrap();
    hook.set(|| panic!("in a comparison"));
    ignore(catch_unwind(AssertUnwindSafe(|| queue.shutdown_now())));
    assert_eq!((queue.len(), queue.unfinished()), (0, 0));
    queue.join().block();
}

/// A comparison that panics in a put: the item is there, and those who wait for it are told.
#[test]
fn a_comparison_panics_and_others_are_woken() {
    let (hook, hand) = (Arc::new(Hook::default()), Hand::new());
    let (item, queue) = (compared(&hook), PriorityQueue::unbounded());
    let mut gets = [queue.get(), queue.get(), queue.get()];
    for get in &mut gets {
        assert!(hand.poll(get).is_pending());
    }
    queue.try_put(item(1)).ok().unwrap();
    assert_eq!(hand.woken(), 1);
    hook.set(|| panic!("in a comparison"));
    panics(|| queue.try_put(item(2)));
    assert_eq!((hand.woken(), queue.len()), (2, 2));
    panics(|| queue.put_all([3, 4].map(&item)).block());
    assert_eq!((hand.woken(), queue.len(), queue.unfinished()), (3, 3, 3));
    // A getter that was woken and whose comparison panics leaves the items to others.
    let mut late = queue.get();
    let other = Hand::new();
    for get in &mut gets {
        panics(|| hand.poll(get));
    }
    drop(gets);
    hook.clear();
    assert!(other.poll(&mut late).is_ready());
    assert_eq!(rest(&queue).len(), 2);
}

/// A woken getter's comparison panics, and it's not polled again: the next one gets the item.
#[test]
fn a_comparison_panics_in_a_woken_getter() {
    let (hook, first, second) = (Arc::new(Hook::default()), Hand::new(), Hand::new());
    let (item, queue) = (compared(&hook), PriorityQueue::bounded(4));
    let (mut one, mut two) = (queue.get(), queue.get());
    assert!(first.poll(&mut one).is_pending());
    assert!(second.poll(&mut two).is_pending());
    queue.try_put(item(1)).ok().unwrap();
    assert_eq!((first.woken(), second.woken()), (1, 0));
    // Three more, of which nobody is told but by the first one's failure.
    ignore(queue.try_get());
    let mut three = queue.put_all([2, 3, 4].map(&item));
    assert!(first.poll(&mut three).is_ready());
    let woken = second.woken();
    hook.set(|| panic!("in a comparison"));
    panics(|| first.poll(&mut one));
    hook.clear();
    drop(one);
    assert!(second.woken() >= woken.max(1));
    assert!(second.poll(&mut two).is_ready());
}

thread_local! {
    static ANSWERS: Cell<u32> = const { Cell::new(0) };
}

/// From within a comparison the readers answer, and anything else panics and says why.
#[test]
fn a_comparison_that_uses_the_queue() {
    type Items = PriorityQueue<Item>;
    let operations: [fn(&Items, Item); 16] = [
        |queue, item| ignore(queue.try_put(item)),
        |queue, _| ignore(queue.try_get()),
        |queue, item| ignore(queue.put(item).block()),
        |queue, _| ignore(queue.get().block()),
        |queue, item| ignore(queue.put(item).timeout(Duration::ZERO).block()),
        |queue, _| ignore(queue.get().timeout(Duration::ZERO).block()),
        |queue, item| ignore(Hand::new().poll(&mut queue.put(item))),
        |queue, _| ignore(Hand::new().poll(&mut queue.get())),
        |queue, item| ignore(queue.put_all([item]).block()),
        |queue, _| ignore(queue.get_many(2).block()),
        |queue, _| ignore(queue.task_done()),
        |queue, _| queue.join().block(),
        |queue, _| queue.shutdown(),
        |queue, _| queue.shutdown_now(),
        |queue, _| ignore(queue.iter().next()),
        |queue, _| ignore(Hand::new().poll(&mut queue.stream().next())),
    ];
    watched(move || {
        let outer: [fn(&Items, Item); 2] = [
            |queue, item| ignore(queue.try_put(item)),
            |queue, _| ignore(queue.try_get()),
        ];
        for inner in operations {
            for outer in outer {
                let hook = Arc::new(Hook::default());
                let item = compared(&hook);
                let queue: &'static Items = leaked(PriorityQueue::bounded(9));
                queue.put_all([4, 2, 3, 1].map(&item)).block().unwrap();
                let inner_item = Mutex::new(Some(item(9)));
                hook.set(move || {
                    let item = inner_item.lock().unwrap().take();
                    if let Some(item) = item {
                        inner(queue, item);
                    }
                });
                let message = message(|| outer(queue, item(0)));
                assert!(message.contains("`Ord::cmp`"), "{message}");
                hook.clear();
                assert!(!queue.is_shut_down());
                let count = queue.len();
                assert_eq!((count, queue.unfinished()), (count, count));
                let all = numbers(rest(queue));
                assert!(
                    all.ends_with(&[1, 2, 3, 4]) && all.len() == count,
                    "{all:?}"
                );
            }
        }
    });
}

/// The same in a queue that is full: there is no room for what is put, but that is not what is wrong.
#[test]
fn a_comparison_that_puts_into_the_full_queue() {
    type Items = PriorityQueue<Item>;
    let operations: [fn(&Items, Item); 6] = [
        |queue, item| ignore(queue.try_put(item)),
        |queue, item| ignore(queue.put(item).timeout(Duration::ZERO).block()),
        |queue, item| ignore(Hand::new().poll(&mut queue.put(item))),
        |queue, item| ignore(queue.put_all([item]).timeout(Duration::ZERO).block()),
        |queue, item| ignore(Hand::new().poll(&mut queue.put_all([item]))),
        |queue, item| ignore(queue.put_all([item]).or(std::future::ready(())).block()),
    ];
    watched(move || {
        for (at, inner) in operations.into_iter().enumerate() {
            let hook = Arc::new(Hook::default());
            let item = compared(&hook);
            let queue: &'static Items = leaked(PriorityQueue::bounded(4));
            queue.put_all([4, 2, 3, 1].map(&item)).block().unwrap();
            let inner_item = Mutex::new(Some(item(9)));
            hook.set(move || {
                let item = inner_item.lock().unwrap().take();
                if let Some(item) = item {
                    inner(queue, item);
                }
            });
            let panicked = catch_unwind(AssertUnwindSafe(|| ignore(queue.try_get())));
            let payload = panicked.expect_err(&format!("operation {at} has not been refused"));
            let message = payload.downcast_ref::<&str>().unwrap();
            assert!(message.contains("`Ord::cmp`"), "{message}");
            hook.clear();
            assert_eq!(numbers(rest(queue)), [1, 2, 3, 4]);
        }
    });
}

/// The readers answer within a comparison, and to other threads meanwhile.
#[test]
fn a_comparison_that_asks_the_queue() {
    watched(|| {
        let hook = Arc::new(Hook::default());
        let item = compared(&hook);
        let queue = leaked(PriorityQueue::bounded(4));
        queue.put_all([2, 3].map(&item)).block().unwrap();
        let asks = move || {
            assert!((2..=3).contains(&queue.len()));
            assert!(!queue.is_empty() && !queue.is_full() && !queue.is_shut_down());
            assert_eq!(queue.capacity(), Some(4));
            assert!((2..=3).contains(&queue.unfinished()));
            assert!(format!("{queue:?}").contains("capacity"));
        };
        hook.set(move || {
            asks();
            thread::spawn(asks).join().unwrap();
            ANSWERS.set(ANSWERS.get() + 1);
        });
        queue.put(item(1)).block().ok().unwrap();
        assert!(ANSWERS.get() > 0);
        hook.set(move || ANSWERS.set(0));
        assert_eq!(queue.get().block().ok().unwrap().number, 1);
        assert_eq!(ANSWERS.get(), 0);
    });
}

/// A comparison may use another queue, whose comparison panics in its turn.
#[test]
fn a_comparison_that_uses_another_queue() {
    let (hook, inner_hook) = (Arc::new(Hook::default()), Arc::new(Hook::default()));
    let (item, inner_item) = (compared(&hook), compared(&inner_hook));
    let queue = PriorityQueue::unbounded();
    let inner = leaked(PriorityQueue::unbounded());
    queue.put_all([2, 1].map(&item)).block().unwrap();
    inner.put_all([2, 1, 3].map(&inner_item)).block().unwrap();
    inner_hook.set(|| panic!("in the inner comparison"));
    hook.set(|| {
        panics(|| inner.try_get());
        assert_eq!(inner.len(), 3);
    });
    queue.try_put(item(0)).ok().unwrap();
    assert_eq!(queue.len(), 3);
    hook.set(|| ignore(inner.try_get()));
    panics(|| queue.try_put(item(0)));
    hook.clear();
    inner_hook.clear();
    assert_eq!(numbers(rest(&queue)), [0, 0, 1, 2]);
    assert_eq!(numbers(rest(inner)), [1, 2, 3]);
}

fn dropped(number: u32, hook: &Arc<Hook>) -> Item {
    Item {
        number,
        compares: Arc::default(),
        drops: Some(hook.clone()),
    }
}

/// Does all that one can do with a queue without waiting.
fn use_it<D: Discipline<Item = Item>>(queue: &QueueOf<D>) {
    let item = || Item {
        number: 9,
        compares: Arc::default(),
        drops: None,
    };
    ignore((
        queue.try_put(item()),
        queue.try_get(),
        queue.get_many(0).block(),
    ));
    ignore((
        queue.task_done(),
        queue.len(),
        queue.unfinished(),
        queue.is_full(),
    ));
    let (mut get, mut put, mut join) = (queue.get(), queue.put(item()), queue.join());
    let hand = Hand::new();
    ignore((
        hand.poll(&mut get),
        hand.poll(&mut put),
        hand.poll(&mut join).is_ready(),
    ));
    queue.shutdown();
    queue.shutdown_now();
}

/// Items that use the queue when they are dropped, wherever that is.
#[test]
fn drops_that_use_the_queue() {
    watched(|| {
        of_each_kind!(|queue = bounded(2)| {
            let runs = Arc::new(AtomicUsize::new(0));
            let queue = leaked(queue);
            let hook = Arc::new(Hook::default());
            let counts = runs.clone();
            hook.set(move || {
                use_it(queue);
                counts.fetch_add(1, SeqCst);
            });
            let hand = Hand::new();
            for number in 0..2 {
                queue.try_put(dropped(number, &hook)).ok().unwrap();
            }
            let (mut put, mut all) = (
                queue.put(dropped(2, &hook)),
                queue.put_all([3, 4].map(|number| dropped(number, &hook))),
            );
            assert!(hand.poll(&mut put).is_pending());
            assert!(hand.poll(&mut all).is_pending());
            drop(put);
            assert!(runs.load(SeqCst) >= 1);
            drop(all);
            queue.shutdown_now();
            assert_eq!((runs.load(SeqCst), queue.len()), (5, 0));
            queue.join().block();
        });
    });
}

#[test]
fn drops_in_shutdown_now_that_use_the_queue() {
    watched(|| {
        of_each_kind!(|queue = unbounded()| {
            let runs = Arc::new(AtomicUsize::new(0));
            let queue = leaked(queue);
            let hook = Arc::new(Hook::default());
            let counts = runs.clone();
            hook.set(move || {
                use_it(queue);
                counts.fetch_add(1, SeqCst);
            });
            for number in 0..5 {
                queue.try_put(dropped(number, &hook)).ok().unwrap();
            }
            queue.shutdown_now();
            assert_eq!((runs.load(SeqCst), queue.len()), (5, 0));
            queue.join().block();
        });
    });
}

/// The queue itself is dropped, with items that know it.
#[test]
fn drops_with_the_queue() {
    of_each_kind!(|queue = unbounded()| {
        let runs = Arc::new(AtomicUsize::new(0));
        let queue = Arc::new(queue);
        let hook = Arc::new(Hook::default());
        let (weak, counts): (Weak<_>, _) = (Arc::downgrade(&queue), runs.clone());
        hook.set(move || {
            assert!(weak.upgrade().is_none());
            counts.fetch_add(1, SeqCst);
        });
        for number in 0..3 {
            queue.try_put(dropped(number, &hook)).ok().unwrap();
        }
        drop(queue);
        assert_eq!(runs.load(SeqCst), 3);
    });
}

/// One that panics when a shutdown drops it: the others are dropped, and all count as done.
#[test]
fn a_drop_that_panics() {
    of_each_kind!(|queue = unbounded()| {
        let (runs, hand) = (Arc::new(AtomicUsize::new(0)), Hand::new());
        let (fails, counts) = (Arc::new(Hook::default()), Arc::new(Hook::default()));
        fails.set(|| panic!("in an item's drop"));
        let count = runs.clone();
        counts.set(move || ignore(count.fetch_add(1, SeqCst)));
        for number in 0..5 {
            let hook = if number == 2 { &fails } else { &counts };
            queue.try_put(dropped(number, hook)).ok().unwrap();
        }
        let (mut join, mut get) = (queue.join(), queue.get());
        assert!(hand.poll(&mut join).is_pending());
        panics(|| queue.shutdown_now());
        assert_eq!((runs.load(SeqCst), queue.unfinished()), (4, 0));
        assert_eq!(hand.woken(), 1);
        assert!(hand.poll(&mut join).is_ready());
        assert_eq!(ready(hand.poll(&mut get)).err(), Some(GetError::ShutDown));
    });
}
