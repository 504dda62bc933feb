//! The one who writes: a thread that takes from the queue as many changes as have come together, and commits
//! them at once.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use amphi::{Barrier, Queue, oneshot};

use crate::access::Access;
use crate::counts::Counts;
use crate::database::{Change, Failure};

/// So many changes at most in one transaction. The disk takes about as long for one as for hundreds.
const BATCH: usize = 256;

/// What comes through the queue.
#[derive(Debug)]
pub enum Command {
    /// Make the change, and say whether the key had a value before.
    Change(Change, oneshot::Sender<Result<bool, Failure>>),
    /// Make the file small.
    Compact,
}

/// What the thread works with.
#[derive(Debug)]
pub struct Writer {
    pub commands: Arc<Queue<Command>>,
    pub access: Arc<Access>,
    pub counts: Arc<Counts>,
}

impl Writer {
    /// Works until the queue has been shut down and is empty, and closes the database.
    pub fn run(self, start: &Barrier) {
        // If it panics, nobody must wait for ever for a reply, or for room.
        let _ends = Ends(&self.commands);
        if start.wait().block().is_err() {
            return;
        }
        let mut changed = false;
        while let Ok(commands) = self.commands.get_many(BATCH).block() {
            let mut compacts = false;
            let mut changes = Vec::new();
            let mut replies = Vec::new();
            for command in commands {
                match command {
                    Command::Change(change, reply) => {
                        changes.push(change);
                        replies.push(reply);
                    }
                    Command::Compact => compacts = true,
                }
            }
            if !changes.is_empty() {
                self.commit(&changes, replies);
                changed = true;
            }
            // Where nobody writes, the disk is left alone.
            if compacts && changed {
                self.compact();
                changed = false;
            }
        }
        self.access.close();
    }

    /// Replies only when all of it is on the disk.
    fn commit(&self, changes: &[Change], replies: Vec<oneshot::Sender<Result<bool, Failure>>>) {
        let database = self.access.write();
        let database = database.expect("nobody else closes it");
        match database.commit(changes) {
            Ok(had_values) => {
                self.counts.commits.fetch_add(1, Relaxed);
                self.counts.changes.fetch_add(changes.len(), Relaxed);
                for (reply, had_value) in replies.into_iter().zip(had_values) {
                    // Whoever asked may be gone.
                    let _ = reply.send(Ok(had_value));
                }
            }
            Err(failure) => {
                for reply in replies {
                    let _ = reply.send(Err(failure.clone()));
                }
            }
        }
    }

    fn compact(&self) {
        let compacted = self.access.alone(|database| database.compact());
        match compacted.expect("nobody else closes it") {
            Ok(()) => {
                self.counts.compactions.fetch_add(1, Relaxed);
            }
            // It only stays as large as it is.
            Err(failure) => eprintln!("service: can't compact the database: {failure}"),
        }
    }
}

/// Shuts the queue down and drops what is in it, and with that the ends of the channels on which
/// others wait for replies.
struct Ends<'a>(&'a Queue<Command>);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.shutdown_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Database;
    use crate::support::in_time;
    use amphi::PutError;
    use tempfile::TempDir;

    fn writer() -> (Writer, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("test.redb")).unwrap();
        let writer = Writer {
            commands: Arc::new(Queue::unbounded()),
            access: Arc::new(Access::new(database, 1)),
            counts: Arc::default(),
        };
        (writer, folder)
    }

    fn ask(change: Change) -> (Command, oneshot::Receiver<Result<bool, Failure>>) {
        let (sender, receiver) = oneshot::channel();
        (Command::Change(change, sender), receiver)
    }

    fn put() -> Change {
        Change::Put(b"key".to_vec(), b"value".to_vec())
    }

    fn delete() -> Change {
        Change::Delete(b"key".to_vec())
    }

    #[test]
    fn nobody_waits_for_a_writer_that_has_panicked() {
        in_time(async {
            let (writer, _folder) = writer();
            // That is what it does not expect.
            writer.access.close();
            let commands = writer.commands.clone();
            let (command, mut reply) = ask(put());
            commands.put(command).await.unwrap();
            let mut thread = amphi::thread::spawn(move || writer.run(&Barrier::new(1)));
            assert!(thread.join().await.is_err());
            assert!(reply.recv().await.is_err());
            let refused = commands.put(Command::Compact).await;
            assert!(matches!(refused, Err(PutError::ShutDown(_))));
        });
    }

    #[test]
    fn what_has_come_together_is_committed_at_once() {
        in_time(async {
            let (writer, _folder) = writer();
            let (access, counts) = (writer.access.clone(), writer.counts.clone());
            let mut replies = Vec::new();
            for _ in 0..BATCH / 2 {
                for change in [put(), delete()] {
                    let (command, reply) = ask(change);
                    writer.commands.try_put(command).unwrap();
                    replies.push(reply);
                }
            }
            writer.commands.shutdown();
            let mut thread = amphi::thread::spawn(move || writer.run(&Barrier::new(1)));
            thread.join().await.unwrap();
            assert!(
                access.read().await.is_none(),
                "the database is closed at the end"
            );
            // In their order: there never was a value to put over, and always one to delete.
            let had_value = replies.iter_mut().map(|reply| reply.try_recv());
            let had_value: Vec<_> = had_value.map(|reply| reply.unwrap().unwrap()).collect();
            assert_eq!(had_value, [false, true].repeat(BATCH / 2));
            assert_eq!(counts.commits.load(Relaxed), 1);
            assert_eq!(counts.changes.load(Relaxed), BATCH);
        });
    }

    #[test]
    fn it_compacts_what_has_changed() {
        in_time(async {
            let (writer, _folder) = writer();
            let (commands, counts) = (writer.commands.clone(), writer.counts.clone());
            let mut thread = amphi::thread::spawn(move || writer.run(&Barrier::new(1)));
            let (change, mut reply) = ask(put());
            // Whether the first comes too early depends on what comes together.
            commands.put_all([Command::Compact, change]).await.unwrap();
            assert!(!reply.recv().await.unwrap().unwrap());
            for _ in 0..5 {
                commands.put(Command::Compact).await.unwrap();
            }
            commands.shutdown();
            thread.join().await.unwrap();
            assert_eq!(counts.compactions.load(Relaxed), 1);
        });
    }
}
