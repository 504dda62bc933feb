//! Diners wait for the host, whose event stays set for those who come later. One is
//! too hungry to wait for long.

use std::sync::Arc;
use std::time::Duration;

use amphi::Event;

use crate::stage::{FOREVER, Me, Stage, UNIT, Verdict, join_all};

pub fn play(stage: &Stage) -> Verdict {
    let served = Arc::new(Event::new());
    let dine = |name: &str, patience| stage.start(name, |me| diner(me, patience, served.clone()));

    let patient = vec![
        dine("diner 1", FOREVER),
        dine("diner 2", FOREVER),
        dine("diner 3", FOREVER),
    ];
    let (with_host, hungry_at) = dine("hungry one", UNIT).join()?;
    ensure!(!with_host, "the hungry one waited for the host");
    ensure!(
        hungry_at >= UNIT,
        "the hungry one waited for {hungry_at:?} only"
    );

    // The host comes late: somebody is eating already.
    let served_at = stage.start("host", |me| host(me, served.clone())).join()?;
    for (with_host, at) in join_all(patient)? {
        ensure!(
            with_host && at >= served_at,
            "a diner did not wait for the host"
        );
    }

    // Who comes when the table is laid need not wait at all.
    let (with_host, _) = dine("late one", Duration::ZERO).join()?;
    ensure!(with_host, "the late one was not served");
    Ok("one ate without the host, three with the host, and one later".into())
}

/// Returns whether it ate with the host, and when.
async fn diner(me: Me, patience: Duration, served: Arc<Event>) -> (bool, Duration) {
    me.say("sits down");
    let with_host = me.wait(served.wait().timeout(patience)).await.is_ok();
    me.say(if with_host {
        "eats"
    } else {
        "eats without the host"
    });
    (with_host, me.now())
}

/// Returns when it served.
async fn host(me: Me, served: Arc<Event>) -> Duration {
    me.sleep(UNIT).await;
    me.say("serves the hot pot");
    let now = me.now();
    served.set();
    now
}
