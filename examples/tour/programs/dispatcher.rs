//! A producer makes numbers and notifies all, two or one of four consumers: so many
//! see the number. A notification is for those who wait now, and kept for nobody else; so
//! the producer first waits until all are listening.

use std::sync::Arc;

use amphi::{Condvar, Mutex};

use crate::stage::{Me, Stage, Verdict, join_all};

const CONSUMERS: usize = 4;
const NUMBERS: usize = 10;

#[derive(Default)]
struct Office {
    board: Mutex<Board>,
    /// There is something new on the board.
    news: Condvar,
    /// All consumers are listening.
    ready: Condvar,
}

#[derive(Default)]
struct Board {
    number: usize,
    /// How many wait for news and have not been notified.
    listening: usize,
    closed: bool,
}

pub fn play(stage: &Stage) -> Verdict {
    for audience in [CONSUMERS, 2, 1] {
        let office = Arc::new(Office::default());
        let consumers = (1..=CONSUMERS)
            .map(|n| stage.start(format!("consumer {n}"), |me| consumer(me, office.clone())))
            .collect();
        let producer = stage.start("producer", |me| producer(me, audience, office.clone()));
        producer.join()??;

        let seen = join_all(consumers)?.concat();
        for number in 1..=NUMBERS {
            let times = seen.iter().filter(|seen| **seen == number).count();
            ensure!(
                times == audience,
                "{times} instead of {audience} have seen the {number}"
            );
        }
    }
    Ok(format!(
        "{NUMBERS} numbers each seen by all four, by two, by one"
    ))
}

async fn producer(me: Me, audience: usize, office: Arc<Office>) -> Result<(), String> {
    let Office { board, news, ready } = &*office;
    let mut board = me.wait(board.lock()).await;
    for number in 1..=NUMBERS {
        board = me
            .wait(ready.wait_while(board, |board| board.listening < CONSUMERS))
            .await;
        me.say(format_args!("{number} for {audience}"));
        board.number = number;
        let notified = match audience {
            CONSUMERS => news.notify_all(),
            1 => news.notify_one(),
            n => news.notify(n),
        };
        ensure!(
            notified == audience,
            "{notified} instead of {audience} notified"
        );
        board.listening -= notified;
    }
    board = me
        .wait(ready.wait_while(board, |board| board.listening < CONSUMERS))
        .await;
    board.closed = true;
    news.notify_all();
    Ok(())
}

/// Returns the numbers it has seen.
async fn consumer(me: Me, office: Arc<Office>) -> Vec<usize> {
    let Office { board, news, ready } = &*office;
    let mut seen = Vec::new();
    let mut board = me.wait(board.lock()).await;
    loop {
        board.listening += 1;
        ready.notify_one();
        board = me.wait(news.wait(board)).await;
        if board.closed {
            return seen;
        }
        me.say(format_args!("sees {}", board.number));
        seen.push(board.number);
    }
}
