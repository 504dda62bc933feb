//! What to do with panics of the user's code, where that is not all there is to do.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

/// Several things that are the user's and may panic, each of which is to be done in any case. The first panic goes on after them.
#[derive(Default)]
pub(crate) struct FirstPanic(Option<Box<dyn Any + Send>>);

impl FirstPanic {
    pub(crate) const NONE: FirstPanic = FirstPanic(None);

    /// The panic that there has been already, perhaps.
    pub(crate) fn of(panic: Option<Box<dyn Any + Send>>) -> Self {
        FirstPanic(panic)
    }

    /// Whether it has not panicked.
    pub(crate) fn catch(&mut self, action: impl FnOnce()) -> bool {
        let Err(payload) = catch_unwind(AssertUnwindSafe(action)) else {
            return true;
        };
        match self.0 {
            None => self.0 = Some(payload),
            Some(_) => unharmed(|| drop(payload)),
        }
        false
    }

    /// Goes on with it, if there was one. Amid another panic it's swallowed.
    pub(crate) fn resume(self) {
        match self.0 {
            None => {}
            Some(payload) if thread::panicking() => unharmed(|| drop(payload)),
            Some(payload) => resume_unwind(payload),
        }
    }
}

/// Does what is the user's and may panic, where nobody is to be harmed by that. The panic hook has reported it.
pub(crate) fn unharmed(action: impl FnOnce()) {
    let panicked = catch_unwind(AssertUnwindSafe(action));
    // Dropping a payload may panic in its turn.
    if let Err(Err(payload)) =
        panicked.map_err(|payload| catch_unwind(AssertUnwindSafe(|| drop(payload))))
    {
        mem::forget(payload);
    }
}
