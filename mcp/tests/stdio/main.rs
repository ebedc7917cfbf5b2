//! The server binary as a client drives it: JSON-RPC lines on standard input and output, a real Postgres behind it.
#![allow(clippy::unwrap_used)] // tests

mod answers;
mod entities;
mod failures;
mod fresh;
mod indexing;
mod prepared;
mod protocol;
mod session;
