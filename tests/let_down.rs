//! Those who have been told of something, or rely on another one's word, and are let down: whoever comes after them must not be.

mod worlds;

use amphi::lock_all::LockAll;
use amphi::semaphore::Acquire;
use amphi::{Event, Mutex, Permit, Queue, Semaphore, Wait, block_on, lock_all};
use std::array::from_fn;
use std::future::{pending, poll_fn};
use std::mem::forget;
use std::pin::Pin;
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
    let ways: [fn(&'static Semaphore); 5] = [
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
        // What is polled beside it blocks the thread as well, and for longer.
        |semaphore| {
            let mut acquire = semaphore.acquire();
            let both = poll_fn(|cx| {
                let permit = Pin::new(&mut acquire).poll(cx);
                assert!(
                    Event::new()
                        .wait()
                        .timeout(Duration::from_millis(2))
                        .block()
                        .is_err()
                );
                permit
            });
            block_on(both).forget();
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

/// Two permits are kept for one who wants three, and who does not come. The one that has been told of them wants both and stands back. Then one
/// is taken, and the other is for the next, who wants but one.
#[test]
fn too_little_after_it_has_stood_back() {
    let (semaphore, hand) = (Semaphore::new(0), Hand::new());
    let mut many = semaphore.acquire_many(3);
    until_kept(&semaphore, &mut many, &hand, 1);
    let (first, second) = (Hand::new(), Hand::new());
    let (mut both, mut one) = (semaphore.acquire_many(2), semaphore.acquire());
    assert!(first.poll(&mut both).is_pending());
    assert!(second.poll(&mut one).is_pending());
    semaphore.release(2);
    assert!(first.poll(&mut both).is_pending());
    assert_eq!(second.woken(), 0);
    semaphore.try_acquire().unwrap().forget();
    assert!(first.poll(&mut both).is_pending());
    assert!(second.woken() > 0, "the wake-up is lost");
    let start = Instant::now();
    while second.poll(&mut one).is_pending() {
        let elapsed = start.elapsed();
        assert!(elapsed < Duration::from_secs(30), "it's kept for ever");
    }
}

type Both<'a> = Wait<LockAll<&'a [Mutex<()>]>>;

/// The lock is kept for one who does not come. The one that has been told of it wants another lock as well, and stands back. Then it
/// can't have that other lock: its time is up, or it goes to wait there, or is dropped. The next one hears of the first lock.
#[test]
fn goes_to_another_list_after_it_has_stood_back() {
    let ways: [fn(Both, &Hand); 4] = [
        |both, _| drop(both),
        |both, hand| {
            let mut timeout = both.timeout(Duration::ZERO);
            assert!(hand.poll(&mut timeout).is_ready());
        },
        |mut both, hand| {
            assert!(hand.poll(&mut both).is_pending());
            forget(both);
        },
        |mut both, hand| {
            thread::sleep(Duration::from_millis(2));
            assert!(hand.poll(&mut both).is_pending());
            forget(both);
        },
    ];
    for way in ways {
        let mutexes = [Mutex::new(()), Mutex::new(())];
        let (hand, mut starving) = (Hand::new(), mutexes[1].lock());
        let start = Instant::now();
        let mut is_kept = false;
        while !is_kept {
            let guard = mutexes[1].try_lock().unwrap();
            assert!(hand.poll(&mut starving).is_pending());
            drop(guard);
            is_kept = Hand::new().poll(&mut mutexes[1].lock()).is_pending();
            let elapsed = start.elapsed();
            assert!(elapsed < Duration::from_secs(30), "it reserves nothing");
        }
        let guard = mutexes[1].try_lock().unwrap();
        assert!(hand.poll(&mut starving).is_pending());
        // Reached like a thread, it is told as well, to stand back.
        let mut both = lock_all(&mutexes[..]);
        block_on(async { assert!(futures::poll!(&mut both).is_pending()) });
        let (next, mut second) = (Hand::new(), mutexes[1].lock());
        assert!(next.poll(&mut second).is_pending());
        drop(guard);
        let hand = Hand::new();
        assert!(hand.poll(&mut both).is_pending());
        assert_eq!(next.woken(), 0);
        let first = mutexes[0].try_lock().unwrap();
        way(both, &hand);
        assert!(next.woken() > 0, "the wake-up is lost");
        drop(first);
    }
}

/// Two are told of one thing each. Then one of the things is taken, one of the two never comes, and the other gives up: the next one hears of
/// it.
fn one_of_two_gives_up<F: Future + Unpin>(wait: impl Fn() -> F, give: impl Fn(), take: impl Fn()) {
    let hands: [Hand; 3] = from_fn(|_| Hand::new());
    let mut waits = [wait(), wait(), wait()];
    for (hand, wait) in hands.iter().zip(&mut waits) {
        assert!(hand.poll(wait).is_pending());
    }
    give();
    give();
    assert_eq!(hands.each_ref().map(Hand::woken), [1, 1, 0]);
    take();
    let [_never, told, mut next] = waits;
    drop(told);
    assert_eq!(hands[2].woken(), 1, "the wake-up is lost");
    assert!(hands[2].poll(&mut next).is_ready());
}

/// One has been told, and never comes, and what it was told of has been taken. Another one is told, who may have been there before that, and gives
/// up: the next one hears of it.
fn told_and_gives_up<F: Future + Unpin>(
    was_there: bool,
    wait: impl Fn() -> F,
    give: impl Fn(),
    take: impl Fn(),
) {
    let hands: [Hand; 3] = from_fn(|_| Hand::new());
    let [mut never, mut told, mut next] = [wait(), wait(), wait()];
    let mut join = || {
        assert!(hands[1].poll(&mut told).is_pending());
        assert!(hands[2].poll(&mut next).is_pending());
    };
    assert!(hands[0].poll(&mut never).is_pending());
    if was_there {
        join();
    }
    give();
    take();
    if !was_there {
        join();
    }
    give();
    assert_eq!(hands.each_ref().map(Hand::woken), [1, 1, 0]);
    drop(told);
    assert_eq!(hands[2].woken(), 1, "the wake-up is lost");
    assert!(hands[2].poll(&mut next).is_ready());
}

#[test]
fn told_of_an_item() {
    let queue = Queue::unbounded();
    let give = || queue.try_put(()).unwrap();
    let take = || queue.try_get().unwrap();
    for was_there in [false, true] {
        told_and_gives_up(was_there, || queue.get(), give, take);
        told_and_gives_up(was_there, || queue.get_many(2), give, take);
    }
    one_of_two_gives_up(|| queue.get(), give, take);
    one_of_two_gives_up(|| queue.get_many(2), give, take);
}

#[test]
fn told_of_room() {
    let queue = Queue::bounded(2);
    let give = || queue.try_get().unwrap();
    let take = || queue.try_put(()).unwrap();
    let fill = || while queue.try_put(()).is_ok() {};
    for was_there in [false, true] {
        fill();
        told_and_gives_up(was_there, || queue.put(()), give, take);
        fill();
        told_and_gives_up(was_there, || queue.put_all([()]), give, take);
    }
    fill();
    one_of_two_gives_up(|| queue.put(()), give, take);
    fill();
    one_of_two_gives_up(|| queue.put_all([()]), give, take);
}

#[test]
fn told_of_a_permit() {
    let semaphore = Semaphore::new(0);
    let give = || semaphore.release(1);
    let take = || semaphore.try_acquire().unwrap().forget();
    told_and_gives_up(false, || semaphore.acquire(), give, take);
    take();
    one_of_two_gives_up(|| semaphore.acquire(), give, take);
}

/// A permit is kept for one that wants more. Another one asks that one, sleeps at its word, and hears of its giving up.
fn gives_up_before_one_that_sleeps(
    semaphore: &Semaphore,
    mut many: impl Future + Unpin,
    hand: &Hand,
) {
    let (one, mut sleeps) = (Hand::new(), semaphore.acquire());
    assert!(one.poll(&mut sleeps).is_pending());
    assert!(hand.poll(&mut many).is_pending());
    let woken = one.woken();
    assert!(one.poll(&mut sleeps).is_pending());
    assert_eq!(one.woken(), woken, "it does not sleep");
    drop(many);
    assert!(one.woken() > woken, "the wake-up is lost");
    assert!(one.poll(&mut sleeps).is_ready());
}

/// One has been told, and never comes. The one that permits are kept for gives up: whoever sleeps at its word hears of it.
#[test]
fn the_one_that_permits_are_kept_for_gives_up() {
    let (semaphore, hand) = (Semaphore::new(0), Hand::new());
    let mut never = semaphore.acquire();
    assert!(Hand::new().poll(&mut never).is_pending());
    semaphore.release(1);
    semaphore.try_acquire().unwrap().forget();
    let mut many = semaphore.acquire_many(3);
    until_kept(&semaphore, &mut many, &hand, 2);
    semaphore.release(1);
    gives_up_before_one_that_sleeps(&semaphore, many, &hand);
}

/// The same, and the other one that never comes was told together with the one that they are kept for.
#[test]
fn told_together_with_the_one_that_permits_are_kept_for() {
    let (semaphore, hand) = (Semaphore::new(0), Hand::new());
    let mut many = semaphore.acquire_many(2);
    let start = Instant::now();
    let never = loop {
        assert!(hand.poll(&mut many).is_pending());
        let mut never = semaphore.acquire();
        assert!(Hand::new().poll(&mut never).is_pending());
        semaphore.release(3);
        semaphore.try_acquire_many(2).unwrap().forget();
        assert!(hand.poll(&mut many).is_pending());
        if Hand::new().poll(&mut semaphore.acquire()).is_pending() {
            break never;
        }
        semaphore.try_acquire().unwrap().forget();
        let elapsed = start.elapsed();
        assert!(elapsed < Duration::from_secs(30), "it reserves nothing");
    };
    assert!(hand.poll(&mut many).is_pending());
    gives_up_before_one_that_sleeps(&semaphore, many, &hand);
    drop(never);
}

/// They have been told of two permits, and never come, and the permits have been taken. Those who have queued up since are served by the
/// releases: one who wants both, by two releases of one; two who want one each; and also if a release of none comes before.
#[test]
fn queued_up_since() {
    for (wants, releases_none) in [
        ([2, 0], false),
        ([1, 1], false),
        ([2, 0], true),
        ([1, 1], true),
    ] {
        let semaphore = Semaphore::new(0);
        let mut never = wants.map(|wants| semaphore.acquire_many(wants));
        let mut waits = wants.map(|wants| semaphore.acquire_many(wants));
        let hands = [Hand::new(), Hand::new()];
        for (wait, wants) in never.iter_mut().zip(wants) {
            assert_eq!(Hand::new().poll(wait).is_ready(), wants == 0);
        }
        semaphore.release(2);
        let permits = [(); 2].map(|()| semaphore.try_acquire().unwrap());
        for ((hand, wait), wants) in hands.iter().zip(&mut waits).zip(wants) {
            assert_eq!(hand.poll(wait).is_ready(), wants == 0);
        }
        if releases_none {
            semaphore.release(0);
        }
        drop(permits);
        for (hand, wants) in hands.iter().zip(wants) {
            assert_eq!(hand.woken(), wants.min(1), "the wake-up is lost: {wants}");
        }
    }
}

/// Two have been told, and one of them never comes. The other one finds too few permits, and no time left: the next one hears of those that are there.
#[test]
fn too_little_and_no_time_left() {
    type Acquiring<'a> = Wait<Acquire<&'a Semaphore>>;
    let ways: [fn(Acquiring, &Hand); 3] = [
        |both, hand| {
            let mut timeout = both.timeout(Duration::ZERO);
            assert!(hand.poll(&mut timeout).is_ready());
        },
        |both, _| assert!(both.timeout(Duration::ZERO).block().is_err()),
        |both, _| drop(both),
    ];
    for way in ways {
        let semaphore = Semaphore::new(0);
        let hands: [Hand; 3] = from_fn(|_| Hand::new());
        let [mut never, mut both, mut next] = [1, 2, 1].map(|wants| semaphore.acquire_many(wants));
        for (hand, wait) in hands.iter().zip([&mut never, &mut both, &mut next]) {
            assert!(hand.poll(wait).is_pending());
        }
        semaphore.release(3);
        assert_eq!(hands.each_ref().map(Hand::woken), [1, 1, 0]);
        semaphore.try_acquire_many(2).unwrap().forget();
        way(both, &hands[1]);
        assert_eq!(hands[2].woken(), 1, "the wake-up is lost");
        assert!(hands[2].poll(&mut next).is_ready());
    }
}
