//! What all the tests need.

use std::time::Duration;

use amphi::thread::{self, JoinError};

/// A case that takes so long hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs a case on a runtime of its own, and fails when it hangs.
pub fn in_time(case: impl Future<Output = ()> + Send + 'static) {
    let mut thread = thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(case);
    });
    match thread.join().timeout(LIMIT).block() {
        Ok(()) => {}
        Err(JoinError::Panicked(panicked)) => panicked.resume(),
        Err(error) => panic!("the case hangs: {error}"),
    }
}
