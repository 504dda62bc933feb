//! Polling by hand: a task whose executor is the test.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A task that runs when the test says so, and counts how often it has been woken.
#[derive(Clone, Default)]
pub struct Hand {
    woken: Arc<Count>,
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Hand {
    pub fn new() -> Self {
        Hand::default()
    }

    pub fn poll<F: Future + Unpin>(&self, future: &mut F) -> Poll<F::Output> {
        poll_with(&Waker::from(self.woken.clone()), future)
    }

    pub fn woken(&self) -> usize {
        self.woken.0.load(Ordering::SeqCst)
    }
}

pub fn poll_with<F: Future + Unpin>(waker: &Waker, future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}
