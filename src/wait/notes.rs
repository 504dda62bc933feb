//! What a waiter remembers from one turn in the list to the next.

use super::time::{now, origin};
use std::time::Duration;

/// How a waiter has fared.
#[derive(Debug)]
pub(super) struct Notes {
    /// Since when it has left the object to whoever has reserved that, and
    /// [how often](super::list::Line::answers) one of these had answered by then.
    pub(super) patient: Stamp,
    pub(super) answers: u32,
    /// How often it was woken in vain, and since when.
    vain: u8,
    vain_since: Stamp,
    /// Made the reservation that is, or was, in force.
    pub(super) favoured: bool,
}

impl Notes {
    pub(super) const NEW: Notes = Notes {
        patient: Stamp::UNSET,
        answers: 0,
        vain: 0,
        vain_since: Stamp::UNSET,
        favoured: false,
    };

    pub(super) fn woken_in_vain(&mut self) {
        self.vain = self.vain.saturating_add(1);
        self.vain_since.set();
    }

    pub(super) fn has_been_woken_in_vain(&self) -> bool {
        self.vain_since.is_set()
    }

    /// Whether it may be that it was notified, and leaves what it was notified of to another for a while: it goes on by
    /// itself, and nobody else has been notified of that.
    pub(super) fn stands_back_notified(&self) -> bool {
        self.patient.is_set() && self.has_been_woken_in_vain()
    }

    /// Whether it has been passed over for too long. The clock costs a good part of what
    /// a turn in the list does, so it is looked at after 2, 4, 8, and from 16 on every 16 wake-ups in vain (under loom already after the
    /// first): they are many only if they come quickly.
    #[inline]
    pub(super) fn is_starving(&self) -> bool {
        const FIRST: u8 = if cfg!(loom) { 1 } else { 2 };
        let looks = self.vain % 16 == 0 || self.vain.is_power_of_two() || self.vain == u8::MAX;
        self.vain >= FIRST && looks && self.vain_since.is_past()
    }
}

/// How long a waiter puts up with being woken in vain before it reserves the object, and how
/// long others respect that.
pub(super) const ONE_MILLISECOND: Duration = Duration::from_millis(if cfg!(loom) { 0 } else { 1 });

/// When something began, if it has, in units of 65,536 nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp(u32);

impl Stamp {
    pub(super) const UNSET: Stamp = Stamp(0);

    /// The clock, as an odd number, since zero means that nothing has begun. It wraps around
    /// after days, and then somebody may be taken for more patient than they are.
    #[cold]
    fn now() -> u32 {
        let origin = origin();
        let nanos = (now() - origin).as_nanos();
        (nanos >> 16) as u32 | 1
    }

    /// Begins, unless it has begun.
    #[inline]
    pub(super) fn set(&mut self) {
        if !self.is_set() {
            self.0 = Stamp::now();
        }
    }

    #[inline]
    pub(super) fn is_set(self) -> bool {
        self.0 != 0
    }

    /// Whether it has been set for a millisecond. Under loom, where there is no time, at once.
    #[inline]
    pub(super) fn is_past(self) -> bool {
        self.is_set() && self.is_past_if_set()
    }

    #[cold]
    fn is_past_if_set(self) -> bool {
        const ONE_MILLISECOND: u32 = if cfg!(loom) { 0 } else { 16 };
        Stamp::now().wrapping_sub(self.0) >= ONE_MILLISECOND
    }
}
