//! The stage: starts the parties of a program as threads or as tasks.
//!
//! A party is an async function that gets a [`Me`]. All its waiting goes through that:
//! `me.wait(event.wait()).await` is `event.wait().block()` in a thread, and
//! `event.wait().await` in a task. (A program that knows what it runs on would write
//! the one or the other.)
//!
//! Some programs have functions run by amphi, on threads of its own: these speak with a
//! [`Voice`].

use std::any::Any;
use std::fmt::{self, Display};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use amphi::{Operation, Or, Timeout, Wait};
use futures::{FutureExt, Stream, StreamExt};

/// The programs' unit of time.
pub const UNIT: Duration = Duration::from_millis(30);

/// What cannot be waited for: only somebody else can end this.
pub const FOREVER: Duration = Duration::from_secs(3600);

/// A play that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a play showed, or what was wrong with it.
pub type Verdict = Result<String, String>;

/// A way to play a program: what its parties are.
#[derive(Clone, Copy)]
pub enum Way {
    Threads,
    Tokio,
    AsyncStd,
    /// Odd parties are threads, even ones tasks of tokio and async-std by turns.
    Mixed,
}

impl Way {
    pub const ALL: [Way; 4] = [Way::Threads, Way::Tokio, Way::AsyncStd, Way::Mixed];

    /// What the party is that is the `number`th to start.
    fn kind(self, number: usize) -> Kind {
        match (self, number % 4) {
            (Way::Threads, _) | (Way::Mixed, 1 | 3) => Kind::Thread,
            (Way::Tokio, _) | (Way::Mixed, 2) => Kind::Tokio,
            (Way::AsyncStd, _) | (Way::Mixed, _) => Kind::AsyncStd,
        }
    }
}

impl Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Way::Threads => "threads",
            Way::Tokio => "tokio",
            Way::AsyncStd => "async-std",
            Way::Mixed => "mixed",
        })
    }
}

/// What a party is.
#[derive(Clone, Copy)]
enum Kind {
    Thread,
    Tokio,
    AsyncStd,
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Thread => "thread",
            Kind::Tokio => "tokio",
            Kind::AsyncStd => "async-std",
        })
    }
}

/// Where one play of a program takes place.
pub struct Stage {
    way: Way,
    start: Instant,
    /// How many parties have started.
    started: AtomicUsize,
    shared: Arc<Shared>,
}

/// What the parties of a play report to.
struct Shared {
    /// The first message decides the play: its verdict, or that a party panicked.
    verdict: Sender<Verdict>,
    /// Who has started and not ended, by number.
    present: Mutex<Vec<(usize, String)>>,
}

impl Stage {
    /// Plays a program, and waits no longer than [`PATIENCE`] for its verdict.
    pub fn perform(way: Way, play: fn(&Stage) -> Verdict) -> Verdict {
        let (sender, verdict) = mpsc::channel();
        let shared = Arc::new(Shared {
            verdict: sender,
            present: Mutex::default(),
        });
        let stage = Stage {
            way,
            start: Instant::now(),
            started: AtomicUsize::new(0),
            shared: shared.clone(),
        };
        // A thread of its own, so that a play that hangs can be left behind.
        thread::spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| play(&stage)))
                .unwrap_or_else(|panic| Err(format!("panicked: {}", message(&*panic))));
            stage.shared.report(outcome);
        });
        verdict
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| Err(format!("hangs, still here: {}", shared.names())))
    }

    /// What functions speak with that amphi runs on its own threads.
    pub fn voice(&self) -> Voice {
        Voice { start: self.start }
    }

    /// Starts a party. Dropping the [`Party`] leaves it to itself.
    pub fn start<F>(&self, name: impl Into<String>, part: impl FnOnce(Me) -> F) -> Party<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        let me = Me {
            name: name.into().into(),
            kind: self.way.kind(number),
            start: self.start,
        };
        let (name, kind) = (me.name.clone(), me.kind);
        let (sender, end) = mpsc::channel();
        let shared = self.shared.clone();
        shared.enter(number, format!("{name} ({kind})"));

        let part = AssertUnwindSafe(part(me)).catch_unwind();
        let party = {
            let name = name.clone();
            async move {
                let outcome = part.await;
                shared.leave(number);
                match outcome {
                    // Nobody may care how it ended.
                    Ok(outcome) => drop(sender.send(outcome)),
                    Err(panic) => shared.report(Err(format!(
                        "{name} ({kind}) panicked: {}",
                        message(&*panic)
                    ))),
                }
            }
        };
        match kind {
            Kind::Thread => {
                let builder = thread::Builder::new().name(name.to_string());
                let thread = builder.spawn(|| amphi::block_on(party));
                drop(thread.expect("a thread should start"));
            }
            Kind::Tokio => drop(TOKIO.spawn(party)),
            Kind::AsyncStd => drop(async_std::task::spawn(party)),
        }
        Party {
            name,
            number,
            end,
            shared: self.shared.clone(),
        }
    }
}

static TOKIO: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("tokio should start")
});

impl Shared {
    fn report(&self, verdict: Verdict) {
        // Nobody listens any more when the play has been decided.
        let _ = self.verdict.send(verdict);
    }

    fn enter(&self, number: usize, name: String) {
        self.present().push((number, name));
    }

    fn leave(&self, number: usize) {
        self.present().retain(|(present, _)| *present != number);
    }

    fn names(&self) -> String {
        let names: Vec<_> = self
            .present()
            .iter()
            .map(|(_, name)| name.clone())
            .collect();
        if names.is_empty() {
            "no party at all".into()
        } else {
            names.join(", ")
        }
    }

    fn present(&self) -> std::sync::MutexGuard<'_, Vec<(usize, String)>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A party that has started: where to wait for its end.
#[must_use = "`join` it, or `detach` it"]
pub struct Party<T> {
    name: Arc<str>,
    number: usize,
    end: Receiver<T>,
    shared: Arc<Shared>,
}

impl<T> Party<T> {
    /// Waits for its end, and gives what it returned.
    pub fn join(self) -> Result<T, String> {
        // Without a value it has panicked, and said so already.
        self.end
            .recv()
            .map_err(|_| format!("{} did not end well", self.name))
    }

    /// Makes a daemon of it: nobody waits for its end.
    pub fn detach(self) {
        self.shared.leave(self.number);
    }
}

/// Waits for the end of each of the parties.
pub fn join_all<T>(parties: Vec<Party<T>>) -> Result<Vec<T>, String> {
    parties.into_iter().map(Party::join).collect()
}

/// A party's own view of itself: its name, its voice, and its way to wait.
#[derive(Clone)]
pub struct Me {
    name: Arc<str>,
    kind: Kind,
    start: Instant,
}

impl Me {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Since the start of the play.
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub fn say(&self, what: impl Display) {
        print_line(self.now(), self.kind, &self.name, what);
    }

    /// Waits as what it is: a thread blocks, a task awaits.
    pub async fn wait<W: Waiting>(&self, wait: W) -> W::Output {
        match self.kind {
            Kind::Thread => wait.block(),
            Kind::Tokio | Kind::AsyncStd => wait.await,
        }
    }

    /// The next of several results: a thread has an iterator of them, a task a stream.
    pub async fn next<T>(
        &self,
        results: &mut (impl Iterator<Item = T> + Stream<Item = T> + Unpin),
    ) -> Option<T> {
        match self.kind {
            Kind::Thread => Iterator::next(results),
            Kind::Tokio | Kind::AsyncStd => StreamExt::next(results).await,
        }
    }

    /// Does what blocks by other means than amphi's, such as reading a file. For a task
    /// a thread of smol's does it, whatever the runtime, so that the executor's own thread
    /// remains free for others.
    pub async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        match self.kind {
            Kind::Thread => work(),
            Kind::Tokio | Kind::AsyncStd => smol::unblock(work).await,
        }
    }

    /// Lets the executor's other tasks run. A thread need not ask.
    pub async fn yield_now(&self) {
        match self.kind {
            Kind::Thread => {}
            Kind::Tokio | Kind::AsyncStd => smol::future::yield_now().await,
        }
    }

    pub async fn sleep(&self, duration: Duration) {
        match self.kind {
            Kind::Thread => thread::sleep(duration),
            Kind::Tokio => tokio::time::sleep(duration).await,
            Kind::AsyncStd => async_std::task::sleep(duration).await,
        }
    }
}

/// Speaks for whatever thread of amphi's it is used on, under that thread's name.
#[derive(Clone, Copy)]
pub struct Voice {
    start: Instant,
}

impl Voice {
    /// Since the start of the play.
    pub fn now(self) -> Duration {
        self.start.elapsed()
    }

    pub fn say(self, what: impl Display) {
        let thread = amphi::thread::current();
        let name = thread.name().unwrap_or("(no name)");
        print_line(self.now(), Kind::Thread, name, what);
    }
}

fn print_line(now: Duration, kind: Kind, name: &str, what: impl Display) {
    let now = now.as_secs_f64();
    println!("{now:>7.3}  {kind:<9}  {name:<11}  {what}");
}

/// Everything of amphi's that can be both awaited and blocked on.
pub trait Waiting: Future {
    fn block(self) -> Self::Output;
}

impl<O: Operation> Waiting for Wait<O> {
    fn block(self) -> O::Output {
        Wait::block(self)
    }
}

impl<O: Operation> Waiting for Timeout<O> {
    fn block(self) -> O::Timed {
        Timeout::block(self)
    }
}

impl<O: Operation, F: Future> Waiting for Or<Wait<O>, F> {
    fn block(self) -> Self::Output {
        Or::block(self)
    }
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("something that is no text")
}
