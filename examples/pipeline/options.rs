//! The command line.

use std::ffi::OsString;
use std::num::NonZero;
use std::path::PathBuf;
use std::thread;

pub const USAGE: &str = "\
Usage: pipeline [FOLDER] [--workers N] [--output FILE] [--all]

Prints the SHA-256 of each file in FOLDER and below it, as sha256sum does. FOLDER is the
current one if none is given. Links are not followed.

  --workers N    how many work at a time in each stage; if not given, one per processor
  --output FILE  where to write to, not to standard output; the file itself is left out
  --all          hidden folders as well, and those named `target`
  --help         this text

Ends with 0 if all went well, 1 if something could not be read or written, 2 if the
command line is wrong, 130 if it was interrupted.
";

const MOST_WORKERS: usize = 256;

pub struct Options {
    pub folder: PathBuf,
    pub workers: usize,
    pub output: Option<PathBuf>,
    pub all: bool,
}

impl Options {
    /// `None` if somebody only asks for help.
    pub fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Option<Options>, String> {
        let mut folder = None;
        let mut options = Options {
            folder: ".".into(),
            workers: thread::available_parallelism().map_or(1, NonZero::get),
            output: None,
            all: false,
        };
        while let Some(arg) = args.next() {
            match arg.to_str() {
                Some("--help" | "-h") => return Ok(None),
                Some("--all") => options.all = true,
                Some("--workers") => {
                    let number = args.next().ok_or("--workers needs a number")?;
                    options.workers = number
                        .to_str()
                        .and_then(|number| number.parse().ok())
                        .filter(|number| (1..=MOST_WORKERS).contains(number))
                        .ok_or(format!(
                            "--workers needs a number from 1 to {MOST_WORKERS}, not {number:?}"
                        ))?;
                }
                Some("--output") => {
                    let file = args.next().ok_or("--output needs a file")?;
                    options.output = Some(file.into());
                }
                Some(option) if option.starts_with('-') => {
                    return Err(format!("there is no option {option:?}"));
                }
                _ => {
                    if let Some(other) = folder.replace(PathBuf::from(&arg)) {
                        return Err(format!(
                            "one folder, please, not both {other:?} and {arg:?}"
                        ));
                    }
                }
            }
        }
        if let Some(folder) = folder {
            options.folder = folder;
        }
        Ok(Some(options))
    }
}
