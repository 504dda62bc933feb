//! Waits within waits, and the program's own use of the thread's token.

use super::*;

/// A poll that blocks its thread, in a future that is itself driven by `block_on`: the inner
/// wait doesn't use up the outer one's wake-up.
#[test]
fn blocking_inside_of_block_on() {
    watched(|| {
        for _ in 0..200 {
            let (outer, inner) = (Arc::new(Event::new()), Arc::new(Event::new()));
            let sets = {
                let (outer, inner) = (outer.clone(), inner.clone());
                thread::spawn(move || {
                    outer.set();
                    inner.set();
                })
            };
            let mut wait = outer.wait();
            amphi::block_on(std::future::poll_fn(|cx| {
                let poll = std::pin::Pin::new(&mut wait).poll(cx);
                inner.wait().block();
                poll
            }));
            sets.join().unwrap();
        }
    });
}

/// The program's own use of `park` is not disturbed: a token that comes while a thread
/// is blocked here is not lost.
#[test]
fn a_token_of_unpark_is_given_back() {
    watched(|| {
        let event = Arc::new(Event::new());
        let (ready, is_ready) = mpsc::channel();
        let thread = {
            let event = event.clone();
            thread::spawn(move || {
                ready.send(()).unwrap();
                event.wait().block();
                thread::park();
            })
        };
        is_ready.recv().unwrap();
        let_it_block();
        thread.thread().unpark();
        let_it_block();
        event.set();
        thread.join().unwrap();
    });
}
