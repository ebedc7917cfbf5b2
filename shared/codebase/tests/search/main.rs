//! What search promises, on a real Postgres with a database for each test.
#![allow(clippy::unwrap_used)] // tests

mod corpus;
mod filters;
mod finding;
mod reading;
mod segments;
mod similar;
mod spelling;
mod symbols;
mod vectors;
