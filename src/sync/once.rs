//! once_cell's box with its Acquire and Release where loom can see them: whoever is not told by what else it has read that
//! the box has been made may find it missing.

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug)]
pub(crate) struct OnceBox<T> {
    value: once_cell::race::OnceBox<T>,
    is_made: AtomicBool,
    /// Held by whoever makes it. Of several who try that at the same time, loom need not know which one wins.
    making: Mutex<()>,
}

impl<T> OnceBox<T> {
    pub(crate) fn new() -> Self {
        OnceBox {
            value: once_cell::race::OnceBox::new(),
            is_made: AtomicBool::new(false),
            making: Mutex::new(()),
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        match self.is_made.load(Ordering::Acquire) {
            true => self.value.get(),
            false => None,
        }
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> Box<T>) -> &T {
        self.get().unwrap_or_else(|| {
            let _making = super::lock(&self.making);
            let value = self.value.get_or_init(make);
            self.is_made.store(true, Ordering::Release);
            value
        })
    }
}
