//! The queue: every item arrives once, and nobody sleeps beside one, or beside room.

use super::{Woken, model, poll_once};
use amphi::queue::{Discipline, QueueOf};
use amphi::{GetError, LifoQueue, PriorityQueue, PutError, Queue};
use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

fn spawn<Q: Send + Sync + 'static, T: 'static>(
    queue: &Arc<Q>,
    party: impl FnOnce(&Q) -> T + 'static,
) -> thread::JoinHandle<T> {
    let queue = queue.clone();
    thread::spawn(move || party(&queue))
}

/// A thread puts, a task gets; one place.
#[test]
fn put_against_get() {
    model(2, || {
        let queue = Arc::new(Queue::bounded(1));
        let puts = spawn(&queue, |queue| {
            queue.put(1).block().unwrap();
            queue.put(2).block().unwrap();
        });
        let got = block_on(async { (queue.get().await, queue.get().await) });
        assert_eq!(got, (Ok(1), Ok(2)));
        puts.join().unwrap();
    });
}

/// A task puts, a thread gets; two places.
#[test]
fn get_against_put() {
    model(3, || {
        let queue = Arc::new(Queue::bounded(2));
        let gets = spawn(&queue, |queue| {
            (
                queue.get().block(),
                queue.get().block(),
                queue.get().block(),
            )
        });
        block_on(async {
            for number in 1..=3 {
                queue.put(number).await.unwrap();
            }
        });
        assert_eq!(gets.join().unwrap(), (Ok(1), Ok(2), Ok(3)));
    });
}

/// Somebody puts without a limit, and a thread and then a task get.
#[test]
fn unbounded() {
    model(3, || {
        let queue = Arc::new(Queue::unbounded());
        let puts = spawn(&queue, |queue| {
            queue.try_put(1).unwrap();
            queue.try_put(2).unwrap();
        });
        assert_eq!(queue.get().block(), Ok(1));
        assert_eq!(block_on(queue.get()), Ok(2));
        puts.join().unwrap();
    });
}

/// Those who wait for items, and those who wait for room, are told of a shutdown.
#[test]
fn shutdown_against_both() {
    model(2, || {
        let queue = Arc::new(Queue::bounded(1));
        let gets = spawn(&queue, |queue| {
            let mut sum = 0;
            while let Ok(number) = queue.get().block() {
                sum += number;
            }
            sum
        });
        let puts = spawn(&queue, |queue| {
            let put = |number| block_on(queue.put(number)).map_or(0, |()| number);
            put(1) + put(2)
        });
        queue.shutdown();
        assert_eq!(puts.join().unwrap(), gets.join().unwrap());
        assert_eq!(queue.try_get(), Err(GetError::ShutDown));
        assert!(matches!(queue.try_put(3), Err(PutError::ShutDown(3))));
    });
}

/// What a shutdown drops counts as done, also if it is being put.
#[test]
fn shutdown_now_against_put_and_join() {
    model(2, || {
        let queue = Arc::new(Queue::bounded(1));
        let puts = spawn(&queue, |queue| {
            let _ = queue.put(1).block();
            let _ = queue.put(2).block();
        });
        let joins = spawn(&queue, |queue| queue.join().block());
        queue.shutdown_now();
        puts.join().unwrap();
        joins.join().unwrap();
        queue.join().block();
        assert_eq!(queue.unfinished(), 0);
    });
}

/// A get that has been woken and is dropped passes that on.
#[test]
fn cancelled_get() {
    model(3, || {
        let queue = Arc::new(Queue::unbounded());
        let mut dropped = queue.get();
        assert!(!poll_once(&mut dropped));
        let gets = spawn(&queue, |queue| queue.get().block());
        let puts = spawn(&queue, |queue| queue.try_put(1).unwrap());
        drop(dropped);
        assert_eq!(gets.join().unwrap(), Ok(1));
        puts.join().unwrap();
    });
}

/// A put that has been woken and is dropped passes that on, and its item is not in the queue.
#[test]
fn cancelled_put() {
    model(3, || {
        let queue = Arc::new(Queue::bounded(1));
        queue.try_put(1).unwrap();
        let mut dropped = queue.put(2);
        assert!(!poll_once(&mut dropped));
        let puts = spawn(&queue, |queue| queue.put(3).block().unwrap());
        let gets = spawn(&queue, |queue| queue.get().block());
        drop(dropped);
        puts.join().unwrap();
        assert_eq!(gets.join().unwrap(), Ok(1));
        assert_eq!(queue.try_get(), Ok(3));
        assert_eq!(queue.unfinished(), 2);
    });
}

/// Several are being put, and that is given up after the first: the rest is not in the queue, and whoever waits for room behind has it.
#[test]
fn cancelled_put_all() {
    model(3, || {
        let queue = Arc::new(Queue::bounded(1));
        let mut dropped = queue.put_all([1, 2]);
        assert!(!poll_once(&mut dropped));
        let puts = spawn(&queue, |queue| block_on(queue.put(3)).unwrap());
        let gets = spawn(&queue, |queue| queue.get().block());
        drop(dropped);
        puts.join().unwrap();
        assert_eq!(gets.join().unwrap(), Ok(1));
        assert_eq!(queue.try_get(), Ok(3));
        assert_eq!(queue.unfinished(), 2);
    });
}

/// Several are to be got, and that is given up: whoever waits behind has the item.
#[test]
fn cancelled_get_many() {
    model(3, || {
        let queue = Arc::new(Queue::unbounded());
        let mut dropped = queue.get_many(2);
        assert!(!poll_once(&mut dropped));
        let gets = spawn(&queue, |queue| block_on(queue.get()));
        let puts = spawn(&queue, |queue| queue.put(1).block().unwrap());
        drop(dropped);
        assert_eq!(gets.join().unwrap(), Ok(1));
        puts.join().unwrap();
        assert!(queue.is_empty());
    });
}

/// A poll that nobody has asked for takes the item; whoever was woken for the next one gets that.
#[test]
fn early_poll() {
    model(3, || {
        let queue = Arc::new(Queue::unbounded());
        let mut early = queue.get();
        assert!(!poll_once(&mut early));
        let mut behind = queue.get();
        assert!(!poll_once(&mut behind));
        let puts = spawn(&queue, |queue| {
            queue.try_put(1).unwrap();
            queue.try_put(2).unwrap();
        });
        if !poll_once(&mut early) {
            drop(early);
        }
        assert!(block_on(behind).is_ok());
        puts.join().unwrap();
    });
}

/// A thread gets its item although the task ahead of it is not polled.
#[test]
fn thread_behind_an_unpolled_task() {
    model(3, || {
        let queue = Arc::new(Queue::unbounded());
        let mut unpolled = queue.get();
        assert!(!poll_once(&mut unpolled));
        let gets = spawn(&queue, |queue| queue.get().block());
        queue.try_put(1).unwrap();
        assert_eq!(gets.join().unwrap(), Ok(1));
    });
}

/// Several at a time: the rest is put when there is room again.
#[test]
fn many() {
    model(2, || {
        let queue = Arc::new(Queue::bounded(1));
        let gets = spawn(&queue, |queue| block_on(queue.get_many(2)).unwrap());
        queue.put_all([1, 2]).block().unwrap();
        let mut got = gets.join().unwrap();
        got.extend(queue.try_iter());
        assert_eq!(got, [1, 2]);
    });
}

/// One wake-up for two items does not leave the second getter behind.
#[test]
fn two_at_once_for_two() {
    model(2, || {
        let queue = Arc::new(Queue::unbounded());
        let mut first = queue.get();
        let mut second = queue.get();
        assert!(!poll_once(&mut first) && !poll_once(&mut second));
        let puts = spawn(&queue, |queue| queue.put_all([1, 2]).block().unwrap());
        assert!(block_on(second).is_ok());
        assert!(first.block().is_ok());
        puts.join().unwrap();
    });
}

/// Whoever waits for the end is released by whoever is done last.
#[test]
fn join_against_task_done() {
    model(3, || {
        let queue = Arc::new(Queue::bounded(2));
        queue.put_all([1, 2]).block().unwrap();
        let work = |queue: &Queue<i32>| {
            queue.get().block().unwrap();
            queue.task_done().unwrap();
        };
        let works = spawn(&queue, work);
        let joins = spawn(&queue, |queue| block_on(queue.join()));
        work(&queue);
        works.join().unwrap();
        joins.join().unwrap();
        assert!(queue.task_done().is_err());
    });
}

/// A put that fails has counted for a moment, and looks itself whether anybody waits for the end.
#[test]
fn join_against_a_failing_put() {
    model(3, || {
        let queue = Arc::new(Queue::bounded(1));
        queue.try_put(1).unwrap();
        let fails = spawn(&queue, |queue| {
            let _ = queue.try_put(2).map(|()| queue.task_done().unwrap());
        });
        let done = spawn(&queue, |queue| queue.task_done().unwrap());
        queue.join().block();
        fails.join().unwrap();
        done.join().unwrap();
    });
}

/// A put that fails takes back its own count, and not what a consumer has done meanwhile.
#[test]
fn a_failing_put_beside_a_consumer() {
    model(3, || {
        let queue = Arc::new(Queue::bounded(1));
        queue.try_put(1).unwrap();
        let consumes = spawn(&queue, |queue| {
            for next in [true, false] {
                if queue.try_get().is_ok() {
                    queue.task_done().unwrap();
                }
                let _ = next && queue.try_put(2).is_ok();
            }
        });
        let put = queue.try_put(3);
        consumes.join().unwrap();
        if put.is_err() {
            assert_eq!(queue.unfinished(), queue.len());
        }
    });
}

/// A thread against a task on the two disciplines that have a mutex.
#[test]
fn under_a_mutex() {
    model(2, || {
        let lifo = Arc::new(LifoQueue::bounded(1));
        let puts = spawn(&lifo, |queue| queue.put_all([1, 2]).block().unwrap());
        assert!(lifo.get().block().is_ok());
        assert!(block_on(lifo.get()).is_ok());
        puts.join().unwrap();

        let priority = Arc::new(PriorityQueue::bounded(1));
        let gets = spawn(&priority, |queue| {
            (queue.get().block(), queue.get().block())
        });
        block_on(async {
            priority.put(1).await.unwrap();
            priority.put(2).await.unwrap();
        });
        assert_eq!(gets.join().unwrap(), (Ok(1), Ok(2)));
    });
}

/// What preceded each `task_done` is seen by whoever has waited for the end.
#[test]
fn task_done_publishes() {
    model(2, || {
        let shared = Arc::new((Queue::unbounded(), [0; 2].map(AtomicUsize::new)));
        shared.0.put_all([1, 2]).block().unwrap();
        let work = |shared: &(Queue<i32>, [AtomicUsize; 2]), which: usize| {
            shared.1[which].store(1, Ordering::Relaxed);
            shared.0.task_done().unwrap();
        };
        let works = spawn(&shared, move |shared| work(shared, 0));
        let joins = spawn(&shared, |shared| {
            shared.0.join().block();
            shared.1.each_ref().map(|done| done.load(Ordering::Relaxed))
        });
        work(&shared, 1);
        works.join().unwrap();
        assert_eq!(joins.join().unwrap(), [1, 1]);
    });
}

/// What precedes a shutdown is seen by whoever learns of it: by a put, by a get, or by asking.
fn shutdown_publishes<Q: Send + Sync + 'static>(
    queue: fn() -> Q,
    shut_down: fn(&Q),
    learns: fn(&Q) -> bool,
) {
    model(3, move || {
        let shared = Arc::new((queue(), AtomicUsize::new(0)));
        let shuts = spawn(&shared, move |shared| {
            shared.1.store(1, Ordering::Relaxed);
            shut_down(&shared.0);
        });
        if learns(&shared.0) {
            assert_eq!(shared.1.load(Ordering::Relaxed), 1);
        }
        shuts.join().unwrap();
    });
}

/// What precedes a shutdown is seen by whoever asks for it.
#[test]
fn shutdown_publishes_to_whoever_asks() {
    shutdown_publishes(
        Queue::<i32>::unbounded,
        Queue::shutdown,
        Queue::is_shut_down,
    );
    shutdown_publishes(
        LifoQueue::<i32>::unbounded,
        LifoQueue::shutdown,
        LifoQueue::is_shut_down,
    );
}

/// What precedes a shutdown is seen by a get that is refused for it.
#[test]
fn shutdown_publishes_to_a_get() {
    shutdown_publishes(Queue::<i32>::unbounded, Queue::shutdown, |queue| {
        queue.try_get() == Err(GetError::ShutDown)
    });
    // One place is a queue of its own kind.
    for make in [bounded::<1>, bounded::<2>] {
        shutdown_publishes(make, Queue::shutdown, |queue| {
            queue.try_get() == Err(GetError::ShutDown)
        });
    }
}

fn bounded<const CAPACITY: usize>() -> Queue<i32> {
    Queue::bounded(CAPACITY)
}

/// What precedes a shutdown is seen by a put that is refused for it.
#[test]
fn shutdown_publishes_to_a_put() {
    shutdown_publishes(Queue::unbounded, Queue::shutdown, |queue| {
        queue.try_put(1) == Err(PutError::ShutDown(1))
    });
    // One place is a queue of its own kind.
    for make in [bounded::<1>, bounded::<2>] {
        shutdown_publishes(make, Queue::shutdown, |queue| {
            queue.try_put(1) == Err(PutError::ShutDown(1))
        });
    }
}

/// Whoever reports an item knows of as many puts as others have reported: else it would seem to be one report too many.
#[test]
fn task_done_beside_a_put_and_its_task_done() {
    model(3, || {
        let queue = Arc::new(Queue::unbounded());
        queue.try_put(1).unwrap();
        let reports = spawn(&queue, |queue| queue.task_done().unwrap());
        queue.try_put(2).unwrap();
        queue.task_done().unwrap();
        reports.join().unwrap();
        assert!(queue.task_done().is_err());
    });
}

/// Two wait, and one of them tries once more without having been woken. It may take one item at the moment at which it is told of
/// the other one: that is for the other party, who hears of it.
#[test]
fn taken_and_told_at_once() {
    model(3, || {
        let queue = Arc::new(Queue::unbounded());
        let (mut early, mut late, woken) = (queue.get(), queue.get(), Woken::new());
        assert!(!poll_once(&mut early));
        assert!(!woken.poll(&mut late));
        let puts = [(); 2].map(|()| spawn(&queue, |queue| queue.try_put(1).unwrap()));
        poll_once(&mut early);
        for put in puts {
            put.join().unwrap();
        }
        assert!(woken.is_woken());
    });
}

/// The same for room.
#[test]
fn put_and_told_at_once() {
    model(3, || {
        let queue = Arc::new(Queue::bounded(2));
        queue.try_put(1).unwrap();
        queue.try_put(2).unwrap();
        let (mut early, mut late, woken) = (queue.put(3), queue.put(4), Woken::new());
        assert!(!poll_once(&mut early));
        assert!(!woken.poll(&mut late));
        let gets = [(); 2].map(|()| spawn(&queue, |queue| queue.try_get().unwrap()));
        poll_once(&mut early);
        for get in gets {
            get.join().unwrap();
        }
        assert!(woken.is_woken());
    });
}

/// A moment at which nothing is unfinished publishes what preceded it, also to somebody who looks only when there is something again.
#[test]
fn a_moment_that_is_over_publishes() {
    model(4, || {
        let shared = Arc::new((Queue::unbounded(), AtomicUsize::new(0)));
        shared.0.try_put(1).unwrap();
        let works = spawn(&shared, |shared| {
            shared.1.store(1, Ordering::Relaxed);
            shared.0.task_done().unwrap();
            shared.0.try_put(2).unwrap();
        });
        let mut join = shared.0.join();
        // The second poll may come before it is woken.
        if poll_once(&mut join) || poll_once(&mut join) {
            assert_eq!(shared.1.load(Ordering::Relaxed), 1);
        }
        works.join().unwrap();
    });
}

/// A moment at which nothing is unfinished may be found by who was not the last to be done: what the last one has done is seen as well, by a
/// newcomer that knows of the moment and not of the reports.
#[test]
fn a_moment_that_another_finds_publishes() {
    model(3, || {
        let shared = Arc::new((Queue::unbounded(), AtomicUsize::new(0)));
        shared.0.put_all([1, 2]).block().unwrap();
        let mut waits = shared.0.join();
        assert!(!poll_once(&mut waits));
        let works = spawn(&shared, |shared| {
            shared.1.store(1, Ordering::Relaxed);
            shared.0.task_done().unwrap();
        });
        let finds = spawn(&shared, |shared| shared.0.task_done().unwrap());
        let comes = spawn(&shared, |shared| {
            if poll_once(&mut shared.0.join()) {
                assert_eq!(shared.1.load(Ordering::Relaxed), 1);
            }
        });
        for party in [works, finds, comes] {
            party.join().unwrap();
        }
    });
}

/// Somebody waits for the end, and is the first who does, while there are two moments at which nothing is unfinished: whoever takes its mark
/// away finds it in the list.
#[test]
fn join_against_two_ends() {
    model(5, || {
        let queue = Arc::new(Queue::unbounded());
        queue.try_put(1).unwrap();
        let works = spawn(&queue, |queue| {
            queue.task_done().unwrap();
            queue.try_put(2).unwrap();
            queue.task_done().unwrap();
        });
        queue.join().block();
        works.join().unwrap();
    });
}

/// One item for two who wait. One of them gives up, or has the item and gives it back: the other one gets it.
fn get_beside_another<D>(make: fn(usize) -> QueueOf<D>, attempts: fn(&QueueOf<D>) -> Option<i32>)
where
    D: Discipline<Item = i32> + Send + Sync + 'static,
{
    model(2, move || {
        let queue = Arc::new(make(1));
        let other = spawn(&queue, |queue| queue.get().block());
        let gives_up = spawn(&queue, move |queue| {
            if let Some(item) = attempts(queue) {
                queue.try_put(item).unwrap();
            }
        });
        queue.try_put(1).unwrap();
        gives_up.join().unwrap();
        assert_eq!(other.join().unwrap(), Ok(1));
    });
}

/// Room for one of two who wait. One of them gives up, or has put and makes room again: the other one puts.
fn put_beside_another<D>(make: fn(usize) -> QueueOf<D>, attempts: fn(&QueueOf<D>) -> bool)
where
    D: Discipline<Item = i32> + Send + Sync + 'static,
{
    model(2, move || {
        let queue = Arc::new(make(1));
        queue.try_put(1).unwrap();
        let other = spawn(&queue, |queue| queue.put(3).block().unwrap());
        let gives_up = spawn(&queue, move |queue| {
            if attempts(queue) {
                assert_eq!(queue.try_get(), Ok(2));
            }
        });
        assert_eq!(queue.try_get(), Ok(1));
        gives_up.join().unwrap();
        other.join().unwrap();
        assert_eq!(queue.try_get(), Ok(3));
    });
}

fn polls_get<D: Discipline<Item = i32>>(queue: &QueueOf<D>) -> Option<i32> {
    let mut item = None;
    let mut get = queue.get();
    poll_once(&mut poll_fn(|cx| {
        Pin::new(&mut get)
            .poll(cx)
            .map(|got| item = Some(got.unwrap()))
    }));
    item
}

fn polls_put<D: Discipline<Item = i32>>(queue: &QueueOf<D>) -> bool {
    poll_once(&mut queue.put(2))
}

fn gets_in_no_time<D: Discipline<Item = i32>>(queue: &QueueOf<D>) -> Option<i32> {
    match queue.get().timeout(Duration::ZERO).block() {
        Err(GetError::TimedOut) => None,
        got => Some(got.unwrap()),
    }
}

fn puts_in_no_time<D: Discipline<Item = i32>>(queue: &QueueOf<D>) -> bool {
    match queue.put(2).timeout(Duration::ZERO).block() {
        Err(PutError::TimedOut(2)) => false,
        put => put.is_ok(),
    }
}

/// A get that is given up while an item comes.
#[test]
fn get_against_cancel_lifo() {
    get_beside_another(LifoQueue::bounded, polls_get);
}

/// A get that is given up while an item comes.
#[test]
fn get_against_cancel_priority() {
    get_beside_another(PriorityQueue::bounded, polls_get);
}

/// A put that is given up while there is room.
#[test]
fn put_against_cancel_lifo() {
    put_beside_another(LifoQueue::bounded, polls_put);
}

/// A put that is given up while there is room.
#[test]
fn put_against_cancel_priority() {
    put_beside_another(PriorityQueue::bounded, polls_put);
}

/// The time of a get is up while an item comes, and another one waits. (Two threads that get at the same time may wait for one that
/// puts by looking again and again in turns, which loom would follow for ever.)
#[test]
fn get_against_timeout() {
    model(3, || {
        let queue = Arc::new(Queue::bounded(1));
        let puts = spawn(&queue, |queue| queue.try_put(1).unwrap());
        let mut other = queue.get();
        if !poll_once(&mut other) {
            if let Some(item) = gets_in_no_time(&queue) {
                queue.try_put(item).unwrap();
            }
            assert_eq!(other.block(), Ok(1));
        }
        puts.join().unwrap();
    });
}

/// The time of a get is up while an item comes.
#[test]
fn get_against_timeout_lifo() {
    get_beside_another(LifoQueue::bounded, gets_in_no_time);
}

/// The time of a get is up while an item comes.
#[test]
fn get_against_timeout_priority() {
    get_beside_another(PriorityQueue::bounded, gets_in_no_time);
}

/// The time of a put is up while there is room, and another one waits.
#[test]
fn put_against_timeout() {
    model(3, || {
        let queue = Arc::new(Queue::bounded(1));
        queue.try_put(1).unwrap();
        let gets = spawn(&queue, |queue| assert_eq!(queue.try_get(), Ok(1)));
        let mut other = queue.put(3);
        if !poll_once(&mut other) {
            if puts_in_no_time(&queue) {
                assert_eq!(queue.try_get(), Ok(2));
            }
            other.block().unwrap();
        }
        gets.join().unwrap();
        assert_eq!(queue.try_get(), Ok(3));
    });
}

/// The time of a put is up while there is room.
#[test]
fn put_against_timeout_lifo() {
    put_beside_another(LifoQueue::bounded, puts_in_no_time);
}

/// The time of a put is up while there is room.
#[test]
fn put_against_timeout_priority() {
    put_beside_another(PriorityQueue::bounded, puts_in_no_time);
}

/// One that waits, and whether it has been woken since it was polled last.
struct Asleep<F> {
    wait: F,
    woken: std::sync::Arc<Woken>,
}

impl<F: Future + Unpin> Asleep<F> {
    fn new(wait: F) -> Self {
        let woken = Woken::new();
        Asleep { wait, woken }
    }

    fn poll(&mut self) -> bool {
        self.woken = Woken::new();
        self.woken.poll(&mut self.wait)
    }
}

/// What there is two of is given and taken by these.
fn kept_for_one_of_two<'a, F: Future + Unpin>(
    queue: &'a Arc<Queue<i32>>,
    wait: fn(&'a Queue<i32>) -> F,
    give: fn(&Queue<i32>),
    take: fn(&Queue<i32>),
) {
    let [mut first, mut second] = [(); 2].map(|()| Asleep::new(wait(queue)));
    // In a model one that has been woken in vain starves.
    assert!(!first.poll());
    give(queue);
    take(queue);
    assert!(!first.poll());
    give(queue);
    assert!(!second.poll(), "it is kept for the other one");
    take(queue);
    let gives = spawn(queue, move |queue| {
        give(queue);
        give(queue);
    });
    let mut waiting = vec![first, second];
    waiting.retain_mut(|party| !party.poll());
    gives.join().unwrap();
    while let Some(party) = waiting.iter().position(|party| party.woken.is_woken()) {
        if waiting[party].poll() {
            waiting.remove(party);
        }
    }
    assert!(waiting.is_empty(), "there is something, and nobody is told");
}

/// Two items come at the moment at which the one that they are kept for has come once more, and too late. The other one, who
/// relies on that one, is told of what is left.
#[test]
fn items_kept_for_one_of_two() {
    model(3, || {
        let queue = Arc::new(Queue::unbounded());
        kept_for_one_of_two(
            &queue,
            |queue| queue.get(),
            |queue| queue.try_put(1).unwrap(),
            |queue| assert!(queue.try_get().is_ok()),
        );
    });
}

/// The same for room.
#[test]
fn room_kept_for_one_of_two() {
    model(3, || {
        let queue = Arc::new(Queue::bounded(2));
        queue.try_put(1).unwrap();
        queue.try_put(1).unwrap();
        kept_for_one_of_two(
            &queue,
            |queue| queue.put(2),
            |queue| assert!(queue.try_get().is_ok()),
            |queue| queue.try_put(1).unwrap(),
        );
    });
}
