//! A wait that was woken and gives up wakes the next one; and nobody is left asleep by another who does not run.

use super::parties::*;
use super::*;
use amphi::Wait;

type Ways<P> = [(bool, fn(Wait<P>)); 3];

/// How one that has been woken gives up, and whether what it was woken for has to be gone first.
fn ways<P: Party<Operation = P> + amphi::Operation<Timed = <P as Party>::Output>>() -> Ways<P>
where
    Wait<P>: Unpin,
{
    [
        (false, |wait| drop(wait)),
        (true, |wait| {
            let mut timeout = wait.timeout(Duration::ZERO);
            assert!(!P::is_success(&ready(Hand::new().poll(&mut timeout))));
        }),
        (true, |wait| {
            let mut or = Box::pin(wait.or(std::future::ready(())));
            assert!(ready(Hand::new().poll(&mut or)).is_err());
        }),
    ]
}

of_each_party! {
    fn task_before_task<P>() {
        for (gone, give_up) in ways::<P>() {
            let queue = P::busy();
            let hands = [Hand::new(), Hand::new(), Hand::new()];
            let mut waits = [P::wait(queue), P::wait(queue), P::wait(queue)];
            for (hand, wait) in hands.iter().zip(&mut waits) {
                assert!(hand.poll(wait).is_pending());
            }
            let [first, mut second, third] = waits;
            P::release(queue);
            assert_eq!(hands.each_ref().map(Hand::woken), [1, 0, 0]);
            if gone {
                P::steal(queue);
            }
            give_up(first);
            if gone {
                P::release(queue);
            }
            assert_eq!(hands.each_ref().map(Hand::woken), [1, 1, 0], "the wake-up was lost");
            assert!(P::is_success(&ready(hands[1].poll(&mut second))));
            assert_eq!(hands[2].woken(), 0);
            drop(third);
        }
    }
}

of_each_party! {
    /// The thread began to wait after the task in front of it had been woken.
    fn task_before_thread<P>() {
        for (gone, give_up) in ways::<P>() {
            watched(move || {
                let queue = P::busy();
                let mut first = P::wait(queue);
                assert!(Hand::new().poll(&mut first).is_pending());
                P::release(queue);
                P::steal(queue);
                let thread = thread_waits::<P>(queue, |wait| P::is_success(&wait.block()));
                if gone {
                    give_up(first);
                    P::release(queue);
                } else {
                    P::release(queue);
                    give_up(first);
                }
                thread.join().unwrap();
            });
        }
    }
}

of_each_party! {
    /// Threads whose time is up at about the moment of the release, before a task or a thread: whoever wins, the next one
    /// is woken.
    fn thread_before_either<P>() {
        watched(|| {
            for round in 0..100 {
                let queue = P::busy();
                let impatient: Vec<_> = (0..2)
                    .map(|n| {
                        let timeout = Duration::from_micros(100 + 10 * (round % 20) + n);
                        thread::spawn(move || P::is_success(&P::wait(queue).timeout(timeout).block()))
                    })
                    .collect();
                let patient = [
                    thread::spawn(|| P::is_success(&futures::executor::block_on(P::wait(queue)))),
                    thread::spawn(|| P::is_success(&P::wait(queue).block())),
                ];
                thread::sleep(Duration::from_micros(100));
                P::release(queue);
                P::release(queue);
                for thread in impatient {
                    // What it has had the patient need in its place.
                    if thread.join().unwrap() {
                        P::release(queue);
                    }
                }
                for thread in patient {
                    assert!(thread.join().unwrap());
                }
            }
        });
    }
}

of_each_party! {
    /// Tasks that nobody polls are ahead of a thread, which waits in every way that a thread can.
    fn a_thread_behind_unpolled_tasks<P>() {
        let blocks: [fn(Wait<P>) -> bool; 5] = [
            |wait| P::is_success(&wait.block()),
            |wait| P::is_success(&wait.timeout(Duration::from_secs(50)).block()),
            |wait| wait.or(std::future::pending::<()>()).block().is_ok_and(|output| P::is_success(&output)),
            |wait| P::is_success(&block_on(wait)),
            |wait| Event::new().wait().or(wait).block().is_err_and(|output| P::is_success(&output)),
        ];
        for block in blocks {
            watched(move || {
                let queue = P::busy();
                let hand = Hand::new();
                let mut tasks: Vec<_> = (0..10).map(|_| P::wait(queue)).collect();
                for task in &mut tasks {
                    assert!(hand.poll(task).is_pending());
                }
                let thread = thread_waits::<P>(queue, block);
                P::release(queue);
                thread.join().unwrap();
                // The tasks get it when they are polled.
                for task in &mut tasks {
                    P::release(queue);
                    assert!(P::is_success(&ready(hand.poll(task))));
                }
            });
        }
    }
}

of_each_party! {
    /// Each has been told by its own release: threads in a row, behind tasks.
    fn threads_in_a_row<P>() {
        watched(|| {
            let queue = P::busy();
            let (mut tasks, mut threads) = (Vec::new(), Vec::new());
            for _ in 0..2 {
                let mut task = P::wait(queue);
                assert!(Hand::new().poll(&mut task).is_pending());
                tasks.push(task);
                threads.push(thread_waits::<P>(queue, |wait| P::is_success(&wait.block())));
            }
            P::release(queue);
            P::release(queue);
            for thread in threads {
                thread.join().unwrap();
            }
        });
    }
}

of_each_party! {
    fn two_releases_wake_two<P>() {
        let queue = P::busy();
        let hands = [Hand::new(), Hand::new(), Hand::new()];
        let mut waits = [P::wait(queue), P::wait(queue), P::wait(queue)];
        for (hand, wait) in hands.iter().zip(&mut waits) {
            assert!(hand.poll(wait).is_pending());
        }
        P::release(queue);
        assert_eq!(hands.each_ref().map(Hand::woken), [1, 0, 0]);
        P::release(queue);
        assert_eq!(hands.each_ref().map(Hand::woken), [1, 1, 0]);
        for (hand, wait) in hands.iter().zip(&mut waits).take(2) {
            assert!(P::is_success(&ready(hand.poll(wait))));
        }
        assert!(hands[2].poll(&mut waits[2]).is_pending());
    }
}

of_each_party! {
    /// Of two waits of a task one has been woken and is not polled; the other, and a third, go on.
    fn two_waits_in_one_task<P>() {
        let queue = P::busy();
        let hand = Hand::new();
        let mut waits = [P::wait(queue), P::wait(queue)];
        for wait in &mut waits {
            assert!(hand.poll(wait).is_pending());
        }
        let [mut first, mut second] = waits;
        P::release(queue);
        assert_eq!(hand.woken(), 1);
        assert!(P::is_success(&ready(hand.poll(&mut second))));
        P::release(queue);
        assert!(P::is_success(&ready(hand.poll(&mut P::wait(queue)))));
        assert!(hand.poll(&mut first).is_pending());
        let woken = hand.woken();
        P::release(queue);
        assert!(hand.woken() > woken);
        assert!(P::is_success(&ready(hand.poll(&mut first))));
    }
}

/// So many new items, or so much new room, wake so many.
#[test]
fn several_at_once_wake_several() {
    let hands = [Hand::new(), Hand::new(), Hand::new()];
    let woken = || hands.each_ref().map(Hand::woken);
    let queue = leaked(Queue::bounded(2));
    let mut gets = [queue.get(), queue.get(), queue.get()];
    for (hand, get) in hands.iter().zip(&mut gets) {
        assert!(hand.poll(get).is_pending());
    }
    queue.put_all([1, 2]).block().unwrap();
    assert_eq!(woken(), [1, 1, 0]);
    drop(gets);
    assert_eq!(woken(), [1, 1, 1], "what one leaves is for the next");
    let mut puts = [queue.put(3), queue.put(4), queue.put(5)];
    for (hand, put) in hands.iter().zip(&mut puts) {
        assert!(hand.poll(put).is_pending());
    }
    assert_eq!(queue.get_many(2).block(), Ok(vec![1, 2]));
    assert_eq!(woken(), [2, 2, 1]);
}

/// A `get_many` that has been woken for the first of several items takes all of them; the others sleep on until there is more.
#[test]
fn many_for_one() {
    let (one, many) = (Hand::new(), Hand::new());
    let queue = Queue::unbounded();
    let (mut takes_all, mut takes_one) = (queue.get_many(5), queue.get());
    assert!(many.poll(&mut takes_all).is_pending());
    assert!(one.poll(&mut takes_one).is_pending());
    queue.put_all([1, 2]).block().unwrap();
    assert_eq!(many.poll(&mut takes_all), Poll::Ready(Ok(vec![1, 2])));
    assert!(one.poll(&mut takes_one).is_pending());
    let woken = one.woken();
    queue.try_put(3).unwrap();
    assert_eq!(one.woken(), woken + 1);
    assert_eq!(one.poll(&mut takes_one), Poll::Ready(Ok(3)));
}

/// A stream that was woken and is dropped.
#[test]
fn a_stream_passes_on() {
    let (first, second) = (Hand::new(), Hand::new());
    let queue = Queue::unbounded();
    let (mut stream, mut get) = (queue.stream(), queue.get());
    assert!(first.poll(&mut stream.next()).is_pending());
    assert!(second.poll(&mut get).is_pending());
    queue.try_put(1).unwrap();
    assert_eq!((first.woken(), second.woken()), (1, 0));
    drop(stream);
    assert_eq!(second.woken(), 1);
    assert_eq!(second.poll(&mut get), Poll::Ready(Ok(1)));
}

/// A future made by hand before it was polled by another waker: the last one counts.
#[test]
fn another_waker() {
    let (old, new) = (Hand::new(), Hand::new());
    let queue = Queue::unbounded();
    let mut get = queue.get();
    assert!(old.poll(&mut get).is_pending());
    assert!(new.poll(&mut get).is_pending());
    queue.try_put(1).unwrap();
    assert_eq!((old.woken(), new.woken()), (0, 1));
    // A thread takes over.
    assert_eq!(get.block(), Ok(1));
}

/// What happens with an item in hand that a panic takes away is not the queue's business; the next one gets its turn.
#[test]
fn a_consumer_that_panics() {
    watched(|| {
        let queue = leaked(Queue::bounded(1));
        let fails = thread::spawn(|| {
            let item = queue.get().block().unwrap();
            panic!("with {item} in hand");
        });
        queue.put(1).block().unwrap();
        assert!(fails.join().is_err());
        queue.put(2).block().unwrap();
        assert_eq!(queue.get().block(), Ok(2));
        queue.shutdown_now();
        assert_eq!(queue.unfinished(), 2);
    });
}

of_each_party! {
    /// One polls without having been woken, and succeeds at the moment at which it is told of the second release; that one is
    /// for the other then.
    fn told_too_late<P>() {
        watched(|| {
            let queue = P::busy();
            let round: &AtomicUsize = Box::leak(Box::default());
            const OVER: usize = usize::MAX;
            let releases = thread::spawn(|| {
                for next in 1.. {
                    while round.load(SeqCst) < next {
                        std::hint::spin_loop();
                    }
                    if round.load(SeqCst) == OVER {
                        break;
                    }
                    P::release(queue);
                    P::release(queue);
                }
            });
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(400) {
                let (first, second) = (Hand::new(), Hand::new());
                let (mut one, mut other) = (P::wait(queue), P::wait(queue));
                assert!(first.poll(&mut one).is_pending());
                assert!(second.poll(&mut other).is_pending());
                round.fetch_add(1, SeqCst);
                while first.poll(&mut one).is_pending() {}
                // It hangs if the other sleeps, and could go on.
                while second.woken() == 0 {
                    thread::yield_now();
                }
                while second.poll(&mut other).is_pending() {
                    thread::yield_now();
                }
            }
            round.store(OVER, SeqCst);
            releases.join().unwrap();
        });
    }
}

of_each_party! {
    /// A thread that has come is not counted on any more: the next one is woken too, behind a task that nobody polls.
    fn one_thread_after_another<P>() {
        watched(|| {
            let (queue, hand) = (P::busy(), Hand::new());
            for _ in 0..2 {
                let mut task = P::wait(queue);
                assert!(hand.poll(&mut task).is_pending());
                let thread = thread_waits::<P>(queue, |wait| P::is_success(&wait.block()));
                P::release(queue);
                thread.join().unwrap();
                P::release(queue);
                assert!(P::is_success(&ready(hand.poll(&mut task))));
            }
        });
    }
}

/// Who has given up waiting for the end is not woken any more.
#[test]
fn one_that_joins_no_longer() {
    let (queue, hand) = (Queue::unbounded(), Hand::new());
    queue.try_put(1).unwrap();
    let mut join = queue.join().timeout(Duration::ZERO);
    assert_eq!(hand.poll(&mut join), Poll::Ready(Err(TimedOut)));
    queue.task_done().unwrap();
    assert_eq!(hand.woken(), 0);
}

of_each_party! {
    /// Of two tasks that nobody polls one has been told before, and what it was told of is gone: the thread behind them is told all the same.
    fn tasks_are_not_taken_for_threads<P>() {
        watched(|| {
            let queue = P::busy();
            let (mut first, mut second) = (P::wait(queue), P::wait(queue));
            assert!(Hand::new().poll(&mut first).is_pending());
            P::release(queue);
            P::steal(queue);
            assert!(Hand::new().poll(&mut second).is_pending());
            let thread = thread_waits::<P>(queue, |wait| P::is_success(&wait.block()));
            P::release(queue);
            thread.join().unwrap();
        });
    }
}

/// One takes what another has been told of, who gives up at that moment; and it is told of the next before it has left. That is for the one
/// behind it.
fn taken_and_told<W, O>(
    queue: &'static Numbers,
    wait: fn(&'static Numbers) -> W,
    other: fn(&'static Numbers) -> O,
    give: fn(&Numbers),
) where
    W: Future + Unpin + Send + 'static,
    O: Future + Unpin,
{
    let hands = [Hand::new(), Hand::new(), Hand::new()];
    let mut waits = [wait(queue), wait(queue), wait(queue)];
    for (hand, wait) in hands.iter().zip(&mut waits) {
        assert!(hand.poll(wait).is_pending());
    }
    let [told, mut takes, mut behind] = waits;
    give(queue);
    assert_eq!(hands.each_ref().map(Hand::woken), [1, 0, 0]);
    let told = std::sync::Mutex::new(Some(told));
    let gives_more = waker(move || {
        let told = told.lock().unwrap().take();
        drop(told);
        give(queue);
    });
    // The other side waits for what the first one does.
    let mut other = other(queue);
    assert!(poll_with(&gives_more, &mut other).is_pending());
    assert!(hands[1].poll(&mut takes).is_ready());
    assert_eq!(hands[2].woken(), 1, "nobody has told it of the rest");
    assert!(hands[2].poll(&mut behind).is_ready());
}

#[test]
fn an_item_taken_and_another_told() {
    let queue = leaked(Queue::bounded(1));
    taken_and_told(queue, |queue| queue.get(), |queue| queue.put(9), adds);
}

#[test]
fn room_taken_and_more_told() {
    let queue = leaked(Queue::bounded(1));
    adds(queue);
    taken_and_told(queue, |queue| queue.put(9), |queue| queue.get(), takes);
}
