//! Workers: when they are started, what they run, and how they end by themselves.

use super::*;

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
        "a pool needs at least one worker"
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
