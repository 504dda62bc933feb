//! What the database has in the end, against what clients were told.

use std::collections::HashMap;
use std::path::Path;

use amphi_service::load::Outcome;
use amphi_service::protocol::Request;
use redb::{ReadableTable, TableDefinition};

/// All that is in the database, read without the server's code.
pub fn contents(database: &Path) -> HashMap<Vec<u8>, Vec<u8>> {
    let database = redb::Database::open(database).expect("the server should have closed it");
    let table = TableDefinition::<&[u8], &[u8]>::new("values");
    let table = database.begin_read().unwrap().open_table(table).unwrap();
    let entries = table.iter().unwrap().map(|entry| {
        let (key, value) = entry.unwrap();
        (key.value().to_vec(), value.value().to_vec())
    });
    entries.collect()
}

/// What has been acknowledged is there, what was not asked for is not, and what was not answered is there as a whole or not
/// at all.
pub fn assert_kept(outcomes: &[Outcome], mut contents: HashMap<Vec<u8>, Vec<u8>>) {
    for session in outcomes.iter().flat_map(|outcome| &outcome.sessions) {
        let mut values = session.values.clone();
        match &session.unanswered {
            Some(Request::Put(key, value)) if contents.get(key) == Some(value) => {
                values.insert(key.clone(), value.clone());
            }
            Some(Request::Delete(key)) if !contents.contains_key(key) => {
                values.remove(key);
            }
            _ => {}
        }
        for (key, value) in values {
            let name = String::from_utf8_lossy(&key);
            assert!(
                contents.remove(&key) == Some(value),
                "{name} is not as acknowledged"
            );
        }
    }
    assert_eq!(contents.len(), 0, "there is more than was put");
}
