//! The standing of whoever makes an attempt.

/// Which of these hold for an attempt, in one byte, since it is handed on with each of them.
#[derive(Clone, Copy, Debug)]
pub struct Turn(u8);

impl Turn {
    /// A poll of somebody who has no place yet.
    pub(super) const POLL: Turn = Turn(0);
    /// By a thread in a call of `block`, and not by a poll.
    pub(crate) const BLOCKS: Turn = Turn(1);
    /// That thread waits for nothing else, and does nothing else before its next attempt.
    pub(crate) const DEVOTED: Turn = Turn(2);
    /// It has a deadline.
    pub(crate) const TIMED: Turn = Turn(4);
    /// At a place in the list, and has not heard of a notification there.
    pub(crate) const QUEUED: Turn = Turn(8);
    /// Has been in the list: there may be others, so the object is taken with the mark set.
    pub(crate) const WAITED: Turn = Turn(16);
    /// Has heard that it was notified, and made no attempt at the last place since: without a place any more, or (`QUEUED`) at
    /// the last one. If such an attempt does not even look at the object whose list that is, it has to pass the notification on.
    pub(crate) const NOTIFIED: Turn = Turn(32);
    /// May take what is reserved.
    pub(crate) const ENTITLED: Turn = Turn(64);

    /// What [`Operation::SKIPS_FIRST`](super::Operation::SKIPS_FIRST) says.
    pub(super) const SKIPS_FIRST: Turn = Turn(128);

    /// Somebody who comes along and takes what is free, reserved or not.
    pub(crate) const BARGE: Turn = Turn::BLOCKS.and(Turn::TIMED).and(Turn::ENTITLED);

    /// Whether all of that holds.
    #[inline]
    pub(crate) const fn is(self, all: Turn) -> bool {
        self.0 & all.0 == all.0
    }

    #[inline]
    pub(crate) const fn and(self, more: Turn) -> Turn {
        Turn(self.0 | more.0)
    }

    #[inline]
    pub(crate) const fn and_if(self, condition: bool, more: Turn) -> Turn {
        if condition { self.and(more) } else { self }
    }

    #[inline]
    pub(crate) const fn but_not(self, less: Turn) -> Turn {
        Turn(self.0 & !less.0)
    }
}
