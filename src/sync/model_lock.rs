//! In a model a mutex stands for the spin lock: what is modelled is what happens under it, and a loop that looks again
//! and again would never end in one.

use super::{Mutex, MutexGuard, lock};

#[derive(Debug)]
pub(crate) struct SpinLock<T>(Mutex<T>);

pub(crate) type SpinLockGuard<'a, T> = MutexGuard<'a, T>;

impl<T> SpinLock<T> {
    pub(crate) fn new(value: T) -> Self {
        SpinLock(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> SpinLockGuard<'_, T> {
        lock(&self.0)
    }
}
