//! A key-value server as people build it: tasks in front, a connection each; a database behind them, on
//! threads; and a load generator that checks every reply.
//!
//! ```text
//!             tasks                                    threads
//!  accept ──▶ connection ──put──▶ Queue ──get_many──▶ writer ──▶ database
//!             connection ◀─────── oneshot ◀────────── writer        │
//!             connection ──Semaphore, then submit──▶ readers ◀──────┘
//! ```

mod access;
pub mod client;
mod connection;
pub mod counts;
mod database;
pub mod load;
pub mod plot;
pub mod protocol;
pub mod report;
pub mod server;
mod store;
mod writer;

#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;
