//! Something that jobs wait for.

use amphi::Event;
use std::sync::Arc;

/// What waits behind it goes on when it is opened, or dropped: so a case that fails does not wait for its own jobs.
pub struct Gate {
    event: Arc<Event>,
}

impl Gate {
    pub fn new() -> Self {
        Gate {
            event: Arc::new(Event::new()),
        }
    }

    /// A function that blocks until the gate is open.
    pub fn waits(&self) -> impl Fn() + Send + Sync + 'static {
        let event = self.event.clone();
        move || event.wait().block()
    }

    pub fn open(&self) {
        self.event.set();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}
