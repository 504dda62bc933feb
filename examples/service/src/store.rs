//! What tasks see of the database: questions and changes that they await.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use amphi::thread::{self, JoinHandle};
use amphi::{Barrier, Mutex, Queue, ThreadPool, Timer, oneshot};

use crate::access::Access;
use crate::counts::Counts;
use crate::database::{Change, Database, Failure};
use crate::server::Options;
use crate::writer::{Command, Writer};

/// So many changes may wait for the writer. More of them wait with their clients.
const WAITING: usize = 1024;
/// Within this time all threads have started, or some never will, for the system has no more of them.
const START: Duration = Duration::from_secs(10);

/// The database, with the threads that use it. Dropped, it commits what is in the queue and ends them, but
/// nobody knows when; [`close`](Store::close) waits for that.
#[derive(Debug)]
pub struct Store {
    commands: Arc<Queue<Command>>,
    access: Arc<Access>,
    readers: ThreadPool,
    /// Joining takes its result, so that is for one at a time.
    writer: Mutex<JoinHandle<()>>,
    compaction: Timer,
}

impl Store {
    /// Opens the database and starts the writer and the readers.
    pub async fn start(options: &Options, counts: Arc<Counts>) -> io::Result<Store> {
        let readers = options.readers;
        let database = open(&options.database).await?;
        let access = Arc::new(Access::new(database, readers));
        let commands = Arc::new(Queue::bounded(WAITING));
        // The readers, the writer, and this task. If one does not come, nobody waits for ever.
        let start = Arc::new(Barrier::new(readers + 2).with_timeout(START));
        let pool = ThreadPool::builder().workers(readers).name_prefix("reader");
        let store = Store {
            commands: commands.clone(),
            access: access.clone(),
            readers: pool.build(),
            writer: Mutex::new(thread::Builder::new().name("writer").spawn({
                let writer = Writer {
                    commands: commands.clone(),
                    access,
                    counts,
                };
                let start = start.clone();
                move || writer.run(&start)
            })?),
            compaction: Timer::every(options.compact_every, move || {
                // If there is no room, or no writer, there is nothing to be done about it now.
                let _ = commands.try_put(Command::Compact);
            })
            .with_name("compaction"),
        };
        for _ in 0..readers {
            let start = start.clone();
            // Each waits on a thread of its own: when all have arrived there are as many.
            let waits = store.readers.submit(move || start.wait().block().is_ok());
            waits.map_err(io::Error::other)?;
        }
        start.wait().await.map_err(io::Error::other)?;
        store.compaction.start();
        Ok(store)
    }

    /// The key's value.
    pub async fn get(&self, key: Vec<u8>) -> Result<Option<Vec<u8>>, Failure> {
        self.read(move |database| database.get(&key)).await
    }

    /// How many keys have values.
    pub async fn count(&self) -> Result<u64, Failure> {
        self.read(Database::count).await
    }

    /// Makes a change that lasts, and says whether the key had a value before.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has made the change, or will, or won't.
    pub async fn change(&self, change: Change) -> Result<bool, Failure> {
        let (sender, mut receiver) = oneshot::channel();
        let put = self.commands.put(Command::Change(change, sender)).await;
        put.map_err(|_| stopped())?;
        receiver.recv().await.map_err(|_| stopped())?
    }

    /// Waits for a permit as a task, and then reads on a thread. The permit goes there with it, so that it
    /// is free only when the reading has ended, whatever has become of the task.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Database) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let reading = self.access.read().await.ok_or_else(stopped)?;
        let job = self.readers.submit(move || read(&reading));
        let job = job.map_err(Failure::new)?;
        job.await.map_err(Failure::new)?
    }

    /// Waits until what is in the queue is committed, the database is closed and the threads have ended.
    pub async fn close(&self) -> io::Result<()> {
        self.stop();
        let written = self.writer.lock().await.join().await;
        self.readers.shutdown().await;
        written.map_err(io::Error::other)
    }

    fn stop(&self) {
        self.compaction.cancel();
        self.commands.shutdown();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Opens the database on a thread, since it may have to be repaired.
async fn open(path: &Path) -> io::Result<Database> {
    let path = path.to_owned();
    let mut opener = thread::Builder::new()
        .name("opener")
        .spawn(move || Database::open(&path))?;
    let opened = opener.join().await.map_err(io::Error::other)?;
    opened.map_err(io::Error::other)
}

fn stopped() -> Failure {
    Failure::new("the database has stopped")
}
