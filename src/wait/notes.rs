//! What a waiter remembers from one turn in the list to the next.

use super::time::now;
use std::sync::OnceLock;
// Not those that loom looks at: they are for one waiter's own notes.
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What a waiter remembers. Atomics because the node that keeps it is shared; all but `favoured`
/// are used by the waiter alone. Relaxed everywhere: a notifier that needs to know `favoured` has noted
/// the node, so the list's mutex lies between, and one that is mistaken makes the waiter queue up once more.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The node is the listener's waker.
    pub(super) registered: AtomicBool,
    /// Made the reservation that is, or was, in force.
    pub(super) favoured: AtomicBool,
    /// How often it was woken in vain, and since when.
    vain: AtomicU8,
    vain_since: Stamp,
    /// Since when it has left the object to somebody else.
    pub(super) patient: Stamp,
}

impl Notes {
    pub(super) fn is_favoured(&self) -> bool {
        self.favoured.load(Relaxed)
    }

    pub(super) fn woken_in_vain(&self) {
        self.vain
            .store(self.vain.load(Relaxed).saturating_add(1), Relaxed);
        self.vain_since.set();
    }

    /// Whether it has been passed over for too long. The clock costs a good part of what
    /// a turn in the list does, so it is looked at after 1, 2, 4, 8, and then every 8 wake-ups in vain: they
    /// are many only if they come quickly.
    pub(super) fn is_starving(&self) -> bool {
        let vain = self.vain.load(Relaxed);
        let looks = vain % 8 == 0 || vain.is_power_of_two() || vain == u8::MAX;
        vain > 0 && looks && self.vain_since.is_past()
    }

    /// Those of the next turn in the list.
    pub(super) fn carry_over(&self) -> Notes {
        Notes {
            registered: AtomicBool::new(false),
            favoured: AtomicBool::new(self.favoured.load(Relaxed)),
            vain: AtomicU8::new(self.vain.load(Relaxed)),
            vain_since: self.vain_since.clone(),
            patient: self.patient.clone(),
        }
    }
}

/// How long a waiter puts up with being woken in vain before it reserves the object, and how
/// long others respect that.
pub(super) const ONE_MILLISECOND: Duration = Duration::from_millis(if cfg!(loom) { 0 } else { 1 });

/// When something began, if it has, in units of 65,536 nanoseconds.
#[derive(Debug, Default)]
pub(super) struct Stamp(AtomicU32);

impl Stamp {
    /// The clock, as an odd number, since zero means that nothing has begun. It wraps around
    /// after days, and then somebody may be taken for more patient than they are.
    fn now() -> u32 {
        static START: OnceLock<Instant> = OnceLock::new();
        let nanos = (now() - *START.get_or_init(now)).as_nanos();
        (nanos >> 16) as u32 | 1
    }

    pub(super) fn set(&self) {
        if !self.is_set() {
            self.0.store(Stamp::now(), Relaxed);
        }
    }

    pub(super) fn clear(&self) {
        self.0.store(0, Relaxed);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Relaxed) != 0
    }

    /// Whether it has been set for a millisecond. Under loom, where there is no time, at once.
    pub(super) fn is_past(&self) -> bool {
        const ONE_MILLISECOND: u32 = if cfg!(loom) { 0 } else { 16 };
        self.is_set() && Stamp::now().wrapping_sub(self.0.load(Relaxed)) >= ONE_MILLISECOND
    }
}

impl Clone for Stamp {
    fn clone(&self) -> Self {
        Stamp(AtomicU32::new(self.0.load(Relaxed)))
    }
}
