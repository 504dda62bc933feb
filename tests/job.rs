//! Jobs: their results, their cancellation and what is called at their end.

mod worlds;

use amphi::{Job, JobError, ThreadPool, thread};
use std::collections::HashSet;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
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

fn is_cancelled<T>(result: Result<T, JobError>) -> bool {
    matches!(result, Err(JobError::Cancelled))
}

worlds! {
    /// The result comes in each way in which it can be asked for, once, and with it all that the job has done.
    async fn results(world: World) {
        let pool = ThreadPool::new(2);
        for round in 0..50 {
            let data = Arc::new(AtomicUsize::new(0));
            let shared = data.clone();
            let job = pool
                .submit(move || {
                    shared.store(round, std::sync::atomic::Ordering::Relaxed);
                    vec![round]
                })
                .unwrap();
            let other = job.clone();
            let result = match round % 4 {
                0 => other.result().on(world).await,
                1 => IntoFuture::into_future(&other).on(world).await,
                2 => IntoFuture::into_future(other).on(world).await,
                _ => other.result().timeout(Duration::MAX).on(world).await,
            };
            assert_eq!(result.unwrap(), [round]);
            assert_eq!(data.load(std::sync::atomic::Ordering::Relaxed), round);
            assert!(job.is_done() && !job.is_running() && !job.is_cancelled());
            assert!(matches!(job.result().on(world).await, Err(JobError::Taken)));
        }
    }

    /// However many wait, one has the result, and the others hear that it is taken.
    async fn one_takes_it(world: World) {
        let (pool, gate) = (ThreadPool::new(1), Gate::new());
        let waits = gate.waits();
        let job = pool.submit(move || { waits(); "result" }).unwrap();
        let parties: Vec<_> = (0..10)
            .map(|_| {
                let job = job.clone();
                world.spawn(move |world| async move { job.result().on(world).await })
            })
            .collect();
        world.yield_now().await;
        gate.open();
        let mut taken = 0;
        for party in parties {
            match party.join().await {
                Ok(result) => { assert_eq!(result, "result"); taken += 1; }
                Err(error) => assert!(matches!(error, JobError::Taken), "{error:?}"),
            }
        }
        assert_eq!(taken, 1);
    }

    /// A wait that has timed out or was dropped takes nothing, and the job goes on.
    async fn times_out(world: World) {
        let (pool, gate) = (ThreadPool::new(1), Gate::new());
        let waits = gate.waits();
        let job = pool.submit(move || { waits(); "result" }).unwrap();
        let (start, timeout) = (Instant::now(), Duration::from_millis(10));
        let early = job.result().timeout(timeout).on(world).await;
        assert!(matches!(early, Err(JobError::TimedOut)));
        assert!(start.elapsed() >= timeout);
        let early = job.result().timeout(Duration::ZERO).on(world).await;
        assert!(matches!(early, Err(JobError::TimedOut)));
        let early = job.result().deadline(start).on(world).await;
        assert!(matches!(early, Err(JobError::TimedOut)));
        let hand = Hand::new();
        let mut dropped = job.result();
        assert!(hand.poll(&mut dropped).is_pending());
        drop(dropped);
        assert!(!job.is_done());
        gate.open();
        assert_eq!(job.result().on(world).await.unwrap(), "result");
        let late = job.result().timeout(Duration::ZERO).on(world).await;
        assert!(matches!(late, Err(JobError::Taken)));
        assert_eq!(hand.woken(), 0);
    }

    /// A result that is there is had even when no time is left.
    async fn in_time_at_zero(world: World) {
        let pool = ThreadPool::new(1);
        let job = pool.submit(|| 1).unwrap();
        world.until(|| job.is_done()).await;
        assert_eq!(job.result().timeout(Duration::ZERO).on(world).await.unwrap(), 1);
    }

    /// A panic is the result, and can be had once like another.
    async fn panics(world: World) {
        let pool = ThreadPool::new(1);
        let job: Job<()> = pool.submit(|| panic!("with {}", "text")).unwrap();
        let error = job.result().on(world).await.unwrap_err();
        assert_eq!(error.to_string(), "the job panicked: with text");
        assert_eq!(error.source().unwrap().to_string(), "panicked: with text");
        assert!(matches!(job.result().on(world).await, Err(JobError::Taken)));
        let job: Job<()> = pool.submit(|| std::panic::panic_any(42_u8)).unwrap();
        let Err(JobError::Panicked(panicked)) = job.result().on(world).await else {
            panic!("it should have panicked");
        };
        assert_eq!(*panicked.into_payload().downcast::<u8>().unwrap(), 42);
    }

    /// One that is cancelled never begins; its function is dropped, and whoever waits for it is released.
    async fn cancels(world: World) {
        let (pool, gate, first) = busy();
        let held = Arc::new(());
        let holds = held.clone();
        let job = pool.submit(move || { drop(holds); panic!("it was cancelled") }).unwrap();
        let after = pool.submit(|| "after").unwrap();
        assert!(!job.is_done() && !job.is_running() && !job.is_cancelled());
        let parties: Vec<_> = (0..3)
            .map(|_| {
                let job: Job<()> = job.clone();
                world.spawn(move |world| async move { job.result().on(world).await })
            })
            .collect();
        world.yield_now().await;
        assert!(job.cancel());
        assert!(job.cancel() && job.clone().cancel(), "it is cancelled, as an earlier call has said");
        assert!(job.is_done() && job.is_cancelled() && !job.is_running());
        assert_eq!(Arc::strong_count(&held), 1, "the function has not been dropped");
        for party in parties {
            assert!(is_cancelled(party.join().await));
        }
        assert!(is_cancelled(job.result().on(world).await));
        assert!(is_cancelled(job.result().timeout(Duration::ZERO).on(world).await));
        gate.open();
        first.result().on(world).await.unwrap();
        assert_eq!(after.result().on(world).await.unwrap(), "after");
    }

    /// What has begun can't be cancelled, be it finished, and nothing changes.
    async fn cancels_too_late(world: World) {
        let (_pool, gate, job) = busy();
        assert!(!job.cancel());
        assert!(job.is_running() && !job.is_cancelled() && !job.is_done());
        gate.open();
        job.result().on(world).await.unwrap();
        assert!(!job.cancel());
        assert!(!job.is_running() && !job.is_cancelled() && job.is_done());
    }

    /// It begins or it is cancelled, whoever comes first, and never both.
    async fn cancel_races_start(world: World) {
        let pool = Arc::new(ThreadPool::new(2));
        let (mut ran, mut cancelled) = (0, 0);
        for round in 0..200 {
            let runs = Arc::new(AtomicUsize::new(0));
            let counts = runs.clone();
            let job = pool.submit(move || counts.fetch_add(1, SeqCst)).unwrap();
            let parties: Vec<_> = (0..round % 3)
                .map(|_| {
                    let job = job.clone();
                    world.spawn(move |_| async move { job.cancel() })
                })
                .collect();
            let mut says = vec![job.cancel()];
            for party in parties {
                says.push(party.join().await);
            }
            let result = job.result().on(world).await;
            assert_eq!(job.is_cancelled(), says[0], "{result:?}");
            assert!(says.iter().all(|said| *said == says[0]), "{says:?}");
            match result {
                Ok(before) => { assert_eq!((before, runs.load(SeqCst), says[0]), (0, 1, false)); ran += 1; }
                Err(JobError::Cancelled) => { assert!(says[0]); cancelled += 1; }
                Err(error) => panic!("{error}"),
            }
            if says[0] {
                // Whoever would run it has been past it by now.
                pool.submit(|| ()).unwrap().result().on(world).await.unwrap();
                assert_eq!(runs.load(SeqCst), 0, "it ran after it was cancelled");
            }
        }
        assert_eq!(ran + cancelled, 200);
    }

    /// They are called in the order in which they were added, by the worker, and after those who wait have been released.
    async fn calls_back(world: World) {
        let pool = ThreadPool::builder().workers(1).name_prefix("calls").build();
        let gate = Gate::new();
        let waits = gate.waits();
        let job = pool.submit(move || { waits(); "result" }).unwrap();
        let (tells, told) = mpsc::channel();
        for number in 0..20 {
            let tells = tells.clone();
            job.on_done(move |job| {
                let name = thread::current().name().map(str::to_string);
                tells.send((number, name, job.is_done())).unwrap();
                assert!(number % 3 != 0, "one that panics");
            });
        }
        let tells_result = tells.clone();
        job.on_done(move |job| {
            // The result of the same job, on its own worker.
            assert_eq!(job.result().block().unwrap(), "result");
            let tells = tells_result.clone();
            // One that is added now comes after those that were added before.
            job.on_done(move |_| tells.send((22, None, true)).unwrap());
            tells_result.send((20, None, true)).unwrap();
        });
        job.on_done(move |_| tells.send((21, None, true)).unwrap());
        gate.open();
        world.until(|| job.is_done()).await;
        for number in 0..20 {
            let told = told.recv().unwrap();
            assert_eq!(told, (number, Some("calls-0".into()), true));
        }
        let rest: Vec<_> = told.iter().map(|(number, ..)| number).collect();
        assert_eq!(rest, [20, 21, 22]);
        assert!(matches!(job.result().on(world).await, Err(JobError::Taken)));
    }

    /// If the job has ended they are called at once, by whoever adds them; one that panics harms nobody.
    async fn calls_back_at_once(world: World) {
        let (pool, gate, first) = busy();
        let pending = pool.submit(|| ()).unwrap();
        pending.cancel();
        gate.open();
        world.until(|| first.is_done()).await;
        for job in [first, pending] {
            let (tells, told) = mpsc::channel();
            job.on_done(|_| panic!("at once"));
            job.on_done(move |job| {
                assert!(job.is_done());
                tells.send(thread::current()).unwrap();
            });
            assert_eq!(told.try_iter().collect::<Vec<_>>(), [thread::current()]);
        }
    }

    /// They are called by whoever cancels the job.
    async fn calls_back_when_cancelled(world: World) {
        let (pool, _gate, _first) = busy();
        let job = pool.submit(|| ()).unwrap();
        let (tells, told) = mpsc::channel();
        job.on_done(|_| panic!("the first"));
        job.on_done(move |job| {
            assert!(job.is_cancelled() && job.cancel());
            assert!(is_cancelled(job.result().block()));
            tells.send(thread::current()).unwrap();
        });
        let by = world.spawn(move |_| async move {
            assert!(job.cancel());
            thread::current()
        });
        let by = by.join().await;
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [by]);
    }

    /// Added by many while the job ends, each is called once, and finds the job ended.
    async fn callbacks_race_the_end(world: World) {
        let pool = ThreadPool::new(2);
        for round in 0..100 {
            let gate = Gate::new();
            let waits = gate.waits();
            let job = pool.submit(move || { waits(); round }).unwrap();
            let (calls, early) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let parties: Vec<_> = (0..3)
                .map(|_| {
                    let (job, calls, early) = (job.clone(), calls.clone(), early.clone());
                    world.spawn(move |_| async move {
                        for _ in 0..10 {
                            let (calls, early) = (calls.clone(), early.clone());
                            job.on_done(move |job| {
                                early.fetch_add(usize::from(!job.is_done()), SeqCst);
                                calls.fetch_add(1, SeqCst);
                            });
                        }
                    })
                })
                .collect();
            gate.open();
            assert_eq!(job.result().on(world).await.unwrap(), round);
            for party in parties {
                party.join().await;
            }
            // The worker may have some of them to call yet.
            world.until(|| calls.load(SeqCst) >= 30).await;
            assert_eq!((calls.load(SeqCst), early.load(SeqCst)), (30, 0), "calls, and those before the end");
        }
    }

    /// Without a handle the job runs all the same, and its result is dropped.
    async fn runs_unobserved(world: World) {
        struct Dropped(mpsc::Sender<&'static str>);
        impl Drop for Dropped {
            fn drop(&mut self) {
                let _ = self.0.send("dropped");
            }
        }
        let (tells, told) = mpsc::channel();
        let (pool, gate, first) = busy();
        drop(pool.submit(move || {
            tells.send("runs").unwrap();
            Dropped(tells)
        }));
        gate.open();
        first.result().on(world).await.unwrap();
        pool.shutdown().on(world).await;
        assert_eq!(told.iter().collect::<Vec<_>>(), ["runs", "dropped"]);
    }
}

/// Who waits is woken once, at the end.
#[test]
fn wakes_once() {
    watched(|| {
        let (_pool, gate, job) = busy();
        let hands = [Hand::new(), Hand::new()];
        let mut waits = [job.result(), job.result()];
        for (hand, wait) in hands.iter().zip(&mut waits) {
            assert!(hand.poll(wait).is_pending());
            assert_eq!(hand.woken(), 0);
        }
        gate.open();
        while hands.iter().any(|hand| hand.woken() == 0) {
            std::thread::yield_now();
        }
        assert!(matches!(hands[0].poll(&mut waits[0]), Poll::Ready(Ok(()))));
        assert!(matches!(
            hands[1].poll(&mut waits[1]),
            Poll::Ready(Err(JobError::Taken))
        ));
        assert_eq!(hands.each_ref().map(Hand::woken), [1, 1]);
    });
}

/// Handles are equal if they are of the same job, and `Debug` says how it stands with it.
#[test]
fn handles() {
    watched(|| {
        let (pool, gate, first) = busy();
        let (second, third) = (pool.submit(|| ()).unwrap(), pool.submit(|| ()).unwrap());
        assert_eq!(first, first.clone());
        assert_ne!(second, third);
        let all: HashSet<_> = [&first, &second, &third, &first].into_iter().collect();
        assert_eq!(all.len(), 3);
        assert_eq!(format!("{first:?} {second:?}"), "Job(running) Job(pending)");
        assert!(second.cancel());
        gate.open();
        third.result().block().unwrap();
        assert_eq!(
            format!("{first:?} {second:?} {third:?}"),
            "Job(finished) Job(cancelled) Job(finished)"
        );
    });
}

/// A handle may be the last one of the pool's functions, too: what they hold is dropped when they have run.
#[test]
fn holds_nothing_when_done() {
    watched(|| {
        let (pool, held) = (ThreadPool::new(1), Arc::new(()));
        let (function, callback) = (held.clone(), held.clone());
        let job = pool.submit(move || drop(function)).unwrap();
        job.on_done(move |_| drop(callback));
        pool.shutdown().block();
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(job.is_done());
    });
}

/// A callback may wait for the job's result even in the thread that cancels, submit a job, and cancel others.
#[test]
fn callbacks_use_the_pool() {
    watched(|| {
        let (pool, gate, first) = busy();
        let pool = Arc::new(pool);
        let (job, other) = (pool.submit(|| ()).unwrap(), pool.submit(|| ()).unwrap());
        let (tells, told) = mpsc::channel();
        let submits = pool.clone();
        let cancels = other.clone();
        job.on_done(move |job| {
            assert!(is_cancelled(job.result().block()));
            assert!(cancels.cancel());
            tells.send(submits.submit(|| 1).unwrap()).unwrap();
        });
        assert!(job.cancel());
        assert!(other.is_cancelled());
        let (tells, also_told) = mpsc::channel();
        let submits = pool.clone();
        first.on_done(move |_| {
            tells.send(submits.submit(|| 2).unwrap()).unwrap();
        });
        gate.open();
        assert_eq!(told.recv().unwrap().result().block().unwrap(), 1);
        assert_eq!(also_told.recv().unwrap().result().block().unwrap(), 2);
    });
}

/// The function that is dropped by `cancel` is the caller's: its panic reaches them, and the job is cancelled all the same.
#[test]
fn cancel_drops_a_function_that_panics() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    watched(|| {
        let (pool, gate, _first) = busy();
        let panics = Panics;
        let job = pool.submit(move || std::mem::forget(panics)).unwrap();
        let hand = Hand::new();
        let mut wait = job.result();
        assert!(hand.poll(&mut wait).is_pending());
        let _ = catch_unwind(AssertUnwindSafe(|| job.cancel()));
        assert_eq!(hand.woken(), 1);
        assert!(job.is_cancelled() && job.is_done() && job.cancel());
        assert!(matches!(
            hand.poll(&mut wait),
            Poll::Ready(Err(JobError::Cancelled))
        ));
        gate.open();
        assert_eq!(pool.submit(|| 1).unwrap().result().block().unwrap(), 1);
    });
}
