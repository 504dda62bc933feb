//! The objects that the parties share.

use crate::item::Item;
use crate::waiting::{AnyWait, End, waiting};
use amphi::queue::{Discipline, QueueOf};
use amphi::{
    Barrier, BoundedSemaphore, Condvar, Event, GetError, LifoQueue, Mutex, MutexGuard,
    PriorityQueue, PutError, Queue, ReentrantMutex, ReentrantMutexGuard, Semaphore, TaskDoneError,
    lock_all,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a mutex protects.
#[derive(Default)]
pub struct Data {
    /// Somebody has the lock and has not given it up.
    pub held: bool,
    /// What `wait_while` looks at.
    pub value: u8,
}

/// What the reentrant mutex protects: how many guards there are.
pub type Level = AtomicUsize;

/// How large things are, by the first two bytes of a program.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub capacities: [usize; 3],
    pub permits: usize,
    pub bound: usize,
    pub parties: usize,
}

impl Sizes {
    pub fn new(first: u8, second: u8) -> Self {
        let part = |byte: u8, shift: u32| usize::from(byte >> shift & 3);
        Sizes {
            capacities: [part(first, 0) + 1, part(first, 2) + 1, part(first, 4) + 1],
            permits: part(first, 6),
            bound: part(second, 0) + 1,
            parties: part(second, 2) + 1,
        }
    }
}

/// All there is.
pub struct World {
    pub mutexes: [Mutex<Data>; 3],
    pub reentrant: ReentrantMutex<Level>,
    pub condvars: [Condvar; 2],
    pub semaphore: Semaphore,
    pub bounded: BoundedSemaphore,
    pub events: [Event; 2],
    pub barrier: Barrier,
    /// How often the barrier's action has been run.
    pub rounds: Arc<AtomicUsize>,
    fifo: Queue<Item>,
    lifo: LifoQueue<Item>,
    priority: PriorityQueue<Item>,
}

impl World {
    pub fn new(sizes: Sizes) -> Self {
        let rounds = Arc::new(AtomicUsize::new(0));
        let counts = rounds.clone();
        let barrier = Barrier::new(sizes.parties).with_action(move || {
            counts.fetch_add(1, Ordering::SeqCst);
        });
        World {
            mutexes: Default::default(),
            reentrant: ReentrantMutex::new(Level::new(0)),
            condvars: Default::default(),
            semaphore: Semaphore::new(sizes.permits),
            bounded: BoundedSemaphore::new(sizes.bound),
            events: Default::default(),
            barrier,
            rounds,
            fifo: Queue::bounded(sizes.capacities[0]),
            lifo: LifoQueue::bounded(sizes.capacities[1]),
            priority: PriorityQueue::bounded(sizes.capacities[2]),
        }
    }

    pub fn queue(&self, which: usize) -> &dyn AnyQueue {
        match which {
            0 => &self.fifo,
            1 => &self.lifo,
            _ => &self.priority,
        }
    }

    pub fn lock(&self, which: usize) -> AnyWait<'_> {
        waiting(
            self.mutexes[which].lock(),
            |guard| End::Locked(vec![guard]),
            |timed| timed.map_or(End::TimedOut, |guard| End::Locked(vec![guard])),
        )
    }

    /// The guards come in the order of `which`.
    pub fn lock_all(&self, which: &[usize]) -> AnyWait<'_> {
        let mutex = |index: usize| &self.mutexes[which[index]];
        match which.len() {
            2 => waiting(
                lock_all((mutex(0), mutex(1))),
                |guards| End::Locked(vec![guards.0, guards.1]),
                |timed| match timed {
                    Ok(guards) => End::Locked(vec![guards.0, guards.1]),
                    Err(_) => End::TimedOut,
                },
            ),
            _ => waiting(lock_all(&self.mutexes[..]), End::Locked, |timed| {
                timed.map_or(End::TimedOut, End::Locked)
            }),
        }
    }

    pub fn enter(&self) -> AnyWait<'_> {
        waiting(self.reentrant.lock(), End::Entered, |timed| {
            timed.map_or(End::TimedOut, End::Entered)
        })
    }

    pub fn wait<'a>(&'a self, condvar: usize, guard: MutexGuard<'a, Data>) -> AnyWait<'a> {
        waiting(
            self.condvars[condvar].wait(guard),
            |guard| End::Back(guard, false),
            |(guard, result)| End::Back(guard, result.timed_out()),
        )
    }

    pub fn wait_while<'a>(
        &'a self,
        condvar: usize,
        guard: MutexGuard<'a, Data>,
        wanted: u8,
    ) -> AnyWait<'a> {
        let differs = move |data: &mut Data| {
            assert!(!data.held, "the condition is evaluated without the lock");
            data.value != wanted
        };
        waiting(
            self.condvars[condvar].wait_while(guard, differs),
            |guard| End::Back(guard, false),
            |(guard, result)| End::Back(guard, result.timed_out()),
        )
    }

    pub fn wait_again<'a>(
        &'a self,
        condvar: usize,
        guard: ReentrantMutexGuard<'a, Level>,
    ) -> AnyWait<'a> {
        waiting(
            self.condvars[condvar].wait(guard),
            |guard| End::BackAgain(guard, false),
            |(guard, result)| End::BackAgain(guard, result.timed_out()),
        )
    }

    pub fn acquire(&self, bounded: bool, permits: usize) -> AnyWait<'_> {
        match bounded {
            false => waiting(
                self.semaphore.acquire_many(permits),
                End::Permits,
                |timed| timed.map_or(End::TimedOut, End::Permits),
            ),
            true => waiting(
                self.bounded.acquire_many(permits),
                End::BoundedPermits,
                |timed| timed.map_or(End::TimedOut, End::BoundedPermits),
            ),
        }
    }

    pub fn wait_set(&self, which: usize) -> AnyWait<'_> {
        waiting(
            self.events[which].wait(),
            |()| End::Released,
            |timed| timed.map_or(End::TimedOut, |()| End::Released),
        )
    }

    pub fn gather(&self) -> AnyWait<'_> {
        waiting(self.barrier.wait(), End::Gathered, End::Gathered)
    }
}

/// A queue of any discipline.
pub trait AnyQueue {
    fn put(&self, item: Item) -> AnyWait<'_>;
    fn put_all(&self, items: Vec<Item>) -> AnyWait<'_>;
    fn get(&self) -> AnyWait<'_>;
    fn get_many(&self, max: usize) -> AnyWait<'_>;
    fn join(&self) -> AnyWait<'_>;
    fn try_put(&self, item: Item) -> Result<(), PutError<Item>>;
    fn try_get(&self) -> Result<Item, GetError>;
    fn task_done(&self) -> Result<(), TaskDoneError>;
    fn shutdown(&self);
    fn shutdown_now(&self);
    /// The number of items, the capacity, the unfinished ones, and whether it's shut down.
    fn readings(&self) -> (usize, Option<usize>, usize, bool);
}

fn one(error: PutError<Item>) -> PutError<Vec<Item>> {
    match error {
        PutError::Full(item) => PutError::Full(vec![item]),
        PutError::ShutDown(item) => PutError::ShutDown(vec![item]),
        PutError::TimedOut(item) => PutError::TimedOut(vec![item]),
    }
}

impl<D: Discipline<Item = Item>> AnyQueue for QueueOf<D> {
    fn put(&self, item: Item) -> AnyWait<'_> {
        let end = |put: Result<(), PutError<Item>>| End::Put(put.map_err(one));
        waiting(QueueOf::put(self, item), end, end)
    }

    fn put_all(&self, items: Vec<Item>) -> AnyWait<'_> {
        waiting(QueueOf::put_all(self, items), End::Put, End::Put)
    }

    fn get(&self) -> AnyWait<'_> {
        let end = |got: Result<Item, GetError>| End::Got(got.map(|item| vec![item]));
        waiting(QueueOf::get(self), end, end)
    }

    fn get_many(&self, max: usize) -> AnyWait<'_> {
        waiting(QueueOf::get_many(self, max), End::Got, End::Got)
    }

    fn join(&self) -> AnyWait<'_> {
        waiting(
            QueueOf::join(self),
            |()| End::Joined,
            |timed| timed.map_or(End::TimedOut, |()| End::Joined),
        )
    }

    fn try_put(&self, item: Item) -> Result<(), PutError<Item>> {
        QueueOf::try_put(self, item)
    }

    fn try_get(&self) -> Result<Item, GetError> {
        QueueOf::try_get(self)
    }

    fn task_done(&self) -> Result<(), TaskDoneError> {
        QueueOf::task_done(self)
    }

    fn shutdown(&self) {
        QueueOf::shutdown(self);
    }

    fn shutdown_now(&self) {
        QueueOf::shutdown_now(self);
    }

    fn readings(&self) -> (usize, Option<usize>, usize, bool) {
        let len = self.len();
        assert_eq!(self.is_empty(), len == 0);
        assert_eq!(self.is_full(), self.capacity() == Some(len));
        (len, self.capacity(), self.unfinished(), self.is_shut_down())
    }
}
