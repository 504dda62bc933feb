//! A file of 100 MB is loaded by ten workers, each of which opens it, goes to its tenth
//! and reads that. The main loop starts when all of it is there: the workers and the main
//! loop meet at a barrier. A worker that fails aborts it, since nobody need wait then.
//!
//! Reading blocks its thread, which must not be an executor's; see [`Me::run_blocking`].

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::{env, process};

use amphi::{Barrier, Mutex};

use crate::stage::{Me, Stage, Verdict, join_all};

const PARTS: usize = 10;
const PART_SIZE: usize = 10_000_000;

/// Made by the first play, for all of them. It is locked only while it is made.
static FILE: Mutex<Option<BigFile>> = Mutex::new(None);

/// Removes the file, if there is one.
pub fn tidy_up() {
    if let Some(mut file) = FILE.try_lock() {
        *file = None;
    }
}

/// A file of random bytes in the temporary folder, which goes when this is dropped.
struct BigFile {
    path: Arc<Path>,
}

impl BigFile {
    fn make() -> io::Result<Self> {
        let name = format!("amphi-tour-{}-{:x}", process::id(), fastrand::u64(..));
        let path = env::temp_dir().join(name);
        let mut file = File::create_new(&path)?;
        // Exists from here on, so that it goes even if it can't be filled.
        let big = BigFile { path: path.into() };
        let mut bytes = vec![0; PART_SIZE];
        for _ in 0..PARTS {
            fastrand::fill(&mut bytes);
            file.write_all(&bytes)?;
        }
        Ok(big)
    }
}

impl Drop for BigFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            eprintln!("tour: {} is still there: {error}", self.path.display());
        }
    }
}

struct Loading {
    parts: [Mutex<Vec<u8>>; PARTS],
    /// Where the workers and the main loop meet.
    all_in: Barrier,
}

pub fn play(stage: &Stage) -> Verdict {
    let path = big_file().map_err(|error| format!("no file was made: {error}"))?;
    let loading = Arc::new(Loading {
        parts: Default::default(),
        all_in: Barrier::new(PARTS + 1),
    });

    let main_loop = stage.start("main loop", |me| main_loop(me, loading.clone()));
    let workers = (0..PARTS)
        .map(|n| {
            stage.start(format!("worker {n}"), |me| {
                worker(me, n, path.clone(), loading.clone())
            })
        })
        .collect();
    for (n, outcome) in join_all(workers)?.into_iter().enumerate() {
        outcome.map_err(|error| format!("worker {n} could not load its part: {error}"))?;
    }
    let sum = main_loop.join()??;

    let whole = fs::read(&path).map_err(|error| format!("can't read it whole: {error}"))?;
    let size = whole.len();
    ensure!(
        size == PARTS * PART_SIZE,
        "the file has a size of {size} bytes"
    );
    let expected = checksum(0, &whole);
    ensure!(
        sum == expected,
        "the checksum of the parts is {sum:x}, of the whole it is {expected:x}"
    );
    Ok(format!(
        "{} MB in {PARTS} parts, checksum {sum:x} as if read whole",
        size / 1_000_000
    ))
}

fn big_file() -> io::Result<Arc<Path>> {
    let mut file = FILE.lock().block();
    let big = match file.take() {
        Some(big) => big,
        None => BigFile::make()?,
    };
    Ok(file.insert(big).path.clone())
}

/// Loads its part, and waits for the others.
async fn worker(me: Me, n: usize, path: Arc<Path>, loading: Arc<Loading>) -> io::Result<()> {
    match me.run_blocking(move || read_part(&path, n)).await {
        Ok(part) => {
            me.say(format_args!("has loaded {} bytes", part.len()));
            *me.wait(loading.parts[n].lock()).await = part;
            if let Err(broken) = me.wait(loading.all_in.wait()).await {
                me.say(format_args!("has done it in vain: {broken}"));
            }
            Ok(())
        }
        Err(error) => {
            me.say(&error);
            loading.all_in.abort();
            Err(error)
        }
    }
}

/// Returns the checksum of all parts.
async fn main_loop(me: Me, loading: Arc<Loading>) -> Result<u64, String> {
    let all_in = me.wait(loading.all_in.wait()).await;
    all_in.map_err(|error| format!("the main loop can't start: {error}"))?;
    me.say("starts");
    me.run_blocking(move || {
        loading.parts.iter().try_fold(0, |sum, part| {
            let part = part.try_lock().ok_or("a worker still has its part")?;
            Ok(checksum(sum, &part))
        })
    })
    .await
}

fn read_part(path: &Path, n: usize) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start((n * PART_SIZE) as u64))?;
    let mut part = vec![0; PART_SIZE];
    file.read_exact(&mut part)?;
    Ok(part)
}

/// The checksum of what has the checksum `sum` and of more bytes, eight by eight: these in
/// another order have another one.
fn checksum(sum: u64, bytes: &[u8]) -> u64 {
    bytes.chunks_exact(8).fold(sum, |sum, word| {
        let word = u64::from_le_bytes(word.try_into().expect("it is eight bytes long"));
        (sum.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95)
    })
}
