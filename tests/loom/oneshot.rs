//! The oneshot channel: the value arrives or comes back, and each side hears of the other's end.

use super::{model, poll_once};
use amphi::oneshot::{self, Closed, RecvError};
use loom::future::block_on;
use loom::thread;
use std::time::Duration;

/// A value is sent to a thread, or to a task, that is about to wait.
#[test]
fn send_against_recv() {
    for by_task in [false, true] {
        model(3, move || {
            let (sender, mut receiver) = oneshot::channel();
            let sends = thread::spawn(move || sender.send(1));
            let received = match by_task {
                false => receiver.recv().block(),
                true => block_on(receiver.recv()),
            };
            assert_eq!(received, Ok(1));
            sends.join().unwrap().unwrap();
        });
    }
}

/// The sender goes while a task is about to wait.
#[test]
fn drop_against_recv() {
    model(3, || {
        let (sender, mut receiver) = oneshot::channel::<u8>();
        let drops = thread::spawn(move || drop(sender));
        assert_eq!(block_on(receiver.recv()), Err(Closed));
        drops.join().unwrap();
    });
}

/// The value is with one of the two, and dropped with the channel.
#[test]
fn send_against_drop() {
    model(3, || {
        let (sender, receiver) = oneshot::channel();
        let value = std::sync::Arc::new(());
        let sent = value.clone();
        let sends = thread::spawn(move || sender.send(sent));
        drop(receiver);
        let back = sends.join().unwrap();
        let copies = std::sync::Arc::strong_count(&value);
        assert_eq!(copies, if back.is_err() { 2 } else { 1 });
    });
}

/// The receiver goes while the sender is about to wait for that.
#[test]
fn drop_against_closed() {
    model(3, || {
        let (mut sender, receiver) = oneshot::channel::<u8>();
        let drops = thread::spawn(move || drop(receiver));
        sender.closed().block();
        assert!(sender.is_closed());
        drops.join().unwrap();
    });
}

/// One wait gives up while the value comes; the next one finds it.
#[test]
fn send_against_cancel() {
    model(3, || {
        let (sender, mut receiver) = oneshot::channel();
        let mut first = receiver.recv();
        let received = poll_once(&mut first);
        assert!(!received);
        let sends = thread::spawn(move || sender.send(1).unwrap());
        drop(first);
        assert_eq!(receiver.recv().block(), Ok(1));
        sends.join().unwrap();
    });
}

/// The time of a wait is up while the value comes: it has it, or the next one finds it.
#[test]
fn send_against_timeout() {
    model(3, || {
        let (sender, mut receiver) = oneshot::channel();
        let sends = thread::spawn(move || sender.send(1).unwrap());
        let received = match receiver.recv().timeout(Duration::ZERO).block() {
            Err(RecvError::TimedOut) => block_on(receiver.recv()).unwrap(),
            received => received.unwrap(),
        };
        assert_eq!(received, 1);
        sends.join().unwrap();
    });
}

/// A wait that has been polled with another waker goes on here, while the value comes: that waker may have been called in vain.
#[test]
fn send_against_a_change_of_wakers() {
    model(3, || {
        let (sender, mut receiver) = oneshot::channel();
        let mut wait = receiver.recv();
        let received = poll_once(&mut wait);
        assert!(!received);
        let sends = thread::spawn(move || sender.send(1).unwrap());
        assert_eq!(block_on(wait), Ok(1));
        sends.join().unwrap();
    });
}
