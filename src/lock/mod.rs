//! Locks.

pub mod all;
pub mod mutex;
mod raw;
pub mod reentrant;
