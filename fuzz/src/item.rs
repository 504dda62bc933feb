//! What goes through the queues.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

/// What is known of an item: its rank and its number.
pub type Known = (u8, u32);

/// The numbers of the items that have been dropped.
pub type Gone = Rc<RefCell<BTreeSet<u32>>>;

/// One that is compared by its rank only, and whose end is noted.
pub struct Item {
    pub rank: u8,
    pub number: u32,
    pub gone: Gone,
}

impl Item {
    pub fn known(&self) -> Known {
        (self.rank, self.number)
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        let first = self.gone.borrow_mut().insert(self.number);
        assert!(first, "item {} was dropped twice", self.number);
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Item {}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.rank, self.number)
    }
}
