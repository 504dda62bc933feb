//! What has happened so far.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Counts of what the server has done.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections accepted.
    pub connections: AtomicUsize,
    /// Requests answered.
    pub requests: AtomicUsize,
    /// Requests that were not understood.
    pub malformed: AtomicUsize,
    /// Transactions committed.
    pub commits: AtomicUsize,
    /// Changes made in them.
    pub changes: AtomicUsize,
    /// How often the database has been compacted.
    pub compactions: AtomicUsize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            connections,
            requests,
            malformed,
            commits,
            changes,
            compactions,
        } = self;
        let [
            connections,
            requests,
            malformed,
            commits,
            changes,
            compactions,
        ] = [
            connections,
            requests,
            malformed,
            commits,
            changes,
            compactions,
        ]
        .map(|count| count.load(Relaxed));
        write!(
            f,
            "{connections} connections, {requests} requests and {malformed} malformed ones; \
             {changes} changes in {commits} commits, {compactions} compactions"
        )
    }
}
