//! Somebody holds a lock: one who does not wait for it, and one who waits for a
//! while, go without it, and nothing has happened to the lock.

use std::sync::Arc;
use std::time::Duration;

use amphi::{Event, Mutex};

use crate::stage::{Me, Stage, UNIT, Verdict};

const PATIENCE: Duration = UNIT.saturating_mul(3);

#[derive(Default)]
struct Room {
    /// Who has been in.
    guests: Mutex<Vec<String>>,
    occupied: Event,
    time_to_go: Event,
}

pub fn play(stage: &Stage) -> Verdict {
    let room = Arc::new(Room::default());
    let holder = stage.start("holder", |me| hold(me, room.clone()));

    let got_in = stage
        .start("hasty one", |me| try_once(me, room.clone()))
        .join()?;
    ensure!(!got_in, "try_lock has locked a mutex that was held");

    let (got_in, waited) = stage
        .start("patient one", |me| wait(me, room.clone()))
        .join()?;
    ensure!(!got_in, "a mutex that was held has been locked");
    ensure!(waited >= PATIENCE, "gave up after {waited:?} already");
    ensure!(
        waited < PATIENCE + Duration::from_secs(5),
        "gave up after {waited:?} only"
    );

    room.time_to_go.set();
    holder.join()?;
    let (got_in, _) = stage
        .start("next one", |me| wait(me, room.clone()))
        .join()?;
    ensure!(got_in, "the mutex is still locked");
    let guests = room.guests.lock().block();
    ensure!(
        *guests == ["holder", "next one"],
        "those were in: {guests:?}"
    );

    Ok(format!(
        "no lock at once, none after {} ms, but after its release",
        waited.as_millis()
    ))
}

async fn hold(me: Me, room: Arc<Room>) {
    let mut guests = me.wait(room.guests.lock()).await;
    guests.push(me.name().into());
    me.say("holds the lock");
    room.occupied.set();
    me.wait(room.time_to_go.wait()).await;
    me.say("releases the lock");
}

/// Returns whether it got the lock.
async fn try_once(me: Me, room: Arc<Room>) -> bool {
    me.wait(room.occupied.wait()).await;
    let got_in = room.guests.try_lock().is_some();
    me.say(if got_in {
        "has the lock"
    } else {
        "does not wait"
    });
    got_in
}

/// Returns whether it got the lock, and how long it waited.
async fn wait(me: Me, room: Arc<Room>) -> (bool, Duration) {
    me.wait(room.occupied.wait()).await;
    let start = me.now();
    let guests = me.wait(room.guests.lock().timeout(PATIENCE)).await;
    let waited = me.now() - start;
    match guests {
        Ok(mut guests) => {
            me.say("has the lock");
            guests.push(me.name().into());
            (true, waited)
        }
        Err(timed_out) => {
            me.say(format_args!(
                "gives up after {} ms: {timed_out}",
                waited.as_millis()
            ));
            (false, waited)
        }
    }
}
