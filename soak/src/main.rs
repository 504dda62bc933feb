//! All primitives, used by threads and by the tasks of all runtimes at the same time, for as long as one likes.
//!
//! ```sh
//! cargo run --release --manifest-path soak/Cargo.toml -- --minutes 30 --plot soak.svg
//! ```
//!
//! Every party does whatever comes into its head: it takes locks and permits, puts and gets, gathers at the barrier, has jobs run, and gives up
//! half-way, by a timeout or because it is cancelled. Once a second it is noted how much has been done, how much memory the
//! process has and how many threads. At the end all parties stop, everything has to be where it belongs, and neither memory nor
//! threads may have grown.
//!
//! | file | subject |
//! |---|---|
//! | `main.rs` | the course of it |
//! | `party.rs` | how a party waits: as a thread or as a task, to the end or not |
//! | `town/` | the objects, what can be done with them, and the balance at the end |
//! | `runtimes.rs` | where the parties live |
//! | `samples.rs` | what is noted each second, and whether it grows |
//! | `plot.rs` | the same as a picture |

mod party;
mod plot;
mod runtimes;
mod samples;
mod town;

use amphi::{Event, Timer};
use samples::Samples;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use town::Town;

/// What the command line says.
struct Settings {
    time: Duration,
    plot: Option<PathBuf>,
}

const USAGE: &str = "\
usage: amphi-soak [OPTIONS]
  --minutes N   how long it takes (1)
  --plot FILE   where memory, threads and operations are drawn (nowhere)
  --help        this text";

impl Settings {
    /// `None` if somebody only asks for help.
    fn read(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, Box<dyn Error>> {
        let mut settings = Settings {
            time: Duration::from_secs(60),
            plot: None,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--help" => return Ok(None),
                "--minutes" => {
                    let value = value()?;
                    let minutes = value.parse::<f64>().ok();
                    let time = minutes.and_then(|n| Duration::try_from_secs_f64(60.0 * n).ok());
                    settings.time =
                        time.ok_or_else(|| format!("--minutes needs a number, not {value:?}"))?;
                }
                "--plot" => settings.plot = Some(value()?.into()),
                _ => return Err(format!("there is no option {word:?}\n{USAGE}").into()),
            }
        }
        Ok(Some(settings))
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let Some(settings) = Settings::read(std::env::args().skip(1))? else {
        println!("{USAGE}");
        return Ok(());
    };
    let town = Arc::new(Town::new());
    let parties = runtimes::start(&town);
    println!("{} parties", parties.len());

    let start = Instant::now();
    let mut samples = Samples::new(start);
    let second = Arc::new(Event::new());
    let rings = second.clone();
    let clock = Timer::every(Duration::from_secs(1), move || rings.set());
    clock.start();
    let stirred = town.clone();
    let stirrer = Timer::every(Duration::from_millis(5), move || stirred.stir());
    stirrer.start();
    let mut next_line = Duration::from_secs(60);
    while start.elapsed() < settings.time {
        second.wait().block();
        second.clear();
        samples.take(&town)?;
        if start.elapsed() >= next_line {
            next_line += Duration::from_secs(60);
            println!("{}", samples.last());
            draw(&samples, &settings)?;
        }
        if town.is_stuck() {
            break;
        }
    }
    for timer in [clock, stirrer] {
        timer.cancel();
        timer.finished().block();
    }

    let stuck = town.stop(parties);
    draw(&samples, &settings)?;
    println!("{}", samples.last());
    town.print_counts();
    let mut complaints = town.balance();
    complaints.extend(stuck);
    complaints.extend(samples.growth());
    match complaints.is_empty() {
        true => {
            println!("nothing lost, nothing grown");
            Ok(())
        }
        false => Err(complaints.join("\n").into()),
    }
}

fn draw(samples: &Samples, settings: &Settings) -> Result<(), Box<dyn Error>> {
    match &settings.plot {
        Some(plot) => plot::draw(samples, plot),
        None => Ok(()),
    }
}
