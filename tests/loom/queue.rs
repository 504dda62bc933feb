//! The queue: every item arrives once, and nobody sleeps beside one, or beside room.

use super::{Woken, model, poll_once, spawn};
use amphi::{GetError, LifoQueue, PriorityQueue, PutError, Queue};
use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};

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

/// Two wait for room, and one of them tries once more without having been woken. It may put at the moment at which it is told of the other
/// room: that is for the other party, who hears of it.
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

/// Room for two comes at the moment at which the one that it is kept for has come once more, and too late. The other one, who relies
/// on that one, is told of what is left.
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
