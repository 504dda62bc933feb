//! Several jobs: `map` gives the results in the order of the items, whatever the order in
//! which they come; `as_completed` goes by that; `wait_any` and `wait_all` wait for the first
//! and for the last.

use std::array;
use std::sync::Arc;

use amphi::thread::Map;
use amphi::{Event, Job, JobError, Semaphore, ThreadPool, as_completed, wait_all, wait_any};

use super::{WORKERS, submit};
use crate::stage::{Me, Stage, Voice, join_all};

/// No more than there are workers, so that all run at the same time.
const JOBS: usize = WORKERS;
/// How many wait for the same jobs.
const WATCHERS: usize = 4;
/// In which order the jobs end.
const ORDER: [usize; JOBS] = [2, 0, 3, 1];

pub fn play(stage: &Stage, pool: &ThreadPool) -> Result<(), String> {
    map(stage, pool)?;
    as_they_end(stage, pool)
}

/// Each party takes one result, and hands the rest to the next.
fn map(stage: &Stage, pool: &ThreadPool) -> Result<(), String> {
    let voice = stage.voice();
    let done: [Event; JOBS] = array::from_fn(|_| Event::new());
    let squares = pool.map(0..JOBS, move |n| square(n, &done, voice));
    let mut squares = squares.map_err(|error| error.to_string())?;
    for n in 0..JOBS {
        let taker = stage.start(format!("taker {n}"), |me| take_next(me, squares));
        let (rest, square) = taker.join()?;
        squares = rest;
        ensure!(
            matches!(square, Some(Ok(square)) if square == n * n),
            "`map` gave {square:?} for {n}"
        );
    }
    let more = squares.next();
    ensure!(more.is_none(), "`map` gave {more:?} after the last");
    Ok(())
}

/// Waits for the next one's, so that the last is the first.
fn square(n: usize, done: &[Event; JOBS], voice: Voice) -> usize {
    if let Some(next) = done.get(n + 1) {
        next.wait().block();
    }
    voice.say(format_args!("has the square of {n}"));
    done[n].set();
    n * n
}

type Squares = Map<usize>;

/// Returns the rest as well.
async fn take_next(me: Me, mut squares: Squares) -> (Squares, Option<Result<usize, JobError>>) {
    let square = me.next(&mut squares).await;
    me.say(format_args!("is given {square:?}"));
    (squares, square)
}

/// For each job, who wants it to end gives it one permit. It needs them all.
type MayEnd = [Semaphore; JOBS];
type Jobs = [Job<()>];

fn as_they_end(stage: &Stage, pool: &ThreadPool) -> Result<(), String> {
    let may_end: Arc<MayEnd> = Arc::new(array::from_fn(|_| Semaphore::new(0)));
    let jobs = (0..JOBS)
        .map(|n| {
            let (may_end, voice) = (may_end.clone(), stage.voice());
            submit(pool, move || {
                may_end[n].acquire_many(WATCHERS).block().forget();
                voice.say(format_args!("ends job {n}"));
            })
        })
        .collect::<Result<Arc<Jobs>, _>>()?;

    let first = ORDER[0];
    let watchers = (1..=WATCHERS)
        .map(|n| stage.start(format!("watcher {n}"), |me| watch_for_any(me, jobs.clone())))
        .collect();
    may_end[first].release(WATCHERS);
    for n in join_all(watchers)? {
        ensure!(n == first, "`wait_any` gave {n} when {first} had ended");
    }

    let waiters = (1..=WATCHERS)
        .map(|n| stage.start(format!("waiter {n}"), |me| wait_for_all(me, jobs.clone())))
        .collect();
    let watchers = (1..=WATCHERS)
        .map(|n| {
            let (jobs, may_end) = (jobs.clone(), may_end.clone());
            stage.start(format!("watcher {n}"), |me| watch_all(me, jobs, may_end))
        })
        .collect();
    for seen in join_all(watchers)? {
        ensure!(seen == ORDER, "`as_completed` gave {seen:?} for {ORDER:?}");
    }
    for done in join_all(waiters)? {
        ensure!(done == JOBS, "`wait_all` waited for {done} of {JOBS}");
    }
    Ok(())
}

async fn watch_for_any(me: Me, jobs: Arc<Jobs>) -> usize {
    let n = me.wait(wait_any(&*jobs)).await;
    me.say(format_args!("sees {n} end first"));
    n
}

/// Returns the jobs in the order in which they end. Wants one to end only when it has seen the
/// one before.
async fn watch_all(me: Me, jobs: Arc<Jobs>, may_end: Arc<MayEnd>) -> Vec<usize> {
    let mut next = ORDER[1..].iter();
    let mut seen = Vec::new();
    let mut ended = as_completed(&*jobs);
    while let Some(job) = me.next(&mut ended).await {
        seen.extend(jobs.iter().position(|other| *other == job));
        if let Some(next) = next.next() {
            may_end[*next].release(1);
        }
    }
    me.say(format_args!("has seen them end: {seen:?}"));
    seen
}

/// Returns how many are done.
async fn wait_for_all(me: Me, jobs: Arc<Jobs>) -> usize {
    me.wait(wait_all(&*jobs)).await;
    me.say("has waited for all");
    jobs.iter().filter(|job| job.is_done()).count()
}
