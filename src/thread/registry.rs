//! Which threads there are.

use super::Thread;
use super::headcount::Headcount;
use crate::finally::Finally;
use crate::first_panic::unharmed;
use crate::owner;
use crate::sync::{Mutex, local, lock, shared};
use crate::wait::{Attempt, Line, Operation, Outcome, Turn, Wait, or_timed_out};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::OnceLock;

shared! {
    /// All that live, by their ids.
    static LISTED: Mutex<BTreeMap<u64, Thread>> = Mutex::new(BTreeMap::new());
    /// Those that [`join_all`] waits for.
    static COUNTED: Headcount = Headcount::new();
    static MAIN: OnceLock<Thread> = OnceLock::new();
}

local! {
    /// This thread, if somebody has asked or it was started here.
    static CURRENT: RefCell<Option<Current>> = RefCell::new(None);
    /// This thread is one of those that [`join_all`] waits for. Without a destructor.
    static IS_COUNTED: Cell<bool> = Cell::new(false);
}

/// What ends with the thread.
struct Current {
    thread: Thread,
    /// If it was not started here, nobody else ends it.
    listed: Option<Listed>,
}

impl Drop for Current {
    fn drop(&mut self) {
        // Those who wait for the end may have wakers that panic, and std aborts if that comes out of a thread-local.
        unharmed(|| drop(self.listed.take()));
    }
}

/// A thread is in the list as long as this lives.
pub(super) struct Listed {
    thread: Thread,
}

impl Listed {
    pub(super) fn new(thread: Thread) -> Self {
        lock(&LISTED).insert(thread.id(), thread.clone());
        if !thread.is_daemon() {
            COUNTED.enter();
        }
        Listed { thread }
    }

    /// The calling thread is this one.
    pub(super) fn begin(&self) {
        owner::become_thread(self.thread.id());
        IS_COUNTED.with(|is_counted| is_counted.set(!self.thread.is_daemon()));
        let current = Current {
            thread: self.thread.clone(),
            listed: None,
        };
        CURRENT.with(|slot| *slot.borrow_mut() = Some(current));
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        lock(&LISTED).remove(&self.thread.id());
        // Whoever knows that it has ended finds that it isn't waited for any more, too.
        let joiners_wait = !self.thread.is_daemon() && COUNTED.leave();
        if owner::thread_id() == self.thread.id() {
            IS_COUNTED.with(|is_counted| is_counted.set(false));
        }
        // Wakers may panic, and then the others are woken all the same.
        let _joiners = Finally::new(|| {
            if joiners_wait {
                COUNTED.wake();
            }
        });
        self.thread.about.finished.set();
    }
}

/// The calling thread.
///
/// One that this crate has not started is a daemon, and is listed as alive from its first call of this function to its end.
///
/// ```
/// use amphi::thread;
///
/// let mut named = thread::Builder::new().name("n").spawn(thread::current)?;
/// assert_eq!(named.join().block().unwrap().name(), Some("n"));
/// # Ok::<_, std::io::Error>(())
/// ```
#[doc(alias = "threading.current_thread")]
pub fn current() -> Thread {
    let known = CURRENT.try_with(|slot| {
        let mut slot = slot.borrow_mut();
        slot.get_or_insert_with(discover).thread.clone()
    });
    // The thread is past the end of its locals, and so in no list: it has ended.
    known.unwrap_or_else(|_| {
        let thread = unlisted();
        if thread.id() != owner::main_thread_id() {
            thread.about.finished.set();
        }
        thread
    })
}

/// The calling thread, which was not started here, or has ended as far as this crate is concerned.
fn unlisted() -> Thread {
    let id = owner::thread_id();
    if id == owner::main_thread_id() {
        return main();
    }
    let name = std::thread::current().name().map(str::to_string);
    Thread::new(id, name, true)
}

/// The same, which is in the list from now on.
fn discover() -> Current {
    let thread = unlisted();
    Current {
        listed: Some(Listed::new(thread.clone())),
        thread,
    }
}

/// The thread that runs `main`.
///
/// ```
/// use amphi::thread;
///
/// let mut other = thread::spawn(|| thread::current() == thread::main());
/// assert!(!other.join().block().unwrap());
/// ```
#[doc(alias = "threading.main_thread")]
pub fn main() -> Thread {
    let main = MAIN.get_or_init(|| {
        let main = Thread::new(owner::main_thread_id(), Some("main".into()), true);
        lock(&LISTED).insert(main.id(), main.clone());
        main
    });
    main.clone()
}

/// The threads that are alive: the main thread, those that this crate has started, and those others that have asked for
/// [themselves](current).
///
/// ```
/// use amphi::{Event, thread};
///
/// static END: Event = Event::new();
/// let thread = thread::Builder::new().name("listed").spawn(|| END.wait().block())?;
/// assert!(thread::enumerate().contains(thread.thread()));
/// END.set();
/// thread.finished().block();
/// assert!(!thread::enumerate().contains(thread.thread()));
/// # Ok::<_, std::io::Error>(())
/// ```
#[doc(alias = "threading.enumerate")]
pub fn enumerate() -> Vec<Thread> {
    main();
    lock(&LISTED).values().cloned().collect()
}

/// How many threads [`enumerate`] would list.
///
/// ```
/// assert!(amphi::thread::active_count() >= 1);
/// ```
#[doc(alias = "threading.active_count")]
pub fn active_count() -> usize {
    main();
    lock(&LISTED).len()
}

/// Waits for the end of every thread that this crate has started and that is not a daemon, including those that are
/// started while it waits. The calling thread itself is not waited for.
///
/// Call it at the end of `main`, for when that returns the program ends, whatever other threads do (Python waits for them by itself). Two
/// threads that both call it, neither of them a daemon, wait for each other. With a timeout it gives `Err(TimedOut)` if some
/// are left then.
///
/// # Cancel safety
///
/// Dropping it loses nothing.
///
/// ```
/// use amphi::{block_on, thread};
/// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
///
/// static DONE: AtomicU32 = AtomicU32::new(0);
///
/// thread::spawn(|| thread::spawn(|| DONE.fetch_add(1, Relaxed)));
/// thread::join_all().block(); // a thread
/// assert_eq!(DONE.load(Relaxed), 1);
/// thread::spawn(|| DONE.fetch_add(1, Relaxed));
/// block_on(async { thread::join_all().await }); // a task
/// assert_eq!(DONE.load(Relaxed), 2);
/// ```
pub fn join_all() -> Wait<JoinAll> {
    Wait::new(JoinAll(()))
}

/// The operation of [`join_all`].
///
/// # Cancel safety
///
/// Dropping it loses nothing.
///
/// ```
/// use amphi::Wait;
/// use amphi::thread::{self, JoinAll};
///
/// let wait: Wait<JoinAll> = thread::join_all();
/// wait.block();
/// ```
#[derive(Debug)]
pub struct JoinAll(());

impl Attempt for JoinAll {
    fn list(&self) -> &dyn Line {
        COUNTED.line()
    }

    fn attempt(&mut self, turn: Turn) -> Outcome {
        COUNTED.attempt(turn, IS_COUNTED.with(Cell::get))
    }

    fn pass_on(&mut self) {
        // All have been woken.
    }
}

impl Operation for JoinAll {
    or_timed_out!(());

    fn take(&mut self) {}
}
