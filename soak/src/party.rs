//! How a party waits: as a thread or as a task, to the end or not.

use amphi::{Operation, Timeout, Wait};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub enum Party {
    Thread,
    Task,
}

impl Party {
    /// To the end.
    pub async fn wait<O: Operation>(self, wait: Wait<O>) -> O::Output {
        match self {
            Party::Thread => wait.block(),
            Party::Task => wait.await,
        }
    }

    /// For a while.
    pub async fn wait_briefly<O: Operation>(self, wait: Wait<O>) -> O::Timed {
        let wait = wait.timeout(moment());
        self.timed(wait).await
    }

    async fn timed<O: Operation>(self, wait: Timeout<O>) -> O::Timed {
        match self {
            Party::Thread => wait.block(),
            Party::Task => wait.await,
        }
    }

    /// Until something else has ended.
    pub async fn wait_or<O: Operation, F: Future>(
        self,
        wait: Wait<O>,
        other: F,
    ) -> Option<O::Output> {
        match self {
            Party::Thread => wait.or(other).block().ok(),
            Party::Task => wait.or(other).await.ok(),
        }
    }

    /// Lets others run in between, then gives up.
    pub async fn try_twice<O: Operation>(self, wait: Wait<O>) -> Option<O::Output> {
        self.wait_or(wait, turn()).await
    }

    /// Lets others run.
    pub async fn give_way(self) {
        match self {
            Party::Thread => std::thread::yield_now(),
            Party::Task => turn().await,
        }
    }
}

/// Ready when it's polled for the second time.
async fn turn() {
    let mut polled = false;
    poll_fn(|context| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Some time, mostly short.
pub fn moment() -> Duration {
    match fastrand::u8(..8) {
        0 => Duration::ZERO,
        1 => Duration::from_millis(fastrand::u64(1..5)),
        _ => Duration::from_micros(fastrand::u64(1..500)),
    }
}
