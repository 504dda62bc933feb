//! The load generator: clients that know what each reply has to be.
//!
//! Each has keys of its own, and remembers what it has put there, so no other can interfere. It sends its next request
//! when it has the reply to the last one.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use amphi::Barrier;
use fastrand::Rng;

use crate::client::Client;
use crate::protocol::{Reply, Request};

/// So many keys for each client: few enough that they are changed and deleted often.
const KEYS: usize = 64;
const LONGEST: usize = 1024;

/// What load to make.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Of the server.
    pub address: String,
    /// How many clients there are.
    pub connections: usize,
    /// How many requests they send, all in all.
    pub requests: usize,
    /// For the same requests again.
    pub seed: u64,
}

/// What has come of it.
#[derive(Debug)]
pub struct Outcome {
    /// Each client's part.
    pub sessions: Vec<Session>,
    /// From the first request to the last reply.
    pub took: Duration,
}

/// What one client has done.
#[derive(Debug)]
pub struct Session {
    /// What its keys must have as values, by the replies: all there is in the database of those keys.
    pub values: HashMap<Vec<u8>, Vec<u8>>,
    /// A request that may have been carried out or not, for its reply did not come.
    pub unanswered: Option<Request>,
    /// One for each reply.
    pub samples: Vec<Sample>,
    /// Why it has ended before its time.
    pub trouble: Option<Trouble>,
    name: String,
    random: Rng,
}

/// A request that has been answered.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// What was asked.
    pub kind: Kind,
    /// How long the reply took.
    pub latency: Duration,
    /// When it came, from the beginning of all.
    pub at: Duration,
}

/// The kinds of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To read.
    Get,
    /// To write.
    Put,
    /// To write as well.
    Delete,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Get, Kind::Put, Kind::Delete];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Get => "GET",
            Kind::Put => "PUT",
            Kind::Delete => "DELETE",
        })
    }
}

/// Why a client could not go on.
#[derive(Debug)]
pub enum Trouble {
    /// There is no connection any more.
    Lost(io::Error),
    /// A reply was wrong. The server is not what it should be.
    Wrong(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Lost(error) => write!(f, "the connection is lost: {error}"),
            Trouble::Wrong(what) => write!(f, "a wrong reply: {what}"),
        }
    }
}

/// Makes the load, inside a tokio runtime. The first request is sent when all are connected.
pub async fn run(plan: &Plan) -> Outcome {
    let connected = Arc::new(Barrier::new(plan.connections + 1));
    // In a database that has been used before there must not be values under these keys.
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let run = now.unwrap_or_default().as_nanos();
    let clients: Vec<_> = (0..plan.connections)
        .map(|index| {
            let share = plan.requests / plan.connections;
            let rest = plan.requests % plan.connections;
            let requests = share + usize::from(index < rest);
            let name = format!("{run:x}-{index}");
            let random = Rng::with_seed(plan.seed.wrapping_add(index as u64));
            let address = plan.address.clone();
            let connected = connected.clone();
            tokio::spawn(async move {
                let mut session = Session {
                    values: HashMap::new(),
                    unanswered: None,
                    samples: Vec::with_capacity(requests),
                    trouble: None,
                    name,
                    random,
                };
                let talked = session.talk(&address, &connected, requests).await;
                session.trouble = talked.err();
                session
            })
        })
        .collect();
    let _ = connected.wait().await;
    let start = Instant::now();
    let mut sessions = Vec::new();
    for client in clients {
        sessions.push(client.await.expect("a client should not panic"));
    }
    Outcome {
        sessions,
        took: start.elapsed(),
    }
}

impl Session {
    async fn talk(
        &mut self,
        address: &str,
        connected: &Barrier,
        requests: usize,
    ) -> Result<(), Trouble> {
        let client = Client::connect(address).await;
        // Those who have no connection come as well, or the others would wait for them.
        let _ = connected.wait().await;
        let mut client = client.map_err(Trouble::Lost)?;
        let start = Instant::now();
        for _ in 0..requests {
            let (kind, request) = self.invent();
            let request = self.unanswered.insert(request);
            let asked = Instant::now();
            let reply = client.ask(request).await.map_err(Trouble::Lost)?;
            self.samples.push(Sample {
                kind,
                latency: asked.elapsed(),
                at: start.elapsed(),
            });
            self.check(reply)?;
        }
        Ok(())
    }

    fn invent(&mut self) -> (Kind, Request) {
        let key = format!("{}-{}", self.name, self.random.usize(..KEYS)).into_bytes();
        match self.random.u8(..10) {
            0..5 => (Kind::Get, Request::Get(key)),
            5..9 => {
                // Any bytes, line breaks as well.
                let mut value = vec![0; self.random.usize(..=LONGEST)];
                self.random.fill(&mut value);
                (Kind::Put, Request::Put(key, value))
            }
            _ => (Kind::Delete, Request::Delete(key)),
        }
    }

    /// Whether it is the only right reply to the request. If so, what was asked for has been done.
    fn check(&mut self, reply: Reply) -> Result<(), Trouble> {
        let request = self.unanswered.as_ref().expect("a request was sent");
        let right = match request {
            Request::Get(key) => match self.values.get(key) {
                Some(value) => Reply::Value(value.clone()),
                None => Reply::Nothing,
            },
            Request::Delete(key) if !self.values.contains_key(key) => Reply::Nothing,
            Request::Put(..) | Request::Delete(_) => Reply::Done,
            Request::Ping | Request::Count => unreachable!("nobody asks for that here"),
        };
        if reply != right {
            let wrong = format!("{request:?} gave {reply:?}, not {right:?}");
            return Err(Trouble::Wrong(wrong));
        }
        match self.unanswered.take() {
            Some(Request::Put(key, value)) => drop(self.values.insert(key, value)),
            Some(Request::Delete(key)) => drop(self.values.remove(&key)),
            _ => {}
        }
        Ok(())
    }
}
