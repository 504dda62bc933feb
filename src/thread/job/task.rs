//! What the handles of a job and its pool share.

use super::{Job, Watcher};
use crate::event::Event;
use crate::first_panic::FirstPanic;
use crate::sync::{Mutex, lock};
use crate::thread::{JobError, Panicked};
use std::collections::VecDeque;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

/// A job, whatever its function is.
pub(super) trait Shared<T>: Send + Sync {
    fn core(&self) -> &Core<T>;

    /// Drops the function, which will not be run.
    fn discard(&self);
}

/// A job as its pool sees it.
pub(in crate::thread) trait Run: Send + Sync {
    /// Runs it, unless it has ended already, and says to its worker when it has something to do and when it hasn't.
    fn run(self: Arc<Self>, worker: &dyn Worker);

    /// It will never run, as nobody wants it any more.
    fn cancel(self: Arc<Self>);

    /// It will never run, as its pool is broken.
    fn break_off(self: Arc<Self>);
}

/// What a job tells the worker that runs it, which is taken to be busy in the beginning, and has to be free in the end.
pub(in crate::thread) trait Worker {
    /// Nothing is left to do that takes time. It's said before anybody hears of the result, if there are no callbacks to be called: then whoever hears
    /// of it and submits another job finds the worker free.
    fn is_free(&self);

    /// There is something, after all.
    fn is_busy(&self);
}

/// For those who end a job and are no worker.
pub(super) struct Nobody;

impl Worker for Nobody {
    fn is_free(&self) {}
    fn is_busy(&self) {}
}

/// The one allocation of a job.
pub(in crate::thread) struct Task<T, F> {
    core: Core<T>,
    /// Until the job begins, or never will.
    function: Mutex<Option<F>>,
}

/// The part that doesn't depend on the function.
pub(super) struct Core<T> {
    pub(super) state: Mutex<State<T>>,
    /// Set when the job has ended, and never cleared.
    pub(super) finished: Event,
}

/// The mutex is held for moves only. Who ends the job changes the phase, and notes that for the watchers; then, without the mutex, sets `finished`, wakes the
/// watchers, calls the callbacks. Whoever hears of the end before it is `finished` sets that themselves.
pub(super) struct State<T> {
    pub(super) phase: Phase<T>,
    pub(super) watchers: Vec<Watcher>,
    pub(super) callbacks: VecDeque<Callback<T>>,
    /// Who has ended the job calls the callbacks one by one, also those that are added while it does.
    pub(super) calls_back: bool,
}

pub(super) type Callback<T> = Box<dyn FnOnce(&Job<T>) + Send>;

/// | phase | who moves it on | to |
/// |---|---|---|
/// | `Pending` | a worker | `Running` |
/// | | `cancel`; a pool that is shut down at once | `Cancelled` |
/// | | a pool that breaks | `Broken` |
/// | `Running` | the worker | `Finished` |
/// | `Finished` | whoever takes the result | `Taken` |
pub(super) enum Phase<T> {
    Pending,
    Running,
    Finished(Result<T, Panicked>),
    Taken,
    Cancelled,
    Broken,
}

impl<T, F> Task<T, F> {
    pub(in crate::thread) fn new(function: F) -> Self {
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
    pub(in crate::thread) fn into_function(self: Arc<Self>) -> F {
        let function = lock(&self.function).take();
        function.expect("only a job that is accepted loses its function")
    }
}

impl<T> Phase<T> {
    pub(super) fn is_last(&self) -> bool {
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
    pub(super) fn end(&self, pending: bool, phase: Phase<T>) -> Option<(Vec<Watcher>, bool)> {
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
    pub(super) fn next_callback(&self) -> Option<Callback<T>> {
        let mut state = lock(&self.state);
        let next = state.callbacks.pop_front();
        state.calls_back = next.is_some();
        next
    }

    /// Takes the result, if it's there to be taken.
    pub(super) fn take(&self) -> Result<T, JobError> {
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
        let mut panic = FirstPanic::NONE;
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
