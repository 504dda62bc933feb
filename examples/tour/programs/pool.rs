//! A semaphore of three lets three in, and not a fourth. With it, five workers share a
//! pool that opens no more than three connections. Dropping a connection gives it back, so
//! a worker that fails with it in hand takes nothing away from the others.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

use amphi::{Mutex, Permit, Semaphore};
use futures::FutureExt;

use crate::stage::{Me, Stage, UNIT, Verdict, join_all};

const LIMIT: usize = 3;
const WORKERS: usize = 5;

/// Lends connections, and opens one where none is idle.
struct Pool {
    /// A permit for each connection that can still be had.
    free: Semaphore,
    /// Nobody waits or works with this in hand, so a task may block on it as well.
    connections: Mutex<Connections>,
}

#[derive(Default)]
struct Connections {
    opened: usize,
    /// Those that are not lent, by number.
    idle: Vec<usize>,
}

impl Pool {
    async fn connect(&self, me: &Me) -> Connection<'_> {
        let permit = me.wait(self.free.acquire()).await;
        let mut connections = self.connections.lock().block();
        let number = connections.idle.pop().unwrap_or_else(|| {
            connections.opened += 1;
            connections.opened
        });
        Connection {
            number,
            pool: self,
            _permit: permit,
        }
    }
}

struct Connection<'a> {
    number: usize,
    pool: &'a Pool,
    _permit: Permit<'a>,
}

impl Drop for Connection<'_> {
    /// First the connection goes back, and then the permit, as a field.
    fn drop(&mut self) {
        let mut connections = self.pool.connections.lock().block();
        connections.idle.push(self.number);
    }
}

/// How the work of a worker ended.
#[derive(Debug, PartialEq)]
enum End {
    Done,
    Failed,
    Panicked,
}

pub fn play(stage: &Stage) -> Verdict {
    let free = Arc::new(Semaphore::new(LIMIT));
    let granted = stage
        .start("hasty one", |me| try_often(me, free.clone()))
        .join()?;
    ensure!(
        granted == [true, true, true, false],
        "a semaphore of three has granted {granted:?}"
    );

    let pool = Arc::new(Pool {
        free: Semaphore::new(LIMIT),
        connections: Mutex::default(),
    });
    let workers = (1..=WORKERS)
        .map(|n| stage.start(format!("worker {n}"), |me| worker(me, n, pool.clone())))
        .collect();
    let ends = join_all(workers)?;
    let agreed: Vec<_> = (1..=WORKERS).map(end_of).collect();
    ensure!(ends == agreed, "the workers ended like this: {ends:?}");

    // Each connection is lent or idle; so no more were lent at a time than were opened.
    let connections = pool.connections.lock().block();
    let (opened, idle) = (connections.opened, connections.idle.len());
    ensure!(
        opened <= LIMIT,
        "{opened} connections opened instead of {LIMIT}"
    );
    ensure!(idle == opened, "{idle} of {opened} connections given back");
    let permits = pool.free.available_permits();
    ensure!(permits == LIMIT, "{permits} of {LIMIT} permits given back");
    Ok(format!(
        "{WORKERS} workers served by {opened} connections, which outlived three failures"
    ))
}

/// Tries to get four permits, and returns which of them it got.
async fn try_often(me: Me, free: Arc<Semaphore>) -> [bool; LIMIT + 1] {
    let permits = [(); LIMIT + 1].map(|()| free.try_acquire());
    let granted = permits.each_ref().map(Option::is_some);
    me.say(format_args!("tries four times: {granted:?}"));
    granted
}

/// How worker `n` is to end.
fn end_of(n: usize) -> End {
    match n % 3 {
        1 => End::Done,
        2 => End::Failed,
        _ => End::Panicked,
    }
}

async fn worker(me: Me, n: usize, pool: Arc<Pool>) -> End {
    match AssertUnwindSafe(work(&me, n, &pool)).catch_unwind().await {
        Ok(Ok(())) => {
            me.say("is done");
            End::Done
        }
        Ok(Err(error)) => {
            me.say(error);
            End::Failed
        }
        Err(_panic) => {
            me.say("has panicked");
            End::Panicked
        }
    }
}

async fn work(me: &Me, n: usize, pool: &Pool) -> Result<(), String> {
    let connection = pool.connect(me).await;
    me.say(format_args!("has connection {}", connection.number));
    me.sleep(UNIT).await;
    match end_of(n) {
        End::Done => Ok(()),
        End::Failed => Err(format!("has failed with {}", connection.number)),
        // A panic without its message on stderr, since it is part of the play.
        End::Panicked => resume_unwind(Box::new("as agreed")),
    }
}
