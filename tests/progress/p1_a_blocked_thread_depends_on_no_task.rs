//! P1: a release wakes a blocked thread, whoever is ahead of it.

use super::*;

/// `ahead` tasks, which nobody polls any more, are in the queue; behind them a thread.
fn behind_unpolled_tasks(ahead: usize, block: fn(Wait<Lock<'static, u32>>)) {
    watched(move || {
        let mutex = mutex();
        let guard = mutex.lock().block();
        let tasks: Vec<_> = (0..ahead).map(|_| (Hand::new(), mutex.lock())).collect();
        let mut tasks = tasks;
        for (hand, wait) in &mut tasks {
            assert!(hand.poll(wait).is_pending());
        }
        let thread = thread::spawn(move || block(mutex.lock()));
        let_it_block();
        drop(guard);
        thread.join().unwrap();
        // Nobody has been passed over: the tasks get it as soon as they are polled.
        for (hand, wait) in &mut tasks {
            drop(ready(hand.poll(wait)));
        }
    });
}

#[test]
fn one_task_ahead() {
    behind_unpolled_tasks(1, |wait| drop(wait.block()));
}

#[test]
fn many_tasks_ahead() {
    behind_unpolled_tasks(100, |wait| drop(wait.block()));
}

#[test]
fn with_a_deadline() {
    behind_unpolled_tasks(3, |wait| {
        drop(
            wait.timeout(Duration::from_secs(50))
                .block()
                .expect("it has a whole minute"),
        )
    });
}

#[test]
fn together_with_another_future() {
    behind_unpolled_tasks(3, |wait| {
        assert!(wait.or(std::future::pending::<()>()).block().is_ok())
    });
}

#[test]
fn in_block_on() {
    behind_unpolled_tasks(3, |wait| drop(amphi::block_on(wait)));
}

#[test]
fn in_block_on_as_the_other_future() {
    behind_unpolled_tasks(3, |wait| {
        assert!(Event::new().wait().or(wait).block().is_err());
    });
}

/// Polled as a task first, and then blocked on.
#[test]
fn after_having_been_a_task() {
    behind_unpolled_tasks(3, |mut wait| match Hand::new().poll(&mut wait) {
        Poll::Ready(guard) => drop(guard),
        Poll::Pending => drop(wait.block()),
    });
}

/// Two threads behind a task: the first one's release finds the second.
#[test]
fn threads_in_a_row() {
    watched(|| {
        let mutex = mutex();
        let guard = mutex.lock().block();
        let mut waits: Vec<_> = (0..4).map(|_| mutex.lock()).collect();
        let mut threads = Vec::new();
        for wait in &mut waits {
            assert!(Hand::new().poll(wait).is_pending());
            threads.push(thread::spawn(|| drop(mutex.lock().block())));
            let_it_block();
        }
        drop(guard);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

/// A release with only tasks in the list wakes one, not all.
#[test]
fn tasks_alone_pay_nothing() {
    let mutex = mutex();
    let guard = mutex.lock().block();
    // Threads that have come and gone, in vain or not, leave nothing behind.
    let brief = mutex.lock().timeout(Duration::from_millis(1));
    assert!(brief.block().is_err());
    let thread = thread::spawn(|| drop(mutex.lock().block()));
    let_it_block();
    drop(guard);
    thread.join().unwrap();
    let guard = mutex.lock().block();
    let hands = [Hand::new(), Hand::new(), Hand::new()];
    let mut waits = [mutex.lock(), mutex.lock(), mutex.lock()];
    for (hand, wait) in hands.iter().zip(&mut waits) {
        assert!(hand.poll(wait).is_pending());
    }
    drop(guard);
    assert_eq!(hands.each_ref().map(Hand::woken), [1, 0, 0]);
}

worlds! {
    /// A task is in the queue ahead of a call that blocks the very thread that would have to poll it.
    async fn on_the_executors_own_thread(world: World) {
        let mutex = mutex();
        let guard = mutex.lock().on(world).await;
        let mut ahead = mutex.lock();
        let hand = Hand::new();
        assert!(hand.poll(&mut ahead).is_pending());
        let releases = thread::spawn(move || {
            let_it_block();
            drop(guard);
        });
        let joined = futures::join!(
            // Queued behind `ahead`, and awaited in the same task as the next one blocks in.
            async { drop(mutex.lock().await) },
            async { drop(mutex.lock().block()) },
            async { drop(ahead.await) },
        );
        assert_eq!(joined, ((), (), ()));
        releases.join().unwrap();
    }
}
