//! [`Job`]: a function that a pool runs, and what will come of it.

use super::panicked::FirstPanic;
use super::watch::Watcher;
use super::{JobError, Panicked};
use crate::event::Event;
use crate::sync::{Mutex, lock};
use crate::wait::{Attempt, Line, Operation, Outcome, Turn, Wait};
use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::mem;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

/// A function given to a [`ThreadPool`](super::ThreadPool), and its result to come.
///
/// A job is *pending*, then *running*, then *finished*; or it is *cancelled* before it has begun. It behaves like the `Future` of
/// Python's `concurrent.futures`, and is called otherwise here because it runs by itself and
/// is no [`Future`] but [can be turned into one](IntoFuture): `job.await` is `job.result().await`.
///
/// It is a handle that can be cloned; two are equal if they are of the same job. Dropping all of them lets the job run all the
/// same, and then its result is dropped, and a panic of its function goes unnoticed but for what the panic hook has said.
///
/// ```
/// use amphi::{ThreadPool, block_on};
///
/// let pool = ThreadPool::new(2);
/// let by_thread = pool.submit(|| 1 + 1)?;
/// let by_task = pool.submit(|| 2 + 2)?;
/// assert_eq!(by_thread.result().block()?, 2);
/// assert_eq!(block_on(async { by_task.await })?, 4);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// # Deadlock
///
/// A job that blocks on another job of the same pool takes a worker from it. If all workers do that nobody is left
/// to run what they wait for.
#[doc(alias = "Future")]
#[doc(alias = "concurrent.futures.Future")]
#[doc(alias = "JoinHandle")]
pub struct Job<T> {
    shared: Arc<dyn Shared<T>>,
}

/// A job, whatever its function is.
trait Shared<T>: Send + Sync {
    fn core(&self) -> &Core<T>;

    /// Drops the function, which will not be run.
    fn discard(&self);
}

/// A job as its pool sees it.
pub(super) trait Run: Send + Sync {
    /// Runs it, unless it has ended already, and says to its worker when it has something to do and when it hasn't.
    fn run(self: Arc<Self>, worker: &dyn Worker);

    /// It will never run, as nobody wants it any more.
    fn cancel(self: Arc<Self>);

    /// It will never run, as its pool is broken.
    fn break_off(self: Arc<Self>);
}

/// What a job tells the worker that runs it, which is taken to be busy in the beginning, and has to be free in the end.
pub(super) trait Worker {
    /// Nothing is left to do that takes time. It's said before anybody hears of the result, if there are no callbacks to be called: then whoever hears
    /// of it and submits another job finds the worker free.
    fn is_free(&self);

    /// There is something, after all.
    fn is_busy(&self);
}

/// For those who end a job and are no worker.
struct Nobody;

impl Worker for Nobody {
    fn is_free(&self) {}
    fn is_busy(&self) {}
}

/// The one allocation of a job.
pub(super) struct Task<T, F> {
    core: Core<T>,
    /// Until the job begins, or never will.
    function: Mutex<Option<F>>,
}

/// The part that doesn't depend on the function.
struct Core<T> {
    state: Mutex<State<T>>,
    /// Set when the job has ended, and never cleared.
    finished: Event,
}

/// The mutex is held for moves only. Who ends the job changes the phase, and notes that for the watchers; then, without the mutex, sets `finished`, wakes the
/// watchers, calls the callbacks. Whoever hears of the end before it is `finished` sets that themselves.
struct State<T> {
    phase: Phase<T>,
    watchers: Vec<Watcher>,
    callbacks: VecDeque<Callback<T>>,
    /// Who has ended the job calls the callbacks one by one, also those that are added while it does.
    calls_back: bool,
}

type Callback<T> = Box<dyn FnOnce(&Job<T>) + Send>;

/// | phase | who moves it on | to |
/// |---|---|---|
/// | `Pending` | a worker | `Running` |
/// | | `cancel`; a pool that is shut down at once | `Cancelled` |
/// | | a pool that breaks | `Broken` |
/// | `Running` | the worker | `Finished` |
/// | `Finished` | whoever takes the result | `Taken` |
enum Phase<T> {
    Pending,
    Running,
    Finished(Result<T, Panicked>),
    Taken,
    Cancelled,
    Broken,
}

impl<T, F> Task<T, F> {
    pub(super) fn new(function: F) -> Self {
        Task {
            core: Core {
                state: Mutex::new(State {
                    phase: Phase::Pending,
                    watchers: Vec::new(),
                    callbacks: VecDeque::new(),
                    calls_back: false,
                }),
                finished: Event::new(),
            },
            function: Mutex::new(Some(function)),
        }
    }

    fn into_phase(self) -> Phase<T> {
        let state = self.core.state.into_inner();
        state.unwrap_or_else(PoisonError::into_inner).phase
    }

    /// The function of a job that nobody has accepted.
    pub(super) fn into_function(self: Arc<Self>) -> F {
        let function = lock(&self.function).take();
        function.expect("only a job that is accepted loses its function")
    }
}

impl<T> Phase<T> {
    fn is_last(&self) -> bool {
        !matches!(self, Phase::Pending | Phase::Running)
    }
}

impl<T> Core<T> {
    /// Turns from `Pending` to `Running`.
    fn begin(&self) -> bool {
        let mut state = lock(&self.state);
        let begins = matches!(state.phase, Phase::Pending);
        if begins {
            state.phase = Phase::Running;
        }
        begins
    }

    /// Turns from `Pending` or `Running`, whichever is expected, to one of the last phases. Returns whom to tell, and whether there is
    /// somebody to call back.
    fn end(&self, pending: bool, phase: Phase<T>) -> Option<(Vec<Watcher>, bool)> {
        let mut state = lock(&self.state);
        if state.phase.is_last() || matches!(state.phase, Phase::Pending) != pending {
            return None;
        }
        state.phase = phase;
        state.calls_back = !state.callbacks.is_empty();
        // Before anybody can know, so that what others do because of it is noted later.
        state.watchers.iter().for_each(Watcher::note);
        Some((mem::take(&mut state.watchers), state.calls_back))
    }

    /// The next callback. If there is none, those that come later call themselves.
    fn next_callback(&self) -> Option<Callback<T>> {
        let mut state = lock(&self.state);
        let next = state.callbacks.pop_front();
        state.calls_back = next.is_some();
        next
    }

    /// Takes the result, if it's there to be taken.
    fn take(&self) -> Result<T, JobError> {
        let mut state = lock(&self.state);
        match &state.phase {
            Phase::Pending | Phase::Running => {
                unreachable!("only the result of a job that has ended is taken")
            }
            Phase::Cancelled => Err(JobError::Cancelled),
            Phase::Broken => Err(JobError::Broken),
            Phase::Taken | Phase::Finished(_) => match mem::replace(&mut state.phase, Phase::Taken)
            {
                Phase::Finished(result) => result.map_err(JobError::Panicked),
                _ => Err(JobError::Taken),
            },
        }
    }
}

impl<T, F> Shared<T> for Task<T, F>
where
    T: Send,
    F: Send,
{
    fn core(&self) -> &Core<T> {
        &self.core
    }

    fn discard(&self) {
        let function = lock(&self.function).take();
        // It's the user's, so it is dropped without the mutex.
        drop(function);
    }
}

impl<T, F> Run for Task<T, F>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    fn run(self: Arc<Self>, worker: &dyn Worker) {
        if !self.core.begin() {
            return worker.is_free();
        }
        let function = lock(&self.function).take();
        let function = function.expect("only whoever ends `Pending` takes the function");
        let returned = catch_unwind(AssertUnwindSafe(function));
        let phase = Phase::Finished(returned.map_err(Panicked::new));
        let mut panic = FirstPanic::default();
        let job = Job::new(self.clone());
        panic.catch(|| {
            job.end(false, phase, worker);
        });
        drop(job);
        // If nobody has a handle any more the result is dropped here, and that is the user's code.
        if let Some(task) = Arc::into_inner(self) {
            if let result @ Phase::Finished(_) = task.into_phase() {
                worker.is_busy();
                panic.catch(|| drop(result));
                worker.is_free();
            }
        }
        panic.resume();
    }

    fn cancel(self: Arc<Self>) {
        Job::new(self).cancel();
    }

    fn break_off(self: Arc<Self>) {
        Job::new(self).end_pending(Phase::Broken);
    }
}

impl<T> Job<T> {
    pub(super) fn new<F>(task: Arc<Task<T, F>>) -> Self
    where
        T: Send + 'static,
        F: Send + 'static,
    {
        Job { shared: task }
    }

    /// Waits for the end of the job and takes its result.
    ///
    /// What the job has done is seen by whoever has its result. Any number of threads and tasks may wait; one of them gets it.
    /// To wait for the end without taking anything there is [`wait_all`](super::wait_all).
    ///
    /// # Errors
    ///
    /// [`JobError::Cancelled`], [`JobError::Panicked`] with the panic, [`JobError::Broken`] if the pool is broken,
    /// [`JobError::Taken`] if somebody has taken the result or the panic before; with a timeout [`JobError::TimedOut`], and
    /// the job goes on.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has taken nothing, and the job goes on.
    ///
    /// ```
    /// use amphi::{Event, JobError, ThreadPool, block_on};
    /// use std::time::Duration;
    ///
    /// static GO_ON: Event = Event::new();
    ///
    /// let pool = ThreadPool::new(1);
    /// let job = pool.submit(|| {
    ///     GO_ON.wait().block();
    ///     "done"
    /// })?;
    /// let early = job.result().timeout(Duration::from_millis(1)).block(); // a thread
    /// assert!(matches!(early, Err(JobError::TimedOut)));
    /// GO_ON.set();
    /// assert_eq!(block_on(async { job.result().await })?, "done"); // a task
    /// assert!(matches!(job.result().block(), Err(JobError::Taken)));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn result(&self) -> Wait<JobResult<T>> {
        Wait::new(JobResult { job: self.clone() })
    }

    /// Cancels the job if it has not begun; then it never will, and its function is dropped.
    ///
    /// Returns whether the job is cancelled, be it by an earlier call. One that runs or has finished is not, and goes on.
    ///
    /// ```
    /// use amphi::{Event, JobError, ThreadPool};
    ///
    /// static GO_ON: Event = Event::new();
    ///
    /// let pool = ThreadPool::new(1);
    /// let first = pool.submit(|| GO_ON.wait().block())?;
    /// let second = pool.submit(|| unreachable!())?;
    /// assert!(second.cancel());
    /// assert!(matches!(second.result().block(), Err(JobError::Cancelled)));
    /// GO_ON.set();
    /// first.result().block()?;
    /// assert!(!first.cancel());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&self) -> bool {
        if self.end_pending(Phase::Cancelled) {
            return true;
        }
        let cancelled = self.is_cancelled();
        if cancelled {
            self.set_finished();
        }
        cancelled
    }

    /// Whether it has ended: finished, cancelled, or its pool is broken.
    ///
    /// ```
    /// let pool = amphi::ThreadPool::new(1);
    /// let job = pool.submit(|| 1)?;
    /// job.result().block()?;
    /// assert!(job.is_done());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "done")]
    #[doc(alias = "is_finished")]
    pub fn is_done(&self) -> bool {
        self.core().finished.is_set()
    }

    /// Whether it has begun and not ended.
    ///
    /// ```
    /// use amphi::{Event, ThreadPool};
    ///
    /// static BEGUN: Event = Event::new();
    /// static GO_ON: Event = Event::new();
    ///
    /// let pool = ThreadPool::new(1);
    /// let job = pool.submit(|| {
    ///     BEGUN.set();
    ///     GO_ON.wait().block();
    /// })?;
    /// BEGUN.wait().block();
    /// assert!(job.is_running());
    /// GO_ON.set();
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_running(&self) -> bool {
        let state = lock(&self.core().state);
        // Until others hear of the end it has not ended, so there is no gap between the two.
        let has_begun = !matches!(
            state.phase,
            Phase::Pending | Phase::Cancelled | Phase::Broken
        );
        has_begun && !self.is_done()
    }

    /// Whether it was cancelled before it began.
    ///
    /// ```
    /// let pool = amphi::ThreadPool::new(1);
    /// let job = pool.submit(|| ())?;
    /// assert_eq!(job.cancel(), job.is_cancelled()); // if it was in time
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_cancelled(&self) -> bool {
        matches!(lock(&self.core().state).phase, Phase::Cancelled)
    }

    /// Calls a function when the job has ended: on the thread that ends it, which is the worker, or the one that cancels; if it
    /// has ended already, at once.
    ///
    /// Several are called in the order in which they were added; one that is added while they are being called is called after
    /// them, by the same thread. One that panics does not keep the next from being called.
    /// Those who wait for the result have been woken before, and may have taken it.
    ///
    /// ```
    /// use amphi::{ThreadPool, oneshot};
    ///
    /// let pool = ThreadPool::new(1);
    /// let (sender, mut receiver) = oneshot::channel();
    /// let job = pool.submit(|| 6 * 7)?;
    /// job.on_done(|job| sender.send(job.result().block()).unwrap());
    /// assert_eq!(receiver.recv().block()??, 42);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "add_done_callback")]
    pub fn on_done<F>(&self, callback: F)
    where
        F: FnOnce(&Job<T>) + Send + 'static,
    {
        let callback: Callback<T> = Box::new(callback);
        let mut state = lock(&self.core().state);
        if !state.phase.is_last() || state.calls_back {
            state.callbacks.push_back(callback);
            return;
        }
        drop(state);
        let mut panic = FirstPanic::default();
        panic.catch(|| self.set_finished());
        self.call(callback);
        panic.resume();
    }

    /// Calls a callback. Its panic is nobody's but its own: the panic hook has reported it.
    fn call(&self, callback: Callback<T>) {
        super::unharmed(|| callback(self));
    }

    fn core(&self) -> &Core<T> {
        self.shared.core()
    }

    /// The phase says that it has ended, and whoever has ended it may not have come so far as to say so here.
    pub(super) fn set_finished(&self) {
        if !self.is_done() {
            self.finished().set();
        }
    }

    /// For an operation that waits for the end.
    pub(super) fn finished(&self) -> &Event {
        &self.core().finished
    }

    /// Has the end of the job reported, or reports it at once.
    pub(super) fn watch(&self, watcher: Watcher) {
        let mut state = lock(&self.core().state);
        if !state.phase.is_last() {
            state.watchers.push(watcher);
            return;
        }
        drop(state);
        self.set_finished();
        watcher.note();
        watcher.wake();
    }

    /// Forgets a watcher that is like this one.
    pub(super) fn unwatch(&self, watcher: &Watcher) {
        let mut state = lock(&self.core().state);
        let position = state.watchers.iter().position(|other| other == watcher);
        let removed = position.map(|position| state.watchers.swap_remove(position));
        drop(state);
        drop(removed);
    }

    /// Ends the job if it has not begun.
    fn end_pending(&self, phase: Phase<T>) -> bool {
        let mut panic = FirstPanic::default();
        let mut ends = true;
        panic.catch(|| ends = self.end(true, phase, &Nobody));
        if ends {
            panic.catch(|| self.shared.discard());
        }
        panic.resume();
        ends
    }

    /// Ends the job, and tells everybody who wants to know.
    fn end(&self, pending: bool, phase: Phase<T>, worker: &dyn Worker) -> bool {
        let Some((watchers, calls_back)) = self.core().end(pending, phase) else {
            return false;
        };
        if !calls_back {
            worker.is_free();
        }
        let mut panic = FirstPanic::default();
        panic.catch(|| self.finished().set());
        for watcher in &watchers {
            panic.catch(|| watcher.wake());
        }
        if calls_back {
            while let Some(callback) = self.core().next_callback() {
                self.call(callback);
            }
            worker.is_free();
        }
        panic.resume();
        true
    }
}

impl<T> Clone for Job<T> {
    fn clone(&self) -> Self {
        Job {
            shared: self.shared.clone(),
        }
    }
}

// As std's `JoinHandle`, whatever the function and its result are: both are only moved.
impl<T> UnwindSafe for Job<T> {}
impl<T> RefUnwindSafe for Job<T> {}

/// The same job.
impl<T> PartialEq for Job<T> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.shared), Arc::as_ptr(&other.shared))
    }
}

impl<T> Eq for Job<T> {}

impl<T> Hash for Job<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.shared).cast::<()>().hash(state);
    }
}

impl<T> IntoFuture for Job<T> {
    type Output = Result<T, JobError>;
    type IntoFuture = Wait<JobResult<T>>;

    fn into_future(self) -> Self::IntoFuture {
        Wait::new(JobResult { job: self })
    }
}

impl<T> IntoFuture for &Job<T> {
    type Output = Result<T, JobError>;
    type IntoFuture = Wait<JobResult<T>>;

    fn into_future(self) -> Self::IntoFuture {
        self.result()
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match lock(&self.core().state).phase {
            Phase::Pending => "pending",
            Phase::Running => "running",
            Phase::Finished(_) | Phase::Taken => "finished",
            Phase::Cancelled => "cancelled",
            Phase::Broken => "broken",
        };
        f.debug_tuple("Job")
            .field(&format_args!("{phase}"))
            .finish()
    }
}

/// The operation of [`Job::result`].
///
/// # Cancel safety
///
/// Dropped, it has taken nothing, and the job goes on.
pub struct JobResult<T> {
    job: Job<T>,
}

impl<T> Attempt for JobResult<T> {
    fn fast(&mut self, _: bool) -> bool {
        self.job.is_done()
    }

    fn list(&self) -> &dyn Line {
        self.job.finished().line()
    }

    fn attempt(&mut self, turn: Turn) -> Outcome {
        self.job.finished().set_waiter().attempt(turn)
    }

    fn pass_on(&mut self) {
        // The end is told to everybody.
    }
}

impl<T> Operation for JobResult<T> {
    type Output = Result<T, JobError>;
    type Timed = Result<T, JobError>;

    fn take(&mut self) -> Self::Output {
        self.job.core().take()
    }

    fn in_time(&mut self, result: Self::Output) -> Self::Timed {
        result
    }

    fn timed_out(&mut self) -> Self::Timed {
        Err(JobError::TimedOut)
    }
}

impl<T> fmt::Debug for JobResult<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JobResult").field(&self.job).finish()
    }
}
