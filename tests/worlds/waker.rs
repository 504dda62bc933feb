//! Wakers that do what a test wants.

use std::sync::Arc;
use std::task::{Wake, Waker};

struct Calls<F>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for Calls<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

/// A waker that calls a function, as an executor that polls where it is woken does.
pub fn waker(call: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Calls(call)))
}

pub fn panics_when_woken() -> Waker {
    waker(|| panic!("in the waker"))
}
