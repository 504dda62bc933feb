//! Locks.

pub mod all;
mod hold;
pub mod mutex;
mod raw;
pub mod reentrant;
