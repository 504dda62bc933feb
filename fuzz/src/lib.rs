//! Bytes as a program of operations on shared primitives, by parties that are polled by hand.
//!
//! Each step is done with the real objects and with a model of them, and has to end in the same way. After each step it's looked at
//! who has been woken: whenever somebody sleeps who could go on, somebody else must be awake who sees to that. At the end all
//! who are awake are polled until nobody is, everything is released, and then nobody may be left.
//!
//! | file | subject |
//! |---|---|
//! | `machine.rs` | what the bytes mean |
//! | `parties.rs` | those who wait, and how their ends are compared with the model |
//! | `direct.rs` | the operations that never wait |
//! | `look.rs` | what must hold after each step |
//! | `told.rs` | who must be woken by a step, though others are awake |
//! | `settle.rs` | how a program ends |
//! | `model/` | what the primitives are to do |
//! | `world.rs` | the primitives |
//! | `waiting.rs` | their operations, all under one face |
//! | `hand.rs`, `scope.rs`, `item.rs` | wakers, owners, and what goes through the queues |
//!
//! A finding is a panic. The fuzzer is run by `cargo +nightly fuzz run program`, and what it has found worth keeping by
//! `cargo test`, on stable Rust.

mod direct;
#[path = "../../tests/worlds/hand.rs"]
mod hand;
mod item;
mod look;
mod machine;
mod model;
mod parties;
mod scope;
mod settle;
mod told;
mod waiting;
mod world;

use machine::Machine;
use world::{Sizes, World};

/// Runs a program; panics if something does not hold.
pub fn run(program: &[u8]) {
    let [first, second, steps @ ..] = program else {
        return;
    };
    let sizes = Sizes::new(*first, *second);
    let world = World::new(sizes);
    let mut machine = Machine::new(&world, sizes);
    for step in steps.chunks_exact(2).take(MAX_STEPS) {
        machine.checked(|machine| machine.step(step[0], step[1]));
    }
    machine.settle();
}

/// So that a program takes less than a millisecond, after which waiters may starve.
const MAX_STEPS: usize = 200;
