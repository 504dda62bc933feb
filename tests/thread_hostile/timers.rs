//! Timers where no further thread can be started, or none is free.

use super::*;
use amphi::Timer;

/// All threads that run timers' functions are taken: one that has a thread of its own would have to wait for them.
#[test]
fn a_timer_with_a_thread_of_its_own_needs_no_other() {
    alone(
        "timers::a_timer_with_a_thread_of_its_own_needs_no_other",
        || {
            static BEGUN: AtomicUsize = AtomicUsize::new(0);
            static GO_ON: Event = Event::new();
            const ALL: usize = 500;
            for _ in 0..ALL {
                let blocks = || {
                    BEGUN.fetch_add(1, SeqCst);
                    GO_ON.wait().block();
                };
                Timer::after(Duration::ZERO, blocks).start();
            }
            until(|| BEGUN.load(SeqCst) == ALL);
            let own = Timer::after(Duration::ZERO, || GO_ON.set()).with_name("own");
            own.start();
            own.finished().block();
        },
    );
}

/// No thread can be started for a while.
#[cfg(target_os = "linux")]
mod limited {
    use super::*;
    use crate::limited::{NoThreads, limited};
    use std::sync::Barrier;

    /// How many threads wait for timers or run their functions.
    fn threads_of_timers() -> usize {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks.filter_map(|task| {
            // A thread may have ended meanwhile.
            std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
        });
        names
            .filter(|name| name.trim_end() == "timers" || name.starts_with("timer-"))
            .count()
    }

    /// The function returns when no thread waits for timers any more, and none can be started for that: it would never be
    /// run again, not even when there are threads again.
    #[test]
    fn a_repeating_timer_goes_on() {
        limited("timers::limited::a_repeating_timer_goes_on", || {
            static BEATS: AtomicUsize = AtomicUsize::new(0);
            static GO_ON: Event = Event::new();
            let beats = || {
                if BEATS.fetch_add(1, SeqCst) == 0 {
                    GO_ON.wait().block();
                }
            };
            let timer = Timer::every(Duration::from_millis(1), beats).with_name("own");
            timer.start();
            until(|| BEATS.load(SeqCst) == 1 && threads_of_timers() == 0);
            let no_threads = NoThreads::new();
            GO_ON.set();
            until(|| BEATS.load(SeqCst) > 3);
            drop(no_threads);
            let beats = BEATS.load(SeqCst);
            until(|| BEATS.load(SeqCst) > beats + 3);
            assert!(timer.cancel());
            timer.finished().block();
        });
    }

    /// There is a thread that waits for timers, and no other to run a function: that would never be run, if the one that waits
    /// counted as somebody who will come to it.
    #[test]
    fn what_is_due_does_not_wait_behind_the_one_that_waits_for_timers() {
        limited(
            "timers::limited::what_is_due_does_not_wait_behind_the_one_that_waits_for_timers",
            || {
                let far = Timer::after(Duration::from_secs(3600), || ());
                far.start();
                let no_threads = NoThreads::new();
                let near = Timer::after(Duration::from_millis(1), || ());
                near.start();
                near.finished().block();
                drop(no_threads);
                assert!(far.cancel());
            },
        );
    }

    /// The same where one of the threads that run functions has to wait for timers: what it hands to these nobody comes to as
    /// long as it waits.
    #[test]
    fn what_is_due_does_not_wait_behind_a_worker_that_waits_for_timers() {
        limited(
            "timers::limited::what_is_due_does_not_wait_behind_a_worker_that_waits_for_timers",
            || {
                static BEATS: AtomicUsize = AtomicUsize::new(0);
                static GO_ON: Event = Event::new();
                let beats = || {
                    if BEATS.fetch_add(1, SeqCst) == 0 {
                        GO_ON.wait().block();
                    }
                };
                let timer = Timer::every(Duration::from_millis(1), beats);
                timer.start();
                until(|| BEATS.load(SeqCst) == 1 && threads_of_timers() == 1);
                let no_threads = NoThreads::new();
                GO_ON.set();
                let far = Timer::after(Duration::from_secs(3600), || ());
                std::panic::set_hook(Box::new(|_| {}));
                until(|| catch_unwind(AssertUnwindSafe(|| far.start())).is_ok());
                drop(std::panic::take_hook());
                until(|| BEATS.load(SeqCst) > 3);
                drop(no_threads);
                let beats = BEATS.load(SeqCst);
                until(|| BEATS.load(SeqCst) > beats + 3);
                assert!(timer.cancel() && far.cancel());
                timer.finished().block();
            },
        );
    }

    /// Two timers are started at the same time, and there is no thread to wait for them: one start would rely on the other,
    /// which fails, and its timer would be lost.
    #[test]
    fn no_start_relies_on_another_that_fails() {
        limited(
            "timers::limited::no_start_relies_on_another_that_fails",
            || {
                // Thousands of panics have nothing to say.
                std::panic::set_hook(Box::new(|_| {}));
                let both = Barrier::new(2);
                let starts = || {
                    both.wait();
                    let timers =
                        (0..STARTS).map(|_| Timer::after(Duration::from_secs(3600), || ()));
                    timers
                        .filter(|timer| catch_unwind(AssertUnwindSafe(|| timer.start())).is_ok())
                        .count()
                };
                let (started, others) = std::thread::scope(|scope| {
                    let others = scope.spawn(starts);
                    let _no_threads = NoThreads::new();
                    (starts(), others.join().unwrap())
                });
                drop(std::panic::take_hook());
                assert_eq!(started + others, 0, "nobody waits for it");
            },
        );
    }

    const STARTS: usize = 1000;
}
