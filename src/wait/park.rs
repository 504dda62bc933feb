//! How a thread waits: it spins a little, then it sleeps until it is woken.
//!
//! The thread's [`Parker`] is one flag above std's `park`:
//!
//! | `woken` | meaning | who moves it on |
//! |---|---|---|
//! | `false` | nobody has called the waker since the last poll | any waker, to `true`, and unparks |
//! | `true` | there is something to look at | the thread, to `false`, before it polls again |
//!
//! The swap to `true` is a Release and the swap to `false` an Acquire, so whatever was done
//! before the wake is seen by the poll after it. A wake between the poll and the sleep leaves
//! the flag `true` (and std's token), so the sleep ends at once: no wake-up is lost.
//!
//! Every level has a parker of its own, for a future that is polled by a thread may itself
//! block that thread: with one flag for both, the inner wait would use up the outer's
//! wake-up.

use super::notes::ONE_MILLISECOND;
use super::time::now;
use super::turn::Turn;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Spin, Thread, current, local, park, park_timeout};
use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::pin::pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

/// What waits, as far as a release cares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A task: somebody polls it, or nobody does.
    Task,
    /// A wait that is polled by a thread blocked in [`block_on`], or in [`Or::block`](super::Or::block): what else is polled there
    /// may keep the thread from this one.
    Driven,
    /// A thread blocked in this very wait.
    Thread,
}

/// Who makes an attempt, and how to wake them.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    pub(super) waker: &'a Waker,
    pub(super) turn: Turn,
}

impl<'a> Who<'a> {
    /// Whoever polls with this context.
    #[inline]
    pub(super) fn polls(cx: &mut Context<'a>) -> Self {
        Who {
            waker: cx.waker(),
            turn: Turn::POLL,
        }
    }

    /// Sees to it that a thread that polls this looks again in a while, even if nobody wakes it.
    pub(super) fn look_again(self) {
        if self.kind() == Kind::Driven {
            LOOKS_AGAIN.with(|looks| looks.set(true));
        }
    }

    /// What waits.
    pub(super) fn kind(self) -> Kind {
        if self.turn.is(Turn::DEVOTED) {
            return Kind::Thread;
        }
        // Null when no `block_on` runs; a waker's data may be null as well.
        let driver = DRIVER.with(Cell::get);
        if !driver.is_null() && ptr::eq(driver, self.waker.data()) {
            Kind::Driven
        } else {
            Kind::Task
        }
    }
}

local! {
    /// A parker for the outermost level, so that not every wait has to make one.
    static SPARE: RefCell<Option<Arc<Parker>>> = RefCell::new(None);
    /// The parker of the level that runs now, as its waker's data.
    static DRIVER: Cell<*const ()> = Cell::new(ptr::null());
    /// Whether that level is to look again in a while.
    static LOOKS_AGAIN: Cell<bool> = Cell::new(false);
}

struct Parker {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}

impl Parker {
    fn take() -> Arc<Parker> {
        // An error means that this thread is past the end of its thread-locals.
        let spare = SPARE
            .try_with(|spare| spare.borrow_mut().take())
            .ok()
            .flatten();
        spare.unwrap_or_else(|| {
            Arc::new(Parker {
                thread: current(),
                woken: AtomicBool::new(false),
            })
        })
    }

    /// Sleeps until woken or until the deadline. Returns whether it slept at all.
    fn park(&self, until: Option<Instant>) -> bool {
        let mut spin = Spin::moment(true);
        while !self.woken.load(Ordering::Relaxed) {
            if !spin.pause() {
                break;
            }
        }
        let mut slept = false;
        while !self.woken.swap(false, Ordering::Acquire) {
            match until {
                None => park(),
                Some(until) => match until.checked_duration_since(now()) {
                    Some(left) if !left.is_zero() => park_timeout(left),
                    _ => break,
                },
            }
            slept = true;
        }
        slept
    }
}

/// Calls `step` until it breaks, and sleeps after each time that it doesn't: until the waker
/// is called, or until the instant that `step` returned. Each is a `turn` of this kind.
pub(super) fn park_until<T>(
    turn: Turn,
    mut step: impl FnMut(Who<'_>) -> ControlFlow<T, Option<Instant>>,
) -> T {
    let level = Level::enter();
    let who = Who {
        waker: &level.waker,
        turn,
    };
    loop {
        match step(who) {
            ControlFlow::Break(output) => return output,
            ControlFlow::Continue(until) => {
                let looks_again = LOOKS_AGAIN.with(|looks| looks.replace(false));
                let soon = looks_again.then(|| now() + ONE_MILLISECOND);
                let until = until.into_iter().chain(soon).min();
                if level.parker.park(until) {
                    level.slept.set(true);
                }
            }
        }
    }
}

/// A thread that waits, perhaps within a poll of another wait of the same thread.
struct Level {
    parker: Arc<Parker>,
    waker: Waker,
    outer: *const (),
    outer_looks_again: bool,
    slept: Cell<bool>,
}

impl Level {
    fn enter() -> Self {
        let parker = Parker::take();
        let waker = Waker::from(parker.clone());
        let outer = DRIVER.with(|driver| driver.replace(waker.data()));
        Level {
            parker,
            waker,
            outer,
            outer_looks_again: LOOKS_AGAIN.with(|looks| looks.replace(false)),
            slept: Cell::new(false),
        }
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        DRIVER.with(|driver| driver.set(self.outer));
        LOOKS_AGAIN.with(|looks| looks.set(self.outer_looks_again));
        // Of two wakers called, the second may still be on its way: then this parker
        // is not clean, but the flag only ever causes one look too many.
        let _ = SPARE.try_with(|spare| *spare.borrow_mut() = Some(self.parker.clone()));
        if self.slept.get() {
            // The program may use `std::thread::park` itself, and its token may have been taken
            // along with ours. One too many is a spurious wake-up, which `park` allows for.
            self.parker.thread.unpark();
        }
    }
}

/// Drives a future to its end on the calling thread, which sleeps while there is nothing to
/// poll.
///
/// It needs no runtime and is none: somebody else has to wake what the future
/// waits for, as with `futures::executor::block_on`. A single operation of this
/// crate needs no future around it: [`Wait::block`](super::Wait::block) does less work.
///
/// A wait that is polled with the waker of `block_on` itself counts as that of a blocked thread, which depends
/// on no task. One that has a waker of its own in between, as in `FuturesUnordered`, is a task's. A
/// release wakes every thread that waits in `block_on`, up to the first that waits in `block`.
///
/// # Panics
///
/// If the future panics.
///
/// ```
/// use amphi::{Event, block_on};
///
/// let (start, end) = (Event::new(), Event::new());
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         start.wait().block();
///         end.set();
///     });
///     let set = block_on(async {
///         start.set();
///         end.wait().await;
///         end.is_set()
///     });
///     assert!(set);
/// });
/// ```
#[doc(alias = "pollster")]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    park_until(Turn::BLOCKS, |who| {
        match future.as_mut().poll(&mut Context::from_waker(who.waker)) {
            Poll::Ready(output) => ControlFlow::Break(output),
            Poll::Pending => ControlFlow::Continue(None),
        }
    })
}
