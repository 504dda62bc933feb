//! Items whose comparisons and destructors panic, or use the queue that calls them.

use super::*;
use std::cell::Cell;
use std::cmp::Ordering;
use std::sync::{Mutex, Weak};

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

type Items = PriorityQueue<Item>;

/// A queue of four items, the next comparison of which does something with it, and with one more.
fn compares_with(capacity: usize, inner: fn(&Items, Item)) -> (&'static Items, Arc<Hook>) {
    let hook = Arc::new(Hook::default());
    let item = compared(&hook);
    let queue: &'static Items = leaked(PriorityQueue::bounded(capacity));
    queue.put_all([4, 2, 3, 1].map(&item)).block().unwrap();
    let inner_item = Mutex::new(Some(item(9)));
    hook.set(move || {
        let item = inner_item.lock().unwrap().take();
        if let Some(item) = item {
            inner(queue, item);
        }
    });
    (queue, hook)
}

/// From within a comparison the readers answer, and anything else panics and says why.
#[test]
fn a_comparison_that_uses_the_queue() {
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
                let (queue, hook) = compares_with(9, inner);
                let item = compared(&hook)(0);
                let message = message(|| outer(queue, item));
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
            let (queue, hook) = compares_with(4, inner);
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
