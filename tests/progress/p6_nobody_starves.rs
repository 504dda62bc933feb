//! P6: under a stream of newcomers every waiter gets through.

use super::*;

worlds! {
    /// A greedy stream of short critical sections with no pause between them, against one modest waiter.
    async fn against_greedy_threads(world: World) {
        let mutex = mutex();
        let stop = Arc::new(AtomicBool::new(false));
        let greedy: Vec<_> = (0..2)
            .map(|_| {
                let stop = stop.clone();
                thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let _guard = mutex.lock().block();
                        let start = Instant::now();
                        while start.elapsed() < Duration::from_micros(300) {
                            std::hint::spin_loop();
                        }
                    }
                })
            })
            .collect();
        for _ in 0..20 {
            *mutex.lock().on(world).await += 1;
        }
        stop.store(true, Ordering::Relaxed);
        for thread in greedy {
            thread.join().unwrap();
        }
    }

    /// As above, where the greedy ones are tasks that hold the lock over a yield.
    async fn against_greedy_tasks(world: World) {
        let mutex = mutex();
        let stop = Arc::new(AtomicBool::new(false));
        let mut greedy = Vec::new();
        for _ in 0..4 {
            let stop = stop.clone();
            greedy.push(world.spawn(move |world| async move {
                while !stop.load(Ordering::Relaxed) {
                    let _guard = mutex.lock().on(world).await;
                    world.yield_now().await;
                }
            }));
        }
        for _ in 0..20 {
            *mutex.lock().on(world).await += 1;
        }
        stop.store(true, Ordering::Relaxed);
        for party in greedy {
            party.join().await;
        }
    }
}

/// Polled by hand and always too late: after a while the lock is kept for it.
#[test]
fn a_waiter_that_is_always_late_gets_it() {
    let mutex = mutex();
    let (late, newcomer) = (Hand::new(), Hand::new());
    let mut wait = mutex.lock();
    let start = Instant::now();
    loop {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "the waiter starves"
        );
        let mut quick = mutex.lock();
        let Poll::Ready(guard) = newcomer.poll(&mut quick) else {
            // Kept for the other one.
            drop(ready(late.poll(&mut wait)));
            drop(ready(newcomer.poll(&mut quick)));
            break;
        };
        assert!(late.poll(&mut wait).is_pending());
        drop(guard);
    }
    // With that the reservation is over.
    assert!(mutex.lock().timeout(Duration::ZERO).block().is_ok());
    drop(ready(newcomer.poll(&mut mutex.lock())));
}

/// A starving task that is not polled any more keeps nobody out for long.
#[test]
fn a_reservation_expires() {
    watched(|| {
        let mutex = mutex();
        let hand = Hand::new();
        let mut starving = mutex.lock();
        let mut guard = mutex.lock().block();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(10) {
            assert!(hand.poll(&mut starving).is_pending());
            drop(guard);
            guard = mutex.try_lock().expect("nobody else takes it");
        }
        assert!(hand.poll(&mut starving).is_pending());
        drop(guard);
        assert!(hand.woken() > 0);
        // A thread, a task, and whoever makes one attempt only.
        drop(mutex.lock().timeout(Duration::ZERO).block().unwrap());
        drop(mutex.try_lock().unwrap());
        drop(mutex.lock().block());
        drop(futures::executor::block_on(mutex.lock()));
        drop(ready(hand.poll(&mut starving)));
    });
}
