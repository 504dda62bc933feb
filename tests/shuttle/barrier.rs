//! The barrier among three and four: all go on, or all get the error; and nobody sleeps through it.

use super::{Party, Patience, SOON, join, model, task, thread};
use amphi::{Barrier, BarrierError, BarrierWait};
use shuttle::sync::Arc;

type Arrived = Result<BarrierWait, BarrierError>;

#[test]
fn three_rounds() {
    model(12_000, || {
        let barrier = Arc::new(Barrier::new(3));
        let parties = [
            thread(&barrier, |barrier| {
                [(); 3].map(|()| barrier.wait().block().unwrap().index())
            }),
            task(&barrier, async |barrier| {
                let mut indices = [0; 3];
                for index in &mut indices {
                    *index = barrier.wait().await.unwrap().index();
                }
                indices
            }),
        ];
        let mine = [(); 3].map(|()| barrier.wait().block().unwrap().index());
        let [first, second] = join(parties);
        for round in 0..3 {
            assert_eq!(mine[round] + first[round] + second[round], 3);
        }
        assert_eq!(barrier.waiting(), 0);
    });
}

fn arrives(barrier: &Arc<Barrier>) -> Party<Arrived> {
    thread(barrier, |barrier| barrier.wait().block())
}

fn arrives_in_a_task(barrier: &Arc<Barrier>) -> Party<Arrived> {
    task(barrier, async |barrier| barrier.wait().await)
}

#[test]
fn abort_against_three() {
    model(12_000, || {
        let barrier = Arc::new(Barrier::new(3));
        let parties = [
            arrives(&barrier),
            arrives_in_a_task(&barrier),
            arrives(&barrier),
        ];
        barrier.abort();
        let arrived = parties.map(|party| party.join().is_ok());
        assert!(arrived.iter().all(|ok| *ok == arrived[0]));
        assert!(barrier.is_broken());
    });
}

/// Three come to a barrier of three, and another one that gives up: perhaps when it had been counted, and had not noticed yet that
/// all were there.
#[test]
fn one_that_gives_up() {
    model(18_000, || {
        let barrier = Arc::new(Barrier::new(3));
        let gives_up = task(&barrier, async |barrier| {
            let wait = barrier.wait().or(Patience::some()).await;
            wait.is_ok_and(|arrived| arrived.is_ok())
        });
        let parties = [
            arrives(&barrier),
            arrives_in_a_task(&barrier),
            arrives(&barrier),
        ];
        let has_gone_on = gives_up.join();
        barrier.abort();
        let others = join(parties).iter().flatten().count();
        match has_gone_on {
            true => assert_eq!(others, 2),
            false => assert_ne!(others, 1),
        }
        assert_eq!(barrier.waiting(), 0);
    });
}

/// A timeout breaks it for all, or for none of the three.
#[test]
fn timeout_against_three() {
    model(18_000, || {
        let barrier = Arc::new(Barrier::new(3));
        let is_late = thread(&barrier, |barrier| barrier.wait().timeout(SOON).block());
        let others = [arrives(&barrier), arrives_in_a_task(&barrier)];
        let in_time = is_late.join().is_ok();
        let others = join(others);
        assert!(others.iter().all(|other| other.is_ok() == in_time));
        assert_eq!(barrier.is_broken(), !in_time);
    });
}

/// A reset sends away those who wait, an abort everybody else; those who go on are two each time.
#[test]
fn reset_and_abort_against_four() {
    model(12_000, || {
        let barrier = Arc::new(Barrier::new(2));
        let parties = [
            arrives(&barrier),
            arrives_in_a_task(&barrier),
            arrives(&barrier),
            arrives_in_a_task(&barrier),
        ];
        let resets = thread(&barrier, |barrier| barrier.reset());
        resets.join();
        barrier.abort();
        let arrived = join(parties);
        assert_eq!(arrived.iter().flatten().count() % 2, 0);
        assert_eq!(barrier.waiting(), 0);
    });
}
