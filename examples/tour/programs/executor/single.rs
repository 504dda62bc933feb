//! What becomes of one job: a result, or a panic that comes back as an error. Until then
//! it runs, and can't be cancelled any more.

use std::panic::resume_unwind;
use std::sync::Arc;

use amphi::{Event, GetError, Job, JobError, Queue, ThreadPool, thread};

use super::submit;
use crate::stage::{Me, Stage, UNIT, Voice, join_all};

const TAKERS: usize = 4;

pub fn play(stage: &Stage, pool: &Arc<ThreadPool>) -> Result<(), String> {
    one_plus_one(stage, pool)?;
    a_long_job(stage, pool)?;
    a_job_that_panics(stage, pool)?;
    callbacks(stage, pool)
}

fn one_plus_one(stage: &Stage, pool: &Arc<ThreadPool>) -> Result<(), String> {
    let adder = stage.start("adder", |me| add(me, pool.clone()));
    let sum = adder.join()??;
    ensure!(sum == 2, "1 + 1 is {sum}");
    Ok(())
}

async fn add(me: Me, pool: Arc<ThreadPool>) -> Result<i32, String> {
    let job = submit(&pool, || 1 + 1)?;
    let sum = me.wait(job.result()).await;
    me.say(format_args!("has {sum:?}"));
    sum.map_err(|error| error.to_string())
}

/// What is seen of a job that runs, and of an attempt to cancel it.
#[derive(Debug, PartialEq)]
struct Seen {
    is_running: bool,
    is_done: bool,
    is_cancelled: bool,
    timed_out: bool,
}

/// It takes as long as it is looked at.
fn a_long_job(stage: &Stage, pool: &ThreadPool) -> Result<(), String> {
    let (begun, enough) = (Arc::new(Event::new()), Arc::new(Event::new()));
    let job = {
        let (begun, enough, voice) = (begun.clone(), enough.clone(), stage.voice());
        submit(pool, move || long_job(&begun, &enough, voice))?
    };
    let observer = stage.start("observer", |me| observe(me, job.clone(), begun));
    let takers = (1..=TAKERS)
        .map(|n| stage.start(format!("taker {n}"), |me| take(me, job.clone())))
        .collect();
    let seen = observer.join()?;
    enough.set();
    let running = Seen {
        is_running: true,
        is_done: false,
        is_cancelled: false,
        timed_out: true,
    };
    ensure!(seen == running, "a long job was seen like this: {seen:?}");

    let results = join_all(takers)?;
    let taken = |result: &&_| matches!(result, Err(JobError::Taken));
    let left_empty = results.iter().filter(taken).count();
    let given = results.iter().flatten().count();
    ensure!(
        (given, left_empty) == (1, TAKERS - 1),
        "the one result was taken like this: {results:?}"
    );
    ensure!(job.is_done(), "a job is not done that has a result");
    ensure!(!job.is_running(), "a job runs that has a result");
    ensure!(!job.cancel(), "a job was cancelled that has a result");
    Ok(())
}

fn long_job(begun: &Event, enough: &Event, voice: Voice) -> &'static str {
    voice.say("begins a long job");
    begun.set();
    enough.wait().block();
    voice.say("is done with the long job");
    "at last"
}

async fn observe(me: Me, job: Job<&'static str>, begun: Arc<Event>) -> Seen {
    me.wait(begun.wait()).await;
    let is_cancelled = job.cancel();
    let result = me.wait(job.result().timeout(UNIT)).await;
    me.say(format_args!("sees {job:?}"));
    Seen {
        is_running: job.is_running(),
        is_done: job.is_done(),
        is_cancelled,
        timed_out: matches!(result, Err(JobError::TimedOut)),
    }
}

/// All may wait for the end, but only one gets the result.
async fn take(me: Me, job: Job<&'static str>) -> Result<&'static str, JobError> {
    let result = me.wait(job.result()).await;
    match &result {
        Ok(result) => me.say(format_args!("has the result: {result}")),
        Err(error) => me.say(error),
    }
    result
}

fn a_job_that_panics(stage: &Stage, pool: &ThreadPool) -> Result<(), String> {
    // A panic without its message on stderr, since it is part of the play.
    let job = submit(pool, || -> &str { resume_unwind(Box::new("as agreed")) })?;
    let taker = stage.start("taker", |me| take(me, job));
    let result = taker.join()?;
    ensure!(
        matches!(&result, Err(JobError::Panicked(panic)) if panic.message() == "as agreed"),
        "the job that panics ended like this: {result:?}"
    );
    Ok(())
}

/// What is to be done at the end of a job is done by the worker that ends it, in the order in
/// which it was asked for.
fn callbacks(stage: &Stage, pool: &ThreadPool) -> Result<(), String> {
    let go_on = Arc::new(Event::new());
    let waits = go_on.clone();
    let job = submit(pool, move || waits.wait().block())?;
    let calls = Arc::new(Queue::unbounded());
    note_end(&job, 1, &calls);
    note_end(&job, 2, &calls);
    let observer = stage.start("observer", |me| observe_calls(me, job, calls));
    go_on.set();
    let calls = observer.join()?.map_err(|error| error.to_string())?;
    let numbers = calls.each_ref().map(|call| call.number);
    ensure!(numbers == [1, 2, 3], "called back in the order {numbers:?}");
    for Call { number, thread } in &calls[..2] {
        let by_worker = thread
            .as_ref()
            .is_some_and(|name| name.starts_with("pool-"));
        ensure!(by_worker, "call {number} was made by {thread:?}");
    }
    Ok(())
}

struct Call {
    number: u32,
    thread: Option<String>,
}

fn note_end(job: &Job<()>, number: u32, calls: &Arc<Queue<Call>>) {
    let calls = calls.clone();
    job.on_done(move |_| {
        let thread = thread::current().name().map(str::to_string);
        // Without bounds, it is never full.
        let _ = calls.try_put(Call { number, thread });
    });
}

/// Asks for one more call when the job has ended.
async fn observe_calls(
    me: Me,
    job: Job<()>,
    calls: Arc<Queue<Call>>,
) -> Result<[Call; 3], GetError> {
    let first = me.wait(calls.get()).await?;
    me.say("hears of the end");
    note_end(&job, 3, &calls);
    let second = me.wait(calls.get()).await?;
    let third = me.wait(calls.get()).await?;
    me.say("has heard of it three times");
    Ok([first, second, third])
}
