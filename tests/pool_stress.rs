//! Threads and the tasks of all runtimes at once on pools that come and go, in all ways to submit, to wait, to give up and to
//! cancel: each job ends once, each callback is called once, and nothing is lost.

mod worlds;

use amphi::{Job, JobError, SubmitError, ThreadPool, Timer, as_completed, wait_all, wait_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};
use worlds::{On, World};

const WORLDS: [World; 5] = [
    World::Threads,
    World::TokioMulti,
    World::AsyncStd,
    World::Smol,
    World::Futures,
];

/// How long each of them goes on.
const LASTS: Duration = Duration::from_millis(700);

/// What has happened to a job, as far as can be told from outside.
#[derive(Default)]
struct Story {
    begun: AtomicUsize,
    dropped: AtomicUsize,
    callbacks: AtomicUsize,
    called: AtomicUsize,
    cancelled: AtomicBool,
    results: AtomicUsize,
}

/// What the job's function has captured.
struct Captured(Arc<Story>);

impl Drop for Captured {
    fn drop(&mut self) {
        assert_eq!(self.0.dropped.fetch_add(1, SeqCst), 0, "dropped twice");
    }
}

type Number = usize;

struct Told {
    job: Job<Number>,
    story: Arc<Story>,
    number: Number,
}

impl Told {
    fn submit(pool: &Arc<ThreadPool>, number: Number, kind: u8) -> Result<Told, Arc<Story>> {
        let story = Arc::new(Story::default());
        let (captured, own) = (Captured(story.clone()), Arc::downgrade(pool));
        let function = move || {
            let Captured(story) = &captured;
            assert_eq!(story.begun.fetch_add(1, SeqCst), 0, "it has run before");
            assert!(!story.cancelled.load(SeqCst), "it was cancelled");
            match kind {
                0 => std::panic::resume_unwind(Box::new(number)),
                1 => std::thread::yield_now(),
                2 => {
                    // If it is the last handle, the pool is dropped by its own job.
                    let own = own.upgrade();
                    drop(own.and_then(|pool| pool.submit(|| ()).ok()));
                }
                _ => {}
            }
            number
        };
        match pool.submit(function) {
            Ok(job) => Ok(Told { job, story, number }),
            Err(SubmitError::ShutDown(function)) => {
                drop(function);
                Err(story)
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn calls_back(&self) {
        self.story.callbacks.fetch_add(1, SeqCst);
        let (story, number) = (self.story.clone(), self.number);
        self.job.on_done(move |job| {
            story.called.fetch_add(1, SeqCst);
            match number % 7 {
                0 => std::panic::resume_unwind(Box::new(number)),
                1 => drop(job.cancel().then_some(())),
                _ => {}
            }
        });
    }

    fn cancel(&self) {
        if self.job.cancel() {
            assert_eq!(self.story.begun.load(SeqCst), 0, "it was cancelled");
            self.story.cancelled.store(true, SeqCst);
            assert!(self.job.is_cancelled());
        }
    }

    fn took(&self, result: Result<Number, JobError>) {
        match result {
            Ok(number) => {
                assert_eq!(number, self.number);
                self.story.results.fetch_add(1, SeqCst);
            }
            Err(JobError::Panicked(panicked)) => {
                let payload = panicked.into_payload().downcast::<Number>().unwrap();
                assert_eq!(*payload, self.number);
                self.story.results.fetch_add(1, SeqCst);
            }
            Err(JobError::Cancelled) => assert!(self.job.is_cancelled()),
            Err(JobError::Taken | JobError::TimedOut) => {}
            Err(JobError::Broken) => panic!("nothing is broken"),
        }
    }
}

/// Submits until it is refused, and does with its jobs whatever one can; returns all of them.
async fn uses(world: World, pool: Arc<ThreadPool>, seed: u64) -> Vec<Told> {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut all, mut number) = (Vec::<Told>::new(), 0);
    let soon = |random: &mut fastrand::Rng| Duration::from_micros(random.u64(0..100));
    loop {
        number += 1;
        match Told::submit(&pool, number, random.u8(0..10)) {
            Ok(told) => all.push(told),
            Err(story) => {
                assert_eq!(
                    (story.begun.load(SeqCst), story.dropped.load(SeqCst)),
                    (0, 1)
                );
                return all;
            }
        }
        let recent = all.len().saturating_sub(8);
        let told = &all[random.usize(recent..all.len())];
        let jobs = || all[recent..].iter().map(|told| &told.job);
        match random.u8(0..12) {
            0 | 1 => told.cancel(),
            2 | 3 => told.calls_back(),
            4 => told.took(told.job.result().on(world).await),
            5 => told.took(told.job.result().timeout(soon(&mut random)).on(world).await),
            6 => {
                let wait = wait_any(jobs()).timeout(soon(&mut random));
                if let Ok(index) = wait.on(world).await {
                    assert!(index < all.len() - recent);
                }
            }
            7 => {
                let wait = wait_all(jobs()).timeout(soon(&mut random));
                let ended = wait.on(world).await.is_ok();
                assert!(!ended || all[recent..].iter().all(|told| told.job.is_done()));
            }
            8 => {
                let count = random.usize(0..9);
                let mut completed = as_completed(jobs());
                for _ in 0..count.min(all.len() - recent) {
                    assert!(world.next(&mut completed).await.is_some());
                }
            }
            9 => {
                let Ok(mut map) = pool.map(0..random.usize(0..5), |item| item) else {
                    continue;
                };
                for item in 0..random.usize(0..5) {
                    match world.next(&mut map).await {
                        Some(Ok(result)) => assert_eq!(result, item),
                        Some(Err(error)) => assert!(matches!(error, JobError::Cancelled)),
                        None => break,
                    }
                }
            }
            10 => world.yield_now().await,
            _ => {}
        }
        if all.len() % 1000 == 0 {
            // So that those who run the jobs keep up.
            wait_all(jobs()).on(world).await;
        }
    }
}

/// After the pool's end everything has happened that should have, once.
fn check(all: &[Told]) {
    for told in all {
        let story = &told.story;
        assert!(told.job.is_done(), "one that was accepted has not ended");
        let (begun, cancelled) = (story.begun.load(SeqCst), told.job.is_cancelled());
        assert_eq!(begun, usize::from(!cancelled), "it ran, or was cancelled");
        assert!(!story.cancelled.load(SeqCst) || cancelled);
        assert_eq!(story.dropped.load(SeqCst), 1, "its function lives on");
        assert_eq!(
            story.called.load(SeqCst),
            story.callbacks.load(SeqCst),
            "callbacks"
        );
        told.took(told.job.result().timeout(Duration::ZERO).block());
        assert_eq!(
            story.results.load(SeqCst),
            usize::from(!cancelled),
            "results"
        );
    }
}

#[test]
fn pools() {
    World::Mixed.play(|main| async move {
        let (start, mut round, mut count) = (Instant::now(), 0, 0);
        while start.elapsed() < LASTS * 4 {
            round += 1;
            let builder = ThreadPool::builder().workers(round % 4 + 1);
            let pool = Arc::new(match round % 3 {
                0 => builder.keep_alive(Duration::from_micros(50)).build(),
                _ => builder.build(),
            });
            let parties: Vec<_> = WORLDS
                .into_iter()
                .enumerate()
                .map(|(number, world)| {
                    let (pool, seed) = (pool.clone(), (round * 10 + number) as u64);
                    world.spawn(move |world| uses(world, pool, seed))
                })
                .collect();
            std::thread::sleep(Duration::from_millis(fastrand::u64(0..30)));
            match round % 2 {
                0 => pool.shutdown_now().on(main).await,
                _ => pool.shutdown().on(main).await,
            }
            for party in parties {
                let all = party.join().await;
                check(&all);
                count += all.len();
            }
            let pool = Arc::into_inner(pool).expect("nobody else has it");
            assert!(format!("{pool:?}").contains("pending: 0"));
        }
        assert!(count > 0);
    });
}

/// Timers that are started, cancelled and waited for by all of them: each runs once or was cancelled, and those that repeat stop.
#[test]
fn timers() {
    World::Mixed.play(|_| async move {
        let parties: Vec<_> = WORLDS
            .into_iter()
            .enumerate()
            .map(|(seed, world)| {
                world.spawn(move |world| async move {
                    let mut random = fastrand::Rng::with_seed(seed as u64);
                    let start = Instant::now();
                    while start.elapsed() < LASTS {
                        let (runs, repeats) = (Arc::new(AtomicUsize::new(0)), random.bool());
                        let counts = runs.clone();
                        let count = move || {
                            counts.fetch_add(1, SeqCst);
                        };
                        let interval = Duration::from_micros(random.u64(1..200));
                        let mut timer = match repeats {
                            true => Timer::every(interval, count),
                            false => Timer::after(interval, count),
                        };
                        if random.u8(0..10) == 0 {
                            timer = timer.with_name("stress");
                        }
                        timer.start();
                        let wait = timer
                            .finished()
                            .timeout(Duration::from_micros(random.u64(0..300)));
                        let early = wait.on(world).await.is_err();
                        let cancelled = timer.cancel();
                        assert!(early || !repeats, "it repeats for ever");
                        assert!(early || !cancelled, "it had finished");
                        timer.finished().on(world).await;
                        assert!(!timer.is_alive());
                        let until = runs.load(SeqCst);
                        assert!(match (repeats, cancelled) {
                            (true, cancelled) => cancelled,
                            (false, cancelled) => until == usize::from(!cancelled),
                        });
                        world.yield_now().await;
                        assert_eq!(runs.load(SeqCst), until, "it ran after its end");
                    }
                })
            })
            .collect();
        for party in parties {
            party.join().await;
        }
    });
}
