//! The command line of the service: `serve` and `load`.

mod options;

use std::convert::Infallible;
use std::error::Error;
use std::fmt::Display;
use std::future;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{self, ExitCode};

use amphi::Event;
use amphi_service::load::{self, Plan};
use amphi_service::plot;
use amphi_service::report::Report;
use amphi_service::server::{Options, Server};

use options::{Mode, USAGE};

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Mode::parse(std::env::args_os().skip(1)) {
        Ok(Mode::Help) => {
            say(USAGE);
            return ExitCode::SUCCESS;
        }
        Ok(Mode::Serve(options)) => serve(options).await,
        Ok(Mode::Load(plan, plot)) => load(&plan, plot).await,
        Err(wrong) => {
            eprint!("service: {wrong}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("service: {error}");
        ExitCode::FAILURE
    })
}

type Done = Result<ExitCode, Box<dyn Error>>;

async fn serve(options: Options) -> Done {
    let what = format!("{} at {}", options.database.display(), options.address);
    let server = Server::start(options).await;
    let server = server.map_err(|error| format!("can't serve {what}: {error}"))?;
    let shutdown = server.shutdown().clone();
    let counts = server.counts().clone();
    let served = async {
        say(format_args!("listening on {}\n", server.address()));
        server.finish().await
    };
    tokio::select! {
        // In this order, so that whoever reads that it listens may press Ctrl-C.
        biased;
        never = obey_ctrl_c(&shutdown) => match never {},
        served = served => served?,
    }
    say(format_args!("{counts}\n"));
    Ok(ExitCode::SUCCESS)
}

async fn obey_ctrl_c(shutdown: &Event) -> Infallible {
    while tokio::signal::ctrl_c().await.is_ok() {
        if shutdown.is_set() {
            process::exit(130);
        }
        eprintln!("service: what has been asked for is finished (^C again: it is not)");
        shutdown.set();
    }
    future::pending().await
}

async fn load(plan: &Plan, plot: Option<PathBuf>) -> Done {
    let outcome = load::run(plan).await;
    let report = Report(&outcome);
    say(&report);
    if let Some(file) = plot {
        plot::draw(&outcome, &file)
            .map_err(|error| format!("can't draw {}: {error}", file.display()))?;
        say(format_args!("drawn in {}\n", file.display()));
    }
    Ok(match report.is_good() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Prints it. If nobody reads that, so be it: a server goes on, and a load has been made.
fn say(what: impl Display) {
    let _ = write!(io::stdout(), "{what}");
}
