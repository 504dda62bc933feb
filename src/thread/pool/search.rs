//! [`Search`]: whether one of a pool's workers looks for a job.

// By way of `super`, for `tests/loom/parts.rs` has this very file play with loom's.
use super::atomic::{AtomicBool, Ordering, fence};

/// While a worker looks for a job, nobody who submits one wakes another, which would take longer than all else. So when it has found one, and there
/// are more, it does that in their place. At the last moment several may come, so whoever looks once more and finds one does the same.
///
/// | order | who submits | who searches |
/// |---|---|---|
/// | first | puts the job | ends the search |
/// | then | finds that it `is_on`, or wakes somebody | looks once more, and wakes somebody if there are more jobs |
///
/// With a full fence in between on both sides one of them sees the other: there the queue's, here that of `end`.
///
/// All is Relaxed, as nothing is read by it.
pub(super) struct Search(AtomicBool);

impl Search {
    pub(super) fn new() -> Self {
        Search(AtomicBool::new(false))
    }

    /// Begins; `false` if another worker searches already. One is enough.
    pub(super) fn begin(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }

    /// Whoever has ended it looks once more.
    pub(super) fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
        // Pairs with the one after a put.
        fence(Ordering::SeqCst);
    }

    /// To be asked after a full fence.
    pub(super) fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
