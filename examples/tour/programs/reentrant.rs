//! Who holds a reentrant lock may take it again: a function that locks calls another one
//! that locks as well. Somebody else gets in only after the last release.
//!
//! A thread is known by itself. A task may be on any thread, so an `owner::scope` around
//! its code says that this is one owner.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use amphi::{Barrier, ReentrantMutex, owner};

use crate::stage::{Me, Stage, UNIT, Verdict};

struct House {
    /// Counts the jobs done in there.
    door: ReentrantMutex<AtomicU32>,
    /// Where host and guest meet before and after the guest's attempts to get in.
    bell: Barrier,
}

impl House {
    async fn ring(&self, me: &Me) {
        let met = me.wait(self.bell.wait()).await;
        met.expect("nobody breaks the bell");
    }
}

pub fn play(stage: &Stage) -> Verdict {
    for host_comes_first in [true, false] {
        let house = Arc::new(House {
            door: ReentrantMutex::default(),
            bell: Barrier::new(2),
        });
        let start_host = || {
            stage.start("host", |me| {
                owner::scope_named("the host", host(me, house.clone()))
            })
        };
        let start_guest = || stage.start("guest", |me| guest(me, house.clone()));
        let (host, guest) = if host_comes_first {
            let host = start_host();
            (host, start_guest())
        } else {
            let guest = start_guest();
            (start_host(), guest)
        };

        let depths = host.join()?;
        ensure!(depths == [1, 2, 1, 0], "the host held it {depths:?} times");
        let (refused_by, done) = guest.join()?;
        ensure!(
            refused_by == ["the host", "the host"],
            "the guest was refused by {refused_by:?}"
        );
        ensure!(done == 2, "the guest got in after {done} of 2 jobs");
    }
    Ok("taken twice and released twice before the guest got in".into())
}

/// Returns how many times it held the lock: before, in and after the inner function, and
/// in the end.
async fn host(me: Me, house: Arc<House>) -> [usize; 4] {
    let jobs = me.wait(house.door.lock()).await;
    me.say("locks the door");
    let before = house.door.depth();
    let inside = inner(&me, &house).await;
    let after = house.door.depth();
    house.ring(&me).await;
    house.ring(&me).await;
    // Meanwhile the guest waits.
    me.sleep(UNIT).await;
    jobs.fetch_add(1, Ordering::Relaxed);
    me.say("releases it for the last time");
    drop(jobs);
    [before, inside, after, house.door.depth()]
}

/// Returns how many times its caller and it hold the lock.
async fn inner(me: &Me, house: &House) -> usize {
    let jobs = me.wait(house.door.lock()).await;
    me.say("locks the door again");
    house.ring(me).await;
    house.ring(me).await;
    jobs.fetch_add(1, Ordering::Relaxed);
    me.say("releases it once");
    house.door.depth()
}

/// Returns who held the lock when it did not get in, and how many jobs were done when it did.
async fn guest(me: Me, house: Arc<House>) -> (Vec<String>, u32) {
    let mut refused_by = Vec::new();
    // While the inner function holds it as well, and when only the outer one does.
    for _ in 0..2 {
        house.ring(&me).await;
        let at_once = house.door.try_lock().is_some();
        let in_time = me.wait(house.door.lock().timeout(UNIT / 2)).await.is_ok();
        if let (false, false, Some(owner)) = (at_once, in_time, house.door.owner()) {
            me.say(format_args!("can't get in: {owner} holds the lock"));
            refused_by.push(owner.to_string());
        }
        house.ring(&me).await;
    }
    let jobs = me.wait(house.door.lock()).await;
    me.say("is in");
    (refused_by, jobs.load(Ordering::Relaxed))
}
