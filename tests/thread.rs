//! Threads: joined from both sides, listed, waited for at the end.

mod worlds;

use amphi::thread::{self, Builder, JoinError, JoinHandle};
use amphi::{Event, TimedOut, owner};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::{Duration, Instant};
use worlds::{Hand, On, World, watched, worlds};

worlds! {
    /// The result comes, and with it all that the thread has done.
    async fn joins(world: World) {
        for round in 0..50 {
            let data = Arc::new(AtomicUsize::new(0));
            let shared = data.clone();
            let mut handle = thread::spawn(move || {
                shared.store(round, Ordering::Relaxed);
                vec![round]
            });
            if round % 2 == 0 {
                world.yield_now().await;
            }
            assert_eq!(handle.join().on(world).await.unwrap(), [round]);
            assert_eq!(data.load(Ordering::Relaxed), round);
            assert!(!handle.is_alive());
            assert!(matches!(handle.join().on(world).await, Err(JoinError::Taken)));
        }
    }

    /// A join that has timed out or was dropped takes nothing.
    async fn joins_again(world: World) {
        let go_on = Arc::new(Event::new());
        let waits = go_on.clone();
        let mut handle = thread::spawn(move || {
            waits.wait().block();
            "result"
        });
        let start = Instant::now();
        let timeout = Duration::from_millis(10);
        let early = handle.join().timeout(timeout).on(world).await;
        assert!(matches!(early, Err(JoinError::TimedOut)));
        assert!(start.elapsed() >= timeout);
        assert!(handle.is_alive());
        assert_eq!(handle.finished().timeout(Duration::ZERO).on(world).await, Err(TimedOut));
        let hand = Hand::new();
        assert!(hand.poll(&mut handle.join()).is_pending());
        go_on.set();
        assert_eq!(handle.join().on(world).await.unwrap(), "result");
    }

    /// Any number of parties may wait for the end, before and after it.
    async fn many_wait(world: World) {
        let go_on = Arc::new(Event::new());
        let waits = go_on.clone();
        let handle = thread::spawn(move || waits.wait().block());
        let parties: Vec<_> = (0..10)
            .map(|_| {
                let thread = handle.thread().clone();
                world.spawn(move |world| async move {
                    thread.finished().on(world).await;
                    assert!(!thread.is_alive());
                })
            })
            .collect();
        world.yield_now().await;
        go_on.set();
        for party in parties {
            party.join().await;
        }
        handle.finished().on(world).await;
    }

    /// A panic is the result.
    async fn panics(world: World) {
        let mut handle = thread::spawn(|| std::panic::panic_any(42_u8));
        let Err(JoinError::Panicked(panicked)) = handle.join().on(world).await else {
            panic!("it should have panicked");
        };
        assert_eq!(panicked.message(), "a payload that is no text");
        assert_eq!(*panicked.into_payload().downcast::<u8>().unwrap(), 42);
        let mut handle = thread::spawn(|| panic!("with {}", "text"));
        let error = handle.join().on(world).await.unwrap_err();
        assert_eq!(error.to_string(), "the thread panicked: with text");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "panicked: with text");
    }

    /// Everybody that waits for all is released when the last one has ended, also if that was started late.
    async fn join_all(world: World) {
        let (go_on, ended) = (Arc::new(Event::new()), Arc::new(AtomicUsize::new(0)));
        for _ in 0..3 {
            let (go_on, ended) = (go_on.clone(), ended.clone());
            thread::spawn(move || {
                go_on.wait().block();
                thread::spawn(move || ended.fetch_add(1, Ordering::Relaxed));
            });
        }
        assert_eq!(thread::join_all().timeout(Duration::from_millis(5)).on(world).await, Err(TimedOut));
        let party = world.spawn(move |world| async move { thread::join_all().on(world).await });
        world.yield_now().await;
        go_on.set();
        party.join().await;
        thread::join_all().on(world).await;
        assert_eq!(ended.load(Ordering::Relaxed), 3);
    }
}

/// A thread that waits for its own end is told so, whether it blocks, drives a future, or polls by hand.
#[test]
fn joins_oneself() {
    watched(|| {
        let (gives, given) = mpsc::channel::<JoinHandle<()>>();
        let (returns, returned) = mpsc::channel();
        let handle = thread::spawn(move || {
            let mut own = given.recv().unwrap();
            assert!(matches!(own.join().block(), Err(JoinError::Oneself)));
            assert!(matches!(
                amphi::block_on(own.join()),
                Err(JoinError::Oneself)
            ));
            let polled = Hand::new().poll(&mut own.join());
            assert!(matches!(polled, Poll::Ready(Err(JoinError::Oneself))));
            let timed = own.join().timeout(Duration::from_secs(1)).block();
            assert!(matches!(timed, Err(JoinError::Oneself)));
            returns.send(own).unwrap();
        });
        gives.send(handle).unwrap();
        let mut handle = returned.recv().expect("the thread has panicked");
        handle.join().block().unwrap();
    });
}

/// The name and the number are the same for the handle, the thread itself, std and the owner.
#[test]
fn names() {
    let mut handle = Builder::new()
        .name("called")
        .stack_size(128 * 1024)
        .spawn(|| {
            assert_eq!(std::thread::current().name(), Some("called"));
            assert_eq!(owner::current().name(), Some("called"));
            assert_eq!(owner::current().id(), thread::current().id());
            thread::current()
        })
        .unwrap();
    let thread = handle.thread().clone();
    assert_eq!((handle.name(), handle.id()), (Some("called"), thread.id()));
    assert_eq!(handle.join().block().unwrap(), thread);
    let shown = format!("{thread:?}");
    assert!(
        shown.contains("name: Some(\"called\"), daemon: false, alive: false"),
        "{shown}"
    );
    assert_eq!(thread::spawn(|| ()).name(), None);
    assert_eq!(
        Builder::new().name("a\0b").spawn(|| ()).unwrap_err().kind(),
        std::io::ErrorKind::InvalidInput
    );
    assert_eq!(thread::main().name(), Some("main"));
    assert_ne!(thread::main(), thread::current());
}

/// The list has who lives, and nobody else: threads of std only once they have asked.
#[test]
fn enumerate() {
    watched(|| {
        let go_on = Arc::new(Event::new());
        let waits = go_on.clone();
        let started = thread::spawn(move || waits.wait().block());
        let daemon = {
            let waits = go_on.clone();
            let builder = Builder::new().daemon(true);
            builder.spawn(move || waits.wait().block()).unwrap()
        };
        assert!(!started.thread().is_daemon() && daemon.thread().is_daemon());
        let (asks, asked) = mpsc::channel();
        let foreign = {
            let waits = go_on.clone();
            std::thread::spawn(move || {
                asks.send(thread::current()).unwrap();
                waits.wait().block();
            })
        };
        let asked = asked.recv().unwrap();
        let all = thread::enumerate();
        for thread in [started.thread(), daemon.thread(), &asked, &thread::main()] {
            assert!(thread.is_alive());
            assert_eq!(all.iter().filter(|other| *other == thread).count(), 1);
        }
        assert!(thread::active_count() >= 4);
        go_on.set();
        foreign.join().unwrap();
        for thread in [started.thread(), daemon.thread(), &asked] {
            thread.finished().block();
            assert!(!thread::enumerate().contains(thread));
        }
    });
}

/// A thread that is not a daemon does not wait for itself, and those of its tasks neither.
#[test]
fn joins_all_from_one_of_them() {
    watched(|| {
        let mut handle = thread::spawn(|| {
            thread::join_all()
                .timeout(Duration::from_secs(30))
                .block()
                .unwrap();
            amphi::block_on(thread::join_all().timeout(Duration::from_secs(30))).unwrap();
        });
        handle.join().block().unwrap();
    });
}

/// Threads of std that are named so are not the main thread, or at the most one of them is; and they have numbers of their own.
#[test]
fn named_main() {
    let named = || {
        let builder = std::thread::Builder::new().name("main".into());
        builder
            .spawn(|| owner::current().id())
            .unwrap()
            .join()
            .unwrap()
    };
    let (first, second) = (named(), named());
    assert_ne!(first, second);
    assert!(thread::main().is_alive() || first == thread::main().id());
}

/// A thread's locals are destroyed after it has ended for others: it is waited for no more, and waits for the others.
#[test]
fn joins_all_while_locals_are_destroyed() {
    watched(|| {
        struct Last(Arc<Event>, mpsc::Sender<bool>);
        impl Drop for Last {
            fn drop(&mut self) {
                let all = thread::join_all().timeout(Duration::ZERO).block();
                let _ = self.1.send(all.is_err());
                self.0.set();
            }
        }
        std::thread_local!(static LAST: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) });
        let (go_on, (tells, told)) = (Arc::new(Event::new()), mpsc::channel());
        let waits = go_on.clone();
        let other = thread::spawn(move || waits.wait().block());
        thread::spawn(move || LAST.set(Some(Last(go_on, tells))));
        assert!(told.recv().unwrap(), "another thread lives");
        other.finished().block();
    });
}

/// Whoever has joined all of them finds nobody left to wait for.
#[test]
fn joined_is_joined() {
    // In a process of its own, since the other cases have threads, too.
    if std::env::var_os("AMPHI_TEST_ALONE").is_none() {
        let own = std::env::current_exe().unwrap();
        let alone = std::process::Command::new(own)
            .args(["joined_is_joined", "--exact"])
            .env("AMPHI_TEST_ALONE", "1")
            .status();
        assert!(alone.unwrap().success());
        return;
    }
    for _ in 0..2000 {
        thread::spawn(|| ()).join().block().unwrap();
        assert_eq!(thread::join_all().timeout(Duration::ZERO).block(), Ok(()));
    }
}
