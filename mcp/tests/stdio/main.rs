//! The server binary as a client drives it, over standard input and output and over HTTP, with a real Postgres behind it.
#![allow(clippy::unwrap_used)] // tests

mod answers;
mod attachments;
mod entities;
mod failures;
mod fresh;
mod http;
mod http_server;
mod indexing;
mod prepared;
mod protocol;
mod session;
mod taking_over;
