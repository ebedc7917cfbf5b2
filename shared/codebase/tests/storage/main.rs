//! What the storage of a project promises, on a real Postgres with a database for each test.
#![allow(clippy::unwrap_used)] // tests

mod embeddings;
mod fences;
mod files;
mod half_precision;
mod model_change;
mod project_database;
mod remove_repository;
mod replace_files;
mod repositories;
mod vector_index;
