//! The end of a pool: by shutdowns and drops, wherever they happen, and what becomes of its jobs.

use super::*;

worlds! {
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
