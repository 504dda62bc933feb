//! Synchronization primitives on which OS threads and async tasks of any runtime meet on the
//! same object.
//!
//! Every operation that may have to wait is *one* method, and returns a [`Wait`]. What to do with it is up to
//! whoever waits:
//!
//! ```
//! use amphi::{Event, Mutex, TimedOut, block_on};
//! use std::thread;
//! use std::time::Duration;
//!
//! static MUTEX: Mutex<Vec<&str>> = Mutex::new(Vec::new());
//! static SHUTDOWN: Event = Event::new();
//! const SECOND: Duration = Duration::from_secs(1);
//!
//! let thread = thread::spawn(|| {
//!     MUTEX.lock().block().push("a thread blocks");
//!     SHUTDOWN.wait().block();
//! });
//! block_on(async {
//!     MUTEX.lock().await.push("a task awaits");
//!     let mut guard = MUTEX.lock().timeout(SECOND).await?; // ... for a second at most
//!     guard.push("with a timeout");
//!     assert!(MUTEX.try_lock().is_none()); // nobody waits
//!     SHUTDOWN.set();
//!     // Whichever comes first: the lock, which is held, or the event.
//!     assert!(MUTEX.lock().or(SHUTDOWN.wait()).await.is_err());
//!     Ok::<_, TimedOut>(())
//! })?;
//! thread.join().unwrap();
//! # Ok::<_, TimedOut>(())
//! ```
//!
//! So there is no second API for blocking, and none for timeouts: what one primitive can, all can. A
//! task may run on tokio, async-std, smol, or any other executor, and need not tell.
//!
//! # Which one to take
//!
//! | Type | What for |
//! |---|---|
//! | [`Event`] | to notify: something has happened, go on, all of you |
//! | [`Mutex`] | to protect data that one at a time may use |
//! | [`ReentrantMutex`] | the same for functions that lock and call each other; [`owner`] says who holds it |
//! | [`lock_all()`] | several mutexes at once, without deadlock |
//! | [`Condvar`] | for producers and consumers: wait until data under a mutex have changed |
//! | [`Semaphore`], [`BoundedSemaphore`] | to admit so many at a time |
//! | [`Barrier`] | to gather a fixed number: all go on when the last has arrived |
//! | [`Queue`], [`LifoQueue`], [`PriorityQueue`] | to move data from some to others |
//! | [`oneshot`] | to send one value once: the reply to a request |
//! | `thread` | threads that tasks can join, with a timeout, with others |
//! | `ThreadPool` | to run functions that block or compute elsewhere: each becomes a `Job` to wait for, or to cancel |
//! | `Timer` | to run a function later, or again and again, unless it is cancelled |
//!
//! An event notifies; a lock protects; a condition variable is for producers and consumers; a barrier gathers a
//! fixed number; a semaphore admits a number (a lock is a semaphore of one); a queue moves data between them.
//! Synchronizing means waiting: what is independent should not be synchronized.
//!
//! # What mixing threads and tasks needs
//!
//! A lock that is handed to a task which is not polled is held by nobody who runs; that is how
//! programs deadlock that mix the two on other locks. Here:
//!
//! * A blocked thread never depends on a task being polled. It gets through even if
//!   the waiter ahead of it is a task that would have to run on that very thread. (A notification of a [`Condvar`]
//!   goes to whom its caller says; see there.)
//! * Every poll is an attempt, so two waits in one task do not block each other, even if one is
//!   never polled again.
//! * Wakers are called when no lock of the crate is held. They may do whatever they like, and
//!   panic.
//! * A wait can be dropped at any moment; it loses nothing.
//! * No waiter starves. A panic poisons nothing.
//!
//! So a service keeps its tasks free of what blocks, and its threads free of a runtime:
//!
//! ```
//! use amphi::{Event, Queue, ThreadPool, block_on};
//!
//! let requests = Queue::bounded(64);
//! let shutdown = Event::new();
//! let pool = ThreadPool::new(4);
//! std::thread::scope(|scope| {
//!     scope.spawn(|| {
//!         requests.put(20).block().unwrap();
//!         requests.put(22).block().unwrap();
//!         requests.join().block(); // all are dealt with
//!         shutdown.set();
//!     });
//!     let mut sum = 0;
//!     block_on(async {
//!         while let Ok(request) = requests.get().or(shutdown.wait()).await {
//!             let request: u32 = request.unwrap();
//!             sum += pool.submit(move || request)?.await?; // the task waits, no thread of the executor does
//!             requests.task_done()?;
//!         }
//!         Ok::<_, Box<dyn std::error::Error>>(())
//!     })?;
//!     assert_eq!(sum, 42);
//!     Ok::<_, Box<dyn std::error::Error>>(())
//! })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! What remains true: blocking an executor's thread keeps its other tasks from running. If
//! the one who is to release the lock is such a task, nothing can help; there, `.await`.
//!
//! # Features
//!
//! | Feature | Default | |
//! |---|---|---|
//! | `time` | yes | timeouts and deadlines that can be awaited, on any runtime and outside of any, by `async-io`'s timer. Without it they can be blocked on |
//! | `tokio` | no | inside a tokio runtime, timeouts go by tokio's own clock, which `tokio::time::pause` stops |
//! | `thread` | yes | the module `thread`: threads, pools, timers |
//! | `sink` | no | a queue as a `Sink` of the futures crates |

pub mod barrier;
pub mod condvar;
mod error;
pub mod event;
mod finally;
mod lock;
pub mod oneshot;
pub mod owner;
pub mod queue;
pub mod semaphore;
mod sync;
#[cfg(feature = "thread")]
pub mod thread;
mod wait;

pub use barrier::{Barrier, BarrierWait};
pub use condvar::{Condvar, WaitTimeoutResult};
pub use error::{
    BarrierError, Closed, GetError, PutError, RecvError, ReleaseError, SendError, TaskDoneError,
    TimedOut,
};
pub use event::Event;
pub use lock::all as lock_all;
pub use lock::all::lock_all;
pub use lock::mutex::{
    self, MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard,
};
pub use lock::reentrant::{self, OwnedReentrantMutexGuard, ReentrantMutex, ReentrantMutexGuard};
pub use owner::Owner;
pub use queue::{LifoQueue, PriorityQueue, Queue};
pub use semaphore::{BoundedSemaphore, OwnedPermit, Permit, Semaphore};
#[cfg(feature = "thread")]
pub use thread::{Job, JobError, SubmitError, ThreadPool, Timer, as_completed, wait_all, wait_any};
pub use wait::{Operation, Or, Timeout, Wait, block_on};

/// The README's example, so that it compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
