//! Rows, rounds and what is made of them.
//!
//! A row is one piece of work and the contenders that do it. Every contender runs for the same
//! time and says what one operation cost, so a slow one takes no longer than a fast one. A
//! round takes one sample of every contender of every row: a row's samples are spread over
//! the whole run, and those that are compared with each other lie next to each other.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The contender that all others are compared with.
pub const OURS: &str = "amphi";

/// One measurement of one contender.
pub struct Sample {
    /// In the row's unit; less is better.
    pub value: f64,
    /// How much the worst-served thread or task got, as a share of an even share.
    pub least: Option<f64>,
}

impl Sample {
    /// Nanoseconds per operation, where `counts` is how many each participant did in `time`.
    pub fn per_operation(counts: &[u64], time: Duration) -> Self {
        let sum: u64 = counts.iter().sum();
        let least = counts.iter().min().map(|&min| min as f64);
        Sample {
            value: time.as_nanos() as f64 / sum as f64,
            least: least
                .filter(|_| counts.len() > 1)
                .map(|min| min * counts.len() as f64 / sum as f64),
        }
    }

    /// A number that is no time, such as a size.
    pub fn number(value: usize) -> Self {
        Sample {
            value: value as f64,
            least: None,
        }
    }
}

pub struct Contender {
    pub name: &'static str,
    /// Works for about the time it is given.
    pub run: Box<dyn Fn(Duration) -> Sample>,
}

/// What a row is to reach, by the median.
pub enum Bound {
    /// Ours at most so many times the best of these peers.
    Ratio(f64, &'static [&'static str]),
    /// Ours at most this much.
    Value(f64),
}

pub struct Row {
    pub name: String,
    pub unit: &'static str,
    pub contenders: Vec<Contender>,
    pub bounds: Vec<Bound>,
    /// The same every time, so that one round is enough.
    pub constant: bool,
}

impl Row {
    pub fn new(name: impl Into<String>, unit: &'static str) -> Self {
        Row {
            name: name.into(),
            unit,
            contenders: Vec::new(),
            bounds: Vec::new(),
            constant: false,
        }
    }

    pub fn contender(
        mut self,
        name: &'static str,
        run: impl Fn(Duration) -> Sample + 'static,
    ) -> Self {
        let run = Box::new(run);
        self.contenders.push(Contender { name, run });
        self
    }

    pub fn number(mut self, name: &'static str, value: usize) -> Self {
        self.constant = true;
        self.contender(name, move |_| Sample::number(value))
    }

    pub fn bound(mut self, bound: Bound) -> Self {
        self.bounds.push(bound);
        self
    }
}

/// Adds a contender to `$row` for each type, named by its `NAME`:
/// `contenders!(row, [A, B], |T, time| run::<T>(time))`.
macro_rules! contenders {
    ($row:expr, [$($type:ty),+ $(,)?], |$name:ident, $time:ident| $run:expr) => {{
        let mut row: $crate::harness::Row = $row;
        $({
            type $name = $type;
            row = row.contender(<$name>::NAME, move |$time| $run);
        })+
        row
    }};
}
pub(crate) use contenders;

/// What a contender did in a row, round by round.
pub struct Series {
    pub name: &'static str,
    pub values: Vec<f64>,
    pub least: Vec<f64>,
}

pub struct Outcome {
    pub row: Row,
    pub series: Vec<Series>,
}

impl Outcome {
    pub fn ours(&self) -> Option<&Series> {
        self.series.iter().find(|series| series.name == OURS)
    }

    pub fn peers(&self) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(|series| series.name != OURS)
    }

    /// Ours to a peer, round by round: both were measured within a moment of each other, so
    /// what slowed the machine down in some round slowed them both.
    pub fn ratio(&self, peer: &Series) -> Option<Quartiles> {
        let ours = self.ours()?;
        let ratios = ours.values.iter().zip(&peer.values);
        Some(Quartiles::of(ratios.map(|(ours, peer)| ours / peer)))
    }

    pub fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        let bounds = self.row.bounds.iter();
        bounds.filter_map(|bound| self.verdict(bound))
    }

    /// What a bound is about (the ratio or the value), and the bound.
    fn verdict(&self, bound: &Bound) -> Option<Verdict> {
        match bound {
            Bound::Value(most) => Some(Verdict {
                measured: Quartiles::of(self.ours()?.values.iter().copied()),
                most: *most,
                peer: None,
            }),
            Bound::Ratio(most, peers) => {
                let best = self
                    .peers()
                    .filter(|peer| peers.contains(&peer.name))
                    .min_by(|a, b| a.quartiles().median.total_cmp(&b.quartiles().median))?;
                Some(Verdict {
                    measured: self.ratio(best)?,
                    most: *most,
                    peer: Some(best.name),
                })
            }
        }
    }
}

impl Series {
    pub fn quartiles(&self) -> Quartiles {
        Quartiles::of(self.values.iter().copied())
    }
}

pub struct Verdict {
    pub measured: Quartiles,
    pub most: f64,
    /// The best of the peers that the bound names.
    pub peer: Option<&'static str>,
}

impl Verdict {
    pub fn met(&self) -> bool {
        self.measured.median <= self.most
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Quartiles { low, median, high } = self.measured;
        let word = if self.met() { "met" } else { "MISSED" };
        // A quarter of the rounds or more say otherwise.
        let doubt = if low <= self.most && self.most < high {
            ", within the spread"
        } else {
            ""
        };
        match self.peer {
            Some(peer) => write!(
                f,
                "{} of {peer}, at most {}: {word}{doubt}",
                self.measured, self.most
            ),
            None => write!(f, "{median:.0}, at most {}: {word}", self.most),
        }
    }
}

/// The median and the quarters around it.
#[derive(Clone, Copy)]
pub struct Quartiles {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Quartiles {
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        // Between two values, the line between them.
        let at = |quarter: f64| {
            let place = quarter * (values.len() - 1) as f64;
            let (below, above) = (place.floor() as usize, place.ceil() as usize);
            values[below] + (values[above] - values[below]) * place.fract()
        };
        Quartiles {
            low: at(0.25),
            median: at(0.5),
            high: at(0.75),
        }
    }
}

/// As ratios are written.
impl fmt::Display for Quartiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Quartiles { low, median, high } = self;
        // A thousandth is to be told from nothing.
        let digits = if *median < 0.1 { 4 } else { 2 };
        write!(f, "{median:.digits$} [{low:.digits$}, {high:.digits$}]")
    }
}

pub struct Run {
    pub outcomes: Vec<Outcome>,
    /// How far one thread counted alone, and two side by side, round by round.
    pub counts: Vec<[u64; 2]>,
}

/// Runs every row, in rounds. Nobody has a place of its own in a round: the order moves on
/// by one each time.
pub fn run(rows: Vec<Row>, rounds: usize, time: Duration) -> Run {
    let mut outcomes: Vec<Outcome> = rows
        .into_iter()
        .map(|row| Outcome {
            series: row
                .contenders
                .iter()
                .map(|contender| Series {
                    name: contender.name,
                    values: Vec::new(),
                    least: Vec::new(),
                })
                .collect(),
            row,
        })
        .collect();
    let mut counts = Vec::new();

    // Round 0 warms up: code pages, allocator, clock speed. It counts for nothing.
    for round in 0..=rounds {
        eprintln!("round {round} of {rounds}");
        counts.push([count(1), count(2)]);
        for outcome in &mut outcomes {
            if outcome.row.constant && round != 1 {
                continue;
            }
            let contenders = &outcome.row.contenders;
            for place in 0..contenders.len() {
                let index = (place + round) % contenders.len();
                let sample = (contenders[index].run)(time);
                if round > 0 {
                    outcome.series[index].values.push(sample.value);
                    outcome.series[index].least.extend(sample.least);
                }
            }
        }
    }
    Run { outcomes, counts }
}

/// How far so many threads count in a moment, none of which waits for anything.
fn count(threads: usize) -> u64 {
    let stop = Stop::new();
    let count = || (1..).find(|_| stop.is_set()).expect("an end");
    thread::scope(|scope| {
        let participants: Vec<_> = (0..threads).map(|_| scope.spawn(count)).collect();
        stop.set_after(Duration::from_millis(50));
        participants
            .into_iter()
            .map(|participant| participant.join().expect("a count"))
            .sum()
    })
}

pub fn print(run: &Run) {
    let outcomes = &run.outcomes;
    for outcome in outcomes {
        let row = &outcome.row;
        println!("\n{}, {}", row.name, row.unit);
        for series in &outcome.series {
            let mut line = format!("  {:<16}", series.name);
            if row.constant {
                line += &format!("{:>11.0}", series.values[0]);
            } else {
                let Quartiles { low, median, high } = series.quartiles();
                let spread = format!("[{low:.1}, {high:.1}]");
                line += &format!("{median:>11.1}  {spread:<22}");
                if !series.least.is_empty() {
                    let least = Quartiles::of(series.least.iter().copied()).median;
                    line += &format!("  worst-served {:>3.0} %", least * 100.0);
                }
                if series.name != OURS
                    && let Some(ratio) = outcome.ratio(series)
                {
                    line += &format!("  {OURS} takes {ratio} of it");
                }
            }
            println!("{}", line.trim_end());
        }
        for verdict in outcome.verdicts() {
            println!("  bound: {verdict}");
        }
    }

    println!("\nbounds");
    for outcome in outcomes {
        for verdict in outcome.verdicts() {
            println!("  {:<44}{verdict}", outcome.row.name);
        }
    }

    let processors = Quartiles::of(
        run.counts
            .iter()
            .map(|[one, two]| *two as f64 / *one as f64),
    );
    println!("\ntwo threads had {processors} processors");
    if processors.median < 1.6 {
        println!("  the machine was busy: who does not really run at the same time does not");
        println!("  contend, so the rows with several threads or workers say little");
    }
}

/// Keeps what is measured off the cache lines of what is not.
#[repr(align(128))]
pub struct Apart<T>(pub T);

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Tells the participants that the time is up.
pub struct Stop(Apart<AtomicBool>);

impl Stop {
    pub fn new() -> Self {
        Stop(Apart(AtomicBool::new(false)))
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub fn set_after(&self, time: Duration) {
        thread::sleep(time);
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Repeats `batch`, which says how many operations it did, until the time is up.
pub fn repeat(time: Duration, mut batch: impl FnMut() -> u64) -> Sample {
    let start = Instant::now();
    let mut operations = 0;
    loop {
        operations += batch();
        let elapsed = start.elapsed();
        if elapsed >= time {
            return Sample::per_operation(&[operations], elapsed);
        }
    }
}

/// The same in a task, alone on its runtime.
pub fn repeat_in_task(time: Duration, mut batch: impl AsyncFnMut() -> u64) -> Sample {
    runtime(1).block_on(async {
        let start = Instant::now();
        let mut operations = 0;
        while start.elapsed() < time {
            operations += batch().await;
        }
        Sample::per_operation(&[operations], start.elapsed())
    })
}

/// Runs `tasks` tasks of a kind on what they share until the time is up; each says how many
/// operations it has done.
pub fn crowd<T, F>(
    workers: usize,
    tasks: usize,
    time: Duration,
    object: T,
    task: impl Fn(Arc<(Apart<T>, Stop)>) -> F,
) -> Sample
where
    T: Send + Sync,
    F: Future<Output = u64> + Send + 'static,
{
    let runtime = runtime(workers);
    let shared = Arc::new((Apart(object), Stop::new()));
    let start = Instant::now();
    let participants: Vec<_> = (0..tasks)
        .map(|_| runtime.spawn(task(shared.clone())))
        .collect();
    thread::scope(|scope| {
        // The one worker of a current-thread runtime is whoever blocks on it.
        let counts = scope.spawn(|| {
            runtime.block_on(async {
                let mut counts = Vec::new();
                for participant in participants {
                    counts.push(participant.await.expect("a participant"));
                }
                (counts, start.elapsed())
            })
        });
        shared.1.set_after(time);
        let (counts, elapsed) = counts.join().expect("the counts");
        Sample::per_operation(&counts, elapsed)
    })
}

/// The runtime that all tasks run on, whosever primitives they use.
pub fn runtime(workers: usize) -> tokio::runtime::Runtime {
    let mut builder = match workers {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.worker_threads(workers).build().expect("a runtime")
}

/// A runtime whose one worker is a thread of its own, beside the one that waits for it.
pub fn lone_worker() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).build().expect("a runtime")
}
