//! Timers: each runs exactly once or never, and whoever cancels is told which; whoever waits for the end hears of it, and the
//! thread that waits for all of them goes and comes again.

use super::{Party, Patience, SOON, join, model, task, thread};
use amphi::{Event, ThreadPool, Timer};
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use std::panic::resume_unwind;
use std::time::Duration;

const EXECUTIONS: usize = 6_000;

/// In a model that is as good as never.
const HOUR: Duration = Duration::from_secs(3600);

/// How often a function has run.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// A timer whose function counts.
    fn timer(&self, interval: Duration) -> Timer {
        let count = self.clone();
        Timer::after(interval, move || count.add())
    }
}

fn some_time() -> Duration {
    Duration::from_millis(thread_rng().gen_range(0..6))
}

/// A thread and a task that cancel.
fn cancels(timer: &Arc<Timer>) -> [Party<bool>; 2] {
    [
        thread(timer, |timer| timer.cancel()),
        task(timer, async |timer| timer.cancel()),
    ]
}

/// Two start it and two cancel it.
#[test]
fn start_against_cancel() {
    model(EXECUTIONS, || {
        let count = Count::default();
        let timer = Arc::new(count.timer(some_time()));
        let starts = [
            thread(&timer, |timer| timer.start()),
            task(&timer, async |timer| timer.start()),
        ];
        let cancelled = join(cancels(&timer));
        join(starts);
        timer.finished().block();
        assert!(!timer.is_alive());
        assert_eq!(cancelled, [count.get() == 0; 2]);
        assert_eq!(timer.cancel(), count.get() == 0);
    });
}

/// It's due at any moment while two cancel it, and three wait.
#[test]
fn cancel_against_fire() {
    model(EXECUTIONS, || {
        let count = Count::default();
        let timer = Arc::new(count.timer(some_time()));
        timer.start();
        let waits = [
            thread(&timer, |timer| timer.finished().block()),
            task(&timer, async |timer| timer.finished().await),
            task(&timer, async |timer| {
                let _ = timer.finished().or(Patience::some()).await;
            }),
        ];
        let cancelled = join(cancels(&timer));
        join(waits);
        assert_eq!(cancelled, [count.get() == 0; 2]);
        assert!(count.get() <= 1);
    });
}

/// All who wait hear of the end, when the function has run.
#[test]
fn finished_by_several() {
    model(EXECUTIONS, || {
        let count = Count::default();
        let timer = Arc::new(count.timer(some_time()));
        let shared = Arc::new((timer.clone(), count.clone()));
        let waits = [
            thread(&shared, |shared| {
                shared.0.finished().block();
                assert_eq!(shared.1.get(), 1);
            }),
            task(&shared, async |shared| {
                shared.0.finished().await;
                assert_eq!(shared.1.get(), 1);
            }),
            thread(&shared, |shared| {
                let in_time = shared.0.finished().timeout(SOON).block();
                assert!(in_time.is_err() || shared.1.get() == 1);
            }),
        ];
        timer.start();
        // The timer goes on without a handle.
        drop(timer);
        join(waits);
    });
}

/// The thread that waits for the timers sleeps until one that is never due, and others are added that are.
#[test]
fn an_earlier_one_while_it_sleeps() {
    model(EXECUTIONS, || {
        let count = Count::default();
        let never = count.timer(HOUR);
        never.start();
        let starts = |shared: &Count| {
            let timer = shared.timer(some_time());
            timer.start();
            timer.finished().block();
        };
        let shared = Arc::new(count.clone());
        let parties = [thread(&shared, starts), thread(&shared, starts)];
        join(parties);
        assert_eq!(count.get(), 2);
        // Nothing is left to wait for, so that thread need not sleep for an hour.
        assert!(never.cancel());
    });
}

/// Many with equal times and others, of which some are cancelled.
#[test]
fn many() {
    model(EXECUTIONS, || {
        let timers: Vec<_> = (0..6)
            .map(|number| {
                let count = Count::default();
                let time = if number % 2 == 0 { SOON } else { some_time() };
                (count.timer(time), count)
            })
            .collect();
        let timers = Arc::new(timers);
        let starts = |from: usize| {
            move |timers: &Vec<(Timer, Count)>| {
                timers[from..from + 3].iter().for_each(|it| it.0.start());
                0
            }
        };
        let cancels = |timers: &Vec<(Timer, Count)>| {
            let some = timers.iter().filter(|_| thread_rng().gen_bool(0.5));
            some.filter(|it| it.0.cancel()).count()
        };
        let parties = [
            thread(&timers, starts(0)),
            thread(&timers, starts(3)),
            thread(&timers, cancels),
        ];
        let [.., cancelled] = join(parties);
        timers.iter().for_each(|it| it.0.finished().block());
        let run = timers.iter().filter(|it| it.1.get() == 1).count();
        assert_eq!(run + cancelled, 6);
        for (timer, count) in &*timers {
            assert_eq!(timer.cancel(), count.get() == 0);
        }
    });
}

/// A function that starts a timer, one that cancels one, and one that panics.
#[test]
fn functions_that_meddle() {
    model(EXECUTIONS, || {
        let count = Count::default();
        let started = count.timer(some_time());
        let cancelled = count.timer(some_time());
        let (starts, cancels) = (started.clone(), cancelled.clone());
        let answer = Count::default();
        let answers = answer.clone();
        let timers = [
            Timer::after(some_time(), move || starts.start()),
            Timer::after(some_time(), move || {
                if cancels.cancel() {
                    answers.add();
                }
            }),
            // Without a word of the panic hook.
            Timer::after(some_time(), || resume_unwind(Box::new("no"))),
        ];
        timers.iter().for_each(Timer::start);
        cancelled.start();
        timers.iter().for_each(|timer| timer.finished().block());
        started.finished().block();
        cancelled.finished().block();
        assert_eq!(count.get() + answer.get(), 2);
        assert!(timers.iter().all(|timer| !timer.cancel()));
    });
}

/// One that repeats is run no more when it has finished, whoever cancels it: others, or itself.
#[test]
fn again_and_again() {
    model(EXECUTIONS, || {
        let count = Count::default();
        let itself = Arc::new(std::sync::OnceLock::<Timer>::new());
        let timer = {
            let (count, itself) = (count.clone(), itself.clone());
            Timer::every(Duration::from_millis(1), move || {
                count.add();
                if count.get() == 3 {
                    assert!(itself.get().unwrap().cancel());
                }
            })
        };
        itself.set(timer.clone()).unwrap();
        timer.start();
        let shared = Arc::new(timer);
        let gives_up = task(&shared, async |timer| {
            if timer.finished().or(Patience::some()).await.is_err() {
                assert!(timer.cancel());
            }
        });
        shared.finished().block();
        let run = count.get();
        assert!(run <= 3 && !shared.is_alive());
        gives_up.join();
        assert!(shared.cancel());
        assert_eq!(count.get(), run);
    });
}

/// One that repeats and panics is run no more.
#[test]
fn again_until_it_panics() {
    model(EXECUTIONS, || {
        let count = Count::default();
        let counts = count.clone();
        let timer = Timer::every(Duration::from_millis(1), move || {
            counts.add();
            if counts.get() == 2 {
                resume_unwind(Box::new("no"));
            }
        });
        timer.start();
        let timer = Arc::new(timer);
        let cancelled = task(&timer, async |timer| {
            let _ = timer.finished().or(Patience::some()).await;
            timer.cancel()
        });
        timer.finished().block();
        assert_eq!(cancelled.join(), timer.cancel());
        assert!(count.get() <= 2);
    });
}

/// The thread that waits for the timers ends when there has been none for a while, and the next timer starts it again.
#[test]
fn keeper_ends_against_start() {
    model(EXECUTIONS, || {
        let count = Count::default();
        for _ in 0..2 {
            let shared = Arc::new(count.clone());
            let starts = |count: &Count| {
                // About as long as it stays.
                let while_it_stays = Event::new();
                let _ = while_it_stays
                    .wait()
                    .timeout(Duration::from_secs(1))
                    .block();
                let timer = count.timer(some_time());
                timer.start();
                timer.finished().block();
            };
            let timer = count.timer(Duration::ZERO);
            timer.start();
            let parties = [thread(&shared, starts), thread(&shared, starts)];
            timer.finished().block();
            join(parties);
        }
        assert_eq!(count.get(), 6);
    });
}

/// Those with a name have a thread of their own.
#[test]
fn named() {
    model(EXECUTIONS, || {
        let count = Count::default();
        let counts = count.clone();
        let timer = Timer::after(some_time(), move || {
            assert_eq!(amphi::thread::current().name(), Some("alarm"));
            counts.add();
        });
        let timer = Arc::new(timer.with_name("alarm"));
        timer.start();
        let cancelled = join(cancels(&timer));
        timer.finished().block();
        assert_eq!(cancelled, [count.get() == 0; 2]);
    });
}

/// The time of a `Map` is up at any moment: each item has a result or none, and what had not begun by then is not run.
#[test]
fn timeout_of_a_map() {
    model(EXECUTIONS, || {
        let pool = ThreadPool::new(2);
        let count = Count::default();
        let counts = count.clone();
        let squares = pool.map(1..=4, move |number: usize| {
            counts.add();
            number * number
        });
        let mut in_time = 0;
        let results = squares.unwrap().timeout(some_time());
        assert_eq!(results.len(), 4);
        for (index, result) in results.enumerate() {
            match result {
                Ok(square) => {
                    assert_eq!(square, (index + 1) * (index + 1));
                    in_time += 1;
                }
                Err(error) => assert!(matches!(error, amphi::JobError::TimedOut)),
            }
        }
        pool.shutdown().block();
        assert!((in_time..=4).contains(&count.get()));
    });
}

/// The same where one job never ends before the others are given up.
#[test]
fn timeout_of_a_map_behind_one_that_blocks() {
    model(EXECUTIONS, || {
        let pool = ThreadPool::new(1);
        let go_on = Arc::new(Event::new());
        let waits = go_on.clone();
        let count = Count::default();
        let counts = count.clone();
        let results = pool.map(0..3, move |_| {
            waits.wait().block();
            counts.add();
        });
        let results: Vec<_> = results.unwrap().timeout(SOON).collect();
        assert!(results.iter().all(Result::is_err));
        go_on.set();
        pool.shutdown().block();
        // The others had not begun.
        assert!(count.get() <= 1);
    });
}
