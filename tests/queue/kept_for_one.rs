//! What is kept for one that starves: it gets that, and nobody is kept off for long.

use super::parties::*;
use super::*;
use amphi::Wait;

/// One that starves, and for which the next turn is kept. It has been told of one that is gone.
fn starve<P>(queue: &'static Numbers, hand: &Hand) -> Wait<P>
where
    P: Party<Operation = P> + amphi::Operation<Output = <P as Party>::Output>,
    Wait<P>: Unpin,
{
    let mut starving = P::wait(queue);
    assert!(hand.poll(&mut starving).is_pending());
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < Duration::from_secs(30), "it starves");
        P::release(queue);
        if Hand::new().poll(&mut P::wait(queue)).is_pending() {
            P::steal(queue);
            return starving;
        }
        assert!(hand.poll(&mut starving).is_pending());
    }
}

of_each_party! {
    /// Polled by hand and always too late: after a while the next turn is kept for it.
    fn always_too_late<P>() {
        let queue = P::busy();
        let (late, newcomer) = (Hand::new(), Hand::new());
        let mut wait = P::wait(queue);
        assert!(late.poll(&mut wait).is_pending());
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < Duration::from_secs(30), "it starves");
            P::release(queue);
            let mut quick = P::wait(queue);
            if newcomer.poll(&mut quick).is_pending() {
                // Kept for the other one.
                assert!(P::is_success(&ready(late.poll(&mut wait))));
                P::release(queue);
                assert!(P::is_success(&ready(newcomer.poll(&mut quick))));
                break;
            }
            assert!(late.poll(&mut wait).is_pending());
        }
        // With that the reservation is over.
        P::release(queue);
        assert!(P::is_success(&ready(newcomer.poll(&mut P::wait(queue)))));
    }
}

of_each_party! {
    /// One that starves and is not polled any more keeps nobody off for long.
    fn a_reservation_expires<P>() {
        watched(|| {
            let queue = P::busy();
            let hand = Hand::new();
            let mut starving = P::wait(queue);
            assert!(hand.poll(&mut starving).is_pending());
            let (start, mut woken) = (Instant::now(), 0);
            while start.elapsed() < Duration::from_millis(10) {
                P::release(queue);
                P::steal(queue);
                woken = hand.woken();
                assert!(hand.poll(&mut starving).is_pending());
            }
            P::release(queue);
            // Now, or while it was polled, to see whether it starves.
            assert!(hand.woken() > woken);
            // Whoever makes one attempt only, a thread, a task.
            assert!(P::is_success(&P::wait(queue).timeout(Duration::ZERO).block()));
            P::release(queue);
            assert!(P::is_success(&P::wait(queue).block()));
            P::release(queue);
            assert!(P::is_success(&futures::executor::block_on(P::wait(queue))));
            P::release(queue);
            assert!(P::is_success(&ready(hand.poll(&mut starving))));
        });
    }
}

of_each_party! {
    /// The one that starves has been told, and comes too late for that. What there is next is kept for it too, whoever is told of it.
    fn the_starving_one_is_on_its_way<P>() {
        let (queue, late) = (P::busy(), Hand::new());
        let mut starving = starve::<P>(queue, &late);
        let mut other = P::wait(queue);
        assert!(Hand::new().poll(&mut other).is_pending());
        P::release(queue);
        assert!(Hand::new().poll(&mut other).is_pending(), "it is not kept for that one");
        assert!(P::is_success(&ready(late.poll(&mut starving))));
    }
}

of_each_party! {
    /// What there is has been left to one ahead of the one that starves. A newcomer that has to stand back calls the latter.
    fn called_by_a_newcomer<P>() {
        let (queue, late) = (P::busy(), Hand::new());
        let mut starving = P::wait(queue);
        assert!(late.poll(&mut starving).is_pending());
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < Duration::from_secs(30), "it starves");
            P::release(queue);
            P::steal(queue);
            let mut ahead = P::wait(queue);
            assert!(Hand::new().poll(&mut ahead).is_pending());
            assert!(late.poll(&mut starving).is_pending());
            let woken = late.woken();
            P::release(queue);
            let mut newcomer = P::wait(queue);
            if Hand::new().poll(&mut newcomer).is_pending() {
                assert_eq!(late.woken(), woken + 1, "it has not been called");
                assert!(P::is_success(&ready(late.poll(&mut starving))));
                break;
            }
        }
    }
}

of_each_party! {
    /// It comes too late again and again, and each time it goes to the front.
    fn too_late_again<P>() {
        let (queue, late) = (P::busy(), Hand::new());
        let mut starving = starve::<P>(queue, &late);
        let mut behind = P::wait(queue);
        assert!(Hand::new().poll(&mut behind).is_pending());
        for _ in 0..3 {
            assert!(late.poll(&mut starving).is_pending());
            let woken = late.woken();
            P::release(queue);
            assert_eq!(late.woken(), woken + 1, "another is ahead");
            P::steal(queue);
        }
        P::release(queue);
        assert!(P::is_success(&ready(late.poll(&mut starving))));
    }
}

of_each_party! {
    /// Who finds nothing has nothing to stand back from, and sleeps. After a shutdown nothing is kept for anybody: newcomers learn of it at once.
    fn nothing_to_stand_back_from<P>() {
        let (queue, hand) = (P::busy(), Hand::new());
        let _starving = starve::<P>(queue, &Hand::new());
        let mut wait = P::wait(queue);
        assert!(hand.poll(&mut wait).is_pending());
        assert_eq!(hand.woken(), 0);
        queue.shutdown();
        assert!(!P::is_success(&ready(Hand::new().poll(&mut P::wait(queue)))));
    }
}
