//! One test case, played in every world: by threads, by the tasks of each runtime, and mixed.
//!
//! `worlds! { async fn name(world: World) { .. } }` makes a test of the case for every world. Within it, `world.spawn(|world| async move { .. })` starts a party,
//! and `operation.on(world).await` waits as that party does: a thread blocks, a task awaits. A case that hangs
//! fails with a message.
#![allow(dead_code, unused_imports, unused_macros)]

mod gate;
mod hand;
mod waker;

pub use gate::Gate;
pub use hand::{Hand, poll_with};
pub use waker::{panics_when_woken, waker};

use amphi::{Operation, Timeout, Wait};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

/// Much longer than any case takes, on any machine.
const HANGS_AFTER: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    Threads,
    TokioCurrent,
    TokioMulti,
    AsyncStd,
    Smol,
    Futures,
    /// Parties are threads and tasks of all runtimes by turns.
    Mixed,
}

impl World {
    /// Plays the main party of a case.
    pub fn play<F: Future<Output = ()> + Send + 'static>(
        self,
        case: impl FnOnce(Self) -> F + Send + 'static,
    ) {
        watched(move || match self {
            World::Threads | World::Mixed => amphi::block_on(case(self)),
            World::TokioCurrent => tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(case(self)),
            World::TokioMulti => tokio_multi().block_on(case(self)),
            World::AsyncStd => async_std::task::block_on(case(self)),
            World::Smol => smol::block_on(case(self)),
            World::Futures => futures::executor::block_on(case(self)),
        });
    }

    /// Starts a party, which is told its own world.
    pub fn spawn<T, F>(self, party: impl FnOnce(World) -> F + Send + 'static) -> Party<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let world = self.of_next_party();
        let (end, result) = futures::channel::oneshot::channel();
        let run = async move {
            let output = futures::FutureExt::catch_unwind(AssertUnwindSafe(party(world))).await;
            let _ = end.send(output);
        };
        match world {
            World::Threads | World::Mixed => {
                thread::spawn(move || amphi::block_on(run));
            }
            World::TokioCurrent => {
                tokio::spawn(run);
            }
            World::TokioMulti => {
                tokio_multi().spawn(run);
            }
            World::AsyncStd => {
                async_std::task::spawn(run);
            }
            World::Smol => smol::spawn(run).detach(),
            World::Futures => futures_pool().spawn_ok(run),
        }
        Party { result }
    }

    fn of_next_party(self) -> World {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        const PARTIES: [World; 6] = [
            World::Threads,
            World::TokioMulti,
            World::Threads,
            World::Smol,
            World::AsyncStd,
            World::Futures,
        ];
        match self {
            World::Mixed => PARTIES[NEXT.fetch_add(1, Ordering::Relaxed) % PARTIES.len()],
            world => world,
        }
    }

    pub fn is_threads(self) -> bool {
        matches!(self, World::Threads | World::Mixed)
    }

    /// Lets the others run.
    pub async fn yield_now(self) {
        if self.is_threads() {
            thread::yield_now();
        } else {
            let mut yielded = false;
            std::future::poll_fn(|cx| {
                if std::mem::replace(&mut yielded, true) {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
    }

    /// Waits until something holds; the watchdog sees to it that it's not for ever.
    pub async fn until(self, mut condition: impl FnMut() -> bool) {
        while !condition() {
            self.yield_now().await;
        }
    }

    /// The next item of what is an iterator that blocks and a stream.
    pub async fn next<S, T>(self, source: &mut S) -> Option<T>
    where
        S: Iterator<Item = T> + futures::Stream<Item = T> + Unpin,
    {
        if self.is_threads() {
            source.next()
        } else {
            futures::StreamExt::next(source).await
        }
    }

    /// All that is left of it.
    pub async fn collect<S, T>(self, mut source: S) -> Vec<T>
    where
        S: Iterator<Item = T> + futures::Stream<Item = T> + Unpin,
    {
        let mut all = Vec::new();
        while let Some(item) = self.next(&mut source).await {
            all.push(item);
        }
        all
    }

    /// For cases in which time has to pass, not for those in which something has to happen.
    pub async fn sleep(self, duration: Duration) {
        match self {
            World::Threads | World::Mixed => thread::sleep(duration),
            World::TokioCurrent | World::TokioMulti => tokio::time::sleep(duration).await,
            World::AsyncStd => async_std::task::sleep(duration).await,
            World::Smol | World::Futures => {
                smol::Timer::after(duration).await;
            }
        }
    }
}

fn tokio_multi() -> &'static tokio::runtime::Runtime {
    static RUNTIME: std::sync::OnceLock<tokio::runtime::Runtime> = std::sync::OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
    })
}

fn futures_pool() -> &'static futures::executor::ThreadPool {
    static POOL: std::sync::OnceLock<futures::executor::ThreadPool> = std::sync::OnceLock::new();
    POOL.get_or_init(|| {
        futures::executor::ThreadPool::builder()
            .pool_size(2)
            .create()
            .unwrap()
    })
}

/// A party that has been started; its panic is the case's.
#[must_use]
pub struct Party<T> {
    result: futures::channel::oneshot::Receiver<thread::Result<T>>,
}

impl<T> Party<T> {
    pub async fn join(self) -> T {
        match self.result.await.expect("the party's executor dropped it") {
            Ok(output) => output,
            Err(payload) => resume_unwind(payload),
        }
    }
}

/// Runs a case on a thread of its own, and fails if it takes too long.
pub fn watched(case: impl FnOnce() + Send + 'static) {
    let (end, ended) = mpsc::channel();
    thread::spawn(move || {
        let _ = end.send(catch_unwind(AssertUnwindSafe(case)));
    });
    match ended.recv_timeout(HANGS_AFTER) {
        Ok(Ok(())) => {}
        Ok(Err(payload)) => resume_unwind(payload),
        Err(_) => panic!("the case hangs: it has not ended after {HANGS_AFTER:?}"),
    }
}

/// Waits as the party's world does.
pub trait On {
    type Output;

    fn on(self, world: World) -> impl Future<Output = Self::Output> + Send;
}

impl<O: Operation> On for Wait<O>
where
    Self: Future<Output = O::Output> + Send,
{
    type Output = O::Output;

    async fn on(self, world: World) -> O::Output {
        if world.is_threads() {
            self.block()
        } else {
            self.await
        }
    }
}

impl<O: Operation> On for Timeout<O>
where
    Self: Future<Output = O::Timed> + Send,
{
    type Output = O::Timed;

    async fn on(self, world: World) -> O::Timed {
        if world.is_threads() {
            self.block()
        } else {
            self.await
        }
    }
}

macro_rules! worlds {
    ($($(#[$attribute:meta])* async fn $name:ident($world:ident: World) $body:block)*) => {$(
        $(#[$attribute])*
        mod $name {
            use super::*;

            async fn case($world: World) $body

            #[test]
            fn threads() {
                World::Threads.play(case);
            }

            #[test]
            fn tokio_current() {
                World::TokioCurrent.play(case);
            }

            #[test]
            fn tokio_multi() {
                World::TokioMulti.play(case);
            }

            #[test]
            fn async_std() {
                World::AsyncStd.play(case);
            }

            #[test]
            fn smol() {
                World::Smol.play(case);
            }

            #[test]
            fn futures() {
                World::Futures.play(case);
            }

            #[test]
            fn mixed() {
                World::Mixed.play(case);
            }
        }
    )*};
}
pub(crate) use worlds;

/// What a type that has an `Ord` of its own needs besides.
macro_rules! ordered_by_cmp {
    ($type:ty) => {
        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other).is_eq()
            }
        }

        impl Eq for $type {}
    };
}
pub(crate) use ordered_by_cmp;
