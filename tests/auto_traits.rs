//! What the types promise, checked by the compiler.

use amphi::{
    Barrier, BarrierError, BarrierWait, BoundedSemaphore, Condvar, Event, GetError, LifoQueue,
    MappedMutexGuard, Mutex, MutexGuard, OwnedMutexGuard, OwnedPermit, OwnedReentrantMutexGuard,
    Owner, Permit, PriorityQueue, PutError, Queue, ReentrantMutex, ReentrantMutexGuard,
    ReleaseError, Semaphore, TaskDoneError, TimedOut, Timeout, Wait, WaitTimeoutResult, barrier,
    condvar, event, lock_all, mutex, owner, queue, reentrant, semaphore,
};
use std::cell::Cell;
use std::error::Error;
use std::fmt::Debug;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::Arc;

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
/// `Sync`, and not `Send`.
type SyncOnly = std::sync::MutexGuard<'static, u8>;

table! {
    Event: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Default;
    Condvar: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Default;
    TimedOut: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Copy;
    WaitTimeoutResult: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Copy;

    Semaphore: Send Sync Unpin UnwindSafe RefUnwindSafe Debug;
    BoundedSemaphore: Send Sync Unpin UnwindSafe RefUnwindSafe Debug;
    Permit<'static>: Send Sync Unpin UnwindSafe RefUnwindSafe Debug;
    OwnedPermit: Send Sync Unpin UnwindSafe RefUnwindSafe Debug;
    Barrier: Send Sync Unpin UnwindSafe RefUnwindSafe Debug;
    BarrierWait: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Copy;
    ReleaseError: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Copy;
    BarrierError: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Copy;
    Owner: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Clone Eq;
    owner::Scope<std::future::Ready<u8>>: Send Sync Unpin Debug Future;
    owner::Scope<std::future::Ready<Local>>: Unpin Debug, not Send Sync;

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

    ReentrantMutex<u8>: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Default;
    ReentrantMutex<OneThread>: Send UnwindSafe RefUnwindSafe, not Sync;
    ReentrantMutex<Local>: Debug, not Send Sync;
    ReentrantMutexGuard<'static, u8>: Send Sync Unpin UnwindSafe RefUnwindSafe Debug;
    ReentrantMutexGuard<'static, OneThread>: Debug, not Send Sync;
    ReentrantMutexGuard<'static, Local>: Debug, not Send Sync;
    OwnedReentrantMutexGuard<u8>: Send Sync Unpin UnwindSafe RefUnwindSafe Debug;
    OwnedReentrantMutexGuard<OneThread>: Debug, not Send Sync;
    OwnedReentrantMutexGuard<SyncOnly>: Debug, not Send Sync;

    Wait<mutex::Lock<'static, u8>>: Send Sync Unpin UnwindSafe Debug Future;
    Wait<mutex::Lock<'static, OneThread>>: Send;
    Wait<mutex::Lock<'static, Local>>: Unpin Debug, not Send;
    Wait<mutex::LockOwned<u8>>: Send Unpin Debug Future;
    Wait<event::WaitSet<'static>>: Send Sync Unpin UnwindSafe Debug Future;
    Wait<condvar::Suspend<'static, MutexGuard<'static, u8>, condvar::Once>>: Send Unpin Debug Future;
    Wait<condvar::Suspend<'static, MutexGuard<'static, Local>, condvar::Once>>: Unpin Debug, not Send;
    Wait<condvar::Suspend<'static, ReentrantMutexGuard<'static, OneThread>, condvar::Once>>: Unpin Debug, not Send;
    Wait<reentrant::Lock<'static, u8>>: Send Unpin Debug Future;
    Wait<reentrant::Lock<'static, OneThread>>: Unpin Debug, not Send;
    Wait<reentrant::Lock<'static, Local>>: Unpin Debug, not Send;
    Wait<semaphore::Acquire<&'static Semaphore>>: Send Sync Unpin Debug Future;
    Wait<barrier::Gather<'static>>: Send Unpin Debug Future;
    Wait<lock_all::LockAll<(&'static Mutex<u8>, &'static Mutex<OneThread>)>>: Send Unpin Debug Future;
    Wait<lock_all::LockAll<(&'static Mutex<u8>, &'static Mutex<Local>)>>: Unpin Debug, not Send;

    Queue<u8>: Send Sync Unpin UnwindSafe RefUnwindSafe Debug IntoIterator;
    Queue<OneThread>: Send Sync UnwindSafe RefUnwindSafe;
    Queue<Local>: Debug, not Send Sync;
    Queue<SyncOnly>: Debug, not Send Sync;
    LifoQueue<u8>: Send Sync Unpin UnwindSafe RefUnwindSafe Debug IntoIterator;
    LifoQueue<OneThread>: Send Sync UnwindSafe RefUnwindSafe;
    LifoQueue<Local>: Debug, not Send Sync;
    LifoQueue<SyncOnly>: Debug, not Send Sync;
    PriorityQueue<u8>: Send Sync Unpin UnwindSafe RefUnwindSafe Debug IntoIterator;
    PriorityQueue<OneThread>: Send Sync UnwindSafe RefUnwindSafe;
    PriorityQueue<Local>: Debug, not Send Sync;
    PutError<u8>: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Copy Error;
    PutError<OneThread>: Send Debug Error, not Sync;
    PutError<Local>: Debug Error, not Send Sync;
    GetError: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Copy Error;
    TaskDoneError: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Copy Error;

    Wait<queue::Put<&'static Queue<u8>>>: Send Sync Unpin UnwindSafe Debug Future;
    Wait<queue::Put<&'static Queue<OneThread>>>: Send Unpin Debug Future, not Sync;
    Wait<queue::Put<&'static Queue<Local>>>: Unpin Debug, not Send Sync;
    Wait<queue::Put<Arc<PriorityQueue<u8>>>>: Send Sync Unpin UnwindSafe Debug Future;
    Wait<queue::PutAll<&'static Queue<u8>>>: Send Sync Unpin UnwindSafe Debug Future;
    Wait<queue::PutAll<&'static Queue<Local>>>: Unpin Debug, not Send Sync;
    Wait<queue::Get<&'static Queue<u8>>>: Send Sync Unpin UnwindSafe Debug Future;
    Wait<queue::Get<&'static LifoQueue<OneThread>>>: Send Unpin Debug Future, not Sync;
    Wait<queue::Get<&'static Queue<Local>>>: Unpin Debug, not Send Sync;
    Wait<queue::GetMany<&'static PriorityQueue<u8>>>: Send Sync Unpin UnwindSafe Debug Future;
    Wait<queue::GetMany<&'static PriorityQueue<Local>>>: Unpin Debug, not Send Sync;
    Wait<queue::Join<'static, queue::Fifo<u8>>>: Send Sync Unpin UnwindSafe Debug Future;
    Wait<queue::Join<'static, queue::Lifo<Local>>>: Unpin Debug, not Send Sync;
    queue::Stream<&'static Queue<u8>>: Send Sync Unpin UnwindSafe Debug;
    queue::Stream<Arc<Queue<OneThread>>>: Send Unpin Debug, not Sync;
    queue::Stream<&'static Queue<Local>>: Unpin Debug, not Send Sync;
    queue::Iter<'static, queue::Fifo<u8>>: Send Sync Unpin UnwindSafe Debug Iterator;
    queue::Iter<'static, queue::Lifo<Local>>: Unpin Debug Iterator, not Send Sync;
    queue::TryIter<'static, queue::Priority<u8>>: Send Sync Unpin UnwindSafe Debug Iterator;
    queue::TryIter<'static, queue::Fifo<Local>>: Unpin Debug Iterator, not Send Sync;
    queue::IntoIter<queue::Fifo<u8>>: Send Sync Unpin UnwindSafe Debug ExactSizeIterator;
    queue::IntoIter<queue::Priority<Local>>: Unpin Debug, not Send Sync;
    Timeout<queue::Put<&'static Queue<u8>>>: Send Unpin Debug Future;
    Timeout<queue::Get<&'static Queue<Local>>>: Unpin Debug, not Send;

    Timeout<mutex::Lock<'static, u8>>: Send Unpin Debug;
    Timeout<mutex::Lock<'static, Local>>: Unpin Debug, not Send;
}

#[cfg(feature = "sink")]
table! {
    queue::Sink<&'static Queue<u8>>: Send Sync Unpin UnwindSafe Debug;
    queue::Sink<Arc<Queue<OneThread>>>: Send Unpin Debug, not Sync;
    queue::Sink<&'static Queue<Local>>: Unpin Debug, not Send Sync;
}

#[cfg(feature = "thread")]
mod threads {
    use super::*;
    use amphi::thread::{
        AsCompleted, Builder, JobResult, Join, JoinAll, JoinError, JoinHandle, Map, Panicked,
        PoolBuilder, Shutdown, Thread, WaitAll, WaitAny,
    };
    use amphi::{Job, JobError, SubmitError, ThreadPool, Timer};

    table! {
        Thread: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Clone Eq;
        Builder: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Clone Default;
        Panicked: Send Sync Unpin UnwindSafe RefUnwindSafe Debug Error;
        JoinError: Send Sync Unpin Debug Error;
        JoinHandle<u8>: Send Sync Unpin Debug;
        JoinHandle<OneThread>: Send Sync Unpin Debug;
        JoinHandle<Local>: Debug, not Send Sync;
        Wait<Join<'static, u8>>: Send Sync Unpin Debug Future;
        Wait<Join<'static, OneThread>>: Send Sync Unpin Debug Future;
        Wait<JoinAll>: Send Sync Unpin UnwindSafe Debug Future;

        ThreadPool: Send Sync Unpin Debug, not Clone;
        PoolBuilder: Send Sync Unpin Debug, not Clone;
        Wait<Shutdown<'static>>: Send Sync Unpin Debug Future;
        Timeout<Shutdown<'static>>: Send Unpin Debug Future;
        SubmitError<u8>: Send Sync Unpin Debug Error;
        SubmitError<OneThread>: Send Debug Error, not Sync;
        SubmitError<Local>: Debug Error, not Send Sync;
        Timer: Send Sync Unpin Debug Clone;

        Job<u8>: Send Sync Unpin Debug Clone Eq IntoFuture;
        Job<OneThread>: Send Sync Unpin Debug Clone Eq IntoFuture;
        &'static Job<u8>: Send Sync IntoFuture;
        JobError: Send Sync Unpin Debug Error;
        Wait<JobResult<u8>>: Send Sync Unpin Debug Future;
        Wait<JobResult<OneThread>>: Send Sync Unpin Debug Future;
        Timeout<JobResult<u8>>: Send Unpin Debug Future;
        Wait<WaitAny<OneThread>>: Send Sync Unpin Debug Future;
        Timeout<WaitAny<OneThread>>: Send Unpin Debug Future;
        Wait<WaitAll<OneThread>>: Send Sync Unpin Debug Future;
        Timeout<WaitAll<OneThread>>: Send Unpin Debug Future;
        AsCompleted<OneThread>: Send Sync Unpin Debug ExactSizeIterator;
        Map<OneThread>: Send Unpin Debug ExactSizeIterator;
    }
}

#[test]
fn the_probe_can_say_no() {
    assert!(implements!(u8: Send));
    assert!(!implements!(Local: Send));
}
