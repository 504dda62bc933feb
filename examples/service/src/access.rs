//! Who may use the database: several readers at a time and the writer, or somebody alone.

use std::ops::Deref;
use std::sync::Arc;

use amphi::semaphore::OwnedPermit;
use amphi::{Mutex, Semaphore};

use crate::database::Database;

/// The way to the database.
///
/// Each reader has a permit and, as long as it has that, the database. Who takes all the permits is therefore
/// alone with it, but for the writer, which is a single thread and comes here itself to be alone. Readers who
/// come meanwhile wait for their permit, and they are tasks, so no thread stands still for them. Nobody starves
/// either side: a request for many permits has its turn, too.
#[derive(Debug)]
pub struct Access {
    readers: usize,
    permits: Arc<Semaphore>,
    /// `None` when it has been closed. Locked only for as long as it takes to look.
    database: Mutex<Option<Arc<Database>>>,
}

/// A permit to read.
#[derive(Debug)]
pub struct Reading {
    // In this order: whoever gets the permit next must not find the database in use.
    database: Arc<Database>,
    _permit: OwnedPermit,
}

impl Deref for Reading {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.database
    }
}

impl Access {
    /// For so many readers at a time.
    pub fn new(database: Database, readers: usize) -> Self {
        Access {
            readers,
            permits: Arc::new(Semaphore::new(readers)),
            database: Mutex::new(Some(Arc::new(database))),
        }
    }

    /// Waits until one may read; `None` if the database has been closed.
    pub async fn read(&self) -> Option<Reading> {
        let permit = self.permits.acquire_owned().await;
        let database = self.database.lock().await.clone()?;
        Some(Reading {
            database,
            _permit: permit,
        })
    }

    /// The database for the writer, which must not keep it until it comes back to be alone.
    pub fn write(&self) -> Option<Arc<Database>> {
        self.database.lock().block().clone()
    }

    /// Waits until nobody reads, and lends the database to a function.
    pub fn alone<T>(&self, use_it: impl FnOnce(&mut Database) -> T) -> Option<T> {
        let _permits = self.permits.acquire_many(self.readers).block();
        let mut database = self.database.lock().block();
        let database = Arc::get_mut(database.as_mut()?);
        Some(use_it(database.expect("whoever reads has a permit")))
    }

    /// Waits until nobody reads, and closes the database.
    pub fn close(&self) {
        let _permits = self.permits.acquire_many(self.readers).block();
        drop(self.database.lock().block().take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::in_time;
    use std::time::Duration;

    const SOON: Duration = Duration::from_millis(20);

    fn access(readers: usize) -> (Arc<Access>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("test.redb")).unwrap();
        (Arc::new(Access::new(database, readers)), folder)
    }

    #[test]
    fn no_more_than_so_many_read_at_a_time() {
        in_time(async {
            let (access, _folder) = access(2);
            let first = access.read().await.unwrap();
            let _second = access.read().await.unwrap();
            let third = tokio::time::timeout(SOON, access.read()).await;
            assert!(third.is_err());
            drop(first);
            assert!(access.read().await.is_some());
        });
    }

    #[test]
    fn alone_means_without_readers() {
        in_time(async {
            let (access, _folder) = access(2);
            let reading = access.read().await.unwrap();
            let alone = access.clone();
            let mut compacts = amphi::thread::spawn(move || alone.alone(|it| it.compact()));
            assert!(compacts.join().timeout(SOON).await.is_err());
            assert_eq!(reading.count().unwrap(), 0);
            drop(reading);
            compacts.join().await.unwrap().unwrap().unwrap();
            assert!(access.read().await.is_some());
        });
    }

    #[test]
    fn closed_is_closed_when_the_last_reader_has_gone() {
        in_time(async {
            let (access, folder) = access(2);
            let reading = access.read().await.unwrap();
            let closes = access.clone();
            let mut closes = amphi::thread::spawn(move || closes.close());
            assert!(closes.join().timeout(SOON).await.is_err());
            drop(reading);
            closes.join().await.unwrap();
            assert!(access.read().await.is_none());
            assert!(access.write().is_none());
            assert!(access.alone(|_| ()).is_none());
            // The file is free.
            Database::open(&folder.path().join("test.redb")).unwrap();
        });
    }
}
