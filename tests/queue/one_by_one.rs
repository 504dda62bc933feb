//! What each operation does, one after the other.

use super::*;
use std::cmp::Reverse;

#[test]
fn orders() {
    let items = [3, 1, 2, 1];
    let fifo = Queue::unbounded();
    fifo.put_all(items).block().unwrap();
    assert_eq!(rest(&fifo), [3, 1, 2, 1]);
    let lifo = LifoQueue::unbounded();
    lifo.put_all(items).block().unwrap();
    assert_eq!(rest(&lifo), [1, 2, 1, 3]);
    let priority = PriorityQueue::unbounded();
    priority.put_all(items).block().unwrap();
    assert_eq!(rest(&priority), [1, 1, 2, 3]);
    let greatest = PriorityQueue::unbounded();
    greatest.put_all(items.map(Reverse)).block().unwrap();
    assert_eq!(rest(&greatest), [3, 2, 1, 1].map(Reverse));
}

/// Compared by the first field only.
#[derive(Debug)]
struct Ranked(u8, u32);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Ranked {}

/// Equal items come out in the order in which they came in, whatever comes and goes in between.
#[test]
fn equals_in_order_of_arrival() {
    let queue = PriorityQueue::unbounded();
    let mut random = fastrand::Rng::with_seed(7);
    let mut last = [0; 3];
    let mut got = |item: Ranked| {
        let last = &mut last[item.0 as usize];
        assert!(item.1 > *last, "{item:?} after {last}");
        *last = item.1;
    };
    for number in 1..=2000 {
        queue.try_put(Ranked(random.u8(0..3), number)).unwrap();
        if random.u8(0..3) == 0 {
            got(queue.try_get().unwrap());
        }
    }
    rest(&queue).into_iter().for_each(got);
    assert_eq!(queue.unfinished(), 2000);
}

/// Filled and emptied several times over, in one piece and one by one.
#[test]
fn goes_round() {
    of_each_kind!(|queue = bounded(3)| for round in 0..20 {
        for item in 0..3 {
            queue.try_put(round * 3 + item).unwrap();
        }
        assert_eq!(queue.try_put(99), Err(PutError::Full(99)));
        let mut got = rest(&queue);
        got.sort();
        assert_eq!(got, [0, 1, 2].map(|item| round * 3 + item));
    });
}

#[test]
fn readers() {
    of_each_kind!(|queue = bounded(2)| {
        let state = || (queue.len(), queue.is_empty(), queue.is_full());
        assert_eq!(queue.capacity(), Some(2));
        assert!(!queue.is_shut_down());
        assert_eq!((state(), queue.unfinished()), ((0, true, false), 0));
        queue.put('a').block().unwrap();
        assert_eq!((state(), queue.unfinished()), ((1, false, false), 1));
        queue.try_put('b').unwrap();
        assert_eq!((state(), queue.unfinished()), ((2, false, true), 2));
        assert!(queue.try_put('c').is_err());
        assert_eq!((state(), queue.unfinished()), ((2, false, true), 2));
        queue.get().block().unwrap();
        assert_eq!((state(), queue.unfinished()), ((1, false, false), 2));
        queue.task_done().unwrap();
        assert_eq!((state(), queue.unfinished()), ((1, false, false), 1));
        queue.shutdown();
        assert!(queue.is_shut_down());
        assert_eq!((state(), queue.unfinished()), ((1, false, false), 1));
        assert!(queue.try_put('d').is_err());
        queue.try_get().unwrap();
        queue.task_done().unwrap();
        assert_eq!((state(), queue.unfinished()), ((0, true, false), 0));
        assert_eq!(queue.capacity(), Some(2));
    });
    of_each_kind!(|queue = unbounded()| {
        assert_eq!(queue.capacity(), None);
        queue.put_all(0..1000).block().unwrap();
        assert_eq!((queue.len(), queue.is_full()), (1000, false));
        assert_eq!(queue.unfinished(), 1000);
    });
}

#[test]
fn no_capacity() {
    assert!(message(|| drop(Queue::<u8>::bounded(0))).contains("unbounded"));
    assert!(message(|| drop(LifoQueue::<u8>::bounded(0))).contains("unbounded"));
    assert!(message(|| drop(PriorityQueue::<u8>::bounded(0))).contains("unbounded"));
}

#[test]
fn done_too_often() {
    of_each_kind!(|queue = unbounded()| {
        assert_eq!(queue.task_done(), Err(TaskDoneError));
        queue.put_all([1, 2]).block().unwrap();
        assert_eq!(queue.task_done(), Ok(()));
        assert_eq!(queue.task_done(), Ok(()));
        assert_eq!(queue.task_done(), Err(TaskDoneError));
        assert_eq!((queue.unfinished(), queue.len()), (0, 2));
        // The errors are not remembered.
        queue.try_put(3).unwrap();
        assert_eq!(queue.unfinished(), 1);
        assert!(queue.join().timeout(Duration::ZERO).block().is_err());
        assert_eq!(queue.task_done(), Ok(()));
        queue.join().block();
    });
}

/// Shut down goes before full, empty and timed out.
#[test]
fn shut_down_goes_first() {
    of_each_kind!(|queue = bounded(1)| {
        queue.try_put(1).unwrap();
        queue.shutdown();
        assert_eq!(queue.try_put(2), Err(PutError::ShutDown(2)));
        assert_eq!(queue.put(3).block(), Err(PutError::ShutDown(3)));
        let timed = queue.put(4).timeout(Duration::ZERO);
        assert_eq!(timed.block(), Err(PutError::ShutDown(4)));
        let all = queue.put_all([5, 6]).timeout(Duration::ZERO);
        assert_eq!(block_on(all), Err(PutError::ShutDown(vec![5, 6])));
        assert_eq!((queue.len(), queue.unfinished()), (1, 1));
        // What is there is handed out first.
        assert_eq!(queue.get().timeout(Duration::ZERO).block(), Ok(1));
        assert_eq!(queue.try_get(), Err(GetError::ShutDown));
        assert_eq!(queue.get().block(), Err(GetError::ShutDown));
        let timed = queue.get().timeout(Duration::ZERO);
        assert_eq!(timed.block(), Err(GetError::ShutDown));
        assert_eq!(queue.get_many(3).block(), Err(GetError::ShutDown));
        // There is room now, but nothing to be put.
        assert_eq!(queue.try_put(7), Err(PutError::ShutDown(7)));
        assert_eq!(queue.unfinished(), 1);
    });
}

#[test]
fn several_shutdowns() {
    of_each_kind!(|queue = unbounded()| {
        queue.put_all([1, 2, 3]).block().unwrap();
        queue.shutdown();
        queue.shutdown();
        assert_eq!(queue.len(), 3);
        let in_hand = queue.try_get().unwrap();
        queue.shutdown_now();
        queue.shutdown_now();
        assert_eq!(queue.try_get(), Err(GetError::ShutDown));
        assert_eq!((queue.len(), queue.unfinished()), (0, 1), "{in_hand} is in hand");
        queue.shutdown();
        queue.task_done().unwrap();
        assert_eq!(queue.task_done(), Err(TaskDoneError));
    });
}

/// One attempt is made, which takes what is there.
#[test]
fn no_time() {
    of_each_kind!(|queue = bounded(1)| {
        let past = Instant::now();
        let none = Duration::ZERO;
        assert_eq!(queue.get().timeout(none).block(), Err(GetError::TimedOut));
        assert_eq!(block_on(queue.get().deadline(past)), Err(GetError::TimedOut));
        assert_eq!(queue.get_many(2).timeout(none).block(), Err(GetError::TimedOut));
        assert_eq!(queue.put(1).timeout(none).block(), Ok(()));
        assert_eq!(queue.join().timeout(none).block(), Err(TimedOut));
        assert_eq!(queue.put(2).deadline(past).block(), Err(PutError::TimedOut(2)));
        assert_eq!(block_on(queue.put(3).timeout(none)), Err(PutError::TimedOut(3)));
        let all = queue.put_all([4, 5]).timeout(none);
        assert_eq!(all.block(), Err(PutError::TimedOut(vec![4, 5])));
        assert_eq!(queue.unfinished(), 1);
        assert_eq!(queue.get().deadline(past).block(), Ok(1));
        // As many as fit are put nevertheless.
        let all = queue.put_all([6, 7]).timeout(none);
        assert_eq!(block_on(all), Err(PutError::TimedOut(vec![7])));
        assert_eq!(queue.get_many(2).timeout(none).block(), Ok(vec![6]));
        assert_eq!(queue.unfinished(), 2);
        assert!(queue.put(8).timeout(Duration::MAX).block().is_ok());
        assert_eq!(queue.get().timeout(Duration::MAX).block(), Ok(8));
        for _ in 0..3 {
            queue.task_done().unwrap();
        }
        assert_eq!(queue.join().timeout(none).block(), Ok(()));
    });
}

/// Waits that have been polled, and are given no more time then.
#[test]
fn no_more_time() {
    of_each_kind!(|queue = bounded(1)| {
        let hand = Hand::new();
        let mut get = queue.get();
        assert!(hand.poll(&mut get).is_pending());
        let get = get.timeout(Duration::ZERO);
        assert_eq!(get.block(), Err(GetError::TimedOut));
        queue.try_put(1).unwrap();
        assert_eq!(hand.woken(), 0);
        let mut put = queue.put(2);
        assert!(hand.poll(&mut put).is_pending());
        let mut put = put.timeout(Duration::ZERO);
        assert_eq!(hand.poll(&mut put), Poll::Ready(Err(PutError::TimedOut(2))));
        let mut all = queue.put_all([3, 4]);
        assert!(hand.poll(&mut all).is_pending());
        let all = all.or(std::future::ready("enough"));
        assert_eq!(all.block(), Err("enough"));
        assert_eq!((rest(&queue), hand.woken()), (vec![1], 0));
        assert_eq!(queue.unfinished(), 1);
    });
}

/// Nothing happens before the first poll, nor if there is none.
#[test]
fn nothing_before_the_first_poll() {
    of_each_kind!(|queue = bounded(1)| {
        drop(queue.put(1));
        drop(queue.put_all([2]));
        let put = queue.put(3);
        assert_eq!((queue.len(), queue.unfinished()), (0, 0));
        queue.try_put(4).unwrap();
        drop((queue.get(), queue.get_many(2)));
        assert_eq!(queue.len(), 1);
        assert_eq!(put.timeout(Duration::ZERO).block(), Err(PutError::TimedOut(3)));
    });
}

#[test]
fn none_at_all() {
    of_each_kind!(|queue = bounded(1)| {
        queue.put_all([]).block().unwrap();
        assert_eq!(queue.get_many(0).block(), Ok(vec![]));
        queue.try_put(1).unwrap();
        queue.put_all([]).block().unwrap();
        assert_eq!(queue.get_many(0).block(), Ok(vec![]));
        assert_eq!((queue.len(), queue.unfinished()), (1, 1));
        queue.shutdown_now();
        assert_eq!(queue.get_many(0).block(), Ok(vec![]));
    });
}

/// More than there is room for: part by part, and every part is there when it has been put.
#[test]
fn part_by_part() {
    let (queue, hand) = (Queue::bounded(2), Hand::new());
    let mut all = queue.put_all(0..5);
    assert!(hand.poll(&mut all).is_pending());
    assert_eq!((queue.len(), queue.unfinished(), hand.woken()), (2, 2, 0));
    assert_eq!(queue.try_get(), Ok(0));
    assert_eq!(hand.woken(), 1);
    assert!(hand.poll(&mut all).is_pending());
    assert_eq!(queue.get_many(9).block(), Ok(vec![1, 2]));
    assert_eq!(hand.woken(), 2);
    assert_eq!(hand.poll(&mut all), Poll::Ready(Ok(())));
    assert_eq!(queue.get_many(1).block(), Ok(vec![3]));
    assert_eq!(queue.get_many(1).block(), Ok(vec![4]));
    assert_eq!(queue.unfinished(), 5);
}

/// Half of it has been put when it ends in another way.
#[test]
fn half_of_it() {
    let (queue, hand) = (Queue::bounded(2), Hand::new());
    let mut all = queue.put_all(0..5);
    assert!(hand.poll(&mut all).is_pending());
    let all = all.timeout(Duration::ZERO);
    assert_eq!(all.block(), Err(PutError::TimedOut(vec![2, 3, 4])));
    assert_eq!(rest(&queue), [0, 1]);

    let mut all = queue.put_all(0..5);
    assert!(hand.poll(&mut all).is_pending());
    drop(all);
    assert_eq!((rest(&queue), hand.woken()), (vec![0, 1], 0));

    let mut all = queue.put_all(0..5);
    assert!(hand.poll(&mut all).is_pending());
    queue.shutdown();
    assert_eq!(hand.woken(), 1);
    let left = Poll::Ready(Err(PutError::ShutDown(vec![2, 3, 4])));
    assert_eq!(hand.poll(&mut all), left);
    assert_eq!(rest(&queue), [0, 1]);
    assert_eq!(queue.unfinished(), 6);
}

/// What is dropped with a put, or with the queue, is dropped once, and what is got not at all.
#[test]
fn items_are_dropped_once() {
    of_each_kind!(|queue = bounded(2)| {
        let items: Vec<_> = (0..8).map(Arc::new).collect();
        let item = |index: usize| items[index].clone();
        let owners = |index: usize| Arc::strong_count(&items[index]) - 1;
        let hand = Hand::new();
        queue.try_put(item(0)).unwrap();
        queue.try_put(item(1)).unwrap();
        drop(queue.try_put(item(2)));
        let mut put = queue.put(item(3));
        assert!(hand.poll(&mut put).is_pending());
        assert_eq!(owners(3), 1);
        drop(put);
        let mut put = queue.put(item(4));
        assert!(hand.poll(&mut put).is_pending());
        let put = put.timeout(Duration::ZERO).block();
        assert_eq!(owners(4), 1);
        drop(put);
        let mut all = queue.put_all([item(5), item(6)]);
        assert!(hand.poll(&mut all).is_pending());
        drop(all);
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(owners), [1, 1, 0, 0, 0, 0, 0]);
        let got = queue.get().block().unwrap();
        queue.try_put(item(7)).unwrap();
        let mut iter = queue.into_iter();
        let next = iter.next().unwrap();
        assert_eq!((iter.len(), owners(*got as usize)), (1, 1));
        drop(iter);
        let held: usize = (0..8).map(owners).sum();
        assert_eq!(held, 2);
        drop((got, next));
        assert_eq!((0..8).map(owners).sum::<usize>(), 0);
    });
}

#[test]
fn iterators() {
    of_each_kind!(|queue = unbounded()| {
        let mut total = 0;
        queue.put_all(0..5).block().unwrap();
        let mut some = queue.try_iter();
        assert!(some.next().is_some());
        assert_eq!(some.count(), 4);
        assert_eq!(queue.try_iter().next(), None);
        queue.put_all(0..5).block().unwrap();
        queue.shutdown();
        for item in &queue {
            total += item;
            if total > 3 {
                break;
            }
        }
        let mut iter = queue.iter();
        total += iter.by_ref().sum::<i32>();
        assert_eq!((total, iter.next()), (10, None));
        let mut empty = queue.into_iter();
        assert_eq!((empty.len(), empty.next()), (0, None));
    });
    let queue = PriorityQueue::bounded(3);
    queue.put_all([3, 1, 2]).block().unwrap();
    let mut iter = queue.into_iter();
    assert_eq!(iter.size_hint(), (3, Some(3)));
    assert_eq!(iter.next(), Some(1));
    assert_eq!(iter.collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn streams() {
    use futures::stream::FusedStream;
    let (queue, hand) = (Arc::new(Queue::unbounded()), Hand::new());
    let (mut stream, mut owned) = (queue.stream(), queue.stream_owned());
    assert!(hand.poll(&mut stream.next()).is_pending());
    queue.put_all([1, 2, 3]).block().unwrap();
    assert_eq!(hand.woken(), 1);
    assert_eq!(hand.poll(&mut stream.next()), Poll::Ready(Some(1)));
    assert_eq!(hand.poll(&mut owned.next()), Poll::Ready(Some(2)));
    queue.shutdown();
    assert!(!stream.is_terminated());
    assert_eq!(block_on(stream.by_ref().collect::<Vec<_>>()), [3]);
    assert!(stream.is_terminated() && !owned.is_terminated());
    assert_eq!(hand.poll(&mut stream.next()), Poll::Ready(None));
    assert_eq!(hand.poll(&mut owned.next()), Poll::Ready(None));
}

/// A stream between two items holds none, and no place either.
#[test]
fn a_stream_takes_no_more_than_it_gives() {
    let (queue, hand) = (Queue::unbounded(), Hand::new());
    let mut stream = queue.stream();
    queue.put_all([1, 2]).block().unwrap();
    assert_eq!(hand.poll(&mut stream.next()), Poll::Ready(Some(1)));
    assert_eq!(queue.len(), 1);
    drop(stream);
    let mut stream = queue.stream();
    assert_eq!(hand.poll(&mut stream.next()), Poll::Ready(Some(2)));
    assert!(hand.poll(&mut stream.next()).is_pending());
    drop(stream);
    queue.try_put(3).unwrap();
    assert_eq!((queue.len(), hand.woken()), (1, 0));
}

/// Released at the moment when nothing is unfinished, whatever is put then, and not by what came before.
#[test]
fn joins() {
    of_each_kind!(|queue = unbounded()| {
        let (hand, late, new) = (Hand::new(), Hand::new(), Hand::new());
        assert!(hand.poll(&mut queue.join()).is_ready());
        queue.put_all([1, 2]).block().unwrap();
        let (mut early, mut other) = (queue.join(), queue.join());
        assert!(hand.poll(&mut early).is_pending());
        assert!(hand.poll(&mut other).is_pending());
        drop(queue.join());
        queue.task_done().unwrap();
        assert_eq!(hand.woken(), 0);
        assert!(hand.poll(&mut early).is_pending());
        queue.task_done().unwrap();
        assert_eq!(hand.woken(), 2);
        // There is something again before anybody has looked.
        queue.try_put(3).unwrap();
        let mut after = queue.join();
        assert!(late.poll(&mut after).is_pending());
        assert!(hand.poll(&mut early).is_ready());
        assert_eq!(other.timeout(Duration::ZERO).block(), Ok(()));
        assert!(late.poll(&mut after).is_pending());
        assert_eq!((late.woken(), queue.unfinished()), (0, 1));
        // That it's gone from the queue is not enough.
        assert_eq!(queue.len(), 3);
        rest(&queue);
        assert!(late.poll(&mut after).is_pending());
        queue.try_put(4).unwrap();
        queue.task_done().unwrap();
        assert!(late.poll(&mut after).is_pending());
        assert!(new.poll(&mut queue.join()).is_pending());
        queue.task_done().unwrap();
        assert_eq!((late.woken(), new.woken()), (1, 0));
        assert!(late.poll(&mut after).is_ready());
        queue.join().block();
    });
}

/// A put that fails counts for nobody.
#[test]
fn a_failed_put_is_not_unfinished() {
    of_each_kind!(|queue = bounded(1)| {
        queue.try_put(1).unwrap();
        let (hand, mut join) = (Hand::new(), queue.join());
        assert!(hand.poll(&mut join).is_pending());
        assert!(queue.try_put(2).is_err());
        assert!(queue.put(3).timeout(Duration::ZERO).block().is_err());
        queue.task_done().unwrap();
        assert_eq!(hand.woken(), 1);
        assert!(hand.poll(&mut join).is_ready());
        queue.shutdown();
        assert!(queue.try_put(4).is_err());
        queue.join().block();
    });
}

/// `join` ends with what is in hand, if the rest has been dropped.
#[test]
fn join_after_shutdown_now() {
    of_each_kind!(|queue = unbounded()| {
        queue.put_all(0..5).block().unwrap();
        let hand = Hand::new();
        let mut join = queue.join();
        assert!(hand.poll(&mut join).is_pending());
        let _in_hand = queue.try_get().unwrap();
        queue.shutdown_now();
        assert_eq!((queue.unfinished(), hand.woken()), (1, 0));
        assert!(hand.poll(&mut join).is_pending());
        queue.task_done().unwrap();
        assert_eq!(hand.woken(), 1);
        assert!(hand.poll(&mut join).is_ready());
    });
    // Nothing in hand: at once.
    let (queue, hand) = (Queue::unbounded(), Hand::new());
    queue.try_put(1).unwrap();
    let mut join = queue.join();
    assert!(hand.poll(&mut join).is_pending());
    queue.shutdown_now();
    assert_eq!(hand.woken(), 1);
    assert!(hand.poll(&mut join).is_ready());
}

/// Everybody is woken by a shutdown: threads are in `everywhere`, here are tasks that are polled once.
#[test]
fn shutdown_wakes_all() {
    of_each_kind!(|queue = bounded(1)| {
        let hand = Hand::new();
        let (mut one, mut many) = (queue.get(), queue.get_many(2));
        let mut stream = queue.stream();
        assert!(hand.poll(&mut one).is_pending());
        assert!(hand.poll(&mut many).is_pending());
        assert!(hand.poll(&mut stream.next()).is_pending());
        queue.shutdown();
        assert_eq!(hand.woken(), 3);
        assert_eq!(hand.poll(&mut one), Poll::Ready(Err(GetError::ShutDown)));
        assert_eq!(hand.poll(&mut many), Poll::Ready(Err(GetError::ShutDown)));
        assert_eq!(hand.poll(&mut stream.next()), Poll::Ready(None::<u8>));
    });
    of_each_kind!(|queue = bounded(1)| {
        let hand = Hand::new();
        queue.try_put(1).unwrap();
        let (mut one, mut all) = (queue.put(2), queue.put_all([3, 4]));
        assert!(hand.poll(&mut one).is_pending());
        assert!(hand.poll(&mut all).is_pending());
        queue.shutdown_now();
        assert_eq!(hand.woken(), 2);
        // There is room by now.
        assert_eq!(hand.poll(&mut one), Poll::Ready(Err(PutError::ShutDown(2))));
        let left = Poll::Ready(Err(PutError::ShutDown(vec![3, 4])));
        assert_eq!(hand.poll(&mut all), left);
        assert_eq!((queue.len(), queue.unfinished()), (0, 0));
    });
}

#[test]
fn what_one_can_read() {
    /// Can't be shown.
    struct Opaque;
    let queue = Queue::bounded(1);
    queue.try_put(Opaque).ok().unwrap();
    assert_eq!(
        format!("{queue:?}"),
        "Queue { len: 1, capacity: Some(1), shut_down: false, unfinished: 1, .. }"
    );
    let full = queue.try_put(Opaque).unwrap_err();
    assert_eq!(format!("{full:?} {full}"), "Full(..) the queue is full");
    let late = queue.put(Opaque).timeout(Duration::ZERO).block();
    let text = late.unwrap_err().to_string();
    assert_eq!(text, "timed out while the queue was full");
    queue.shutdown_now();
    let shut_down = queue.try_put(Opaque).unwrap_err();
    assert_eq!(shut_down.to_string(), "the queue has been shut down");
    let Opaque = shut_down.into_inner();
    for wait in [
        &queue.put(Opaque) as &dyn std::fmt::Debug,
        &queue.put_all([Opaque]),
        &queue.get(),
        &queue.get_many(1).timeout(Duration::MAX),
        &queue.join(),
        &queue.iter(),
        &queue.try_iter(),
        &queue.stream(),
    ] {
        assert!(!format!("{wait:?}").is_empty());
    }
    let boxed: [Box<dyn std::error::Error + Send + Sync>; 4] = [
        Box::new(GetError::Empty),
        Box::new(GetError::ShutDown),
        Box::new(GetError::TimedOut),
        Box::new(TaskDoneError),
    ];
    let texts = boxed.map(|error| error.to_string());
    assert!(texts[0].contains("empty") && texts[1].contains("shut down"));
    assert!(texts[2].contains("timed out") && texts[3].contains("done"));
}

/// The types have names, so that they can be kept.
#[test]
fn in_a_struct() {
    struct Pump {
        get: amphi::Wait<amphi::queue::Get<&'static Queue<u8>>>,
        put: Option<amphi::Wait<amphi::queue::Put<&'static LifoQueue<u8>>>>,
    }
    let (from, to) = (leaked(Queue::unbounded()), leaked(LifoQueue::bounded(1)));
    let hand = Hand::new();
    let mut pump = Pump {
        get: from.get(),
        put: None,
    };
    assert!(hand.poll(&mut pump.get).is_pending());
    from.try_put(1).unwrap();
    pump.put = Some(to.put(ready(hand.poll(&mut pump.get)).unwrap()));
    assert!(hand.poll(&mut pump.put.unwrap()).is_ready());
    assert_eq!(to.try_get(), Ok(1));
}

/// Many threads have come, put and gone; their puts are still counted.
#[test]
fn puts_of_threads_that_are_gone() {
    let queue = Arc::new(Queue::unbounded());
    for round in 0..20 {
        let threads: Vec<_> = (0..5)
            .map(|item| {
                let queue = queue.clone();
                thread::spawn(move || queue.try_put(item).unwrap())
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(queue.unfinished(), 5 * (round + 1));
    }
    for _ in 0..100 {
        queue.task_done().unwrap();
    }
    assert_eq!(queue.task_done(), Err(TaskDoneError));
    queue.join().block();
}
