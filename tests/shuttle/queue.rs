//! The queues among three and four: no item lost or made, and no wake-up lost.

use super::{Party, Patience, SOON, join, model, poll_once, task, thread};
use amphi::{GetError, LifoQueue, PriorityQueue, PutError, Queue};
use shuttle::sync::Arc;

fn puts(queue: &Arc<Queue<u32>>, items: [u32; 2]) -> Party<()> {
    thread(queue, move |queue| {
        for item in items {
            queue.put(item).block().unwrap();
        }
    })
}

fn puts_in_a_task(queue: &Arc<Queue<u32>>, items: [u32; 2]) -> Party<()> {
    task(queue, async move |queue| {
        for item in items {
            queue.put(item).await.unwrap();
        }
    })
}

fn gets(queue: &Arc<Queue<u32>>) -> Party<Vec<u32>> {
    thread(queue, |queue| {
        (0..2).map(|_| queue.get().block().unwrap()).collect()
    })
}

fn gets_in_a_task(queue: &Arc<Queue<u32>>) -> Party<Vec<u32>> {
    task(queue, async |queue| {
        vec![queue.get().await.unwrap(), queue.get().await.unwrap()]
    })
}

/// What several have got, in order; each of them must have got what one party has put in that one's order.
fn sorted<const N: usize>(got: [Vec<u32>; N]) -> Vec<u32> {
    let in_order = |got: &Vec<u32>| {
        let of = |party: u32| got.iter().filter(move |item| **item / 10 == party);
        (1..4).all(|party| of(party).is_sorted())
    };
    assert!(got.iter().all(in_order), "{got:?}");
    let mut all = got.concat();
    all.sort_unstable();
    all
}

fn two_and_two(capacity: usize) {
    let queue = Arc::new(Queue::bounded(capacity));
    let producers = [puts(&queue, [11, 12]), puts_in_a_task(&queue, [21, 22])];
    let consumers = [gets(&queue), gets_in_a_task(&queue)];
    join(producers);
    let got = join(consumers);
    assert_eq!(sorted(got), [11, 12, 21, 22]);
    assert!(queue.is_empty());
}

#[test]
fn two_producers_and_two_consumers() {
    model(12_000, || two_and_two(1));
}

#[test]
fn two_producers_and_two_consumers_with_more_room() {
    model(12_000, || two_and_two(2));
}

#[test]
fn three_producers_and_one_consumer() {
    model(12_000, || {
        let queue = Arc::new(Queue::bounded(1));
        let producers = [
            puts(&queue, [11, 12]),
            puts_in_a_task(&queue, [21, 22]),
            puts(&queue, [31, 32]),
        ];
        let got = Vec::from([(); 6].map(|()| queue.get().block().unwrap()));
        join(producers);
        assert_eq!(sorted([got]), [11, 12, 21, 22, 31, 32]);
    });
}

#[test]
fn one_producer_and_three_consumers() {
    model(12_000, || {
        let queue = Arc::new(Queue::unbounded());
        let consumers = [gets(&queue), gets_in_a_task(&queue), gets(&queue)];
        let one_by_one = thread(&queue, |queue| {
            (11..14).for_each(|item| queue.try_put(item).unwrap());
        });
        one_by_one.join();
        queue.put_all([14, 15, 16]).block().unwrap();
        let got = join(consumers);
        assert_eq!(sorted(got), [11, 12, 13, 14, 15, 16]);
    });
}

/// Gets and puts that are given up, by polls or by the clock, leave the items and the room to the others.
#[test]
fn cancels() {
    model(18_000, || {
        let queue = Arc::new(Queue::bounded(1));
        let get_gives_up = task(&queue, async |queue| {
            let got = queue.get().or(Patience::some()).await;
            got.map_or(vec![], |item| vec![item.unwrap()])
        });
        let put_gives_up = task(&queue, async |queue| {
            queue.put(31).or(Patience::some()).await.is_ok()
        });
        let get_is_late = thread(&queue, |queue| match queue.get().timeout(SOON).block() {
            Ok(item) => vec![item],
            Err(error) => {
                assert_eq!(error, GetError::TimedOut);
                vec![]
            }
        });
        let put_is_late = thread(&queue, |queue| match queue.put(32).timeout(SOON).block() {
            Ok(()) => true,
            Err(PutError::TimedOut(item)) => {
                assert_eq!(item, 32);
                false
            }
            Err(error) => panic!("{error}"),
        });
        let stays = thread(&queue, |queue| {
            let mut got = vec![];
            while let Ok(item) = queue.get().block() {
                got.push(item);
            }
            got
        });
        let puts = puts(&queue, [11, 12]);
        puts.join();
        let put = [(put_gives_up.join(), 31), (put_is_late.join(), 32)];
        let got = [get_gives_up.join(), get_is_late.join()];
        queue.shutdown();
        let mut expected = vec![11, 12];
        expected.extend(put.iter().filter(|put| put.0).map(|put| put.1));
        let mut all = [got.concat(), stays.join()].concat();
        all.sort_unstable();
        assert_eq!(all, expected);
    });
}

/// Threads get their items and their room behind tasks that are not polled any more.
#[test]
fn threads_behind_unpolled_tasks() {
    model(12_000, || {
        let queue = Arc::new(Queue::bounded(1));
        let mut unpolled = [queue.get(), queue.get()];
        assert!(!unpolled.iter_mut().any(poll_once));
        let consumers = [(); 2].map(|()| thread(&queue, |queue| queue.get().block().unwrap()));
        puts(&queue, [11, 12]).join();
        join(consumers);
        drop(unpolled);

        queue.try_put(10).unwrap();
        let mut unpolled = [queue.put(13), queue.put(14)];
        assert!(!unpolled.iter_mut().any(poll_once));
        let producer = puts(&queue, [21, 22]);
        let got = [(); 3].map(|()| queue.get().block().unwrap());
        producer.join();
        assert_eq!(got, [10, 21, 22]);
    });
}

/// A task gets an item although the one ahead of it has been told of one that somebody else has taken, and is not polled.
#[test]
fn a_task_behind_an_unpolled_one() {
    model(12_000, || {
        let queue = Arc::new(Queue::unbounded());
        let mut unpolled = queue.get();
        assert!(!poll_once(&mut unpolled));
        let gets = task(&queue, async |queue| queue.get().await.unwrap());
        queue.try_put(1).unwrap();
        let _ = queue.try_get();
        queue.try_put(2).unwrap();
        assert!(gets.join() > 0);
        drop(unpolled);
    });
}

/// Puts that fail take back their own count, and not what consumers have done meanwhile.
#[test]
fn failing_puts_beside_consumers() {
    model(12_000, || {
        let queue = Arc::new(Queue::bounded(1));
        queue.try_put(1).unwrap();
        let consumes = |queue: &Queue<u32>| {
            if queue.try_get().is_ok() {
                queue.task_done().unwrap();
            }
            let _ = queue.try_put(2);
            if queue.try_get().is_ok() {
                queue.task_done().unwrap();
            }
        };
        let parties = [thread(&queue, consumes), thread(&queue, consumes)];
        let _ = queue.try_put(3);
        join(parties);
        assert_eq!(queue.unfinished(), queue.len());
    });
}

/// Everybody hears of a shutdown, and what was put before is got.
#[test]
fn shutdown_against_four() {
    model(12_000, || {
        let queue = Arc::new(Queue::bounded(1));
        let count = |queue: &Queue<u32>| {
            let mut count = 0;
            while queue.get().block().is_ok() {
                count += 1;
            }
            count
        };
        let consumers = [
            thread(&queue, count),
            task(&queue, async |queue| {
                let mut count = 0;
                while queue.get().await.is_ok() {
                    count += 1;
                }
                count
            }),
        ];
        let producers = [
            thread(&queue, |queue| {
                [1, 2].map(|item| u32::from(queue.put(item).block().is_ok()))
            }),
            task(&queue, async |queue| {
                let first = queue.put(3).await.is_ok();
                [u32::from(first), u32::from(queue.put(4).await.is_ok())]
            }),
        ];
        queue.shutdown();
        let put: u32 = join(producers).iter().flatten().sum();
        let got: u32 = join(consumers).iter().sum();
        assert_eq!(put, got);
        assert_eq!(queue.try_get(), Err(GetError::ShutDown));
    });
}

/// What a shutdown drops counts as done, also if it is being put; all who wait for the end are released.
#[test]
fn shutdown_now_against_joins() {
    model(12_000, || {
        let queue = Arc::new(Queue::bounded(1));
        let parties = [
            thread(&queue, |queue| {
                let _ = queue.put_all([1, 2, 3]).block();
            }),
            task(&queue, async |queue| {
                if queue.get().await.is_ok() {
                    queue.task_done().unwrap();
                }
            }),
            thread(&queue, |queue| queue.join().block()),
            task(&queue, async |queue| queue.join().await),
        ];
        queue.shutdown_now();
        join(parties);
        queue.join().block();
        assert_eq!(queue.unfinished(), 0);
    });
}

/// The end is told when both consumers are done, and not before.
#[test]
fn join_against_consumers() {
    model(12_000, || {
        let queue = Arc::new(Queue::bounded(2));
        queue.put_all([11, 12]).block().unwrap();
        let producer = puts(&queue, [21, 22]);
        let consumers = [
            thread(&queue, |queue| {
                (0..2).for_each(|_| {
                    queue.get().block().unwrap();
                    queue.task_done().unwrap();
                });
            }),
            task(&queue, async |queue| {
                for _ in 0..2 {
                    queue.get().await.unwrap();
                    queue.task_done().unwrap();
                }
            }),
        ];
        producer.join();
        let joins = task(&queue, async |queue| queue.join().await);
        queue.join().block();
        assert_eq!(queue.unfinished(), 0);
        joins.join();
        join(consumers);
    });
}

/// Several at a time, more than there is room for, beside those who take and put one.
#[test]
fn many_beside_one() {
    model(12_000, || {
        let queue = Arc::new(Queue::bounded(2));
        let producers = [
            thread(&queue, |queue| {
                queue.put_all([11, 12, 13]).block().unwrap();
            }),
            task(&queue, async |queue| queue.put(21).await.unwrap()),
        ];
        let consumers = [
            thread(&queue, |queue| {
                let mut got = vec![];
                while let Ok(items) = queue.get_many(2).block() {
                    assert!(!items.is_empty());
                    got.extend(items);
                }
                got
            }),
            task(&queue, async |queue| {
                queue.get().await.map_or(vec![], |item| vec![item])
            }),
        ];
        join(producers);
        queue.shutdown();
        let mut got = join(consumers).concat();
        got.sort_unstable();
        assert_eq!(got, [11, 12, 13, 21]);
    });
}

#[test]
fn stack() {
    model(12_000, || {
        let queue = Arc::new(LifoQueue::bounded(1));
        let parties = [
            thread(&queue, |queue| {
                queue.put_all([1, 2]).block().unwrap();
                0
            }),
            task(&queue, async |queue| {
                queue.put(3).await.unwrap();
                0
            }),
            thread(&queue, |queue| {
                queue.get().block().unwrap() + queue.get().block().unwrap()
            }),
            task(&queue, async |queue| queue.get().await.unwrap()),
        ];
        assert_eq!(join(parties).iter().sum::<u32>(), 6);
        assert!(queue.is_empty());
    });
}

#[test]
fn by_priority() {
    model(12_000, || {
        let queue = Arc::new(PriorityQueue::bounded(2));
        let parties = [
            thread(&queue, |queue| {
                queue.put_all([3, 1]).block().unwrap();
                0
            }),
            task(&queue, async |queue| {
                queue.put_all([4, 2]).await.unwrap();
                0
            }),
            thread(&queue, |queue| queue.get().block().unwrap()),
            task(&queue, async |queue| queue.get().await.unwrap()),
        ];
        let got: u32 = join(parties).iter().sum();
        let rest = [queue.try_get().unwrap(), queue.try_get().unwrap()];
        assert!(rest.is_sorted());
        assert_eq!(got + rest[0] + rest[1], 10);
    });
}
