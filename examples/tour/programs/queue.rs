//! A queue takes items from producers to consumers: each goes to one of them, in the
//! order in which they were put. With a bound, producers wait while it is full. Those who
//! won't wait, or not for long, keep their item, or go without one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use amphi::{Event, GetError, PutError, Queue};

use crate::stage::{Me, Stage, UNIT, Verdict, join_all};

const TICK: Duration = UNIT.saturating_mul(3);
const TICKS: usize = 3;

const BOUND: usize = 5;
const PATIENCE: Duration = UNIT.saturating_mul(3);

/// Below this many, producers add some.
const HIGH: usize = 60;
/// Above this many, consumers take some.
const LOW: usize = 40;
const IN_THE_BEGINNING: usize = 50;
const ADDED: usize = 10;
const TAKEN: usize = 3;
const PRODUCERS: usize = 2;
const CONSUMERS: usize = 5;

pub fn play(stage: &Stage) -> Verdict {
    let ticks = tick(stage)?;
    let waited = fill(stage)?;
    drain(stage)?;
    let through = keep_between(stage)?;
    Ok(format!(
        "{ticks} ticks; a full queue gave an item back after {} ms; {through} items, each once",
        waited.as_millis()
    ))
}

/// A producer puts a number every so often until it is stopped. Returns how many.
fn tick(stage: &Stage) -> Result<usize, String> {
    let queue = Arc::new(Queue::unbounded());
    let stop = Arc::new(Event::new());
    let consumer = stage.start("consumer", |me| count(me, queue.clone(), stop.clone()));
    let producer = stage.start("producer", |me| put_periodically(me, queue.clone(), stop));

    let (put, took) = producer.join()?;
    let got = consumer.join()?;
    ensure!(put >= TICKS, "stopped after {put} ticks already");
    ensure!(
        took >= TICK * put as u32,
        "{put} ticks in {took:?} are too many"
    );
    ensure!(
        got.iter().copied().eq(0..put),
        "put were the numbers below {put}, but got {got:?}"
    );
    Ok(put)
}

/// Returns how many numbers it has put, and how long that took.
async fn put_periodically(me: Me, queue: Arc<Queue<usize>>, stop: Arc<Event>) -> (usize, Duration) {
    let start = me.now();
    let mut number = 0;
    while me.wait(stop.wait().timeout(TICK)).await.is_err() {
        me.say(format_args!("puts {number}"));
        let put = me.wait(queue.put(number)).await;
        put.expect("nobody else shuts the queue down");
        number += 1;
    }
    me.say("is stopped");
    queue.shutdown();
    (number, me.now() - start)
}

/// Stops the producer when it has got some, and gets what there is yet. Returns them all.
async fn count(me: Me, queue: Arc<Queue<usize>>, stop: Arc<Event>) -> Vec<usize> {
    let mut got = Vec::new();
    while let Ok(number) = me.wait(queue.get()).await {
        me.say(format_args!("gets {number}"));
        got.push(number);
        if got.len() == TICKS {
            stop.set();
        }
    }
    got
}

/// More is put into a queue than fits. Returns how long somebody waited in vain.
fn fill(stage: &Stage) -> Result<Duration, String> {
    let queue = Arc::new(Queue::bounded(BOUND));
    let done = Arc::new(AtomicUsize::new(0));
    let filler = stage.start("filler", |me| {
        put_one_by_one(me, queue.clone(), done.clone())
    });
    let watcher = stage.start("watcher", |me| get_one(me, queue.clone(), done.clone()));
    let (first, done_before, got_at) = watcher.join()?;
    let put_at = filler.join()?;
    ensure!(
        done_before == BOUND,
        "{done_before} items were put before one was got, instead of {BOUND}"
    );
    ensure!(first == 1, "the first to be got is number {first}");
    ensure!(
        put_at >= got_at,
        "the last was put at {put_at:?}, but there was no room before {got_at:?}"
    );

    // Now it is full again.
    let refused = stage
        .start("hasty one", |me| try_to_put(me, 7, queue.clone()))
        .join()?;
    ensure!(
        refused == Err(PutError::Full(7)),
        "try_put on a full queue: {refused:?}"
    );
    let (refused, waited) = stage
        .start("patient one", |me| put_in_time(me, 8, queue.clone()))
        .join()?;
    ensure!(
        refused == Err(PutError::TimedOut(8)),
        "put on a full queue: {refused:?}"
    );
    ensure!(waited >= PATIENCE, "gave up after {waited:?} already");
    let left: Vec<_> = queue.try_iter().collect();
    ensure!(left == [2, 3, 4, 5, 6], "left in the queue: {left:?}");
    Ok(waited)
}

/// Returns when the last one was in.
async fn put_one_by_one(me: Me, queue: Arc<Queue<usize>>, done: Arc<AtomicUsize>) -> Duration {
    for number in 1..=BOUND + 1 {
        let put = me.wait(queue.put(number)).await;
        put.expect("nobody shuts the queue down");
        me.say(format_args!("has put number {number}"));
        done.fetch_add(1, Ordering::Relaxed);
    }
    me.now()
}

/// Gets an item when the queue has been full for a while. Returns it, how many had been
/// put before, and when it got it.
async fn get_one(
    me: Me,
    queue: Arc<Queue<usize>>,
    done: Arc<AtomicUsize>,
) -> (usize, usize, Duration) {
    while done.load(Ordering::Relaxed) < BOUND {
        me.sleep(UNIT / 2).await;
    }
    me.sleep(UNIT).await;
    let done_before = done.load(Ordering::Relaxed);
    let now = me.now();
    let number = queue.try_get().expect("the queue is full");
    me.say(format_args!("gets number {number}"));
    (number, done_before, now)
}

async fn try_to_put(
    me: Me,
    number: usize,
    queue: Arc<Queue<usize>>,
) -> Result<(), PutError<usize>> {
    let put = queue.try_put(number);
    say(&me, &put);
    put
}

/// Returns as well how long it waited.
async fn put_in_time(
    me: Me,
    number: usize,
    queue: Arc<Queue<usize>>,
) -> (Result<(), PutError<usize>>, Duration) {
    let start = me.now();
    let put = me.wait(queue.put(number).timeout(PATIENCE)).await;
    say(&me, &put);
    (put, me.now() - start)
}

fn say(me: &Me, put: &Result<(), PutError<usize>>) {
    match put {
        Ok(()) => me.say("has put it"),
        Err(error) => me.say(format_args!("keeps it: {error}")),
    }
}

/// Somebody wants items out of an empty queue.
fn drain(stage: &Stage) -> Result<(), String> {
    let queue = Arc::new(Queue::unbounded());
    let hasty = stage.start("hasty one", |me| try_to_get(me, queue.clone()));
    let refused = hasty.join()?;
    ensure!(
        refused == Err(GetError::Empty),
        "try_get on an empty queue: {refused:?}"
    );
    let patient = stage.start("patient one", |me| get_in_time(me, queue.clone()));
    let (refused, waited) = patient.join()?;
    ensure!(
        refused == Err(GetError::TimedOut),
        "get on an empty queue: {refused:?}"
    );
    ensure!(waited >= PATIENCE, "gave up after {waited:?} already");

    // Whoever gave up has not got a place in the queue any more.
    queue
        .try_put(1)
        .map_err(|error| format!("put in vain: {error}"))?;
    let next = stage.start("next one", |me| get_in_time(me, queue.clone()));
    let (got, _) = next.join()?;
    ensure!(got == Ok(1), "get on a queue with 1 in it: {got:?}");
    Ok(())
}

async fn try_to_get(me: Me, queue: Arc<Queue<usize>>) -> Result<usize, GetError> {
    let got = queue.try_get();
    say_got(&me, got);
    got
}

/// Returns as well how long it waited.
async fn get_in_time(me: Me, queue: Arc<Queue<usize>>) -> (Result<usize, GetError>, Duration) {
    let start = me.now();
    let got = me.wait(queue.get().timeout(PATIENCE)).await;
    say_got(&me, got);
    (got, me.now() - start)
}

fn say_got(me: &Me, got: Result<usize, GetError>) {
    match got {
        Ok(number) => me.say(format_args!("gets {number}")),
        Err(error) => me.say(format_args!("goes without: {error}")),
    }
}

/// Producers add to a queue while it is short, consumers take while it is long. Returns
/// how many items there were.
fn keep_between(stage: &Stage) -> Result<usize, String> {
    let queue = Arc::new(Queue::unbounded());
    let stop = Arc::new(Event::new());
    let serial = Arc::new(AtomicUsize::new(0));
    let put = queue.put_all(number(&serial, IN_THE_BEGINNING)).block();
    put.map_err(|error| format!("nothing can be put: {error}"))?;

    let producers = (1..=PRODUCERS)
        .map(|n| {
            stage.start(format!("producer {n}"), |me| {
                produce(me, queue.clone(), serial.clone(), stop.clone())
            })
        })
        .collect();
    let consumers = (1..=CONSUMERS)
        .map(|n| {
            stage.start(format!("consumer {n}"), |me| {
                consume(me, queue.clone(), stop.clone())
            })
        })
        .collect();
    let ender = stage.start("ender", |me| async move {
        me.sleep(UNIT * 6).await;
        me.say("ends it");
        stop.set();
    });
    ender.join()?;
    let lengths = join_all(producers)?;
    let consumed = join_all(consumers)?;

    // Each producer may have added after both had seen that there were too few, and
    // each consumer may have taken after all had seen that there were enough.
    let most = HIGH - 1 + PRODUCERS * ADDED;
    let longest = lengths.into_iter().max().unwrap_or_default();
    ensure!(
        longest <= most,
        "there were {longest} items, and {most} at most should be"
    );
    let least = LOW + 1 - CONSUMERS * TAKEN;
    let left: Vec<_> = queue.try_iter().collect();
    ensure!(
        left.len() >= least,
        "there are {} items, and {least} at least should be",
        left.len()
    );

    let all = serial.load(Ordering::Relaxed);
    ensure!(
        all > IN_THE_BEGINNING,
        "the producers have produced nothing"
    );
    let mut items: Vec<_> = consumed.into_iter().flatten().chain(left).collect();
    items.sort_unstable();
    ensure!(
        items.iter().copied().eq(0..all),
        "of {all} items these have arrived: {items:?}"
    );
    Ok(all)
}

/// So many new numbers.
fn number(serial: &AtomicUsize, count: usize) -> std::ops::Range<usize> {
    let first = serial.fetch_add(count, Ordering::Relaxed);
    first..first + count
}

/// Returns the greatest length it has seen.
async fn produce(
    me: Me,
    queue: Arc<Queue<usize>>,
    serial: Arc<AtomicUsize>,
    stop: Arc<Event>,
) -> usize {
    let mut longest = 0;
    while !stop.is_set() {
        if queue.len() < HIGH {
            let put = me.wait(queue.put_all(number(&serial, ADDED))).await;
            put.expect("nobody shuts the queue down");
            let len = queue.len();
            me.say(format_args!("adds {ADDED}, now {len}"));
            longest = longest.max(len);
        }
        let pause = UNIT.mul_f64(2.0 * fastrand::f64());
        // Time is up, or the end has come.
        let _ = me.wait(stop.wait().timeout(pause)).await;
    }
    longest
}

/// Returns what it has got.
async fn consume(me: Me, queue: Arc<Queue<usize>>, stop: Arc<Event>) -> Vec<usize> {
    let mut got = Vec::new();
    while !stop.is_set() {
        if queue.len() > LOW {
            let items = me.wait(queue.get_many(TAKEN)).await;
            let items = items.expect("nobody shuts the queue down");
            me.say(format_args!("takes {}, now {}", items.len(), queue.len()));
            got.extend(items);
        }
        let pause = UNIT.mul_f64(2.0 * fastrand::f64());
        let _ = me.wait(stop.wait().timeout(pause)).await;
    }
    got
}
