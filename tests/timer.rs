//! Timers: what runs later, what runs again and again, and what does not run.

mod worlds;

use amphi::{Event, Semaphore, TimedOut, Timer, thread};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::task::{Poll, Wake, Waker};
use std::time::{Duration, Instant};
use worlds::{Gate, Hand, On, World, poll_with, watched, worlds};

const SOON: Duration = Duration::from_millis(5);
const LATE: Duration = Duration::from_secs(3600);

/// A function that counts its calls.
fn counter() -> (Arc<AtomicUsize>, impl Fn() + Send + 'static) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counts = calls.clone();
    (calls, move || drop(counts.fetch_add(1, SeqCst).to_string()))
}

worlds! {
    /// It runs once, not before its time, and whoever waits for its end is released then.
    async fn fires(world: World) {
        let (calls, counts) = counter();
        let timer = Timer::after(SOON, counts);
        assert!(!timer.is_alive());
        assert_eq!((timer.interval(), timer.name()), (SOON, None));
        let parties: Vec<_> = (0..4)
            .map(|_| {
                let timer = timer.clone();
                world.spawn(move |world| async move { timer.finished().on(world).await })
            })
            .collect();
        world.yield_now().await;
        let start = Instant::now();
        timer.start();
        for party in parties {
            party.join().await;
        }
        assert!(start.elapsed() >= SOON);
        assert_eq!(calls.load(SeqCst), 1);
        assert!(!timer.is_alive() && !timer.cancel() && !timer.cancel());
        timer.start();
        assert!(!timer.is_alive());
        timer.finished().on(world).await;
        assert_eq!(timer.finished().timeout(Duration::ZERO).on(world).await, Ok(()));
        assert_eq!(calls.load(SeqCst), 1);
    }

    /// What happened before the start is seen by the function, and what it did by whoever has waited for it.
    async fn hands_on(world: World) {
        use std::sync::atomic::Ordering::Relaxed;
        for round in 1..20 {
            let data = Arc::new(AtomicUsize::new(0));
            let shared = data.clone();
            let timer = Timer::after(Duration::ZERO, move || shared.store(shared.load(Relaxed) * 2, Relaxed));
            data.store(round, Relaxed);
            timer.start();
            timer.finished().on(world).await;
            assert_eq!(data.load(Relaxed), round * 2);
        }
    }

    /// Cancelled in time, be it before the start, it never runs, and its function is dropped.
    async fn cancels(world: World) {
        for started in [false, true] {
            for repeats in [false, true] {
                let held = Arc::new(());
                let holds = held.clone();
                let never = move || panic!("it was cancelled: {holds:?}");
                let interval = if started { LATE } else { SOON };
                let timer = match repeats {
                    true => Timer::every(interval, never),
                    false => Timer::after(interval, never),
                };
                if started {
                    timer.start();
                    assert!(timer.is_alive());
                }
                assert_eq!(timer.finished().timeout(Duration::ZERO).on(world).await, Err(TimedOut));
                let party = {
                    let timer = timer.clone();
                    world.spawn(move |world| async move { timer.finished().on(world).await })
                };
                world.yield_now().await;
                assert!(timer.cancel() && timer.cancel() && timer.clone().cancel());
                assert!(!timer.is_alive());
                assert_eq!(Arc::strong_count(&held), 1);
                party.join().await;
                timer.start();
                assert!(!timer.is_alive(), "it can't be started any more");
                let later = Timer::after(SOON * 2, || ());
                later.start();
                later.finished().on(world).await;
            }
        }
    }

    /// It runs or it is cancelled, and never both, and what `cancel` says is so.
    async fn cancel_races_fire(world: World) {
        let (mut ran, rounds) = (0, 300);
        for round in 0..rounds {
            let (calls, counts) = counter();
            let interval = Duration::from_micros(round % 100);
            let timer = Timer::after(interval, counts);
            let start = Instant::now();
            timer.start();
            // It is due, and a thread is about to run it.
            while start.elapsed() < interval + Duration::from_micros(round % 150) {
                std::hint::spin_loop();
            }
            let parties: Vec<_> = (0..2)
                .map(|_| {
                    let timer = timer.clone();
                    world.spawn(move |_| async move { timer.cancel() })
                })
                .collect();
            let mut says = vec![timer.cancel()];
            for party in parties {
                says.push(party.join().await);
            }
            timer.finished().on(world).await;
            // Whoever was about to run it has been past it by now.
            let later = Timer::after(Duration::ZERO, || ());
            later.start();
            later.finished().on(world).await;
            says.push(timer.cancel());
            assert!(says.iter().all(|said| *said == says[0]), "{says:?}");
            assert_eq!(calls.load(SeqCst), usize::from(!says[0]));
            ran += calls.load(SeqCst);
        }
        assert!(ran <= rounds as usize);
    }

    /// It runs again and again, on its beat, until it is cancelled, and then no more.
    async fn repeats(world: World) {
        let ticks = Arc::new(Semaphore::new(0));
        let (calls, counts) = counter();
        let ticked = ticks.clone();
        let timer = Timer::every(SOON, move || { counts(); ticked.release(1) });
        assert!(!timer.is_alive());
        let start = Instant::now();
        timer.start();
        timer.start();
        ticks.acquire_many(4).on(world).await.forget();
        assert!(start.elapsed() >= SOON * 4, "a beat came before its time");
        assert!(timer.is_alive());
        assert_eq!(timer.finished().timeout(Duration::ZERO).on(world).await, Err(TimedOut));
        assert!(timer.cancel() && timer.cancel());
        timer.finished().on(world).await;
        let until = calls.load(SeqCst);
        assert!(!timer.is_alive() && timer.cancel());
        let later = Timer::after(SOON * 3, || ());
        later.start();
        later.finished().on(world).await;
        assert_eq!(calls.load(SeqCst), until, "it ran after its end");
    }

    /// A function that takes longer than the interval runs once at a time, and leaves beats out.
    async fn repeats_long(world: World) {
        let interval = Duration::from_millis(10);
        let (side_by_side, starts) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (runs, notes) = (side_by_side.clone(), starts.clone());
        let begin = Instant::now();
        let timer = Timer::every(interval, move || {
            assert_eq!(runs.fetch_add(1, SeqCst), 0, "two at a time");
            notes.lock().unwrap().push(begin.elapsed());
            std::thread::sleep(interval + interval / 2);
            runs.fetch_sub(1, SeqCst);
        });
        timer.start();
        world.until(|| { std::thread::yield_now(); starts.lock().unwrap().len() >= 4 }).await;
        assert!(timer.cancel());
        timer.finished().on(world).await;
        assert_eq!(side_by_side.load(SeqCst), 0, "it has finished while it runs");
        for pair in starts.lock().unwrap().windows(2) {
            assert!(pair[1] - pair[0] >= interval + interval / 2);
        }
    }

    /// While the function runs it can be cancelled if it would run again, and ends when the function does.
    async fn cancels_while_it_runs(world: World) {
        for repeats in [false, true] {
            let gate = Gate::new();
            let (waits, begun) = (gate.waits(), Arc::new(Event::new()));
            let (tells, (calls, counts)) = (begun.clone(), counter());
            let function = move || { counts(); tells.set(); waits() };
            let timer = match repeats {
                true => Timer::every(Duration::from_millis(1), function),
                false => Timer::after(Duration::from_millis(1), function),
            };
            timer.start();
            begun.wait().on(world).await;
            assert!(timer.is_alive());
            assert_eq!((timer.cancel(), timer.cancel()), (repeats, repeats));
            assert!(timer.is_alive(), "its function runs yet");
            assert_eq!(timer.finished().timeout(Duration::from_millis(3)).on(world).await, Err(TimedOut));
            gate.open();
            timer.finished().on(world).await;
            assert_eq!((timer.cancel(), timer.is_alive(), calls.load(SeqCst)), (repeats, false, 1));
        }
    }

    /// The function may cancel its own timer: too late if it runs once only.
    async fn cancels_itself(world: World) {
        for repeats in [false, true] {
            let own = Arc::new(OnceLock::<Timer>::new());
            let (cancels, said) = (own.clone(), Arc::new(Mutex::new(Vec::new())));
            let says = said.clone();
            let function = move || {
                let timer = cancels.get().unwrap();
                timer.start();
                says.lock().unwrap().push((timer.cancel(), timer.is_alive()));
            };
            let timer = match repeats {
                true => Timer::every(Duration::from_millis(1), function),
                false => Timer::after(Duration::from_millis(1), function),
            };
            own.set(timer.clone()).unwrap();
            timer.start();
            timer.finished().on(world).await;
            assert_eq!(*said.lock().unwrap(), [(repeats, true)]);
            assert_eq!(timer.cancel(), repeats);
        }
    }

    /// A panic ends a timer, be it one that repeats, and harms no other.
    async fn panics(world: World) {
        let once = Timer::after(Duration::ZERO, || panic!("once"));
        let (calls, counts) = counter();
        let repeats = Timer::every(Duration::from_millis(1), move || {
            counts();
            assert!(calls.load(SeqCst) < 3, "the third time");
        });
        let named = Timer::after(Duration::ZERO, || panic!("named")).with_name("panics");
        for timer in [&once, &repeats, &named] {
            timer.start();
        }
        for timer in [&once, &repeats, &named] {
            timer.finished().on(world).await;
            assert!(!timer.is_alive() && !timer.cancel());
        }
    }

    /// One that is cancelled while its function runs stays cancelled if that panics.
    async fn cancelled_and_panics(world: World) {
        let gate = Gate::new();
        let (waits, begun) = (gate.waits(), Arc::new(Event::new()));
        let tells = begun.clone();
        let timer = Timer::every(Duration::from_millis(1), move || { tells.set(); waits(); panic!("in the end") });
        timer.start();
        begun.wait().on(world).await;
        assert!(timer.cancel());
        gate.open();
        timer.finished().on(world).await;
        assert!(timer.cancel() && !timer.is_alive());
    }

    /// Functions that block delay no other timer, nor a shorter one that is started later than a longer one.
    async fn delays_no_other(world: World) {
        let gate = Gate::new();
        let blocked: Vec<_> = (0..20).map(|_| Timer::after(Duration::ZERO, gate.waits())).collect();
        blocked.iter().for_each(Timer::start);
        let late = Timer::after(LATE, || panic!("too early"));
        late.start();
        for _ in 0..5 {
            let timer = Timer::after(Duration::from_millis(1), || ());
            timer.start();
            timer.finished().on(world).await;
        }
        assert!(blocked.iter().all(Timer::is_alive));
        assert!(late.is_alive() && late.cancel());
        gate.open();
        for timer in blocked {
            timer.finished().on(world).await;
        }
    }

    /// Those that are due first run first, in whichever order they are started.
    async fn in_the_order_of_time(world: World) {
        let order = Arc::new(Mutex::new(Vec::new()));
        let begin = Instant::now();
        let timers: Vec<_> = [30, 10, 20, 0]
            .map(|millis| {
                let order = order.clone();
                Timer::after(Duration::from_millis(millis), move || order.lock().unwrap().push((millis, begin.elapsed())))
            })
            .into();
        timers.iter().for_each(Timer::start);
        for timer in timers {
            timer.finished().on(world).await;
        }
        for (millis, elapsed) in order.lock().unwrap().iter() {
            assert!(*elapsed >= Duration::from_millis(*millis));
        }
    }

    /// A name gives it a thread of that name; the handle and the others know it.
    async fn named(world: World) {
        let (tells, told) = mpsc::channel();
        let timer = Timer::after(Duration::ZERO, move || tells.send(thread::current()).unwrap()).with_name("alarm");
        assert_eq!(timer.name(), Some("alarm"));
        assert!(format!("{timer:?}").contains("name: Some(\"alarm\")"));
        timer.start();
        timer.finished().on(world).await;
        let ran_on = told.recv().unwrap();
        assert_eq!(ran_on.name(), Some("alarm"));
        assert!(ran_on.is_daemon());
        ran_on.finished().on(world).await;
        let ticks = Arc::new(Semaphore::new(0));
        let (ticked, (tells, told)) = (ticks.clone(), mpsc::channel());
        let timer = Timer::every(Duration::from_millis(1), move || {
            let _ = tells.send(thread::current().name().map(str::to_string));
            ticked.release(1);
        }).with_name("beats");
        timer.start();
        ticks.acquire_many(3).on(world).await.forget();
        assert!(timer.cancel());
        timer.finished().on(world).await;
        assert!(told.iter().all(|name| name.as_deref() == Some("beats")));
    }

    /// One that is due beyond all time waits, and can be cancelled.
    async fn never(world: World) {
        for repeats in [false, true] {
            let timer = match repeats {
                true => Timer::every(Duration::MAX, || panic!("too early")),
                false => Timer::after(Duration::MAX, || panic!("too early")),
            };
            timer.start();
            assert!(timer.is_alive());
            assert_eq!(timer.finished().timeout(SOON).on(world).await, Err(TimedOut));
            assert!(timer.cancel() && !timer.is_alive());
            timer.finished().on(world).await;
        }
    }

    /// A function may start timers, and wait for them, and end the handles of its own.
    async fn starts_others(world: World) {
        fn chain(left: usize, end: Arc<Event>) -> Timer {
            Timer::after(Duration::from_millis(1), move || match left {
                0 => end.set(),
                _ => {
                    let next = chain(left - 1, end);
                    next.start();
                    next.finished().block();
                }
            })
        }
        let end = Arc::new(Event::new());
        chain(10, end.clone()).start();
        end.wait().on(world).await;
    }

    /// Without a handle it fires all the same.
    async fn without_a_handle(world: World) {
        let end = Arc::new(Event::new());
        let tells = end.clone();
        Timer::after(SOON, move || tells.set()).start();
        end.wait().on(world).await;
        // One that was not started is gone with its handle.
        let held = Arc::new(());
        let holds = held.clone();
        drop(Timer::after(SOON, move || drop(holds)));
        assert_eq!(Arc::strong_count(&held), 1);
    }

    /// The end drops what the function has captured.
    async fn drops_its_function(world: World) {
        for repeats in [false, true] {
            let (held, begun) = (Arc::new(()), Arc::new(Event::new()));
            let (holds, tells) = (held.clone(), begun.clone());
            let function = move || { let _ = &holds; tells.set() };
            let timer = match repeats {
                true => Timer::every(Duration::from_millis(1), function),
                false => Timer::after(Duration::from_millis(1), function),
            };
            timer.start();
            begun.wait().on(world).await;
            timer.cancel();
            timer.finished().on(world).await;
            assert_eq!(Arc::strong_count(&held), 1);
        }
    }
}

/// Nothing can be done all the time, and nothing named twice over.
#[test]
fn mistakes() {
    let message = |action: &dyn Fn()| {
        let payload = catch_unwind(AssertUnwindSafe(action)).expect_err("it does not panic");
        payload
            .downcast::<String>()
            .map(|text| *text)
            .unwrap_or_else(|payload| payload.downcast::<&str>().unwrap().to_string())
    };
    assert_eq!(
        message(&|| drop(Timer::every(Duration::ZERO, || ()))),
        "a timer's interval can't be zero"
    );
    assert_eq!(
        message(&|| drop(Timer::after(SOON, || ()).with_name("a\0b"))),
        "a thread's name can't contain a zero byte"
    );
    let too_late: [fn(&Timer) -> Option<Timer>; 3] = [
        |timer| Some(timer.clone()),
        // One that is never due has no other handle.
        |timer| {
            timer.start();
            None
        },
        |timer| {
            timer.cancel();
            None
        },
    ];
    for happens in too_late {
        let named = message(&|| {
            let timer = Timer::after(Duration::MAX, || ());
            let _other = happens(&timer);
            drop(timer.with_name("late"));
        });
        assert_eq!(
            named,
            "a timer can't be named once it has been cloned, started or cancelled"
        );
    }
}

/// `Debug` says how it stands with it.
#[test]
fn shows() {
    watched(|| {
        let gate = Gate::new();
        let (waits, begun) = (gate.waits(), Arc::new(Event::new()));
        let tells = begun.clone();
        let timer = Timer::after(Duration::from_millis(1), move || {
            tells.set();
            waits();
        });
        let shows = |timer: &Timer, phase: &str| {
            let shown = format!("{timer:?}");
            assert!(shown.ends_with(&format!("phase: {phase} }}")), "{shown}");
        };
        shows(&timer, "new");
        timer.start();
        begun.wait().block();
        shows(&timer, "running");
        gate.open();
        timer.finished().block();
        shows(&timer, "done");
        let timer = Timer::after(LATE, || ());
        timer.start();
        shows(&timer, "pending");
        assert!(timer.cancel());
        shows(&timer, "cancelled");
    });
}

/// Wakers and destructors of the caller's may panic, or use the timer that calls them.
#[test]
fn hostile_ends() {
    struct Uses(Timer, Arc<AtomicBool>);
    impl Wake for Uses {
        fn wake(self: Arc<Self>) {
            assert!(self.0.cancel() && !self.0.is_alive());
            self.0.start();
            self.0.finished().block();
            self.1.store(true, SeqCst);
            panic!("in the waker");
        }
    }
    struct Cancels(Arc<OnceLock<Timer>>);
    impl Drop for Cancels {
        fn drop(&mut self) {
            let timer = self.0.get().unwrap();
            assert!(timer.cancel() && !timer.is_alive());
        }
    }
    watched(|| {
        let own = Arc::new(OnceLock::new());
        let cancels = Cancels(own.clone());
        let timer = Timer::after(LATE, move || drop(cancels));
        own.set(timer.clone()).unwrap();
        timer.start();
        let used = Arc::new(AtomicBool::new(false));
        let waker = Waker::from(Arc::new(Uses(timer.clone(), used.clone())));
        let hand = Hand::new();
        let (mut first, mut second) = (timer.finished(), timer.finished());
        assert!(poll_with(&waker, &mut first).is_pending());
        assert!(hand.poll(&mut second).is_pending());
        let _ = catch_unwind(AssertUnwindSafe(|| timer.cancel()));
        assert!(timer.cancel() && used.load(SeqCst));
        assert_eq!((hand.woken(), hand.poll(&mut second)), (1, Poll::Ready(())));

        // On the thread that has run the function, which goes on for others.
        for repeats in [false, true] {
            struct Panics;
            impl Drop for Panics {
                fn drop(&mut self) {
                    panic!("in drop");
                }
            }
            struct WakePanics;
            impl Wake for WakePanics {
                fn wake(self: Arc<Self>) {
                    panic!("in the waker");
                }
            }
            let (panics, own) = (Panics, Arc::new(OnceLock::<Timer>::new()));
            let cancels = own.clone();
            let timer = match repeats {
                true => Timer::every(SOON, move || {
                    let _ = &panics;
                    cancels.get().unwrap().cancel();
                }),
                false => Timer::after(SOON, move || drop(panics)),
            };
            let _ = own.set(timer.clone());
            let (mut first, mut second) = (timer.finished(), timer.finished());
            let waker = Waker::from(Arc::new(WakePanics));
            assert!(poll_with(&waker, &mut first).is_pending());
            assert!(hand.poll(&mut second).is_pending());
            timer.start();
            second.block();
            let next = Timer::after(Duration::from_millis(1), || ());
            next.start();
            next.finished().block();
        }
    });
}

/// Started and cancelled by many at once, some of them due at the same moment, each runs once or was cancelled.
#[test]
fn many_at_once() {
    watched(|| {
        let (calls, _) = counter();
        let threads: Vec<_> = (0..4_u64)
            .map(|seed| {
                let calls = calls.clone();
                std::thread::spawn(move || {
                    let mut random = fastrand::Rng::with_seed(seed);
                    let (mut all, mut cancelled) = (Vec::new(), 0);
                    for _ in 0..2000 {
                        let counts = calls.clone();
                        let interval = Duration::from_micros(random.u64(0..3000));
                        let timer = Timer::after(interval, move || {
                            counts.fetch_add(1, SeqCst);
                        });
                        timer.start();
                        all.push(timer);
                        if random.bool() {
                            let index = random.usize(0..all.len());
                            cancelled += usize::from(all.swap_remove(index).cancel());
                        }
                    }
                    all.iter().for_each(|timer| timer.finished().block());
                    cancelled
                })
            })
            .collect();
        let cancelled: usize = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum();
        // Those whose handle said it was too late may still run.
        while calls.load(SeqCst) + cancelled < 8000 {
            std::thread::yield_now();
        }
        let last = Timer::after(SOON, || ());
        last.start();
        last.finished().block();
        assert_eq!(calls.load(SeqCst) + cancelled, 8000);
    });
}
