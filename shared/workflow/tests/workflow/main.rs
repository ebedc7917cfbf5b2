//! What the tables and the functions of this crate promise, on a real Postgres with a database for each test.
#![allow(clippy::unwrap_used)] // tests

mod changing;
mod claiming;
mod contention;
mod exporting;
mod hostile;
mod linking;
mod linking_in_batches;
mod many_at_once;
mod partitioning;
mod project_database;
mod querying;
mod registering;
mod schemas;
mod searching;
mod tables;
mod walking;
mod words;
