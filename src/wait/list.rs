//! The list of those who wait for one object, and how they are woken.
//!
//! One lock guards the places (`places.rs` has their states). Only moves happen
//! under it: wakers are cloned before it is taken, and called and dropped when it is free again. So a
//! waker may do on the same object whatever it likes (P5). Whoever takes waiters off the list
//! gets their wakers as [`Woken`], which can only be woken.
//!
//! # Threads first, whoever is ahead (P1)
//!
//! A task that was woken may never be polled. A thread blocked behind it must not
//! depend on that, so [`WaitList::next`] goes on down the list until it has reached a
//! thread, as long as there is one. Each thread's wait costs each task
//! ahead of it one vain wake-up at most, after which that task stands behind it. Where only tasks
//! wait, or only threads that call `block`, exactly one is woken, and the price is to compare a number with zero.
//!
//! A thread that runs [`block_on`](crate::block_on) is blocked as well, but the future it
//! drives need not poll the wait that was woken. Such a waiter ([`Kind::Driven`]) is reached
//! like a thread, and does not end the walk. So where many wait in `block_on`, each release wakes all
//! of them up to the first that waits in `block`.
//!
//! # Everybody at once
//!
//! Whoever wakes everybody takes all places away together and counts the *epoch* on. That is one
//! exchange under the lock, however many they are, and the waiters find out without the lock:
//!
//! | place's epoch | meaning | who moves it on |
//! |---|---|---|
//! | the list's | the place is as `places.rs` says | `wake`, to the next line |
//! | an earlier one | notified; there is nothing to give up any more | nobody |
//!
//! The epoch is written under the lock, and read again under it by everybody who is about to use a place. Reading
//! it without is a shortcut for those who find it changed already; Acquire there and Release in `wake` let them
//! see what the waking party did before. It counts as far as a word does.
//!
//! # Why a state word's mark is enough
//!
//! A waiter joins (under the lock) and *then* sets the mark in the state word or finds it set; a notifier
//! takes the mark away by a read-modify-write and *then* looks into the list. If the waiter set the mark itself, the
//! notifier's Acquire saw it, and so what preceded it. If it only found the mark, it read a value that is older than the
//! notifier's: had the notifier held the lock before the waiter joined, the waiter would have seen the
//! newer one. So it joined first, and is found.

use super::park::Kind;
use super::places::{Index, Notice, Places};
use super::reservation::RESERVED;
use crate::first_panic::FirstPanic;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{OnceBox, SpinLock, SpinLockGuard, const_fn};
use std::task::Waker;

/// Those who wait for one object, and beside them its state word: together they
/// are two words.
#[derive(Debug)]
pub struct WaitList {
    /// Belongs to the primitive, but for the two marks in `reservation.rs`; of the rest this module only takes
    /// away the mark that [`serve`](WaitList::serve) is given.
    pub(crate) word: AtomicUsize,
    /// Made when somebody waits for the first time.
    pub(super) inner: OnceBox<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    /// How often everybody has been notified. Written with the lock held.
    epoch: AtomicUsize,
    /// How often those who had reserved the object have come when they were called. Relaxed, since it is only compared
    /// with an earlier value of its own; and for loom it is no state.
    pub(super) answers: std::sync::atomic::AtomicU32,
    places: SpinLock<Places>,
}

impl Inner {
    fn new() -> Box<Self> {
        Box::new(Inner {
            epoch: AtomicUsize::new(0),
            answers: Default::default(),
            places: SpinLock::new(Places::new()),
        })
    }

    /// Whether all who waited at the time of this place have been notified.
    fn is_past(&self, place: Key) -> bool {
        // Acquire: pairs with the Release in `wake_all`.
        self.epoch.load(Ordering::Acquire) != place.epoch
    }

    /// Notifies all who wait, and returns how many they were.
    fn wake_all(&self, mut places: SpinLockGuard<'_, Places>) -> usize {
        if places.waiting() == 0 {
            return 0;
        }
        let mut crowd = places.take_all();
        let epoch = self.epoch.load(Ordering::Relaxed);
        // Release: what the caller did is seen by those who find their place gone, by the Acquire in `is_past`.
        self.epoch.store(epoch.wrapping_add(1), Ordering::Release);
        drop(places);
        let mut panic = FirstPanic::NONE;
        if crowd.has_threads {
            call_all(crowd.threads(), &mut panic);
        }
        call_all(crowd.rest(), &mut panic);
        let count = crowd.count;
        self.places.lock().keep(crowd);
        panic.resume();
        count
    }

    /// Takes the last of the places, whose lock is held: else the epoch could be that after the place's end.
    #[inline(always)]
    fn push(&self, places: &mut Places, kind: Kind, need: usize, waker: Waker) -> Key {
        Key {
            epoch: self.epoch.load(Ordering::Relaxed),
            index: places.push(kind, need, waker),
        }
    }
}

/// Which place, and since when: its waiter alone may give it up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    pub(super) epoch: usize,
    pub(super) index: Index,
}

/// Where one waits: what a waiter needs of it.
pub trait Line {
    /// Takes the last place.
    fn join(&self, kind: Kind, need: usize, waker: Waker) -> Key;

    /// What the waiter at this place has been told. From now on it is of this `kind`, and woken by this
    /// `waker`.
    ///
    /// If the waiter has been notified and could make no use of that, it may wish to `requeue`, with what it
    /// needs.
    fn hear(&self, place: Key, kind: Kind, waker: Waker, requeue: Option<usize>) -> Heard;

    /// Gives a place up.
    fn leave(&self, place: Key) -> Left;

    /// Notes whether the waiter at this place has reserved the object.
    fn favour(&self, _place: Key, _favoured: bool) {}

    /// How often a waiter that had reserved the object has come and was refused: something to compare.
    fn answers(&self) -> u32 {
        0
    }
}

/// Who of those that are woken together may take the object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Whoever is quickest.
    Free,
    /// The one that it is reserved for, or else the first; the others stand back for as long as the reservation lasts.
    Reserved,
}

/// How a place was when it was given up.
#[derive(Debug)]
pub enum Left {
    /// Nobody had notified it. The waker is the user's, so dropping it may do anything.
    Unnotified(Option<Waker>),
    /// There was a notification that nobody has made use of.
    Notified,
    /// The same, and all who waited at that time had one.
    NotifiedWithAll,
}

/// What a waiter hears when it asks; with it comes a waker that is not needed. To drop that may do anything.
#[derive(Debug)]
pub enum Heard {
    /// It has not been notified, and will be woken.
    Nothing(Option<Waker>),
    /// The same, and it has changed sides: now there is a thread to wake. It should attempt once more.
    Moved(Option<Waker>),
    /// It has been notified, and has given its place up.
    Told(Notice, Waker),
    /// It had been notified, and waits again: at the end, or in front if it has reserved the object.
    Requeued(Key, Notice),
}

impl WaitList {
    const_fn! {
        pub(crate) const fn new(word: usize) -> Self {
            WaitList { word: AtomicUsize::new(word), inner: OnceBox::new() }
        }
    }

    fn inner(&self) -> &Inner {
        self.inner.get_or_init(Inner::new)
    }

    /// Takes off the list whoever is next, and whoever comes after, until a thread has been
    /// reached. For an object that one at a time can have, and that is free.
    ///
    /// The caller has just changed the state word by a read-modify-write that cleared the
    /// mark of those who wait.
    #[cold]
    pub(crate) fn next(&self, order: Order) -> Woken {
        let Some(inner) = self.inner.get() else {
            return Woken::NOBODY;
        };
        let mut places = inner.places.lock();
        if order == Order::Reserved || places.has_threads() {
            return walk(&mut places, 1, (1, 1), order, true);
        }
        // What `walk` would do, in short.
        let Some(first) = places.first() else {
            return Woken::NOBODY;
        };
        let kind = places.get(first).kind;
        let mut woken = Woken::NOBODY;
        woken.push(kind, places.notify(first, Notice::Turn, true));
        woken
    }

    /// Wakes those who can have something of what is `there`, which others have been notified of before,
    /// perhaps, and of which this much has just been `added`. A `further` waiter may be
    /// woken for that in any case, even if those on their way could have it.
    ///
    /// The `mark` of those who wait is taken away from the state word if nobody does: under the
    /// list's lock, so whoever joins sets it after that.
    #[cold]
    pub(crate) fn serve(&self, there: usize, added: usize, further: bool, mark: usize) {
        let Some(inner) = self.inner.get() else {
            return;
        };
        let order = match self.word.load(Ordering::Relaxed) & RESERVED {
            0 => Order::Free,
            _ => Order::Reserved,
        };
        let mut places = inner.places.lock();
        let (of_threads, of_tasks) = places.expected();
        let for_threads = there.saturating_sub(of_threads);
        // Those who have come, or asked in vain, since the tasks on their way were notified are not to depend on these.
        let forgets = added > 0 && places.take_changed();
        if forgets {
            places.forget_tasks();
        }
        let due = if further || forgets { added } else { 0 };
        let budget = for_threads.saturating_sub(of_tasks).max(due);
        let woken = match there {
            // Somebody was quicker, and it's not that the others need too much.
            0 => Woken::NOBODY,
            _ => walk(&mut places, there, (budget, for_threads), order, added > 0),
        };
        if places.waiting() == 0 {
            // Relaxed: the lock orders it.
            self.word.fetch_and(!mark, Ordering::Relaxed);
        }
        drop(places);
        if woken.has_favoured() {
            self.note_call();
        }
        woken.wake();
    }

    /// Wakes the one that the object is reserved for, if it waits, whatever there is.
    #[cold]
    pub(crate) fn call_favoured(&self) {
        let Some(inner) = self.inner.get() else {
            return;
        };
        let mut places = inner.places.lock();
        let mut woken = Woken::NOBODY;
        let mut next = places.first();
        while let Some(index) = next {
            let place = places.get(index);
            let (kind, favoured) = (place.kind, place.favoured);
            next = place.behind;
            if favoured {
                woken.push(kind, places.notify(index, Notice::Asked, false));
            }
        }
        drop(places);
        woken.wake();
    }

    /// Wakes up to `n` of those who are in the list now, first come first served, and
    /// returns how many there were.
    #[cold]
    pub(crate) fn wake(&self, n: usize) -> usize {
        let Some(inner) = self.inner.get() else {
            return 0;
        };
        let mut places = inner.places.lock();
        if places.waiting() <= n {
            return inner.wake_all(places);
        }
        let mut woken = Woken::NOBODY;
        for _ in 0..n {
            let Some(index) = places.first() else { break };
            let kind = places.get(index).kind;
            woken.push(kind, places.notify(index, Notice::Turn, true));
        }
        drop(places);
        woken.wake();
        n
    }
}

impl Line for WaitList {
    fn join(&self, kind: Kind, need: usize, waker: Waker) -> Key {
        let inner = self.inner();
        inner.push(&mut inner.places.lock(), kind, need, waker)
    }

    fn hear(&self, place: Key, kind: Kind, waker: Waker, requeue: Option<usize>) -> Heard {
        let inner = self.inner();
        let index = place.index;
        if inner.is_past(place) && requeue.is_none() {
            return Heard::Told(Notice::Turn, waker);
        }
        let mut places = inner.places.lock();
        if inner.is_past(place) {
            let Some(need) = requeue else {
                return Heard::Told(Notice::Turn, waker);
            };
            let place = inner.push(&mut places, kind, need, waker);
            return Heard::Requeued(place, Notice::Turn);
        }
        places.note_change();
        let its = places.get(index);
        // A release may have stopped at a task ahead of it, after the attempt that was refused.
        let changes_sides = its.kind == Kind::Task && kind != Kind::Task;
        match (its.notice, &its.waker, requeue) {
            (Some(notice), _, Some(need)) => {
                places.push_again(index, kind, need, waker);
                Heard::Requeued(place, notice)
            }
            (Some(notice), ..) => {
                places.remove(index);
                Heard::Told(notice, waker)
            }
            (None, Some(old), _) if old.will_wake(&waker) && !changes_sides => {
                places.change_kind(index, kind);
                Heard::Nothing(Some(waker))
            }
            (None, ..) if changes_sides || kind == Kind::Thread => {
                // The old waker is to be dropped yet, and if that blocks the thread does not attempt.
                places.change_kind(index, Kind::Driven);
                Heard::Moved(places.get(index).waker.replace(waker))
            }
            (None, ..) => {
                places.change_kind(index, kind);
                Heard::Nothing(places.get(index).waker.replace(waker))
            }
        }
    }

    fn favour(&self, place: Key, favoured: bool) {
        let inner = self.inner();
        let mut places = inner.places.lock();
        if !inner.is_past(place) {
            places.favour(place.index, favoured);
        }
    }

    fn leave(&self, place: Key) -> Left {
        let inner = self.inner();
        if inner.is_past(place) {
            return Left::NotifiedWithAll;
        }
        let mut places = inner.places.lock();
        if inner.is_past(place) {
            return Left::NotifiedWithAll;
        }
        match places.remove(place.index) {
            (None, waker) => Left::Unnotified(waker),
            (Some(_), _) => Left::Notified,
        }
    }

    fn answers(&self) -> u32 {
        let inner = self.inner.get();
        inner.map_or(0, |inner| inner.answers.load(Ordering::Relaxed))
    }
}

/// Notifies those who can have something of what is `there`, in the order of the list, until the budget is
/// spent: the first number by everybody, the second by threads. Those who need more than there is are passed over. That counts for them only
/// if there `is_news`: one that was woken for it in vain has the rest served in turn, and they would wake each other for ever.
///
/// While the object is reserved all that changes is who may take it: the one that has reserved
/// it, or those ahead of that one. The others are to stand back.
fn walk(
    places: &mut Places,
    there: usize,
    (mut budget, mut for_threads): (usize, usize),
    order: Order,
    is_news: bool,
) -> Woken {
    let mut woken = Woken::NOBODY;
    // While the object is reserved, those who may take it.
    let mut chosen = Vec::new();
    let mut past_favoured = places.expects_favoured();
    let mut next = places.first();
    while let Some(index) = next {
        let place = places.get(index);
        let (kind, need, favoured) = (place.kind, place.need, place.favoured);
        next = place.behind;
        past_favoured |= favoured;
        if need > there {
            if is_news && place.pass_over() {
                woken.push(kind, places.notify(index, Notice::Turn, false));
            }
            continue;
        }
        if budget == 0 && (for_threads == 0 || !places.has_threads()) {
            break;
        }
        let may_take = match order {
            Order::Free => true,
            Order::Reserved if favoured => {
                chosen.drain(..).for_each(|ahead| places.hold_back(ahead));
                true
            }
            Order::Reserved => budget > 0 && !past_favoured,
        };
        if may_take && order == Order::Reserved {
            chosen.push(index);
        }
        let notice = if may_take {
            Notice::Turn
        } else {
            Notice::StandBack
        };
        woken.push(kind, places.notify(index, notice, may_take));
        woken.favoured |= favoured;
        budget = budget.saturating_sub(need);
        if kind == Kind::Thread {
            for_threads = for_threads.saturating_sub(need);
        }
    }
    woken
}

/// Those who have been taken off the list, and are to be woken now that its lock is free.
#[must_use = "those taken off the list must be woken"]
pub(crate) struct Woken {
    /// Mostly there is but one, and that should not cost an allocation.
    first: Option<(Kind, Waker)>,
    rest: Vec<(Kind, Waker)>,
    favoured: bool,
}

impl Woken {
    const NOBODY: Woken = Woken {
        first: None,
        rest: Vec::new(),
        favoured: false,
    };

    pub(super) fn one(kind: Kind, waker: Waker) -> Self {
        let first = Some((kind, waker));
        Woken {
            first,
            ..Woken::NOBODY
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Whether the one that made the reservation is among them.
    pub(crate) fn has_favoured(&self) -> bool {
        self.favoured
    }

    #[inline]
    fn push(&mut self, kind: Kind, waker: Option<Waker>) {
        let Some(waker) = waker else { return };
        if self.first.is_none() {
            self.first = Some((kind, waker));
        } else {
            self.rest.push((kind, waker));
        }
    }

    /// Calls the wakers: threads first, since unparking is
    /// the crate's own code while a task's waker may take its time.
    #[inline]
    pub(crate) fn wake(self) {
        let Woken { first, rest, .. } = self;
        let Some(first) = first else { return };
        let mut panic = FirstPanic::NONE;
        if rest.is_empty() {
            panic.catch(|| first.1.wake());
        } else {
            let is_task = |of: &(Kind, Waker)| of.0 == Kind::Task;
            let all = std::iter::once(first).chain(rest);
            let (tasks, threads): (Vec<_>, Vec<_>) = all.partition(is_task);
            let wakers = threads.into_iter().chain(tasks).map(|(_, waker)| waker);
            call_all(wakers, &mut panic);
        }
        panic.resume();
    }
}

/// Calls these wakers, whichever of them panics.
fn call_all(mut wakers: impl Iterator<Item = Waker>, panic: &mut FirstPanic) {
    while !panic.catch(|| wakers.by_ref().for_each(Waker::wake)) {}
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::task::Wake;

    const MARK: usize = 4;

    struct Nothing;

    impl Wake for Nothing {
        fn wake(self: Arc<Self>) {}
    }

    /// A place in a list, whose waiter counts as woken if the list has let its waker go.
    struct Waits {
        place: Key,
        waker: Arc<Nothing>,
    }

    impl Waits {
        fn new(list: &WaitList, kind: Kind) -> Self {
            Waits::for_several(list, kind, 1)
        }

        fn for_several(list: &WaitList, kind: Kind, need: usize) -> Self {
            let waker = Arc::new(Nothing);
            let place = list.join(kind, need, waker.clone().into());
            Waits { place, waker }
        }

        fn is_woken(&self) -> bool {
            Arc::strong_count(&self.waker) == 1
        }
    }

    /// There is one, and a thread has been told: it is sure to come, so nobody else is woken for that one, whoever asks
    /// meanwhile, and even if those who were told of another one are not counted on any more.
    #[test]
    fn threads_are_counted_on() {
        for kind in [Kind::Thread, Kind::Driven, Kind::Task] {
            let list = WaitList::new(MARK);
            let thread = Waits::new(&list, Kind::Thread);
            list.serve(1, 1, false, MARK);
            assert!(thread.is_woken());
            let others = [(); 3].map(|()| Waits::new(&list, kind));
            list.serve(1, 0, false, MARK);
            assert!(!others[0].is_woken());
            list.serve(2, 1, false, MARK);
            assert!(others[0].is_woken());
            // One that only looks at what there is is reached like a thread, and there is one that no thread is sure to take.
            let looks = kind == Kind::Driven;
            list.serve(2, 0, false, MARK);
            assert_eq!(others.each_ref().map(Waits::is_woken), [true, looks, looks]);
            list.leave(thread.place);
        }
    }

    /// Two have been told that were polled in `block_on`, and may not be polled any more: a thread does not count on these.
    #[test]
    fn a_thread_among_others_in_block_on() {
        let list = WaitList::new(MARK);
        let [two, thread, one] = [(Kind::Driven, 2), (Kind::Thread, 3), (Kind::Driven, 1)]
            .map(|(kind, need)| Waits::for_several(&list, kind, need));
        list.serve(2, 2, false, MARK);
        assert!(two.is_woken() && one.is_woken() && !thread.is_woken());
        list.serve(3, 1, false, MARK);
        assert!(thread.is_woken());
    }

    /// A task that was told, and is not counted on any more, gives up, and so does one that is counted on: what there is is for the next one.
    #[test]
    fn one_that_was_forgotten_gives_up() {
        let list = WaitList::new(MARK);
        let forgotten = Waits::new(&list, Kind::Task);
        list.serve(1, 1, false, MARK);
        let [told, next] = [(); 2].map(|()| Waits::new(&list, Kind::Task));
        list.serve(1, 1, false, MARK);
        assert!(told.is_woken() && !next.is_woken());
        list.leave(forgotten.place);
        list.leave(told.place);
        list.serve(1, 0, false, MARK);
        assert!(next.is_woken());
    }

    /// Some had been told, and then all are: nobody is counted on.
    #[test]
    fn all_are_woken() {
        for kind in [Kind::Thread, Kind::Task] {
            let list = WaitList::new(MARK);
            let told = Waits::new(&list, kind);
            list.serve(1, 1, false, MARK);
            let other = Waits::new(&list, kind);
            assert_eq!(list.wake(usize::MAX), 1);
            assert!(told.is_woken() && other.is_woken());
            let next = Waits::new(&list, kind);
            list.serve(1, 0, false, MARK);
            assert!(next.is_woken());
        }
    }
}
