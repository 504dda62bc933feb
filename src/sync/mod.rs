//! The one place where it is chosen whose atomics, mutexes and threads these are: std's, or loom's under
//! `--cfg loom` and shuttle's under `--cfg shuttle`. So the models run the very code that ships.

#[cfg(shuttle)]
mod clock;
#[cfg(any(loom, shuttle))]
mod model_lock;
#[cfg(loom)]
mod once;
mod spin;
#[cfg(not(any(loom, shuttle)))]
mod spin_lock;

#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::{
    sync::{Mutex, MutexGuard, atomic},
    thread::{Thread, current, park},
};

#[cfg(loom)]
pub(crate) use loom::{
    sync::{Mutex, MutexGuard, atomic},
    thread::{Thread, current, park},
};

#[cfg(shuttle)]
pub(crate) use shuttle::{
    sync::{Mutex, MutexGuard, atomic},
    thread::{Thread, current, park},
};

#[cfg(loom)]
pub(crate) use once::OnceBox;
#[cfg(not(loom))]
pub(crate) use once_cell::race::OnceBox;

#[cfg(any(loom, shuttle))]
pub(crate) use model_lock::{SpinLock, SpinLockGuard};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use spin_lock::{SpinLock, SpinLockGuard};

pub(crate) use spin::Spin;

#[cfg(all(feature = "thread", loom))]
pub(crate) use loom::thread::Builder;
#[cfg(all(feature = "thread", shuttle))]
pub(crate) use shuttle::thread::Builder;
#[cfg(all(feature = "thread", not(any(loom, shuttle))))]
pub(crate) use std::thread::Builder;

#[cfg(shuttle)]
pub(crate) use clock::{park_timeout, passed};
// Nobody comes to this under loom, where all instants are equal.
#[cfg(not(shuttle))]
pub(crate) use std::thread::park_timeout;

/// Offers the core to others. In a model of shuttle it is what tells a schedule that keeps to one thread to try another; loom has no need of it.
pub(crate) fn yield_now() {
    #[cfg(not(any(loom, shuttle)))]
    std::thread::yield_now();
    #[cfg(shuttle)]
    shuttle::thread::yield_now();
}

/// Whether this is a model: there one thread runs at a time, so it's no use to wait for what another one does meanwhile.
pub(crate) const IS_MODEL: bool = cfg!(any(loom, shuttle));

/// Locks `mutex`. While one of the crate's inner mutexes is held nothing panics but for want of memory or of numbers, before
/// anything is changed; so a poisoned one holds sound data all the same.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Lets shuttle run another thread, before something that others see and that is not made of its atomics.
#[inline]
pub(crate) fn interruptible() {
    #[cfg(shuttle)]
    shuttle::thread::sleep(std::time::Duration::ZERO);
}

/// Lets loom run another thread between a change of this word and the fence after it, which it takes for one step.
#[inline]
pub(crate) fn before_fence(_word: &atomic::AtomicUsize) {
    #[cfg(loom)]
    _word.load(atomic::Ordering::Relaxed);
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

/// A thread-local made by a `const` initializer; the models' macros do not take one.
macro_rules! local {
    ($($(#[$attribute:meta])* static $name:ident: $type:ty = $init:expr;)*) => {
        #[cfg(not(any(loom, shuttle)))]
        std::thread_local! { $($(#[$attribute])* static $name: $type = const { $init };)* }

        #[cfg(loom)]
        loom::thread_local! { $($(#[$attribute])* static $name: $type = $init;)* }

        #[cfg(shuttle)]
        shuttle::thread_local! { $($(#[$attribute])* static $name: $type = $init;)* }
    };
}
pub(crate) use local;

/// A static; in a model each execution has one of its own.
macro_rules! shared {
    ($($(#[$attribute:meta])* static $name:ident: $type:ty = $init:expr;)*) => {
        $(
            #[cfg(not(any(loom, shuttle)))]
            $(#[$attribute])*
            static $name: $type = $init;
        )*

        #[cfg(loom)]
        loom::lazy_static! { $($(#[$attribute])* static ref $name: $type = $init;)* }

        #[cfg(shuttle)]
        shuttle::lazy_static! { $($(#[$attribute])* static ref $name: $type = $init;)* }
    };
}
pub(crate) use shared;
