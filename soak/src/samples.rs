//! What is noted each second, and whether it grows.

use crate::town::Town;
use std::fmt;
use std::io;
use std::time::Instant;

/// How it was at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    pub seconds: f64,
    pub operations: u64,
    /// Resident, in MiB.
    pub memory: f64,
    pub threads: f64,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:6.0} s: {} operations, {:.1} MiB, {} threads",
            self.seconds, self.operations, self.memory, self.threads
        )
    }
}

/// With less than these, two minutes' worth, one sees the beginning and no trend.
const ENOUGH: usize = 120;

pub struct Samples {
    start: Instant,
    pub all: Vec<Sample>,
}

impl Samples {
    pub fn new(start: Instant) -> Self {
        Samples {
            start,
            all: Vec::new(),
        }
    }

    pub fn take(&mut self, town: &Town) -> io::Result<()> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let word = line.and_then(|rest| rest.split_whitespace().next());
            word.and_then(|word| word.parse::<f64>().ok())
                .ok_or_else(|| io::Error::other(format!("/proc/self/status has no {name}")))
        };
        self.all.push(Sample {
            seconds: self.start.elapsed().as_secs_f64(),
            operations: town.operations(),
            memory: number("VmRSS:")? / 1024.0,
            threads: number("Threads:")?,
        });
        Ok(())
    }

    pub fn last(&self) -> Sample {
        self.all.last().copied().unwrap_or_default()
    }

    /// What has grown beyond noise, if anything.
    pub fn growth(&self) -> Vec<String> {
        let memory = self.trend("memory (MiB)", |sample| sample.memory, 2.0);
        let threads = self.trend("threads", |sample| sample.threads, 2.0);
        memory.into_iter().chain(threads).collect()
    }

    /// The first fifth is left out, in which everything gets its memory for the first time. Of the rest the last quarter is compared
    /// with the first one: by how much the median is higher, against how far the values of one quarter lie apart.
    fn trend(&self, name: &str, value: fn(&Sample) -> f64, least: f64) -> Option<String> {
        if self.all.len() < ENOUGH {
            println!("too short to tell whether {name} grows");
            return None;
        }
        let settled = &self.all[self.all.len() / 5..];
        let quarter = settled.len() / 4;
        let sorted = |samples: &[Sample]| {
            let mut values: Vec<_> = samples.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let first = sorted(&settled[..quarter]);
        let last = sorted(&settled[settled.len() - quarter..]);
        let spread = |values: &[f64]| values[values.len() * 9 / 10] - values[values.len() / 10];
        let noise = least.max(spread(&first)).max(spread(&last));
        let growth = last[quarter / 2] - first[quarter / 2];
        println!("{name}: {growth:+.2} from the first to the last quarter, noise {noise:.2}");
        (growth > noise).then(|| format!("{name} grew by {growth:.2}, noise is {noise:.2}"))
    }
}
