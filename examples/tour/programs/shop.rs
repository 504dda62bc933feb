//! Two customers buy what a producer puts on the shelf. When it is empty the producer
//! fills it up and wakes them. It would do so for ever, and ends when the shop closes.

use std::sync::Arc;

use amphi::{Condvar, Event, Mutex};

use crate::stage::{Me, Stage, UNIT, Verdict, join_all};

const FULL: usize = 5;
const MONEY: usize = 3;

#[derive(Default)]
struct Shop {
    /// How many pieces there are.
    shelf: Mutex<usize>,
    filled: Condvar,
    emptied: Condvar,
    closed: Event,
}

pub fn play(stage: &Stage) -> Verdict {
    let shop = Arc::new(Shop::default());
    let producer = stage.start("producer", |me| producer(me, shop.clone()));
    let customers = (1..=2)
        .map(|n| stage.start(format!("customer {n}"), |me| customer(me, shop.clone())))
        .collect();
    let bought: usize = join_all(customers)?.into_iter().sum();
    shop.closed.set();
    let made = producer.join()?;

    let left = *shop.shelf.lock().block();
    ensure!(
        bought == 2 * MONEY,
        "{bought} pieces bought instead of {}",
        2 * MONEY
    );
    ensure!(
        made == bought + left,
        "{made} made, but {bought} bought and {left} left"
    );
    Ok(format!("{bought} bought and {left} left of {made}"))
}

/// Returns how many pieces it has made.
async fn producer(me: Me, shop: Arc<Shop>) -> usize {
    let mut made = 0;
    loop {
        let shelf = me.wait(shop.shelf.lock()).await;
        let empty = shop.emptied.wait_while(shelf, |pieces| *pieces > 0);
        // Whichever comes first: an empty shelf or the end of the day.
        let Ok(mut shelf) = me.wait(empty.or(shop.closed.wait())).await else {
            me.say("goes home");
            return made;
        };
        me.sleep(UNIT).await;
        *shelf = FULL;
        made += FULL;
        me.say(format_args!("puts {FULL} on the shelf"));
        shop.filled.notify_all();
    }
}

/// Buys pieces, one by one, for all its money. Returns how many.
async fn customer(me: Me, shop: Arc<Shop>) -> usize {
    for money in (0..MONEY).rev() {
        let shelf = me.wait(shop.shelf.lock()).await;
        let mut shelf = me
            .wait(shop.filled.wait_while(shelf, |pieces| *pieces == 0))
            .await;
        *shelf -= 1;
        me.say(format_args!("buys one, and has money for {money}"));
        if *shelf == 0 {
            shop.emptied.notify_one();
        }
    }
    MONEY
}
