//! A timer, which runs a function after a while unless it is cancelled before: made of an
//! event, and as amphi has it.

mod of_amphi;
mod of_event;

use crate::stage::{Stage, Verdict};

pub fn play(stage: &Stage) -> Verdict {
    of_event::play(stage)?;
    of_amphi::play(stage)?;
    Ok("twice one alarm rang, two were cancelled in time, and one too late".into())
}
