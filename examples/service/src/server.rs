//! The server from its start to its end.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use amphi::{Event, Semaphore};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::connection;
use crate::counts::Counts;
use crate::store::Store;

/// How long to wait before the next try if no connection can be accepted, say for want of file descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// How to run a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen.
    pub address: String,
    /// The database's file.
    pub database: PathBuf,
    /// How many read at a time.
    pub readers: usize,
    /// How many connections there are at a time. More of them wait to be accepted.
    pub clients: usize,
    /// How long a client may take to send a request, or to accept a reply.
    pub patience: Duration,
    /// How long it may take to accept a reply when the server stops.
    pub grace: Duration,
    /// How often to compact the database.
    pub compact_every: Duration,
}

impl Options {
    /// What is sensible, for the database in this file.
    pub fn new(database: impl Into<PathBuf>) -> Self {
        Options {
            address: "127.0.0.1:0".into(),
            database: database.into(),
            readers: 4,
            clients: 1024,
            patience: Duration::from_secs(60),
            grace: Duration::from_secs(5),
            compact_every: Duration::from_secs(60),
        }
    }
}

/// A server that runs, and goes on when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: JoinHandle<()>,
}

/// What the server shares with its connections.
#[derive(Debug)]
pub(crate) struct Shared {
    pub options: Options,
    pub store: Store,
    pub counts: Arc<Counts>,
    /// No more requests.
    pub shutdown: Arc<Event>,
    /// No more waiting for clients either.
    pub abandon: Event,
    /// One permit for each connection.
    clients: Arc<Semaphore>,
}

impl Server {
    /// Starts one inside a tokio runtime. When this returns, clients are served.
    pub async fn start(options: Options) -> io::Result<Server> {
        let listener = TcpListener::bind(&options.address).await?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let store = Store::start(&options, counts.clone()).await?;
        let clients = Arc::new(Semaphore::new(options.clients));
        let shared = Arc::new(Shared {
            options,
            store,
            counts,
            shutdown: Arc::default(),
            abandon: Event::new(),
            clients,
        });
        Ok(Server {
            address,
            acceptor: tokio::spawn(accept(listener, shared.clone())),
            shared,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has done.
    pub fn counts(&self) -> &Arc<Counts> {
        &self.shared.counts
    }

    /// Set this to stop it.
    pub fn shutdown(&self) -> &Arc<Event> {
        &self.shared.shutdown
    }

    /// Waits until it has been stopped and everything is at its end: each request that was complete has
    /// been answered, and the database is closed.
    pub async fn finish(self) -> io::Result<()> {
        let shared = self.shared;
        self.acceptor.await.map_err(io::Error::other)?;
        // When all the permits are here, all the connections are gone.
        let everybody = shared.options.clients;
        let gone = shared.clients.acquire_many(everybody);
        if gone.timeout(shared.options.grace).await.is_err() {
            shared.abandon.set();
            drop(shared.clients.acquire_many(everybody).await);
        }
        shared.store.close().await
    }
}

/// Accepts clients until the server stops, so many at a time.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let permit = shared.clients.acquire_owned();
        let Ok(permit) = permit.or(shared.shutdown.wait()).await else {
            return;
        };
        let Err(accepted) = shared.shutdown.wait().or(listener.accept()).await else {
            return;
        };
        match accepted {
            Ok((stream, _)) => {
                let shared = shared.clone();
                tokio::spawn(async move {
                    connection::serve(stream, &shared).await;
                    drop(permit);
                });
            }
            Err(error) => {
                eprintln!("service: can't accept a connection: {error}");
                let _ = shared.shutdown.wait().timeout(BREATH).await;
            }
        }
    }
}
