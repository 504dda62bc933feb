//! Queues as sinks.

use super::*;
use futures::{Sink, SinkExt};
use std::pin::Pin;

worlds! {
    async fn sends(world: World) {
        let queue = Arc::new(Queue::bounded(2));
        let mut producers = Vec::new();
        for producer in 0..3 {
            let queue = queue.clone();
            producers.push(world.spawn(move |_| async move {
                let mut sink = queue.sink_owned();
                for item in 0..50 {
                    sink.send(producer * 50 + item).await.unwrap();
                }
                sink.close().await.unwrap();
            }));
        }
        let mut got = Vec::new();
        for _ in 0..150 {
            got.push(queue.get().on(world).await.unwrap());
        }
        for producer in producers {
            producer.join().await;
        }
        assert!(!queue.is_shut_down() && queue.is_empty());
        got.sort();
        assert!(got.into_iter().eq(0..150));
    }

    /// From a stream into a sink, of another kind.
    async fn forwards(world: World) {
        let (from, to) = (Arc::new(Queue::bounded(2)), Arc::new(LifoQueue::unbounded()));
        let (stream, sink) = (from.stream_owned(), to.sink_owned());
        let forwards = world.spawn(|_| async { stream.map(Ok).forward(sink).await.unwrap() });
        from.put_all(0..20).on(world).await.unwrap();
        from.shutdown();
        forwards.join().await;
        assert!(to.try_iter().eq((0..20).rev()));
    }
}

/// The item is held until there is room; then whoever flushes is woken.
#[test]
fn holds_one() {
    let (queue, hand) = (Queue::bounded(1), Hand::new());
    let mut sink = queue.sink();
    assert!(hand.poll(&mut sink.feed(1)).is_ready());
    // It is put when there is a reason to.
    assert_eq!(hand.poll(&mut sink.flush()), Poll::Ready(Ok(())));
    assert_eq!(queue.len(), 1);
    assert!(hand.poll(&mut sink.feed(2)).is_ready());
    assert!(hand.poll(&mut sink.flush()).is_pending());
    assert!(hand.poll(&mut sink.close()).is_pending());
    assert!(hand.poll(&mut sink.feed(3)).is_pending());
    assert_eq!((queue.try_get(), hand.woken()), (Ok(1), 1));
    assert_eq!(hand.poll(&mut sink.feed(4)), Poll::Ready(Ok(())));
    assert_eq!(queue.try_get(), Ok(2));
    assert_eq!(block_on(sink.close()), Ok(()));
    assert_eq!((queue.try_get(), queue.is_shut_down()), (Ok(4), false));
}

/// What it holds comes back when the queue is shut down.
#[test]
fn shut_down() {
    let (queue, hand) = (Queue::bounded(1), Hand::new());
    let (mut sink, mut other) = (queue.sink(), queue.sink());
    assert_eq!(block_on(sink.send(1)), Ok(()));
    assert!(hand.poll(&mut sink.send(2)).is_pending());
    queue.shutdown();
    assert_eq!(hand.woken(), 1);
    assert_eq!(block_on(sink.flush()), Err(PutError::ShutDown(2)));
    assert_eq!(block_on(sink.send(3)), Err(PutError::ShutDown(3)));
    assert_eq!(block_on(other.send(4)), Err(PutError::ShutDown(4)));
    assert_eq!(block_on(other.close()), Ok(()));
    assert_eq!((rest(&queue), queue.unfinished()), (vec![1], 1));
}

/// Dropped, it drops the item that it holds, and leaves its turn to another.
#[test]
fn dropped() {
    let (queue, first, second) = (Queue::bounded(1), Hand::new(), Hand::new());
    let item = Arc::new(());
    queue.try_put(item.clone()).unwrap();
    let (mut sink, mut put) = (queue.sink(), queue.put(item.clone()));
    assert!(first.poll(&mut sink.send(item.clone())).is_pending());
    assert!(second.poll(&mut put).is_pending());
    drop(queue.try_get());
    assert_eq!((first.woken(), second.woken()), (1, 0));
    drop(sink);
    assert_eq!(second.woken(), 1);
    assert!(second.poll(&mut put).is_ready());
    assert_eq!((Arc::strong_count(&item), queue.len()), (2, 1));
}

#[test]
fn not_ready() {
    let queue = Queue::bounded(1);
    let mut sink = queue.sink();
    Pin::new(&mut sink).start_send(1).unwrap();
    let message = message(|| Pin::new(&mut sink).start_send(2));
    assert!(message.contains("poll_ready"), "{message}");
    assert_eq!(block_on(sink.flush()), Ok(()));
    assert_eq!(rest(&queue), [1]);
    assert!(format!("{sink:?}").contains("Sink"));
}
