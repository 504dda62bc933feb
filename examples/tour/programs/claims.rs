//! Every job has a lock that is never released: who gets it does the job, and all
//! others go on to the next one without waiting.

use std::mem;
use std::sync::Arc;

use amphi::Mutex;

use crate::stage::{Me, Stage, UNIT, Verdict, join_all};

const JOBS: usize = 10;
const WORKERS: usize = 5;

/// How many times a job has been done.
type Job = Mutex<u32>;

pub fn play(stage: &Stage) -> Verdict {
    let jobs: Arc<[Job; JOBS]> = Arc::default();
    let workers = (1..=WORKERS)
        .map(|n| stage.start(format!("worker {n}"), |me| worker(me, jobs.clone())))
        .collect();
    let done: usize = join_all(workers)?.into_iter().sum();
    ensure!(done == JOBS, "{done} jobs done instead of {JOBS}");

    // Nobody else has them any more, so their locks no longer matter.
    let jobs = Arc::into_inner(jobs).ok_or("somebody still has the jobs")?;
    for (job, times) in jobs.into_iter().map(Mutex::into_inner).enumerate() {
        ensure!(times == 1, "job {job} was done {times} times");
    }
    Ok(format!("{JOBS} jobs, each done once, by {WORKERS} workers"))
}

/// Returns how many jobs it has done.
async fn worker(me: Me, jobs: Arc<[Job; JOBS]>) -> usize {
    let mut done = 0;
    for (number, job) in jobs.iter().enumerate() {
        let Some(mut times) = job.try_lock() else {
            continue;
        };
        me.say(format_args!("does job {number}"));
        me.sleep(UNIT.mul_f64(fastrand::f64())).await;
        *times += 1;
        done += 1;
        // The claim stands for good.
        mem::forget(times);
    }
    done
}
