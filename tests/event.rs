//! `Event`: a latch that can be set back.

mod worlds;

use amphi::{Event, TimedOut};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};
use worlds::{Hand, On, World, worlds};

worlds! {
    /// Everybody who waits is released, and what preceded `set` is seen.
    async fn releases_all(world: World) {
        let event = Arc::new(Event::new());
        let data = Arc::new(AtomicUsize::new(0));
        let mut parties = Vec::new();
        for _ in 0..20 {
            let (event, data) = (event.clone(), data.clone());
            parties.push(world.spawn(move |world| async move {
                event.wait().on(world).await;
                assert_eq!(data.load(Ordering::Relaxed), 1);
            }));
        }
        world.yield_now().await;
        data.store(1, Ordering::Relaxed);
        event.set();
        for party in parties {
            party.join().await;
        }
        event.wait().on(world).await;
    }

    /// A `clear` right after it does not take a `set` back.
    async fn set_and_clear_release(world: World) {
        for _ in 0..200 {
            let event = Arc::new(Event::new());
            let waiting = Arc::new(AtomicUsize::new(0));
            let mut parties = Vec::new();
            for _ in 0..4 {
                let (event, waiting) = (event.clone(), waiting.clone());
                parties.push(world.spawn(move |world| async move {
                    // Polled once, so it waits from here on, whatever it waits with then.
                    let mut wait = event.wait();
                    assert!(Hand::new().poll(&mut wait).is_pending());
                    waiting.fetch_add(1, Ordering::SeqCst);
                    wait.on(world).await;
                }));
            }
            world.until(|| waiting.load(Ordering::SeqCst) == 4).await;
            event.set();
            event.clear();
            for party in parties {
                party.join().await;
            }
            assert!(!event.is_set());
        }
    }

    /// A timeout ends a wait, but not before its time, and `set` ends it before.
    async fn times_out(world: World) {
        let event = Event::new();
        let start = Instant::now();
        let timeout = Duration::from_millis(20);
        assert_eq!(event.wait().timeout(timeout).on(world).await, Err(TimedOut));
        assert!(start.elapsed() >= timeout);
        assert_eq!(event.wait().timeout(Duration::ZERO).on(world).await, Err(TimedOut));
        assert_eq!(event.wait().deadline(start).on(world).await, Err(TimedOut));
        event.set();
        assert_eq!(event.wait().timeout(Duration::ZERO).on(world).await, Ok(()));
        assert_eq!(event.wait().timeout(Duration::MAX).on(world).await, Ok(()));
    }

    /// A timeout that is too long to be expressed never expires.
    async fn waits_for_ever(world: World) {
        let event = Arc::new(Event::new());
        let party = {
            let event = event.clone();
            world.spawn(move |world| async move { event.wait().timeout(Duration::MAX).on(world).await })
        };
        world.yield_now().await;
        event.set();
        assert_eq!(party.join().await, Ok(()));
    }

    /// Many generations, with waiters that come and go: nobody is left behind.
    async fn ping_pong(world: World) {
        let ping = Arc::new(Event::new());
        let pong = Arc::new(Event::new());
        const ROUNDS: usize = 2000;
        let party = {
            let (ping, pong) = (ping.clone(), pong.clone());
            world.spawn(move |world| async move {
                for _ in 0..ROUNDS {
                    ping.wait().on(world).await;
                    ping.clear();
                    pong.set();
                }
            })
        };
        for _ in 0..ROUNDS {
            ping.set();
            pong.wait().on(world).await;
            pong.clear();
        }
        party.join().await;
    }
}

#[test]
fn flag() {
    let event = Event::default();
    assert!(!event.is_set());
    event.clear();
    event.set();
    event.set();
    assert!(event.is_set());
    event.clear();
    event.clear();
    assert!(!event.is_set());
    assert_eq!(format!("{event:?}"), "Event { set: false, .. }");
}

#[test]
fn nothing_happens_before_the_first_poll() {
    let event = Event::new();
    let mut wait = event.wait();
    event.set();
    event.clear();
    assert!(Hand::new().poll(&mut wait).is_pending());
}

#[test]
fn who_comes_after_the_clear_is_not_released() {
    let event = Event::new();
    let (early, late) = (Hand::new(), Hand::new());
    let (mut first, mut second) = (event.wait(), event.wait());
    assert!(early.poll(&mut first).is_pending());
    event.set();
    event.clear();
    assert!(late.poll(&mut second).is_pending());
    assert!(early.poll(&mut first).is_ready());
    assert!(late.poll(&mut second).is_pending());
    event.set();
    assert_eq!((early.woken(), late.woken()), (1, 1));
}

#[test]
fn sixteen_bytes() {
    assert_eq!(size_of::<Event>(), 16);
}

/// Who has given up is not woken any more.
#[test]
fn one_whose_time_is_up_is_out_of_the_list() {
    let (event, hand) = (Event::new(), Hand::new());
    let mut wait = event.wait().timeout(Duration::ZERO);
    assert_eq!(hand.poll(&mut wait), Poll::Ready(Err(TimedOut)));
    event.set();
    assert_eq!(hand.woken(), 0);
}
