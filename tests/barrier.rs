//! `Barrier`.

mod worlds;

use amphi::{Barrier, BarrierError, Event};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::time::{Duration, Instant};
use worlds::{Hand, On, World, worlds};

const BROKEN: BarrierError = BarrierError::Broken;
const TIMED_OUT: BarrierError = BarrierError::TimedOut;

worlds! {
    /// Nobody goes on before all have arrived; each generation's indices are a permutation, with one leader.
    async fn generations(world: World) {
        const PARTIES: usize = 5;
        const GENERATIONS: usize = 200;
        struct Shared {
            barrier: Barrier,
            arrived: AtomicUsize,
            indices: Vec<AtomicUsize>,
            leaders: AtomicUsize,
        }
        let shared = Arc::new(Shared {
            barrier: Barrier::new(PARTIES),
            arrived: AtomicUsize::new(0),
            indices: (0..PARTIES).map(|_| AtomicUsize::new(0)).collect(),
            leaders: AtomicUsize::new(0),
        });
        let mut parties = Vec::new();
        for _ in 0..PARTIES {
            let shared = shared.clone();
            parties.push(world.spawn(move |world| async move {
                for generation in 1..=GENERATIONS {
                    shared.arrived.fetch_add(1, SeqCst);
                    let wait = shared.barrier.wait().on(world).await.unwrap();
                    let arrived = shared.arrived.load(SeqCst);
                    assert!(arrived >= generation * PARTIES, "{arrived} arrivals");
                    shared.indices[wait.index()].fetch_add(1, SeqCst);
                    shared.leaders.fetch_add(usize::from(wait.is_leader()), SeqCst);
                    // Before the next generation can end.
                    let times = shared.indices[wait.index()].load(SeqCst);
                    assert!(times == generation, "index {} {times} times", wait.index());
                }
            }));
        }
        for party in parties {
            party.join().await;
        }
        assert_eq!(shared.leaders.load(SeqCst), GENERATIONS);
        assert_eq!(shared.barrier.waiting(), 0);
    }

    /// One that has too little time breaks it for all; after a reset it serves again.
    async fn a_timeout_breaks_it(world: World) {
        let barrier = Arc::new(Barrier::new(3));
        let waits = barrier.clone();
        let other = world.spawn(move |world| async move { waits.wait().on(world).await });
        let seen = barrier.clone();
        world.until(move || seen.waiting() == 1).await;
        let start = Instant::now();
        let timeout = Duration::from_millis(10);
        assert_eq!(barrier.wait().timeout(timeout).on(world).await, Err(TIMED_OUT));
        assert!(start.elapsed() >= timeout);
        assert_eq!(other.join().await, Err(BROKEN));
        assert!(barrier.is_broken());
        assert_eq!(barrier.wait().on(world).await, Err(BROKEN));
        assert_eq!(barrier.wait().timeout(Duration::MAX).on(world).await, Err(BROKEN));
        barrier.reset();
        assert!(!barrier.is_broken());
        assert_eq!(barrier.wait().timeout(Duration::ZERO).on(world).await, Err(TIMED_OUT));
        assert_eq!(barrier.waiting(), 0);
    }

    /// The barrier's own timeout, which one that is asked for takes the place of.
    async fn the_barriers_own_timeout(world: World) {
        let timeout = Duration::from_millis(10);
        let barrier = Arc::new(Barrier::new(2).with_timeout(timeout));
        let start = Instant::now();
        assert_eq!(barrier.wait().on(world).await, Err(TIMED_OUT));
        assert!(start.elapsed() >= timeout);
        barrier.reset();
        let (waits, late) = (barrier.clone(), Arc::new(Event::new()));
        let sees = late.clone();
        let patient = world.spawn(move |world| async move {
            let wait = waits.wait().timeout(Duration::MAX);
            sees.set();
            wait.on(world).await
        });
        late.wait().on(world).await;
        let seen = barrier.clone();
        world.until(move || seen.waiting() == 1).await;
        world.sleep(timeout * 3).await;
        assert!(!barrier.is_broken());
        assert!(barrier.wait().on(world).await.is_ok());
        assert!(patient.join().await.is_ok());
    }

    /// `abort` and `reset` send those who wait away; only `reset` leaves a barrier that serves.
    async fn abort_and_reset(world: World) {
        let barrier = Arc::new(Barrier::new(3));
        for breaks in [Barrier::abort, Barrier::reset] {
            let mut parties = Vec::new();
            for _ in 0..2 {
                let waits = barrier.clone();
                parties.push(world.spawn(move |world| async move { waits.wait().on(world).await }));
            }
            let seen = barrier.clone();
            world.until(move || seen.waiting() == 2).await;
            breaks(&barrier);
            for party in parties {
                assert_eq!(party.join().await, Err(BROKEN));
            }
            assert_eq!(barrier.waiting(), 0);
            if barrier.is_broken() {
                assert_eq!(barrier.wait().on(world).await, Err(BROKEN));
                barrier.reset();
            }
        }
        assert!(!barrier.is_broken());
    }

    /// The action runs once a generation, before anybody goes on.
    async fn action(world: World) {
        const PARTIES: usize = 3;
        const GENERATIONS: usize = 100;
        let ran = Arc::new(AtomicUsize::new(0));
        let runs = ran.clone();
        let barrier = Arc::new(Barrier::new(PARTIES).with_action(move || {
            runs.fetch_add(1, SeqCst);
        }));
        let mut parties = Vec::new();
        for _ in 0..PARTIES {
            let (barrier, ran) = (barrier.clone(), ran.clone());
            parties.push(world.spawn(move |world| async move {
                for generation in 1..=GENERATIONS {
                    barrier.wait().on(world).await.unwrap();
                    let ran = ran.load(SeqCst);
                    assert!(ran == generation || ran == generation + 1, "ran {ran} times");
                }
            }));
        }
        for party in parties {
            party.join().await;
        }
        assert_eq!(ran.load(SeqCst), GENERATIONS);
    }

    /// Parties that come and go away again, until they have made up their minds; the last one comes after that.
    async fn withdrawals(world: World) {
        const PARTIES: usize = 4;
        for _ in 0..30 {
            let barrier = Arc::new(Barrier::new(PARTIES));
            let decided = Arc::new(AtomicUsize::new(0));
            let mut parties = Vec::new();
            for party in 1..PARTIES {
                let (barrier, decided) = (barrier.clone(), decided.clone());
                parties.push(world.spawn(move |world| async move {
                    for _ in 0..party * 3 {
                        let mut wait = barrier.wait();
                        assert!(Hand::new().poll(&mut wait).is_pending());
                        world.yield_now().await;
                    }
                    decided.fetch_add(1, SeqCst);
                    barrier.wait().on(world).await.unwrap().index()
                }));
            }
            world.until(move || decided.load(SeqCst) == PARTIES - 1).await;
            let last = barrier.wait().on(world).await.unwrap();
            let mut indices = vec![last.index()];
            for party in parties {
                indices.push(party.join().await);
            }
            indices.sort();
            assert_eq!(indices, [0, 1, 2, 3]);
        }
    }
}

fn message(action: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(action)).unwrap_err();
    payload.downcast_ref::<&str>().unwrap().to_string()
}

#[test]
fn no_parties() {
    let message = message(|| drop(Barrier::new(0)));
    assert_eq!(message, "a barrier needs at least one party");
}

#[test]
fn a_dropped_wait_withdraws() {
    let (barrier, hand) = (Barrier::new(3), Hand::new());
    let mut waits = [barrier.wait(), barrier.wait()].map(Some);
    for wait in waits.iter_mut().flatten() {
        assert!(hand.poll(wait).is_pending());
    }
    waits[0] = None;
    assert_eq!(barrier.waiting(), 1);
    let mut third = barrier.wait();
    assert!(hand.poll(&mut third).is_pending());
    let Poll::Ready(Ok(last)) = hand.poll(&mut barrier.wait()) else {
        panic!("all have arrived")
    };
    let index = |wait: &mut _| match hand.poll(wait) {
        Poll::Ready(Ok(wait)) => (amphi::BarrierWait::index(&wait), wait.is_leader()),
        other => panic!("{other:?}"),
    };
    assert_eq!(index(waits[1].as_mut().unwrap()), (1, false));
    assert_eq!(index(&mut third), (0, false), "not the lowest free index");
    assert_eq!((last.index(), last.is_leader()), (2, true));
}

/// Nothing that happens after the last has arrived changes a result.
#[test]
fn decided_is_decided() {
    for breaks in [Barrier::abort, Barrier::reset] {
        let (barrier, hand) = (Barrier::new(2), Hand::new());
        let mut first = barrier.wait();
        assert!(hand.poll(&mut first).is_pending());
        assert!(hand.poll(&mut barrier.wait()).is_ready());
        breaks(&barrier);
        assert!(matches!(hand.poll(&mut first), Poll::Ready(Ok(_))));
    }
    let (barrier, hand) = (Barrier::new(2), Hand::new());
    let mut first = barrier.wait().timeout(Duration::from_millis(1));
    assert!(hand.poll(&mut first).is_pending());
    assert!(barrier.wait().block().is_ok());
    std::thread::sleep(Duration::from_millis(2));
    assert!(matches!(hand.poll(&mut first), Poll::Ready(Ok(_))));
}

/// A time that is up while the action runs is up too late.
#[test]
fn a_timeout_during_the_action() {
    let (in_action, go_on) = (Arc::new(Event::new()), Arc::new(Event::new()));
    let (enters, waits) = (in_action.clone(), go_on.clone());
    let barrier = Arc::new(Barrier::new(2).with_action(move || {
        enters.set();
        waits.wait().block();
    }));
    let hand = Hand::new();
    let mut first = barrier.wait().timeout(Duration::from_millis(1));
    let mut dropped = barrier.wait();
    assert!(hand.poll(&mut first).is_pending());
    let last = barrier.clone();
    let last = std::thread::spawn(move || last.wait().block());
    in_action.wait().block();
    std::thread::sleep(Duration::from_millis(2));
    assert!(hand.poll(&mut first).is_pending());
    barrier.abort();
    assert_eq!(
        hand.poll(&mut dropped),
        Poll::Ready(Err(BROKEN)),
        "it is of the next"
    );
    barrier.reset();
    go_on.set();
    assert!(last.join().unwrap().is_ok());
    assert!(matches!(hand.poll(&mut first), Poll::Ready(Ok(_))));
    assert!(!barrier.is_broken());
}

/// Whoever arrives while the action runs belongs to the next generation.
#[test]
fn arrivals_during_the_action() {
    let (in_action, go_on) = (Arc::new(Event::new()), Arc::new(Event::new()));
    let (enters, waits) = (in_action.clone(), go_on.clone());
    let barrier = Arc::new(Barrier::new(2).with_action(move || {
        enters.set();
        waits.wait().block();
    }));
    let parties = [(); 2].map(|()| {
        let barrier = barrier.clone();
        std::thread::spawn(move || barrier.wait().block())
    });
    in_action.wait().block();
    let hand = Hand::new();
    let mut next = barrier.wait();
    assert!(hand.poll(&mut next).is_pending());
    assert_eq!(barrier.waiting(), 1);
    go_on.set();
    for party in parties {
        assert!(party.join().unwrap().is_ok());
    }
    assert!(hand.poll(&mut next).is_pending());
    let Poll::Ready(Ok(last)) = hand.poll(&mut barrier.wait()) else {
        panic!("two have arrived")
    };
    assert_eq!(last.index(), 1);
    assert!(hand.poll(&mut next).is_ready());
}

/// An action that aborts: all get the error, the last one too.
#[test]
fn an_action_that_aborts() {
    let barrier = Arc::new_cyclic(|barrier: &std::sync::Weak<Barrier>| {
        let barrier = barrier.clone();
        Barrier::new(2).with_action(move || {
            let barrier = barrier.upgrade().unwrap();
            assert_eq!(barrier.waiting(), 0);
            barrier.abort();
        })
    });
    let hand = Hand::new();
    let mut first = barrier.wait();
    assert!(hand.poll(&mut first).is_pending());
    assert_eq!(barrier.wait().block(), Err(BROKEN));
    assert_eq!(hand.poll(&mut first), Poll::Ready(Err(BROKEN)));
    assert!(barrier.is_broken());
}

/// An action that panics: the last one gets the panic, the others the error.
#[test]
fn an_action_that_panics() {
    let barrier = Barrier::new(2).with_action(|| panic!("in the action"));
    let hand = Hand::new();
    let mut first = barrier.wait();
    assert!(hand.poll(&mut first).is_pending());
    assert_eq!(
        message(|| {
            let _ = barrier.wait().block();
        }),
        "in the action"
    );
    assert_eq!(hand.poll(&mut first), Poll::Ready(Err(BROKEN)));
    assert!(barrier.is_broken());
    assert_eq!(barrier.wait().block(), Err(BROKEN));
}

/// A barrier's action aborts another barrier: that one alone.
#[test]
fn an_action_that_aborts_another_barrier() {
    let other = Arc::new(Barrier::new(1));
    let aborts = other.clone();
    let barrier = Barrier::new(1).with_action(move || aborts.abort());
    assert!(barrier.wait().block().is_ok());
    assert!(!barrier.is_broken());
    assert!(other.is_broken());
}

/// One that is polled long after its generation, when many others have gone on.
#[test]
fn polled_much_later() {
    let (barrier, hand) = (Barrier::new(2), Hand::new());
    let mut first = barrier.wait();
    assert!(hand.poll(&mut first).is_pending());
    assert!(barrier.wait().block().is_ok());
    let mut second = barrier.wait();
    assert!(hand.poll(&mut second).is_pending());
    barrier.abort();
    barrier.reset();
    for _ in 0..3 {
        let mut wait = barrier.wait();
        assert!(hand.poll(&mut wait).is_pending());
        assert!(barrier.wait().block().is_ok());
    }
    assert!(matches!(hand.poll(&mut first), Poll::Ready(Ok(_))));
    assert_eq!(hand.poll(&mut second), Poll::Ready(Err(BROKEN)));
}

/// The action panics, and so does the waker of one that has arrived meanwhile: all are told.
#[test]
fn an_action_and_a_waker_that_panic() {
    struct Throws;
    impl std::task::Wake for Throws {
        fn wake(self: Arc<Self>) {
            panic!("in wake");
        }
    }
    let barrier = Arc::new_cyclic(|barrier: &std::sync::Weak<Barrier>| {
        let barrier = barrier.clone();
        Barrier::new(2).with_action(move || {
            let barrier: &'static Barrier = Box::leak(Box::new(barrier.upgrade().unwrap()));
            let next = Box::leak(Box::new(barrier.wait()));
            assert!(worlds::poll_with(&Arc::new(Throws).into(), next).is_pending());
            panic!("in the action");
        })
    });
    let hand = Hand::new();
    let mut first = barrier.wait();
    assert!(hand.poll(&mut first).is_pending());
    let panic = message(|| {
        let _ = barrier.wait().block();
    });
    assert_eq!(panic, "in the action");
    assert_eq!(hand.woken(), 1);
    assert_eq!(hand.poll(&mut first), Poll::Ready(Err(BROKEN)));
}

/// Aborted where thread-locals are gone already.
#[test]
fn abort_at_the_end_of_a_thread() {
    struct Aborts(Arc<Barrier>);
    impl Drop for Aborts {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    thread_local! {
        static LAST: std::cell::RefCell<Option<Aborts>> = const { std::cell::RefCell::new(None) };
    }
    let barrier = Arc::new(Barrier::new(2));
    let aborts = barrier.clone();
    let thread = std::thread::spawn(move || {
        LAST.set(Some(Aborts(aborts.clone())));
        aborts.abort();
        aborts.reset();
    });
    thread.join().unwrap();
    assert!(barrier.is_broken());
}

/// Whoever arrives while the action runs, which then panics, is not left waiting at the broken barrier.
#[test]
fn arrivals_during_an_action_that_panics() {
    type Arrival = (amphi::Wait<amphi::barrier::Gather<'static>>, Hand);
    static BARRIER: std::sync::OnceLock<Barrier> = std::sync::OnceLock::new();
    static ARRIVAL: std::sync::Mutex<Option<Arrival>> = std::sync::Mutex::new(None);
    let barrier = BARRIER.get_or_init(|| {
        Barrier::new(2).with_action(|| {
            let mut arrival = (BARRIER.get().unwrap().wait(), Hand::new());
            assert!(arrival.1.poll(&mut arrival.0).is_pending());
            *ARRIVAL.lock().unwrap() = Some(arrival);
            panic!("in the action");
        })
    });
    let mut first = barrier.wait();
    assert!(Hand::new().poll(&mut first).is_pending());
    let last = message(|| {
        let _ = barrier.wait().block();
    });
    assert_eq!(last, "in the action");
    let (mut wait, hand) = ARRIVAL.lock().unwrap().take().unwrap();
    assert_eq!(hand.woken(), 1);
    assert_eq!(hand.poll(&mut wait), Poll::Ready(Err(BROKEN)));
    assert_eq!(barrier.waiting(), 0);
}
