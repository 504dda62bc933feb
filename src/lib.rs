//! Synchronization primitives on which OS threads and async tasks of any runtime meet on the
//! same object.
//!
//! Every operation that may have to wait is *one* method, which returns a [`Wait`]. What to do with that is up to
//! the caller:
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
//! So there is no second API for blocking and none for timeouts, and all primitives can be waited for in all
//! these ways. A task may run on tokio, async-std, smol, or any other executor; nobody needs to say which.
//!
//! # Which one to take
//!
//! | Type | What for |
//! |---|---|
//! | [`Event`] | to notify: something has happened, everybody go on |
//! | [`Mutex`] | to protect data that only one may use at a time |
//! | [`ReentrantMutex`] | the same, for functions that lock and call each other; [`owner`] says who holds it |
//! | [`lock_all()`] | to lock several mutexes at once, without deadlock |
//! | [`Condvar`] | for producers and consumers: to wait until data under a mutex have changed |
//! | [`Semaphore`], [`BoundedSemaphore`] | to admit a limited number at a time |
//! | [`Barrier`] | to gather a fixed number: all go on when the last has arrived |
//! | [`Queue`], [`LifoQueue`], [`PriorityQueue`] | to move data from producers to consumers |
//! | [`oneshot`] | to send one value once, such as the reply to a request |
//! | `thread` | threads that tasks can join, also with a timeout |
//! | `ThreadPool` | to run functions that block or compute on other threads: each becomes a `Job` to wait for, or to cancel |
//! | `Timer` | to run a function later, or repeatedly, unless it is cancelled |
//!
//! An event notifies; a lock protects; a condition variable is for producers and consumers; a barrier gathers a
//! fixed number; a semaphore admits a limited number (a lock is a semaphore of one); a queue moves data.
//! Synchronizing means waiting: what is independent should not be synchronized.
//!
//! # Mixing threads and tasks
//!
//! A lock that is handed over to a task that nobody polls is held by nobody who runs. That is how programs
//! that mix threads and tasks deadlock on other locks. Here:
//!
//! * A blocked thread never depends on a task being polled. It gets through even if
//!   the waiter ahead of it is a task that would have to run on that very thread. (A notification of a [`Condvar`]
//!   goes to the waiters its caller asks for; see there.)
//! * Every poll is an attempt, so two waits in one task do not block each other, even if one of them is
//!   never polled again.
//! * Wakers are called while none of the crate's locks is held. They may do whatever they like, even
//!   panic.
//! * A wait can be dropped at any moment, and nothing is lost.
//! * No waiter starves, and a panic poisons nothing.
//!
//! So the tasks of a service need not block, and its threads need no runtime:
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
//! One thing remains true: blocking an executor's thread keeps its other tasks from running. If one of these
//! is to release the lock, nothing can help; `.await` there.
//!
//! # Features
//!
//! | Feature | Default | |
//! |---|---|---|
//! | `time` | yes | timeouts and deadlines that can be awaited, on any runtime and outside of any, by `async-io`'s timer. Without it they can only be blocked on |
//! | `tokio` | no | inside a tokio runtime, timeouts go by tokio's own clock, which `tokio::time::pause` stops |
//! | `thread` | yes | the module `thread`: threads, pools, timers |
//! | `sink` | no | a queue as a `Sink` of the futures crates |

pub mod barrier;
pub mod condvar;
mod error;
pub mod event;
mod finally;
mod first_panic;
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
