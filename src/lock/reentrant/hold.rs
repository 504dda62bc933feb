//! Who holds a reentrant lock, and how often: the part of [`reentrant`](super) that knows no data.

use crate::owner::{self, NOBODY};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard, const_fn, lock, shared};
use std::ptr;

/// Who holds the lock, and how often: the owner's id, and below it sixteen bits for the levels.
///
/// | word | meaning | who moves it on |
/// |---|---|---|
/// | 0 | not held, or taken just now | who has taken the raw lock, to (owner, levels) |
/// | (owner, n) | n guards | the owner, to n + 1; a guard that is dropped, wherever, to n - 1; the owner that gives several up, to 0 |
/// | (owner, 0) | the last guard is being dropped | that one, to 0, and then it releases the raw lock |
///
/// Both in one word, since a guard may be dropped on another thread while the owner takes the lock once more: the owner adds
/// a level only as long as there is one of its own. All accesses that say nothing else are Relaxed: an owner that finds itself
/// here has written that itself, or was handed on to another thread by an executor, which orders it; all else
/// goes by the raw lock.
#[derive(Debug)]
pub(super) struct Hold(AtomicU64);

const LEVELS: u64 = 0xffff;

impl Hold {
    const_fn! {
        pub(super) const fn new() -> Self {
            Hold(AtomicU64::new(0))
        }
    }

    /// The owner and its levels.
    #[inline]
    pub(super) fn get(&self) -> (u64, u64) {
        let word = self.0.load(Ordering::Relaxed);
        (word >> 16, word & LEVELS)
    }

    /// The raw lock has just been taken.
    #[inline]
    pub(super) fn begin(&self, owner: u64, levels: u64) {
        self.0.store(owner << 16 | levels, Ordering::Relaxed);
    }

    /// Adds a level if this is the owner.
    #[inline]
    pub(super) fn enter_again(&self, owner: u64) -> bool {
        let mut old = self.0.load(Ordering::Relaxed);
        while owner != NOBODY && old >> 16 == owner && old & LEVELS > 0 {
            assert!(
                old & LEVELS < LEVELS,
                "a reentrant mutex can't be locked more than 65,535 times over"
            );
            match self
                .0
                .compare_exchange_weak(old, old + 1, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(now) => old = now,
            }
        }
        false
    }

    /// Takes a level of that owner away; `true` if it was the last, and the word is zero then.
    #[inline]
    pub(super) fn leave(&self, owner: u64) -> bool {
        loop {
            // Acquire: pairs with the Release below, so that what others have done with their levels comes before the end.
            let word = self.0.load(Ordering::Acquire);
            if word >> 16 != owner || word & LEVELS == 0 {
                if self.leave_given_up(owner) {
                    return false;
                }
                continue;
            }
            let last = word & LEVELS == 1;
            // The last one, and its owner is here or will never come again: nobody else can change the word.
            let alone = last && (owner == NOBODY || owner == owner::current_id(true));
            // Release: pairs with the Acquire of who drops the last one.
            if alone
                || self
                    .0
                    .compare_exchange_weak(word, word - 1, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
            {
                if last {
                    // Relaxed: the release of the raw lock follows.
                    self.0.store(0, Ordering::Relaxed);
                }
                return last;
            }
        }
    }

    /// Takes away one of the levels that the owner has given up, if it has.
    #[cold]
    fn leave_given_up(&self, owner: u64) -> bool {
        let mut given_up = given_up();
        let mine = |it: &&mut GivenUp| it.hold == ptr::from_ref(self).addr() && it.owner == owner;
        match given_up.iter_mut().find(mine) {
            Some(it) => it.others -= 1,
            // It has just taken them back.
            None => return false,
        }
        true
    }

    /// The owner gives several levels up; one of them is that of the guard with which it does so. It is the owner that runs here: two
    /// who do this for one owner, or who do it while the owner takes another level, would not know which levels are whose.
    pub(super) fn give_up(&self, owner: u64) {
        let mut given_up = given_up();
        // Acquire: pairs with the Release in `leave`, so that what was done with the levels dropped before comes before the lock is
        // released.
        let levels = self.0.swap(0, Ordering::Acquire) & LEVELS;
        given_up.push(GivenUp {
            hold: ptr::from_ref(self).addr(),
            owner,
            others: levels - 1,
        });
    }

    /// The owner takes all levels back; it has the raw lock.
    pub(super) fn take_back(&self, owner: u64) {
        let mut given_up = given_up();
        let mine = |it: &GivenUp| it.hold == ptr::from_ref(self).addr() && it.owner == owner;
        let others = match given_up.iter().position(mine) {
            Some(index) => given_up.swap_remove(index).others,
            None => 0,
        };
        self.begin(owner, others + 1);
    }
}

/// Levels that an owner has given up, while the guards of `others` live on: one of these may be dropped meanwhile, on another
/// thread. There is an entry only for a lock that was given up with more than one level.
struct GivenUp {
    hold: usize,
    owner: u64,
    others: u64,
}

shared! {
    static GIVEN_UP: Mutex<Vec<GivenUp>> = Mutex::new(Vec::new());
}

fn given_up() -> MutexGuard<'static, Vec<GivenUp>> {
    lock(&GIVEN_UP)
}
