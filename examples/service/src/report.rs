//! What the load generator has measured, as text.

use std::fmt;
use std::time::Duration;

use crate::load::{Kind, Outcome};

/// The percentiles in the text.
const PERCENTILES: [f64; 4] = [50.0, 90.0, 99.0, 99.9];

/// Latencies, to be asked for percentiles.
#[derive(Clone, Debug)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Those of one kind of request, or of all.
    pub fn of(outcome: &Outcome, kind: Option<Kind>) -> Self {
        let sessions = outcome.sessions.iter();
        let samples = sessions.flat_map(|session| &session.samples);
        let asked = samples.filter(|sample| kind.is_none_or(|kind| sample.kind == kind));
        asked.map(|sample| sample.latency).collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The latency that so many percent do not exceed; 100 gives the longest. `None` if there is none at all.
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        // Less a little, for a float that should be 999 and is slightly more must not become 1000.
        let rank = (percent / 100.0 * self.0.len() as f64 - 1e-6).ceil() as usize;
        let last = self.0.len().checked_sub(1)?;
        Some(self.0[rank.saturating_sub(1).min(last)])
    }
}

impl FromIterator<Duration> for Latencies {
    fn from_iter<I: IntoIterator<Item = Duration>>(latencies: I) -> Self {
        let mut latencies: Vec<_> = latencies.into_iter().collect();
        latencies.sort_unstable();
        Latencies(latencies)
    }
}

/// Prints as a table.
#[derive(Debug)]
pub struct Report<'a>(pub &'a Outcome);

impl Report<'_> {
    /// Whether each client has come to its end without trouble.
    pub fn is_good(&self) -> bool {
        let mut sessions = self.0.sessions.iter();
        sessions.all(|session| session.trouble.is_none())
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = self.0;
        let all = Latencies::of(outcome, None);
        let seconds = outcome.took.as_secs_f64();
        writeln!(
            f,
            "{} requests on {} connections in {seconds:.2} s: {:.0} a second",
            all.count(),
            outcome.sessions.len(),
            all.count() as f64 / seconds,
        )?;
        write!(f, "{:<8}{:>10}", "", "requests")?;
        for percent in PERCENTILES {
            write!(f, "{:>11}", format!("p{percent}"))?;
        }
        writeln!(f, "{:>11}", "max")?;
        for kind in Kind::ALL {
            row(f, &kind.to_string(), &Latencies::of(outcome, Some(kind)))?;
        }
        row(f, "all", &all)?;
        for (index, session) in outcome.sessions.iter().enumerate() {
            if let Some(trouble) = &session.trouble {
                let answered = session.samples.len();
                writeln!(f, "connection {index}, after {answered} replies: {trouble}")?;
            }
        }
        match self.is_good() {
            true => writeln!(f, "every reply was right"),
            false => Ok(()),
        }
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, latencies: &Latencies) -> fmt::Result {
    write!(f, "{name:<8}{:>10}", latencies.count())?;
    for percent in PERCENTILES.into_iter().chain([100.0]) {
        match latencies.percentile(percent) {
            Some(latency) => write!(f, "{:>8.3} ms", latency.as_secs_f64() * 1e3)?,
            None => write!(f, "{:>11}", "-")?,
        }
    }
    writeln!(f)
}
