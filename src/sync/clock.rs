//! Time in a model of shuttle, which has none: whenever somebody looks at the clock some may have passed or not, as the
//! scheduler's random numbers say.

use shuttle::rand::{RngCore, thread_rng};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Long enough for what happens after a millisecond.
const TICK: Duration = Duration::from_millis(2);

/// A sleep that is longer than this is as good as one without an end: whoever relies on being woken from it is found out.
const FOR_EVER: Duration = Duration::from_secs(60);

shuttle::lazy_static! {
    static ref NANOSECONDS: AtomicU64 = AtomicU64::new(0);
}

/// How much time has passed since the execution began.
pub(crate) fn passed() -> Duration {
    if by_chance(4) {
        pass(TICK);
    }
    Duration::from_nanos(NANOSECONDS.load(Ordering::Relaxed))
}

/// Lets others run; all of the sleep may have passed meanwhile. Whoever parks until some instant looks at the clock after that.
pub(crate) fn park_timeout(sleep: Duration) {
    shuttle::thread::yield_now();
    if sleep < FOR_EVER && by_chance(8) {
        pass(sleep);
    }
}

fn pass(time: Duration) {
    let nanoseconds = u64::try_from(time.as_nanos()).expect("it is less than a minute");
    NANOSECONDS.fetch_add(nanoseconds, Ordering::Relaxed);
}

fn by_chance(one_of: u64) -> bool {
    thread_rng().next_u64() % one_of == 0
}
