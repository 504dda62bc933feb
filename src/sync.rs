//! The one place that knows loom: std's atomics, mutex and threads, or loom's under
//! `--cfg loom`, so that the models run the very code that ships.

#[cfg(not(loom))]
pub(crate) use std::{
    sync::{Mutex, MutexGuard, atomic},
    thread::{Thread, current, park},
};

#[cfg(loom)]
pub(crate) use loom::{
    sync::{Mutex, MutexGuard, atomic},
    thread::{Thread, current, park},
};

/// Locks `mutex`. While one of the crate's inner mutexes is held nothing panics but for want of memory or of numbers, before
/// anything is changed; so a poisoned one holds sound data all the same.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A `const fn`, except under loom, whose atomics can't be made in one.
macro_rules! const_fn {
    ($(#[$attribute:meta])* $public:vis const fn $($rest:tt)*) => {
        #[cfg(not(loom))]
        $(#[$attribute])*
        $public const fn $($rest)*

        #[cfg(loom)]
        $(#[$attribute])*
        $public fn $($rest)*
    };
}
pub(crate) use const_fn;

/// A thread-local made by a `const` initializer; loom's macro does not take one.
macro_rules! local {
    ($($(#[$attribute:meta])* static $name:ident: $type:ty = $init:expr;)*) => {
        #[cfg(not(loom))]
        std::thread_local! { $($(#[$attribute])* static $name: $type = const { $init };)* }

        #[cfg(loom)]
        loom::thread_local! { $($(#[$attribute])* static $name: $type = $init;)* }
    };
}
pub(crate) use local;
