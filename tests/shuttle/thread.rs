//! Threads that others wait for: their end is told to all.

use super::{Patience, SOON, join, model, task, thread};
use amphi::Event;
use amphi::thread::{Builder, JoinError, join_all, spawn};
use shuttle::future::block_on;
use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicUsize, Ordering};

/// The result is there for whoever joins, and everybody else hears of the end.
#[test]
fn join_beside_others() {
    model(12_000, || {
        let mut handle = spawn(|| 7);
        let other = Arc::new(handle.thread().clone());
        let parties = [
            thread(&other, |other| other.finished().block()),
            task(&other, async |other| other.finished().await),
            task(&other, async |other| {
                let _ = other.finished().or(Patience::some()).await;
            }),
        ];
        let late = handle.join().timeout(SOON).block();
        let result = match late {
            Err(JoinError::TimedOut) => block_on(handle.join()).unwrap(),
            joined => joined.unwrap(),
        };
        assert_eq!(result, 7);
        assert!(!other.is_alive());
        join(parties);
        assert!(matches!(handle.join().block(), Err(JoinError::Taken)));
    });
}

/// All are waited for, those included that are started meanwhile, but for a daemon; by several at a time.
#[test]
fn join_all_of_those_who_start_others() {
    model(12_000, || {
        let ended = Arc::new(AtomicUsize::new(0));
        let end = Arc::new(Event::new());
        let waits = end.clone();
        let daemon = Builder::new().daemon(true);
        let mut daemon = daemon.spawn(move || waits.wait().block()).unwrap();
        for _ in 0..2 {
            let ended = ended.clone();
            spawn(move || {
                let inner = ended.clone();
                spawn(move || inner.fetch_add(1, Ordering::Relaxed));
                ended.fetch_add(1, Ordering::Relaxed);
            });
        }
        let parties = [
            thread(&ended, |ended| {
                join_all().block();
                ended.load(Ordering::Relaxed)
            }),
            task(&ended, async |ended| {
                join_all().await;
                ended.load(Ordering::Relaxed)
            }),
        ];
        let gives_up = task(&ended, async |_| {
            let _ = join_all().or(Patience::some()).await;
        });
        assert_eq!(join(parties), [4, 4]);
        gives_up.join();
        assert!(daemon.is_alive());
        end.set();
        daemon.join().block().unwrap();
    });
}
