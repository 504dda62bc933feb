//! One function, many items.

use super::*;
use amphi::thread::Map;
use amphi::{JobError, SubmitError};
use std::mem;

fn poll_next<T>(map: &mut Map<T>) -> Poll<Option<Result<T, JobError>>> {
    Hand::new().poll(&mut futures::StreamExt::next(map))
}

/// An item is dropped with its cancelled job, and panics in that: the jobs after it would run.
#[test]
fn a_dropped_map_cancels_all_though_an_item_panics() {
    watched(|| {
        let pool = ThreadPool::new(1);
        let occupied = Occupied::new(&pool);
        let ran = Arc::new(AtomicUsize::new(0));
        let runs = ran.clone();
        let items = [Some(PanicsWhenDropped), None, None, None];
        let map = pool.map(items, move |item| {
            runs.fetch_add(1, SeqCst);
            mem::forget(item);
        });
        panics(|| map.unwrap());
        drop(occupied);
        pool.shutdown().block();
        assert_eq!(ran.load(SeqCst), 0);
    });
}

/// The same in a stream whose time is over: it would panic at every further poll.
#[test]
fn a_stream_goes_on_though_an_item_panics() {
    watched(|| {
        let pool = ThreadPool::new(1);
        let _occupied = Occupied::new(&pool);
        let items = [Some(PanicsWhenDropped), None];
        let map = pool.map(items, mem::forget).unwrap();
        let mut map = map.timeout(Duration::ZERO);
        panics(|| poll_next(&mut map));
        // That of the second item.
        let next = poll_next(&mut map);
        assert!(matches!(next, Poll::Ready(Some(Err(JobError::TimedOut)))));
        let next = poll_next(&mut map);
        assert!(matches!(next, Poll::Ready(None)));
    });
}

/// A timeout is given after a result has been polled for: that result would be waited for without one.
#[test]
fn a_timeout_counts_for_a_result_that_was_polled_for() {
    watched(|| {
        let pool = ThreadPool::new(1);
        let _occupied = Occupied::new(&pool);
        let mut map = pool.map([1], |number| number).unwrap();
        assert!(poll_next(&mut map).is_pending());
        let (start, timeout) = (Instant::now(), Duration::from_millis(10));
        let next = Iterator::next(&mut map.timeout(timeout));
        assert!(matches!(next, Some(Err(JobError::TimedOut))), "{next:?}");
        assert!(start.elapsed() >= timeout);
    });
}

/// There is no worker, and none can be started: all items would be cancelled instead of given back.
#[test]
fn a_map_without_a_worker_is_refused() {
    watched(|| {
        let pool = unable("no map");
        match pool.map([1, 2], |number| number) {
            Err(SubmitError::NoThread((items, _), _)) => assert_eq!(items, [1, 2]),
            Err(error) => panic!("{error:?}"),
            Ok(map) => panic!("it is accepted: {:?}", map.collect::<Vec<_>>()),
        }
    });
}

/// The pool breaks between two items: the second would say that it was cancelled.
#[test]
fn the_items_of_a_broken_pool_are_broken() {
    watched(|| {
        let pool = ThreadPool::builder()
            .workers(1)
            .initializer(|| panic!("in the initializer"))
            .build();
        let items = (0..2).inspect(|number| {
            if *number == 1 {
                // The first item's worker fails.
                until(|| pool.submit(|| ()).is_err());
            }
        });
        let results = pool.map(items, |number| number).unwrap();
        for result in results {
            assert!(matches!(result, Err(JobError::Broken)), "{result:?}");
        }
    });
}

/// It has been polled by a waker that panics when it is dropped: the jobs would run.
#[test]
fn a_dropped_map_cancels_all_though_a_waker_panics() {
    watched(|| {
        let pool = ThreadPool::new(1);
        let occupied = Occupied::new(&pool);
        let ran = Arc::new(AtomicUsize::new(0));
        let runs = ran.clone();
        let map = pool.map([(); 3], move |()| runs.fetch_add(1, SeqCst));
        let mut map = map.unwrap();
        let held = PanicsWhenDropped;
        let waker = waker(move || _ = &held);
        let mut next = futures::StreamExt::next(&mut map);
        assert!(poll_with(&waker, &mut next).is_pending());
        drop(waker);
        panics(|| map);
        drop(occupied);
        pool.shutdown().block();
        assert_eq!(ran.load(SeqCst), 0);
    });
}
