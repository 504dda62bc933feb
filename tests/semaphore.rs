//! `Semaphore` and `BoundedSemaphore`.

mod worlds;

use amphi::{BoundedSemaphore, Event, OwnedPermit, ReleaseError, Semaphore, TimedOut, block_on};
use futures::poll;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};
use worlds::{Hand, On, World, poll_with, watched, worlds};

/// Counts how many permits are out, and notices when they are too many.
#[derive(Default)]
struct Out(AtomicUsize);

impl Out {
    fn take(&self, count: usize, max: usize) {
        let out = self.0.fetch_add(count, SeqCst) + count;
        assert!(out <= max, "{out} permits are out, of {max}");
    }

    fn give(&self, count: usize) {
        self.0.fetch_sub(count, SeqCst);
    }
}

worlds! {
    /// Never more out than there are, whatever sizes are asked for.
    async fn limits(world: World) {
        const MAX: usize = 5;
        let shared = Arc::new((Semaphore::new(MAX), Out::default()));
        let mut parties = Vec::new();
        for party in 0..8 {
            let shared = shared.clone();
            parties.push(world.spawn(move |world| async move {
                let (semaphore, out) = &*shared;
                for round in 0..300 {
                    let count = (party + round) % (MAX + 1);
                    let permits = semaphore.acquire_many(count).on(world).await;
                    out.take(count, MAX);
                    if round % 8 == 0 {
                        world.yield_now().await;
                    }
                    out.give(count);
                    drop(permits);
                }
            }));
        }
        for party in parties {
            party.join().await;
        }
        assert_eq!(shared.0.available_permits(), MAX);
    }

    /// With timeouts everywhere: who gives up takes no permit along, and nobody is forgotten.
    async fn give_up(world: World) {
        const MAX: usize = 3;
        let semaphore = Arc::new(Semaphore::new(MAX));
        let mut parties = Vec::new();
        for party in 0..8 {
            let semaphore = semaphore.clone();
            parties.push(world.spawn(move |world| async move {
                for round in 0..300 {
                    let timeout = Duration::from_micros((round * 7 + party * 31) % 90);
                    let count = 1 + (party + round) as usize % MAX;
                    let wait = semaphore.acquire_many_owned(count).timeout(timeout);
                    if let Ok(permits) = wait.on(world).await {
                        if round % 8 == 0 {
                            world.yield_now().await;
                        }
                        drop(permits);
                    }
                }
                // One without a timeout: it hangs if a wake-up was lost.
                drop(semaphore.acquire_many(MAX).on(world).await);
            }));
        }
        for party in parties {
            party.join().await;
        }
        assert_eq!(semaphore.available_permits(), MAX);
    }

    async fn times_out(world: World) {
        let semaphore = Semaphore::new(2);
        let permit = semaphore.acquire().on(world).await;
        let start = Instant::now();
        let timeout = Duration::from_millis(20);
        let both = semaphore.acquire_many(2).timeout(timeout).on(world).await;
        assert_eq!(both.err(), Some(TimedOut));
        assert!(start.elapsed() >= timeout);
        for none in [Duration::ZERO, Duration::MAX] {
            assert!(semaphore.acquire().timeout(none).on(world).await.is_ok());
        }
        assert!(semaphore.acquire_many(2).deadline(start).on(world).await.is_err());
        assert!(semaphore.acquire().deadline(start).on(world).await.is_ok());
        drop(permit);
        assert_eq!(semaphore.available_permits(), 2);
    }

    /// Whoever has all gives them back at once: as many go on.
    async fn release_many(world: World) {
        const PARTIES: usize = 6;
        let semaphore = Arc::new(Semaphore::new(0));
        let arrived = Arc::new(AtomicUsize::new(0));
        let mut parties = Vec::new();
        for _ in 0..PARTIES {
            let (semaphore, arrived) = (semaphore.clone(), arrived.clone());
            parties.push(world.spawn(move |world| async move {
                arrived.fetch_add(1, SeqCst);
                semaphore.acquire_owned().on(world).await
            }));
        }
        world.until(|| arrived.load(SeqCst) == PARTIES).await;
        semaphore.release(PARTIES);
        let mut permits: Vec<OwnedPermit> = Vec::new();
        for party in parties {
            permits.push(party.join().await);
        }
        assert_eq!(semaphore.available_permits(), 0);
        drop(permits);
        assert_eq!(semaphore.available_permits(), PARTIES);
    }

    /// One that wants all gets them although others always take one again, and hold it for some time.
    async fn many_under_a_stream_of_few(world: World) {
        const MAX: usize = 4;
        for hold in [Duration::ZERO, Duration::from_millis(3)] {
            let shared = Arc::new((Semaphore::new(MAX), AtomicBool::new(false)));
            let mut parties = Vec::new();
            for _ in 0..2 * MAX {
                let shared = shared.clone();
                parties.push(world.spawn(move |world| async move {
                    let (semaphore, stop) = &*shared;
                    while !stop.load(SeqCst) {
                        let permit = semaphore.acquire().on(world).await;
                        if hold.is_zero() {
                            world.yield_now().await;
                        } else {
                            // Not all at the same moment.
                            let part = hold.mul_f32(fastrand::f32());
                            Event::new().wait().timeout(part).on(world).await.unwrap_err();
                        }
                        drop(permit);
                    }
                }));
            }
            for _ in 0..3 {
                let all = shared.0.acquire_many(MAX).on(world).await;
                assert_eq!(shared.0.available_permits(), 0);
                drop(all);
            }
            shared.1.store(true, SeqCst);
            for party in parties {
                party.join().await;
            }
            assert_eq!(shared.0.available_permits(), MAX);
        }
    }

    /// The bounded one stays within its bound, also with releases that race.
    async fn bounded(world: World) {
        const MAX: usize = 3;
        let semaphore = Arc::new(BoundedSemaphore::new(MAX));
        let (accepted, taken) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut parties = Vec::new();
        for party in 0..6 {
            let (semaphore, accepted, taken) = (semaphore.clone(), accepted.clone(), taken.clone());
            parties.push(world.spawn(move |world| async move {
                for round in 0..500 {
                    assert!(semaphore.available_permits() <= MAX);
                    if (party + round) % 2 == 0 {
                        if let Some(permit) = semaphore.try_acquire() {
                            taken.fetch_add(1, SeqCst);
                            permit.forget();
                        }
                    } else if semaphore.release(1).is_ok() {
                        accepted.fetch_add(1, SeqCst);
                    }
                    if round % 16 == 0 {
                        world.yield_now().await;
                    }
                }
            }));
        }
        for party in parties {
            party.join().await;
        }
        let (accepted, taken) = (accepted.load(SeqCst), taken.load(SeqCst));
        assert_eq!(semaphore.available_permits() + taken, MAX + accepted);
    }

    /// A panic with a permit in hand gives it back.
    async fn panics(world: World) {
        let semaphore = Arc::new(Semaphore::new(1));
        let fails = semaphore.clone();
        let party = world.spawn(move |world| async move {
            let result = futures::FutureExt::catch_unwind(AssertUnwindSafe(async {
                let _permit = fails.acquire().on(world).await;
                panic!("with the permit in hand");
            }));
            let result: Result<(), _> = result.await;
            assert!(result.is_err());
        });
        party.join().await;
        drop(semaphore.acquire().on(world).await);
    }
}

#[test]
fn a_bound_is_never_passed() {
    let semaphore = BoundedSemaphore::new(3);
    assert_eq!(semaphore.release(1), Err(ReleaseError));
    let permits = semaphore.acquire_many(2).block();
    assert_eq!(semaphore.release(3), Err(ReleaseError));
    assert_eq!(
        semaphore.available_permits(),
        1,
        "the error has changed something"
    );
    assert_eq!(semaphore.release(1), Ok(()));
    drop(permits);
    assert_eq!(semaphore.available_permits(), 3, "one of the two is gone");
    assert_eq!(semaphore.max_permits(), 3);
    assert_eq!(semaphore.release(usize::MAX), Err(ReleaseError));
    assert_eq!(semaphore.release(0), Ok(()));
}

#[test]
fn permits_are_counted() {
    let (semaphore, other) = (Arc::new(Semaphore::new(5)), Arc::new(Semaphore::new(5)));
    let mut permits = semaphore.acquire_many_owned(3).block();
    permits.merge(semaphore.acquire_owned().block());
    assert_eq!((permits.count(), semaphore.available_permits()), (4, 1));
    let part = permits.split(3).unwrap();
    assert_eq!((permits.count(), part.count()), (1, 3));
    assert!(permits.split(2).is_none());
    part.forget();
    assert_eq!(semaphore.available_permits(), 1);
    let foreign = other.acquire_owned().block();
    let merge = catch_unwind(AssertUnwindSafe(|| permits.merge(foreign)));
    assert!(merge.is_err());
    assert_eq!(other.available_permits(), 5);
    drop(permits);
    assert_eq!(semaphore.available_permits(), 2);
    semaphore.release(3);
    assert!(semaphore.try_acquire_many_owned(6).is_none());
    assert!(semaphore.try_acquire_many_owned(5).is_some());
    assert!(semaphore.try_acquire_owned().is_some());
}

#[test]
fn none_at_all_are_had_at_once() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.acquire().block();
    assert_eq!(semaphore.acquire_many(0).block().count(), 0);
    assert_eq!(semaphore.try_acquire_many(0).unwrap().count(), 0);
    assert!(Hand::new().poll(&mut semaphore.acquire_many(0)).is_ready());
    drop(permit);
}

#[test]
fn too_many() {
    let message = |action: &dyn Fn()| {
        let payload = catch_unwind(AssertUnwindSafe(action)).unwrap_err();
        payload.downcast::<String>().map_or_else(
            |payload| payload.downcast::<&str>().unwrap().to_string(),
            |message| *message,
        )
    };
    let semaphore = Semaphore::new(1);
    let max = usize::MAX / 8;
    assert!(message(&|| drop(Semaphore::new(max + 1))).contains("can't hold"));
    assert!(message(&|| semaphore.release(max)).contains("can't hold"));
    assert!(message(&|| semaphore.release(usize::MAX)).contains("can't hold"));
    assert_eq!(semaphore.available_permits(), 1);
    semaphore.release(max - 1);
    assert_eq!(semaphore.available_permits(), max);
    let bounded = BoundedSemaphore::new(2);
    assert!(message(&|| drop(bounded.acquire_many(3))).contains("at most 2"));
    assert!(message(&|| drop(bounded.try_acquire_many(3))).contains("at most 2"));
    assert!(message(&|| drop(semaphore.acquire_many(max + 1))).contains("can never be acquired"));
}

/// Two releases before the first woken waiter runs wake two.
#[test]
fn a_release_wakes_a_further_waiter() {
    let (semaphore, hands) = (Semaphore::new(0), [Hand::new(), Hand::new()]);
    let mut waits = [semaphore.acquire(), semaphore.acquire()];
    for (hand, wait) in hands.iter().zip(&mut waits) {
        assert!(hand.poll(wait).is_pending());
    }
    semaphore.release(1);
    assert_eq!(hands.each_ref().map(Hand::woken), [1, 0]);
    semaphore.release(1);
    assert_eq!(hands.each_ref().map(Hand::woken), [1, 1]);
}

/// The first was notified of three permits, of which a newcomer has taken one: what is left is for the second.
#[test]
fn what_is_too_little_for_one_is_for_the_next() {
    let (semaphore, hands) = (Semaphore::new(0), [Hand::new(), Hand::new()]);
    let (mut three, mut two) = (semaphore.acquire_many(3), semaphore.acquire_many(2));
    assert!(hands[0].poll(&mut three).is_pending());
    assert!(hands[1].poll(&mut two).is_pending());
    semaphore.release(3);
    assert_eq!(hands.each_ref().map(Hand::woken), [1, 0]);
    let newcomer = semaphore.try_acquire().unwrap();
    assert!(hands[0].poll(&mut three).is_pending());
    assert_eq!(hands[1].woken(), 1);
    assert!(hands[1].poll(&mut two).is_ready());
    drop(newcomer);
}

/// Several that wait for more than there is are passed over; nobody behind them has to wait for that.
#[test]
fn passed_over() {
    let (semaphore, hand, last) = (Semaphore::new(1), Hand::new(), Hand::new());
    let mut many = [(); 20].map(|()| semaphore.acquire_many(3));
    for wait in &mut many {
        assert!(hand.poll(wait).is_pending());
    }
    let permit = semaphore.try_acquire().unwrap();
    let mut one = semaphore.acquire();
    assert!(last.poll(&mut one).is_pending());
    drop(permit);
    assert_eq!((hand.woken(), last.woken()), (0, 1));
    assert!(last.poll(&mut one).is_ready());
    semaphore.release(2);
    assert_eq!(hand.woken(), 1);
}

/// Threads that wait one after the other, behind a task that was notified and that nobody polls.
#[test]
fn threads_behind_an_unpolled_task() {
    watched(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut unpolled = semaphore.acquire();
        assert!(Hand::new().poll(&mut unpolled).is_pending());
        semaphore.release(1);
        let permit = semaphore.try_acquire().unwrap();
        let threads = [(); 3].map(|()| {
            let semaphore = semaphore.clone();
            thread::spawn(move || drop(semaphore.acquire().block()))
        });
        // So that all of them wait, mostly.
        thread::sleep(Duration::from_millis(20));
        drop(permit);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        drop(unpolled);
        assert_eq!(semaphore.available_permits(), 1);
    });
}

/// The same with tasks that are polled, behind one that is not.
#[test]
fn tasks_behind_an_unpolled_task() {
    let (semaphore, hands) = (Semaphore::new(0), [Hand::new(), Hand::new(), Hand::new()]);
    let mut waits = [(); 4].map(|()| semaphore.acquire());
    assert!(Hand::new().poll(&mut waits[3]).is_pending());
    semaphore.release(1);
    let permit = semaphore.try_acquire().unwrap();
    for (hand, wait) in hands.iter().zip(&mut waits) {
        assert!(hand.poll(wait).is_pending());
    }
    drop(permit);
    for (hand, wait) in hands.iter().zip(&mut waits) {
        assert_eq!(hand.woken(), 1);
        assert!(hand.poll(wait).is_ready());
    }
}

/// Of two waits of a task the first has been told, and is not polled again; the second asks in vain, and is woken
/// when there is a permit.
#[test]
fn the_second_wait_of_a_task() {
    let (semaphore, hand) = (Semaphore::new(0), Hand::new());
    let (mut first, mut second) = (semaphore.acquire(), semaphore.acquire());
    assert!(hand.poll(&mut first).is_pending());
    assert!(hand.poll(&mut second).is_pending());
    semaphore.release(1);
    let newcomer = semaphore.try_acquire().unwrap();
    assert!(hand.poll(&mut second).is_pending());
    assert_eq!(hand.woken(), 1);
    drop(newcomer);
    assert_eq!(hand.woken(), 2);
    assert!(hand.poll(&mut second).is_ready());
}

/// One permit at a time comes back and is taken again, until those who come have to stand back for one who wants more and is
/// polled whenever it is woken.
fn until_reserved(semaphore: &Semaphore, starving: &mut (impl Future + Unpin), hand: &Hand) {
    let (start, mut woken) = (Instant::now(), 0);
    while let Poll::Ready(permit) = Hand::new().poll(&mut semaphore.acquire()) {
        drop(permit);
        if hand.woken() > woken {
            woken = hand.woken();
            assert!(hand.poll(starving).is_pending());
        }
        let elapsed = start.elapsed();
        assert!(elapsed < Duration::from_secs(30), "it reserves nothing");
    }
}

/// A request for many reserves, also behind a task that has been told and is not polled.
#[test]
fn many_behind_an_unpolled_task() {
    let semaphore = Semaphore::new(2);
    let mut both = semaphore.acquire_many(2).block();
    let (mut unpolled, mut many, hand) =
        (semaphore.acquire(), semaphore.acquire_many(2), Hand::new());
    assert!(Hand::new().poll(&mut unpolled).is_pending());
    assert!(hand.poll(&mut many).is_pending());
    drop(both.split(1));
    until_reserved(&semaphore, &mut many, &hand);
    drop(both);
    assert!(hand.poll(&mut many).is_ready());
}

/// The one that the permits are kept for is asked by everyone who comes, until it has been asked and does not answer. Then whoever relied
/// on its answer goes on alone.
#[test]
fn answers_once_and_not_again() {
    let semaphore = Semaphore::new(3);
    let mut all = semaphore.acquire_many(3).block();
    let (many, hands) = (Hand::new(), [Hand::new(), Hand::new()]);
    let mut wants_all = semaphore.acquire_many(3);
    assert!(many.poll(&mut wants_all).is_pending());
    drop(all.split(1));
    until_reserved(&semaphore, &mut wants_all, &many);
    let mut waits = [semaphore.acquire(), semaphore.acquire()];
    for (hand, wait) in hands.iter().zip(&mut waits) {
        assert!(many.poll(&mut wants_all).is_pending());
        let woken = many.woken();
        assert!(hand.poll(wait).is_pending());
        assert_eq!(many.woken(), woken + 1, "it is not asked");
    }
    let woken = hands[0].woken();
    assert!(hands[0].poll(&mut waits[0]).is_pending());
    assert_eq!(hands[0].woken(), woken + 1, "nobody else will wake it");
    drop(all);
}

/// A task that is polled when its turn comes, once it has been woken.
struct InTurn {
    number: usize,
    turns: Arc<Mutex<VecDeque<usize>>>,
}

impl Wake for InTurn {
    fn wake(self: Arc<Self>) {
        let mut turns = self.turns.lock().unwrap();
        if !turns.contains(&self.number) {
            turns.push_back(self.number);
        }
    }
}

/// While permits gather nobody keeps polling: who stands back asks once, is answered, and sleeps. Nor do several of them, who have slept
/// before there was a permit, wake each other.
#[test]
fn nobody_is_busy_while_permits_gather() {
    for (ones, slept) in [(1, false), (3, false), (1, true), (2, true), (3, true)] {
        let semaphore = Semaphore::new(3);
        let mut all = semaphore.acquire_many(3).block();
        let hand = Hand::new();
        let mut wants_all = semaphore.acquire_many(3);
        assert!(hand.poll(&mut wants_all).is_pending());
        drop(all.split(1));
        until_reserved(&semaphore, &mut wants_all, &hand);
        let taken = semaphore.try_acquire().filter(|_| slept);
        let turns = Arc::default();
        let mut waits = vec![wants_all];
        waits.extend((0..ones).map(|_| semaphore.acquire()));
        let poll = |waits: &mut Vec<_>, number| {
            let turns = Arc::clone(&turns);
            let waker = Waker::from(Arc::new(InTurn { number, turns }));
            poll_with(&waker, &mut waits[number])
        };
        for number in 0..=ones {
            assert!(poll(&mut waits, number).is_pending());
        }
        drop(taken);
        let mut polls = 0;
        while let Some(number) = { turns.lock().unwrap().pop_front() } {
            assert!(poll(&mut waits, number).is_pending(), "it is kept");
            polls += 1;
            assert!(polls < 100, "they keep waking each other");
        }
        drop(all.split(1));
        drop(all);
        assert!(poll(&mut waits, 0).is_ready());
        assert_eq!(semaphore.available_permits(), 3);
    }
}

#[test]
fn more_than_a_number_can_say() {
    let (semaphore, max) = (Semaphore::new(0), usize::MAX / 8);
    semaphore.release(max);
    let mut sum = semaphore.acquire_many(max).block();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..9 {
            semaphore.release(max);
            let more = semaphore.acquire_many(max).block();
            sum.merge(more);
        }
    }));
    assert!(panic.is_err());
    sum.forget();
}

/// Many who all want more than there is, one of whom is woken now and then: they don't wake each other for ever.
#[test]
fn too_little_for_all_is_quiet() {
    let semaphore = Semaphore::new(0);
    let hands = [(); 9].map(|()| Hand::new());
    let mut waits = [(); 9].map(|()| semaphore.acquire_many(2));
    for (hand, wait) in hands.iter().zip(&mut waits) {
        assert!(hand.poll(wait).is_pending());
    }
    for _ in 0..20 {
        semaphore.release(1);
        semaphore.try_acquire().unwrap().forget();
    }
    semaphore.release(1);
    let mut seen = [0; 9];
    let mut polls = 0;
    while let Some(woken) = (0..9).find(|party| hands[*party].woken() > seen[*party]) {
        seen[woken] = hands[woken].woken();
        assert!(hands[woken].poll(&mut waits[woken]).is_pending());
        polls += 1;
        assert!(
            polls < 100,
            "there is one permit, and they don't come to rest"
        );
    }
}

/// The same for numbers beyond what 32 bits hold: what is too little is not taken for enough.
#[cfg(target_pointer_width = "64")]
#[test]
fn far_too_little_is_quiet() {
    let many = u32::MAX as usize;
    let (semaphore, hand) = (Semaphore::new(many), Hand::new());
    let mut wait = semaphore.acquire_many(2 * many);
    assert!(hand.poll(&mut wait).is_pending());
    for _ in 0..20 {
        semaphore.release(1);
        let woken = hand.woken();
        assert!(hand.poll(&mut wait).is_pending());
        assert_eq!(hand.woken(), woken, "it wakes itself");
    }
    semaphore.release(many - 20);
    assert!(hand.poll(&mut wait).is_ready());
}

/// Threads that all want as many as a word holds are told of them together, whatever the sum.
#[test]
fn all_want_as_many_as_a_word_holds() {
    let (semaphore, max) = (Semaphore::new(0), usize::MAX / 8);
    let mut waits = [(); 9].map(|()| semaphore.acquire_many(max));
    for wait in &mut waits {
        block_on(async { assert!(poll!(wait).is_pending()) });
    }
    semaphore.release(max);
    for wait in waits {
        drop(block_on(wait));
    }
    assert_eq!(semaphore.available_permits(), max);
}

/// One that wants more than there is isn't woken by everything that comes, only now and then, to find out for how long that has been so.
#[test]
fn too_little_and_asked_now_and_then() {
    let (semaphore, hand) = (Semaphore::new(0), Hand::new());
    let mut wait = semaphore.acquire_many(2);
    assert!(hand.poll(&mut wait).is_pending());
    for round in 1..=8 {
        semaphore.release(1);
        assert_eq!(hand.woken(), round / 8);
        semaphore.try_acquire().unwrap().forget();
    }
}

/// Told that there is a permit, it gives up: the next one is told.
#[test]
fn told_and_dropped() {
    let (semaphore, next) = (Semaphore::new(0), Hand::new());
    let (mut first, mut second) = (semaphore.acquire(), semaphore.acquire());
    assert!(Hand::new().poll(&mut first).is_pending());
    assert!(next.poll(&mut second).is_pending());
    semaphore.release(1);
    assert_eq!(next.woken(), 0);
    drop(first);
    assert_eq!(next.woken(), 1, "the permit is free and nobody knows");
    assert!(next.poll(&mut second).is_ready());
}

/// Three have been told of a permit each. As they come, nobody else is woken for the permits of those who are still to come.
#[test]
fn told_and_still_to_come() {
    let semaphore = Semaphore::new(0);
    let hands = [(); 4].map(|()| Hand::new());
    let mut waits = [(); 4].map(|()| semaphore.acquire());
    for (hand, wait) in hands.iter().zip(&mut waits) {
        assert!(hand.poll(wait).is_pending());
    }
    semaphore.release(3);
    let mut permits = Vec::new();
    for (hand, wait) in hands.iter().zip(&mut waits).take(3) {
        let Poll::Ready(permit) = hand.poll(wait) else {
            panic!("there are as many permits")
        };
        permits.push(permit);
        assert_eq!(hands[3].woken(), 0, "woken in vain");
    }
    permits.pop();
    assert_eq!(hands[3].woken(), 1);
}

/// Told of three permits, it gives up when two of them have been taken: the one that is left is for one of those behind.
#[test]
fn told_of_more_than_is_left() {
    let (semaphore, hands) = (Semaphore::new(0), [Hand::new(), Hand::new()]);
    let mut three = semaphore.acquire_many(3);
    assert!(Hand::new().poll(&mut three).is_pending());
    let mut waits = [semaphore.acquire(), semaphore.acquire()];
    for (hand, wait) in hands.iter().zip(&mut waits) {
        assert!(hand.poll(wait).is_pending());
    }
    semaphore.release(3);
    let newcomer = semaphore.try_acquire_many(2).unwrap();
    drop(three);
    assert_eq!(hands.each_ref().map(Hand::woken), [1, 0]);
    drop(newcomer);
}

/// Its time is up: a release counts on it no more.
#[test]
fn one_whose_time_is_up_is_out_of_the_queue() {
    let (semaphore, next) = (Semaphore::new(0), Hand::new());
    let mut first = semaphore.acquire().timeout(Duration::from_millis(1));
    while Hand::new().poll(&mut first).is_pending() {
        thread::yield_now();
    }
    let mut second = semaphore.acquire();
    assert!(next.poll(&mut second).is_pending());
    semaphore.release(1);
    assert_eq!(next.woken(), 1);
    assert!(next.poll(&mut second).is_ready());
    drop(first);
}

/// A request for many has reserved, and gives up: what is there is for everybody again.
#[test]
fn many_give_up() {
    let (semaphore, hand) = (Semaphore::new(2), Hand::new());
    let mut both = semaphore.acquire_many(2).block();
    let mut many = semaphore.acquire_many(2);
    assert!(hand.poll(&mut many).is_pending());
    drop(both.split(1));
    until_reserved(&semaphore, &mut many, &hand);
    drop(many);
    assert!(Hand::new().poll(&mut semaphore.acquire()).is_ready());
    drop(both);
}
