//! What Quarry promises to the person at the command line, each promise with the test that would notice it broken.
#![allow(clippy::unwrap_used)] // tests

mod branches;
mod changing_models;
mod changing_models_at_work;
mod checking;
mod configuration;
mod connecting;
mod document_prefixes;
mod embedded;
mod embedding_failures;
mod entities;
mod explaining;
mod freshness;
mod git_refusals;
mod git_urls;
mod git_workers;
mod indexing;
mod kill_storm;
mod managing;
mod many_workers;
mod mcp_answers;
mod mcp_serving;
mod naming;
mod operating;
mod refusals;
mod replaying;
mod replaying_small_trees;
mod searching;
mod server_trouble;
mod service;
mod skipping;
mod stamps;
mod storage_size;
mod taking_turns;
mod watching;
mod watching_editors;
mod watching_git;
mod watching_trouble;
mod watching_unpublished;
mod workers;
mod zombies;

use system_tests::{FakeEndpoint, Installation};

const PROGRAM: &str = env!("CARGO_BIN_EXE_quarry-under-test");

/// An installation and an endpoint that answers everything.
async fn installation() -> (Installation, FakeEndpoint) {
    let endpoint = FakeEndpoint::start().await;
    (Installation::new(PROGRAM, &endpoint).await, endpoint)
}
