//! Threads at their end.

use super::*;
use amphi::thread::{self, Thread, current};
use std::cell::RefCell;
use std::sync::mpsc;

/// A thread of std's wakes, at its end, those who wait for that: if a waker's panic came out of there, the process would abort.
#[test]
fn a_waker_may_panic_at_the_end_of_a_foreign_thread() {
    alone(
        "threads::a_waker_may_panic_at_the_end_of_a_foreign_thread",
        || {
            let (tells, told) = mpsc::channel();
            let end = Arc::new(Event::new());
            let waits = end.clone();
            let foreign = std::thread::spawn(move || {
                tells.send(current()).unwrap();
                waits.wait().block();
            });
            let (thread, hand) = (told.recv().unwrap(), Hand::new());
            let (mut first, mut second) = (thread.finished(), thread.finished());
            assert!(poll_with(&panics_when_woken(), &mut first).is_pending());
            assert!(hand.poll(&mut second).is_pending());
            end.set();
            foreign.join().unwrap();
            assert!(!thread.is_alive());
            assert_eq!(hand.woken(), 1);
        },
    );
}

/// A thread of std's asks who it is while its locals are destroyed: it would be alive for ever.
#[test]
fn a_thread_that_asks_too_late_is_not_alive() {
    struct AsksAtTheEnd(mpsc::Sender<Thread>);
    impl Drop for AsksAtTheEnd {
        fn drop(&mut self) {
            let _ = self.0.send(current());
        }
    }
    std::thread_local!(static LAST: RefCell<Option<AsksAtTheEnd>> = const { RefCell::new(None) });
    watched(|| {
        let (tells, told) = mpsc::channel();
        let foreign = std::thread::spawn(move || {
            // Before the thread is known, so it's destroyed after that.
            LAST.set(Some(AsksAtTheEnd(tells)));
            current()
        });
        let early = foreign.join().unwrap();
        let late = told.recv().unwrap();
        assert_eq!(early, late);
        early.finished().block();
        late.finished().block();
        assert!(!early.is_alive() && !late.is_alive());
    });
}

/// It could not start another one, and waits for the end of all but itself.
#[test]
fn a_thread_that_could_not_start_another_one() {
    alone("threads::a_thread_that_could_not_start_another_one", || {
        let mut thread = thread::spawn(|| {
            let started = thread::Builder::new().stack_size(TOO_LARGE).spawn(|| ());
            assert!(started.is_err());
            thread::join_all().timeout(Duration::from_secs(20)).block()
        });
        assert_eq!(thread.join().block().unwrap(), Ok(()));
    });
}
