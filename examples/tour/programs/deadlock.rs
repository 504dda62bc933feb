//! Two parties take two locks in opposite order, so that each holds what the other
//! waits for. With a timeout both notice and back out; and in the same order they both
//! get through. So they do in whatever order if each takes both by one call.

use std::sync::Arc;

use amphi::{Event, Mutex, lock_all};

use crate::stage::{Me, Stage, UNIT, Verdict};

const OFTEN: u32 = 10_000;

/// A lock, what one has locked it for, and how its first owner gets on.
#[derive(Default)]
struct Side {
    lock: Mutex<u32>,
    taken: Event,
    given_up: Event,
}

pub fn play(stage: &Stage) -> Verdict {
    let (left, right) = (Arc::new(Side::default()), Arc::new(Side::default()));

    let one = stage.start("one", |me| clash(me, left.clone(), right.clone()));
    let two = stage.start("two", |me| clash(me, right.clone(), left.clone()));
    ensure!(
        one.join()? && two.join()?,
        "somebody has got a lock that was held"
    );

    let one = stage.start("one", |me| agree(me, left.clone(), right.clone()));
    let two = stage.start("two", |me| agree(me, left.clone(), right.clone()));
    one.join()?;
    two.join()?;
    let (left, right) = (*left.lock.lock().block(), *right.lock.lock().block());
    ensure!(
        (left, right) == (2, 2),
        "locked {left} and {right} times instead of twice each"
    );

    let (left, right) = (Arc::new(Side::default()), Arc::new(Side::default()));
    let one = stage.start("one", |me| take_all(me, left.clone(), right.clone()));
    let two = stage.start("two", |me| take_all(me, right.clone(), left.clone()));
    one.join()?;
    two.join()?;
    let (left, right) = (*left.lock.lock().block(), *right.lock.lock().block());
    ensure!(
        (left, right) == (2 * OFTEN, 2 * OFTEN),
        "locked {left} and {right} times instead of {OFTEN} times by each"
    );

    Ok("both backed out; in the same order, or by one call, both got both locks".into())
}

/// Takes two locks, as the other party does in the opposite order. Returns whether it
/// noticed in time that this can't work.
async fn clash(me: Me, first: Arc<Side>, second: Arc<Side>) -> bool {
    let _first = me.wait(first.lock.lock()).await;
    me.say("holds its first lock");
    first.taken.set();
    me.wait(second.taken.wait()).await;

    let noticed = me.wait(second.lock.lock().timeout(UNIT * 2)).await.is_err();
    if noticed {
        me.say("can't get the second, and backs out");
    }
    // Else the one who gives up first would let the other through.
    first.given_up.set();
    me.wait(second.given_up.wait()).await;
    noticed
}

async fn agree(me: Me, first: Arc<Side>, second: Arc<Side>) {
    let mut first = me.wait(first.lock.lock()).await;
    me.sleep(UNIT / 2).await;
    let mut second = me.wait(second.lock.lock()).await;
    *first += 1;
    *second += 1;
    me.say("holds both locks");
}

/// Takes two locks by one call, as the other party does in the opposite order.
async fn take_all(me: Me, first: Arc<Side>, second: Arc<Side>) {
    for _ in 0..OFTEN {
        let both = lock_all((&first.lock, &second.lock));
        let (mut first, mut second) = me.wait(both).await;
        *first += 1;
        // So that the other one comes and finds them locked.
        me.yield_now().await;
        *second += 1;
    }
    me.say(format_args!("has held both locks {OFTEN} times"));
}
