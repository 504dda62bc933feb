//! Checksums of all files in a folder and below it, by a pipeline in which threads and
//! tasks work hand in hand:
//!
//! ```text
//!  tasks          threads          threads          task
//!  walk  ──found──▶ read ──opened──▶ hash ──sums──▶ write
//! ```
//!
//! ```text
//! cargo run --release --example pipeline                                # of the current folder
//! cargo run --release --example pipeline -- /usr/share --output sums
//! sha256sum --check --quiet sums
//! ```
//!
//! Whoever waits for folders to be listed and for the output is a task; whoever computes, or reads
//! files by plain `std`, is a thread. Between two stages there is a bounded queue. Who is faster
//! than the next stage waits for room there, so a million files, or huge ones, need no more
//! memory than a few. And nobody needs to know who is on the other side: the same `put` is
//! awaited by tasks and blocked on by threads.
//!
//! The end comes by the queues as well. A stage that is through shuts down the queue behind it,
//! and the next stage ends when that is empty. A stage that has to give up, since the disk is full
//! for example, shuts down the queue before it, and the stage there learns of it when it
//! puts the next item, and so on up to the walkers. Ctrl-C shuts down the first queue and drops
//! what is in it: files that have been opened are finished, and no others are begun.
//!
//! In the end it says how often each queue was found full by those who put, and empty by those who
//! get. The slowest stage is the one behind the last queue that is mostly full.

mod options;

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use amphi::queue::{Get, GetMany, Put};
use amphi::{LifoQueue, Queue, Wait};
use indicatif::{BinaryBytes, ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::runtime::Runtime;

use options::{Options, USAGE};

/// So much is read at a time, and so many chunks of a file ahead of its hasher.
const CHUNK: usize = 128 * 1024;
const CHUNKS_AHEAD: usize = 4;
/// So many files may be open and wait for a hasher. With the two numbers above this is
/// what bounds the memory: to 8 MiB, and 1 MiB for each worker.
const OPENED: usize = 16;
/// Of what takes little memory there may be more.
const FOUND: usize = 256;
const SUMS: usize = 256;
/// So many lines are written at a time.
const BATCH: usize = 64;

/// What the stages share.
struct Pipeline {
    options: Options,
    /// Where the output is, in full.
    output: Option<PathBuf>,
    found: Watched<PathBuf>,
    opened: Watched<Opened>,
    sums: Watched<Sum>,
    /// How many files have been found.
    files: AtomicU64,
    failures: AtomicU64,
    interrupted: AtomicBool,
    bar: ProgressBar,
}

/// A file that is being read.
struct Opened {
    path: PathBuf,
    chunks: Line,
}

/// A file that has been hashed.
struct Sum {
    path: PathBuf,
    bytes: u64,
    hash: [u8; 32],
}

/// What has been written.
#[derive(Default)]
struct Total {
    files: u64,
    bytes: u64,
}

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprint!("pipeline: {wrong}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    run(options).unwrap_or_else(|wrong| {
        eprintln!("pipeline: {wrong}");
        ExitCode::FAILURE
    })
}

fn run(options: Options) -> Result<ExitCode, String> {
    let start = Instant::now();
    let folder = &options.folder;
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(format!("{folder:?} is no folder")),
        Err(error) => return Err(format!("{folder:?}: {error}")),
    }
    let runtime = Runtime::new().map_err(|error| format!("no runtime: {error}"))?;
    let output = open_output(&options)?;
    let workers = options.workers;
    let pipeline = Arc::new(Pipeline::new(options));

    // The tasks run on the runtime's threads, ...
    runtime.spawn(obey_ctrl_c(pipeline.clone()));
    runtime.spawn(walk(pipeline.clone()));
    let writer = runtime.spawn(write(pipeline.clone(), output));
    // ... and the others are threads themselves.
    thread::scope(|scope| {
        let Pipeline {
            found,
            opened,
            sums,
            ..
        } = &*pipeline;
        scope.spawn(|| stage(workers, &found.queue, || read(&pipeline), &opened.queue));
        scope.spawn(|| stage(workers, &opened.queue, || hash(&pipeline), &sums.queue));
    });
    let total = runtime
        .block_on(writer)
        .expect("the writer should not panic");
    pipeline.bar.finish_and_clear();
    let total = total.map_err(|error| format!("cannot write: {error}"))?;

    pipeline.sum_up(&total, start.elapsed());
    Ok(if pipeline.interrupted.load(Relaxed) {
        ExitCode::from(130)
    } else if pipeline.failures.load(Relaxed) > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

type Output = Box<dyn AsyncWrite + Send + Unpin>;

fn open_output(options: &Options) -> Result<Output, String> {
    Ok(match &options.output {
        Some(path) => {
            let file = File::create(path).map_err(|error| format!("{path:?}: {error}"))?;
            Box::new(tokio::fs::File::from_std(file))
        }
        None => Box::new(tokio::io::stdout()),
    })
}

/// A stage of threads: works until nothing comes any more, or nobody takes what it makes, and
/// then shuts down the queues before and behind it. It does so also if it panics, for nobody must
/// wait for ever.
fn stage<I: Send, O: Send>(
    threads: usize,
    input: &Queue<I>,
    work: impl Fn() + Sync,
    output: &Queue<O>,
) {
    let _ends = Finally(|| {
        input.shutdown_now();
        output.shutdown();
    });
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(&work);
        }
    });
}

/// Finds the files: tasks, each of which lists a folder at a time.
///
/// They get the folders out of a queue, and put those that they find into the same queue. If that were
/// bounded it would be a trap: once it is full, and each walker has found one more folder, all of
/// them wait for room, and nobody is left to make any. So it has no bound. It stays short by its
/// order: with the last folder first they go down before they go along, and only siblings of the
/// folders on the way down are waiting. The files, of which there are many more, go into a queue with a
/// bound, which others drain; a walker that waits for room there finds no folders either.
async fn walk(pipeline: Arc<Pipeline>) {
    let folders = Arc::new(LifoQueue::unbounded());
    let _ = folders.try_put(pipeline.options.folder.clone());
    for _ in 0..pipeline.options.workers {
        tokio::spawn(list_folders(pipeline.clone(), folders.clone()));
    }
    // That the queue is empty is not the end, for a walker may be about to put a folder into it. The end
    // is when all folders have been dealt with.
    folders.join().await;
    folders.shutdown();
    pipeline.found.queue.shutdown();
}

async fn list_folders(pipeline: Arc<Pipeline>, folders: Arc<LifoQueue<PathBuf>>) {
    while let Ok(folder) = folders.get().await {
        if let Err(error) = list_folder(&folder, &pipeline, &folders).await {
            pipeline.fail(&folder, error);
        }
        let done = folders.task_done();
        done.expect("it is called once for each folder");
    }
}

async fn list_folder(
    folder: &Path,
    pipeline: &Pipeline,
    folders: &LifoQueue<PathBuf>,
) -> io::Result<()> {
    let mut entries = tokio::fs::read_dir(folder).await?;
    while let Some(entry) = entries.next_entry().await? {
        let path = entry.path();
        // A link is neither a file nor a folder, so there are no loops.
        let kind = match entry.file_type().await {
            Ok(kind) => kind,
            Err(error) => {
                pipeline.fail(&path, error);
                continue;
            }
        };
        if kind.is_dir() && !pipeline.skips(&path) {
            // Refused only when it has been shut down below.
            let _ = folders.try_put(path);
        } else if kind.is_file() && !pipeline.is_output(&path).await {
            if pipeline.found.put(path).await.is_err() {
                // Nobody wants files any more.
                folders.shutdown_now();
                break;
            }
            pipeline.files.fetch_add(1, Relaxed);
        }
    }
    Ok(())
}

/// Reads files: a thread.
fn read(pipeline: &Pipeline) {
    while let Ok(path) = pipeline.found.get().block() {
        let (near_end, far_end) = Line::new();
        // The hashers get the file first and its chunks while it is being read.
        let opened = Opened {
            path: path.clone(),
            chunks: far_end,
        };
        if pipeline.opened.put(opened).block().is_err() {
            return;
        }
        if let Err(error) = read_file(&path, &near_end) {
            let _ = near_end.0.put(Err(error)).block();
        }
    }
}

/// Reads a file to its end, or until its hasher has hung up.
fn read_file(path: &Path, chunks: &Line) -> io::Result<()> {
    let file = File::open(path)?;
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        (&file).take(CHUNK as u64).read_to_end(&mut chunk)?;
        let is_last = is_last(&chunk);
        if chunks.0.put(Ok(chunk)).block().is_err() || is_last {
            return Ok(());
        }
    }
}

/// Whether the file ends with it: then it is shorter than the others, be it empty.
fn is_last(chunk: &[u8]) -> bool {
    chunk.len() < CHUNK
}

/// One end of the line on which a file's chunks go from its reader to its hasher. It is a queue for
/// this file alone, since its chunks must stay together and in order. Whoever drops their end
/// hangs up: then the hasher gets what is there yet, and the reader can put no more.
struct Line(Arc<Queue<io::Result<Vec<u8>>>>);

impl Line {
    /// Both ends.
    fn new() -> (Line, Line) {
        let chunks = Arc::new(Queue::bounded(CHUNKS_AHEAD));
        (Line(chunks.clone()), Line(chunks))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.0.shutdown();
    }
}

/// Hashes files: a thread.
fn hash(pipeline: &Pipeline) {
    while let Ok(Opened { path, chunks }) = pipeline.opened.get().block() {
        match hash_chunks(&chunks, &pipeline.bar) {
            Ok((bytes, hash)) => {
                let sum = Sum { path, bytes, hash };
                if pipeline.sums.put(sum).block().is_err() {
                    return;
                }
            }
            Err(error) => pipeline.fail(&path, error),
        }
    }
}

/// Returns also how many bytes there were.
fn hash_chunks(chunks: &Line, bar: &ProgressBar) -> io::Result<(u64, [u8; 32])> {
    let mut hasher = Sha256::new();
    let mut bytes = 0;
    loop {
        // If the reader has hung up before the end, that is an error as well.
        let chunk = chunks.0.get().block().map_err(io::Error::other)??;
        hasher.update(&chunk);
        bytes += chunk.len() as u64;
        bar.inc(chunk.len() as u64);
        if is_last(&chunk) {
            return Ok((bytes, hasher.finalize().into()));
        }
    }
}

/// Writes the sums: a task. It gets as many of them at a time as there are.
async fn write(pipeline: Arc<Pipeline>, mut output: Output) -> io::Result<Total> {
    // If it ends by an error, the hashers must not wait for it.
    let _ends = Finally(|| pipeline.sums.queue.shutdown_now());
    let mut total = Total::default();
    while let Ok(sums) = pipeline.sums.get_many(BATCH).await {
        let mut lines = Vec::new();
        for sum in &sums {
            sum.write_to(&mut lines)?;
            total.files += 1;
            total.bytes += sum.bytes;
        }
        output.write_all(&lines).await?;
        output.flush().await?;
        pipeline.show(&total);
    }
    Ok(total)
}

/// The first Ctrl-C ends the search for files. What has been begun is finished, unless there is a
/// second one.
async fn obey_ctrl_c(pipeline: Arc<Pipeline>) {
    while tokio::signal::ctrl_c().await.is_ok() {
        if pipeline.interrupted.swap(true, Relaxed) {
            process::exit(130);
        }
        pipeline.found.queue.shutdown_now();
        pipeline.say("interrupted: the files that are open are finished (^C again: they are not)");
    }
}

impl Pipeline {
    fn new(options: Options) -> Self {
        let output = options.output.as_ref();
        // To standard error, and not at all if that is no terminal, or where the sums go.
        let bar = match output {
            None if io::stdout().is_terminal() => ProgressBar::hidden(),
            _ => ProgressBar::new_spinner(),
        };
        let template = "{spinner} {elapsed} {binary_bytes} ({binary_bytes_per_sec}) {wide_msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("it is well-formed"));
        bar.enable_steady_tick(Duration::from_millis(100));
        Pipeline {
            output: output.and_then(|path| fs::canonicalize(path).ok()),
            options,
            found: Watched::new(FOUND),
            opened: Watched::new(OPENED),
            sums: Watched::new(SUMS),
            files: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            interrupted: AtomicBool::new(false),
            bar,
        }
    }

    fn skips(&self, folder: &Path) -> bool {
        let name = folder.file_name().unwrap_or_default();
        !self.options.all && (name == "target" || name.as_encoded_bytes().starts_with(b"."))
    }

    async fn is_output(&self, path: &Path) -> bool {
        match &self.output {
            // Most names are others, and that is cheap to see.
            Some(output) if output.file_name() == path.file_name() => {
                let path = tokio::fs::canonicalize(path).await;
                path.is_ok_and(|path| path == *output)
            }
            _ => false,
        }
    }

    /// Something cannot be read. The others can.
    fn fail(&self, path: &Path, error: io::Error) {
        self.failures.fetch_add(1, Relaxed);
        // Quoted, since there may be anything in a name.
        self.say(format_args!("{path:?}: {error}"));
    }

    fn say(&self, what: impl Display) {
        self.bar.suspend(|| {
            // If nobody can read it, so be it.
            let _ = writeln!(io::stderr(), "pipeline: {what}");
        });
    }

    fn show(&self, total: &Total) {
        self.bar.set_message(format!(
            "{} of {} files  found {}  opened {}  sums {}",
            total.files,
            self.files.load(Relaxed),
            self.found.queue.len(),
            self.opened.queue.len(),
            self.sums.queue.len()
        ));
    }

    fn sum_up(&self, total: &Total, took: Duration) {
        let Total { files, bytes } = *total;
        let found = self.files.load(Relaxed);
        if self.interrupted.load(Relaxed) {
            self.say(format_args!("interrupted, {found} files found so far"));
        }
        let failures = match self.failures.load(Relaxed) {
            0 => String::new(),
            failures => format!("; {failures} could not be read"),
        };
        self.say(format_args!(
            "{files} files, {} in {:.2} s{failures}",
            BinaryBytes(bytes),
            took.as_secs_f64()
        ));
        self.say("queue      room  found full  found empty");
        self.say(format_args!("found    {}", self.found));
        self.say(format_args!("opened   {}", self.opened));
        self.say(format_args!("sums     {}", self.sums));
    }
}

impl Sum {
    /// As sha256sum does: a name that would break the line is escaped, and the line marked.
    fn write_to(&self, line: &mut Vec<u8>) -> io::Result<()> {
        let name = self.path.as_os_str().as_encoded_bytes();
        if name.iter().any(|byte| b"\\\n\r".contains(byte)) {
            line.push(b'\\');
        }
        for byte in self.hash {
            write!(line, "{byte:02x}")?;
        }
        line.extend(b"  ");
        for byte in name {
            match byte {
                b'\\' => line.extend(b"\\\\"),
                b'\n' => line.extend(b"\\n"),
                b'\r' => line.extend(b"\\r"),
                _ => line.push(*byte),
            }
        }
        line.push(b'\n');
        Ok(())
    }
}

/// A bounded queue between two stages, and how well they keep pace. What it returns can be awaited and
/// blocked on, like what the queue itself returns.
struct Watched<T> {
    queue: Queue<T>,
    full: AtomicU64,
    empty: AtomicU64,
}

impl<T> Watched<T> {
    fn new(capacity: usize) -> Self {
        Watched {
            queue: Queue::bounded(capacity),
            full: AtomicU64::new(0),
            empty: AtomicU64::new(0),
        }
    }

    fn put(&self, item: T) -> Wait<Put<&Queue<T>>> {
        self.full.fetch_add(self.queue.is_full().into(), Relaxed);
        self.queue.put(item)
    }

    fn get(&self) -> Wait<Get<&Queue<T>>> {
        self.empty.fetch_add(self.queue.is_empty().into(), Relaxed);
        self.queue.get()
    }

    fn get_many(&self, max: usize) -> Wait<GetMany<&Queue<T>>> {
        self.empty.fetch_add(self.queue.is_empty().into(), Relaxed);
        self.queue.get_many(max)
    }
}

impl<T> Display for Watched<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let room = self.queue.capacity().unwrap_or(usize::MAX);
        let (full, empty) = (self.full.load(Relaxed), self.empty.load(Relaxed));
        write!(f, "{room:>6}{full:>12}{empty:>13}")
    }
}

/// Does something when it is dropped.
struct Finally<F: FnMut()>(F);

impl<F: FnMut()> Drop for Finally<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
