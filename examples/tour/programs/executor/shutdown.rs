//! A pool that is shut down accepts nothing more, and loses nothing of what it has accepted:
//! each job either has been cancelled or comes to its end.

use std::sync::Arc;

use amphi::{Event, Job, JobError, SubmitError, ThreadPool, oneshot};

use super::{WORKERS, submit};
use crate::stage::{Me, Stage, UNIT, Voice, join_all};

const SUBMITTERS: usize = 4;
/// Of each submitter. Nobody is free for the last of them.
const JOBS: usize = WORKERS + 1;
/// How many wait for the shutdown.
const CLOSERS: usize = 4;

/// Returns how many jobs were done.
pub fn play(stage: &Stage, pool: &Arc<ThreadPool>) -> Result<usize, String> {
    let go_on = Arc::new(Event::new());
    let submitters = (0..SUBMITTERS)
        .map(|n| {
            let (pool, go_on, voice) = (pool.clone(), go_on.clone(), stage.voice());
            stage.start(format!("submitter {n}"), move |me| {
                submit_jobs(me, n * JOBS, pool, go_on, voice)
            })
        })
        .collect();
    let jobs = join_all(submitters)?;
    let mut jobs: Vec<_> = jobs.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    let numbers = 0..jobs.len() - 1;
    let last = jobs.pop().ok_or("there are no jobs")?;

    let canceller = stage.start("canceller", |me| cancel(me, last.clone()));
    let (is_cancelled, told) = canceller.join()?;
    ensure!(is_cancelled, "a job that has not begun can't be cancelled");
    ensure!(told, "who cancelled a job was not called back");
    let result = last.result().block();
    ensure!(
        matches!(result, Err(JobError::Cancelled)),
        "a cancelled job ended like this: {result:?}"
    );

    let hasty = stage.start("hasty", |me| close_briefly(me, pool.clone()));
    let (has_ended, refused) = hasty.join()?;
    ensure!(!has_ended, "the shutdown has not waited for the jobs");
    ensure!(
        refused == Some("not today"),
        "a pool that is shut down gave back {refused:?}"
    );

    let closers = (1..=CLOSERS)
        .map(|n| {
            let (pool, jobs) = (pool.clone(), jobs.clone());
            stage.start(format!("closer {n}"), |me| close(me, pool, jobs))
        })
        .collect();
    go_on.set();
    for done in join_all(closers)? {
        let all = jobs.len();
        ensure!(done == all, "{done} of {all} jobs done after the shutdown");
    }
    let results = jobs.iter().map(|job| job.result().block());
    let results = results.collect::<Result<Vec<_>, _>>();
    let results = results.map_err(|error| format!("a job was lost: {error}"))?;
    ensure!(
        results.iter().copied().eq(numbers),
        "the jobs gave {results:?}"
    );
    Ok(results.len())
}

/// Its jobs, which return the numbers from `first` on, as soon as they may go on.
async fn submit_jobs(
    me: Me,
    first: usize,
    pool: Arc<ThreadPool>,
    go_on: Arc<Event>,
    voice: Voice,
) -> Result<Vec<Job<usize>>, String> {
    let job = |number| {
        let go_on = go_on.clone();
        submit(&pool, move || {
            go_on.wait().block();
            voice.say(format_args!("does job {number}"));
            number
        })
    };
    me.say(format_args!("submits {JOBS} jobs"));
    (first..first + JOBS).map(job).collect()
}

/// Returns whether the job is cancelled, and whether that was told here.
async fn cancel(me: Me, job: Job<usize>) -> (bool, bool) {
    let (sender, mut receiver) = oneshot::channel();
    job.on_done(|job| {
        let here = std::thread::current().id();
        let _ = sender.send((here, job.is_cancelled()));
    });
    let is_cancelled = job.cancel();
    me.say(format_args!("sees {job:?}"));
    let told = receiver.try_recv();
    let here = std::thread::current().id();
    (is_cancelled, told == Ok((here, true)))
}

/// Returns whether all jobs ended within one unit, and what the pool says to one more.
async fn close_briefly(me: Me, pool: Arc<ThreadPool>) -> (bool, Option<&'static str>) {
    let outcome = me.wait(pool.shutdown().timeout(UNIT)).await;
    me.say("shuts the pool down");
    let refused = match pool.submit(|| "not today") {
        Err(SubmitError::ShutDown(function)) => Some(function()),
        _ => None,
    };
    (outcome.is_ok(), refused)
}

/// Returns how many jobs are done after the shutdown.
async fn close(me: Me, pool: Arc<ThreadPool>, jobs: Vec<Job<usize>>) -> usize {
    me.wait(pool.shutdown()).await;
    me.say("has waited for the shutdown");
    jobs.iter().filter(|job| job.is_done()).count()
}
