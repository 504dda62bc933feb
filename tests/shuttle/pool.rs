//! Thread pools: every job ends in one way, everybody hears of it, and the workers are gone after a shutdown.

use super::{Party, Patience, SOON, join, model, task, thread};
use amphi::thread::{as_completed, wait_all, wait_any};
use amphi::{Event, Job, JobError, ThreadPool};
use shuttle::future::block_on;
use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// A pool, and how many jobs it has run.
struct Shared {
    pool: ThreadPool,
    run: Arc<AtomicUsize>,
}

impl Shared {
    fn new(workers: usize) -> Arc<Self> {
        Shared::of(ThreadPool::new(workers))
    }

    fn of(pool: ThreadPool) -> Arc<Self> {
        let run = Arc::new(AtomicUsize::new(0));
        Arc::new(Shared { pool, run })
    }

    fn try_submit(&self, number: u32) -> Option<Job<u32>> {
        let run = self.run.clone();
        let counts = move || {
            run.fetch_add(1, Ordering::Relaxed);
            number
        };
        self.pool.submit(counts).ok()
    }

    fn submit(&self, number: u32) -> Job<u32> {
        self.try_submit(number).expect("it is not shut down")
    }

    fn run(&self) -> usize {
        self.run.load(Ordering::Relaxed)
    }
}

/// Submits two and waits for both.
fn submits(shared: &Arc<Shared>) -> Party<u32> {
    thread(shared, |shared| {
        let jobs = [1, 2].map(|number| shared.submit(number));
        jobs.iter().map(|job| job.result().block().unwrap()).sum()
    })
}

/// One after the other.
fn submits_in_a_task(shared: &Arc<Shared>) -> Party<u32> {
    task(shared, async |shared| {
        shared.submit(3).await.unwrap() + shared.submit(4).await.unwrap()
    })
}

fn submit_by_three(workers: usize) {
    let shared = Shared::new(workers);
    let parties = [submits(&shared), submits_in_a_task(&shared)];
    let mine = shared.submit(5);
    assert_eq!(mine.result().block().unwrap(), 5);
    assert_eq!(join(parties).iter().sum::<u32>(), 10);
    shared.pool.shutdown().block();
    assert_eq!(shared.run(), 5);
    assert!(shared.try_submit(6).is_none());
}

#[test]
fn submits_by_three() {
    model(6_000, || submit_by_three(2));
}

#[test]
fn submits_by_three_to_one() {
    model(6_000, || submit_by_three(1));
}

/// Jobs that wait for each other find a worker each, as long as the limit allows for that.
#[test]
fn jobs_that_meet() {
    model(6_000, || {
        let shared = Shared::new(3);
        let events = Arc::new([(); 2].map(|()| Event::new()));
        let meets = |mine: usize| {
            let events = events.clone();
            let meet = move || {
                events[mine].set();
                events[1 - mine].wait().block();
            };
            shared.pool.submit(meet).unwrap()
        };
        let other = submits_in_a_task(&shared);
        let [first, second] = [meets(0), meets(1)];
        first.result().block().unwrap();
        block_on(second.result()).unwrap();
        other.join();
        shared.pool.shutdown().block();
    });
}

/// The same when all workers are there and wait.
#[test]
fn jobs_that_meet_in_a_complete_pool() {
    model(9_000, || {
        let shared = Shared::new(2);
        for _ in 0..2 {
            let events = Arc::new([(); 2].map(|()| Event::new()));
            let meets = |mine: usize| {
                let events = events.clone();
                move |shared: &Shared| {
                    let meet = move || {
                        events[mine].set();
                        events[1 - mine].wait().block();
                    };
                    shared.pool.submit(meet).unwrap().result().block().unwrap();
                }
            };
            join([thread(&shared, meets(0)), thread(&shared, meets(1))]);
        }
        shared.pool.shutdown().block();
    });
}

/// Whoever waits for one job before it submits the next finds the worker free, so there is no second one; whoever else waits.
#[test]
fn one_after_the_other() {
    model(9_000, || {
        let shared = Shared::new(2);
        let job = Arc::new(shared.pool.submit(amphi::thread::current).unwrap());
        let others = [
            task(&job, async |job| wait_all([&*job]).await),
            thread(&job, |job| wait_all([job]).block()),
        ];
        let first = job.result().block().unwrap();
        for _ in 0..2 {
            let job = shared.pool.submit(amphi::thread::current).unwrap();
            assert_eq!(block_on(job.result()).unwrap(), first);
        }
        join(others);
        shared.pool.shutdown().block();
    });
}

/// A job is either run or cancelled, and whoever waits hears what it was; two cancel it.
#[test]
fn cancel_against_begin() {
    model(9_000, || {
        let shared = Shared::new(1);
        let first = shared.submit(1);
        let second = Arc::new(shared.submit(2));
        let cancels = [
            thread(&second, |job| job.cancel()),
            task(&second, async |job| job.cancel()),
        ];
        let waits = thread(&second, |job| match job.result().block() {
            Ok(number) => number == 2,
            Err(JobError::Cancelled) => false,
            Err(error) => panic!("{error}"),
        });
        assert_eq!(first.result().block().unwrap(), 1);
        let is_run = waits.join();
        assert_eq!(join(cancels), [!is_run; 2]);
        assert!(second.is_done());
        shared.pool.shutdown().block();
        assert_eq!(shared.run(), 1 + usize::from(is_run));
    });
}

/// What was accepted is run, whoever shuts the pool down, and how often.
#[test]
fn shutdown_against_submit() {
    model(9_000, || {
        let shared = Shared::new(2);
        let submits = [
            thread(&shared, |shared| {
                let jobs = [shared.try_submit(1), shared.try_submit(1)];
                let results = jobs.iter().flatten().map(|job| job.result().block());
                results.map(Result::unwrap).sum()
            }),
            task(&shared, async |shared| match shared.try_submit(1) {
                Some(job) => job.await.unwrap(),
                None => 0,
            }),
        ];
        let shuts_down = [
            thread(&shared, |shared| shared.pool.shutdown().block()),
            task(&shared, async |shared| shared.pool.shutdown().await),
            task(&shared, async |shared| {
                let _ = shared.pool.shutdown().or(Patience::some()).await;
            }),
        ];
        join(shuts_down);
        let run = shared.run();
        assert!(shared.try_submit(1).is_none());
        let accepted: u32 = join(submits).iter().sum();
        assert_eq!(run, accepted as usize);
    });
}

/// What had not begun is cancelled, and nothing is left over.
#[test]
fn shutdown_now_against_submit() {
    model(9_000, || {
        let shared = Shared::new(1);
        let submits = thread(&shared, |shared| {
            let jobs = [(); 3].map(|()| shared.try_submit(1));
            let results = jobs.iter().flatten().map(|job| job.result().block());
            let is_run = |result| match result {
                Ok(number) => number,
                Err(JobError::Cancelled) => 0,
                Err(error) => panic!("{error}"),
            };
            results.map(is_run).sum::<u32>()
        });
        let waits = task(&shared, async |shared| {
            if let Some(job) = shared.try_submit(1) {
                wait_all([&job]).await;
                assert!(job.is_done());
                return job.result().await.map_or(0, |number| number);
            }
            0
        });
        shared.pool.shutdown_now().block();
        let run = shared.run();
        let accepted = submits.join() + waits.join();
        assert_eq!(run, accepted as usize);
    });
}

/// Workers that go when there is nothing to do for a while leave no job behind, and come again.
#[test]
fn keep_alive() {
    model(9_000, || {
        let builder = ThreadPool::builder().workers(2);
        let shared = Shared::of(builder.keep_alive(SOON).build());
        let parties = [submits(&shared), submits_in_a_task(&shared)];
        let worker = shared.pool.submit(amphi::thread::current).unwrap();
        let worker = worker.result().block().unwrap();
        assert_eq!(join(parties).iter().sum::<u32>(), 10);
        worker.finished().block();
        assert_eq!(shared.submit(6).result().block().unwrap(), 6);
        shared.pool.shutdown().block();
        assert_eq!(shared.run(), 5);
    });
}

/// The same with no time at all.
#[test]
fn keep_alive_for_no_time() {
    model(9_000, || {
        let builder = ThreadPool::builder().workers(2);
        let shared = Shared::of(builder.keep_alive(Duration::ZERO).build());
        let parties = [submits(&shared), submits_in_a_task(&shared)];
        assert_eq!(join(parties).iter().sum::<u32>(), 10);
        drop(shared);
    });
}

/// If the initializer panics every job ends as broken, and nobody waits for ever.
#[test]
fn broken() {
    model(9_000, || {
        // Without a word of the panic hook.
        let panics = || resume_unwind(Box::new("no connection"));
        let builder = ThreadPool::builder().workers(2).initializer(panics);
        let shared = Shared::of(builder.build());
        let submits = |shared: &Shared| {
            for job in [shared.try_submit(1), shared.try_submit(2)]
                .iter()
                .flatten()
            {
                assert!(matches!(job.result().block(), Err(JobError::Broken)));
            }
        };
        let parties = [
            thread(&shared, submits),
            thread(&shared, submits),
            task(&shared, async |shared| {
                if let Some(job) = shared.try_submit(3) {
                    assert!(matches!(job.await, Err(JobError::Broken)));
                }
            }),
        ];
        join(parties);
        shared.pool.shutdown().block();
        assert_eq!(shared.run(), 0);
    });
}

/// Those who wait for any, for all, and for one after the other, hear of each end.
#[test]
fn watchers() {
    model(9_000, || {
        let shared = Shared::new(2);
        let jobs = Arc::new([1, 2, 3].map(|number| shared.submit(number)));
        let parties = [
            thread(&jobs, |jobs| {
                let first = wait_any(&jobs[..]).block();
                assert!(jobs[first].is_done());
            }),
            task(&jobs, async |jobs| {
                wait_all(&jobs[..]).await;
                assert!(jobs.iter().all(Job::is_done));
            }),
            thread(&jobs, |jobs| {
                assert_eq!(as_completed(&jobs[..]).count(), 3);
            }),
            task(&jobs, async |jobs| {
                let _ = wait_all(&jobs[..]).or(Patience::some()).await;
            }),
        ];
        jobs[2].cancel();
        join(parties);
        shared.pool.shutdown().block();
    });
}

/// Each callback is called once, be it added before the end or after it.
#[test]
fn callbacks() {
    model(9_000, || {
        let shared = Shared::new(1);
        let called = Arc::new(AtomicUsize::new(0));
        let job = Arc::new(shared.submit(1));
        let add = |job: &Job<u32>| {
            let called = called.clone();
            job.on_done(move |job| {
                assert!(job.is_done());
                called.fetch_add(1, Ordering::Relaxed);
            });
        };
        let adds = {
            let called = called.clone();
            thread(&job, move |job| {
                job.on_done(move |_| {
                    called.fetch_add(1, Ordering::Relaxed);
                });
            })
        };
        let cancels = task(&job, async |job| job.cancel());
        add(&job);
        adds.join();
        cancels.join();
        shared.pool.shutdown().block();
        assert_eq!(called.load(Ordering::Relaxed), 2);
    });
}

/// A `Map` that is dropped cancels what has not begun; its pool is shut down by one of the jobs.
#[test]
fn map_against_a_shutdown_by_a_job() {
    model(9_000, || {
        let shared = Shared::new(2);
        let squares = shared.pool.map(1..=3, |number| number * number).unwrap();
        let shuts_down = {
            let pool = shared.clone();
            let by_a_job = move || pool.pool.shutdown().block();
            shared.pool.submit(by_a_job)
        };
        let gets = squares.collect::<Result<Vec<_>, _>>();
        assert_eq!(gets.unwrap(), [1, 4, 9]);
        shuts_down.unwrap().result().block().unwrap();
        assert!(shared.try_submit(1).is_none());
    });
}

/// Two cancel a job that waits for a worker: whoever has cancelled it finds it done, and nobody has seen it run.
#[test]
fn cancelled_by_two() {
    model(9_000, || {
        let shared = Shared::new(1);
        let go_on = Arc::new(Event::new());
        let waits = go_on.clone();
        let _first = shared.pool.submit(move || waits.wait().block()).unwrap();
        let job = Arc::new(shared.submit(1));
        let cancels = |job: &Job<u32>| {
            assert!(job.cancel());
            assert!(job.is_done());
        };
        let parties = [
            thread(&job, cancels),
            thread(&job, cancels),
            thread(&job, |job| assert!(!job.is_running())),
            thread(&job, |job| {
                assert_eq!(wait_any([job]).block(), 0);
                assert!(job.is_done());
            }),
            thread(&job, |job| {
                let done = as_completed([job]).next().unwrap();
                assert!(done.is_done());
            }),
        ];
        join(parties);
        go_on.set();
        shared.pool.shutdown().block();
        assert_eq!(shared.run(), 0);
    });
}

/// Panics when it is dropped.
struct Throws;

impl Wake for Throws {
    fn wake(self: std::sync::Arc<Self>) {}
}

impl Drop for Throws {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            resume_unwind(Box::new(()));
        }
    }
}

/// A wait for one of several ends by a poll that it was not woken for, and the waker that is not needed any more panics when it is dropped:
/// which job it has heard of is not forgotten.
#[test]
fn a_waker_that_panics_as_a_wait_for_any_ends() {
    model(20_000, || {
        let shared = Shared::new(1);
        let job = shared.submit(1);
        let mut wait = wait_any([job]);
        let waker = Waker::from(std::sync::Arc::new(Throws));
        let mut poll = Pin::new(&mut wait).poll(&mut Context::from_waker(&waker));
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(waker)));
        if dropped.is_ok() && poll.is_pending() {
            let again = AssertUnwindSafe(|| {
                Pin::new(&mut wait).poll(&mut Context::from_waker(Waker::noop()))
            });
            poll = catch_unwind(again).unwrap_or(Poll::Pending);
        }
        let index = match poll {
            Poll::Ready(index) => index,
            Poll::Pending => wait.block(),
        };
        assert_eq!(index, 0);
        shared.pool.shutdown().block();
    });
}
