//! The list of those who wait for one object, and how they are woken.
//!
//! The list itself is an [`event_listener::Event`]. It wakes while it holds its own mutex,
//! and does not tell whom it has woken; here both is put right. The waker it is given
//! is never the user's but a [`Node`], which, when woken, only notes itself down in a
//! thread-local. When the call of the list has returned, and its mutex is free again, the
//! nodes noted are known by name, and *then* their users' wakers are called. So a
//! waker may do on the same object whatever it likes, and a release can tell a task from a
//! thread.
//!
//! # A node's states
//!
//! | `notice` | `waker` | meaning | who moves it on |
//! |---|---|---|---|
//! | 0 | `Some` | in the list, or noted and about to be told | the notifier, to the next line; the waiter, to itself with another waker |
//! | 0 | `None` | in the list, and the waiter, which runs, is about to take another place | the waiter, by leaving the list |
//! | a [`Notice`] | `None` | told: it has been taken off the list in its turn | the waiter, by leaving the list |
//!
//! Both change under the waker's mutex only, so either the notifier finds the waker that the last
//! poll left, or that poll finds the notice: a task that moves to another executor
//! while it is being woken is woken there, or does not go to sleep. Only moves happen
//! under that mutex; wakers are cloned before it is taken, and called and dropped after.
//! A poll that is not the first reads `notice` without it, Relaxed: whoever finds a notice leaves
//! the list next, and that orders what preceded the notification before what follows.
//!
//! # Threads first, whoever is ahead (P1)
//!
//! A task that was woken may never be polled. A thread blocked behind it must not
//! depend on that, so [`WaitList::next`] goes on down the list until it has reached a
//! thread, as long as `threads` says that there is one. Each thread's wait costs each task
//! ahead of it one vain wake-up at most, after which that task stands behind it. Where only tasks
//! wait, or only threads that call `block`, exactly one is woken and the price is one load.
//!
//! A thread that runs [`block_on`](crate::block_on) is blocked as well, but the future it
//! drives need not poll the wait that was woken. Such a waiter ([`Kind::Driven`]) is reached
//! like a thread, and does not end the walk. So where many wait in `block_on`, each release wakes all
//! of them up to the first that waits in `block`.
//!
//! A listener that is notified before its waker is registered is noted by nobody. It
//! belongs to somebody between *join* and *register*, that is, to somebody who
//! is running and makes another attempt before it sleeps: the walk ends there.
//!
//! | `threads` | who | when |
//! |---|---|---|
//! | +1 | a thread (or one in `block_on`) | before it joins the list |
//! | -1 | the notifier | when it finds that node noted |
//! | -1 | the waiter | when it leaves the list and no notifier has noted its node |
//!
//! So `threads` is never less than the number of threads in the list that nobody has notified
//! yet, which is what the walk needs; if it is too high for a moment, one walk is longer.

use super::notes::Notes;
use super::park::Kind;
use crate::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use crate::sync::{Mutex, const_fn, local, lock};
use event_listener::{EventListener, IntoNotification};
use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::task::{Wake, Waker};

/// Those who wait for one object, and beside them its state word: together they
/// are sixteen bytes.
#[derive(Debug)]
pub struct WaitList {
    /// Belongs to the primitive; nothing in this module reads it.
    pub(crate) word: AtomicU32,
    /// How many threads may be in the list without having been notified.
    threads: AtomicU32,
    event: event_listener::Event,
}

impl WaitList {
    const_fn! {
        pub(crate) const fn new(word: u32) -> Self {
            WaitList {
                word: AtomicU32::new(word),
                threads: AtomicU32::new(0),
                event: event_listener::Event::new(),
            }
        }
    }

    /// Takes off the list whoever is next, and whoever comes after, until a thread has been
    /// reached.
    ///
    /// The caller has just changed the state word by a read-modify-write that cleared the
    /// mark of those who wait. Whoever joined the list *before* that is found here: either
    /// it set the mark itself (and the caller's Acquire saw it), or it saw one already set, and
    /// then it had joined before this call takes the list's mutex, or it would have seen
    /// it cleared.
    ///
    /// Returns as well whether there was anybody at all.
    #[cold]
    pub(crate) fn next(&self) -> (Noted, bool) {
        let mut chain = Noted::EMPTY;
        let mut anybody = false;
        loop {
            let (count, noted) = self.notify(1);
            anybody |= count > 0;
            // Nobody there, or somebody who runs: see the module's documentation.
            let Some(node) = noted.first else {
                return (chain, anybody);
            };
            let reached = node.kind == Kind::Thread || self.threads.load(Ordering::Relaxed) == 0;
            chain.push(node);
            if reached {
                return (chain, anybody);
            }
        }
    }

    /// Wakes up to `n` of those who are in the list now, first come first served, and
    /// returns how many there were.
    #[cold]
    pub(crate) fn wake(&self, n: usize) -> usize {
        let (count, noted) = self.notify(n);
        noted.tell(Order::Free);
        count
    }

    fn notify(&self, n: usize) -> (usize, Noted) {
        // With the list's own fence: today its mutex orders all that is needed, but it only promises
        // to lose nobody who listened before they looked if the fence is there.
        let count = self.event.notify(n.additional());
        let noted = NOTED.with(|noted| std::mem::replace(&mut **noted.borrow_mut(), Noted::EMPTY));
        let threads = noted.iter().filter(|node| node.kind != Kind::Task).count();
        if threads > 0 {
            self.threads.fetch_sub(threads as u32, Ordering::Relaxed);
        }
        (count, noted)
    }

    pub(super) fn join(&self, kind: Kind) -> EventListener {
        if kind != Kind::Task {
            // Relaxed: the list's mutex, which `listen` takes next, orders it before
            // whatever a notifier that finds the listener does.
            self.threads.fetch_add(1, Ordering::Relaxed);
        }
        self.event.listen()
    }

    /// The end of a `join` by a waiter of this kind whose node nobody has noted.
    pub(super) fn forget(&self, kind: Kind) {
        if kind != Kind::Task {
            self.threads.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Who of those that are woken together may take the object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Whoever is quickest.
    Free,
    /// The first; the others stand back for as long as the reservation lasts.
    Reserved,
}

/// What a waiter is told when it has been taken off the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Notice {
    /// Try again.
    Turn = 1,
    /// Try again, but leave it to another while the object is reserved.
    StandBack,
}

/// What the list knows of a waiter, and how it is woken.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// The waiter's own notes.
    pub(super) notes: Notes,
    notice: AtomicU8,
    waker: Mutex<Option<Waker>>,
}

impl Node {
    pub(super) fn new(kind: Kind, waker: Waker, notes: Notes) -> Self {
        Node {
            kind,
            notes,
            notice: AtomicU8::new(0),
            waker: Mutex::new(Some(waker)),
        }
    }

    /// What the waiter has been told, if anything; if nothing, `waker` is the one to call
    /// from now on.
    pub(super) fn hear(&self, waker: &Waker) -> Option<Notice> {
        if let Some(notice) = self.notice() {
            return Some(notice);
        }
        if lock(&self.waker)
            .as_ref()
            .is_some_and(|old| old.will_wake(waker))
        {
            return None;
        }
        // Cloned here since a user's `clone` may do anything, also on this very object.
        let new = waker.clone();
        let mut slot = lock(&self.waker);
        let notice = self.notice();
        let unused = match notice {
            None => slot.replace(new),
            Some(_) => Some(new),
        };
        drop(slot);
        drop(unused);
        notice
    }

    fn notice(&self) -> Option<Notice> {
        [Notice::Turn, Notice::StandBack]
            .into_iter()
            .find(|notice| *notice as u8 == self.notice.load(Ordering::Relaxed))
    }

    /// Takes the waker out, for the waiter is about to have another node.
    pub(super) fn mute(&self) -> Option<Waker> {
        lock(&self.waker).take()
    }

    fn tell(&self, notice: Notice) -> Option<Waker> {
        let mut slot = lock(&self.waker);
        self.notice.store(notice as u8, Ordering::Relaxed);
        slot.take()
    }
}

impl Wake for Node {
    /// Called by the list only, under its mutex.
    fn wake(self: Arc<Self>) {
        NOTED.with(|noted| noted.borrow_mut().push(self));
    }
}

local! {
    /// The nodes woken by the call of the list that this thread is in. Taken out right after it,
    /// so nothing is ever left to be dropped: without a destructor the thread-local
    /// still serves when other thread-locals' destructors release locks.
    static NOTED: RefCell<ManuallyDrop<Noted>> =
        RefCell::new(ManuallyDrop::new(Noted::EMPTY));
}

/// Nodes in the order of the list. The first has a place of its own, since mostly there is
/// but one, and that should not cost an allocation.
#[must_use = "those taken off the list must be told"]
pub(crate) struct Noted {
    first: Option<Arc<Node>>,
    rest: Vec<Arc<Node>>,
}

impl Noted {
    const EMPTY: Noted = Noted {
        first: None,
        rest: Vec::new(),
    };

    fn push(&mut self, node: Arc<Node>) {
        match self.first {
            None => self.first = Some(node),
            Some(_) => self.rest.push(node),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.first.iter().chain(&self.rest)
    }

    /// Whether the one that made the reservation is among them.
    pub(crate) fn has_favoured(&self) -> bool {
        self.iter().any(|node| node.notes.is_favoured())
    }

    /// Tells every node its notice and calls its waker: threads first, since unparking is
    /// the crate's own code while a task's waker may take its time; all of them, even if one
    /// panics. That panic goes on to the caller when everybody has been woken, unless it is
    /// unwinding already.
    pub(crate) fn tell(self, order: Order) {
        let favoured = self.iter().position(|node| node.notes.is_favoured());
        let chosen = favoured.unwrap_or(0);
        let notice = |index| match order {
            Order::Reserved if index != chosen => Notice::StandBack,
            _ => Notice::Turn,
        };
        if !self.rest.is_empty() {
            for (index, node) in self
                .iter()
                .enumerate()
                .filter(|(_, node)| node.kind != Kind::Task)
            {
                node.tell(notice(index)).into_iter().for_each(Waker::wake);
            }
        }
        let mut panic = None;
        for (index, node) in self.first.into_iter().chain(self.rest).enumerate() {
            let waker = node.tell(notice(index));
            // Given back before the waiter wakes, which then is the only owner and can use
            // the node again.
            drop(node);
            let Some(waker) = waker else { continue };
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
                panic.get_or_insert(payload);
            }
        }
        match panic {
            Some(payload) if !std::thread::panicking() => resume_unwind(payload),
            _ => {}
        }
    }
}
