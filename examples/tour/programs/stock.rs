//! Producers add to a stock, ten times in all. Consumers take what they need, and wait
//! while there is too little, unless no more will come.

use std::sync::Arc;

use amphi::{Condvar, Mutex};

use crate::stage::{Me, Stage, UNIT, Verdict, join_all};

#[derive(Default)]
struct Store {
    stock: Mutex<Stock>,
    changed: Condvar,
}

#[derive(Default)]
struct Stock {
    amount: i64,
    lowest: i64,
    /// How many deliveries are still to come.
    deliveries: u32,
}

impl Stock {
    fn change(&mut self, by: i64) {
        self.amount += by;
        self.lowest = self.lowest.min(self.amount);
    }
}

pub fn play(stage: &Stage) -> Verdict {
    let store = Arc::new(Store {
        stock: Mutex::new(Stock {
            deliveries: 10,
            ..Stock::default()
        }),
        ..Store::default()
    });
    let consumers = (1..=5)
        .map(|n| stage.start(format!("consumer {n}"), |me| consumer(me, store.clone())))
        .collect();
    let producers = (1..=fastrand::u32(4..=5))
        .map(|n| stage.start(format!("producer {n}"), |me| producer(me, store.clone())))
        .collect();
    let made: i64 = join_all(producers)?.into_iter().sum();
    let taken: i64 = join_all(consumers)?.into_iter().sum();

    let stock = store.stock.lock().block();
    let (left, lowest) = (stock.amount, stock.lowest);
    ensure!(lowest >= 0, "the stock was {lowest} at its lowest");
    ensure!(
        made == taken + left,
        "{made} made, but {taken} taken and {left} left"
    );
    Ok(format!("{made} made = {taken} taken + {left} left"))
}

/// Returns how much it has made.
async fn producer(me: Me, store: Arc<Store>) -> i64 {
    let mut made = 0;
    loop {
        me.sleep(UNIT.mul_f64(fastrand::f64())).await;
        let mut stock = me.wait(store.stock.lock()).await;
        if stock.deliveries == 0 {
            return made;
        }
        stock.deliveries -= 1;
        let amount = fastrand::i64(100..=1000);
        stock.change(amount);
        made += amount;
        me.say(format_args!("adds {amount}, now {}", stock.amount));
        store.changed.notify_all();
    }
}

/// Returns how much it has taken.
async fn consumer(me: Me, store: Arc<Store>) -> i64 {
    let mut taken = 0;
    loop {
        let need = fastrand::i64(100..=1000);
        let stock = me.wait(store.stock.lock()).await;
        let too_little = |stock: &mut Stock| stock.amount < need && stock.deliveries > 0;
        let mut stock = me.wait(store.changed.wait_while(stock, too_little)).await;
        if stock.amount < need {
            me.say(format_args!("needs {need}, and no more will come"));
            return taken;
        }
        stock.change(-need);
        taken += need;
        me.say(format_args!("takes {need}, now {}", stock.amount));
        drop(stock);
        me.sleep(UNIT.mul_f64(fastrand::f64())).await;
    }
}
