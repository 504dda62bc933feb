//! A counter that many change at once is exact with a lock: nobody gets between
//! reading the old count and writing the new one.

use std::sync::Arc;
use std::time::Duration;

use amphi::Mutex;

use crate::stage::{Me, Stage, Verdict, join_all};

const MILLION: i64 = 1_000_000;

pub fn play(stage: &Stage) -> Verdict {
    let count = Arc::new(Mutex::new(0));
    let clerks = (1..=10)
        .map(|n| {
            let step = fastrand::choice([1, -1]).unwrap_or(1);
            stage.start(format!("clerk {n}"), |me| clerk(me, step, count.clone()))
        })
        .collect();
    let sum: i64 = join_all(clerks)?.into_iter().sum();
    let counted = *count.lock().block();
    ensure!(counted == sum, "counted {counted} instead of {sum}");

    let count = Arc::new(Mutex::new(0));
    let adder = stage.start("adder", |me| million(me, 1, count.clone()));
    let subtracter = stage.start("subtracter", |me| million(me, -1, count.clone()));
    adder.join()?;
    subtracter.join()?;
    let counted = *count.lock().block();
    ensure!(counted == 0, "counted {counted} instead of 0");

    Ok(format!(
        "{sum} after ten steps, {counted} after 2 x 1,000,000"
    ))
}

/// Counts up or down, and takes its time between reading and writing. Returns its step.
async fn clerk(me: Me, step: i64, count: Arc<Mutex<i64>>) -> i64 {
    let mut count = me.wait(count.lock()).await;
    let old = *count;
    me.sleep(Duration::from_millis(1)).await;
    *count = old + step;
    me.say(format_args!("counts {old} {step:+} = {}", *count));
    step
}

async fn million(me: Me, step: i64, count: Arc<Mutex<i64>>) {
    for _ in 0..MILLION {
        *me.wait(count.lock()).await += step;
    }
    me.say(format_args!("has counted 1,000,000 times {step:+}"));
}
