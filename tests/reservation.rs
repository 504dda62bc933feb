//! What a reservation must not do: outlive the one that it was made for.

mod worlds;

use amphi::mutex::Lock;
use amphi::{Condvar, Mutex, MutexGuard, Permit, Queue, ReentrantMutex, Semaphore, Wait, lock_all};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Poll, RawWaker, RawWakerVTable, Waker};
use std::thread::sleep;
use std::time::{Duration, Instant};
use worlds::{Hand, poll_with};

/// Whether a newcomer gets the lock at its first poll, as it does if nothing is reserved.
fn is_free_for_all(mutex: &Mutex<()>) -> bool {
    Hand::new().poll(&mut mutex.lock()).is_ready()
}

#[test]
fn the_only_waiter_gives_up_after_a_fair_unlock() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let mut wait = mutex.lock();
    assert!(Hand::new().poll(&mut wait).is_pending());
    MutexGuard::unlock_fair(guard);
    assert!(!is_free_for_all(&mutex));
    drop(wait);
    assert!(is_free_for_all(&mutex));
}

#[test]
fn somebody_who_waits_for_nothing_barges_in() {
    let (mutex, hand) = (Mutex::new(()), Hand::new());
    let guard = mutex.try_lock().unwrap();
    let mut wait = mutex.lock();
    assert!(hand.poll(&mut wait).is_pending());
    MutexGuard::unlock_fair(guard);
    let guard = mutex.try_lock().unwrap();
    assert!(hand.poll(&mut wait).is_pending());
    drop(guard);
    assert!(hand.poll(&mut wait).is_ready());
    assert!(is_free_for_all(&mutex));
}

/// The same, and the lock is given back fairly: the one that it was kept for has been told, nobody else waits.
#[test]
fn somebody_barges_in_and_is_fair() {
    let (mutex, hand) = (Mutex::new(()), Hand::new());
    let guard = mutex.try_lock().unwrap();
    let mut wait = mutex.lock();
    assert!(hand.poll(&mut wait).is_pending());
    MutexGuard::unlock_fair(guard);
    MutexGuard::unlock_fair(mutex.try_lock().unwrap());
    assert!(is_free_for_all(&mutex), "it is kept for nobody");
    assert!(hand.poll(&mut wait).is_ready());
}

#[test]
fn a_condvars_waiter_takes_it_back() {
    let (mutex, changed, hand) = (Mutex::new(()), Condvar::new(), Hand::new());
    let mut wait = changed.wait(mutex.try_lock().unwrap());
    assert!(hand.poll(&mut wait).is_pending());
    let guard = mutex.try_lock().unwrap();
    changed.notify_one();
    assert!(hand.poll(&mut wait).is_pending());
    MutexGuard::unlock_fair(guard);
    assert!(hand.poll(&mut wait).is_ready());
    assert!(is_free_for_all(&mutex));
}

type Locking<'a> = Wait<Lock<'a, ()>>;

/// A wait that has been woken in vain for more than a millisecond, and holds a reservation.
fn starve<'a>(mutex: &'a Mutex<()>, hand: &Hand) -> Locking<'a> {
    starve_behind(mutex, hand, || ()).1
}

/// The same behind others, who begin to wait anew before each of its turns.
fn starve_behind<'a, A>(
    mutex: &'a Mutex<()>,
    hand: &Hand,
    mut others: impl FnMut() -> A,
) -> (A, Locking<'a>) {
    let mut starving = mutex.lock();
    let start = Instant::now();
    loop {
        let guard = mutex.try_lock().unwrap();
        let ahead = others();
        assert!(hand.poll(&mut starving).is_pending());
        drop(guard);
        if !is_free_for_all(mutex) {
            return (ahead, starving);
        }
        let elapsed = start.elapsed();
        assert!(elapsed < Duration::from_secs(30), "it reserves nothing");
    }
}

/// A wait that stands in the list.
fn queued(mutex: &Mutex<()>) -> Locking<'_> {
    let mut wait = mutex.lock();
    assert!(Hand::new().poll(&mut wait).is_pending());
    wait
}

/// One that is reached like a thread.
fn queued_in_block_on(mutex: &Mutex<()>) -> Locking<'_> {
    let mut wait = mutex.lock();
    amphi::block_on(async { assert!(futures::poll!(&mut wait).is_pending()) });
    wait
}

/// One that is to take the lock, one behind it that is told to stand back, because something like a thread is to be reached,
/// and the one that starves, which has made a reservation.
fn starve_behind_two<'a>(mutex: &'a Mutex<()>, hand: &Hand) -> ([Locking<'a>; 2], Locking<'a>) {
    starve_behind(mutex, hand, || [queued(mutex), queued_in_block_on(mutex)])
}

#[test]
fn the_starving_waiter_gives_up() {
    let (mutex, hand) = (Mutex::new(()), Hand::new());
    let wait = starve(&mutex, &hand);
    drop(wait);
    assert!(is_free_for_all(&mutex));
}

#[test]
fn the_starving_waiter_succeeds() {
    let (mutex, hand) = (Mutex::new(()), Hand::new());
    let mut wait = starve(&mutex, &hand);
    assert!(hand.poll(&mut wait).is_ready());
    assert!(is_free_for_all(&mutex));
}

/// It gets the lock by a poll of its own, before its turn, while others wait: they are not kept
/// apart from newcomers any longer.
#[test]
fn the_starving_waiter_succeeds_before_its_turn() {
    let (mutex, hand) = (Mutex::new(()), Hand::new());
    let ((_ahead, woken), mut starving) =
        starve_behind(&mutex, &hand, || (queued(&mutex), hand.woken()));
    assert_eq!(hand.woken(), woken, "it was not its turn");
    assert!(hand.poll(&mut starving).is_ready());
    assert!(is_free_for_all(&mutex));
}

/// It comes when it is called, and is too late: it is next again, ahead of all others.
#[test]
fn the_starving_waiter_goes_to_the_front() {
    let (mutex, hand) = (Mutex::new(()), Hand::new());
    let mut starving = starve(&mutex, &hand);
    let guard = mutex.try_lock().unwrap();
    let mut other = mutex.lock();
    assert!(Hand::new().poll(&mut other).is_pending());
    assert!(hand.poll(&mut starving).is_pending());
    let woken = hand.woken();
    drop(guard);
    assert_eq!(hand.woken(), woken + 1);
    assert!(hand.poll(&mut starving).is_ready());
}

/// It comes too late, and the lock is kept for it again.
#[test]
fn the_starving_waiter_comes_too_late() {
    let (mutex, hand) = (Mutex::new(()), Hand::new());
    let mut starving = starve(&mutex, &hand);
    let guard = mutex.try_lock().unwrap();
    assert!(hand.poll(&mut starving).is_pending());
    drop(guard);
    assert!(!is_free_for_all(&mutex));
    assert!(hand.poll(&mut starving).is_ready());
}

/// Woken together with one that is ahead of it, it goes first.
#[test]
fn those_ahead_of_the_starving_waiter_stand_back() {
    let (mutex, hand) = (Mutex::new(()), Hand::new());
    let two = || [queued(&mutex), queued(&mutex)];
    let (mut ahead, mut starving) = starve_behind(&mutex, &hand, two);
    // The first of them has been told, and does not come. One that is reached like a thread waits behind them all.
    let guard = mutex.try_lock().unwrap();
    let _driven = queued_in_block_on(&mutex);
    drop(guard);
    assert!(
        Hand::new().poll(&mut ahead[1]).is_pending(),
        "it is not kept for that one"
    );
    assert!(hand.poll(&mut starving).is_ready());
}

/// It gives up while others wait: they are not kept apart from newcomers any longer.
#[test]
fn the_starving_waiter_gives_up_among_others() {
    let (mutex, hand) = (Mutex::new(()), Hand::new());
    let mut starving = starve(&mutex, &hand);
    let guard = mutex.try_lock().unwrap();
    assert!(hand.poll(&mut starving).is_pending());
    let mut other = mutex.lock();
    assert!(Hand::new().poll(&mut other).is_pending());
    drop(starving);
    drop(guard);
    assert!(is_free_for_all(&mutex));
}

/// Patience begins anew when the lock was found held in between.
#[test]
fn patience_begins_anew() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let (mut first, mut second, mut patient) = (mutex.lock(), mutex.lock(), mutex.lock());
    assert!(Hand::new().poll(&mut first).is_pending());
    assert!(Hand::new().poll(&mut second).is_pending());
    MutexGuard::unlock_fair(guard);
    assert!(Hand::new().poll(&mut patient).is_pending());
    let guard = mutex.try_lock().unwrap();
    assert!(Hand::new().poll(&mut patient).is_pending());
    sleep(Duration::from_millis(2));
    MutexGuard::unlock_fair(guard);
    assert!(Hand::new().poll(&mut patient).is_pending());
}

/// It has been called, and does not come: the next release does not keep the lock for it any more.
#[test]
fn the_starving_waiter_does_not_come() {
    let (mutex, hand) = (Mutex::new(()), Hand::new());
    let mut wait = starve(&mutex, &hand);
    // Somebody else waits, so the reservation does not end for want of anybody to wake.
    let mut other = mutex.lock();
    assert!(Hand::new().poll(&mut other).is_pending());
    drop(mutex.try_lock().unwrap());
    assert!(is_free_for_all(&mutex));
    let Poll::Ready(guard) = hand.poll(&mut wait) else {
        panic!("the lock is free")
    };
    drop(guard);
    assert!(is_free_for_all(&mutex));
}

/// Whoever has stood back for long enough ends it.
#[test]
fn a_newcomer_loses_patience() {
    let (mutex, hand, newcomer) = (Mutex::new(()), Hand::new(), Hand::new());
    let mut starving = starve(&mutex, &hand);
    let mut wait = mutex.lock();
    let mut polls = 0;
    while newcomer.poll(&mut wait).is_pending() {
        polls += 1;
        assert_eq!(newcomer.woken(), polls, "nobody else would wake it");
    }
    assert!(polls > 0);
    assert!(is_free_for_all(&mutex));
    assert!(hand.poll(&mut starving).is_ready());
}

/// A wait starves, and newcomers stand back. It gets the lock, or gives up among others: then the lock is for everybody again.
fn reserves_and_lifts<G, F, O>(
    hold: impl Fn() -> G,
    is_free_for_all: impl Fn() -> bool,
    wait: impl Fn() -> F,
    other: impl Fn() -> O,
) where
    F: Future + Unpin,
    O: Future + Unpin,
{
    for gives_up in [false, true] {
        let (mut wait, hand) = (wait(), Hand::new());
        let start = Instant::now();
        loop {
            let guard = hold();
            assert!(hand.poll(&mut wait).is_pending());
            drop(guard);
            if !is_free_for_all() {
                break;
            }
            let elapsed = start.elapsed();
            assert!(elapsed < Duration::from_secs(30), "it reserves nothing");
        }
        if gives_up {
            let guard = hold();
            assert!(hand.poll(&mut wait).is_pending());
            let mut behind = other();
            assert!(Hand::new().poll(&mut behind).is_pending());
            drop(wait);
            drop(guard);
            assert!(is_free_for_all());
        } else {
            assert!(hand.poll(&mut wait).is_ready());
        }
        assert!(is_free_for_all());
    }
}

#[test]
fn all_locks_at_once() {
    let mutexes = [Mutex::new(()), Mutex::new(())];
    reserves_and_lifts(
        || mutexes[1].try_lock().unwrap(),
        || is_free_for_all(&mutexes[1]),
        || lock_all(&mutexes[..]),
        || mutexes[1].lock(),
    );
}

#[test]
fn a_reentrant_lock() {
    let mutex = ReentrantMutex::new(());
    reserves_and_lifts(
        || mutex.try_lock().unwrap(),
        || Hand::new().poll(&mut mutex.lock()).is_ready(),
        || mutex.lock(),
        || mutex.lock(),
    );
}

#[test]
fn a_condvars_waiter_that_was_notified() {
    let (mutex, changed) = (Mutex::new(()), Condvar::new());
    reserves_and_lifts(
        || mutex.try_lock().unwrap(),
        || is_free_for_all(&mutex),
        || {
            let mut wait = changed.wait(mutex.try_lock().unwrap());
            assert!(Hand::new().poll(&mut wait).is_pending());
            changed.notify_one();
            wait
        },
        || mutex.lock(),
    );
}

/// One reservation has ended. Those who are ahead of the next one who starves have their turn nevertheless.
#[test]
fn ahead_of_a_second_reservation() {
    let (mutex, hand) = (Mutex::new(()), Hand::new());
    let mut first = starve(&mutex, &hand);
    assert!(hand.poll(&mut first).is_ready());
    let (mut ahead, _starving) = starve_behind(&mutex, &hand, || queued(&mutex));
    assert!(
        Hand::new().poll(&mut ahead).is_ready(),
        "it has been told to stand back"
    );
}

/// Woken beyond the first, only because something like a thread is to be reached, one that is ahead of the starving waiter stands back.
#[test]
fn one_a_release() {
    let (mutex, hand) = (Mutex::new(()), Hand::new());
    let ([mut first, mut driven], _starving) = starve_behind_two(&mutex, &hand);
    assert!(
        Hand::new().poll(&mut driven).is_pending(),
        "it is the other one's turn"
    );
    assert!(Hand::new().poll(&mut first).is_ready());
}

/// However often it is polled meanwhile: a newcomer that has stood back for a millisecond takes the lock at the next poll.
#[test]
fn patience_does_not_begin_anew_by_a_poll() {
    let (mutex, hand, newcomer) = (Mutex::new(()), Hand::new(), Hand::new());
    let _starving = starve(&mutex, &hand);
    let mut wait = mutex.lock();
    assert!(newcomer.poll(&mut wait).is_pending());
    let since = Instant::now();
    loop {
        let is_long = since.elapsed() > Duration::from_millis(2);
        if newcomer.poll(&mut wait).is_ready() {
            break;
        }
        assert!(!is_long, "it still stands back");
    }
}

/// Notified, it comes to the lock as a newcomer does.
#[test]
fn a_condvars_waiter_stands_back() {
    let (mutex, changed) = (Mutex::new(()), Condvar::new());
    let mut wait = changed.wait(mutex.try_lock().unwrap());
    assert!(Hand::new().poll(&mut wait).is_pending());
    let guard = mutex.try_lock().unwrap();
    let (mut called, hand) = (mutex.lock(), Hand::new());
    assert!(hand.poll(&mut called).is_pending());
    changed.notify_one();
    MutexGuard::unlock_fair(guard);
    assert!(
        Hand::new().poll(&mut wait).is_pending(),
        "it is not kept for that one"
    );
    assert!(hand.poll(&mut called).is_ready());
}

/// One that was woken in vain for the first time less than a millisecond ago reserves nothing.
#[test]
fn not_before_a_millisecond() {
    // There may be no round that is quick enough to show anything.
    for _ in 0..1000 {
        let (mutex, hand) = (Mutex::new(()), Hand::new());
        let guard = mutex.try_lock().unwrap();
        let mut wait = mutex.lock();
        assert!(hand.poll(&mut wait).is_pending());
        drop(guard);
        let mut guard = mutex.try_lock().unwrap();
        let since = Instant::now();
        // Four times, since it is not looked at the first time.
        for _ in 0..3 {
            assert!(hand.poll(&mut wait).is_pending());
            drop(guard);
            guard = mutex.try_lock().unwrap();
        }
        assert!(hand.poll(&mut wait).is_pending());
        drop(guard);
        let is_free = is_free_for_all(&mutex);
        if since.elapsed() < Duration::from_micros(800) {
            assert!(is_free, "it is reserved");
        }
    }
}

/// Woken in vain many times in a moment, and then, more than a millisecond later, now and then: how often it was at first
/// does not matter.
#[test]
fn a_waiter_starves_quickly_and_then_slowly() {
    for quick in [9, 33, 65, 129] {
        let (mutex, hand) = (Mutex::new(()), Hand::new());
        let mut starving = mutex.lock();
        let mut in_vain = |pause| {
            let guard = mutex.try_lock().unwrap();
            std::thread::sleep(pause);
            assert!(hand.poll(&mut starving).is_pending());
            drop(guard);
            is_free_for_all(&mutex)
        };
        let mut slow = 0;
        if (0..quick).all(|_| in_vain(Duration::ZERO)) {
            while in_vain(Duration::from_millis(2)) {
                slow += 1;
            }
        }
        assert!(slow < 16, "{quick} times quickly, and then {slow} times");
    }
}

/// The same, woken in vain no more than twice, so that it is by what it did before, and not by how it fares, that it
/// asks for the lock to be kept.
#[test]
fn starved_slowly_and_too_late() {
    let (mutex, hand) = (Mutex::new(()), Hand::new());
    let mut starving = mutex.lock();
    for _ in 0..3 {
        let guard = mutex.try_lock().unwrap();
        assert!(hand.poll(&mut starving).is_pending());
        sleep(Duration::from_millis(2));
        drop(guard);
    }
    assert!(!is_free_for_all(&mutex));
    let guard = mutex.try_lock().unwrap();
    assert!(hand.poll(&mut starving).is_pending());
    drop(guard);
    assert!(!is_free_for_all(&mutex));
    assert!(hand.poll(&mut starving).is_ready());
}

/// Whoever stands back for one that does come begins anew, even if it was not polled at that time.
#[test]
fn patience_begins_anew_after_an_answer() {
    let (mutex, hand) = (Mutex::new(()), Hand::new());
    let mut starving = starve(&mutex, &hand);
    let mut patient = mutex.lock();
    assert!(Hand::new().poll(&mut patient).is_pending());
    let guard = mutex.try_lock().unwrap();
    assert!(hand.poll(&mut starving).is_pending());
    sleep(Duration::from_millis(2));
    drop(guard);
    assert!(Hand::new().poll(&mut patient).is_pending());
    assert!(hand.poll(&mut starving).is_ready());
}

/// Another one starves as well, and gives up. The lock is still kept for the first.
#[test]
fn two_starve() {
    let (mutex, hand) = (Mutex::new(()), Hand::new());
    let (mut first, mut second) = (mutex.lock(), mutex.lock());
    let mut hold = || {
        let guard = mutex.try_lock().unwrap();
        assert!(hand.poll(&mut first).is_pending());
        assert!(hand.poll(&mut second).is_pending());
        sleep(Duration::from_millis(2));
        guard
    };
    // They are woken by turns.
    for _ in 0..4 {
        drop(hold());
    }
    let guard = hold();
    drop(second);
    drop(guard);
    assert!(!is_free_for_all(&mutex));
    assert!(hand.poll(&mut first).is_ready());
}

/// A waker that does these things when it is cloned, one each time.
fn at_each_clone<const N: usize>(actions: [Box<dyn FnOnce()>; N]) -> Waker {
    thread_local! {
        static ACTIONS: RefCell<VecDeque<Box<dyn FnOnce()>>> = const { RefCell::new(VecDeque::new()) };
    }
    static TABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            let action = ACTIONS.with_borrow_mut(VecDeque::pop_front);
            if let Some(action) = action {
                action();
            }
            RawWaker::new(std::ptr::null(), &TABLE)
        },
        |_| {},
        |_| {},
        |_| {},
    );
    ACTIONS.set(actions.into());
    // SAFETY: None of the functions looks at the data.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) }
}

/// Refused, and then the lock is given back and kept for it, before it looks whether it was notified: it gets the lock.
#[test]
fn told_after_it_was_refused() {
    static MUTEX: Mutex<()> = Mutex::new(());
    let guard = MUTEX.try_lock().unwrap();
    let mut wait = MUTEX.lock();
    assert!(Hand::new().poll(&mut wait).is_pending());
    let waker = at_each_clone([Box::new(|| MutexGuard::unlock_fair(guard))]);
    assert!(poll_with(&waker, &mut wait).is_ready());
}

/// Refused, it stands back still if the lock is free when it asks again in the same poll.
#[test]
fn told_to_stand_back_before_it_was_refused() {
    static MUTEX: Mutex<()> = Mutex::new(());
    let hand = Hand::new();
    let ([first, mut driven], mut starving) = starve_behind_two(&MUTEX, &hand);
    let guard = MUTEX.try_lock().unwrap();
    let waker = at_each_clone([Box::new(|| drop(guard))]);
    assert!(poll_with(&waker, &mut driven).is_pending());
    assert!(hand.poll(&mut starving).is_ready());
    drop(first);
}

/// Told of two permits, and to stand back, since they are kept for one that wants three. One of them is taken in the middle of its poll: what is
/// left is for the next one.
#[test]
fn too_little_when_it_asks_again() {
    static SEMAPHORE: Semaphore = Semaphore::new(0);
    let (hand, next) = (Hand::new(), Hand::new());
    let mut many = SEMAPHORE.acquire_many(3);
    for _ in 0..2 {
        assert!(hand.poll(&mut many).is_pending());
        sleep(Duration::from_millis(2));
        SEMAPHORE.release(3);
        SEMAPHORE.try_acquire_many(3).unwrap().forget();
    }
    assert!(hand.poll(&mut many).is_pending());
    let (mut two, mut one) = (SEMAPHORE.acquire_many(2), SEMAPHORE.acquire());
    assert!(Hand::new().poll(&mut two).is_pending());
    assert!(next.poll(&mut one).is_pending());
    SEMAPHORE.release(2);
    assert_eq!(next.woken(), 0);
    let takes = || SEMAPHORE.try_acquire().unwrap().forget();
    let waker = at_each_clone([Box::new(takes)]);
    assert!(poll_with(&waker, &mut two).is_pending());
    assert_eq!(next.woken(), 1, "the wake-up is lost");
    drop(many);
}

/// Told to stand back, it is to queue up again, and its waker panics: somebody else is woken for it.
#[test]
fn a_panic_while_it_stands_back() {
    let (mutex, hand) = (Mutex::new(()), Hand::new());
    let ([first, mut driven], starving) = starve_behind_two(&mutex, &hand);
    let woken = hand.woken();
    let waker = at_each_clone([Box::new(|| {}), Box::new(|| panic!("in clone"))]);
    let poll = AssertUnwindSafe(|| poll_with(&waker, &mut driven).is_pending());
    assert!(catch_unwind(poll).is_err());
    assert_eq!(hand.woken(), woken + 1);
    drop((first, starving));
}

/// There is something for two: one part is kept for the one that starves, and the other one's waiter is told to stand back and gives up.
/// The next waiter hears of it, whether the starving one comes or not.
fn gives_up_standing_back<F: Future + Unpin>(
    wait: impl Fn() -> F,
    give: impl Fn(),
    take: impl Fn() -> bool,
) {
    let hands: [Hand; 3] = std::array::from_fn(|_| Hand::new());
    let [mut starving, mut other, mut next] = [wait(), wait(), wait()];
    let start = Instant::now();
    loop {
        assert!(hands[0].poll(&mut starving).is_pending());
        give();
        let is_kept = Hand::new().poll(&mut wait()).is_pending();
        while take() {}
        if is_kept {
            break;
        }
        let elapsed = start.elapsed();
        assert!(elapsed < Duration::from_secs(30), "it reserves nothing");
    }
    assert!(hands[0].poll(&mut starving).is_pending());
    assert!(hands[1].poll(&mut other).is_pending());
    assert!(hands[2].poll(&mut next).is_pending());
    give();
    give();
    assert!(hands[1].poll(&mut other).is_pending());
    assert_eq!(hands[2].woken(), 0);
    drop(other);
    assert!(hands[2].woken() > 0, "the wake-up is lost");
    while hands[2].poll(&mut next).is_pending() {
        let elapsed = start.elapsed();
        assert!(elapsed < Duration::from_secs(60), "it's kept for ever");
    }
}

#[test]
fn an_items_waiter_gives_up_standing_back() {
    let queue = Queue::unbounded();
    gives_up_standing_back(
        || queue.get(),
        || queue.try_put(()).unwrap(),
        || queue.try_get().is_ok(),
    );
}

#[test]
fn a_permits_waiter_gives_up_standing_back() {
    let semaphore = Semaphore::new(0);
    gives_up_standing_back(
        || semaphore.acquire(),
        || semaphore.release(1),
        || semaphore.try_acquire().map(Permit::forget).is_some(),
    );
}

/// Told that it is its turn, and only then another one asks for the lock to be kept: it takes it nevertheless.
#[test]
fn told_before_it_was_reserved() {
    let (mutex, hand) = (Mutex::new(()), Hand::new());
    let mut starving = mutex.lock();
    for _ in 0..2 {
        let guard = mutex.try_lock().unwrap();
        assert!(hand.poll(&mut starving).is_pending());
        sleep(Duration::from_millis(2));
        drop(guard);
    }
    let guard = mutex.try_lock().unwrap();
    let mut told = queued(&mutex);
    drop(guard);
    let guard = mutex.try_lock().unwrap();
    assert!(hand.poll(&mut starving).is_pending());
    drop(guard);
    assert!(!is_free_for_all(&mutex));
    assert!(Hand::new().poll(&mut told).is_ready());
}

/// A waker that panics when a clone of it is dropped.
fn panics_when_a_clone_is_dropped() -> Waker {
    static CLONE: RawWakerVTable = RawWakerVTable::new(
        |_| RawWaker::new(std::ptr::null(), &CLONE),
        |_| {},
        |_| {},
        |_| panic!("in drop"),
    );
    static TABLE: RawWakerVTable = RawWakerVTable::new(
        |_| RawWaker::new(std::ptr::null(), &CLONE),
        |_| {},
        |_| {},
        |_| {},
    );
    // SAFETY: None of the functions looks at the data.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) }
}

/// Told to stand back, it asks again, is not to have the lock, and a waker that it does not need panics when it is dropped: somebody else is woken
/// for it.
#[test]
fn a_panic_of_a_drop_while_it_stands_back() {
    let (mutex, hand) = (Mutex::new(()), Hand::new());
    let ([first, mut driven], starving) = starve_behind_two(&mutex, &hand);
    let (woken, waker) = (hand.woken(), panics_when_a_clone_is_dropped());
    let poll = AssertUnwindSafe(|| poll_with(&waker, &mut driven).is_pending());
    assert!(catch_unwind(poll).is_err());
    assert_eq!(hand.woken(), woken + 1);
    drop((first, starving));
}

/// The starving waiter gets its permits before its turn, and its waker panics when it is dropped: they are there again, and kept for nobody.
#[test]
fn a_panic_of_a_drop_as_the_starving_waiter_succeeds() {
    let (semaphore, hand) = (Semaphore::new(0), Hand::new());
    let mut many = semaphore.acquire_many(2);
    for _ in 0..2 {
        assert!(hand.poll(&mut many).is_pending());
        sleep(Duration::from_millis(2));
        semaphore.release(2);
        semaphore.try_acquire_many(2).unwrap().forget();
    }
    let mut ahead = [semaphore.acquire(), semaphore.acquire()];
    for wait in &mut ahead {
        assert!(Hand::new().poll(wait).is_pending());
    }
    let waker = panics_when_a_clone_is_dropped();
    assert!(poll_with(&waker, &mut many).is_pending());
    semaphore.release(1);
    semaphore.release(1);
    let poll = AssertUnwindSafe(|| hand.poll(&mut many).is_ready());
    assert!(catch_unwind(poll).is_err());
    assert!(Hand::new().poll(&mut semaphore.acquire()).is_ready());
    drop(ahead);
}
