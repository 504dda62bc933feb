//! Every operation in every world.

use super::*;
use std::collections::BTreeSet;
use std::future::Future;

const TIME: Duration = Duration::from_millis(20);

/// Queues of items that can go anywhere, whatever their discipline.
trait Anywhere: Discipline<Item = usize> + Send + Sync + 'static {}
impl<D: Discipline<Item = usize> + Send + Sync + 'static> Anywhere for D {}

/// Plays a case with a queue of each kind, for so many items.
macro_rules! with_each_kind {
    ($world:ident, $case:ident($capacity:expr)) => {
        $case($world, Arc::new(Queue::bounded($capacity))).await;
        $case($world, Arc::new(LifoQueue::bounded($capacity))).await;
        $case($world, Arc::new(PriorityQueue::bounded($capacity))).await;
    };
}

worlds! {
    async fn each_item_arrives_once(world: World) {
        async fn case<D: Anywhere>(world: World, queue: Arc<QueueOf<D>>) {
            const PRODUCERS: usize = 3;
            const ITEMS: usize = 100;
            let mut producers = Vec::new();
            for producer in 0..PRODUCERS {
                let queue = queue.clone();
                producers.push(world.spawn(move |world| async move {
                    for item in 0..ITEMS {
                        queue.put(producer * ITEMS + item).on(world).await.unwrap();
                    }
                }));
            }
            let mut consumers = Vec::new();
            for _ in 0..3 {
                let queue = queue.clone();
                consumers.push(world.spawn(move |world| async move {
                    let mut got = Vec::new();
                    loop {
                        match queue.get().on(world).await {
                            Ok(item) => got.push(item),
                            Err(error) => break assert_eq!(error, GetError::ShutDown),
                        }
                        queue.task_done().unwrap();
                    }
                    got
                }));
            }
            for producer in producers {
                producer.join().await;
            }
            queue.join().on(world).await;
            assert_eq!((queue.len(), queue.unfinished()), (0, 0));
            queue.shutdown();
            let mut all = Vec::new();
            for consumer in consumers {
                all.extend(consumer.join().await);
            }
            all.sort();
            assert!(all.into_iter().eq(0..PRODUCERS * ITEMS));
        }
        with_each_kind!(world, case(2));
    }

    /// A producer's items come in its order to whoever is the only consumer.
    async fn in_order(world: World) {
        let queue = Arc::new(Queue::bounded(3));
        let mut producers = Vec::new();
        for producer in 0..3 {
            let queue = queue.clone();
            producers.push(world.spawn(move |world| async move {
                for item in 0..100 {
                    queue.put((producer, item)).on(world).await.unwrap();
                }
            }));
        }
        let mut next = [0; 3];
        for _ in 0..300 {
            let (producer, item) = queue.get().on(world).await.unwrap();
            assert_eq!(item, next[producer]);
            next[producer] += 1;
        }
        for producer in producers {
            producer.join().await;
        }
        assert!(queue.is_empty());
    }

    /// Whoever waits for an item, or for room, in whatever way.
    async fn waits(world: World) {
        async fn case<D: Anywhere>(world: World, queue: Arc<QueueOf<D>>) {
            const HOUR: Duration = Duration::from_secs(3600);
            for way in 0..4 {
                let other = queue.clone();
                let getter = world.spawn(move |world| async move {
                    match way {
                        0 => other.get().on(world).await,
                        1 => other.get().timeout(HOUR).on(world).await,
                        2 => other.get().deadline(Instant::now() + HOUR).on(world).await,
                        _ => other.get_many(3).timeout(Duration::MAX).on(world).await.map(|items| items[0]),
                    }
                });
                world.sleep(TIME / 10).await;
                queue.put(way).on(world).await.unwrap();
                assert_eq!(getter.join().await, Ok(way));
                queue.put(5).on(world).await.unwrap();
                let other = queue.clone();
                let putter = world.spawn(move |world| async move {
                    match way {
                        0 => other.put(6).on(world).await,
                        1 => other.put(6).timeout(HOUR).on(world).await,
                        2 => other.put(6).deadline(Instant::now() + HOUR).on(world).await,
                        _ => other.put_all([6]).timeout(Duration::MAX).on(world).await.map_err(|error| PutError::Full(error.into_inner()[0])),
                    }
                });
                world.sleep(TIME / 10).await;
                assert_eq!(queue.get().on(world).await, Ok(5));
                assert_eq!(putter.join().await, Ok(()));
                assert_eq!(queue.get().on(world).await, Ok(6));
            }
        }
        with_each_kind!(world, case(1));
    }

    async fn times_out(world: World) {
        async fn case<D: Anywhere>(world: World, queue: Arc<QueueOf<D>>) {
            async fn at_least<F: Future>(wait: impl FnOnce() -> F) -> F::Output {
                let start = Instant::now();
                let output = wait().await;
                assert!(start.elapsed() >= TIME);
                output
            }
            assert_eq!(at_least(|| queue.get().timeout(TIME).on(world)).await, Err(GetError::TimedOut));
            assert_eq!(at_least(|| queue.get_many(2).timeout(TIME).on(world)).await, Err(GetError::TimedOut));
            queue.try_put(1).unwrap();
            assert_eq!(at_least(|| queue.put(2).timeout(TIME).on(world)).await, Err(PutError::TimedOut(2)));
            assert_eq!(at_least(|| queue.put_all([3, 4]).timeout(TIME).on(world)).await, Err(PutError::TimedOut(vec![3, 4])));
            assert_eq!(at_least(|| queue.join().timeout(TIME).on(world)).await, Err(TimedOut));
            // What has come back is not in the queue.
            assert_eq!((queue.len(), queue.unfinished()), (1, 1));
            assert_eq!(queue.get().timeout(Duration::ZERO).on(world).await, Ok(1));
            assert_eq!(queue.get().timeout(Duration::ZERO).on(world).await, Err(GetError::TimedOut));
            assert_eq!(queue.put(5).timeout(Duration::ZERO).on(world).await, Ok(()));
            assert_eq!(queue.put(6).timeout(Duration::ZERO).on(world).await, Err(PutError::TimedOut(6)));
            // There is room for some of it.
            assert_eq!(queue.try_get(), Ok(5));
            assert_eq!(at_least(|| queue.put_all([7, 8, 9]).timeout(TIME).on(world)).await, Err(PutError::TimedOut(vec![8, 9])));
            assert_eq!(queue.get().deadline(Instant::now() - TIME).on(world).await, Ok(7));
            assert_eq!(queue.unfinished(), 3);
        }
        with_each_kind!(world, case(1));
    }

    async fn gives_up_for_another(world: World) {
        let (queue, stop) = (Queue::bounded(1), Event::new());
        stop.set();
        let got = queue.get().or(stop.wait());
        assert!(if world.is_threads() { got.block() } else { got.await }.is_err());
        queue.try_put(1).unwrap();
        let put = queue.put(2).or(stop.wait());
        assert!(if world.is_threads() { put.block() } else { put.await }.is_err());
        // If both are ready the queue counts.
        let got = queue.get().or(stop.wait());
        assert_eq!(if world.is_threads() { got.block() } else { got.await }, Ok(Ok(1)));
        assert!(queue.is_empty());
    }

    async fn many_at_a_time(world: World) {
        async fn case<D: Anywhere>(world: World, queue: Arc<QueueOf<D>>) {
            const ITEMS: usize = 200;
            let mut producers = Vec::new();
            for producer in 0..2 {
                let queue = queue.clone();
                producers.push(world.spawn(move |world| async move {
                    for batch in 0..4 {
                        let first = producer * ITEMS + batch * ITEMS / 4;
                        queue.put_all(first..first + ITEMS / 4).on(world).await.unwrap();
                    }
                }));
            }
            let mut consumers = Vec::new();
            for _ in 0..2 {
                let queue = queue.clone();
                consumers.push(world.spawn(move |world| async move {
                    let mut all = Vec::new();
                    while let Ok(items) = queue.get_many(7).on(world).await {
                        assert!((1..=7).contains(&items.len()), "{}", items.len());
                        items.iter().for_each(|_| queue.task_done().unwrap());
                        all.extend(items);
                    }
                    all
                }));
            }
            for producer in producers {
                producer.join().await;
            }
            queue.join().on(world).await;
            queue.shutdown();
            let mut all = Vec::new();
            for consumer in consumers {
                all.extend(consumer.join().await);
            }
            all.sort();
            assert!(all.into_iter().eq(0..2 * ITEMS));
        }
        with_each_kind!(world, case(5));
    }

    /// As streams where there are tasks, as iterators where there are threads.
    async fn streams_and_iterators(world: World) {
        async fn case<D: Anywhere>(world: World, queue: Arc<QueueOf<D>>) {
            let mut consumers = Vec::new();
            for party in 0..4 {
                let queue = queue.clone();
                consumers.push(world.spawn(move |world| async move {
                    match party {
                        0 => queue.stream_owned().collect().await,
                        1 if world.is_threads() => (&*queue).into_iter().collect(),
                        2 if world.is_threads() => queue.iter().collect(),
                        _ => {
                            let mut got = Vec::new();
                            let mut stream = queue.stream();
                            while let Some(item) = stream.next().await {
                                got.push(item);
                            }
                            got
                        }
                    }
                }));
            }
            for item in 0..100 {
                queue.put(item).on(world).await.unwrap();
            }
            queue.shutdown();
            let mut all: Vec<usize> = Vec::new();
            for consumer in consumers {
                all.extend(consumer.join().await);
            }
            all.sort();
            assert!(all.into_iter().eq(0..100));
        }
        with_each_kind!(world, case(2));
    }

    async fn without_waiting(world: World) {
        async fn case<D: Anywhere>(world: World, queue: Arc<QueueOf<D>>) {
            let producer = queue.clone();
            let producer = world.spawn(move |world| async move {
                for item in 0..200 {
                    let mut item = item;
                    while let Err(error) = producer.try_put(item) {
                        assert!(matches!(error, PutError::Full(_)), "{error}");
                        item = error.into_inner();
                        world.yield_now().await;
                    }
                }
                producer.shutdown();
            });
            let mut got = BTreeSet::new();
            loop {
                match queue.try_get() {
                    Ok(item) => assert!(got.insert(item), "{item} again"),
                    Err(GetError::Empty) => world.yield_now().await,
                    Err(error) => break assert_eq!(error, GetError::ShutDown),
                }
                assert!(queue.len() <= 2);
            }
            producer.join().await;
            assert!(got.into_iter().eq(0..200));
        }
        with_each_kind!(world, case(2));
    }

    /// Those who wait for room get their items back, and what is there is still handed out.
    async fn shutdown_of_a_full_queue(world: World) {
        async fn case<D: Anywhere>(world: World, queue: Arc<QueueOf<D>>) {
            let mut putters = Vec::new();
            queue.try_put(0).unwrap();
            let arrived = Arc::new(AtomicUsize::new(0));
            for item in 1..6 {
                let (queue, arrived) = (queue.clone(), arrived.clone());
                putters.push(world.spawn(move |world| async move {
                    arrived.fetch_add(1, SeqCst);
                    let back = match item % 3 {
                        0 => queue.put(item).on(world).await,
                        1 => queue.put(item).timeout(Duration::from_secs(3600)).on(world).await,
                        _ => {
                            let all = queue.put_all([item, item]).on(world).await;
                            all.map_err(|error| match error {
                                PutError::ShutDown(items) if items == [item, item] => PutError::ShutDown(item),
                                error => PutError::Full(error.into_inner()[0]),
                            })
                        }
                    };
                    assert_eq!(back, Err(PutError::ShutDown(item)));
                }));
            }
            world.until(|| arrived.load(SeqCst) == 5).await;
            world.sleep(TIME / 10).await;
            queue.shutdown();
            for putter in putters {
                putter.join().await;
            }
            assert_eq!((queue.len(), queue.unfinished()), (1, 1));
            assert_eq!(queue.get().on(world).await, Ok(0));
            assert_eq!(queue.get().on(world).await, Err(GetError::ShutDown));
        }
        with_each_kind!(world, case(1));
    }

    /// Those who wait for items share what is there yet, and then it ends for all of them.
    async fn shutdown_of_an_empty_queue(world: World) {
        async fn case<D: Anywhere>(world: World, queue: Arc<QueueOf<D>>) {
            let mut getters = Vec::new();
            let arrived = Arc::new(AtomicUsize::new(0));
            for party in 0..6 {
                let (queue, arrived) = (queue.clone(), arrived.clone());
                getters.push(world.spawn(move |world| async move {
                    arrived.fetch_add(1, SeqCst);
                    let got = match party % 3 {
                        0 => queue.get().on(world).await,
                        1 => queue.get().timeout(Duration::from_secs(3600)).on(world).await,
                        _ => queue.get_many(1).on(world).await.map(|items| items[0]),
                    };
                    match got {
                        Ok(_) => 1,
                        Err(error) => {
                            assert_eq!(error, GetError::ShutDown);
                            0
                        }
                    }
                }));
            }
            world.until(|| arrived.load(SeqCst) == 6).await;
            world.sleep(TIME / 10).await;
            queue.put_all([1, 2]).on(world).await.unwrap();
            queue.shutdown();
            let mut got = 0;
            for getter in getters {
                got += getter.join().await;
            }
            assert_eq!((got, queue.len()), (2, 0));
        }
        with_each_kind!(world, case(2));
    }

    /// What is dropped is done with; what is in hand is not, until its consumer says so.
    async fn shutdown_now_and_join(world: World) {
        async fn case<D: Anywhere>(world: World, queue: Arc<QueueOf<D>>) {
            queue.put_all(0..5).on(world).await.unwrap();
            let in_hand = queue.get().on(world).await.unwrap();
            let done = Arc::new(AtomicBool::new(false));
            let mut joins = Vec::new();
            for _ in 0..3 {
                let (queue, done) = (queue.clone(), done.clone());
                joins.push(world.spawn(move |world| async move {
                    queue.join().on(world).await;
                    assert!(done.load(SeqCst), "an item is in hand");
                }));
            }
            world.sleep(TIME / 10).await;
            queue.shutdown_now();
            assert_eq!(queue.get().on(world).await, Err(GetError::ShutDown));
            assert_eq!(queue.put(9).on(world).await, Err(PutError::ShutDown(9)));
            assert_eq!((queue.len(), queue.unfinished()), (0, 1), "{in_hand}");
            world.sleep(TIME / 10).await;
            done.store(true, SeqCst);
            queue.task_done().unwrap();
            for join in joins {
                join.join().await;
            }
            assert_eq!(queue.task_done(), Err(TaskDoneError));
        }
        with_each_kind!(world, case(5));
    }

    /// Items come back in time, or have been put and arrive: of every one of them it is known which.
    async fn timeouts_race(world: World) {
        async fn case<D: Anywhere>(world: World, queue: Arc<QueueOf<D>>) {
            const ITEMS: usize = 150;
            let mut producers = Vec::new();
            for producer in 0..3 {
                let queue = queue.clone();
                producers.push(world.spawn(move |world| async move {
                    let mut random = fastrand::Rng::with_seed(producer as u64);
                    let mut put = Vec::new();
                    for item in producer * ITEMS..(producer + 1) * ITEMS {
                        let timeout = Duration::from_micros(random.u64(0..90));
                        match queue.put(item).timeout(timeout).on(world).await {
                            Ok(()) => put.push(item),
                            Err(error) => assert_eq!(error, PutError::TimedOut(item)),
                        }
                    }
                    put
                }));
            }
            let mut consumers = Vec::new();
            for consumer in 3..6 {
                let queue = queue.clone();
                consumers.push(world.spawn(move |world| async move {
                    let mut random = fastrand::Rng::with_seed(consumer);
                    let mut got = Vec::new();
                    loop {
                        let timeout = Duration::from_micros(random.u64(0..90));
                        match queue.get().timeout(timeout).on(world).await {
                            Ok(item) => got.push(item),
                            Err(GetError::TimedOut) => {}
                            Err(error) => break assert_eq!(error, GetError::ShutDown),
                        }
                        if random.u8(0..8) == 0 {
                            world.yield_now().await;
                        }
                    }
                    got
                }));
            }
            let (mut put, mut got) = (Vec::new(), Vec::new());
            for producer in producers {
                put.extend(producer.join().await);
            }
            assert_eq!(queue.unfinished(), put.len());
            // Without a timeout: it hangs if a wake-up was lost.
            for _ in 0..2 {
                queue.put(usize::MAX).on(world).await.unwrap();
            }
            queue.shutdown();
            for consumer in consumers {
                got.extend(consumer.join().await);
            }
            got.retain(|item| *item != usize::MAX);
            put.sort();
            got.sort();
            assert_eq!(put, got);
        }
        with_each_kind!(world, case(1));
    }

    /// Dropped after any number of polls, on both sides.
    async fn cancelled_at_random(world: World) {
        async fn case<D: Anywhere>(world: World, queue: Arc<QueueOf<D>>) {
            const ITEMS: usize = 100;
            let mut producers = Vec::new();
            for producer in 0..3 {
                let queue = queue.clone();
                producers.push(world.spawn(move |world| async move {
                    let mut random = fastrand::Rng::with_seed(producer as u64);
                    let mut put = Vec::new();
                    for item in producer * ITEMS..(producer + 1) * ITEMS {
                        let mut wait = queue.put(item);
                        for _ in 0..random.u32(0..4) {
                            if let Poll::Ready(result) = futures::poll!(&mut wait) {
                                result.unwrap();
                                put.push(item);
                                break;
                            }
                            world.yield_now().await;
                        }
                    }
                    // One that is not given up: it hangs if a wake-up was lost.
                    queue.put(usize::MAX).on(world).await.unwrap();
                    put
                }));
            }
            let mut consumers = Vec::new();
            for consumer in 3..6 {
                let queue = queue.clone();
                consumers.push(world.spawn(move |world| async move {
                    let mut random = fastrand::Rng::with_seed(consumer);
                    let mut got = Vec::new();
                    loop {
                        let mut wait = queue.get();
                        let mut item = None;
                        for _ in 0..random.u32(0..4) {
                            if let Poll::Ready(result) = futures::poll!(&mut wait) {
                                item = Some(result);
                                break;
                            }
                            world.yield_now().await;
                        }
                        drop(wait);
                        // After one that was given up comes one that is not: to yield does not let others run everywhere.
                        let item = match item {
                            Some(item) => item,
                            None => queue.get().on(world).await,
                        };
                        match item {
                            Ok(item) => got.push(item),
                            Err(error) => break assert_eq!(error, GetError::ShutDown),
                        }
                    }
                    got
                }));
            }
            let (mut put, mut got) = (Vec::new(), Vec::new());
            for producer in producers {
                put.extend(producer.join().await);
            }
            queue.shutdown();
            for consumer in consumers {
                got.extend(consumer.join().await);
            }
            got.retain(|item| *item != usize::MAX);
            put.sort();
            got.sort();
            assert_eq!(put, got);
        }
        with_each_kind!(world, case(1));
    }

    /// A task waits in the list ahead of calls that block the very thread that would have to poll it.
    async fn on_the_executors_own_thread(world: World) {
        let queue = leaked(Queue::unbounded());
        let mut ahead = queue.get();
        assert!(Hand::new().poll(&mut ahead).is_pending());
        let puts = thread::spawn(|| {
            for item in 0..3 {
                let_it_block();
                queue.try_put(item).unwrap();
            }
        });
        let got = futures::join!(
            async { queue.get().await },
            async { queue.get().block() },
            ahead,
        );
        let mut got = [got.0, got.1, got.2].map(Result::unwrap);
        got.sort();
        assert_eq!(got, [0, 1, 2]);
        puts.join().unwrap();
        world.yield_now().await;
    }

    /// Greedy threads take all that they can, against one modest consumer and one modest producer.
    async fn modest_among_greedy(world: World) {
        let queue = leaked(Queue::bounded(1));
        let stop: &AtomicBool = Box::leak(Box::default());
        let greedy = |consumes: bool| {
            thread::spawn(move || {
                while !stop.load(SeqCst) {
                    if consumes {
                        let _ = queue.get().timeout(TIME).block();
                    } else {
                        let _ = queue.put(()).timeout(TIME).block();
                    }
                }
            })
        };
        let threads = [greedy(false), greedy(false), greedy(true), greedy(true)];
        for _ in 0..20 {
            queue.get().on(world).await.unwrap();
            queue.put(()).on(world).await.unwrap();
        }
        stop.store(true, SeqCst);
        for thread in threads {
            thread.join().unwrap();
        }
    }
}
