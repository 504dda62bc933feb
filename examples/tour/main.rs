//! A tour of amphi: small programs about waiting for one another, each played four
//! ways: by threads, by tokio tasks, by async-std tasks, and by a mixture of them on
//! the same objects.
//!
//! ```text
//! cargo run --release --example tour             # all of them
//! cargo run --release --example tour -- hot-pot  # one, by its name or number
//! cargo run --release --example tour -- --list
//! ```
//!
//! Each program stands in a file or folder of its own under `programs/` and is written
//! once, as async functions; `stage.rs` says how one of them becomes a thread or a task. Every
//! line a program prints is the seconds since its start, what is speaking, its name
//! and what it has to say. Each program checks its own outcome, and the tour fails if
//! one of them is wrong.

/// Ends a play with an error, in the words given, unless the condition holds.
macro_rules! ensure {
    ($holds:expr, $($words:tt)+) => {
        if !$holds {
            return Err(format!($($words)+));
        }
    };
}

mod programs;
mod stage;

use std::process::ExitCode;
use std::time::Instant;

use programs::{PROGRAMS, Program, TidyUp};
use stage::{Stage, Way};

const USAGE: &str = "\
usage: tour [PROGRAM].. | --list | --help
Plays the programs, all of them if none is named, by its name or number; --list shows them.
";

fn main() -> ExitCode {
    let wishes: Vec<String> = std::env::args().skip(1).collect();
    if wishes.iter().any(|wish| wish == "--help") {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    if wishes.iter().any(|wish| wish == "--list") {
        print!("{}", list());
        return ExitCode::SUCCESS;
    }

    let mut chosen = Vec::new();
    for wish in &wishes {
        match PROGRAMS.iter().find(|program| program.is_called(wish)) {
            Some(program) => chosen.push(program),
            None => {
                eprint!("tour: there is no program `{wish}`. There are:\n{}", list());
                return ExitCode::from(2);
            }
        }
    }
    if chosen.is_empty() {
        chosen.extend(PROGRAMS);
    }
    // Also after a failure.
    let _tidy_up = TidyUp;
    tour(&chosen)
}

/// Plays the programs, each in every way. Ends with the first play that goes wrong, since
/// what is left of it might get in the way of the others.
fn tour(programs: &[&Program]) -> ExitCode {
    let start = Instant::now();
    let mut plays = 0;
    for program in programs {
        println!("\n{} {}: {}", program.number, program.name, program.about);
        for way in Way::ALL {
            println!();
            let title = format!("{} {}  {way}", program.number, program.name);
            match Stage::perform(way, program.play) {
                Ok(outcome) => println!("{title}  ok: {outcome}"),
                Err(wrong) => {
                    println!("{title}  WRONG: {wrong}");
                    eprintln!("\ntour: {title} went wrong: {wrong}");
                    return ExitCode::FAILURE;
                }
            }
            plays += 1;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("\nThe tour is over: {plays} plays in {seconds:.1} s, and all went well.");
    ExitCode::SUCCESS
}

fn list() -> String {
    let mut lines = String::new();
    for Program {
        number,
        name,
        about,
        ..
    } in PROGRAMS
    {
        lines += &format!("{number:>4}  {name:<14}  {about}\n");
    }
    lines
}
