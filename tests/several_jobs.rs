//! `wait_any`, `wait_all` and `as_completed`.

mod worlds;

use amphi::thread::AsCompleted;
use amphi::{Job, JobError, ThreadPool, TimedOut, as_completed, wait_all, wait_any};
use futures::StreamExt;
use futures::stream::FusedStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::{Poll, Wake, Waker};
use std::time::{Duration, Instant};
use worlds::{Gate, Hand, On, World, poll_with, watched, worlds};

/// Jobs that run side by side, each until its gate is opened.
fn gated(count: usize) -> (ThreadPool, Vec<Gate>, Vec<Job<usize>>) {
    let pool = ThreadPool::new(count);
    let gates: Vec<_> = (0..count).map(|_| Gate::new()).collect();
    let jobs = gates.iter().enumerate().map(|(number, gate)| {
        let waits = gate.waits();
        let job = pool.submit(move || {
            waits();
            number
        });
        job.unwrap()
    });
    let jobs = jobs.collect();
    (pool, gates, jobs)
}

/// Which ones of the jobs these are.
fn numbers(jobs: &[Job<usize>], ended: impl IntoIterator<Item = Job<usize>>) -> Vec<usize> {
    let position = |job| jobs.iter().position(|other| *other == job).unwrap();
    ended.into_iter().map(position).collect()
}

worlds! {
    /// It gives the index of the one that ends; of several that have ended, the first.
    async fn any(world: World) {
        let (_pool, gates, jobs) = gated(4);
        for (number, order) in [(2, 2), (1, 1), (3, 1), (0, 0)] {
            if jobs.iter().all(|job| !job.is_done()) {
                let handles = jobs.clone();
                let party = world.spawn(move |world| async move { wait_any(handles).on(world).await });
                world.yield_now().await;
                gates[number].open();
                assert_eq!(party.join().await, number);
            }
            gates[number].open();
            world.until(|| jobs[number].is_done()).await;
            assert_eq!(wait_any(&jobs).on(world).await, order);
            assert_eq!(wait_any(jobs.iter().rev()).timeout(Duration::ZERO).on(world).await, Ok(jobs.iter().rev().position(Job::is_done).unwrap()));
        }
        for (number, job) in jobs.iter().enumerate() {
            assert_eq!(job.result().on(world).await.unwrap(), number, "it has been taken");
        }
    }

    /// Many may wait, each for a choice of their own.
    async fn any_of_overlapping(world: World) {
        let (_pool, gates, jobs) = gated(3);
        let parties: Vec<_> = (0..12)
            .map(|party| {
                let choice = vec![jobs[party % 3].clone(), jobs[1].clone()];
                world.spawn(move |world| async move { (party % 3, wait_any(choice).on(world).await) })
            })
            .collect();
        world.yield_now().await;
        gates[1].open();
        for party in parties {
            let (first, index) = party.join().await;
            assert_eq!(index, usize::from(first != 1));
        }
    }

    /// A wait that times out or is dropped loses nothing.
    async fn any_times_out(world: World) {
        let (_pool, gates, jobs) = gated(2);
        let (start, timeout) = (Instant::now(), Duration::from_millis(10));
        assert_eq!(wait_any(&jobs).timeout(timeout).on(world).await, Err(TimedOut));
        assert!(start.elapsed() >= timeout);
        assert_eq!(wait_any(&jobs).timeout(Duration::ZERO).on(world).await, Err(TimedOut));
        let (hand, mut dropped) = (Hand::new(), wait_any(&jobs));
        assert!(hand.poll(&mut dropped).is_pending());
        drop(dropped);
        gates[1].open();
        assert_eq!(wait_any(&jobs).timeout(Duration::MAX).on(world).await, Ok(1));
        assert_eq!(hand.woken(), 0);
    }

    /// All have ended when it ends, those that were cancelled and those that have panicked included.
    async fn all(world: World) {
        let (pool, gates, mut jobs) = gated(3);
        jobs.push(pool.submit(|| panic!("a job")).unwrap());
        jobs.push(pool.submit(|| 4).unwrap());
        let pending = pool.submit(|| 5).unwrap();
        jobs.insert(1, pending.clone());
        assert!(pending.cancel());
        let early = wait_all(&jobs).timeout(Duration::from_millis(5)).on(world).await;
        assert_eq!(early, Err(TimedOut));
        assert_eq!(wait_all(&jobs).timeout(Duration::ZERO).on(world).await, Err(TimedOut));
        let parties: Vec<_> = (0..4)
            .map(|turn| {
                let mut handles = jobs.clone();
                handles.rotate_left(turn);
                world.spawn(move |world| async move {
                    wait_all(&handles).on(world).await;
                    assert!(handles.iter().all(Job::is_done));
                })
            })
            .collect();
        for gate in gates.iter().rev() {
            world.yield_now().await;
            gate.open();
        }
        for party in parties {
            party.join().await;
        }
        assert_eq!(wait_all(&jobs).timeout(Duration::ZERO).on(world).await, Ok(()));
        assert!(matches!(pending.result().on(world).await, Err(JobError::Cancelled)));
        assert!(matches!(jobs[4].result().on(world).await, Err(JobError::Panicked(_))));
        assert_eq!(jobs[3].result().on(world).await.unwrap(), 2, "it has been taken");
    }

    /// A cancellation while one waits is an end, too.
    async fn ends_by_cancellation(world: World) {
        let (pool, _gates, running) = gated(1);
        let jobs: Vec<_> = (0..3).map(|number| pool.submit(move || number).unwrap()).collect();
        let all = {
            let jobs = jobs.clone();
            world.spawn(move |world| async move { wait_all(jobs).on(world).await })
        };
        let any = {
            let choice = [running[0].clone(), jobs[2].clone()];
            world.spawn(move |world| async move { wait_any(choice).on(world).await })
        };
        let completed = {
            let jobs = jobs.clone();
            world.spawn(move |world| async move { world.collect(as_completed(jobs)).await })
        };
        world.yield_now().await;
        for job in jobs.iter().rev() {
            assert!(job.cancel());
        }
        all.join().await;
        assert_eq!(any.join().await, 1);
        let mut ended = numbers(&jobs, completed.join().await);
        ended.sort();
        assert_eq!(ended, [0, 1, 2]);
    }

    /// The end of a broken pool's jobs is told like any other.
    async fn ends_by_a_broken_pool(world: World) {
        let gate = Gate::new();
        let waits = gate.waits();
        let builder = ThreadPool::builder().workers(1);
        let pool = builder.initializer(move || { waits(); panic!("the initializer") }).build();
        let jobs: Vec<_> = (0..3).map(|number| pool.submit(move || number).unwrap()).collect();
        let completed = {
            let jobs = jobs.clone();
            world.spawn(move |world| async move { world.collect(as_completed(jobs)).await.len() })
        };
        gate.open();
        wait_all(&jobs).on(world).await;
        assert_eq!(completed.join().await, 3);
        for job in jobs {
            assert!(matches!(job.result().on(world).await, Err(JobError::Broken)));
        }
    }

    /// They come in the order in which they end; those that had ended before, first and in the order of the list.
    async fn completed(world: World) {
        let (_pool, gates, jobs) = gated(6);
        for ended in [4, 2] {
            gates[ended].open();
            world.until(|| jobs[ended].is_done()).await;
        }
        let mut completed = as_completed(&jobs);
        let mut order = Vec::new();
        for (round, next) in [2, 4, 3, 0, 5, 1].into_iter().enumerate() {
            assert_eq!(ExactSizeIterator::len(&completed), 6 - round);
            assert_eq!(futures::Stream::size_hint(&completed), (6 - round, Some(6 - round)));
            assert!(!completed.is_terminated());
            gates[next].open();
            let job = world.next(&mut completed).await.unwrap();
            assert!(job.is_done());
            assert_eq!(job.result().on(world).await.unwrap(), next);
            order.extend(numbers(&jobs, [job]));
        }
        assert_eq!(order, [2, 4, 3, 0, 5, 1]);
        assert!(world.next(&mut completed).await.is_none());
        assert!(world.next(&mut completed).await.is_none());
        assert!(completed.is_terminated());
    }

    /// One that is named twice comes twice; of none, there are none.
    async fn completed_twice_and_never(world: World) {
        let (_pool, gates, jobs) = gated(2);
        let twice = [&jobs[1], &jobs[0], &jobs[1], &jobs[1]];
        let mut parties = [as_completed(twice), as_completed(twice)];
        gates[1].open();
        for completed in &mut parties {
            for _ in 0..3 {
                let job = world.next(completed).await;
                assert_eq!(numbers(&jobs, job), [1]);
            }
        }
        gates[0].open();
        for completed in parties {
            assert_eq!(numbers(&jobs, world.collect(completed).await), [0]);
        }
        assert_eq!(wait_any([&jobs[1], &jobs[1]]).on(world).await, 0);
        wait_all([&jobs[1], &jobs[1]]).on(world).await;
        let none: AsCompleted<u8> = as_completed([] as [Job<u8>; 0]);
        assert!(none.is_terminated());
        assert!(world.collect(none).await.is_empty());
        wait_all([] as [Job<u8>; 0]).on(world).await;
        assert_eq!(wait_all([] as [Job<u8>; 0]).timeout(Duration::ZERO).on(world).await, Ok(()));
    }

    /// Asked by turns as a stream and as an iterator, given up half way, it loses none.
    async fn completed_by_turns(world: World) {
        let (_pool, gates, jobs) = gated(5);
        let mut completed = as_completed(&jobs);
        let hand = Hand::new();
        assert!(hand.poll(&mut StreamExt::next(&mut completed)).is_pending());
        gates[3].open();
        // The stream has not given up its place, and does not take what the other way to ask is for.
        let job = world.next(&mut completed).await.unwrap();
        assert_eq!(numbers(&jobs, [job]), [3]);
        assert!(hand.poll(&mut StreamExt::next(&mut completed)).is_pending());
        gates[1].open();
        assert_eq!(numbers(&jobs, Iterator::next(&mut completed)), [1]);
        gates[4].open();
        world.until(|| jobs[4].is_done()).await;
        drop(completed);
        let mut again = as_completed(&jobs);
        let first: Vec<_> = Iterator::take(&mut again, 3).collect();
        assert_eq!(numbers(&jobs, first), [1, 3, 4]);
    }
}

/// Waiting for one of none is a mistake that is told.
#[test]
#[should_panic(expected = "`wait_any` of no jobs")]
fn any_of_none() {
    drop(wait_any([] as [Job<u8>; 0]));
}

/// A waker that panics keeps nobody else from hearing of the end: no result, no stream, no callback.
#[test]
fn a_waker_that_panics_harms_no_other() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("in the waker");
        }
    }
    watched(|| {
        for cancelled in [false, true] {
            let (pool, gates, _running) = gated(1);
            let job = pool.submit(|| ()).unwrap();
            let (panics, hand) = (Waker::from(Arc::new(Panics)), Hand::new());
            let mut streams: Vec<_> = (0..4).map(|_| as_completed([&job])).collect();
            let mut any = wait_any([&job]);
            let mut results = [job.result(), job.result()];
            assert!(poll_with(&panics, &mut results[0]).is_pending());
            assert!(hand.poll(&mut results[1]).is_pending());
            for (number, stream) in streams.iter_mut().enumerate() {
                let mut next = StreamExt::next(stream);
                match number % 2 {
                    0 => assert!(poll_with(&panics, &mut next).is_pending()),
                    _ => assert!(hand.poll(&mut next).is_pending()),
                }
            }
            assert!(hand.poll(&mut any).is_pending());
            let called = Arc::new(AtomicBool::new(false));
            let calls = called.clone();
            job.on_done(move |_| calls.store(true, SeqCst));
            if cancelled {
                let _ = catch_unwind(AssertUnwindSafe(|| job.cancel()));
            } else {
                gates[0].open();
                pool.shutdown().block();
            }
            assert!(job.is_done() && called.load(SeqCst));
            assert!(hand.poll(&mut results[1]).is_ready());
            assert_eq!(hand.woken(), 4, "the result's, two streams', `wait_any`'s");
            assert_eq!(hand.poll(&mut any), Poll::Ready(0));
            for stream in &mut streams {
                assert!(hand.poll(&mut StreamExt::next(stream)).is_ready());
            }
        }
    });
}

/// A waker that uses the job that wakes it, as an executor that polls where it is woken does.
#[test]
fn a_waker_that_uses_the_job() {
    struct Uses(Job<()>, Arc<AtomicUsize>);
    impl Wake for Uses {
        fn wake(self: Arc<Self>) {
            let Uses(job, calls) = &*self;
            assert!(job.is_done() && !job.is_running());
            assert!(!job.cancel());
            let counts = calls.clone();
            job.on_done(move |_| {
                counts.fetch_add(1, SeqCst);
            });
            assert_eq!(wait_any([job]).block(), 0);
            wait_all([job]).block();
            assert_eq!(Iterator::count(as_completed([job, job])), 2);
            let _ = job.result().block();
            calls.fetch_add(1, SeqCst);
        }
    }
    watched(|| {
        let (pool, gates, _running) = gated(1);
        let job = pool.submit(|| ()).unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let waker = Waker::from(Arc::new(Uses(job.clone(), calls.clone())));
        let (mut result, mut all) = (job.result(), wait_all([&job]));
        let (mut any, mut stream) = (wait_any([&job]), as_completed([&job]));
        assert!(poll_with(&waker, &mut result).is_pending());
        assert!(poll_with(&waker, &mut all).is_pending());
        assert!(poll_with(&waker, &mut any).is_pending());
        assert!(poll_with(&waker, &mut StreamExt::next(&mut stream)).is_pending());
        gates[0].open();
        pool.shutdown().block();
        assert_eq!(calls.load(SeqCst), 8);
    });
}

/// The last jobs may end between two looks of the same attempt.
#[test]
fn the_last_jobs_end_meanwhile() {
    const ROUNDS: usize = 2_000;
    watched(|| {
        let (pool, _gates, _running) = gated(1);
        let (gives, given) = mpsc::channel::<[Job<()>; 3]>();
        let cancels = std::thread::spawn(move || {
            for jobs in given {
                for job in jobs {
                    assert!(job.cancel());
                }
            }
        });
        let hand = Hand::new();
        for _ in 0..ROUNDS {
            let jobs = [(); 3].map(|()| pool.submit(|| ()).unwrap());
            let mut all = wait_all(&jobs);
            assert!(hand.poll(&mut all).is_pending());
            gives.send(jobs).unwrap();
            while hand.poll(&mut all).is_pending() {
                std::hint::spin_loop();
            }
        }
        drop(gives);
        cancels.join().unwrap();
    });
}

/// Whoever hears of one job's end may bring about the end of the next at once: they come in that order all the same.
#[test]
fn completed_in_the_order_that_was_seen() {
    struct Continues(Gate, AtomicBool);
    impl Wake for Continues {
        fn wake(self: Arc<Self>) {
            self.0.open();
            while !self.1.load(SeqCst) {
                std::thread::yield_now();
            }
        }
    }
    watched(|| {
        let (pool, mut gates, jobs) = gated(2);
        let continues = Arc::new(Continues(gates.remove(0), AtomicBool::new(false)));
        let ended = continues.clone();
        let completed = as_completed(&jobs);
        // It's called when all others have been told.
        jobs[0].on_done(move |_| ended.1.store(true, SeqCst));
        let mut result = jobs[1].result();
        assert!(poll_with(&Waker::from(continues), &mut result).is_pending());
        gates[0].open();
        assert!(completed.eq([jobs[1].clone(), jobs[0].clone()]));
        pool.shutdown().block();
    });
}

/// Of two who watch the same job one gives up: the other hears of the end.
#[test]
fn one_of_two_gives_up() {
    watched(|| {
        for gives_up in [0, 1] {
            let (_pool, gates, jobs) = gated(1);
            let (mut waits, hand) = (vec![wait_any(&jobs), wait_any(&jobs)], Hand::new());
            for wait in &mut waits {
                assert!(hand.poll(wait).is_pending());
            }
            drop(waits.remove(gives_up));
            gates[0].open();
            while hand.woken() == 0 {
                std::thread::yield_now();
            }
            assert!(hand.poll(&mut waits[0]).is_ready());
        }
    });
}
