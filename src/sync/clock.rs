//! Time in a model of shuttle, which has none: whenever somebody looks at the clock some may have passed or not, as the
//! scheduler's random numbers say.

use shuttle::rand::{RngCore, thread_rng};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Long enough for what happens after a millisecond.
const TICK: Duration = Duration::from_millis(2);

shuttle::lazy_static! {
    static ref TICKS: AtomicU32 = AtomicU32::new(0);
}

/// How much time has passed since the execution began.
pub(crate) fn passed() -> Duration {
    let one_more = u32::from(thread_rng().next_u64() % 4 == 0);
    let ticks = TICKS.fetch_add(one_more, Ordering::Relaxed) + one_more;
    TICK * ticks
}

/// Lets others run. Whoever parks until some instant looks at the clock after that.
pub(crate) fn park_timeout(_: Duration) {
    shuttle::thread::yield_now();
}
