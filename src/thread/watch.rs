//! Waiting for several jobs: [`wait_any`], [`wait_all`], [`as_completed`].

use super::job::Watcher;
use super::{Job, unharmed};
use crate::queue::{Get, Queue, Stream};
use crate::wait::{Attempt, Line, Operation, Outcome, Turn, Wait, or_timed_out};
use futures_core::stream::FusedStream;
use std::borrow::Borrow;
use std::fmt;
use std::iter::FusedIterator;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Several jobs, of which those that have ended are reported in that order. Those that had ended before come first.
struct Watch<T> {
    jobs: Vec<Job<T>>,
    ended: Arc<Queue<usize>>,
}

impl<T> Watch<T> {
    fn new(jobs: Vec<Job<T>>) -> Self {
        let watch = Watch {
            jobs,
            ended: Arc::new(Queue::unbounded()),
        };
        for (index, job) in watch.jobs.iter().enumerate() {
            job.watch(watch.watcher(index));
        }
        watch
    }

    fn watcher(&self, index: usize) -> Watcher {
        Watcher::new(self.ended.clone(), index)
    }
}

impl<T> Drop for Watch<T> {
    fn drop(&mut self) {
        for (index, job) in self.jobs.iter().enumerate() {
            job.unwatch(&self.watcher(index));
        }
    }
}

/// Waits until one of the jobs has ended, and gives its index. If several have ended already, it is that of the first of them.
///
/// With a timeout it gives `Err(TimedOut)` if none has ended in time. In Python it is `concurrent.futures.wait` with `FIRST_COMPLETED`.
///
/// # Panics
///
/// If there are no jobs, so that there would be nothing to wait for.
///
/// # Cancel safety
///
/// Dropping it loses nothing.
///
/// ```
/// use amphi::{Event, ThreadPool, block_on, wait_any};
///
/// static GO_ON: Event = Event::new();
///
/// let pool = ThreadPool::new(2);
/// let late = pool.submit(|| GO_ON.wait().block())?;
/// let early = pool.submit(|| ())?;
/// assert_eq!(wait_any([&late, &early]).block(), 1); // a thread
/// GO_ON.set();
/// assert_eq!(block_on(async { wait_any([&late]).await }), 0); // a task
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "select")]
#[doc(alias = "FIRST_COMPLETED")]
pub fn wait_any<T, J: Borrow<Job<T>>>(jobs: impl IntoIterator<Item = J>) -> Wait<WaitAny<T>> {
    let jobs = handles(jobs);
    assert!(
        !jobs.is_empty(),
        "`wait_any` of no jobs would wait for ever"
    );
    Wait::new(WaitAny {
        jobs,
        watched: None,
        index: None,
    })
}

/// Waits until all of the jobs have ended. It takes none of their results.
///
/// With a timeout it gives `Err(TimedOut)` if one has not ended in time. In Python it is `concurrent.futures.wait` with `ALL_COMPLETED`.
///
/// # Cancel safety
///
/// Dropping it loses nothing.
///
/// ```
/// use amphi::{Event, ThreadPool, block_on, wait_all};
/// use std::time::Duration;
///
/// static GO_ON: Event = Event::new();
///
/// let pool = ThreadPool::new(2);
/// let jobs = [pool.submit(|| GO_ON.wait().block())?, pool.submit(|| ())?];
/// let soon = wait_all(&jobs).timeout(Duration::from_millis(1));
/// assert!(soon.block().is_err()); // a thread
/// GO_ON.set();
/// block_on(async { wait_all(&jobs).await }); // a task
/// assert!(jobs.iter().all(|job| job.is_done()));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "join_all")]
#[doc(alias = "ALL_COMPLETED")]
pub fn wait_all<T, J: Borrow<Job<T>>>(jobs: impl IntoIterator<Item = J>) -> Wait<WaitAll<T>> {
    let jobs = handles(jobs);
    Wait::new(WaitAll { jobs, at: 0 })
}

/// The jobs in the order in which they end, as an iterator that blocks and as a stream.
///
/// Those that have ended already come first. A cancelled job has ended, too. In Python it is `concurrent.futures.as_completed`.
///
/// # Cancel safety
///
/// Dropping it loses nothing; the jobs go on.
///
/// ```
/// use amphi::{Event, ThreadPool, as_completed, block_on};
/// use futures::StreamExt;
///
/// static GO_ON: Event = Event::new();
///
/// let pool = ThreadPool::new(2);
/// let late = pool.submit(|| GO_ON.wait().block())?;
/// let early = pool.submit(|| ())?;
/// let mut ended = Vec::new();
/// for job in as_completed([&late, &early]) {
///     GO_ON.set();
///     ended.push(job);
/// }
/// assert_eq!(ended, [early, late]);
/// let again: Vec<_> = block_on(StreamExt::collect(as_completed(&ended))); // a task
/// assert_eq!(again, ended);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "FuturesUnordered")]
pub fn as_completed<T, J: Borrow<Job<T>>>(jobs: impl IntoIterator<Item = J>) -> AsCompleted<T> {
    let watch = Watch::new(handles(jobs));
    AsCompleted {
        left: watch.jobs.len(),
        stream: watch.ended.stream_owned(),
        watch,
    }
}

/// Whoever has told of the job's end may not have come so far as to set it finished. Others' wakers may panic in that.
fn hear<T>(job: &Job<T>) {
    unharmed(|| job.set_finished());
}

fn handles<T, J: Borrow<Job<T>>>(jobs: impl IntoIterator<Item = J>) -> Vec<Job<T>> {
    jobs.into_iter().map(|job| job.borrow().clone()).collect()
}

/// The operation of [`wait_any`].
///
/// # Cancel safety
///
/// Dropping it loses nothing.
///
/// ```
/// use amphi::thread::WaitAny;
/// use amphi::{ThreadPool, Wait, wait_any};
///
/// let pool = ThreadPool::new(1);
/// let wait: Wait<WaitAny<u8>> = wait_any([pool.submit(|| 1)?]);
/// assert_eq!(wait.block(), 0);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct WaitAny<T> {
    jobs: Vec<Job<T>>,
    /// From the moment when it has to wait.
    watched: Option<Watched<T>>,
    /// Which one has ended.
    index: Option<usize>,
}

struct Watched<T> {
    get: Get<Arc<Queue<usize>>>,
    _watch: Watch<T>,
}

impl<T> Attempt for WaitAny<T> {
    fn fast(&mut self, _: bool) -> bool {
        self.index = self.jobs.iter().position(Job::is_done);
        self.index.is_some()
    }

    fn list(&self) -> &dyn Line {
        let watched = self.watched.as_ref();
        watched.expect("it has been attempted").get.list()
    }

    fn attempt(&mut self, turn: Turn) -> Outcome {
        let jobs = &self.jobs;
        let watched = self.watched.get_or_insert_with(|| {
            let watch = Watch::new(jobs.clone());
            Watched {
                get: Get::new(watch.ended.clone()),
                _watch: watch,
            }
        });
        watched.get.attempt(turn)
    }

    fn undo(&mut self) {
        if let Some(watched) = &mut self.watched {
            watched.get.undo();
        }
    }

    fn pass_on(&mut self) {
        // There is nobody else.
    }
}

impl<T> Operation for WaitAny<T> {
    or_timed_out!(usize);

    fn take(&mut self) -> usize {
        self.index.unwrap_or_else(|| {
            let watched = self.watched.as_mut().expect("it has been attempted");
            let index = watched.get.take().expect("nobody shuts it down");
            hear(&self.jobs[index]);
            index
        })
    }
}

impl<T> fmt::Debug for WaitAny<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitAny").field(&self.jobs).finish()
    }
}

/// The operation of [`wait_all`].
///
/// # Cancel safety
///
/// Dropping it loses nothing.
///
/// ```
/// use amphi::thread::WaitAll;
/// use amphi::{ThreadPool, Wait, wait_all};
///
/// let pool = ThreadPool::new(1);
/// let wait: Wait<WaitAll<u8>> = wait_all([pool.submit(|| 1)?]);
/// wait.block();
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct WaitAll<T> {
    jobs: Vec<Job<T>>,
    /// The one that it waits for; those before it have ended.
    at: usize,
}

impl<T> Attempt for WaitAll<T> {
    fn fast(&mut self, _: bool) -> bool {
        self.jobs.iter().all(Job::is_done)
    }

    fn list(&self) -> &dyn Line {
        self.jobs[self.at].finished().line()
    }

    fn attempt(&mut self, turn: Turn) -> Outcome {
        loop {
            let outcome = match self.jobs.get(self.at) {
                Some(job) => job.finished().set_waiter().attempt(turn),
                None => return Outcome::Done,
            };
            if outcome != Outcome::Done {
                return outcome;
            }
            let rest = &self.jobs[self.at..];
            match rest.iter().position(|job| !job.is_done()) {
                None => return Outcome::Done,
                // It has to leave this one's list first.
                Some(_) if turn.is(Turn::QUEUED) => return Outcome::Again,
                Some(ended) => self.at += ended,
            }
        }
    }

    fn proceed(&mut self) {
        self.at += 1;
    }

    fn pass_on(&mut self) {
        // The end of a job is told to everybody.
    }
}

impl<T> Operation for WaitAll<T> {
    or_timed_out!(());

    fn take(&mut self) {}
}

impl<T> fmt::Debug for WaitAll<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitAll").field(&self.jobs).finish()
    }
}

/// The iterator and stream of [`as_completed`].
///
/// # Cancel safety
///
/// Dropping it loses nothing; the jobs go on.
///
/// ```
/// use amphi::thread::AsCompleted;
/// use amphi::{ThreadPool, as_completed};
///
/// let pool = ThreadPool::new(2);
/// let jobs: AsCompleted<u8> = as_completed([pool.submit(|| 1)?, pool.submit(|| 2)?]);
/// let sum: u8 = jobs.map(|job| job.result().block().unwrap()).sum();
/// assert_eq!(sum, 3);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[must_use = "an iterator does nothing until it is asked for its items"]
pub struct AsCompleted<T> {
    watch: Watch<T>,
    stream: Stream<Arc<Queue<usize>>>,
    left: usize,
}

impl<T> AsCompleted<T> {
    fn job(&mut self, index: usize) -> Job<T> {
        self.left -= 1;
        let job = &self.watch.jobs[index];
        hear(job);
        job.clone()
    }
}

impl<T> Iterator for AsCompleted<T> {
    type Item = Job<T>;

    fn next(&mut self) -> Option<Job<T>> {
        if self.left == 0 {
            return None;
        }
        let index = self.watch.ended.get().block();
        Some(self.job(index.expect("nobody shuts it down")))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for AsCompleted<T> {}

impl<T> FusedIterator for AsCompleted<T> {}

impl<T> futures_core::Stream for AsCompleted<T> {
    type Item = Job<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Job<T>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let index = ready!(futures_core::Stream::poll_next(
            Pin::new(&mut self.stream),
            cx
        ));
        Poll::Ready(index.map(|index| self.job(index)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> FusedStream for AsCompleted<T> {
    fn is_terminated(&self) -> bool {
        self.left == 0
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
