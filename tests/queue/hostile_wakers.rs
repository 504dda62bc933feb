//! Wakers that panic, or use the queue that calls them.

use super::*;
use std::sync::Mutex;

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
        let waker = waker(move || {
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
            assert!(poll_with(&waker(move || what(queue)), &mut get).is_pending());
            assert!(hand.poll(&mut other).is_pending());
            queue.try_put(1).unwrap();
            drop(get);
            let (mut put, mut second) = (queue.put(2), queue.put(3));
            if !queue.is_shut_down() {
                ignore(queue.try_put(4));
                assert!(poll_with(&waker(move || what(queue)), &mut put).is_pending());
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
