//! How many items have not been dealt with, and those who wait until there are none.

use super::side::ONE;
use super::tally::Tally;
use crate::error::TimedOut;
use crate::sync::atomic::{AtomicUsize, Ordering, fence};
use crate::wait::{Attempt, Line, Operation, Outcome, Turn, WaitList, Waiter};

const WAITING: usize = 4;

/// How many items have been put, and how many of them have been dealt with.
///
/// Every put counts, and a counter that all producers write would cost a third of what the queue itself does. So each thread
/// counts its own puts, and whoever wants to know adds them up.
///
/// | what | who | when |
/// |---|---|---|
/// | `puts`, one more | a put | before the item is in the queue, so that nobody can be done with it before |
/// | the same, one fewer | the same put | it has failed |
/// | `done`, above the mark | `task_done`, a shutdown that drops items | after that |
/// | `WAITING` set | whoever waits, in the list already | something is unfinished |
/// | `WAITING` cleared | whoever finds that nothing is unfinished any more, and wakes all | |
/// | `reached` | the same, before | as many were done as had been put when that number had been put |
///
/// # Why the sum can be trusted
///
/// Whoever compares reads `done` first and the puts after that. An item that is done has been put before, and who is done with
/// it has seen that, so the sum is never too small. If it's the same number, then nothing was
/// unfinished at the moment when `done` was read.
///
/// Who brings `done` to that number sees `WAITING` in the same word, or else the one who sets it sees `done`. A put that fails
/// may have made the sum too great for a moment, and then looks itself; there the two write different words, and a fence on both sides
/// sees to it that one of the two sees the other.
///
/// A waiter is released if nothing is unfinished, or was at a moment since it began to wait: then `reached` is no less than
/// what had been put when it began.
#[derive(Debug)]
pub(super) struct Unfinished {
    puts: Tally,
    /// Its word has `done`.
    list: WaitList,
    reached: AtomicUsize,
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
        let (done, put) = self.state();
        put.saturating_sub(done)
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
        fence(Ordering::SeqCst);
        if self.list.word.load(Ordering::Relaxed) & WAITING != 0 {
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
        let mut old = word.load(Ordering::Acquire);
        loop {
            let count = most.min(self.puts.sum().saturating_sub(old / ONE));
            if count == 0 {
                return 0;
            }
            let new = old + count * ONE;
            // Release: what was done is seen by those it releases. Acquire: so that they find what others did, too.
            match word.compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    if new & WAITING != 0 {
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
        if put <= done {
            // Release: pairs with the Acquire in `is_over_since`.
            self.reached.fetch_max(done, Ordering::Release);
            self.list.word.fetch_and(!WAITING, Ordering::AcqRel);
            self.list.wake(usize::MAX);
        }
    }

    /// Whether nothing is unfinished, or was at a moment since so many had been put.
    fn is_over_since(&self, (done, put): (usize, usize), since: usize) -> bool {
        // Acquire: what preceded that moment is seen.
        put <= done || self.reached.load(Ordering::Acquire) >= since
    }
}

/// The operation of [`QueueOf::join`](super::QueueOf::join).
///
/// # Cancel safety
///
/// Dropping it loses nothing.
#[derive(Debug)]
pub struct Join<'a> {
    unfinished: &'a Unfinished,
    /// How many had been put at the first attempt.
    since: Option<usize>,
}

impl<'a> Join<'a> {
    pub(super) fn new(unfinished: &'a Unfinished) -> Self {
        Join {
            unfinished,
            since: None,
        }
    }
}

impl Attempt for Join<'_> {
    fn list(&self) -> &dyn Line {
        &self.unfinished.list
    }

    fn attempt(&mut self, turn: Turn) -> Outcome {
        if turn.queued {
            // Release: joining the list comes before.
            self.unfinished
                .list
                .word
                .fetch_or(WAITING, Ordering::AcqRel);
            fence(Ordering::SeqCst);
        }
        let state = self.unfinished.state();
        let since = *self.since.get_or_insert(state.1);
        match self.unfinished.is_over_since(state, since) {
            true => Outcome::Done,
            false => Outcome::Refused,
        }
    }

    fn pass_on(&mut self) {
        // All have been released.
    }

    fn expire(&mut self, waiter: &mut Waiter) -> bool {
        waiter.leave(&self.unfinished.list);
        true
    }
}

impl Operation for Join<'_> {
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
