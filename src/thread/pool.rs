//! [`ThreadPool`]: threads that run one job after the other.

use super::headcount::Headcount;
use super::job::{Run, Task, Worker};
use super::{Builder, Job, Map, NotStarted, SubmitError, unharmed};
use crate::error::{GetError, PutError, TimedOut};
use crate::queue::Queue;
use crate::sync::atomic::{AtomicBool, Ordering, fence};
use crate::sync::{Mutex, Spin, local, lock};
use crate::wait::{Attempt, Line, Operation, Outcome, Turn, Wait, Waiter};
use crossbeam_utils::CachePadded;
use std::cell::Cell;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, ptr};

/// A number of threads that run functions.
///
/// It is for work that blocks or computes, and that would hold up the tasks of an executor. What is submitted becomes a
/// [`Job`], which threads and tasks can wait for. Jobs begin in the order in which they were submitted. A worker is
/// started when a job finds none that is free, up to the limit, and then runs one job after
/// the other. It behaves like Python's `ThreadPoolExecutor`.
///
/// ```
/// use amphi::{ThreadPool, block_on};
///
/// let pool = ThreadPool::new(4);
/// let sum = pool.submit(|| (1..=100).sum::<u32>())?;
/// assert_eq!(block_on(async { sum.await })?, 5050);
///
/// let squares = pool.map(1..=3, |number| number * number)?;
/// assert_eq!(squares.collect::<Result<Vec<_>, _>>()?, [1, 4, 9]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// A job may submit others, through an `Arc` of the pool. A panic of a job is its result, and harms neither the worker nor the pool.
///
/// # Drop
///
/// Dropping the pool shuts it down and blocks until all jobs have ended, those that have not begun included. In a task `pool.shutdown().await`
/// beforehand, so that the drop finds nothing to wait for. Where a function is left early, by `?` or a panic, the drop waits for jobs that may wait for what that
/// function would have done: there [`shutdown_now`](ThreadPool::shutdown_now), or let the jobs wait with a timeout. Dropped by one of its own jobs it doesn't wait, as it would for itself; the
/// other jobs end all the same.
#[doc(alias = "ThreadPoolExecutor")]
#[doc(alias = "Executor")]
#[doc(alias = "spawn_blocking")]
pub struct ThreadPool {
    shared: Arc<Shared>,
}

struct Shared {
    /// What has not begun. Its shutdown is the pool's.
    jobs: Queue<Arc<dyn Run>>,
    staff: Mutex<Staff>,
    /// There will never be more workers than now, so there is no need to look whether one is free.
    is_complete: AtomicBool,
    /// A worker looks for a job before it waits for one.
    is_searched: CachePadded<AtomicBool>,
    /// The workers.
    headcount: Headcount,
    about: PoolBuilder,
}

/// For how long a worker looks for a job before it sleeps: more than it takes to wake a thread on another core, which may be about to bring one.
const SEARCH: Duration = Duration::from_micros(50);

/// Who works here. The mutex is held while a worker is started or a job is put, for which no code of a user's is run.
///
/// While the pool is not complete, a job that would be one more than there are workers starts one. `in_flight` has to be exact for that:
/// two jobs that each see the one free worker would else wait for each other. It counts a job from when it is put, in one step by the mutex, until its worker
/// has nothing left to do for it that takes time, which may be its callbacks, or to drop a result that nobody wants.
struct Staff {
    workers: usize,
    /// Workers ever started, for their names.
    hired: usize,
    /// Jobs that are in the queue or with a worker. Nobody counts when the pool is complete.
    in_flight: usize,
    refuses: Option<Refusal>,
}

/// Why no job is accepted any more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusal {
    ShutDown,
    Broken,
}

impl Refusal {
    /// What it is for one job.
    fn error(self) -> SubmitError<()> {
        match self {
            Refusal::ShutDown => SubmitError::ShutDown(()),
            Refusal::Broken => SubmitError::Broken(()),
        }
    }
}

local! {
    /// The pool that this thread works for.
    static EMPLOYER: Cell<*const Shared> = Cell::new(ptr::null());
}

impl ThreadPool {
    /// Makes a pool of so many workers at most. None is started yet.
    ///
    /// # Panics
    ///
    /// If `workers` is zero.
    ///
    /// ```
    /// let pool = amphi::ThreadPool::new(2);
    /// assert_eq!(pool.workers(), 2);
    /// ```
    pub fn new(workers: usize) -> Self {
        ThreadPool::builder().workers(workers).build()
    }

    /// For a pool that is to be told more.
    ///
    /// ```
    /// use amphi::{ThreadPool, thread};
    ///
    /// let pool = ThreadPool::builder().workers(1).name_prefix("reader").build();
    /// let name = pool.submit(|| thread::current().name().map(str::to_string))?;
    /// assert_eq!(name.result().block()?.as_deref(), Some("reader-0"));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> PoolBuilder {
        PoolBuilder::new()
    }

    /// How many workers there may be.
    pub fn workers(&self) -> usize {
        self.shared.about.workers
    }

    /// Has the function run by a worker. It never waits.
    ///
    /// What happened before is seen by the function.
    ///
    /// # Errors
    ///
    /// [`SubmitError::ShutDown`], [`SubmitError::Broken`] if the initializer has panicked, [`SubmitError::NoThread`] if there is no
    /// worker and the system can't start one; each with the function.
    ///
    /// ```
    /// let pool = amphi::ThreadPool::new(1);
    /// let job = pool.submit(|| "result")?;
    /// assert_eq!(job.result().block()?, "result");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit<T, F>(&self, function: F) -> Result<Job<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let task = Arc::new(Task::new(function));
        match self.shared.accept(task.clone()) {
            Ok(()) => Ok(Job::new(task)),
            Err(refused) => Err(refused.with(task.into_function())),
        }
    }

    /// Has the function run once for each item, as a job of its own each, and gives the results in the order of the items.
    ///
    /// All items are taken, and all jobs submitted, before this returns. What it returns is an iterator that blocks, or a stream;
    /// dropped, it cancels those jobs that have not begun. It may be given a [timeout](Map::timeout).
    ///
    /// # Errors
    ///
    /// Those of [`submit`](Self::submit), with the items and the function. If the pool is shut down or breaks while the items are being submitted,
    /// the rest are jobs that are [cancelled](super::JobError::Cancelled) or [broken](super::JobError::Broken).
    ///
    /// ```
    /// let pool = amphi::ThreadPool::new(2);
    /// let lengths = pool.map(["a", "bcd", ""], str::len)?;
    /// assert_eq!(lengths.collect::<Result<Vec<_>, _>>()?, [1, 3, 0]);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn map<I, T, F>(&self, items: I, function: F) -> Result<Map<T>, SubmitError<(I, F)>>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        if let Err(refused) = self.shared.open() {
            return Err(refused.with((items, function)));
        }
        let function = Arc::new(function);
        // The items' iterator is the user's: if it panics, those that have been submitted are cancelled.
        let mut map = Map::new();
        for item in items {
            let function = function.clone();
            let task = Arc::new(Task::new(move || function(item)));
            match self.shared.accept(task.clone()) {
                Ok(()) => {}
                Err(SubmitError::Broken(())) => task.clone().break_off(),
                Err(_) => Run::cancel(task.clone()),
            }
            map.push(Job::new(task));
        }
        Ok(map)
    }

    /// Whether jobs are accepted no more: it was shut down, or its initializer has panicked.
    ///
    /// ```
    /// let pool = amphi::ThreadPool::new(1);
    /// assert!(!pool.is_shut_down());
    /// pool.shutdown().block();
    /// assert!(pool.is_shut_down());
    /// ```
    pub fn is_shut_down(&self) -> bool {
        self.shared.jobs.is_shut_down()
    }

    /// Accepts no more jobs, and waits until those that were submitted have ended and the workers are gone.
    ///
    /// Called by one of its own jobs it waits for the other workers only; two such jobs would wait for each other.
    ///
    /// # Cancel safety
    ///
    /// Dropped after it has begun to wait, the pool is shut down all the same. Before that nothing has happened.
    ///
    /// ```
    /// use amphi::ThreadPool;
    ///
    /// let pool = ThreadPool::new(2);
    /// let job = pool.submit(|| 1)?;
    /// pool.shutdown().block();
    /// assert!(job.is_done());
    /// assert!(pool.submit(|| 2).is_err());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "join")]
    pub fn shutdown(&self) -> Wait<Shutdown<'_>> {
        Wait::new(Shutdown::new(&self.shared, false))
    }

    /// As [`shutdown`](Self::shutdown), and cancels the jobs that have not begun.
    ///
    /// # Cancel safety
    ///
    /// Dropped after it has begun to wait, it has cancelled them. Before that nothing has happened.
    ///
    /// ```
    /// use amphi::{Event, ThreadPool};
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// let pool = ThreadPool::new(1);
    /// let go_on = Arc::new(Event::new());
    /// let waits = go_on.clone();
    /// let running = pool.submit(move || waits.wait().block())?;
    /// let pending = pool.submit(|| ())?;
    /// # while !running.is_running() { std::thread::yield_now(); }
    /// let soon = pool.shutdown_now().timeout(Duration::from_millis(1));
    /// assert!(soon.block().is_err()); // one still runs
    /// assert!(pending.is_cancelled());
    /// go_on.set();
    /// pool.shutdown_now().block();
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "cancel_futures")]
    pub fn shutdown_now(&self) -> Wait<Shutdown<'_>> {
        Wait::new(Shutdown::new(&self.shared, true))
    }
}

// No panic leaves it in disorder, that of the initializer included.
impl UnwindSafe for ThreadPool {}
impl RefUnwindSafe for ThreadPool {}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        if self.shared.employs_this_thread() {
            self.shared.close(Refusal::ShutDown);
        } else {
            self.shutdown().block();
        }
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool")
            .field("workers", &self.workers())
            .field("pending", &self.shared.jobs.len())
            .field("shut_down", &self.is_shut_down())
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Takes a job, and sees to it that somebody runs it.
    fn accept(self: &Arc<Self>, job: Arc<dyn Run>) -> Result<(), SubmitError<()>> {
        // Acquire: pairs with the Release of whoever has started the last worker.
        if self.is_complete.load(Ordering::Acquire) {
            return self.put(job).map_err(|_| self.refusal());
        }
        let mut staff = lock(&self.staff);
        if let Some(refusal) = staff.refuses {
            return Err(refusal.error());
        }
        // If it fails, those that there are will come to it.
        let failed = self.hire_for(&mut staff, 1).err();
        if staff.workers > 0 {
            // Under the mutex, so that no shutdown comes between the job and the worker that was started for it.
            let put = self.put(job);
            debug_assert!(put.is_ok(), "what is not refused is put");
            staff.in_flight += 1;
        }
        let is_alone = staff.workers == 0;
        drop(staff);
        match failed {
            Some(failed) => self.give_up(failed, is_alone),
            None => Ok(()),
        }
    }

    /// Sees to it that jobs are accepted, and that there is somebody to run them.
    fn open(self: &Arc<Self>) -> Result<(), SubmitError<()>> {
        let mut staff = lock(&self.staff);
        if let Some(refusal) = staff.refuses {
            return Err(refusal.error());
        }
        if staff.workers > 0 {
            return Ok(());
        }
        let hired = self.hire_for(&mut staff, 1);
        drop(staff);
        hired.or_else(|failed| self.give_up(failed, true))
    }

    /// A worker could not be started, which matters if there is no other. Wakers are called, so without the mutex.
    fn give_up(&self, failed: NotStarted, is_alone: bool) -> Result<(), SubmitError<()>> {
        if self.headcount.leave() {
            unharmed(|| self.headcount.wake());
        }
        let NotStarted { error, _listed } = failed;
        unharmed(|| drop(_listed));
        match is_alone {
            true => Err(SubmitError::NoThread((), error)),
            false => Ok(()),
        }
    }

    fn put(&self, job: Arc<dyn Run>) -> Result<(), PutError<Arc<dyn Run>>> {
        // Relaxed: the queue sees to the order.
        let searches = || self.is_searched.load(Ordering::Relaxed);
        self.jobs.try_put_for(job, searches)
    }

    /// Starts a worker if there would be more jobs than workers, with so many more. If it couldn't be started,
    /// [`give_up`](Self::give_up).
    fn hire_for(self: &Arc<Self>, staff: &mut Staff, more: usize) -> Result<(), NotStarted> {
        let about = &self.about;
        if staff.in_flight + more <= staff.workers || staff.workers == about.workers {
            return Ok(());
        }
        self.headcount.enter();
        let (works, leaves) = (self.clone(), self.clone());
        Builder::new()
            .name(format!("{}-{}", about.name_prefix, staff.hired))
            .stack_size_or_default(about.stack_size)
            // To wait for the jobs one shuts the pool down.
            .daemon(true)
            .spawn_then(move || works.work(), move || leaves.leave())?;
        staff.workers += 1;
        staff.hired += 1;
        if staff.workers == about.workers && about.keep_alive.is_none() {
            self.is_complete.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// The calling thread, a worker, is gone.
    fn leave(&self) {
        let wakes = self.headcount.leave();
        // It's none any more, whatever is done by the wakers, or by thread-locals that are dropped.
        EMPLOYER.with(|employer| employer.set(ptr::null()));
        if wakes {
            self.headcount.wake();
        }
    }

    /// The life of a worker.
    fn work(self: Arc<Self>) {
        EMPLOYER.with(|employer| employer.set(Arc::as_ptr(&self)));
        if let Some(initializer) = &self.about.initializer {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(initializer)) {
                self.break_off();
                return unharmed(|| drop(payload));
            }
        }
        while let Some(job) = self.next() {
            // Wakers may panic, and what a job leaves behind when it is dropped.
            unharmed(|| job.run(&self));
        }
    }

    /// Looks for a job for a while.
    ///
    /// While a worker does that, nobody who submits a job wakes another, which would take longer than all else. So when it has found one, and there
    /// are more, it does that in their place. At the last moment several may come, so whoever looks once more and finds one does the same.
    ///
    /// | order | who submits | who searches |
    /// |---|---|---|
    /// | first | puts the job | ends `is_searched` |
    /// | then | finds `is_searched`, or wakes somebody | looks once more, and wakes somebody if there are more jobs |
    ///
    /// With a full fence in between on both sides one of them sees the other.
    fn search(&self) -> Option<Arc<dyn Run>> {
        // Relaxed, as nothing is read by it. One is enough.
        if self.is_searched.swap(true, Ordering::Relaxed) {
            return None;
        }
        let mut spin = Spin::search();
        let mut found = self.jobs.try_get().ok();
        let begin = Instant::now();
        while found.is_none() && spin.pause() && begin.elapsed() < SEARCH {
            found = self.jobs.try_get().ok();
        }
        self.is_searched.store(false, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let found = found.or_else(|| self.jobs.try_get().ok());
        if found.is_some() {
            self.jobs.tell();
        }
        found
    }

    /// The next job; none if there will be none, or has been none for so long that this worker ends.
    fn next(&self) -> Option<Arc<dyn Run>> {
        if let found @ Some(_) = self.jobs.try_get().ok().or_else(|| self.search()) {
            return found;
        }
        let Some(keep_alive) = self.about.keep_alive else {
            return self.jobs.get().block().ok();
        };
        loop {
            match self.jobs.get().timeout(keep_alive).block() {
                Err(GetError::TimedOut) => {
                    let mut staff = lock(&self.staff);
                    // Whoever puts a job has the mutex, and counts on this worker.
                    if self.jobs.is_empty() {
                        staff.workers -= 1;
                        return None;
                    }
                }
                job => return job.ok(),
            }
        }
    }

    fn refusal(&self) -> SubmitError<()> {
        let refuses = lock(&self.staff).refuses;
        refuses.unwrap_or(Refusal::ShutDown).error()
    }

    /// Accepts no more jobs.
    fn close(&self, refusal: Refusal) {
        lock(&self.staff).refuses.get_or_insert(refusal);
        self.jobs.shutdown();
    }

    /// The initializer has panicked.
    fn break_off(&self) {
        self.close(Refusal::Broken);
        self.end_pending(|job| job.break_off());
    }

    /// Ends all that have not begun.
    fn end_pending(&self, end: impl Fn(Arc<dyn Run>)) {
        while let Ok(job) = self.jobs.try_get() {
            // Wakers may panic, and what the function has captured when it is dropped.
            unharmed(|| end(job));
        }
    }

    fn employs_this_thread(&self) -> bool {
        ptr::eq(EMPLOYER.with(Cell::get), self)
    }
}

impl Worker for Arc<Shared> {
    fn is_free(&self) {
        // Relaxed: a job that was put because the pool is complete has brought that along.
        if !self.is_complete.load(Ordering::Relaxed) {
            lock(&self.staff).in_flight -= 1;
        }
    }

    fn is_busy(&self) {
        if self.is_complete.load(Ordering::Relaxed) {
            return;
        }
        let mut staff = lock(&self.staff);
        staff.in_flight += 1;
        // Somebody may have counted on this worker already.
        let hired = self.hire_for(&mut staff, 0);
        drop(staff);
        if let Err(failed) = hired {
            // Then this one comes to it.
            let _ = self.give_up(failed, false);
        }
    }
}

/// The operation of [`ThreadPool::shutdown`] and [`ThreadPool::shutdown_now`].
///
/// # Cancel safety
///
/// Dropped after it has begun to wait, the pool is shut down all the same.
pub struct Shutdown<'a> {
    pool: &'a Shared,
    /// Jobs that have not begun are cancelled.
    cancels: bool,
    /// From the beginning on: whether one of the pool's own jobs waits.
    by_worker: Option<bool>,
}

impl<'a> Shutdown<'a> {
    fn new(pool: &'a Shared, cancels: bool) -> Self {
        Shutdown {
            pool,
            cancels,
            by_worker: None,
        }
    }
}

impl Attempt for Shutdown<'_> {
    fn list(&self) -> &dyn Line {
        self.pool.headcount.line()
    }

    fn attempt(&mut self, turn: Turn) -> Outcome {
        let pool = self.pool;
        if self.by_worker.is_none() {
            self.by_worker = Some(pool.employs_this_thread());
            pool.close(Refusal::ShutDown);
            if self.cancels {
                pool.end_pending(|job| job.cancel());
            }
        }
        pool.headcount.attempt(turn, self.by_worker == Some(true))
    }

    fn pass_on(&mut self) {
        // All have been woken.
    }

    fn expire(&mut self, waiter: &mut Waiter) -> bool {
        waiter.leave(self.list());
        true
    }
}

impl Operation for Shutdown<'_> {
    type Output = ();
    type Timed = Result<(), TimedOut>;

    fn take(&mut self) {}

    fn in_time(&mut self, (): ()) -> Result<(), TimedOut> {
        Ok(())
    }

    fn timed_out(&mut self) -> Result<(), TimedOut> {
        Err(TimedOut)
    }
}

impl fmt::Debug for Shutdown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown")
            .field("cancels", &self.cancels)
            .field("has_begun", &self.by_worker.is_some())
            .finish_non_exhaustive()
    }
}

/// What a pool is to be like.
///
/// ```
/// use amphi::ThreadPool;
/// use std::time::Duration;
///
/// let pool = ThreadPool::builder()
///     .workers(100)
///     .name_prefix("disk")
///     .stack_size(256 * 1024)
///     .keep_alive(Duration::from_secs(10))
///     .initializer(|| println!("a worker has started"))
///     .build();
/// # drop(pool);
/// ```
#[must_use = "nothing is made before `build`"]
pub struct PoolBuilder {
    workers: usize,
    name_prefix: String,
    stack_size: Option<usize>,
    keep_alive: Option<Duration>,
    initializer: Option<Box<dyn Fn() + Send + Sync>>,
}

impl PoolBuilder {
    fn new() -> Self {
        PoolBuilder {
            workers: std::thread::available_parallelism().map_or(1, NonZero::get),
            name_prefix: "pool".into(),
            stack_size: None,
            keep_alive: None,
            initializer: None,
        }
    }

    /// How many workers there may be. If it's not said, as many as the system can run at a time.
    ///
    /// # Panics
    ///
    /// If it's zero.
    #[doc(alias = "max_workers")]
    pub fn workers(self, workers: usize) -> Self {
        assert!(workers > 0, "a pool needs one worker at least");
        PoolBuilder { workers, ..self }
    }

    /// What the workers' names begin with; `-0`, `-1`, ... follows. If it's not said, `pool`.
    ///
    /// # Panics
    ///
    /// If there is a zero byte in it, which no thread's name can contain.
    pub fn name_prefix(self, prefix: impl Into<String>) -> Self {
        let name_prefix = prefix.into();
        assert!(
            !name_prefix.contains('\0'),
            "a thread's name can't contain a zero byte"
        );
        PoolBuilder {
            name_prefix,
            ..self
        }
    }

    /// How many bytes each worker's stack has at least. If it's not said, std decides.
    pub fn stack_size(self, bytes: usize) -> Self {
        let stack_size = Some(bytes);
        PoolBuilder { stack_size, ..self }
    }

    /// How long a worker stays when there is nothing to do. If it's not said, until the pool is shut down.
    ///
    /// ```
    /// use amphi::{ThreadPool, thread};
    /// use std::time::Duration;
    ///
    /// let pool = ThreadPool::builder().keep_alive(Duration::ZERO).build();
    /// let worker = pool.submit(thread::current)?.result().block()?;
    /// worker.finished().block(); // by itself
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn keep_alive(self, duration: Duration) -> Self {
        let keep_alive = Some(duration);
        PoolBuilder { keep_alive, ..self }
    }

    /// What every worker does before its first job.
    ///
    /// If it panics the pool is broken: what has not begun ends as [`JobError::Broken`](super::JobError::Broken), and nothing
    /// more is accepted.
    ///
    /// ```
    /// use amphi::{JobError, ThreadPool};
    ///
    /// # std::panic::set_hook(Box::new(|_| {}));
    /// let pool = ThreadPool::builder().initializer(|| panic!("no connection")).build();
    /// let job = pool.submit(|| 1)?;
    /// assert!(matches!(job.result().block(), Err(JobError::Broken)));
    /// assert!(pool.submit(|| 2).is_err());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn initializer(self, initializer: impl Fn() + Send + Sync + 'static) -> Self {
        let initializer: Option<Box<dyn Fn() + Send + Sync>> = Some(Box::new(initializer));
        PoolBuilder {
            initializer,
            ..self
        }
    }

    /// Makes the pool. No worker is started yet.
    pub fn build(self) -> ThreadPool {
        ThreadPool {
            shared: Arc::new(Shared {
                jobs: Queue::unbounded(),
                staff: Mutex::new(Staff {
                    workers: 0,
                    hired: 0,
                    in_flight: 0,
                    refuses: None,
                }),
                is_complete: AtomicBool::new(false),
                is_searched: CachePadded::new(AtomicBool::new(false)),
                headcount: Headcount::new(),
                about: self,
            }),
        }
    }
}

// The initializer is called by workers, none of which goes on after its panic.
impl UnwindSafe for PoolBuilder {}
impl RefUnwindSafe for PoolBuilder {}

impl fmt::Debug for PoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("workers", &self.workers)
            .field("name_prefix", &self.name_prefix)
            .field("stack_size", &self.stack_size)
            .field("keep_alive", &self.keep_alive)
            .finish_non_exhaustive()
    }
}
