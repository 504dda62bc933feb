//! Where the parties live.

use crate::party::Party;
use crate::town::Town;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// The parties, as long as they are wanted.
pub struct Parties {
    count: usize,
    /// Gone with it.
    _multi: Runtime,
}

impl Parties {
    pub fn len(&self) -> usize {
        self.count
    }
}

const THREADS: usize = 4;
const TASKS_EACH: usize = 6;

pub fn start(town: &Arc<Town>) -> Parties {
    for _ in 0..THREADS {
        let life = town.clone().live(Party::Thread);
        std::thread::spawn(|| amphi::block_on(life));
    }
    let multi = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("tokio starts");
    for _ in 0..TASKS_EACH {
        multi.spawn(town.clone().live(Party::Task));
        async_std::task::spawn(town.clone().live(Party::Task));
        smol::spawn(town.clone().live(Party::Task)).detach();
    }
    let here = town.clone();
    std::thread::spawn(move || {
        let current = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("tokio starts");
        current.block_on(async {
            let tasks: Vec<_> = (0..TASKS_EACH)
                .map(|_| tokio::spawn(here.clone().live(Party::Task)))
                .collect();
            for task in tasks {
                // How it has ended it tells the town.
                let _ = task.await;
            }
        });
    });
    Parties {
        count: THREADS + 4 * TASKS_EACH,
        _multi: multi,
    }
}
