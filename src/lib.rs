//! Synchronization primitives on which OS threads and async tasks of any runtime meet.

pub mod condvar;
mod error;
pub mod event;
mod lock;
mod sync;
mod wait;

pub use condvar::{Condvar, WaitTimeoutResult};
pub use error::TimedOut;
pub use event::Event;
pub use lock::mutex::{
    self, MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard,
};
pub use wait::{Operation, Or, Timeout, Wait, block_on};
