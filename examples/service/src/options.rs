//! The command line.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use amphi_service::load::Plan;
use amphi_service::server::Options;

pub const USAGE: &str = "\
Usage: service serve [--address A] [--database PATH] [--readers N]
       service load  [--address A] [--connections N] [--requests N] [--seed N] [--plot FILE]

serve: a key-value server. Ctrl-C stops it when what has been asked for is done; a second one stops it at once.
load:  sends it requests, checks each reply, and says how long the replies took.

  --address A       where to listen or to connect to; 127.0.0.1:4200 if not given
  --database PATH   the database's file, made if there is none; service.redb if not given
  --readers N       how many read from it at a time; 4 if not given
  --connections N   how many clients there are; 16 if not given
  --requests N      how many requests they send in all; 20000 if not given
  --seed N          for the same requests again
  --plot FILE       draws throughput and latency into an SVG file
  --help            this text

Ends with 0 if all went well, 1 if something could not be done or a reply was wrong, 2 if the command line is wrong, 130
if it was interrupted before it was through.
";

const ADDRESS: &str = "127.0.0.1:4200";
const MOST_READERS: u64 = 256;
const MOST_CONNECTIONS: u64 = 10_000;
const MOST_REQUESTS: u64 = 100_000_000;

/// What to do.
#[derive(Debug)]
pub enum Mode {
    Help,
    Serve(Options),
    Load(Plan, Option<PathBuf>),
}

impl Mode {
    pub fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Mode, String> {
        let mode = args.next().ok_or("serve or load?")?;
        match mode.to_str() {
            Some("serve") => parse_serve(args),
            Some("load") => parse_load(args),
            Some("--help" | "-h") => Ok(Mode::Help),
            _ => Err(format!("serve or load, not {mode:?}")),
        }
    }
}

fn parse_serve(mut args: impl Iterator<Item = OsString>) -> Result<Mode, String> {
    let mut options = Options::new("service.redb");
    options.address = ADDRESS.into();
    while let Some(option) = args.next() {
        match option.to_str() {
            Some("--help" | "-h") => return Ok(Mode::Help),
            Some("--address") => options.address = address(args.next())?,
            Some("--database") => {
                options.database = args.next().ok_or("--database needs a file")?.into();
            }
            Some("--readers") => {
                options.readers = number("--readers", 1, MOST_READERS, args.next())? as usize;
            }
            _ => return Err(unknown("serve", &option)),
        }
    }
    Ok(Mode::Serve(options))
}

fn parse_load(mut args: impl Iterator<Item = OsString>) -> Result<Mode, String> {
    let mut plan = Plan {
        address: ADDRESS.into(),
        connections: 16,
        requests: 20_000,
        seed: 1,
    };
    let mut plot = None;
    while let Some(option) = args.next() {
        match option.to_str() {
            Some("--help" | "-h") => return Ok(Mode::Help),
            Some("--address") => plan.address = address(args.next())?,
            Some("--connections") => {
                plan.connections =
                    number("--connections", 1, MOST_CONNECTIONS, args.next())? as usize;
            }
            Some("--requests") => {
                plan.requests = number("--requests", 1, MOST_REQUESTS, args.next())? as usize;
            }
            Some("--seed") => plan.seed = number("--seed", 0, u64::MAX, args.next())?,
            Some("--plot") => plot = Some(args.next().ok_or("--plot needs a file")?.into()),
            _ => return Err(unknown("load", &option)),
        }
    }
    Ok(Mode::Load(plan, plot))
}

fn address(arg: Option<OsString>) -> Result<String, String> {
    let arg = arg.ok_or("--address needs a host and a port, as in 127.0.0.1:4200")?;
    // Names are looked up later, when there is a runtime for it.
    arg.to_str()
        .filter(|address| {
            let port = address
                .rsplit_once(':')
                .map(|(_, port)| port.parse::<u16>());
            matches!(port, Some(Ok(_)))
        })
        .map(str::to_owned)
        .ok_or(format!(
            "--address needs a host and a port, as in 127.0.0.1:4200, not {arg:?}"
        ))
}

fn number(option: &str, least: u64, most: u64, arg: Option<OsString>) -> Result<u64, String> {
    let arg = arg.ok_or(format!("{option} needs a number"))?;
    arg.to_str()
        .and_then(|number| number.parse().ok())
        .filter(|number| (least..=most).contains(number))
        .ok_or(format!(
            "{option} needs a number from {least} to {most}, not {arg:?}"
        ))
}

fn unknown(mode: &str, option: &OsStr) -> String {
    format!("{mode} has no option {option:?}")
}
