//! amphi and its peers on the same work, in one run. See README.md.

mod barrier;
mod condvar;
mod event;
mod harness;
mod mutex;
mod plot;
mod pool;
mod queue;
mod reentrant;
mod semaphore;
mod size;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

const USAGE: &str = "\
usage: amphi-benches [OPTIONS]
  --filter NAME   only rows with NAME in theirs; may be given several times
  --rounds N      rounds that count (15)
  --sample MS     milliseconds for one contender in one round (60)
  --quick         3 rounds of 10 ms: does it run, not how fast
  --plot FILE     where the ratios are drawn (ratios.svg)
  --list          the rows' names
  --help          this text";

struct Arguments {
    filters: Vec<String>,
    rounds: usize,
    sample: Duration,
    plot: PathBuf,
    list: bool,
}

impl Arguments {
    /// `None` if somebody only asks for help.
    fn parse(mut from: impl Iterator<Item = String>) -> Result<Option<Self>, Box<dyn Error>> {
        let mut arguments = Arguments {
            filters: Vec::new(),
            rounds: 15,
            sample: Duration::from_millis(60),
            plot: "ratios.svg".into(),
            list: false,
        };
        while let Some(name) = from.next() {
            let mut value = || from.next().ok_or_else(|| format!("{name} needs a value"));
            match name.as_str() {
                "--filter" => arguments.filters.push(value()?),
                "--rounds" => arguments.rounds = number(&name, &value()?)? as usize,
                "--sample" => arguments.sample = Duration::from_millis(number(&name, &value()?)?),
                "--quick" => {
                    arguments.rounds = 3;
                    arguments.sample = Duration::from_millis(10);
                }
                "--plot" => arguments.plot = value()?.into(),
                "--list" => arguments.list = true,
                "--help" => return Ok(None),
                _ => return Err(format!("there is no option {name:?}\n{USAGE}").into()),
            }
        }
        Ok(Some(arguments))
    }
}

/// What was said for an option that wants a number above zero.
fn number(option: &str, value: &str) -> Result<u64, String> {
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{option} needs a number above zero, not {value:?}"))
}

fn main() {
    if let Err(error) = run() {
        eprintln!("{error}");
        std::process::exit(2);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let Some(arguments) = Arguments::parse(std::env::args().skip(1))? else {
        println!("{USAGE}");
        return Ok(());
    };

    let mut rows = Vec::new();
    rows.extend(mutex::rows());
    rows.extend(reentrant::rows());
    rows.extend(semaphore::rows());
    rows.extend(barrier::rows());
    rows.extend(event::rows());
    rows.extend(condvar::rows());
    rows.extend(queue::rows());
    rows.extend(pool::rows());
    rows.extend(size::rows());
    rows.retain(|row| {
        let filters = &arguments.filters;
        filters.is_empty() || filters.iter().any(|part| row.name.contains(part))
    });

    if arguments.list {
        for row in &rows {
            println!("{}", row.name);
        }
        return Ok(());
    }
    if rows.is_empty() {
        return Err("no row has such a name; --list shows them".into());
    }

    let run = harness::run(rows, arguments.rounds, arguments.sample);
    harness::print(&run);
    event::print_flatness(&run.outcomes);
    plot::draw(&run.outcomes, &arguments.plot)?;
    Ok(())
}
