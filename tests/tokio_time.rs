//! With the feature `tokio`, inside a tokio runtime: timeouts go by tokio's clock.

mod worlds;

use amphi::{Event, Mutex, TimedOut};
use std::time::{Duration, Instant};
use tokio::time;
use worlds::watched;

const HOUR: Duration = Duration::from_secs(3600);

/// A runtime whose clock jumps to the next timer whenever all tasks wait.
fn paused<F: Future<Output = ()>>(case: impl FnOnce() -> F + Send + 'static) {
    watched(|| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(case());
    });
}

#[test]
fn a_paused_clock_jumps_to_the_timeout() {
    paused(|| async {
        let (event, start) = (Event::new(), time::Instant::now());
        assert_eq!(event.wait().timeout(HOUR).await, Err(TimedOut));
        assert!(start.elapsed() >= HOUR);
        let deadline = Instant::now() + HOUR;
        assert_eq!(event.wait().deadline(deadline).await, Err(TimedOut));
        assert!(start.elapsed() >= HOUR + HOUR - Duration::from_secs(60));
    });
}

#[test]
fn a_clock_that_has_been_advanced_counts_from_there() {
    paused(|| async {
        time::advance(HOUR).await;
        let event = Event::new();
        let sets = async {
            time::sleep(HOUR / 2).await;
            event.set();
        };
        let (result, ()) = futures::join!(event.wait().timeout(HOUR), sets);
        assert_eq!(result, Ok(()));
    });
}

#[test]
fn timeouts_in_their_order() {
    paused(|| async {
        let mutex = Mutex::new(());
        let guard = mutex.lock().await;
        let start = time::Instant::now();
        let waits = [3, 1, 2].map(|hours| {
            let wait = mutex.lock().timeout(HOUR * hours);
            async {
                assert!(wait.await.is_err());
                start.elapsed().as_secs() / 3600
            }
        });
        assert_eq!(futures::future::join_all(waits).await, [3, 1, 2]);
        drop(guard);
        assert!(mutex.lock().timeout(HOUR).await.is_ok());
    });
}

#[test]
fn outside_of_a_runtime_it_is_async_ios() {
    watched(|| {
        let (event, start) = (Event::new(), Instant::now());
        let timeout = Duration::from_millis(10);
        assert!(futures::executor::block_on(event.wait().timeout(timeout)).is_err());
        assert!(smol::block_on(event.wait().timeout(timeout)).is_err());
        assert!(start.elapsed() >= 2 * timeout);
    });
}

#[test]
fn a_blocked_thread_goes_by_the_systems_clock() {
    paused(|| async {
        let (event, start) = (Event::new(), Instant::now());
        let timeout = Duration::from_millis(10);
        assert!(event.wait().timeout(timeout).block().is_err());
        assert!(start.elapsed() >= timeout);
    });
}
