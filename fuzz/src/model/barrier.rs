//! The barrier.

use amphi::BarrierError;
use std::collections::BTreeSet;

/// How a party's wait at the barrier ends: its index, and whether it is the last to arrive.
type End = Result<(usize, bool), BarrierError>;

#[derive(Clone, Debug)]
pub struct Barrier {
    parties: usize,
    /// The indices of those who have arrived at the current generation.
    arrived: BTreeSet<usize>,
    /// How the earlier generations have ended: whether all went on.
    ended: Vec<bool>,
    pub broken: bool,
    /// How many have gone on.
    pub rounds: usize,
}

/// How far a party has come.
#[derive(Clone, Copy, Debug)]
pub enum Stage {
    Away,
    Waits { generation: usize, index: usize },
}

impl Barrier {
    pub fn new(parties: usize) -> Self {
        Barrier {
            parties,
            arrived: BTreeSet::new(),
            ended: Vec::new(),
            broken: false,
            rounds: 0,
        }
    }

    pub fn waiting(&self) -> usize {
        self.arrived.len()
    }

    pub fn is_over(&self, stage: &Stage) -> bool {
        matches!(stage, Stage::Waits { generation, .. } if *generation < self.ended.len())
    }

    pub fn attempt(&mut self, stage: &mut Stage) -> Option<End> {
        match *stage {
            Stage::Away => self.arrive(stage),
            Stage::Waits { generation, index } => match self.ended.get(generation)? {
                true => Some(Ok((index, false))),
                false => Some(Err(BarrierError::Broken)),
            },
        }
    }

    fn arrive(&mut self, stage: &mut Stage) -> Option<End> {
        if self.broken {
            return Some(Err(BarrierError::Broken));
        }
        let free = (0..self.parties).find(|index| !self.arrived.contains(index));
        let index = free.expect("a full generation has ended");
        self.arrived.insert(index);
        if self.arrived.len() == self.parties {
            self.arrived.clear();
            self.ended.push(true);
            self.rounds += 1;
            return Some(Ok((index, true)));
        }
        let generation = self.ended.len();
        *stage = Stage::Waits { generation, index };
        None
    }

    /// Sends those who wait away; the barrier is `broken` after that or mended.
    pub fn break_up(&mut self, broken: bool) {
        self.broken = broken;
        if !self.arrived.is_empty() {
            self.arrived.clear();
            self.ended.push(false);
        }
    }

    pub fn withdraw(&mut self, stage: &Stage) {
        if let Stage::Waits { generation, index } = stage {
            if *generation == self.ended.len() {
                self.arrived.remove(index);
            }
        }
    }
}
