//! What the tables and the registered schemas of a project promise, on a real Postgres with a database for each test.
#![allow(clippy::unwrap_used)] // tests

mod project_database;
mod schemas;
mod tables;
