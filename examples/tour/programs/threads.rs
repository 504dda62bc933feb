//! What a thread is given, what it is called, whether it lives, what belongs to it alone, and
//! who waits for its end. All threads here are amphi's: the parties, be they threads or
//! tasks, wait for them.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use amphi::Event;
use amphi::thread::{self, Builder, JoinError, JoinHandle, Thread};

use crate::stage::{Me, Stage, UNIT, Verdict, Voice, join_all};

const WAITERS: usize = 4;
const WORKERS: usize = 3;

thread_local! {
    /// Each thread has its own.
    static COUNT: Cell<u32> = const { Cell::new(0) };
}

pub fn play(stage: &Stage) -> Verdict {
    arguments_and_names(stage)?;
    a_run_method(stage)?;
    join_with_timeout(stage)?;
    data_of_ones_own(stage)?;
    the_end(stage)?;
    Ok(format!(
        "a sleeper outlived a join, {} threads were waited for, a daemon was not",
        2 * WORKERS
    ))
}

/// The arguments of a thread are what its closure captures.
fn arguments_and_names(stage: &Stage) -> Result<(), String> {
    let (first, last, voice) = (1, 100, stage.voice());
    let adder = spawn("adder", move || {
        voice.say(format_args!("adds {first} to {last}"));
        ((first..=last).sum::<u32>(), thread::current())
    })?;
    let thread = adder.thread().clone();
    let name = thread.name();
    ensure!(name == Some("adder"), "the adder is called {name:?}");
    ensure!(!thread.is_daemon(), "a thread is a daemon unasked");
    let joiner = stage.start("joiner", |me| join(me, adder));
    let (sum, itself) = joiner.join()?.1.map_err(|error| error.to_string())?;
    ensure!(sum == 5050, "1 to 100 add up to {sum}");
    ensure!(itself == thread, "the adder takes itself for {itself:?}");
    Ok(())
}

/// Python's thread classes have a method `run`. So may any type.
struct Greeter {
    greeting: String,
    voice: Voice,
}

impl Greeter {
    fn run(self) -> usize {
        self.voice.say(&self.greeting);
        self.greeting.len()
    }
}

fn a_run_method(stage: &Stage) -> Result<(), String> {
    let greeter = Greeter {
        greeting: "says hello".into(),
        voice: stage.voice(),
    };
    let thread = thread::spawn(|| greeter.run());
    let name = thread.name().map(str::to_string);
    ensure!(name.is_none(), "a thread without a name is called {name:?}");
    let joiner = stage.start("joiner", |me| join(me, thread));
    let length = joiner.join()?.1.map_err(|error| error.to_string())?;
    ensure!(length == 10, "`run` has returned {length}");
    Ok(())
}

fn join_with_timeout(stage: &Stage) -> Result<(), String> {
    let (wake, voice) = (Arc::new(Event::new()), stage.voice());
    let sleeper = spawn("sleeper", {
        let wake = wake.clone();
        move || {
            voice.say("sleeps");
            wake.wait().block();
            voice.say("wakes up");
        }
    })?;
    let thread = sleeper.thread().clone();
    let waiters = (1..=WAITERS)
        .map(|n| {
            let thread = thread.clone();
            stage.start(format!("waiter {n}"), |me| wait_for_end(me, thread))
        })
        .collect();

    let impatient = stage.start("impatient", |me| join_briefly(me, sleeper));
    let (sleeper, outcome, waited) = impatient.join()?;
    ensure!(
        matches!(outcome, Err(JoinError::TimedOut)),
        "joining a sleeper gave {outcome:?}"
    );
    ensure!(waited >= UNIT, "the join gave up after {waited:?} already");
    ensure!(thread.is_alive(), "a thread is dead that was not joined");
    ensure!(is_listed(&thread), "a thread that lives is not listed");

    let woken_at = voice.now();
    wake.set();
    let joiner = stage.start("joiner", |me| join(me, sleeper));
    let (sleeper, outcome) = joiner.join()?;
    ensure!(
        outcome.is_ok(),
        "joined again, the sleeper gave {outcome:?}"
    );
    ensure!(!sleeper.is_alive(), "a thread is alive after its join");
    ensure!(!is_listed(&thread), "a thread is listed after its end");
    for heard_at in join_all(waiters)? {
        ensure!(heard_at >= woken_at, "a waiter went on before the end");
    }
    Ok(())
}

fn data_of_ones_own(stage: &Stage) -> Result<(), String> {
    let joiners = (1..=3)
        .map(|steps| {
            let voice = stage.voice();
            let counter = spawn(format!("counter {steps}"), move || count(steps, voice))?;
            Ok(stage.start("joiner", |me| join(me, counter)))
        })
        .collect::<Result<_, String>>()?;
    for (steps, (_, counted)) in (1..).zip(join_all(joiners)?) {
        let counted = counted.map_err(|error| error.to_string())?;
        ensure!(
            counted == steps,
            "{counted} instead of {steps} were counted"
        );
    }
    let here = COUNT.get();
    ensure!(here == 0, "other threads have counted to {here} here");
    Ok(())
}

fn count(steps: u32, voice: Voice) -> u32 {
    for _ in 0..steps {
        COUNT.set(COUNT.get() + 1);
    }
    voice.say(format_args!("has counted to {}", COUNT.get()));
    COUNT.get()
}

/// The end of a program waits for its threads, but not for daemons.
fn the_end(stage: &Stage) -> Result<(), String> {
    let (work_ends, daemon_ends) = (Arc::new(Event::new()), Arc::new(Event::new()));
    let ended = Arc::new(AtomicUsize::new(0));
    for n in 1..=WORKERS {
        let (ends, ended, voice) = (work_ends.clone(), ended.clone(), stage.voice());
        let name = format!("worker {n}");
        // Nobody has its handle.
        drop(spawn(name, move || work(&ends, ended, voice))?);
    }
    let ends = daemon_ends.clone();
    let daemon = Builder::new().name("daemon").daemon(true);
    let daemon = daemon.spawn(move || ends.wait().block());
    let daemon = daemon.map_err(|error| error.to_string())?;

    let hasty = stage.start("hasty end", end_briefly);
    let ends = (1..=WAITERS)
        .map(|n| stage.start(format!("end {n}"), |me| end(me, ended.clone())))
        .collect();
    let all_ended = hasty.join()?;
    ensure!(!all_ended, "the end has not waited for the workers");
    work_ends.set();
    for ended in join_all(ends)? {
        ensure!(
            ended == 2 * WORKERS,
            "the end waited for {ended} threads instead of {}",
            2 * WORKERS
        );
    }

    ensure!(daemon.thread().is_daemon(), "a daemon is none");
    ensure!(daemon.is_alive(), "the end has waited for a daemon");
    daemon_ends.set();
    daemon.finished().block();
    Ok(())
}

/// Leaves the rest to another thread, which is to be waited for as well.
fn work(ends: &Event, ended: Arc<AtomicUsize>, voice: Voice) {
    ends.wait().block();
    voice.say("ends");
    ended.fetch_add(1, Ordering::SeqCst);
    thread::spawn(move || {
        voice.say("does the rest");
        ended.fetch_add(1, Ordering::SeqCst);
    });
}

fn spawn<T: Send + 'static>(
    name: impl Into<String>,
    function: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, String> {
    let thread = Builder::new().name(name).spawn(function);
    thread.map_err(|error| error.to_string())
}

fn is_listed(thread: &Thread) -> bool {
    thread::enumerate().contains(thread)
}

/// Returns the thread as well.
async fn join<T>(me: Me, mut thread: JoinHandle<T>) -> (JoinHandle<T>, Result<T, JoinError>) {
    let outcome = me.wait(thread.join()).await;
    me.say(format_args!(
        "has joined {}",
        thread.name().unwrap_or("one without a name")
    ));
    (thread, outcome)
}

/// Returns the thread and how long it waited as well.
async fn join_briefly<T>(
    me: Me,
    mut thread: JoinHandle<T>,
) -> (JoinHandle<T>, Result<T, JoinError>, Duration) {
    let start = me.now();
    let outcome = me.wait(thread.join().timeout(UNIT)).await;
    let waited = me.now() - start;
    me.say("joins no longer");
    (thread, outcome, waited)
}

/// Returns when it heard of the end.
async fn wait_for_end(me: Me, thread: Thread) -> Duration {
    me.wait(thread.finished()).await;
    me.now()
}

/// Returns whether all threads have ended within one unit.
async fn end_briefly(me: Me) -> bool {
    let all_ended = me.wait(thread::join_all().timeout(UNIT)).await.is_ok();
    me.say("waits no longer for the end");
    all_ended
}

/// Returns how many had ended when all had.
async fn end(me: Me, ended: Arc<AtomicUsize>) -> usize {
    me.wait(thread::join_all()).await;
    me.say("all threads have ended");
    ended.load(Ordering::SeqCst)
}
