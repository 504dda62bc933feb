//! One value from one side to the other, while a third party wants to hear of the end.

use super::{Patience, SOON, model};
use amphi::{Queue, RecvError, oneshot};
use shuttle::sync::Arc;
use shuttle::{future, thread};

/// Requests of two, who may be late, go to one that replies; no reply is lost but that of somebody who has gone.
#[test]
fn replies() {
    model(12_000, || {
        let requests = Arc::new(Queue::<(u32, oneshot::Sender<u32>)>::bounded(1));
        let asks = |request| {
            let requests = requests.clone();
            thread::spawn(move || {
                let (sender, mut receiver) = oneshot::channel();
                requests.put((request, sender)).block().unwrap();
                match receiver.recv().timeout(SOON).block() {
                    Ok(reply) => assert_eq!(reply, request + 1),
                    Err(error) => assert_eq!(error, RecvError::TimedOut),
                }
            })
        };
        let parties = [asks(10), asks(20)];
        let asks_in_a_task = future::spawn({
            let requests = requests.clone();
            async move {
                let (sender, mut receiver) = oneshot::channel();
                requests.put((30, sender)).await.unwrap();
                assert_eq!(receiver.recv().await, Ok(31));
            }
        });
        for _ in 0..3 {
            let (request, sender) = requests.get().block().unwrap();
            let _ = sender.send(request + 1);
        }
        for party in parties {
            party.join().unwrap();
        }
        future::block_on(asks_in_a_task).unwrap();
    });
}

/// Senders wait for the receivers' ends, which come soon or late.
#[test]
fn waits_for_the_end() {
    model(12_000, || {
        let (mut sender, mut receiver) = oneshot::channel::<()>();
        let (mut other, other_receiver) = oneshot::channel::<()>();
        let receives = future::spawn(async move {
            assert!(receiver.recv().or(Patience::some()).await.is_err());
            drop(receiver);
        });
        let drops = thread::spawn(move || drop(other_receiver));
        sender.closed().block();
        future::block_on(other.closed());
        assert!(sender.is_closed() && other.is_closed());
        future::block_on(receives).unwrap();
        drops.join().unwrap();
    });
}

/// The sender waits for the receiver's end, and then gives up or sends.
#[test]
fn send_against_the_end() {
    model(12_000, || {
        let (mut sender, mut receiver) = oneshot::channel();
        let receives = future::spawn(async move {
            let received = receiver.recv().or(Patience::some()).await;
            received.map(Result::unwrap).ok()
        });
        let is_closed = future::block_on(async {
            let closed = sender.closed().or(Patience::some()).await;
            closed.is_ok()
        });
        let sent = sender.send(1);
        let received = future::block_on(receives).unwrap();
        assert!(sent.is_err() || !is_closed);
        assert!(received.is_none() || sent.is_ok());
    });
}
