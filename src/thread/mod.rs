//! Threads that threads and tasks can wait for.
//!
//! [`spawn`] starts one, and its [`JoinHandle`] is awaited or blocked on, with a timeout if need be. They are std's threads, with
//! what Python's `threading` has and std does not: any number of threads and tasks can [wait for the end](Thread::finished) of one, also
//! with a timeout; those that are alive are [listed](enumerate); and daemons are threads that the end of the program does not
//! [wait for](join_all).
//!
//! ```
//! use amphi::{Event, block_on, thread};
//! use std::time::Duration;
//!
//! static END: Event = Event::new();
//!
//! let mut adds = thread::spawn(|| 40 + 2);
//! let mut waits = thread::Builder::new().name("waiter").spawn(|| END.wait().block())?;
//! assert!(waits.join().timeout(Duration::from_millis(1)).block().is_err()); // and it goes on
//! END.set();
//! block_on(async {
//!     assert_eq!(adds.join().await.unwrap(), 42);
//!     waits.join().await.unwrap();
//! });
//! # Ok::<_, std::io::Error>(())
//! ```
//!
//! # Data of a thread's own
//!
//! What Python calls `threading.local` is std's [`thread_local!`]. It works in these threads as in all others, so there is nothing
//! of the kind here.
//!
//! ```
//! use amphi::thread;
//! use std::cell::Cell;
//!
//! thread_local!(static COUNT: Cell<u32> = const { Cell::new(0) });
//!
//! let counts = || {
//!     COUNT.set(COUNT.get() + 1);
//!     COUNT.get()
//! };
//! assert_eq!(thread::spawn(counts).join().block().unwrap(), 1);
//! assert_eq!(thread::spawn(counts).join().block().unwrap(), 1);
//! ```

// | file | subject |
// |---|---|
// | `mod.rs` | how a thread is started, and what others see of it |
// | `handle.rs` | the wait for its result |
// | `registry.rs` | which threads there are |
// | `headcount.rs` | how many there are, and the wait until they are gone |
// | `panicked.rs` | what is left of a function that has panicked |
// | `job/` | a function that a pool runs |
// | `watch.rs` | the wait for several jobs |
// | `pool/`, `map.rs` | the pool, and one function for many items |
// | `timer.rs`, `schedule.rs` | a function that runs later, and the thread that waits until then |
// | `error.rs` | the errors |

mod error;
mod handle;
mod headcount;
mod job;
mod map;
mod panicked;
mod pool;
mod registry;
mod schedule;
mod timer;
mod watch;

pub use error::{JobError, JoinError, SubmitError};
pub use handle::{Join, JoinHandle};
pub use job::{Job, JobResult};
pub use map::Map;
pub use panicked::Panicked;
pub use pool::{PoolBuilder, Shutdown, ThreadPool};
pub use registry::{JoinAll, active_count, current, enumerate, join_all, main};
pub use timer::Timer;
pub use watch::{AsCompleted, WaitAll, WaitAny, as_completed, wait_all, wait_any};

use crate::event::{Event, WaitSet};
use crate::first_panic::unharmed;
use crate::owner;
use crate::sync::{Mutex, lock};
use crate::wait::Wait;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Starts a thread.
///
/// Dropping the handle lets it go on by itself.
///
/// # Panics
///
/// If the system can't start another thread; [`Builder::spawn`] returns an error instead.
///
/// ```
/// use amphi::{block_on, thread};
///
/// let mut one = thread::spawn(|| 1);
/// let mut two = thread::spawn(|| 2);
/// assert_eq!(one.join().block().unwrap(), 1); // joined by a thread
/// assert_eq!(block_on(async { two.join().await }).unwrap(), 2); // and by a task
/// ```
#[doc(alias = "threading.Thread")]
pub fn spawn<T, F>(function: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let spawned = Builder::new().spawn(function);
    spawned.unwrap_or_else(|error| panic!("can't start a thread: {error}"))
}

/// Says what a thread is to be like before it is started.
///
/// ```
/// use amphi::thread;
///
/// let mut thread = thread::Builder::new()
///     .name("worker")
///     .stack_size(64 * 1024)
///     .spawn(|| thread::current().name().map(str::to_string))?;
/// assert_eq!(thread.join().block().unwrap().as_deref(), Some("worker"));
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is started before `spawn`"]
pub struct Builder {
    name: Option<String>,
    stack_size: Option<usize>,
    daemon: bool,
}

impl Builder {
    /// For a thread without a name, with std's stack size, that is not a daemon.
    ///
    /// ```
    /// let thread = amphi::thread::Builder::new().spawn(|| ())?;
    /// assert_eq!(thread.name(), None);
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn new() -> Self {
        Builder::default()
    }

    /// Names the thread. The system shows that name, perhaps shortened, and a
    /// [`ReentrantMutex`](crate::ReentrantMutex) that it holds.
    ///
    /// ```
    /// use amphi::{owner, thread};
    ///
    /// let mut thread = thread::Builder::new().name("worker").spawn(owner::current)?;
    /// assert_eq!(thread.join().block().unwrap().to_string(), "worker");
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn name(self, name: impl Into<String>) -> Self {
        let name = Some(name.into());
        Builder { name, ..self }
    }

    /// Sets how many bytes its stack has at least. By default std decides.
    ///
    /// ```
    /// let mut thread = amphi::thread::Builder::new()
    ///     .stack_size(64 * 1024 * 1024)
    ///     .spawn(|| std::hint::black_box([1_u8; 8 * 1024 * 1024]).len())?;
    /// assert_eq!(thread.join().block().unwrap(), 8 * 1024 * 1024);
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn stack_size(self, bytes: usize) -> Self {
        self.stack_size_or_default(Some(bytes))
    }

    fn stack_size_or_default(self, stack_size: Option<usize>) -> Self {
        Builder { stack_size, ..self }
    }

    /// Sets whether it is a daemon, which is a thread that [`join_all`] does not wait for. By default it is not.
    ///
    /// ```
    /// use amphi::{Event, thread};
    ///
    /// static NEVER: Event = Event::new();
    /// let daemon = thread::Builder::new().daemon(true).spawn(|| NEVER.wait().block())?;
    /// thread::join_all().block();
    /// assert!(daemon.is_alive());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn daemon(self, daemon: bool) -> Self {
        Builder { daemon, ..self }
    }

    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// The system's, if it can't start another one; [`io::ErrorKind::InvalidInput`] if there is a zero byte in the name.
    ///
    /// ```
    /// use amphi::thread::Builder;
    ///
    /// let mut thread = Builder::new().spawn(|| 1)?;
    /// assert_eq!(thread.join().block().unwrap(), 1);
    /// assert!(Builder::new().name("a\0b").spawn(|| 1).is_err());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn spawn<T, F>(self, function: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_then(function, || ())
            .map_err(|failed| failed.error)
    }

    /// Does something more when others have heard of the end.
    fn spawn_then<T, F>(
        self,
        function: F,
        afterwards: impl FnOnce() + Send + 'static,
    ) -> Result<JoinHandle<T>, NotStarted>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let mut builder = crate::sync::Builder::new();
        if let Some(name) = &self.name {
            if name.contains('\0') {
                let message = "a thread's name can't contain a zero byte";
                let error = io::Error::new(io::ErrorKind::InvalidInput, message);
                return Err(NotStarted {
                    error,
                    listed: None,
                });
            }
            builder = builder.name(name.clone());
        }
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        let thread = Thread::new(owner::next_id(), self.name, self.daemon);
        let handle = JoinHandle::new(thread.clone());
        let result = handle.slot();
        // Before it runs, so that whoever knows of it finds it there.
        let listed = Arc::new(Mutex::new(Some(registry::Listed::new(thread))));
        let takes = listed.clone();
        let spawned = builder.spawn(move || {
            let listed = lock(&takes).take();
            let listed = listed.expect("a thread that has been started runs");
            listed.begin();
            let returned = catch_unwind(AssertUnwindSafe(function));
            // A result that nobody wants is dropped, and that may panic; so may the wakers of others.
            unharmed(|| result.fill(returned.map_err(Panicked::new)));
            unharmed(|| drop(listed));
            afterwards();
        });
        match spawned {
            Ok(_) => Ok(handle),
            Err(error) => Err(NotStarted {
                error,
                listed: lock(&listed).take(),
            }),
        }
    }
}

/// A thread that was listed, and then could not be started. Somebody may have found it in the list: dropping this wakes those who wait for its end.
struct NotStarted {
    error: io::Error,
    listed: Option<registry::Listed>,
}

/// A thread, as others see it: what [`current`], [`enumerate`] and [`JoinHandle::thread`] give.
///
/// Two are equal if they are the same thread.
///
/// ```
/// use amphi::thread::{self, Thread};
///
/// let mut spawned = thread::spawn(thread::current);
/// let thread: Thread = spawned.join().block().unwrap();
/// assert_eq!(thread, *spawned.thread());
/// assert!(!thread.is_alive() && thread::current().is_alive());
/// ```
#[derive(Clone)]
pub struct Thread {
    about: Arc<About>,
}

struct About {
    id: u64,
    name: Option<String>,
    daemon: bool,
    finished: Event,
}

impl Thread {
    fn new(id: u64, name: Option<String>, daemon: bool) -> Self {
        Thread {
            about: Arc::new(About {
                id,
                name,
                daemon,
                finished: Event::new(),
            }),
        }
    }

    /// A number that no other thread of this process has or has had. It is that of its
    /// [`Owner`](crate::Owner).
    ///
    /// ```
    /// use amphi::{owner, thread};
    /// assert_eq!(thread::current().id(), owner::current().id());
    /// ```
    pub fn id(&self) -> u64 {
        self.about.id
    }

    /// Its name, if it has one.
    ///
    /// ```
    /// assert_eq!(amphi::thread::main().name(), Some("main"));
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.about.name.as_deref()
    }

    /// Whether it is a daemon, which is a thread that [`join_all`] does not wait for. Those that this crate has not started are daemons.
    ///
    /// ```
    /// let foreign = std::thread::spawn(|| amphi::thread::current().is_daemon());
    /// assert!(foreign.join().unwrap());
    /// ```
    pub fn is_daemon(&self) -> bool {
        self.about.daemon
    }

    /// Whether its function has not ended yet.
    ///
    /// ```
    /// assert!(amphi::thread::current().is_alive());
    /// ```
    pub fn is_alive(&self) -> bool {
        !self.about.finished.is_set()
    }

    /// Waits until its function has ended, also by a panic. Any number of threads and tasks may wait for that; the
    /// thread itself would wait for ever. With a timeout it gives `Err(TimedOut)` if the function has not ended in time.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    ///
    /// ```
    /// use amphi::{block_on, thread};
    ///
    /// let handle = thread::spawn(|| ());
    /// let thread = handle.thread().clone();
    /// let other = thread::spawn(move || thread.finished().block()); // a thread
    /// block_on(async {
    ///     handle.finished().await; // a task
    ///     other.finished().await;
    /// });
    /// assert!(!handle.is_alive());
    /// ```
    pub fn finished(&self) -> Wait<WaitSet<'_>> {
        self.about.finished.wait()
    }
}

impl PartialEq for Thread {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Thread {}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("daemon", &self.is_daemon())
            .field("alive", &self.is_alive())
            .finish()
    }
}
