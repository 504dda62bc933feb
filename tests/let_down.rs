//! Those who have been told of something, or rely on another one's word, and are let down: whoever comes after them must not be.

mod worlds;

use amphi::{Permit, Semaphore, block_on};
use std::future::pending;
use std::thread;
use std::time::{Duration, Instant};
use worlds::{Hand, watched};

/// Permits come and are taken again, so many at a time, until the next ones are kept for one who wants more, and who is polled each time.
fn until_kept(semaphore: &Semaphore, many: &mut (impl Future + Unpin), hand: &Hand, few: usize) {
    let start = Instant::now();
    let mut is_kept = false;
    while !is_kept {
        assert!(hand.poll(many).is_pending());
        semaphore.release(few);
        is_kept = Hand::new().poll(&mut semaphore.acquire()).is_pending();
        while semaphore.try_acquire().map(Permit::forget).is_some() {}
        let elapsed = start.elapsed();
        assert!(elapsed < Duration::from_secs(30), "it reserves nothing");
    }
    assert!(hand.poll(many).is_pending());
}

/// There is a permit, kept for a task that wants two, answers once when it is asked whether it still waits, and is not polled
/// any more. A thread does not depend on it, in whichever way it blocks.
#[test]
fn a_thread_relies_on_no_answer() {
    let ways: [fn(&'static Semaphore); 4] = [
        |semaphore| semaphore.acquire().block().forget(),
        |semaphore| block_on(semaphore.acquire()).forget(),
        |semaphore| {
            let permit = semaphore.acquire().or(pending::<()>()).block();
            permit.unwrap().forget();
        },
        |semaphore| {
            let timeout = semaphore.acquire().timeout(Duration::from_secs(1000));
            let permit = timeout.or(pending::<()>()).block();
            permit.unwrap().unwrap().forget();
        },
    ];
    for way in ways {
        watched(move || {
            let semaphore: &'static Semaphore = Box::leak(Box::new(Semaphore::new(0)));
            let (hand, mut many) = (Hand::new(), semaphore.acquire_many(2));
            until_kept(semaphore, &mut many, &hand, 1);
            semaphore.release(1);
            let woken = hand.woken();
            let thread = thread::spawn(move || way(semaphore));
            while hand.woken() == woken {
                thread::yield_now();
            }
            let _ = hand.poll(&mut many);
            thread.join().unwrap();
        });
    }
}
