//! How many items have not been dealt with, and those who wait until there are none.

use super::QueueOf;
use super::discipline::Discipline;
use super::tally::Tally;
use crate::sync::atomic::{AtomicUsize, Ordering, fence};
use crate::sync::before_fence;
use crate::wait::{Attempt, Line, Operation, Outcome, Turn, WaitList, or_timed_out};
use std::fmt;

const WAITING: usize = 1;
const ONE: usize = 2;

/// How many items have been put, and how many of them have been dealt with.
///
/// | what | who | when |
/// |---|---|---|
/// | `puts`, one more | a put | before the item is in the queue, so that nobody can be done with it before |
/// | the same, one fewer | the same put | it has failed |
/// | `done`, above the mark | `task_done`, a shutdown that drops items | after that |
/// | `WAITING` set | whoever waits, in the list already | something is unfinished |
/// | `WAITING` cleared | whoever finds that nothing is unfinished any more, and wakes all | |
/// | `reached` | the same, before | so many were done when nothing was unfinished |
///
/// # Why the sum can be trusted
///
/// Whoever compares reads `done` first and the puts after that. An item that is done has been put before, and who is done with
/// it has seen that, so the sum is never too small. If it's the same number, then nothing was
/// unfinished at the moment when `done` was read.
///
/// Who brings `done` to that number sees `WAITING` in the same word, or else the one who sets it sees `done`. A put that fails
/// may have made the sum too great for a moment, and then looks itself; there the two write different words, and a fence on both sides
/// sees to it that one of the two sees the other. It also takes back what somebody has reported as done that was nothing but
/// this put.
///
/// A waiter is released if nothing is unfinished, or was at a moment since it began to wait: then `reached` is more than what
/// was done when it began.
///
/// The numbers are compared modulo what fits above the mark.
#[derive(Debug)]
pub(super) struct Unfinished {
    puts: Tally,
    /// Its word has `done`.
    list: WaitList,
    reached: AtomicUsize,
}

/// The greatest number of items that are told apart.
const MAX: usize = usize::MAX / ONE;

/// By how much the first is ahead of the second; zero if it's behind.
fn ahead(first: usize, second: usize) -> usize {
    let distance = first.wrapping_sub(second) & MAX;
    if distance > MAX / 2 { 0 } else { distance }
}

impl Unfinished {
    pub(super) fn new() -> Self {
        Unfinished {
            puts: Tally::new(),
            list: WaitList::new(0),
            reached: AtomicUsize::new(0),
        }
    }

    pub(super) fn count(&self) -> usize {
        let (mut done, mut put) = self.state();
        // What is done while the parts are added up would be counted as put and not as done. If it doesn't stop, the
        // number is a guess in any case.
        for _ in 0..8 {
            let again = self.state();
            if again.0 == done {
                break;
            }
            (done, put) = again;
        }
        ahead(put, done)
    }

    /// How many are done, and how many have been put.
    fn state(&self) -> (usize, usize) {
        // Acquire: pairs with the Release of those who were done.
        let done = self.list.word.load(Ordering::Acquire) / ONE;
        (done, self.puts.sum())
    }

    #[inline]
    pub(super) fn add(&self) {
        self.puts.increment();
    }

    /// Takes back what the same thread has just added.
    #[cold]
    pub(super) fn take_back(&self) {
        self.puts.decrement();
        // Pairs with the fences in `done_with` and in `Join::attempt`. It is an Acquire, too: what preceded the shutdown for which a put was
        // refused is seen.
        fence(Ordering::SeqCst);
        let word = &self.list.word;
        loop {
            // Acquire: the sum is not to be older than what is done.
            let old = word.load(Ordering::Acquire);
            let excess = ahead(old / ONE, self.puts.sum());
            if excess == 0 {
                break;
            }
            let new = old.wrapping_sub(excess * ONE);
            // Relaxed: it publishes nothing, and what those who were done have published goes on through it, as it's a read-modify-write.
            let taken = word.compare_exchange_weak(old, new, Ordering::Relaxed, Ordering::Relaxed);
            if taken.is_ok() {
                break;
            }
        }
        if word.load(Ordering::Relaxed) & WAITING != 0 {
            self.look();
        }
    }

    /// One more is done; `false` if all were.
    pub(super) fn done(&self) -> bool {
        self.done_with(1) == 1
    }

    /// So many more are done, or as many as were not: somebody may have said so before. Returns how many.
    pub(super) fn done_with(&self, most: usize) -> usize {
        let word = &self.list.word;
        // Acquire, here and where the exchange fails: the sum is not to be older than what is done.
        let mut old = word.load(Ordering::Acquire);
        loop {
            let count = most.min(ahead(self.puts.sum(), old / ONE));
            if count == 0 {
                return 0;
            }
            let new = old.wrapping_add(count * ONE);
            // Release: what was done is seen by those it releases. No Acquire is needed for them to find what others did, too, since all
            // writes of the word are read-modify-writes.
            match word.compare_exchange_weak(old, new, Ordering::Release, Ordering::Acquire) {
                Ok(_) => {
                    if new & WAITING != 0 {
                        // Pairs with the one in `take_back`; and with the Release of those who have set the mark, who are found in the list.
                        fence(Ordering::SeqCst);
                        self.look();
                    }
                    return count;
                }
                Err(now) => old = now,
            }
        }
    }

    /// Wakes those who wait if nothing is unfinished.
    #[cold]
    fn look(&self) {
        let (done, put) = self.state();
        if ahead(put, done) == 0 {
            // Release: pairs with the Acquire in `is_over_since`.
            let advance = |old| (ahead(done, old) > 0).then_some(done);
            let _ = self
                .reached
                .fetch_update(Ordering::Release, Ordering::Relaxed, advance);
            // Relaxed: it precedes the end of the list's lock, which `wake` takes. Whoever joins after that sets the mark later than this, and
            // whoever's mark this takes away has joined before.
            self.list.word.fetch_and(!WAITING, Ordering::Relaxed);
            self.list.wake(usize::MAX);
        }
    }

    /// Whether nothing is unfinished, or was at a moment since so many were done.
    fn is_over_since(&self, (done, put): (usize, usize), since: usize) -> bool {
        // Acquire: what preceded that moment is seen.
        ahead(put, done) == 0 || ahead(self.reached.load(Ordering::Acquire), since) > 0
    }
}

/// The operation of [`QueueOf::join`](super::QueueOf::join).
///
/// # Cancel safety
///
/// Dropping it loses nothing.
///
/// ```
/// use amphi::queue::{Fifo, Join};
/// use amphi::{Queue, Wait};
///
/// let queue = Queue::<u8>::unbounded();
/// let wait: Wait<Join<'_, Fifo<u8>>> = queue.join();
/// wait.block(); // nothing has been put
/// ```
pub struct Join<'a, D: Discipline> {
    queue: &'a QueueOf<D>,
    /// How many were done at the first attempt.
    since: Option<usize>,
}

impl<'a, D: Discipline> Join<'a, D> {
    pub(super) fn new(queue: &'a QueueOf<D>) -> Self {
        let since = None;
        Join { queue, since }
    }
}

impl<D: Discipline> Attempt for Join<'_, D> {
    fn list(&self) -> &dyn Line {
        &self.queue.unfinished.list
    }

    fn attempt(&mut self, turn: Turn) -> Outcome {
        self.queue.assert_not_inside();
        let unfinished = &self.queue.unfinished;
        if turn.is(Turn::QUEUED) {
            // Release: joining the list comes before. The fence comes too late for that: by then somebody may have taken the mark away, and
            // looked into the list.
            unfinished.list.word.fetch_or(WAITING, Ordering::Release);
            before_fence(&unfinished.list.word);
            // Pairs with the one in `take_back`.
            fence(Ordering::SeqCst);
        }
        let state = unfinished.state();
        let since = *self.since.get_or_insert(state.0);
        match unfinished.is_over_since(state, since) {
            true => Outcome::Done,
            false => Outcome::Refused,
        }
    }

    fn pass_on(&mut self) {
        // All have been released.
    }
}

impl<D: Discipline> Operation for Join<'_, D> {
    or_timed_out!(());

    fn take(&mut self) {}
}

impl<D: Discipline> fmt::Debug for Join<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join")
            .field("queue", self.queue)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    /// What was reported as done was nothing but puts that fail: it is forgotten with them, and what follows is counted from there.
    #[test]
    fn a_failing_put_that_was_reported_as_done() {
        let unfinished = Unfinished::new();
        unfinished.add();
        unfinished.add();
        assert!(unfinished.done());
        assert_eq!(unfinished.done_with(5), 1);
        for _ in 0..2 {
            unfinished.take_back();
            assert_eq!(unfinished.count(), 0);
            assert!(!unfinished.done(), "nothing is left that could be done");
        }
        unfinished.add();
        assert_eq!(unfinished.count(), 1);
        assert!(unfinished.done());
        assert_eq!(unfinished.count(), 0);
    }
}
