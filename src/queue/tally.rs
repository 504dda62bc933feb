//! A counter that many threads add to and few read.

#[cfg(not(loom))]
pub(super) use each::Tally;
#[cfg(loom)]
pub(super) use everybody::Tally;

#[cfg(not(loom))]
mod each {
    use crossbeam_utils::CachePadded;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use thread_local::ThreadLocal;

    /// Each thread counts where nobody else writes, as in Java's `LongAdder`, and whoever wants to know adds it all up.
    ///
    /// A sum contains all that the reader knows to have been added before, for that precedes the reading of each part; of what is added
    /// at the same time it may contain some and not the rest.
    #[derive(Debug)]
    pub(in super::super) struct Tally {
        parts: ThreadLocal<CachePadded<AtomicUsize>>,
    }

    impl Tally {
        pub(in super::super) fn new() -> Self {
            Tally {
                parts: ThreadLocal::new(),
            }
        }

        /// Adds one.
        #[inline]
        pub(in super::super) fn increment(&self) {
            self.change(1);
        }

        /// Takes away one that the same thread has added.
        pub(in super::super) fn decrement(&self) {
            self.change(usize::MAX);
        }

        /// Relaxed: it's no more than a number. And no read-modify-write, since nobody else writes the part; when a thread has ended,
        /// another one may go on with its part, which `ThreadLocal` hands over under a mutex.
        #[inline]
        fn change(&self, by: usize) {
            let part = self.parts.get_or_default();
            let old = part.load(Ordering::Relaxed);
            part.store(old.wrapping_add(by), Ordering::Relaxed);
        }

        pub(in super::super) fn sum(&self) -> usize {
            let parts = self.parts.iter().map(|part| part.load(Ordering::Relaxed));
            parts.fold(0, usize::wrapping_add)
        }
    }
}

/// To `ThreadLocal` the threads of a model are all the same one, so there is one part.
#[cfg(loom)]
mod everybody {
    use loom::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Debug)]
    pub(in super::super) struct Tally(AtomicUsize);

    impl Tally {
        pub(in super::super) fn new() -> Self {
            Tally(AtomicUsize::new(0))
        }

        pub(in super::super) fn increment(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        pub(in super::super) fn decrement(&self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }

        pub(in super::super) fn sum(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }
}
