//! Where time comes from: deadlines, and the timers that tasks wait for.
//!
//! A deadline is fixed when [`timeout`](super::Wait::timeout) is called. A thread parks
//! until then by the system's clock. For a task a timer is made, but only once it really
//! has to wait: `async-io`'s, which works on every runtime and outside of any, or, with
//! the feature `tokio` and inside a tokio runtime, tokio's own, whose clock
//! `tokio::time::pause` can stop. That is why a deadline knows both clocks.

use std::sync::OnceLock;
use std::task::Context;
use std::time::{Duration, Instant};

/// The present. Loom explores interleavings, not durations: there every instant is equal,
/// and whatever is bound to happen after a while happens at once. Shuttle has a clock in `sync/clock.rs`.
pub(crate) fn now() -> Instant {
    #[cfg(not(any(loom, shuttle)))]
    return Instant::now();
    #[cfg(loom)]
    return origin();
    #[cfg(shuttle)]
    return origin() + crate::sync::passed();
}

/// Some instant that is always the same.
pub(super) fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
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

    /// Whether it has passed by the system's clock.
    fn is_past(&self) -> bool {
        self.at.is_some_and(|at| now() >= at)
    }
}

/// A deadline, and the timer that a task waits for until then.
#[derive(Debug, Default)]
pub struct Alarm {
    /// `None` if there is none, or the operation has been told that its time is up.
    deadline: Option<Deadline>,
    #[cfg(feature = "time")]
    sleep: Option<sleep::Sleep>,
}

impl Alarm {
    pub(super) fn new(deadline: Deadline) -> Self {
        Alarm {
            deadline: Some(deadline),
            #[cfg(feature = "time")]
            sleep: None,
        }
    }

    pub(crate) fn after(duration: Duration) -> Self {
        Alarm::new(Deadline::after(duration))
    }

    /// The instant by the system's clock, if it ever comes.
    pub(super) fn instant(&self) -> Option<Instant> {
        self.deadline.and_then(|deadline| deadline.at)
    }

    /// Whether it has passed by the system's clock.
    pub(super) fn is_past(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline.is_past())
    }

    /// Whether it has passed; if not, the task will be woken then.
    #[cfg(not(feature = "time"))]
    pub(super) fn poll(&mut self, _: &mut Context<'_>) -> bool {
        assert!(
            self.deadline.is_none(),
            "a deadline can't be awaited without amphi's feature `time`"
        );
        false
    }

    /// Whether it has passed; if not, the task will be woken then.
    #[cfg(feature = "time")]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = &self.deadline else {
            return false;
        };
        if self.sleep.is_none() {
            self.sleep = sleep::Sleep::until(deadline);
        }
        let sleep = self.sleep.as_mut();
        sleep.is_some_and(|sleep| sleep.poll(deadline, cx).is_ready())
    }
}

#[cfg(feature = "time")]
mod sleep {
    use super::Deadline;
    use std::fmt;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    /// A timer that a task waits for.
    pub(super) enum Sleep {
        /// The deadline had passed before there was anything to wait for.
        Over,
        Io(async_io::Timer),
        #[cfg(feature = "tokio")]
        Tokio(Pin<Box<tokio::time::Sleep>>),
    }

    impl Sleep {
        /// `None` if the deadline never comes.
        pub(super) fn until(deadline: &Deadline) -> Option<Self> {
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
        pub(super) fn poll(
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
