//! Processes whose address space is small, so that it can be used up.

use super::*;
use std::thread::{Builder, JoinHandle};

/// Runs the case of a test in a process of its own, with a gigabyte of addresses.
pub fn limited(test: &str, case: impl FnOnce() + Send + 'static) {
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"ulimit -v 1048576 && exec "$0" "$@""#])
        .arg(std::env::current_exe().unwrap())
        // No addresses are put aside for each thread, and large ones are given back at once.
        .env("MALLOC_ARENA_MAX", "1")
        .env("MALLOC_MMAP_THRESHOLD_", "131072")
        .env("RUST_BACKTRACE", "0");
    alone_by(command, test, case);
}

/// Until it's dropped, there are no addresses left for another thread's stack.
pub struct NoThreads {
    ballast: Vec<Vec<u8>>,
    end: Arc<Event>,
    threads: Vec<JoinHandle<()>>,
}

impl NoThreads {
    pub fn new() -> Self {
        let reserve = |size| {
            let mut bytes = Vec::<u8>::new();
            bytes.try_reserve_exact(size).ok().map(|()| bytes)
        };
        // For all that needs a little.
        let spare = reserve(1 << 20).unwrap();
        let sizes = [1 << 28, 1 << 24, 1 << 18].into_iter();
        let ballast = sizes.flat_map(|size| {
            std::iter::repeat_with(move || reserve(size)).map_while(|bytes| bytes)
        });
        let ballast = std::hint::black_box(ballast.collect());
        drop(std::hint::black_box(spare));
        // Those stacks that the system has kept from earlier threads.
        let end = Arc::new(Event::new());
        let threads = std::iter::repeat_with(|| {
            let waits = end.clone();
            Builder::new().spawn(move || waits.wait().block()).ok()
        });
        let threads: Vec<_> = threads.map_while(|thread| thread).take(100).collect();
        assert!(threads.len() < 100, "the addresses are not limited");
        NoThreads {
            ballast,
            end,
            threads,
        }
    }
}

impl Drop for NoThreads {
    fn drop(&mut self) {
        self.ballast.clear();
        self.end.set();
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}
