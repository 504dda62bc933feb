//! Items that were taken out of a queue and have come back, since it came to a panic before anybody had them.

use super::QueueOf;
use super::discipline::Discipline;
use super::side::Side;
use crate::sync::{Mutex, lock};
use std::collections::VecDeque;
use std::{fmt, mem};

/// What has come back. It goes first.
///
/// How much it is, the getters' side counts in its word, so that it is seen without the mutex. The count is changed with the mutex in hand.
pub(super) struct Returned<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    items: VecDeque<T>,
    /// The queue has been emptied for good.
    discards: bool,
}

impl<T> Returned<T> {
    pub(super) fn new() -> Self {
        Returned {
            state: Mutex::new(State {
                items: VecDeque::new(),
                discards: false,
            }),
        }
    }

    #[cold]
    pub(super) fn pop(&self, getters: &Side) -> Option<T> {
        let mut state = lock(&self.state);
        let item = state.items.pop_front()?;
        getters.count_down(1);
        Some(item)
    }

    /// Puts items in front; or it's too late for that, and nobody will have them any more.
    #[cold]
    pub(super) fn push(&self, items: Vec<T>, getters: &Side) -> Result<(), Vec<T>> {
        let mut state = lock(&self.state);
        if state.discards {
            return Err(items);
        }
        getters.count_up(items.len());
        for item in items.into_iter().rev() {
            state.items.push_front(item);
        }
        Ok(())
    }

    /// Takes all out, and accepts no more.
    pub(super) fn drain(&self, getters: &Side) -> VecDeque<T> {
        let mut state = lock(&self.state);
        state.discards = true;
        getters.count_down(state.items.len());
        mem::take(&mut state.items)
    }
}

impl<T> fmt::Debug for Returned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Returned").finish_non_exhaustive()
    }
}

/// Items that have been taken out, and go back if it comes to a panic.
pub(super) struct InHand<'a, D: Discipline, I>
where
    I: IntoIterator<Item = D::Item> + Default,
{
    pub(super) queue: &'a QueueOf<D>,
    pub(super) items: I,
}

impl<D: Discipline, I> Drop for InHand<'_, D, I>
where
    I: IntoIterator<Item = D::Item> + Default,
{
    #[inline]
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.queue.give_back(mem::take(&mut self.items));
        }
    }
}
