//! The workers of a pool, and the jobs that they run.

use super::PoolBuilder;
use super::search::Search;
use crate::error::{GetError, PutError};
use crate::first_panic::unharmed;
use crate::queue::Queue;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, Spin, local, lock};
use crate::thread::headcount::Headcount;
use crate::thread::job::{Run, Worker};
use crate::thread::{Builder, NotStarted, SubmitError};
use crossbeam_utils::CachePadded;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a pool shares with its workers.
pub(super) struct Shared {
    /// What has not begun. Its shutdown is the pool's.
    pub(super) jobs: Queue<Arc<dyn Run>>,
    staff: Mutex<Staff>,
    /// There will never be more workers than now, so there is no need to look whether one is free.
    is_complete: AtomicBool,
    /// A worker looks for a job before it waits for one.
    search: CachePadded<Search>,
    /// The workers.
    pub(super) headcount: Headcount,
    pub(super) about: PoolBuilder,
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
pub(super) enum Refusal {
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

impl Shared {
    pub(super) fn new(about: PoolBuilder) -> Self {
        Shared {
            jobs: Queue::unbounded(),
            staff: Mutex::new(Staff {
                workers: 0,
                hired: 0,
                in_flight: 0,
                refuses: None,
            }),
            is_complete: AtomicBool::new(false),
            search: CachePadded::new(Search::new()),
            headcount: Headcount::new(),
            about,
        }
    }

    /// Takes a job, and sees to it that somebody runs it.
    pub(super) fn accept(self: &Arc<Self>, job: Arc<dyn Run>) -> Result<(), SubmitError<()>> {
        // Relaxed: the queue orders all that is needed. Whichever worker has the job looks at this later than it's looked at here, so
        // it finds the pool complete as well.
        if self.is_complete.load(Ordering::Relaxed) {
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
    pub(super) fn open(self: &Arc<Self>) -> Result<(), SubmitError<()>> {
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
        let NotStarted { error, listed } = failed;
        unharmed(|| drop(listed));
        match is_alone {
            true => Err(SubmitError::NoThread((), error)),
            false => Ok(()),
        }
    }

    fn put(&self, job: Arc<dyn Run>) -> Result<(), PutError<Arc<dyn Run>>> {
        self.jobs.try_put_for(job, || self.search.is_on())
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
            // Relaxed: nothing is read by it, see `accept`.
            self.is_complete.store(true, Ordering::Relaxed);
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

    /// Looks for a job for a while, if no other worker does.
    fn search(&self) -> Option<Arc<dyn Run>> {
        if !self.search.begin() {
            return None;
        }
        let mut spin = Spin::search();
        let mut found = self.jobs.try_get().ok();
        let begin = Instant::now();
        while found.is_none() && spin.pause() && begin.elapsed() < SEARCH {
            found = self.jobs.try_get().ok();
        }
        self.search.end();
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
    pub(super) fn close(&self, refusal: Refusal) {
        lock(&self.staff).refuses.get_or_insert(refusal);
        self.jobs.shutdown();
    }

    /// The initializer has panicked.
    fn break_off(&self) {
        self.close(Refusal::Broken);
        self.end_pending(|job| job.break_off());
    }

    /// Ends all that have not begun.
    pub(super) fn end_pending(&self, end: impl Fn(Arc<dyn Run>)) {
        while let Ok(job) = self.jobs.try_get() {
            // Wakers may panic, and what the function has captured when it is dropped.
            unharmed(|| end(job));
        }
    }

    pub(super) fn employs_this_thread(&self) -> bool {
        ptr::eq(EMPLOYER.with(Cell::get), self)
    }
}

impl Worker for Arc<Shared> {
    fn is_free(&self) {
        // Relaxed: a job that was put because the pool is complete has brought that along, see `accept`.
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
