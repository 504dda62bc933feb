//! A task whose executor is the machine: it's polled when the program says so.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A waker that counts how often it has been called.
#[derive(Clone, Default)]
pub struct Hand {
    count: Arc<Count>,
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

    pub fn woken(&self) -> usize {
        self.count.0.load(Ordering::SeqCst)
    }

    pub fn poll<F: Future + Unpin>(&self, future: &mut F) -> Poll<F::Output> {
        let waker = Waker::from(self.count.clone());
        Pin::new(future).poll(&mut Context::from_waker(&waker))
    }
}
