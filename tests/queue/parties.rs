//! Both sides of a queue, and both operations of each: what a test does with one of them it does with all four.

use super::*;
use amphi::Wait;
use amphi::queue::Fifo;
pub use amphi::queue::{Get, GetMany, Put, PutAll};

pub type Numbers = Queue<u32>;

/// One of the two sides of a queue, and one of its two operations.
pub trait Party: 'static {
    type Operation: amphi::Operation<Output = Self::Output, Timed = Self::Output>
        + Send
        + Sync
        + 'static;
    type Output: Send;

    /// Waits, and the queue lets it.
    fn wait(queue: &'static Numbers) -> Wait<Self::Operation>;

    /// A queue at which this party has to wait.
    fn busy() -> &'static Numbers;

    /// Lets one of them through.
    fn release(queue: &Numbers);

    /// Takes away what was for them.
    fn steal(queue: &Numbers);

    fn is_success(output: &Self::Output) -> bool;
}

macro_rules! parties {
    ($($operation:ident: |$queue:ident| $wait:expr, $output:ty, busy $busy:expr, $release:ident, $steal:ident;)*) => {$(
        impl Party for $operation<&'static QueueOf<Fifo<u32>>> {
            type Operation = Self;
            type Output = $output;

            fn wait($queue: &'static Numbers) -> Wait<Self> {
                $wait
            }

            fn busy() -> &'static Numbers {
                let queue = leaked(Queue::bounded(2));
                let busy: &[u32] = &$busy;
                for item in busy {
                    queue.try_put(*item).unwrap();
                }
                queue
            }

            fn release(queue: &Numbers) {
                $release(queue);
            }

            fn steal(queue: &Numbers) {
                $steal(queue);
            }

            fn is_success(output: &$output) -> bool {
                output.is_ok()
            }
        }
    )*};
}

pub fn adds(queue: &Numbers) {
    queue.try_put(7).expect("there is room");
}

pub fn takes(queue: &Numbers) {
    queue.try_get().expect("there is an item");
}

parties! {
    Get: |queue| queue.get(), Result<u32, GetError>, busy [], adds, takes;
    GetMany: |queue| queue.get_many(1), Result<Vec<u32>, GetError>, busy [], adds, takes;
    Put: |queue| queue.put(8), Result<(), PutError<u32>>, busy [1, 2], takes, adds;
    PutAll: |queue| queue.put_all([8]), Result<(), PutError<Vec<u32>>>, busy [1, 2], takes, adds;
}

/// The test for each party.
macro_rules! of_each_party {
    ($(#[$attribute:meta])* fn $name:ident<$party:ident>() $body:block) => {
        $(#[$attribute])*
        mod $name {
            use super::*;

            fn case<$party>() where
                $party: Party<Operation = $party> + amphi::Operation<Output = <$party as Party>::Output, Timed = <$party as Party>::Output> + Send + Sync,
            $body

            #[test]
            fn get() {
                case::<Get<&'static Numbers>>();
            }

            #[test]
            fn get_many() {
                case::<GetMany<&'static Numbers>>();
            }

            #[test]
            fn put() {
                case::<Put<&'static Numbers>>();
            }

            #[test]
            fn put_all() {
                case::<PutAll<&'static Numbers>>();
            }
        }
    };
}
pub(super) use of_each_party;

/// What a thread gets that waits now.
pub fn thread_waits<P>(
    queue: &'static Numbers,
    block: fn(Wait<P>) -> bool,
) -> thread::JoinHandle<()>
where
    P: Party<Operation = P> + amphi::Operation + Send,
{
    let thread = thread::spawn(move || assert!(block(P::wait(queue)), "it got nothing"));
    let_it_block();
    thread
}
