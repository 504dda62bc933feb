//! Locks.

pub mod mutex;
mod raw;
