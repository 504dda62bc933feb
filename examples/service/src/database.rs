//! The database: whatever needs `redb`. All of it blocks, so it belongs on threads.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use redb::{ReadableTableMetadata, StorageError, TableDefinition};

const TABLE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("values");

/// A database of keys and values in a file.
#[derive(Debug)]
pub struct Database(redb::Database);

/// One change to it.
#[derive(Debug)]
pub enum Change {
    /// Let this be the key's value.
    Put(Vec<u8>, Vec<u8>),
    /// Let the key have no value.
    Delete(Vec<u8>),
}

/// Something could not be read or written, and why. It can be cloned, for a transaction that
/// fails does so for all who have a change in it.
#[derive(Clone, Debug)]
pub struct Failure(Arc<str>);

impl Failure {
    pub fn new(why: impl fmt::Display) -> Self {
        Failure(why.to_string().into())
    }
}

impl<E: Into<redb::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::new(error.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Failure {}

impl Database {
    /// Opens the file, or makes it.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let database = redb::Database::create(path)?;
        // Makes the table, so that whoever reads finds one.
        let transaction = database.begin_write()?;
        transaction.open_table(TABLE)?;
        transaction.commit()?;
        Ok(Database(database))
    }

    /// The key's value. A transaction of its own, which sees what has been committed before.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        let table = self.0.begin_read()?.open_table(TABLE)?;
        Ok(table.get(key)?.map(|value| value.value().to_vec()))
    }

    /// How many keys have values. A transaction of its own as well.
    pub fn count(&self) -> Result<u64, Failure> {
        let table = self.0.begin_read()?.open_table(TABLE)?;
        Ok(table.len()?)
    }

    /// Makes all the changes in one transaction, in their order, and says of each whether its key had a value before.
    /// When this returns they are on the disk, all of them, or none if it is an error.
    pub fn commit(&self, changes: &[Change]) -> Result<Vec<bool>, Failure> {
        let transaction = self.0.begin_write()?;
        let mut table = transaction.open_table(TABLE)?;
        let had_value = changes.iter().map(|change| {
            let old = match change {
                Change::Put(key, value) => table.insert(&key[..], &value[..])?,
                Change::Delete(key) => table.remove(&key[..])?,
            };
            Ok(old.is_some())
        });
        let had_value = had_value.collect::<Result<_, StorageError>>()?;
        drop(table);
        transaction.commit()?;
        Ok(had_value)
    }

    /// Gives back to the system what the file has too much of. Nobody else may use the database meanwhile.
    pub fn compact(&mut self) -> Result<(), Failure> {
        self.0.compact()?;
        Ok(())
    }
}
