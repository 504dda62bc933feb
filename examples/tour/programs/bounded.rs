//! A bounded semaphore counts what can't become more: the places of a car park. To let
//! one car out more than came in is an error, and changes nothing. A plain semaphore
//! takes it for a new place.

use std::sync::Arc;

use amphi::{BoundedSemaphore, ReleaseError, Semaphore};

use crate::stage::{Me, Stage, UNIT, Verdict, join_all};

const PLACES: usize = 3;
const CARS: usize = 5;

type Park = Arc<BoundedSemaphore>;

pub fn play(stage: &Stage) -> Verdict {
    let park = Park::new(BoundedSemaphore::new(PLACES));
    let let_out = |cars| {
        stage
            .start("keeper", |me| keeper(me, cars, park.clone()))
            .join()
    };

    let cars = (1..=CARS)
        .map(|n| stage.start(format!("car {n}"), |me| car(me, park.clone())))
        .collect();
    for (n, left) in (1..).zip(join_all(cars)?) {
        ensure!(left.is_ok(), "car {n} was not let out: {left:?}");
    }
    ensure!(
        let_out(1)? == (Err(ReleaseError), PLACES),
        "a car has left an empty car park"
    );

    let permit = park.acquire().block();
    ensure!(
        let_out(2)? == (Err(ReleaseError), PLACES - 1),
        "two cars have left where one was"
    );
    drop(permit);
    let free = park.available_permits();
    ensure!(free == PLACES, "{free} places are free instead of {PLACES}");

    // Nobody notices it here.
    let plain = Semaphore::new(PLACES);
    plain.release(1);
    let free = plain.available_permits();
    ensure!(free == PLACES + 1, "the plain semaphore has {free} permits");

    Ok(format!(
        "one too many is an error: {PLACES} places; a plain semaphore makes it {free}"
    ))
}

/// Comes and goes. It leaves by a gate that knows nothing of the permit at the entrance.
async fn car(me: Me, park: Park) -> Result<(), ReleaseError> {
    me.wait(park.acquire()).await.forget();
    me.say("parks");
    me.sleep(UNIT / 2).await;
    me.say("leaves");
    park.release(1)
}

/// Lets cars out. Returns what came of it, and how many places are free then.
async fn keeper(me: Me, cars: usize, park: Park) -> (Result<(), ReleaseError>, usize) {
    let outcome = park.release(cars);
    let free = park.available_permits();
    match outcome {
        Ok(()) => me.say(format_args!("lets {cars} out, {free} places are free")),
        Err(error) => me.say(format_args!("can't let {cars} out: {error}")),
    }
    (outcome, free)
}
