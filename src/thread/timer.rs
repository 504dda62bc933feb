//! [`Timer`]: a function that runs later, unless somebody thinks better of it.

use super::{Builder, ThreadPool, schedule};
use crate::event::{Event, WaitSet};
use crate::first_panic::unharmed;
use crate::sync::{Mutex, lock, shared};
use crate::wait::{Wait, now};
use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Runs a function on a thread after a while, once or again and again, unless it is cancelled first.
///
/// It behaves like Python's `threading.Timer`, except that a timer that waits has no thread of its own: a hundred thousand of them
/// are entries in one map, and one thread waits for the earliest. The functions run on other threads, which are
/// started when none is free, up to 500, and end when they have had nothing to do for a while. So a
/// function may run for long and block without delaying another timer's.
///
/// The handle can be cloned. Dropping all of them cancels nothing; a timer that was not started by then never will be.
/// The end of `main` does not wait for timers: wait for [`finished`](Timer::finished). A function that holds a handle of its own timer is dropped
/// when it has run or is cancelled; if neither ever happens, never.
///
/// ```
/// use amphi::{Event, Timer, block_on};
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// let rings = Arc::new(Event::new());
/// let bell = rings.clone();
/// let timer = Timer::after(Duration::from_millis(10), move || bell.set());
/// timer.start();
/// rings.wait().block(); // a thread
/// block_on(async { timer.finished().await }); // a task
/// assert!(!timer.cancel()); // too late
/// ```
#[derive(Clone)]
#[doc(alias = "threading.Timer")]
#[must_use = "a timer does nothing before it is started"]
pub struct Timer {
    shared: Arc<Shared>,
}

struct Shared {
    id: u64,
    interval: Duration,
    repeats: bool,
    name: Option<Arc<str>>,
    state: Mutex<State>,
    /// Set in the last phases, and never cleared.
    finished: Event,
}

struct State {
    phase: Phase,
    /// Until it runs for the last time, or never will; while it runs, the thread has it.
    function: Option<Function>,
}

/// | phase | who moves it on | to |
/// |---|---|---|
/// | `New` | `start` | `Pending` |
/// | | `cancel` | `Cancelled` |
/// | `Pending` | the thread that is to run the function | `Running` |
/// | | `cancel` | `Cancelled` |
/// | `Running` | that thread, when the function has returned and is to run again | `Pending` |
/// | | the same, if it is not to run again or has panicked | `Done` |
/// | | `cancel`, if it would be run again | `Stopping` |
/// | `Stopping` | that thread | `Cancelled` |
///
/// While it's pending it is in the schedule, or has been taken out to be run. That may be too late: then it is run no more. The
/// moment tells what was taken out from what has been scheduled since.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    New,
    Pending(Moment),
    Running,
    Stopping,
    Done,
    Cancelled,
}

/// When it's due; never, if that can't be told as an `Instant`.
pub(super) type Moment = Option<Instant>;

enum Function {
    Once(Box<dyn FnOnce() + Send>),
    Every(Box<dyn FnMut() + Send>),
}

impl Timer {
    /// Makes a timer that runs the function once, this long after it was started.
    ///
    /// ```
    /// use amphi::Timer;
    /// use std::time::{Duration, Instant};
    ///
    /// let interval = Duration::from_millis(10);
    /// let timer = Timer::after(interval, || println!("now"));
    /// let start = Instant::now();
    /// timer.start();
    /// timer.finished().block();
    /// assert!(start.elapsed() >= interval);
    /// ```
    pub fn after<F>(interval: Duration, function: F) -> Self
    where
        F: FnOnce() + Send + 'static,
    {
        Timer::new(interval, Function::Once(Box::new(function)))
    }

    /// Makes a timer that runs the function again and again until it is cancelled, for the first time this long after it was started.
    ///
    /// It keeps to its beat, however long the function takes; a beat at which the function is still running is left
    /// out. If the function panics it is not run again.
    ///
    /// # Panics
    ///
    /// If the interval is zero.
    ///
    /// ```
    /// use amphi::{Semaphore, Timer};
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// let ticks = Arc::new(Semaphore::new(0));
    /// let ticked = ticks.clone();
    /// let timer = Timer::every(Duration::from_millis(1), move || ticked.release(1));
    /// timer.start();
    /// ticks.acquire_many(3).block().forget();
    /// assert!(timer.cancel());
    /// timer.finished().block();
    /// ```
    #[doc(alias = "interval")]
    pub fn every<F>(interval: Duration, function: F) -> Self
    where
        F: FnMut() + Send + 'static,
    {
        assert!(!interval.is_zero(), "a timer's interval can't be zero");
        Timer::new(interval, Function::Every(Box::new(function)))
    }

    fn new(interval: Duration, function: Function) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Timer {
            shared: Arc::new(Shared {
                id: NEXT.fetch_add(1, Ordering::Relaxed),
                interval,
                repeats: matches!(function, Function::Every(_)),
                name: None,
                state: Mutex::new(State {
                    phase: Phase::New,
                    function: Some(function),
                }),
                finished: Event::new(),
            }),
        }
    }

    /// Names the timer. Its function then runs on a thread of that name, which is started for it alone.
    ///
    /// # Panics
    ///
    /// If the timer has been cloned, started or cancelled, or if there is a zero byte in the name.
    ///
    /// ```
    /// use amphi::{Timer, oneshot, thread};
    /// use std::time::Duration;
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// let tells = move || sender.send(thread::current().name().map(str::to_string)).unwrap();
    /// let timer = Timer::after(Duration::ZERO, tells).with_name("alarm");
    /// timer.start();
    /// assert_eq!(receiver.recv().block()?.as_deref(), Some("alarm"));
    /// # Ok::<_, amphi::Closed>(())
    /// ```
    pub fn with_name(mut self, name: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        assert!(
            !name.contains('\0'),
            "a thread's name can't contain a zero byte"
        );
        let shared = Arc::get_mut(&mut self.shared)
            .filter(|shared| lock(&shared.state).phase == Phase::New)
            .expect("a timer can't be named once it has been cloned, started or cancelled");
        shared.name = Some(name);
        self
    }

    /// Its name, if it has one.
    ///
    /// ```
    /// use amphi::Timer;
    /// use std::time::Duration;
    ///
    /// let timer = Timer::after(Duration::from_secs(1), || ()).with_name("alarm");
    /// assert_eq!(timer.name(), Some("alarm"));
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.shared.name.as_deref()
    }

    /// How long it waits after its start, and between two beats.
    ///
    /// ```
    /// use amphi::Timer;
    /// use std::time::Duration;
    ///
    /// let minute = Duration::from_secs(60);
    /// assert_eq!(Timer::every(minute, || ()).interval(), minute);
    /// ```
    pub fn interval(&self) -> Duration {
        self.shared.interval
    }

    /// Begins to wait. Does nothing if it has been started or cancelled before.
    ///
    /// What happened before is seen by the function.
    ///
    /// # Panics
    ///
    /// If the system can't start a thread, and there is none yet that waits for timers.
    ///
    /// ```
    /// use amphi::Timer;
    /// use std::time::Duration;
    ///
    /// let timer = Timer::after(Duration::ZERO, || ());
    /// timer.start();
    /// timer.start(); // changes nothing
    /// timer.finished().block();
    /// assert!(!timer.cancel()); // it has run
    /// ```
    pub fn start(&self) {
        let mut state = lock(&self.shared.state);
        if state.phase != Phase::New {
            return;
        }
        let due = now().checked_add(self.shared.interval);
        state.phase = Phase::Pending(due);
        if let Err(error) = schedule::add(self, due) {
            state.phase = Phase::New;
            drop(state);
            panic!("can't start a thread: {error}");
        }
    }

    /// Prevents the function from being run, or if it repeats, from being run again. It may be called before the start, and by the
    /// function itself.
    ///
    /// Returns whether the timer is cancelled, perhaps by an earlier call. It is too late, and nothing changes, if the function has begun to run
    /// for the only time, or has panicked.
    ///
    /// It takes time logarithmic in the number of timers.
    ///
    /// ```
    /// use amphi::Timer;
    /// use std::time::Duration;
    ///
    /// let timer = Timer::after(Duration::from_secs(3600), || unreachable!());
    /// timer.start();
    /// assert!(timer.is_alive());
    /// assert!(timer.cancel());
    /// assert!(!timer.is_alive());
    /// timer.finished().block();
    /// ```
    pub fn cancel(&self) -> bool {
        let mut state = lock(&self.shared.state);
        match state.phase {
            Phase::New => {}
            Phase::Pending(due) => schedule::remove(self, due),
            Phase::Running if self.shared.repeats => {
                state.phase = Phase::Stopping;
                return true;
            }
            phase => return matches!(phase, Phase::Stopping | Phase::Cancelled),
        }
        state.phase = Phase::Cancelled;
        // Wakers and what the function has captured are the user's.
        let function = state.function.take();
        drop(state);
        self.shared.finished.set();
        drop(function);
        true
    }

    /// Whether it has been started, and has neither been cancelled nor come to its end.
    ///
    /// ```
    /// use amphi::Timer;
    /// use std::time::Duration;
    ///
    /// let timer = Timer::after(Duration::from_secs(3600), || ());
    /// assert!(!timer.is_alive());
    /// timer.start();
    /// assert!(timer.is_alive());
    /// # timer.cancel();
    /// ```
    pub fn is_alive(&self) -> bool {
        let phase = lock(&self.shared.state).phase;
        matches!(phase, Phase::Pending(_) | Phase::Running | Phase::Stopping)
    }

    /// Waits until the function has ended and will not be run again, or until the timer is cancelled. A timer that is never started nor cancelled is
    /// never finished. With a timeout it gives `Err(TimedOut)` if the timer is not finished in time.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing; the timer goes on.
    ///
    /// ```
    /// use amphi::{Timer, block_on};
    /// use std::time::Duration;
    ///
    /// let timer = Timer::after(Duration::from_millis(1), || ());
    /// let other = timer.clone();
    /// let thread = std::thread::spawn(move || other.finished().block());
    /// timer.start();
    /// block_on(async { timer.finished().await }); // a task
    /// thread.join().unwrap();
    /// assert!(!timer.is_alive());
    /// ```
    pub fn finished(&self) -> Wait<WaitSet<'_>> {
        self.shared.finished.wait()
    }

    /// Which one it is, of all that were made.
    pub(super) fn id(&self) -> u64 {
        self.shared.id
    }

    /// It's due: has the function run, by whichever thread there is.
    pub(super) fn fire(self, due: Instant) {
        // If it's a worker that keeps the schedule it may be the only one, and come to no job as long as it does.
        let is_worker = pool().employs_this_thread();
        if let Some(name) = self.name().or(is_worker.then_some("timer")) {
            let timer = self.clone();
            let thread = Builder::new().name(name).daemon(true);
            if thread.spawn(move || timer.run(due)).is_ok() {
                return;
            }
            // No thread of its own, then.
        }
        if is_worker {
            self.run(due);
        } else if let Err(error) = pool().submit(move || self.run(due)) {
            // No thread at all: then this one, and the others have to wait.
            error.into_inner()();
        }
    }

    /// Runs the function, unless it has been cancelled.
    fn run(&self, due: Instant) {
        let mut state = lock(&self.shared.state);
        if state.phase != Phase::Pending(Some(due)) {
            return;
        }
        state.phase = Phase::Running;
        let function = state.function.take();
        drop(state);
        let mut again = None;
        unharmed(
            || match function.expect("one that is pending has a function") {
                Function::Once(function) => function(),
                Function::Every(mut function) => {
                    function();
                    again = Some(Function::Every(function));
                }
            },
        );
        let mut state = lock(&self.shared.state);
        match (state.phase, again) {
            (Phase::Stopping, rest) => {
                state.phase = Phase::Cancelled;
                drop(state);
                unharmed(|| drop(rest));
            }
            (_, None) => {
                state.phase = Phase::Done;
                drop(state);
            }
            (_, again) => {
                let due = self.next_beat(due);
                state.phase = Phase::Pending(due);
                state.function = again;
                let keeps = schedule::add_again(self, due);
                drop(state);
                if keeps {
                    schedule::keep();
                }
                return;
            }
        }
        unharmed(|| self.shared.finished.set());
    }

    /// The first beat that is yet to come.
    fn next_beat(&self, last: Instant) -> Moment {
        let interval = self.shared.interval;
        let next = last.checked_add(interval)?;
        let Some(late) = now().checked_duration_since(next) else {
            return Some(next);
        };
        let since_beat = late.as_nanos() % interval.as_nanos();
        let to_come = interval - Duration::from_nanos(since_beat.try_into().ok()?);
        (next + late).checked_add(to_come)
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match lock(&self.shared.state).phase {
            Phase::New => "new",
            Phase::Pending(_) => "pending",
            Phase::Running | Phase::Stopping => "running",
            Phase::Done => "done",
            Phase::Cancelled => "cancelled",
        };
        f.debug_struct("Timer")
            .field("name", &self.name())
            .field("interval", &self.interval())
            .field("phase", &format_args!("{phase}"))
            .finish()
    }
}

shared! {
    /// Never dropped, as is any static, but for those of a model.
    static POOL: OnceLock<ManuallyDrop<ThreadPool>> = OnceLock::new();
}

/// The threads that run the functions.
fn pool() -> &'static ThreadPool {
    POOL.get_or_init(|| {
        let pool = ThreadPool::builder()
            .workers(500)
            .name_prefix("timer")
            .keep_alive(Duration::from_secs(1));
        ManuallyDrop::new(pool.build())
    })
}
