//! Where time comes from: deadlines, and the timers that tasks wait for.
//!
//! A deadline is fixed when [`timeout`](super::Wait::timeout) is called. A thread parks
//! until then by the system's clock. For a task a timer is made, but only once it really
//! has to wait: `async-io`'s, which works on every runtime and outside of any, or, with
//! the feature `tokio` and inside a tokio runtime, tokio's own, whose clock
//! `tokio::time::pause` can stop. That is why a deadline knows both clocks.

use std::time::{Duration, Instant};

/// The present. Loom explores interleavings, not durations: there every instant is equal,
/// and whatever is bound to happen after a while happens at once.
pub(super) fn now() -> Instant {
    #[cfg(not(loom))]
    return Instant::now();
    #[cfg(loom)]
    {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *START.get_or_init(Instant::now)
    }
}

/// When to give up; never, if the instant can't be expressed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    at: Option<Instant>,
    #[cfg(feature = "tokio")]
    tokio: Option<tokio::time::Instant>,
}

impl Deadline {
    pub(super) fn after(duration: Duration) -> Self {
        Deadline {
            at: now().checked_add(duration),
            #[cfg(feature = "tokio")]
            tokio: tokio::time::Instant::now().checked_add(duration),
        }
    }

    pub(super) fn at(instant: Instant) -> Self {
        Deadline {
            at: Some(instant),
            // Tokio's clock may be paused or ahead, so it is the time left that counts.
            #[cfg(feature = "tokio")]
            tokio: tokio::time::Instant::now()
                .checked_add(instant.saturating_duration_since(now())),
        }
    }

    /// The instant by the system's clock.
    pub(super) fn instant(&self) -> Option<Instant> {
        self.at
    }

    /// Whether it has passed by the system's clock.
    pub(super) fn is_past(&self) -> bool {
        self.at.is_some_and(|at| now() >= at)
    }
}

#[cfg(feature = "time")]
pub(super) use sleep::Sleep;

#[cfg(feature = "time")]
mod sleep {
    use super::Deadline;
    use std::fmt;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    /// A timer that a task waits for.
    pub(in crate::wait) enum Sleep {
        /// The deadline had passed before there was anything to wait for.
        Over,
        Io(async_io::Timer),
        #[cfg(feature = "tokio")]
        Tokio(Pin<Box<tokio::time::Sleep>>),
    }

    impl Sleep {
        /// `None` if the deadline never comes.
        pub(in crate::wait) fn until(deadline: &Deadline) -> Option<Self> {
            #[cfg(feature = "tokio")]
            if tokio::runtime::Handle::try_current().is_ok() {
                let at = deadline.tokio?;
                return Some(if tokio::time::Instant::now() >= at {
                    Sleep::Over
                } else {
                    Sleep::Tokio(Box::pin(tokio::time::sleep_until(at)))
                });
            }
            let at = deadline.at?;
            Some(if deadline.is_past() {
                Sleep::Over
            } else {
                Sleep::Io(async_io::Timer::at(at))
            })
        }

        /// `deadline` is the one it was made for.
        pub(in crate::wait) fn poll(
            &mut self,
            #[cfg_attr(not(feature = "tokio"), expect(unused_variables))] deadline: &Deadline,
            cx: &mut Context<'_>,
        ) -> Poll<()> {
            // A task that has left its runtime can't rely on that one's timer any more.
            #[cfg(feature = "tokio")]
            if matches!(self, Sleep::Tokio(_)) && tokio::runtime::Handle::try_current().is_err() {
                *self = Sleep::until(deadline).unwrap_or(Sleep::Over);
            }
            match self {
                Sleep::Over => Poll::Ready(()),
                Sleep::Io(timer) => Pin::new(timer).poll(cx).map(drop),
                #[cfg(feature = "tokio")]
                Sleep::Tokio(sleep) => sleep.as_mut().poll(cx),
            }
        }
    }

    impl fmt::Debug for Sleep {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(match self {
                Sleep::Over => "Over",
                Sleep::Io(_) => "Io",
                #[cfg(feature = "tokio")]
                Sleep::Tokio(_) => "Tokio",
            })
        }
    }
}
