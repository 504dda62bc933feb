//! The event among three and more: whoever waits at a `set` is released by it.

use super::{Patience, SOON, join, model, poll_once, task, thread};
use amphi::Event;
use shuttle::sync::Arc;

#[test]
fn everybody_is_released() {
    model(12_000, || {
        let event = Arc::new(Event::new());
        let parties = [
            thread(&event, |event| event.wait().block()),
            thread(&event, |event| event.wait().block()),
            task(&event, async |event| event.wait().await),
            task(&event, async |event| event.wait().await),
        ];
        event.set();
        join(parties);
    });
}

/// Those who waited before go on although it is cleared at once; they have been polled by another waker before.
#[test]
fn a_clear_takes_nothing_back() {
    model(18_000, || {
        let event = Arc::new(Event::new());
        let mut waits = [event.wait(), event.wait()];
        assert!(!waits.iter_mut().any(poll_once));
        let clears = [
            thread(&event, |event| {
                event.set();
                event.clear();
            }),
            thread(&event, |event| {
                event.set();
                event.clear();
            }),
        ];
        let [by_thread, by_task] = waits;
        shuttle::future::block_on(by_task);
        by_thread.block();
        join(clears);
        assert!(!event.is_set());
    });
}

/// Two rounds, in each of which one gives up, and the next begins whether that one has noticed or not.
#[test]
fn rounds_with_cancels() {
    model(12_000, || {
        let events = Arc::new([Event::new(), Event::new()]);
        let gives_up = task(&events, async |events| {
            let _ = events[0].wait().or(Patience::some()).await;
            let _ = events[1].wait().or(Patience::some()).await;
        });
        let is_late = thread(&events, |events| {
            let _ = events[0].wait().timeout(SOON).block();
            let _ = events[1].wait().timeout(SOON).block();
        });
        let waits = task(&events, async |events| {
            events[0].wait().await;
            events[0].clear();
            events[1].set();
        });
        events[0].set();
        events[1].wait().block();
        join([gives_up, is_late, waits]);
    });
}
