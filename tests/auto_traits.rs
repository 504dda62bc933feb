//! What the types promise, checked by the compiler.

use amphi::{
    Condvar, Event, MappedMutexGuard, Mutex, MutexGuard, OwnedMutexGuard, TimedOut, Timeout, Wait,
    WaitTimeoutResult, condvar, event, mutex,
};
use std::cell::Cell;
use std::fmt::Debug;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

/// Yes or no, decided at compile time: an inherent method, if its bound holds, goes before the trait's.
macro_rules! implements {
    ($type:ty: $bound:path) => {{
        struct Probe<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code)]
        impl<T: ?Sized + $bound> Probe<T> {
            const YES: bool = true;
        }
        #[allow(dead_code)]
        trait No {
            const YES: bool = false;
        }
        impl<T: ?Sized> No for T {}
        <Probe<$type>>::YES
    }};
}

macro_rules! table {
    ($($type:ty: $($bound:ident)* $(, not $($not:ident)*)?;)*) => {
        $($(const _: () = assert!(implements!($type: $bound));)*
        $($(const _: () = assert!(!implements!($type: $not));)*)?)*
    };
}

/// `Send`, and not `Sync`.
type OneThread = Cell<u8>;
/// Neither.
type Local = Rc<u8>;

table! {
    Event: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Default;
    Condvar: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Default;
    TimedOut: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Copy;
    WaitTimeoutResult: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Copy;

    Mutex<u8>: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Default;
    Mutex<OneThread>: Send Sync UnwindSafe RefUnwindSafe;
    Mutex<Local>: Debug, not Send Sync;

    MutexGuard<'static, u8>: Send Sync Unpin UnwindSafe RefUnwindSafe Debug;
    MutexGuard<'static, OneThread>: Send, not Sync;
    MutexGuard<'static, Local>: Debug, not Send Sync;
    OwnedMutexGuard<u8>: Send Sync Unpin UnwindSafe RefUnwindSafe Debug;
    OwnedMutexGuard<OneThread>: Send, not Sync;
    OwnedMutexGuard<Local>: Debug, not Send Sync;
    MappedMutexGuard<'static, u8, OneThread>: Send, not Sync;
    MappedMutexGuard<'static, u8, Local>: Debug, not Send Sync;

    Wait<mutex::Lock<'static, u8>>: Send Sync Unpin UnwindSafe Debug Future;
    Wait<mutex::Lock<'static, OneThread>>: Send;
    Wait<mutex::Lock<'static, Local>>: Unpin Debug, not Send;
    Wait<mutex::LockOwned<u8>>: Send Unpin Debug Future;
    Wait<event::WaitSet<'static>>: Send Sync Unpin UnwindSafe Debug Future;
    Wait<condvar::Suspend<'static, MutexGuard<'static, u8>, condvar::Once>>: Send Unpin Debug Future;
    Wait<condvar::Suspend<'static, MutexGuard<'static, Local>, condvar::Once>>: Unpin Debug, not Send;
    Timeout<mutex::Lock<'static, u8>>: Send Unpin Debug;
    Timeout<mutex::Lock<'static, Local>>: Unpin Debug, not Send;
}

#[test]
fn the_probe_can_say_no() {
    assert!(implements!(u8: Send));
    assert!(!implements!(Local: Send));
}
