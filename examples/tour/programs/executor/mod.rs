//! A pool runs functions, as jobs that threads and tasks wait for: one job, several, and the
//! end of them all.

mod several;
mod shutdown;
mod single;

use std::mem;
use std::sync::Arc;

use amphi::{Job, ThreadPool};

use crate::stage::{Stage, Verdict};

const WORKERS: usize = 4;

pub fn play(stage: &Stage) -> Verdict {
    let pool = ThreadPool::builder().workers(WORKERS);
    let pool = Arc::new(pool.name_prefix("pool").build());
    let outcome = play_in(stage, &pool);
    if outcome.is_err() {
        // Dropping it would wait for jobs that may never end now.
        mem::forget(pool);
    }
    outcome
}

fn play_in(stage: &Stage, pool: &Arc<ThreadPool>) -> Verdict {
    single::play(stage, pool)?;
    several::play(stage, pool)?;
    let jobs = shutdown::play(stage, pool)?;
    Ok(format!(
        "results in order, a panic as an error, {jobs} jobs and nothing lost at the shutdown"
    ))
}

/// The error says why there is no job.
fn submit<T: Send + 'static>(
    pool: &ThreadPool,
    function: impl FnOnce() -> T + Send + 'static,
) -> Result<Job<T>, String> {
    pool.submit(function).map_err(|error| error.to_string())
}
