//! Threads and memory are given back: after many rounds of pools, jobs and timers there is no more of either than before.

mod worlds;

use amphi::{Job, JobError, ThreadPool, TimedOut, Timer, as_completed, thread, wait_all, wait_any};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use worlds::{Gate, Hand, watched};

struct Counting;

/// Bytes that are in use.
static IN_USE: AtomicIsize = AtomicIsize::new(0);

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: it is the system's allocator, and a count.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size() as isize, SeqCst);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size() as isize, SeqCst);
        // SAFETY: the caller's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Runs a case while no other one runs, since they would count each other's.
fn alone(case: impl FnOnce() + Send + 'static) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    watched(case);
}

/// How many threads the system knows of.
fn system_threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

/// Waits until something holds.
fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Plays many rounds, and fails if each has left something. Threads may take a moment to end, and to give back what is theirs.
fn leaves_nothing(rounds: usize, mut round: impl FnMut(usize)) {
    // What is made once.
    (0..50).for_each(&mut round);
    let (listed, known, before) = (
        thread::active_count(),
        system_threads(),
        IN_USE.load(SeqCst),
    );
    (0..rounds).for_each(&mut round);
    let deadline = Instant::now() + Duration::from_secs(30);
    // Less than a pointer for each round.
    let allowed = 4 * rounds as isize;
    until(|| {
        let grown = IN_USE.load(SeqCst) - before;
        let now = (thread::active_count(), system_threads());
        assert!(
            Instant::now() < deadline,
            "{now:?} threads of {listed}, {known:?} before; {grown} bytes more after {rounds} rounds",
        );
        now.0 <= listed && now.1 <= known && grown < allowed
    });
}

/// Pools that end in each of the ways in which they can.
#[test]
fn pools() {
    alone(|| {
        leaves_nothing(300, |round| {
            let builder = ThreadPool::builder().workers(4);
            let pool = Arc::new(match round % 2 {
                0 => builder.build(),
                _ => builder.keep_alive(Duration::ZERO).build(),
            });
            let gate = Gate::new();
            let mut jobs: Vec<_> = (0..3).map(|_| pool.submit(gate.waits()).unwrap()).collect();
            jobs.push(
                pool.submit(|| std::panic::resume_unwind(Box::new(1)))
                    .unwrap(),
            );
            jobs.push(pool.submit(|| ()).unwrap());
            jobs[4].cancel();
            match round % 5 {
                0 => {
                    gate.open();
                    pool.shutdown().block();
                }
                1 => {
                    // Else all might be cancelled, and the pool have ended by the time it's looked at.
                    until(|| jobs[..3].iter().any(Job::is_running));
                    let now = pool.shutdown_now().timeout(Duration::ZERO).block();
                    assert_eq!(now, Err(TimedOut));
                }
                2 => {
                    let own = pool.clone();
                    jobs.push(pool.submit(move || drop(own)).unwrap());
                    drop(pool);
                }
                3 => {
                    gate.open();
                    drop(pool);
                }
                _ => {
                    let own = pool.clone();
                    let map = own.map(0..9, |item| vec![item; 100]).unwrap();
                    gate.open();
                    assert_eq!(Iterator::take(map, round % 10).count(), (round % 10).min(9));
                }
            }
            gate.open();
            wait_all(jobs).block();
        });
    });
}

/// A pool whose initializer panics.
#[test]
fn broken_pools() {
    alone(|| {
        leaves_nothing(200, |_| {
            let builder = ThreadPool::builder().workers(2);
            let pool = builder
                .initializer(|| std::panic::resume_unwind(Box::new("broken")))
                .build();
            let jobs: Vec<_> = (0..4)
                .filter_map(|_| pool.submit(|| vec![0; 100]).ok())
                .collect();
            for job in jobs {
                assert!(matches!(job.result().block(), Err(JobError::Broken)));
            }
        });
    });
}

/// Jobs of one pool: run, cancelled, given up, called back, never asked for.
#[test]
fn jobs() {
    alone(|| {
        let pool = ThreadPool::new(2);
        leaves_nothing(2000, |round| {
            let job = pool.submit(move || vec![round; 100]).unwrap();
            let kept = job.clone();
            job.on_done(move |_| drop(kept));
            match round % 5 {
                0 => drop(job.cancel().then_some(())),
                1 => drop(job.result().block()),
                2 => assert_eq!(Iterator::count(as_completed([&job, &job])), 2),
                3 => {
                    let mut result = job.result();
                    let _ = Hand::new().poll(&mut result);
                }
                _ => drop(wait_any([&job]).timeout(Duration::ZERO).block().ok()),
            }
            if round % 100 == 99 {
                pool.submit(|| ()).unwrap().result().block().unwrap();
            }
        });
    });
}

/// Those who give up waiting for a job that takes long are forgotten.
#[test]
fn watchers_of_a_long_job() {
    alone(|| {
        let (pool, gate) = (ThreadPool::new(1), Gate::new());
        let jobs: Vec<_> = (0..3).map(|_| pool.submit(gate.waits()).unwrap()).collect();
        leaves_nothing(3000, |round| {
            match round % 6 {
                0 => {
                    let early = wait_any(&jobs).timeout(Duration::from_micros(50)).block();
                    assert_eq!(early, Err(TimedOut));
                }
                1 => assert!(wait_all(&jobs).timeout(Duration::ZERO).block().is_err()),
                2 => drop(as_completed(&jobs)),
                3 => drop(as_completed([&jobs[0], &jobs[1], &jobs[0], &jobs[0]])),
                4 => {
                    let (hand, mut any) = (Hand::new(), wait_any(&jobs));
                    assert!(hand.poll(&mut any).is_pending());
                    let mut all = wait_all(&jobs);
                    assert!(hand.poll(&mut all).is_pending());
                }
                _ => {
                    let mut stream = as_completed(&jobs);
                    let mut next = futures::StreamExt::next(&mut stream);
                    assert!(Hand::new().poll(&mut next).is_pending());
                }
            };
        });
        gate.open();
    });
}

/// Whether there is a thread that waits for timers or runs their functions; where the system does not tell, those that run them.
fn timers_have_threads() -> bool {
    let is_of_timers = |name: &str| name.starts_with("timer");
    let listed = thread::enumerate();
    let mut names = listed.iter().filter_map(|thread| thread.name());
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    let comm = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    names.any(is_of_timers)
        || tasks
            .filter_map(|task| comm(task.ok()?))
            .any(|name| is_of_timers(&name))
}

/// A hundred thousand timers are so many entries, and a handful of threads; and nothing when they are gone.
#[test]
fn a_hundred_thousand_timers() {
    const TIMERS: usize = 100_000;
    alone(|| {
        let warm = Timer::after(Duration::ZERO, || ());
        warm.start();
        warm.finished().block();
        // The threads end when they have had nothing to do for a while.
        until(|| !timers_have_threads());
        let (listed, known, before) = (
            thread::active_count(),
            system_threads(),
            IN_USE.load(SeqCst),
        );
        let mut random = fastrand::Rng::with_seed(1);
        let mut timers: Vec<_> = (0..TIMERS)
            .map(|number| {
                let interval = Duration::from_secs(3600 + random.u64(0..3600));
                let timer = match number % 2 {
                    0 => Timer::after(interval, || panic!("too early")),
                    _ => Timer::every(interval, || panic!("too early")),
                };
                timer.start();
                timer
            })
            .collect();
        assert!(thread::active_count() <= listed + 3);
        assert!(system_threads() <= known.map(|known| known + 3));
        assert!(timers.iter().all(Timer::is_alive));
        let each = (IN_USE.load(SeqCst) - before) as usize / TIMERS;
        assert!(each < 1000, "{each} bytes for each");
        // They keep none that is started now from its time.
        let now = Timer::after(Duration::from_millis(1), || ());
        now.start();
        now.finished().block();
        random.shuffle(&mut timers);
        assert!(timers.drain(..).all(|timer| timer.cancel()));
        drop((timers, warm, now));
        until(|| !timers_have_threads());
        until(|| system_threads() <= known);
        assert!(thread::active_count() <= listed);
        let left = IN_USE.load(SeqCst) - before;
        assert!(left < TIMERS as isize, "{left} bytes are left");
    });
}

/// Very many that are due at once run on a limited number of threads.
#[test]
fn very_many_at_once() {
    const TIMERS: usize = 5_000;
    alone(|| {
        let (listed, ran) = (thread::active_count(), Arc::new(AtomicUsize::new(0)));
        let most = Arc::new(AtomicUsize::new(0));
        let begin = Instant::now();
        let timers: Vec<_> = (0..TIMERS)
            .map(|_| {
                let (ran, most) = (ran.clone(), most.clone());
                let timer = Timer::after(Duration::from_millis(200), move || {
                    assert!(begin.elapsed() >= Duration::from_millis(200));
                    most.fetch_max(thread::active_count(), SeqCst);
                    ran.fetch_add(1, SeqCst);
                });
                timer.start();
                timer
            })
            .collect();
        for timer in timers {
            timer.finished().block();
        }
        assert_eq!(ran.load(SeqCst), TIMERS);
        assert!(most.load(SeqCst) <= listed + 500);
    });
}
