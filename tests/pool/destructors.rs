//! Destructors of functions, results and payloads: those that use the pool, and those that panic.

use super::*;

/// Destructors that use the pool: of a function that is cancelled, of one that has run, and of a result.
#[test]
fn destructors_use_the_pool() {
    struct Submits(Arc<ThreadPool>, Arc<AtomicUsize>);
    impl Drop for Submits {
        fn drop(&mut self) {
            let counts = self.1.clone();
            // Refused if the pool has been shut down, and then nothing is left to be done.
            let count = move || {
                counts.fetch_add(1, SeqCst);
            };
            match self.0.submit(count) {
                Ok(_) => {}
                Err(error) => error.into_inner()(),
            }
        }
    }
    watched(|| {
        for now in [false, true] {
            let (pool, gate, _first) = busy();
            let pool = Arc::new(pool);
            let count = Arc::new(AtomicUsize::new(0));
            let submits = || Submits(pool.clone(), count.clone());
            let (captured, result, cancelled) = (submits(), submits(), submits());
            pool.submit(move || drop(captured)).unwrap();
            pool.submit(move || result).unwrap();
            assert!(pool.submit(move || drop(cancelled)).unwrap().cancel());
            if now {
                assert!(pool.shutdown_now().timeout(Duration::ZERO).block().is_err());
                assert_eq!(count.load(SeqCst), 2, "those that were cancelled now");
            } else {
                gate.open();
            }
            while Arc::strong_count(&pool) > 1 {
                std::thread::yield_now();
            }
            gate.open();
            pool.shutdown().block();
            assert_eq!(count.load(SeqCst), if now { 2 } else { 3 });
        }
    });
}

/// Destructors that panic, of functions and results and payloads, harm no worker.
#[test]
fn destructors_panic() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    watched(|| {
        let (pool, gate, first) = busy();
        let worker = pool.submit(thread::current).unwrap();
        let captures = Panics;
        let captured = pool.submit(move || drop(captures)).unwrap();
        drop(pool.submit(|| Panics).unwrap());
        drop(pool.submit(|| std::panic::panic_any(Panics)).unwrap());
        let callback = pool.submit(|| ()).unwrap();
        let captures = Panics;
        callback.on_done(move |_| drop(captures));
        let captures = Panics;
        callback.on_done(move |_| std::panic::panic_any(captures));
        let kept = pool.submit(|| Panics).unwrap();
        gate.open();
        first.result().block().unwrap();
        assert!(matches!(
            captured.result().block(),
            Err(JobError::Panicked(_))
        ));
        std::mem::forget(kept.result().block());
        let same = pool.submit(thread::current).unwrap().result().block();
        assert_eq!(same.unwrap(), worker.result().block().unwrap());

        // The same at a shutdown.
        let (pool, gate, _first) = busy();
        let pending: Vec<_> = (0..3)
            .map(|_| {
                let captures = Panics;
                pool.submit(move || std::mem::forget(captures)).unwrap()
            })
            .collect();
        assert!(pool.shutdown_now().timeout(Duration::ZERO).block().is_err());
        assert!(pending.iter().all(Job::is_cancelled));
        gate.open();
        pool.shutdown().block();
    });
}
