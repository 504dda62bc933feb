//! [`Watcher`]: whom a job tells of its end.

use crate::queue::Queue;
use std::sync::Arc;

/// Somebody who wants to be told which of their jobs have ended: what a job keeps of them.
pub(in crate::thread) struct Watcher {
    ended: Arc<Queue<usize>>,
    /// Which of their jobs it is.
    index: usize,
}

impl Watcher {
    pub(in crate::thread) fn new(ended: Arc<Queue<usize>>, index: usize) -> Self {
        Watcher { ended, index }
    }

    /// Notes that it has ended, and calls no waker.
    pub(super) fn note(&self) {
        let put = self.ended.try_put_for(self.index, || true);
        put.expect("nobody shuts it down");
    }

    /// Wakes them if there is a note that they have not read.
    pub(super) fn wake(&self) {
        self.ended.tell();
    }
}

impl PartialEq for Watcher {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.ended, &other.ended) && self.index == other.index
    }
}
