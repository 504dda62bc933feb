//! What a primitive has to say for itself so that one can wait for it.

use super::list::Line;
use super::time::Alarm;
use super::turn::Turn;
use super::waiter::Waiter;
use crate::sync::Spin;

/// An operation that may have to wait: what the methods of the primitives return inside
/// a [`Wait`](super::Wait).
///
/// The trait is sealed. Its types say what one gets:
///
/// ```
/// use amphi::{Mutex, MutexGuard, TimedOut, Operation, mutex::Lock};
///
/// fn promises<'a, O>(_: amphi::Wait<O>)
/// where
///     O: Operation<Output = MutexGuard<'a, u8>, Timed = Result<MutexGuard<'a, u8>, TimedOut>>,
/// {
/// }
///
/// let mutex = Mutex::new(0);
/// promises(mutex.lock());
/// ```
pub trait Operation: Attempt {
    /// What `.await` and `.block()` give.
    type Output;
    /// What they give after `.timeout(..)` or `.deadline(..)`.
    type Timed;

    /// Whether whoever [`Attempt::fast`] has refused may join the list at once, since a first attempt would
    /// almost always be refused as well.
    #[doc(hidden)]
    const SKIPS_FIRST: bool = false;

    /// The result, once the attempt has been [`Outcome::Done`].
    #[doc(hidden)]
    fn take(&mut self) -> Self::Output;

    /// What the result is called if there was a deadline and it was met.
    #[doc(hidden)]
    fn in_time(&mut self, output: Self::Output) -> Self::Timed;

    /// What there is to say when [`Attempt::expire`] has ended the wait.
    #[doc(hidden)]
    fn timed_out(&mut self) -> Self::Timed;

    /// The same for an operation with a deadline of its own: see [`Attempt::alarm`].
    #[doc(hidden)]
    fn overdue(&mut self) -> Self::Output {
        unreachable!("the operation has no deadline of its own")
    }
}

/// What a timeout makes of an operation that has nothing to hand back: its output, or
/// [`TimedOut`](crate::TimedOut).
macro_rules! or_timed_out {
    ($output:ty) => {
        type Output = $output;
        type Timed = Result<$output, $crate::error::TimedOut>;

        #[inline]
        fn in_time(&mut self, output: $output) -> Self::Timed {
            Ok(output)
        }

        fn timed_out(&mut self) -> Self::Timed {
            Err($crate::error::TimedOut)
        }
    };
}
pub(crate) use or_timed_out;

/// The part of an operation that is the same for all types of data, so that the code that
/// waits is compiled once.
pub trait Attempt {
    /// Tries without a word to anybody: the fast path, inlined where it is called. `false`
    /// means nothing but that the slow path is to be taken. `blocks` is as in [`Turn`].
    ///
    /// If it panics, an operation without anything to drop of its own may not be dropped, so by then it holds nothing.
    fn fast(&mut self, _blocks: bool) -> bool {
        false
    }

    /// Whether it may be refused for so short a time that trying again at once is cheaper than
    /// to join the list.
    fn is_brief(&self, _blocks: bool) -> bool {
        false
    }

    /// In which way to wait for that.
    fn spin(&self, blocks: bool) -> Spin {
        Spin::moment(blocks)
    }

    /// It has been tried again, with or without success.
    fn has_spun(&self, _blocks: bool, _success: bool) {}

    /// How much of the object it wants, if one can have more or less of it.
    fn need(&self) -> usize {
        1
    }

    /// Where one has to be in line to be woken for the next attempt.
    fn list(&self) -> &dyn Line;

    /// Tries. If it's refused and the turn is [`Turn::QUEUED`], the state word must say afterwards that somebody waits.
    fn attempt(&mut self, turn: Turn) -> Outcome;

    /// Turns to the step after the one that was [`Outcome::Again`], now that this waiter is in no list.
    fn proceed(&mut self) {}

    /// Gives back what an attempt has just taken, if it has and dropping the operation wouldn't.
    fn undo(&mut self) {}

    /// Gives somebody else a notification that this waiter has left unused.
    fn pass_on(&mut self);

    /// It was notified, and there was too little for it, at once or after it had stood back: wakes those for whom there is enough, where
    /// some need less than others.
    fn leave_to_others(&mut self) {}

    /// It was notified at the place that it has just given up, after an attempt that may not have needed that, or had
    /// been notified before, and has stood back: wakes those
    /// for whom there is something left.
    fn settle_up(&mut self) {}

    /// The time is up, and the last attempt was refused. Ends the wait (`true`), as most do by giving everything up, or turns
    /// to what must be done before (`false`), for which there is no deadline any more.
    fn expire(&mut self, waiter: &mut Waiter) -> bool
    where
        Self: Sized,
    {
        waiter.abandon(self);
        true
    }

    /// The operation's own deadline, if it can have one even where nobody has asked for a timeout.
    fn alarm(&mut self) -> Option<&mut Alarm> {
        None
    }

    /// There is a timeout, which takes the place of the operation's own deadline.
    fn without_alarm(&mut self) {}

    /// Keeps newcomers off the object until `lift_reservation`; `false` if somebody else
    /// did that already, or if nobody can be starved here. `again` if this waiter did, and has
    /// been woken in vain since.
    fn reserve(&mut self, _again: bool) -> bool {
        false
    }

    /// Wakes the one that has reserved the object, which is to answer by `reserve` that it still waits.
    fn call_favoured(&mut self) {}

    /// Ends whatever reservation there is.
    fn lift_reservation(&mut self) {}
}

/// How an attempt went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It's done: [`Operation::take`] has the result.
    Done,
    /// One step has been made and another one follows, perhaps with another list.
    Again,
    /// Not now.
    Refused,
    /// Not before there is a notification.
    Unnotified,
    /// It would be free, but is kept for a waiter that has been passed over for too long, and has been called.
    Reserved,
    /// It would be free, but is kept for such a waiter, and for that one there is not enough yet.
    Gathering,
}
