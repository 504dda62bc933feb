//! Queues that are no queues: a stack gives the last one first, and a priority queue the
//! smallest one, with equal ones in the order in which they came.

use std::cmp::Ordering;
use std::sync::Arc;

use amphi::{LifoQueue, PriorityQueue};

use crate::stage::{Me, Stage, Verdict, join_all};

const PLATES: usize = 5;

/// How urgent the letters of each clerk are, in the order in which they are posted.
const URGENCIES: [u32; 8] = [3, 1, 2, 1, 3, 2, 2, 1];
const CLERKS: usize = 3;
const MESSENGERS: usize = 2;

pub fn play(stage: &Stage) -> Verdict {
    stack(stage)?;
    let letters = deliver(stage)?;
    Ok(format!(
        "{PLATES} plates, the last first; {letters} letters, the urgent first"
    ))
}

fn stack(stage: &Stage) -> Result<(), String> {
    let plates = Arc::new(LifoQueue::bounded(PLATES));
    let cook = stage.start("cook", |me| put_plates(me, plates.clone()));
    cook.join()?;
    let guest = stage.start("guest", |me| take_plates(me, plates.clone()));
    let taken = guest.join()?;
    ensure!(
        taken.iter().copied().eq((1..=PLATES).rev()),
        "the plates were taken in this order: {taken:?}"
    );
    Ok(())
}

async fn put_plates(me: Me, plates: Arc<LifoQueue<usize>>) {
    for plate in 1..=PLATES {
        me.say(format_args!("puts plate {plate}"));
        let put = me.wait(plates.put(plate)).await;
        put.expect("the stack is in use");
    }
    plates.shutdown();
}

async fn take_plates(me: Me, plates: Arc<LifoQueue<usize>>) -> Vec<usize> {
    let mut taken = Vec::new();
    while let Ok(plate) = me.wait(plates.get()).await {
        me.say(format_args!("takes plate {plate}"));
        taken.push(plate);
    }
    taken
}

/// Letters differ by their urgency only: 1 goes before 2.
#[derive(Clone, Copy, Debug)]
struct Letter {
    urgency: u32,
    clerk: usize,
    /// The how-manieth of its clerk.
    serial: usize,
}

impl Ord for Letter {
    fn cmp(&self, other: &Self) -> Ordering {
        self.urgency.cmp(&other.urgency)
    }
}

impl PartialOrd for Letter {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Letter {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Letter {}

/// Clerks post letters, and then messengers deliver them. Returns how many.
fn deliver(stage: &Stage) -> Result<usize, String> {
    let office = Arc::new(PriorityQueue::unbounded());
    let clerks = (1..=CLERKS)
        .map(|n| stage.start(format!("clerk {n}"), |me| post(me, n, office.clone())))
        .collect();
    join_all(clerks)?;
    let messengers = (1..=MESSENGERS)
        .map(|n| stage.start(format!("messenger {n}"), |me| carry(me, office.clone())))
        .collect();
    // All that will come is there, and has been dealt with when this is over.
    office.join().block();
    office.shutdown();

    let mut delivered = Vec::new();
    for letters in join_all(messengers)? {
        for pair in letters.windows(2) {
            let (before, after) = (pair[0], pair[1]);
            ensure!(
                before.urgency <= after.urgency,
                "{before:?} was delivered before {after:?}"
            );
        }
        for (n, after) in letters.iter().enumerate() {
            let early = |before: &&Letter| {
                **before == *after && before.clerk == after.clerk && before.serial > after.serial
            };
            if let Some(before) = letters[..n].iter().find(early) {
                return Err(format!("{before:?} overtook {after:?}"));
            }
        }
        delivered.extend(letters.iter().map(|letter| (letter.clerk, letter.serial)));
    }
    delivered.sort_unstable();
    let serials = 0..URGENCIES.len();
    let posted = (1..=CLERKS).flat_map(|clerk| serials.clone().map(move |serial| (clerk, serial)));
    ensure!(
        delivered.iter().copied().eq(posted),
        "these letters were delivered: {delivered:?}"
    );
    Ok(delivered.len())
}

async fn post(me: Me, clerk: usize, office: Arc<PriorityQueue<Letter>>) {
    for (serial, urgency) in URGENCIES.into_iter().enumerate() {
        let letter = Letter {
            urgency,
            clerk,
            serial,
        };
        let put = me.wait(office.put(letter)).await;
        put.expect("the office is open");
        // The clerks' letters come in between one another.
        me.yield_now().await;
    }
    me.say(format_args!("has posted {} letters", URGENCIES.len()));
}

/// Returns the letters in the order in which they were delivered.
async fn carry(me: Me, office: Arc<PriorityQueue<Letter>>) -> Vec<Letter> {
    let mut letters = Vec::new();
    while let Ok(letter) = me.wait(office.get()).await {
        me.say(format_args!(
            "delivers letter {} of clerk {}, urgency {}",
            letter.serial, letter.clerk, letter.urgency
        ));
        letters.push(letter);
        office.task_done().expect("each letter is reported once");
        me.yield_now().await;
    }
    letters
}
