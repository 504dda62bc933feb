//! Thread pools: workers, their start and end, and what becomes of jobs when the pool ends.

mod worlds;

use amphi::thread::{self, Thread};
use amphi::{Barrier, Event, Job, JobError, SubmitError, ThreadPool, TimedOut, wait_all};
use std::cell::Cell;
use std::collections::HashSet;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::time::{Duration, Instant};
use worlds::{Gate, Hand, On, World, watched, worlds};

/// A pool of one worker, which is busy until the gate is opened.
fn busy() -> (ThreadPool, Gate, Job<()>) {
    let (pool, gate) = (ThreadPool::new(1), Gate::new());
    let first = pool.submit(gate.waits()).unwrap();
    while !first.is_running() {
        std::thread::yield_now();
    }
    (pool, gate, first)
}

fn is_refused<T>(result: &Result<Job<T>, SubmitError<impl Sized>>) -> bool {
    matches!(result, Err(SubmitError::ShutDown(_)))
}

worlds! {
    /// Whoever has a result finds its worker free for the next job, so one worker does for jobs that follow each other.
    async fn reuses_workers(world: World) {
        for keep_alive in [None, Some(Duration::from_secs(60))] {
            let mut builder = ThreadPool::builder().workers(50);
            if let Some(duration) = keep_alive {
                builder = builder.keep_alive(duration);
            }
            let pool = builder.build();
            let mut workers = HashSet::new();
            for round in 0..100 {
                let job = pool.submit(|| thread::current().id()).unwrap();
                if round % 3 == 0 {
                    wait_all([&job]).on(world).await;
                }
                workers.insert(job.result().on(world).await.unwrap());
                let panics = pool.submit(|| panic!("a job")).unwrap();
                let _: Result<(), _> = panics.result().on(world).await;
            }
            assert_eq!(workers.len(), 1);
        }
    }

    /// As many jobs run side by side as there may be workers, and never more.
    async fn fills_up(world: World) {
        const WORKERS: usize = 5;
        let pool = ThreadPool::builder().workers(WORKERS).build();
        let barrier = Arc::new(Barrier::new(WORKERS));
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let jobs: Vec<_> = (0..WORKERS * 10)
            .map(|_| {
                let (barrier, now, most) = (barrier.clone(), now.clone(), most.clone());
                pool.submit(move || {
                    most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                    // If one worker fewer ran, it would be a wait for ever.
                    barrier.wait().block().unwrap();
                    now.fetch_sub(1, SeqCst);
                    thread::current().id()
                })
                .unwrap()
            })
            .collect();
        let mut workers = HashSet::new();
        for job in jobs {
            workers.insert(job.result().on(world).await.unwrap());
        }
        assert_eq!((workers.len(), most.load(SeqCst)), (WORKERS, WORKERS));
        assert_eq!(pool.workers(), WORKERS);
    }

    /// Two jobs that are submitted at the same moment by different parties, and of which each needs the other, both run.
    async fn starts_a_worker_for_each(world: World) {
        for round in 0..100 {
            let builder = ThreadPool::builder().workers(2 + round % 2);
            let pool = Arc::new(match round % 3 {
                0 => builder.keep_alive(Duration::ZERO).build(),
                1 => builder.keep_alive(Duration::from_millis(1)).build(),
                _ => builder.build(),
            });
            // One that is free, perhaps.
            pool.submit(|| ()).unwrap().result().on(world).await.unwrap();
            let barrier = Arc::new(Barrier::new(2));
            let parties: Vec<_> = (0..2)
                .map(|_| {
                    let (pool, barrier) = (pool.clone(), barrier.clone());
                    world.spawn(move |world| async move {
                        let job = pool.submit(move || barrier.wait().block().is_ok()).unwrap();
                        job.result().on(world).await.unwrap()
                    })
                })
                .collect();
            for party in parties {
                assert!(party.join().await);
            }
        }
    }

    /// One worker begins with the jobs in the order in which they were submitted.
    async fn in_order(world: World) {
        let (pool, gate, _first) = busy();
        let order = Arc::new(Mutex::new(Vec::new()));
        for number in 0..100 {
            let order = order.clone();
            pool.submit(move || order.lock().unwrap().push(number)).unwrap();
        }
        gate.open();
        pool.shutdown().on(world).await;
        assert_eq!(*order.lock().unwrap(), (0..100).collect::<Vec<_>>());
    }

    /// What a party did before it submitted a job is seen by the job.
    async fn hands_on(world: World) {
        let pool = ThreadPool::new(2);
        let data = Arc::new(AtomicUsize::new(0));
        for round in 0..200 {
            data.store(round, std::sync::atomic::Ordering::Relaxed);
            let shared = data.clone();
            let job = pool.submit(move || shared.load(std::sync::atomic::Ordering::Relaxed)).unwrap();
            assert_eq!(job.result().on(world).await.unwrap(), round);
        }
    }

    /// A panic harms neither the worker nor those that come after it.
    async fn survives_panics(world: World) {
        let pool = ThreadPool::new(1);
        let worker = pool.submit(thread::current).unwrap().result().on(world).await.unwrap();
        for _ in 0..20 {
            let job = pool.submit(|| panic!("a job")).unwrap();
            job.on_done(|_| panic!("a callback"));
            let result: Result<(), _> = job.result().on(world).await;
            assert!(matches!(result, Err(JobError::Panicked(_))));
        }
        assert_eq!(pool.submit(thread::current).unwrap().result().on(world).await.unwrap(), worker);
    }

    /// A shutdown waits for all that was submitted. Whatever comes later is refused and given back.
    async fn shuts_down(world: World) {
        let (pool, gate, first) = busy();
        let pool = Arc::new(pool);
        let ran = Arc::new(AtomicUsize::new(0));
        let jobs: Vec<_> = (0..20)
            .map(|_| {
                let ran = ran.clone();
                pool.submit(move || ran.fetch_add(1, SeqCst)).unwrap()
            })
            .collect();
        let early = pool.shutdown().timeout(Duration::from_millis(5)).on(world).await;
        assert_eq!(early, Err(TimedOut));
        assert_eq!(pool.shutdown().timeout(Duration::ZERO).on(world).await, Err(TimedOut));
        assert!(first.is_running() && jobs.iter().all(|job| !job.is_done()));
        let parties: Vec<_> = (0..4)
            .map(|party| {
                let (pool, ran) = (pool.clone(), ran.clone());
                world.spawn(move |world| async move {
                    match party {
                        0 => pool.shutdown().timeout(Duration::MAX).on(world).await.unwrap(),
                        _ => pool.shutdown().on(world).await,
                    }
                    assert_eq!(ran.load(SeqCst), 20);
                })
            })
            .collect();
        world.yield_now().await;
        let held = Arc::new(42);
        let holds = held.clone();
        let refused = pool.submit(move || *holds).unwrap_err();
        assert!(matches!(refused, SubmitError::ShutDown(_)));
        assert_eq!(refused.to_string(), "the pool has been shut down");
        assert_eq!(refused.into_inner()(), 42);
        assert_eq!(Arc::strong_count(&held), 1);
        let (items, function) = pool.map([1, 2], |item| item * 2).unwrap_err().into_inner();
        assert_eq!(items.map(function), [2, 4]);
        gate.open();
        for party in parties {
            party.join().await;
        }
        assert!(first.is_done() && jobs.iter().all(Job::is_done));
        assert_eq!(pool.shutdown().timeout(Duration::ZERO).on(world).await, Ok(()));
        pool.shutdown_now().on(world).await;
        assert!(is_refused(&pool.submit(|| ())));
    }

    /// A shutdown at once cancels what has not begun, and waits for what has.
    async fn shuts_down_now(world: World) {
        let (pool, gate, first) = busy();
        let pool = Arc::new(pool);
        let jobs: Vec<_> = (0..20).map(|_| pool.submit(|| panic!("it has been cancelled")).unwrap()).collect();
        let called = Arc::new(AtomicUsize::new(0));
        for job in &jobs {
            let called = called.clone();
            job.on_done(move |job: &Job<()>| {
                called.fetch_add(usize::from(job.is_cancelled()), SeqCst);
                panic!("a callback");
            });
        }
        let party = {
            let pool = pool.clone();
            world.spawn(move |world| async move { pool.shutdown_now().on(world).await })
        };
        wait_all(&jobs).on(world).await;
        assert!(jobs.iter().all(Job::is_cancelled) && !first.is_done());
        assert!(is_refused(&pool.submit(|| ())));
        gate.open();
        party.join().await;
        assert!(first.is_done() && !first.is_cancelled());
        assert_eq!(called.load(SeqCst), 20);
        first.result().on(world).await.unwrap();
    }

    /// A shutdown at once may follow a patient one.
    async fn loses_patience(world: World) {
        let (pool, gate, _first) = busy();
        let pending = pool.submit(|| ()).unwrap();
        assert!(pool.shutdown().timeout(Duration::ZERO).on(world).await.is_err());
        assert!(!pending.is_done());
        assert!(pool.shutdown_now().timeout(Duration::ZERO).on(world).await.is_err());
        assert!(pending.is_cancelled());
        gate.open();
        pool.shutdown().on(world).await;
    }

    /// Nothing happens before a shutdown begins to wait; dropped later, it has happened.
    async fn shutdown_is_dropped(world: World) {
        let (pool, gate, _first) = busy();
        let pending = pool.submit(|| ()).unwrap();
        drop(pool.shutdown());
        drop(pool.shutdown_now());
        assert!(pool.submit(|| ()).is_ok() && !pending.is_done());
        let hand = Hand::new();
        let mut dropped = pool.shutdown();
        assert!(hand.poll(&mut dropped).is_pending());
        drop(dropped);
        assert!(is_refused(&pool.submit(|| ())));
        assert!(!pending.is_done());
        let mut dropped = pool.shutdown_now();
        assert!(hand.poll(&mut dropped).is_pending());
        drop(dropped);
        assert!(pending.is_cancelled());
        gate.open();
        pool.shutdown().on(world).await;
        assert_eq!(hand.woken(), 0);
    }

    /// What was accepted ends, what was refused never runs, whoever wins.
    async fn shutdown_races_submit(world: World) {
        for round in 0..24 {
            let builder = ThreadPool::builder().workers(1 + round % 3);
            let pool = Arc::new(match round % 4 {
                0 => builder.keep_alive(Duration::ZERO).build(),
                _ => builder.build(),
            });
            let ran = Arc::new(AtomicUsize::new(0));
            let parties: Vec<_> = (0..3)
                .map(|_| {
                    let (pool, ran) = (pool.clone(), ran.clone());
                    world.spawn(move |world| async move {
                        let mut accepted = Vec::new();
                        loop {
                            let counts = ran.clone();
                            match pool.submit(move || counts.fetch_add(1, SeqCst)) {
                                Ok(job) => accepted.push(job),
                                Err(SubmitError::ShutDown(_)) => return accepted,
                                Err(error) => panic!("{error}"),
                            }
                            world.yield_now().await;
                        }
                    })
                })
                .collect();
            for _ in 0..round {
                world.yield_now().await;
            }
            let now = round % 2 == 0;
            match now {
                true => pool.shutdown_now().on(world).await,
                false => pool.shutdown().on(world).await,
            }
            let ran_until = ran.load(SeqCst);
            let (mut accepted, mut cancelled) = (0, 0);
            for party in parties {
                for job in party.join().await {
                    assert!(job.is_done(), "one that was accepted has not ended");
                    accepted += 1;
                    cancelled += usize::from(job.is_cancelled());
                }
            }
            assert_eq!(ran.load(SeqCst), ran_until, "one has run after the shutdown");
            assert_eq!(accepted, ran_until + cancelled);
            assert!(now || cancelled == 0);
        }
    }

    /// Dropping it ends all that was submitted, and the workers; on an executor's thread, too.
    async fn drops(world: World) {
        let (pool, gate, first) = busy();
        let ran = Arc::new(AtomicUsize::new(0));
        let counts = ran.clone();
        let last = pool.submit(move || counts.fetch_add(1, SeqCst)).unwrap();
        let opens = std::thread::spawn(move || {
            while !first.is_running() {
                std::thread::yield_now();
            }
            gate.open();
        });
        drop(pool);
        assert!(last.is_done());
        assert_eq!(ran.load(SeqCst), 1);
        opens.join().unwrap();
        assert_eq!(last.result().on(world).await.unwrap(), 0);
        // One without any worker.
        drop(ThreadPool::new(3));
    }

    /// Dropped by one of its jobs, while others run and wait, it doesn't hang, and they all end.
    async fn drops_in_its_own_job(world: World) {
        for workers in [1, 3] {
            let pool = ThreadPool::new(workers);
            let (gives, given) = mpsc::channel::<Arc<ThreadPool>>();
            let drops = pool.submit(move || drop(given.recv().unwrap())).unwrap();
            let gate = Gate::new();
            let mut jobs: Vec<_> = (1..workers).map(|_| pool.submit(gate.waits()).unwrap()).collect();
            let ran = Arc::new(AtomicUsize::new(0));
            for _ in 0..20 {
                let ran = ran.clone();
                jobs.push(pool.submit(move || { ran.fetch_add(1, SeqCst); }).unwrap());
            }
            gives.send(Arc::new(pool)).unwrap();
            drops.result().on(world).await.unwrap();
            assert!(workers == 1 || !jobs[0].is_done());
            gate.open();
            wait_all(&jobs).on(world).await;
            assert_eq!(ran.load(SeqCst), 20);
        }
    }

    /// The last handle of the pool may be its job's result, or captured by a callback, or by a job that is cancelled.
    async fn drops_in_other_places(world: World) {
        for round in 0..30 {
            let pool = Arc::new(ThreadPool::new(2));
            let (gate, own) = (Gate::new(), pool.clone());
            let (waits, other) = (gate.waits(), pool.submit(|| "other").unwrap());
            match round % 3 {
                0 => {
                    let job = pool.submit(move || { waits(); own }).unwrap();
                    drop((job, pool));
                }
                1 => {
                    let job = pool.submit(waits).unwrap();
                    job.on_done(move |_| drop(own));
                    drop(pool);
                }
                _ => {
                    let blocks = [gate.waits(), gate.waits()].map(|waits| pool.submit(waits).unwrap());
                    let job = pool.submit(move || drop(own)).unwrap();
                    drop(pool);
                    let opens = std::thread::spawn(move || {
                        std::thread::sleep(Duration::from_millis(1));
                        gate.open();
                    });
                    if job.cancel() {
                        // By this thread, which is no worker: it has waited for them.
                        assert!(blocks.iter().all(Job::is_done));
                    }
                    opens.join().unwrap();
                    wait_all(&blocks).on(world).await;
                    assert_eq!(other.result().on(world).await.unwrap(), "other");
                    continue;
                }
            }
            gate.open();
            assert_eq!(other.result().on(world).await.unwrap(), "other");
        }
    }

    /// A job may shut down its own pool: it waits for the others only.
    async fn shuts_down_from_within(world: World) {
        for now in [false, true] {
            let pool = Arc::new(ThreadPool::new(3));
            let gate = Gate::new();
            let other = pool.submit(gate.waits()).unwrap();
            world.until(|| other.is_running()).await;
            let (own, waits_for) = (pool.clone(), other.clone());
            let early = Arc::new(Event::new());
            let tells = early.clone();
            let job = pool
                .submit(move || {
                    let early = own.shutdown().timeout(Duration::from_millis(1)).block();
                    let early_task = amphi::block_on(own.shutdown().timeout(Duration::from_millis(1)));
                    assert_eq!((early, early_task), (Err(TimedOut), Err(TimedOut)));
                    assert!(is_refused(&own.submit(|| ())));
                    tells.set();
                    match now {
                        true => own.shutdown_now().block(),
                        false => own.shutdown().block(),
                    }
                    assert!(waits_for.is_done());
                })
                .unwrap();
            early.wait().on(world).await;
            gate.open();
            job.result().on(world).await.unwrap();
            pool.shutdown().on(world).await;
        }
    }

    /// Jobs that submit jobs, to the end of the pool.
    async fn submits_from_within(world: World) {
        fn submit(pool: &Arc<ThreadPool>, ran: &Arc<AtomicUsize>, depth: usize) {
            for _ in 0..2 {
                let (own, counts) = (pool.clone(), ran.clone());
                let submitted = pool.submit(move || {
                    counts.fetch_add(1, SeqCst);
                    if depth > 0 {
                        submit(&own, &counts, depth - 1);
                    }
                });
                submitted.unwrap();
            }
        }
        let pool = Arc::new(ThreadPool::new(3));
        let ran = Arc::new(AtomicUsize::new(0));
        submit(&pool, &ran, 6);
        world.until(|| ran.load(SeqCst) == 2_usize.pow(8) - 2).await;
        pool.shutdown().on(world).await;
        // And one that waits for its own, for which there is another worker.
        let pool = Arc::new(ThreadPool::new(2));
        for _ in 0..20 {
            let own = pool.clone();
            let outer = pool.submit(move || own.submit(|| 1).unwrap().result().block().unwrap() + 1).unwrap();
            assert_eq!(outer.result().on(world).await.unwrap(), 2);
        }
    }

    /// The initializer is what each worker does first, once.
    async fn initializes(world: World) {
        thread_local!(static READY: Cell<usize> = const { Cell::new(0) });
        let calls = Arc::new(AtomicUsize::new(0));
        let counts = calls.clone();
        let builder = ThreadPool::builder().workers(3).initializer(move || {
            counts.fetch_add(1, SeqCst);
            READY.set(READY.get() + 1);
        });
        let pool = builder.build();
        assert_eq!(calls.load(SeqCst), 0, "no worker is needed yet");
        let barrier = Arc::new(Barrier::new(3));
        let jobs: Vec<_> = (0..9)
            .map(|_| {
                let barrier = barrier.clone();
                pool.submit(move || { barrier.wait().block().unwrap(); READY.get() }).unwrap()
            })
            .collect();
        for job in jobs {
            assert_eq!(job.result().on(world).await.unwrap(), 1);
        }
        assert_eq!(calls.load(SeqCst), 3);
    }

    /// An initializer that panics breaks the pool: what is pending says so, and what comes later.
    async fn breaks(world: World) {
        let gate = Gate::new();
        let waits = gate.waits();
        let builder = ThreadPool::builder().workers(2);
        let pool = builder.initializer(move || { waits(); panic!("no connection") }).build();
        let held = Arc::new(());
        let called = Arc::new(AtomicUsize::new(0));
        let jobs: Vec<_> = (0..10)
            .map(|_| {
                let (holds, called) = (held.clone(), called.clone());
                let job = pool.submit(move || drop(holds)).unwrap();
                job.on_done(move |_| { called.fetch_add(1, SeqCst); panic!("a callback") });
                job
            })
            .collect();
        assert!(jobs.iter().all(|job| !job.is_done()));
        gate.open();
        for job in &jobs {
            assert!(matches!(job.result().on(world).await, Err(JobError::Broken)));
            assert!(job.is_done() && !job.is_cancelled() && !job.is_running() && !job.cancel());
            assert!(matches!(job.result().timeout(Duration::ZERO).on(world).await, Err(JobError::Broken)));
            assert_eq!(format!("{job:?}"), "Job(broken)");
        }
        let refused = pool.submit(|| 42).unwrap_err();
        assert!(matches!(refused, SubmitError::Broken(_)), "{refused:?}");
        assert_eq!(refused.into_inner()(), 42);
        let (items, _) = pool.map([1], |item: u8| item).unwrap_err().into_inner();
        assert_eq!(items, [1]);
        pool.shutdown().on(world).await;
        assert_eq!((Arc::strong_count(&held), called.load(SeqCst)), (1, 10));
    }

    /// The second worker's initializer panics while the first one runs a job, which ends as if nothing had happened.
    async fn breaks_late(world: World) {
        for keep_alive in [None, Some(Duration::from_millis(1))] {
            let calls = AtomicUsize::new(0);
            let mut builder = ThreadPool::builder().workers(3).initializer(move || {
                assert_eq!(calls.fetch_add(1, SeqCst), 0, "only the first has got a connection");
            });
            if let Some(duration) = keep_alive {
                builder = builder.keep_alive(duration);
            }
            let pool = builder.build();
            let gate = Gate::new();
            let waits = gate.waits();
            let first = pool.submit(move || { waits(); "first" }).unwrap();
            world.until(|| first.is_running()).await;
            let pending: Vec<_> = (0..5).filter_map(|_| pool.submit(|| ()).ok()).collect();
            for job in &pending {
                assert!(matches!(job.result().on(world).await, Err(JobError::Broken)));
            }
            assert!(matches!(pool.submit(|| ()), Err(SubmitError::Broken(_))));
            assert!(first.is_running());
            gate.open();
            assert_eq!(first.result().on(world).await.unwrap(), "first");
            pool.shutdown().on(world).await;
            assert!(matches!(pool.submit(|| ()), Err(SubmitError::Broken(_))), "it was broken before");
        }
    }

    /// Workers that have had nothing to do for a while end, and are replaced when they are needed.
    async fn keeps_alive(world: World) {
        let calls = Arc::new(AtomicUsize::new(0));
        let counts = calls.clone();
        let builder = ThreadPool::builder().workers(2).keep_alive(Duration::from_millis(2));
        let pool = builder.initializer(move || { counts.fetch_add(1, SeqCst); }).build();
        for round in 1..=3 {
            let start = Instant::now();
            let worker = pool.submit(thread::current).unwrap().result().on(world).await.unwrap();
            worker.finished().on(world).await;
            assert!(start.elapsed() >= Duration::from_millis(2));
            assert_eq!(calls.load(SeqCst), round);
        }
        // Coming and going at the same moment.
        let pool = Arc::new(ThreadPool::builder().workers(2).keep_alive(Duration::ZERO).build());
        for round in 0..300 {
            let job = pool.submit(move || round).unwrap();
            assert_eq!(job.result().on(world).await.unwrap(), round);
            if round % 2 == 0 {
                world.yield_now().await;
            }
        }
        pool.shutdown().on(world).await;
    }

    /// Whoever has waited for the shutdown finds no worker any more.
    async fn leaves_no_worker(world: World) {
        static ROUND: AtomicUsize = AtomicUsize::new(0);
        let prefix = format!("leaves-{}", ROUND.fetch_add(1, SeqCst));
        let named = || thread::enumerate().iter().filter_map(Thread::name).filter(|name| name.starts_with(&format!("{prefix}-"))).count();
        for _ in 0..50 {
            let pool = ThreadPool::builder().workers(3).name_prefix(&prefix).build();
            let gate = Gate::new();
            let jobs: Vec<_> = (0..3).map(|_| pool.submit(gate.waits()).unwrap()).collect();
            assert_eq!(named(), 3);
            gate.open();
            pool.shutdown().on(world).await;
            assert_eq!(named(), 0);
            assert!(jobs.iter().all(Job::is_done));
        }
    }
}

/// Jobs that need each other all run if there are workers enough, however the submits fall.
#[test]
fn jobs_that_need_each_other() {
    watched(|| {
        let pool = ThreadPool::new(4);
        for round in 0..3000 {
            let barrier = Arc::new(Barrier::new(4));
            let jobs: Vec<_> = (0..4)
                .map(|_| {
                    let barrier = barrier.clone();
                    pool.submit(move || barrier.wait().block().is_ok()).unwrap()
                })
                .collect();
            // The next ones are submitted as soon as these have ended, while workers look for more.
            let start = Instant::now();
            while !jobs.iter().all(Job::is_done) {
                if start.elapsed() > Duration::from_secs(20) {
                    barrier.abort();
                    panic!("round {round}: {jobs:?}");
                }
                std::hint::spin_loop();
            }
        }
    });
}

/// Workers are named and numbered, and are daemons.
#[test]
fn names() {
    watched(|| {
        let pool = ThreadPool::builder()
            .workers(2)
            .name_prefix("reader")
            .build();
        let barrier = Arc::new(Barrier::new(2));
        let jobs = [barrier.clone(), barrier].map(|barrier| {
            let job = pool.submit(move || {
                barrier.wait().block().unwrap();
                (
                    thread::current(),
                    std::thread::current().name().map(str::to_string),
                )
            });
            job.unwrap()
        });
        let mut names = jobs.map(|job| {
            let (worker, name) = job.result().block().unwrap();
            assert_eq!(worker.name(), name.as_deref());
            assert!(worker.is_daemon(), "`join_all` would wait for ever");
            name.unwrap()
        });
        names.sort();
        assert_eq!(names, ["reader-0", "reader-1"]);
        let pool = ThreadPool::new(1);
        let name = pool.submit(|| thread::current().name().map(str::to_string));
        assert_eq!(
            name.unwrap().result().block().unwrap().as_deref(),
            Some("pool-0")
        );
    });
}

/// A worker has the stack that was asked for.
#[test]
fn stack_size() {
    fn recurse(depth: usize) -> usize {
        let room = std::hint::black_box([depth; 128]);
        match depth {
            0 => room[0],
            _ => recurse(depth - 1) + std::hint::black_box(room)[127] - depth + 1,
        }
    }
    watched(|| {
        // More than std gives by itself.
        let builder = ThreadPool::builder().workers(1).stack_size(64 << 20);
        let pool = builder.build();
        let depth = pool.submit(|| recurse(4 << 10)).unwrap();
        assert_eq!(depth.result().block().unwrap(), 4 << 10);
    });
}

/// No worker is started before there is a job.
#[test]
fn is_lazy() {
    let started = Arc::new(AtomicBool::new(false));
    let tells = started.clone();
    let builder = ThreadPool::builder().initializer(move || tells.store(true, SeqCst));
    let pool = builder.build();
    assert!(pool.workers() >= 1);
    assert!(format!("{pool:?}").contains("pending: 0, shut_down: false"));
    drop(pool);
    assert!(!started.load(SeqCst));
}

/// Nor another one for no job.
#[test]
fn nothing_needs_no_other_worker() {
    let (gate, builder) = (Gate::new(), ThreadPool::builder());
    let pool = builder.workers(2).name_prefix("of nothing").build();
    let _first = pool.submit(gate.waits()).unwrap();
    drop(pool.map([(); 0], drop).unwrap());
    let threads = amphi::thread::enumerate();
    let names = threads.iter().filter_map(|thread| thread.name());
    let workers = names.filter(|name| name.starts_with("of nothing-"));
    assert_eq!(workers.count(), 1);
    gate.open();
}

/// What can't be is said at once.
#[test]
fn mistakes() {
    let message = |action: fn()| {
        let payload = catch_unwind(action).expect_err("it does not panic");
        payload.downcast::<&str>().map(|text| *text).unwrap()
    };
    assert_eq!(
        message(|| drop(ThreadPool::new(0))),
        "a pool needs one worker at least"
    );
    assert_eq!(
        message(|| drop(ThreadPool::builder().name_prefix("a\0b"))),
        "a thread's name can't contain a zero byte"
    );
}

/// The initializer is run by a worker, so it may end the pool, or give it a job.
#[test]
fn an_initializer_uses_the_pool() {
    watched(|| {
        for round in 0..4 {
            let own = Arc::new(Mutex::new(None::<ThreadPool>));
            let (gate, uses) = (Gate::new(), own.clone());
            let waits = gate.waits();
            let (tells, told) = mpsc::channel();
            let builder = ThreadPool::builder().workers(2).initializer(move || {
                waits();
                let mut pool = uses.lock().unwrap();
                let Some(known) = pool.as_ref() else { return };
                match round {
                    0 => drop(pool.take()),
                    1 => known.shutdown().block(),
                    2 => known.shutdown_now().block(),
                    _ => drop(known.submit(|| ()).unwrap()),
                }
                tells.send(()).unwrap();
            });
            let pool = builder.build();
            let job = pool.submit(|| 1).unwrap();
            *own.lock().unwrap() = Some(pool);
            gate.open();
            told.recv().unwrap();
            match job.result().block() {
                Ok(1) => assert_ne!(round, 2),
                Err(JobError::Cancelled) => assert_eq!(round, 2),
                other => panic!("{other:?}"),
            }
            let rest = own.lock().unwrap().take();
            drop(rest);
        }
    });
}

/// Destructors that use the pool: of a function that is cancelled, of one that has run, and of a result.
#[test]
fn destructors_use_the_pool() {
    struct Submits(Arc<ThreadPool>, Arc<AtomicUsize>);
    impl Drop for Submits {
        fn drop(&mut self) {
            let counts = self.1.clone();
            // Refused if the pool has been shut down, and then nothing is left to be done.
            let count = move || {
                counts.fetch_add(1, SeqCst);
            };
            match self.0.submit(count) {
                Ok(_) => {}
                Err(error) => error.into_inner()(),
            }
        }
    }
    watched(|| {
        for now in [false, true] {
            let (pool, gate, _first) = busy();
            let pool = Arc::new(pool);
            let count = Arc::new(AtomicUsize::new(0));
            let submits = || Submits(pool.clone(), count.clone());
            let (captured, result, cancelled) = (submits(), submits(), submits());
            pool.submit(move || drop(captured)).unwrap();
            pool.submit(move || result).unwrap();
            assert!(pool.submit(move || drop(cancelled)).unwrap().cancel());
            if now {
                assert!(pool.shutdown_now().timeout(Duration::ZERO).block().is_err());
                assert_eq!(count.load(SeqCst), 2, "those that were cancelled now");
            } else {
                gate.open();
            }
            while Arc::strong_count(&pool) > 1 {
                std::thread::yield_now();
            }
            gate.open();
            pool.shutdown().block();
            assert_eq!(count.load(SeqCst), if now { 2 } else { 3 });
        }
    });
}

/// Destructors that panic, of functions and results and payloads, harm no worker.
#[test]
fn destructors_panic() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    watched(|| {
        let (pool, gate, first) = busy();
        let worker = pool.submit(thread::current).unwrap();
        let captures = Panics;
        let captured = pool.submit(move || drop(captures)).unwrap();
        drop(pool.submit(|| Panics).unwrap());
        drop(pool.submit(|| std::panic::panic_any(Panics)).unwrap());
        let callback = pool.submit(|| ()).unwrap();
        let captures = Panics;
        callback.on_done(move |_| drop(captures));
        let captures = Panics;
        callback.on_done(move |_| std::panic::panic_any(captures));
        let kept = pool.submit(|| Panics).unwrap();
        gate.open();
        first.result().block().unwrap();
        assert!(matches!(
            captured.result().block(),
            Err(JobError::Panicked(_))
        ));
        std::mem::forget(kept.result().block());
        let same = pool.submit(thread::current).unwrap().result().block();
        assert_eq!(same.unwrap(), worker.result().block().unwrap());

        // The same at a shutdown.
        let (pool, gate, _first) = busy();
        let pending: Vec<_> = (0..3)
            .map(|_| {
                let captures = Panics;
                pool.submit(move || std::mem::forget(captures)).unwrap()
            })
            .collect();
        assert!(pool.shutdown_now().timeout(Duration::ZERO).block().is_err());
        assert!(pending.iter().all(Job::is_cancelled));
        gate.open();
        pool.shutdown().block();
    });
}

/// The pool is dropped while a worker's locals are destroyed.
#[test]
fn drops_with_a_workers_locals() {
    thread_local!(static LAST: Cell<Option<Arc<ThreadPool>>> = const { Cell::new(None) });
    watched(|| {
        let pool = Arc::new(ThreadPool::new(2));
        let own = pool.clone();
        let ended = Arc::new(Event::new());
        let tells = ended.clone();
        struct Tells(Arc<Event>);
        impl Drop for Tells {
            fn drop(&mut self) {
                self.0.set();
            }
        }
        thread_local!(static END: Cell<Option<Tells>> = const { Cell::new(None) });
        let job = pool.submit(move || {
            // Destroyed in the order of their first use, or the other way round; either will do.
            LAST.set(Some(own));
            END.set(Some(Tells(tells)));
        });
        job.unwrap().result().block().unwrap();
        pool.shutdown().block();
        drop(pool);
        ended.wait().block();
    });
}

/// A shutdown that is polled by hand is woken when the last worker is gone.
#[test]
fn shutdown_by_hand() {
    watched(|| {
        let (pool, gate, _first) = busy();
        let hand = Hand::new();
        let mut shutdown = pool.shutdown();
        assert!(hand.poll(&mut shutdown).is_pending());
        gate.open();
        while hand.woken() == 0 {
            std::thread::yield_now();
        }
        assert_eq!(hand.poll(&mut shutdown), Poll::Ready(()));
    });
}
