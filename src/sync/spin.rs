//! How long one looks again and again before one sleeps.

use super::IS_MODEL;

/// A few pauses that give another core the time to do something, together a microsecond or a few.
#[derive(Clone, Copy, Debug)]
pub struct Spin {
    round: u32,
    /// Rounds in which the core is kept.
    busy: u32,
    /// How long each of these is.
    length: Length,
    /// Rounds after that in which the core is offered to others.
    yields: u32,
}

#[derive(Clone, Copy, Debug)]
enum Length {
    /// Two pauses, and twice as many each time.
    #[cfg_attr(any(loom, shuttle), expect(dead_code))]
    Doubling,
    /// So many pauses.
    Pauses(u32),
    /// Two pauses, and then so many each time.
    TwoAndThen(u32),
}

impl Spin {
    /// Until somebody has done one thing, or has answered. It may come at any moment, and to look often disturbs
    /// nobody: the memory is taken from their core once, and stays here until they write it.
    ///
    /// A thread is more patient than a task, for its sleep costs more than all of this; and a task keeps others from running
    /// as long as it spins.
    pub(crate) fn moment(blocks: bool) -> Self {
        Spin {
            round: 0,
            busy: 20,
            length: Length::Pauses(1),
            yields: if blocks { 7 } else { 0 },
        }
    }

    /// Until those who have a lock have given it back: mostly it's but one, and soon. If it's taken again
    /// by then, there are more, and each look takes the memory from the core of whoever has it, who needs it to go on; so the others
    /// leave each other alone for as long as some dozens of short turns take.
    ///
    /// A task does so from the start. Whoever has the lock is another worker that plays one task after the other, and
    /// the first of them to look is seldom the last.
    pub(crate) fn turn(blocks: bool) -> Self {
        let (busy, length) = match blocks {
            true => (2, Length::TwoAndThen(64)),
            false => (1, Length::Pauses(64)),
        };
        Spin {
            busy,
            length,
            ..Spin::moment(blocks)
        }
    }

    /// Until somebody has done a good deal: to look at it earlier would only slow them down, since each look takes
    /// the memory from their core that they are about to write.
    pub(crate) fn batch(blocks: bool, pauses: u32) -> Self {
        Spin {
            busy: 2,
            length: Length::Pauses(pauses),
            ..Spin::moment(blocks)
        }
    }

    /// Until there is something to do, for as long as the caller likes.
    ///
    /// It offers its core to nobody. Others rely on it meanwhile, and where many want a core it would be long before it had one again.
    #[cfg(feature = "thread")]
    pub(crate) fn search() -> Self {
        Spin {
            round: 0,
            busy: u32::MAX,
            length: Length::Pauses(16),
            yields: 0,
        }
    }

    /// Until somebody has made a few steps. Whoever waits for that goes on looking when this is over, if less often. The
    /// shape follows parking_lot's `SpinWait`.
    #[cfg(not(any(loom, shuttle)))]
    pub(super) fn steps() -> Self {
        Spin {
            round: 0,
            busy: 6,
            length: Length::Doubling,
            yields: 10,
        }
    }

    /// Pauses; `false` if it is no use any longer.
    pub(crate) fn pause(&mut self) -> bool {
        // A model has no other core to wait for.
        if IS_MODEL || self.round == self.busy + self.yields {
            return false;
        }
        self.round += 1;
        if self.round > self.busy {
            std::thread::yield_now();
            return true;
        }
        let pauses = match self.length {
            Length::Doubling => 1 << self.round,
            Length::Pauses(pauses) => pauses,
            Length::TwoAndThen(_) if self.round == 1 => 2,
            Length::TwoAndThen(pauses) => pauses,
        };
        (0..pauses).for_each(|_| std::hint::spin_loop());
        true
    }
}
