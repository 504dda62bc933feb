//! What is left of a function that has panicked.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};

/// A function has panicked on another thread.
///
/// ```
/// use amphi::thread::{self, JoinError};
///
/// # std::panic::set_hook(Box::new(|_| {}));
/// let result = thread::spawn(|| panic!("no luck")).join().block();
/// let Err(JoinError::Panicked(panicked)) = result else { unreachable!() };
/// assert_eq!(panicked.message(), "no luck");
/// assert_eq!(*panicked.into_payload().downcast::<&str>().unwrap(), "no luck");
/// ```
pub struct Panicked {
    message: String,
    /// In a mutex, for a payload can be sent but not shared.
    payload: Mutex<Box<dyn Any + Send>>,
}

impl Panicked {
    pub(super) fn new(payload: Box<dyn Any + Send>) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| text.to_string())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        Panicked {
            message: message.unwrap_or_else(|| "a payload that is no text".into()),
            payload: Mutex::new(payload),
        }
    }

    /// What the panic said, or that its payload was no text.
    ///
    /// ```
    /// use amphi::thread::{self, JoinError};
    ///
    /// # std::panic::set_hook(Box::new(|_| {}));
    /// match thread::spawn(|| panic!("{}!", 42)).join().block() {
    ///     Err(JoinError::Panicked(panicked)) => assert_eq!(panicked.message(), "42!"),
    ///     _ => unreachable!(),
    /// }
    /// ```
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the panic carried.
    ///
    /// ```
    /// use amphi::thread::{self, JoinError};
    ///
    /// # std::panic::set_hook(Box::new(|_| {}));
    /// match thread::spawn(|| std::panic::panic_any(42_u8)).join().block() {
    ///     Err(JoinError::Panicked(panicked)) => assert!(panicked.into_payload().is::<u8>()),
    ///     _ => unreachable!(),
    /// }
    /// ```
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        let payload = self.payload.into_inner();
        payload.unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on with the panic on this thread.
    ///
    /// # Panics
    ///
    /// Always.
    ///
    /// ```
    /// use amphi::thread::{self, JoinError};
    ///
    /// # std::panic::set_hook(Box::new(|_| {}));
    /// let outcome = std::panic::catch_unwind(|| {
    ///     match thread::spawn(|| panic!("again")).join().block() {
    ///         Err(JoinError::Panicked(panicked)) => panicked.resume(),
    ///         other => other,
    ///     }
    /// });
    /// assert!(outcome.is_err());
    /// ```
    pub fn resume(self) -> ! {
        resume_unwind(self.into_payload())
    }
}

impl fmt::Debug for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Panicked").field(&self.message).finish()
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.message)
    }
}

impl Error for Panicked {}
