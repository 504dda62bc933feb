//! Any sequence of operations on a queue, against a plain model of one.
//!
//! There is one thread, which polls all waits by hand, so it's known at every step what each must give. Beside
//! the results the model knows who must have been woken: as many of those who wait for an item as there are items, as many of
//! those who wait for room as there is room, and everybody at the end.

mod worlds;

use amphi::queue::{Discipline, Get, GetMany, Join, Put, PutAll, QueueOf};
use amphi::{GetError, LifoQueue, PriorityQueue, PutError, Queue, TaskDoneError, Wait};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};
use worlds::{Hand, ordered_by_cmp, watched};

/// One that is compared by its rank only, and whose end is noted.
struct Item {
    rank: u8,
    number: u32,
    gone: Rc<RefCell<BTreeSet<u32>>>,
}

impl Drop for Item {
    fn drop(&mut self) {
        assert!(self.gone.borrow_mut().insert(self.number), "dropped twice");
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}

ordered_by_cmp!(Item);

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.rank, self.number)
    }
}

/// What is known of an item: its rank and its number.
type Known = (u8, u32);

fn known(item: &Item) -> Known {
    (item.rank, item.number)
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Fifo,
    Lifo,
    Priority,
}

#[derive(Clone, Debug)]
enum Begun {
    Put(u8),
    PutAll(Vec<u8>),
    Get,
    GetMany(usize),
    Join,
}

#[derive(Clone, Debug)]
enum Step {
    TryPut(u8),
    TryGet,
    TaskDone,
    Shutdown,
    ShutdownNow,
    /// A wait is made, and polled if so said.
    Begin(Begun, bool),
    /// Those who wait are counted from the oldest. Polled, perhaps with another waker.
    Poll(usize, bool),
    /// The oldest that has been woken is polled.
    PollWoken,
    Drop(usize),
    /// It gets no more time, as a task or as a thread.
    Expire(usize, bool),
    /// Something else comes first.
    Or(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let rank = 0..3u8;
    let begun = prop_oneof![
        4 => rank.clone().prop_map(Begun::Put),
        2 => vec(rank.clone(), 0..6).prop_map(Begun::PutAll),
        4 => Just(Begun::Get),
        2 => (0..5usize).prop_map(Begun::GetMany),
        1 => Just(Begun::Join),
    ];
    let which = 0..8usize;
    vec(
        prop_oneof![
            60 => rank.prop_map(Step::TryPut),
            60 => Just(Step::TryGet),
            40 => Just(Step::TaskDone),
            2 => Just(Step::Shutdown),
            1 => Just(Step::ShutdownNow),
            160 => (begun, prop::bool::weighted(0.9)).prop_map(|(begun, polled)| Step::Begin(begun, polled)),
            60 => (which.clone(), any::<bool>()).prop_map(|(which, other)| Step::Poll(which, other)),
            60 => Just(Step::PollWoken),
            40 => which.clone().prop_map(Step::Drop),
            25 => (which.clone(), any::<bool>()).prop_map(|(which, blocks)| Step::Expire(which, blocks)),
            15 => which.prop_map(Step::Or),
        ],
        1..60,
    )
}

/// A wait of the real queue.
enum Waiting<'a, D: Discipline> {
    Put(Wait<Put<&'a QueueOf<D>>>),
    PutAll(Wait<PutAll<&'a QueueOf<D>>>),
    Get(Wait<Get<&'a QueueOf<D>>>),
    GetMany(Wait<GetMany<&'a QueueOf<D>>>),
    Join(Wait<Join<'a, D>>),
}

/// What the model expects of it.
#[derive(Clone, Debug)]
enum Expected {
    /// What has not been put yet.
    Put(Vec<Known>),
    /// At most so many; and whether it is one that gives several.
    Get(usize, bool),
    /// Whether nothing has been unfinished since it began.
    Join(bool),
}

/// How an operation ends, in the model as well as with the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Put,
    ShutDown(Vec<Known>),
    TimedOut(Vec<Known>),
    Got(Vec<Known>),
    Nothing(GetError),
    Joined(bool),
}

fn end_of_put(result: Result<(), PutError<Item>>) -> End {
    end_of_put_all(result.map_err(|error| match error {
        PutError::Full(item) => PutError::Full(vec![item]),
        PutError::ShutDown(item) => PutError::ShutDown(vec![item]),
        PutError::TimedOut(item) => PutError::TimedOut(vec![item]),
    }))
}

fn end_of_put_all(result: Result<(), PutError<Vec<Item>>>) -> End {
    let all = |items: Vec<Item>| items.iter().map(known).collect();
    match result {
        Ok(()) => End::Put,
        Err(PutError::ShutDown(items)) => End::ShutDown(all(items)),
        Err(PutError::TimedOut(items)) => End::TimedOut(all(items)),
        Err(PutError::Full(items)) => panic!("{items:?}: a wait does not say that it's full"),
    }
}

fn end_of_get(result: Result<Item, GetError>) -> End {
    end_of_get_many(result.map(|item| vec![item]))
}

fn end_of_get_many(result: Result<Vec<Item>, GetError>) -> End {
    match result {
        Ok(items) => End::Got(items.iter().map(known).collect()),
        Err(error) => End::Nothing(error),
    }
}

/// Does the same with a wait of any type, and tells the end of it.
macro_rules! whichever {
    ($waiting:expr, |$wait:ident| $action:expr) => {
        match $waiting {
            Waiting::Put($wait) => $action.map(end_of_put),
            Waiting::PutAll($wait) => $action.map(end_of_put_all),
            Waiting::Get($wait) => $action.map(end_of_get),
            Waiting::GetMany($wait) => $action.map(end_of_get_many),
            Waiting::Join($wait) => $action.map(end_of_join),
        }
    };
}

/// A join may have a timeout or not.
trait Joined {
    fn joined(self) -> bool;
}

impl Joined for () {
    fn joined(self) -> bool {
        true
    }
}

impl Joined for Result<(), amphi::TimedOut> {
    fn joined(self) -> bool {
        self.is_ok()
    }
}

fn end_of_join(joined: impl Joined) -> End {
    End::Joined(joined.joined())
}

struct Party<'a, D: Discipline> {
    waiting: Waiting<'a, D>,
    expected: Expected,
    /// Who polls it, if it has been polled, and how often that one had been woken by then.
    polled: Option<(Hand, usize)>,
}

impl<D: Discipline> Party<'_, D> {
    fn is_woken(&self) -> bool {
        self.polled
            .as_ref()
            .is_some_and(|(hand, before)| hand.woken() > *before)
    }
}

struct Model {
    kind: Kind,
    capacity: Option<usize>,
    /// In the order of arrival.
    items: Vec<Known>,
    unfinished: usize,
    shut_down: bool,
}

impl Model {
    fn room(&self) -> usize {
        self.capacity
            .map_or(usize::MAX, |capacity| capacity - self.items.len())
    }

    fn put(&mut self, item: Known) {
        self.items.push(item);
        self.unfinished += 1;
    }

    fn take(&mut self) -> Option<Known> {
        let index = match self.kind {
            Kind::Fifo => 0,
            Kind::Lifo => self.items.len().checked_sub(1)?,
            Kind::Priority => {
                let ranks = self.items.iter().enumerate();
                ranks.min_by_key(|(index, item)| (item.0, *index))?.0
            }
        };
        (index < self.items.len()).then(|| self.items.remove(index))
    }

    /// One attempt; `None` if it has to wait.
    fn attempt(&mut self, expected: &mut Expected) -> Option<End> {
        match expected {
            Expected::Put(items) => {
                while !items.is_empty() && !self.shut_down && self.room() > 0 {
                    self.put(items.remove(0));
                }
                match items.is_empty() {
                    true => Some(End::Put),
                    false if self.shut_down => Some(End::ShutDown(items.clone())),
                    false => None,
                }
            }
            Expected::Get(0, true) => Some(End::Got(Vec::new())),
            Expected::Get(max, _) => {
                let count = self.items.len().min(*max);
                let got: Vec<_> = (0..count).filter_map(|_| self.take()).collect();
                match got.is_empty() {
                    false => Some(End::Got(got)),
                    true if self.shut_down => Some(End::Nothing(GetError::ShutDown)),
                    true => None,
                }
            }
            Expected::Join(over) => {
                *over |= self.unfinished == 0;
                over.then_some(End::Joined(true))
            }
        }
    }

    fn end_without_time(&mut self, expected: &mut Expected) -> End {
        self.attempt(expected).unwrap_or_else(|| match expected {
            Expected::Put(items) => End::TimedOut(items.clone()),
            Expected::Get(..) => End::Nothing(GetError::TimedOut),
            Expected::Join(_) => End::Joined(false),
        })
    }
}

/// Kept for one that starves, the queue may turn others away; nobody can starve in so short a time.
const NOBODY_STARVES: Duration = Duration::from_micros(900);

struct Play<'a, D: Discipline> {
    queue: &'a QueueOf<D>,
    model: Model,
    parties: Vec<Party<'a, D>>,
    start: Instant,
    next: u32,
    gone: Rc<RefCell<BTreeSet<u32>>>,
}

impl<'a, D: Discipline<Item = Item>> Play<'a, D> {
    fn item(&mut self, rank: u8) -> Item {
        self.next += 1;
        Item {
            rank,
            number: self.next,
            gone: self.gone.clone(),
        }
    }

    fn step(&mut self, step: &Step) -> TestCaseResult {
        let which = match step {
            Step::Poll(which, _) | Step::Drop(which) | Step::Expire(which, _) | Step::Or(which) => {
                if self.parties.is_empty() {
                    return Ok(());
                }
                which % self.parties.len()
            }
            _ => 0,
        };
        let queue = self.queue;
        match step {
            Step::TryPut(rank) => {
                let item = self.item(*rank);
                let it = known(&item);
                match queue.try_put(item) {
                    Ok(()) => {
                        prop_assert!(!self.model.shut_down && self.model.room() > 0);
                        self.model.put(it);
                    }
                    Err(PutError::ShutDown(item)) => {
                        prop_assert!(self.model.shut_down);
                        prop_assert_eq!(known(&item), it);
                    }
                    Err(PutError::Full(item)) => {
                        prop_assert!(!self.model.shut_down && self.model.room() == 0);
                        prop_assert_eq!(known(&item), it);
                    }
                    Err(PutError::TimedOut(_)) => prop_assert!(false, "there was no time"),
                }
            }
            Step::TryGet => {
                let nothing = match self.model.shut_down {
                    true => GetError::ShutDown,
                    false => GetError::Empty,
                };
                let got = queue.try_get().map(|item| known(&item));
                prop_assert_eq!(got, self.model.take().ok_or(nothing));
            }
            Step::TaskDone => {
                let done = match self.model.unfinished {
                    0 => Err(TaskDoneError),
                    _ => Ok(()),
                };
                prop_assert_eq!(queue.task_done(), done);
                self.model.unfinished = self.model.unfinished.saturating_sub(1);
            }
            Step::Shutdown => {
                queue.shutdown();
                self.model.shut_down = true;
            }
            Step::ShutdownNow => {
                queue.shutdown_now();
                let dropped = self.model.items.len();
                self.model.shut_down = true;
                self.model.items.clear();
                self.model.unfinished = self.model.unfinished.saturating_sub(dropped);
            }
            Step::Begin(begun, polled) => {
                self.begin(begun);
                if *polled {
                    self.poll(self.parties.len() - 1, false)?;
                }
            }
            Step::Poll(_, other_waker) => self.poll(which, *other_waker)?,
            Step::PollWoken => {
                if let Some(which) = self.parties.iter().position(Party::is_woken) {
                    self.poll(which, false)?;
                }
            }
            Step::Drop(_) => drop(self.parties.remove(which)),
            Step::Expire(_, blocks) => {
                let mut party = self.parties.remove(which);
                let end = self.model.end_without_time(&mut party.expected);
                let hand = Hand::new();
                let real = whichever!(party.waiting, |wait| {
                    let mut wait = wait.timeout(Duration::ZERO);
                    match blocks {
                        true => Poll::Ready(wait.block()),
                        false => hand.poll(&mut wait),
                    }
                });
                prop_assert_eq!(real, Poll::Ready(end));
            }
            Step::Or(_) => {
                let mut party = self.parties.remove(which);
                let end = self.model.attempt(&mut party.expected);
                let in_time = self.start.elapsed() < NOBODY_STARVES;
                let real = whichever!(party.waiting, |wait| wait
                    .or(std::future::ready(()))
                    .block());
                if in_time && self.start.elapsed() < NOBODY_STARVES {
                    prop_assert_eq!(real.ok(), end);
                } else {
                    // It may have been turned away.
                    prop_assume!(real.ok() == end);
                }
            }
        }
        self.look()
    }

    fn begin(&mut self, begun: &Begun) {
        if self.parties.len() == 8 {
            self.parties.remove(0);
        }
        let queue = self.queue;
        let (waiting, expected) = match begun {
            Begun::Put(rank) => {
                let item = self.item(*rank);
                let expected = Expected::Put(vec![known(&item)]);
                (Waiting::Put(queue.put(item)), expected)
            }
            Begun::PutAll(ranks) => {
                let items: Vec<_> = ranks.iter().map(|rank| self.item(*rank)).collect();
                let expected = Expected::Put(items.iter().map(known).collect());
                (Waiting::PutAll(queue.put_all(items)), expected)
            }
            Begun::Get => (Waiting::Get(queue.get()), Expected::Get(1, false)),
            Begun::GetMany(max) => {
                let waiting = Waiting::GetMany(queue.get_many(*max));
                (waiting, Expected::Get(*max, true))
            }
            Begun::Join => (Waiting::Join(queue.join()), Expected::Join(false)),
        };
        self.parties.push(Party {
            waiting,
            expected,
            polled: None,
        });
    }

    fn poll(&mut self, which: usize, other_waker: bool) -> TestCaseResult {
        let party = &mut self.parties[which];
        let hand = match &party.polled {
            Some((hand, _)) if !other_waker => hand.clone(),
            _ => Hand::new(),
        };
        let before = hand.woken();
        party.polled = Some((hand.clone(), before));
        let real = whichever!(&mut party.waiting, |wait| hand.poll(wait));
        let turned_away = real.is_pending() && party.is_woken();
        if turned_away && self.start.elapsed() > NOBODY_STARVES {
            return Ok(());
        }
        let end = self.model.attempt(&mut party.expected);
        let is_over = end.is_some();
        prop_assert_eq!(real, end.map_or(Poll::Pending, Poll::Ready));
        if is_over {
            self.parties.remove(which);
        }
        Ok(())
    }

    /// What can be read, and who must have been woken.
    fn look(&mut self) -> TestCaseResult {
        let (queue, model) = (self.queue, &self.model);
        let len = model.items.len();
        prop_assert_eq!(queue.len(), len);
        prop_assert_eq!(queue.is_empty(), len == 0);
        prop_assert_eq!(queue.is_full(), Some(len) == model.capacity);
        prop_assert_eq!(queue.capacity(), model.capacity);
        prop_assert_eq!(queue.unfinished(), model.unfinished);
        prop_assert_eq!(queue.is_shut_down(), model.shut_down);
        let (mut getters, mut putters) = ((0, 0), (0, 0));
        for party in &mut self.parties {
            if party.polled.is_none() {
                continue;
            }
            let woken = party.is_woken();
            match &mut party.expected {
                Expected::Join(over) => {
                    *over |= model.unfinished == 0;
                    prop_assert_eq!(*over, woken, "who joins is asleep, or awake in vain");
                }
                Expected::Put(..) => {
                    prop_assert!(woken || !model.shut_down, "a putter sleeps on");
                    putters = (putters.0 + 1, putters.1 + usize::from(woken));
                }
                Expected::Get(..) => {
                    prop_assert!(woken || !model.shut_down, "a getter sleeps on");
                    getters = (getters.0 + 1, getters.1 + usize::from(woken));
                }
            }
        }
        prop_assert!(
            getters.1 >= len.min(getters.0),
            "{getters:?} for {len} items"
        );
        let room = model.room();
        prop_assert!(
            putters.1 >= room.min(putters.0),
            "{putters:?} for room of {room}"
        );
        Ok(())
    }

    /// All who have been woken are polled until nobody is. Whoever sleeps then has to.
    fn settle(&mut self) -> TestCaseResult {
        while let Some(which) = self.parties.iter().position(Party::is_woken) {
            self.poll(which, false)?;
            self.look()?;
        }
        Ok(())
    }
}

fn play<D: Discipline<Item = Item>>(
    queue: QueueOf<D>,
    kind: Kind,
    steps: &[Step],
) -> TestCaseResult {
    let gone = Rc::new(RefCell::new(BTreeSet::new()));
    let (mut model, next) = {
        let mut play = Play {
            model: Model {
                kind,
                capacity: queue.capacity(),
                items: Vec::new(),
                unfinished: 0,
                shut_down: false,
            },
            queue: &queue,
            parties: Vec::new(),
            start: Instant::now(),
            next: 0,
            gone: gone.clone(),
        };
        for step in steps {
            play.step(step)?;
        }
        play.settle()?;
        play.step(&Step::Shutdown)?;
        play.settle()?;
        let asleep = play.parties.iter().find(|party| party.polled.is_some());
        prop_assert!(asleep.is_none_or(|party| matches!(party.expected, Expected::Join(false))));
        (play.model, play.next)
    };
    // What is left comes out in order.
    let left: Vec<_> = queue.into_iter().map(|item| known(&item)).collect();
    let expected: Vec<_> = std::iter::from_fn(|| model.take()).collect();
    prop_assert_eq!(left, expected);
    prop_assert!(
        gone.borrow().iter().copied().eq(1..=next),
        "an item is lost"
    );
    Ok(())
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

macro_rules! models {
    ($($name:ident: $queue:ident, $kind:ident;)*) => {$(
        #[test]
        fn $name() {
            watched(|| {
                proptest!(config(), |(capacity in prop::option::weighted(0.8, 1..5usize), steps in steps())| {
                    let queue = capacity.map_or_else($queue::unbounded, $queue::bounded);
                    play(queue, Kind::$kind, &steps)?;
                });
            });
        }
    )*};
}

models! {
    first_come_first_served: Queue, Fifo;
    last_come_first_served: LifoQueue, Lifo;
    by_priority: PriorityQueue, Priority;
}
