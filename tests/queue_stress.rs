//! Threads and the tasks of all runtimes at once on one small queue, in all ways to wait, to give up and to time out: each item
//! that has been put arrives once, and none else.

mod worlds;

use amphi::queue::{Discipline, QueueOf};
use amphi::{GetError, LifoQueue, PriorityQueue, PutError, Queue};
use futures::StreamExt;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};
use worlds::{On, World, ordered_by_cmp, watched};

const WORLDS: [World; 5] = [
    World::Threads,
    World::TokioMulti,
    World::AsyncStd,
    World::Smol,
    World::Futures,
];

/// How long the producers go on.
const LASTS: Duration = Duration::from_millis(500);

/// One that is counted as long as it is anywhere.
struct Item {
    producer: usize,
    number: usize,
    alive: Arc<AtomicUsize>,
}

impl Item {
    fn new(producer: usize, number: usize, alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, SeqCst);
        Item {
            producer,
            number,
            alive: alive.clone(),
        }
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, SeqCst);
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number.cmp(&other.number)
    }
}

ordered_by_cmp!(Item);

/// Ready after so many polls.
async fn after(polls: u32) {
    let mut left = polls;
    std::future::poll_fn(|cx| match left {
        0 => Poll::Ready(()),
        _ => {
            left -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

fn some_time(random: &mut fastrand::Rng) -> Duration {
    Duration::from_micros(random.u64(0..150))
}

/// Puts until it is told to stop; returns the numbers of what it has put.
async fn produce<D: Discipline<Item = Item> + Send + Sync>(
    world: World,
    queue: Arc<QueueOf<D>>,
    producer: usize,
    stop: Arc<AtomicBool>,
    alive: Arc<AtomicUsize>,
) -> Vec<usize> {
    let mut random = fastrand::Rng::with_seed(producer as u64);
    let (mut put, mut next) = (Vec::new(), 0);
    while !stop.load(SeqCst) {
        let number = next;
        next += 1;
        let item = Item::new(producer, number, &alive);
        let back = |error: PutError<Item>| {
            let item = error.into_inner();
            assert_eq!((item.producer, item.number), (producer, number));
        };
        let result = match random.u8(0..6) {
            0 | 1 => queue.put(item).on(world).await,
            2 => {
                let wait = queue.put(item).timeout(some_time(&mut random));
                wait.on(world).await
            }
            3 => {
                let other = std::pin::pin!(after(random.u32(0..4)));
                let wait = queue.put(item).or(other);
                let either = match world.is_threads() {
                    true => wait.block(),
                    false => wait.await,
                };
                match either {
                    Ok(result) => result,
                    // It has been dropped.
                    Err(()) => continue,
                }
            }
            4 => queue.try_put(item),
            _ => {
                let count = random.usize(1..6);
                next += count;
                let items =
                    (number + 1..=number + count).map(|number| Item::new(producer, number, &alive));
                let items: Vec<_> = std::iter::once(item).chain(items).collect();
                let wait = queue.put_all(items).timeout(some_time(&mut random));
                let left = match wait.on(world).await {
                    Ok(()) => 0,
                    Err(error) => {
                        let left = error.into_inner();
                        assert_eq!(left.last().map(|item| item.number), Some(number + count));
                        left.len()
                    }
                };
                put.extend(number..number + 1 + count - left);
                continue;
            }
        };
        match result {
            Ok(()) => put.push(number),
            Err(error) => back(error),
        }
    }
    put
}

/// Gets until there is no more.
async fn consume<D: Discipline<Item = Item> + Send + Sync>(
    world: World,
    queue: Arc<QueueOf<D>>,
    seed: u64,
) -> Vec<Item> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut all = Vec::new();
    loop {
        let got = match random.u8(0..6) {
            0 => queue.get().on(world).await.map(|item| vec![item]),
            1 => {
                let wait = queue.get().timeout(some_time(&mut random));
                wait.on(world).await.map(|item| vec![item])
            }
            2 => {
                let other = std::pin::pin!(after(random.u32(0..4)));
                let wait = queue.get().or(other);
                let either = match world.is_threads() {
                    true => wait.block(),
                    false => wait.await,
                };
                either
                    .unwrap_or(Err(GetError::Empty))
                    .map(|item| vec![item])
            }
            3 => queue.try_get().map(|item| vec![item]),
            4 => match queue.stream().next().await {
                Some(item) => Ok(vec![item]),
                None => Err(GetError::ShutDown),
            },
            _ => {
                let wait = queue.get_many(random.usize(1..5));
                wait.timeout(some_time(&mut random)).on(world).await
            }
        };
        match got {
            Ok(items) => {
                for item in items {
                    all.push(item);
                    queue.task_done().unwrap();
                }
            }
            Err(GetError::ShutDown) => return all,
            Err(_) => {}
        }
    }
}

fn stress<D>(queue: QueueOf<D>, in_order: bool)
where
    D: Discipline<Item = Item> + Send + Sync + 'static,
{
    World::Mixed.play(move |main| async move {
        let queue = Arc::new(queue);
        let (stop, alive) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let (mut producers, mut consumers) = (Vec::new(), Vec::new());
        for (number, world) in WORLDS.into_iter().enumerate() {
            let (items, stop, alive) = (queue.clone(), stop.clone(), alive.clone());
            producers.push(world.spawn(move |world| produce(world, items, number, stop, alive)));
            let items = queue.clone();
            consumers.push(world.spawn(move |world| consume(world, items, number as u64)));
        }
        let start = Instant::now();
        main.until(|| {
            std::thread::sleep(Duration::from_millis(5));
            assert!(queue.len() <= queue.capacity().unwrap());
            start.elapsed() > LASTS
        })
        .await;
        stop.store(true, SeqCst);
        let mut put = Vec::new();
        for producer in producers {
            put.push(producer.join().await);
        }
        // It ends when everything has been got; if something was lost it does not.
        queue.join().on(main).await;
        assert_eq!((queue.len(), queue.unfinished()), (0, 0));
        queue.shutdown();
        let mut got = vec![Vec::new(); WORLDS.len()];
        for consumer in consumers {
            let mut last = HashMap::new();
            for item in consumer.join().await {
                let before = last.insert(item.producer, item.number);
                let in_turn = before.is_none_or(|before| before < item.number);
                assert!(in_turn || !in_order, "{before:?} before {}", item.number);
                got[item.producer].push(item.number);
            }
        }
        for (put, got) in put.iter().zip(&mut got) {
            got.sort();
            assert!(put == got, "{} have been put, {} got", put.len(), got.len());
            assert!(!put.is_empty(), "a producer has not got through");
        }
        assert_eq!(alive.load(SeqCst), 0);
    });
}

#[test]
fn first_come_first_served() {
    stress(Queue::bounded(2), true);
}

#[test]
fn last_come_first_served() {
    stress(LifoQueue::bounded(2), false);
}

#[test]
fn by_priority() {
    stress(PriorityQueue::bounded(2), false);
}

/// Two threads that put at the same time.
#[derive(Clone)]
struct Meeting {
    queue: Arc<Queue<()>>,
    here: Arc<AtomicUsize>,
}

impl Meeting {
    const PUTS: usize = 1000;

    fn of(queue: &Arc<Queue<()>>) -> Self {
        Meeting {
            queue: queue.clone(),
            here: Arc::default(),
        }
    }

    fn puts(&self) {
        self.here.fetch_add(1, SeqCst);
        while self.here.load(SeqCst) < 2 {
            thread::yield_now();
        }
        for _ in 0..Self::PUTS {
            self.queue.try_put(()).unwrap();
        }
    }
}

/// It puts when the thread's locals are dropped.
struct AtEnd(Meeting);

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.0.puts();
    }
}

thread_local! {
    static AT_END: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
}

/// Each put is counted, though more threads put than have a count of their own, some have taken over that of one that has ended, and
/// some put while they end.
#[test]
fn each_put_is_counted() {
    watched(|| {
        let queue = Arc::new(Queue::unbounded());
        let (ends, ended) = mpsc::channel();
        let start = || {
            let (sends, meetings) = mpsc::channel::<Meeting>();
            let (queue, ends) = (queue.clone(), ends.clone());
            let worker = thread::spawn(move || {
                // It has its count from the first put on.
                queue.try_put(()).unwrap();
                ends.send(()).unwrap();
                for meeting in meetings {
                    meeting.puts();
                    ends.send(()).unwrap();
                }
            });
            ended.recv().unwrap();
            (sends, worker)
        };
        let mut workers = Vec::new();
        let mut put = 0;
        for _ in 0..7 {
            let (sends, leaves) = start();
            workers.extend([start(), start()]);
            drop(sends);
            leaves.join().unwrap();
            workers.push(start());
            put += 4;
        }
        for (index, (worker, _)) in workers.iter().enumerate() {
            for (other, _) in &workers[..index] {
                let meeting = Meeting::of(&queue);
                worker.send(meeting.clone()).unwrap();
                other.send(meeting).unwrap();
                ended.recv().unwrap();
                ended.recv().unwrap();
                put += 2 * Meeting::PUTS;
                assert_eq!(queue.unfinished(), put);
            }
            // The later a local was made the earlier it is dropped, or the other way round.
            for puts_first in [false, true] {
                let meeting = Meeting::of(&queue);
                worker.send(meeting.clone()).unwrap();
                let leaves = thread::spawn(move || {
                    let queue = meeting.queue.clone();
                    if puts_first {
                        queue.try_put(()).unwrap();
                    }
                    AT_END.set(Some(AtEnd(meeting)));
                    if !puts_first {
                        queue.try_put(()).unwrap();
                    }
                });
                leaves.join().unwrap();
                ended.recv().unwrap();
                put += 1 + 2 * Meeting::PUTS;
                assert_eq!(queue.unfinished(), put);
            }
        }
        for (sends, worker) in workers {
            drop(sends);
            worker.join().unwrap();
        }
    });
}
