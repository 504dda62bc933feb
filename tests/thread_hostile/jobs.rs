//! Jobs, and those who wait for several of them.

use super::*;
use amphi::{JobError, as_completed, wait_all, wait_any};
use std::future::pending;
use std::sync::{Mutex, mpsc};

/// A result that nobody wants is dropped by the worker, and that may take long: a job that is submitted meanwhile would wait
/// for it, if the worker counted as free.
#[test]
fn a_worker_is_not_free_while_it_drops_a_result() {
    struct Blocks {
        begins: Arc<Event>,
        ends: Arc<Event>,
    }
    impl Drop for Blocks {
        fn drop(&mut self) {
            self.begins.set();
            self.ends.wait().block();
        }
    }
    watched(|| {
        let pool = ThreadPool::new(2);
        let [unwanted, begins, ends] = [(); 3].map(|()| Arc::new(Event::new()));
        let result = Blocks {
            begins: begins.clone(),
            ends: ends.clone(),
        };
        let waits = unwanted.clone();
        let job = pool.submit(move || {
            waits.wait().block();
            result
        });
        drop(job.unwrap());
        unwanted.set();
        begins.wait().block();
        let second = pool.submit(move || ends.set()).unwrap();
        second.result().block().unwrap();
    });
}

/// One of those who watch a job has a waker that panics: the next one would never hear of the end.
#[test]
fn a_waker_that_panics_keeps_nobody_from_hearing() {
    watched(|| {
        let pool = ThreadPool::new(1);
        let _occupied = Occupied::new(&pool);
        let job = pool.submit(|| ()).unwrap();
        let (mut any, hand) = (wait_any([&job]), Hand::new());
        assert!(poll_with(&panics_when_woken(), &mut any).is_pending());
        // It watches the job as well, after the first one.
        let mut completed = as_completed([&job]);
        let mut next = futures::StreamExt::next(&mut completed);
        assert!(hand.poll(&mut next).is_pending());
        panics(|| job.cancel());
        assert!(job.is_done());
        assert_eq!(hand.woken(), 1);
        assert_eq!(hand.poll(&mut next), Poll::Ready(Some(job)));
    });
}

/// Somebody's waker panics when a job is cancelled: what its function has captured would live as long as the handle.
#[test]
fn a_cancelled_function_is_dropped_though_a_waker_panics() {
    watched(|| {
        let pool = ThreadPool::new(1);
        let _occupied = Occupied::new(&pool);
        let captured = Arc::new(());
        let keeps = captured.clone();
        let job = pool.submit(move || drop(keeps)).unwrap();
        let mut result = job.result();
        assert!(poll_with(&panics_when_woken(), &mut result).is_pending());
        panics(|| job.cancel());
        assert!(job.is_cancelled());
        assert_eq!(Arc::strong_count(&captured), 1);
    });
}

/// Between a job's end and the moment when its worker has said so, others may hear of the end by asking: they would find a
/// job that is not done, and no result.
#[test]
fn what_was_reported_is_done() {
    watched(|| {
        // Workers come and go, and each has to wait for those that are being started before it can say something.
        let pool = ThreadPool::builder()
            .workers(64)
            .keep_alive(Duration::ZERO)
            .build();
        let stop = AtomicBool::new(false);
        let is_reported_early = |round: usize| {
            let early = Arc::new(AtomicBool::new(false));
            let job = pool.submit(|| ()).unwrap();
            until(|| {
                if round % 2 == 0 {
                    if wait_any([&job]).timeout(Duration::ZERO).block().is_ok() {
                        let is_done = job.is_done();
                        let result = job.result().timeout(Duration::ZERO).block();
                        let is_late = matches!(result, Err(JobError::TimedOut));
                        early.store(!is_done || is_late, SeqCst);
                        return true;
                    }
                } else if job.is_running() {
                    let tells = early.clone();
                    job.on_done(move |job| {
                        if !job.is_done() {
                            tells.store(true, SeqCst);
                        }
                    });
                }
                job.is_done()
            });
            let _ = job.result().block();
            early.load(SeqCst)
        };
        let early = std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(SeqCst) {
                        let jobs = [(); 8].map(|()| pool.submit(|| ()).unwrap());
                        wait_all(&jobs).block();
                    }
                });
            }
            let start = Instant::now();
            let mut rounds = (0..).take_while(|_| start.elapsed() < Duration::from_secs(1));
            let early = rounds.find(|round| is_reported_early(*round));
            stop.store(true, SeqCst);
            early
        });
        assert_eq!(early, None, "a job was reported and not done");
    });
}

/// Those who watch a job are told before its worker has said that it's done, and may ask at that very moment.
#[test]
fn whoever_is_told_finds_it_done() {
    let ways: [fn(&Job<()>) -> bool; 4] = [
        |job| wait_any([job]).block() == 0 && job.is_done(),
        |job| as_completed([job]).next().is_some() && job.is_done(),
        |job| {
            wait_any([job]).block();
            job.result().timeout(Duration::ZERO).block().is_ok()
        },
        |job| {
            let is_done = Arc::new(AtomicBool::new(false));
            let tells = is_done.clone();
            job.on_done(move |job| tells.store(job.is_done(), SeqCst));
            is_done.load(SeqCst)
        },
    ];
    watched(move || {
        for asks in ways {
            let pool = ThreadPool::new(1);
            let occupied = Occupied::new(&pool);
            let job = pool.submit(|| ()).unwrap();
            let ((tells, told), asked) = (mpsc::channel(), job.clone());
            let asks = waker(move || tells.send(asks(&asked)).unwrap());
            let mut completed = as_completed([&job]);
            let mut next = futures::StreamExt::next(&mut completed);
            assert!(poll_with(&asks, &mut next).is_pending());
            drop(occupied);
            assert_eq!(told.recv(), Ok(true));
        }
    });
}

/// Many jobs have ended, and the last one has not: to look at all of them again for each one would take a time that grows
/// with the square of their number.
#[test]
fn wait_all_looks_at_each_job_a_few_times() {
    watched(|| {
        const FEW: usize = 1000;
        const TIMES: usize = 16;
        let pool = ThreadPool::new(1);
        let mut jobs: Vec<_> = (0..FEW * TIMES)
            .map(|_| pool.submit(|| ()).unwrap())
            .collect();
        wait_all(&jobs).block();
        let occupied = Occupied::new(&pool);
        jobs.push(occupied.job.clone());
        let takes = |count: usize| {
            let wait = wait_all(&jobs[jobs.len() - count..]).timeout(Duration::ZERO);
            let start = Instant::now();
            assert!(wait.block().is_err());
            start.elapsed()
        };
        // The machine has other things to do, too, so the quickest of several counts.
        let few = (0..20).map(|_| takes(FEW)).min().unwrap();
        // It should be 16 times as much, and would be 256 times.
        let mut many = (0..20).map(|_| takes(FEW * TIMES));
        assert!(many.any(|time| time < few * 64), "much more than {few:?}");
    });
}

/// There is nothing to wait for, not even a first job to look at.
#[test]
fn wait_all_of_no_jobs_is_over_at_once() {
    watched(|| {
        let none: [Job<()>; 0] = [];
        assert_eq!(wait_all(&none).or(pending::<()>()).block(), Ok(()));
        let timed = wait_all(&none).timeout(Duration::ZERO);
        assert_eq!(timed.or(pending::<()>()).block(), Ok(Ok(())));
        amphi::block_on(wait_all(&none));
        assert!(as_completed(&none).next().is_none());
    });
}

/// The last handle goes with a waker that panics, so the result is dropped by the worker, and that panics as well.
#[test]
fn a_result_that_panics_after_a_waker() {
    struct DropsWhenWoken(Mutex<Option<Box<dyn Send>>>);
    impl Wake for DropsWhenWoken {
        fn wake(self: Arc<Self>) {
            let held = self.0.lock().unwrap().take();
            drop(held);
            panic!("in the waker");
        }
    }
    watched(|| {
        let pool = ThreadPool::new(1);
        let go_on = Arc::new(Event::new());
        let waits = go_on.clone();
        let job = pool.submit(move || {
            waits.wait().block();
            PanicsWhenDropped
        });
        let drops = Arc::new(DropsWhenWoken(Mutex::new(None)));
        let mut result = Box::new(job.unwrap().result());
        assert!(poll_with(&Waker::from(drops.clone()), &mut result).is_pending());
        *drops.0.lock().unwrap() = Some(result);
        go_on.set();
        assert!(pool.submit(|| ()).unwrap().result().block().is_ok());
    });
}

/// Waits until all workers are free: then as many jobs as there are workers need no more of them.
fn until_all_are_free(pool: &ThreadPool, name_prefix: &str) {
    let workers = || {
        let threads = amphi::thread::enumerate();
        let names = threads.iter().filter_map(|thread| thread.name());
        names.filter(|name| name.starts_with(name_prefix)).count()
    };
    let mut kept = Vec::new();
    loop {
        let before = workers();
        assert!(before < 200, "some are never free");
        let go_on = Arc::new(Event::new());
        let jobs: Vec<_> = (0..before)
            .map(|_| {
                let waits = go_on.clone();
                pool.submit(move || waits.wait().block()).unwrap()
            })
            .collect();
        let after = workers();
        go_on.set();
        wait_all(&jobs).block();
        // Their results are not left to the workers.
        kept.extend(jobs);
        if after == before {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A worker has called the callbacks, has dropped a result that nobody wants, be it with a panic, or has found a job cancelled: it is
/// free for the next one.
#[test]
fn a_worker_is_free_in_the_end() {
    let begun = |result: fn()| {
        move |pool: &ThreadPool| {
            let go_on = Arc::new(Event::new());
            let waits = go_on.clone();
            let job = pool.submit(move || {
                waits.wait().block();
                OnDrop(result)
            });
            (job.unwrap(), go_on)
        }
    };
    watched(move || {
        let case = |name_prefix: &str, job: &dyn Fn(&ThreadPool)| {
            let builder = ThreadPool::builder().workers(1000);
            let pool = builder.name_prefix(name_prefix).build();
            (0..4).for_each(|_| job(&pool));
            until_all_are_free(&pool, name_prefix);
        };
        case("calls back", &|pool| {
            let (job, go_on) = begun(|| ())(pool);
            job.on_done(|_| ());
            go_on.set();
        });
        case("drops", &|pool| {
            let (job, go_on) = begun(|| ())(pool);
            drop(job);
            go_on.set();
        });
        case("drops and panics", &|pool| {
            let (job, go_on) = begun(|| panic!("in the drop"))(pool);
            drop(job);
            go_on.set();
        });
        // If that is not quick enough it shows nothing.
        case("cancelled", &|pool| {
            _ = pool.submit(|| ()).unwrap().cancel()
        });
    });
}

/// A worker that drops a result is busy again, and somebody has counted on it already: there is another one for that.
#[test]
fn another_worker_while_a_result_is_dropped() {
    static DROPPED: Event = Event::new();
    watched(|| {
        let pool = Arc::new(ThreadPool::new(2));
        let go_on = Arc::new(Event::new());
        let waits = go_on.clone();
        let job = pool.submit(move || {
            waits.wait().block();
            OnDrop(|| DROPPED.wait().block())
        });
        let mut result = Box::new(job.unwrap().result());
        let (held, submits) = (Arc::new(Mutex::new(None)), pool.clone());
        let holds = held.clone();
        // The worker counts as free when it wakes others, and the last handle goes.
        let waker = waker(move || {
            drop(submits.submit(|| DROPPED.set()).unwrap());
            drop(holds.lock().unwrap().take());
        });
        assert!(poll_with(&waker, &mut result).is_pending());
        *held.lock().unwrap() = Some(result);
        go_on.set();
        DROPPED.wait().block();
    });
}

/// A panic's payload that panics when it is dropped, whatever else panics.
struct Payload;

impl Drop for Payload {
    fn drop(&mut self) {
        panic!("in the payload's drop");
    }
}

/// Those who watch a job have wakers that panic, with payloads that panic in their turn: the last one hears of the end.
#[test]
fn payloads_of_wakers_that_panic() {
    watched(|| {
        let pool = ThreadPool::new(1);
        let _occupied = Occupied::new(&pool);
        let job = pool.submit(|| ()).unwrap();
        let throws = waker(|| std::panic::panic_any(Payload));
        let (mut waits, hand) = ([(); 3].map(|()| wait_any([&job])), Hand::new());
        let [first, second, last] = &mut waits;
        assert!(poll_with(&throws, first).is_pending());
        assert!(poll_with(&throws, second).is_pending());
        assert!(hand.poll(last).is_pending());
        let thrown = catch_unwind(AssertUnwindSafe(|| job.cancel()));
        std::mem::forget(thrown.unwrap_err());
        assert_eq!(hand.woken(), 1);
    });
}

/// Two wakers panic when a job is cancelled: the first panic goes on.
#[test]
fn two_wakers_panic() {
    watched(|| {
        let pool = ThreadPool::new(1);
        let _occupied = Occupied::new(&pool);
        let job = pool.submit(|| ()).unwrap();
        let mut waits = [(); 2].map(|()| wait_any([&job]));
        for (wait, message) in waits.iter_mut().zip(["first", "second"]) {
            let throws = waker(move || std::panic::panic_any(message));
            assert!(poll_with(&throws, wait).is_pending());
        }
        let thrown = catch_unwind(AssertUnwindSafe(|| job.cancel()));
        assert_eq!(thrown.unwrap_err().downcast_ref(), Some(&"first"));
    });
}

/// A callback panics, with a payload that panics in its turn: the next one is called.
#[test]
fn a_payload_of_a_callback_that_panics() {
    watched(|| {
        let pool = ThreadPool::new(1);
        let occupied = Occupied::new(&pool);
        let job = pool.submit(|| ()).unwrap();
        let (sender, called) = mpsc::channel();
        job.on_done(|_| std::panic::panic_any(Payload));
        job.on_done(move |_| sender.send(()).unwrap());
        drop(occupied);
        called.recv().unwrap();
    });
}

/// A job is cancelled amid a panic, and a waker panics in that: the first panic goes on.
#[test]
fn cancelled_amid_a_panic() {
    struct Cancels(Job<()>);
    impl Drop for Cancels {
        fn drop(&mut self) {
            assert!(self.0.cancel());
        }
    }
    watched(|| {
        let pool = ThreadPool::new(1);
        let _occupied = Occupied::new(&pool);
        let job = pool.submit(|| ()).unwrap();
        let mut result = job.result();
        let throws = waker(|| std::panic::panic_any(Payload));
        assert!(poll_with(&throws, &mut result).is_pending());
        let cancels = Cancels(job.clone());
        let panic = catch_unwind(AssertUnwindSafe(move || {
            let _cancels = cancels;
            panic!("the first");
        }));
        assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"the first"));
        assert!(job.is_cancelled());
    });
}

/// The time of those who wait for an end is up: nobody wakes them when it comes.
#[test]
fn whose_time_is_up_is_in_no_list() {
    watched(|| {
        let (pool, hand) = (ThreadPool::new(1), Hand::new());
        let occupied = Occupied::new(&pool);
        let job = pool.submit(|| ()).unwrap();
        let now = Duration::ZERO;
        let (mut result, mut any) = (job.result().timeout(now), wait_any([&job]).timeout(now));
        let (mut all, mut shutdown) = (wait_all([&job]).timeout(now), pool.shutdown().timeout(now));
        let waits = occupied.go_on.clone();
        let mut thread = amphi::thread::spawn(move || waits.wait().block());
        let mut joined = thread.join().timeout(now);
        assert!(hand.poll(&mut result).is_ready());
        assert!(hand.poll(&mut any).is_ready());
        assert!(hand.poll(&mut all).is_ready());
        assert!(hand.poll(&mut shutdown).is_ready());
        assert!(hand.poll(&mut joined).is_ready());
        drop(occupied);
        job.result().block().unwrap();
        pool.shutdown().block();
        drop(joined);
        thread.join().block().unwrap();
        assert_eq!(hand.woken(), 0);
        drop((result, any, all, shutdown));
    });
}
