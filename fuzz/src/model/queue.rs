//! The queues.

use crate::item::Known;
use crate::waiting::{Left, Told};
use amphi::GetError;

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Fifo,
    Lifo,
    Priority,
}

#[derive(Clone, Debug)]
pub struct Queue {
    kind: Kind,
    pub capacity: usize,
    /// In the order of arrival.
    pub items: Vec<Known>,
    /// How many items have come, and how many have been taken out, since the beginning.
    pub pushed: usize,
    pub taken: usize,
    pub unfinished: usize,
    /// How often nothing has been unfinished any more.
    pub finished: usize,
    pub shut_down: bool,
}

impl Queue {
    pub fn new(kind: Kind, capacity: usize) -> Self {
        Queue {
            kind,
            capacity,
            items: Vec::new(),
            pushed: 0,
            taken: 0,
            unfinished: 0,
            finished: 0,
            shut_down: false,
        }
    }

    pub fn room(&self) -> usize {
        self.capacity - self.items.len()
    }

    pub fn push(&mut self, item: Known) {
        self.items.push(item);
        self.pushed += 1;
        self.unfinished += 1;
    }

    pub fn take(&mut self) -> Option<Known> {
        let index = match self.kind {
            Kind::Fifo => 0,
            Kind::Lifo => self.items.len().checked_sub(1)?,
            Kind::Priority => {
                let ranks = self.items.iter().enumerate();
                ranks.min_by_key(|(index, item)| (item.0, *index))?.0
            }
        };
        (index < self.items.len()).then(|| {
            self.taken += 1;
            self.items.remove(index)
        })
    }

    /// So many items have been dealt with, unless there are not as many.
    pub fn done(&mut self, count: usize) {
        let before = self.unfinished;
        self.unfinished = before.saturating_sub(count);
        self.finished += usize::from(before > 0 && self.unfinished == 0);
    }

    pub fn put(&mut self, items: &mut Vec<Known>, may_be_taken: bool) -> Option<Told> {
        if self.shut_down && !items.is_empty() {
            return Some(Told::NotPut(Left::ShutDown, items.clone()));
        }
        if may_be_taken {
            let count = items.len().min(self.room());
            for item in items.drain(..count) {
                self.push(item);
            }
        }
        items.is_empty().then_some(Told::Put)
    }

    pub fn get(&mut self, max: usize, may_be_taken: bool) -> Option<Told> {
        let count = match may_be_taken || self.shut_down {
            true => self.items.len().min(max),
            false => 0,
        };
        let got: Vec<_> = (0..count).filter_map(|_| self.take()).collect();
        match got.is_empty() {
            false => Some(Told::Got(got)),
            true if self.shut_down => Some(Told::Nothing(GetError::ShutDown)),
            true => None,
        }
    }

    pub fn join(&self, since: &mut Option<usize>) -> Option<Told> {
        let since = *since.get_or_insert(self.finished);
        self.is_joined(since).then_some(Told::Joined)
    }

    pub fn is_joined(&self, since: usize) -> bool {
        self.unfinished == 0 || self.finished > since
    }

    /// What is in the queue is dropped.
    pub fn shut_down_now(&mut self) {
        self.shut_down = true;
        let count = self.items.len();
        self.items.clear();
        self.done(count);
    }
}
