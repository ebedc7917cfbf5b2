#![doc = include_str!("../README.md")]

pub mod cli;

pub mod chunk;
pub mod walk;

mod check;
mod clones;
mod context;
mod git;
mod jobs;
mod pacing;
mod pipeline;
mod runner;
mod service;
#[cfg(test)]
mod test_random;
mod watch;

pub mod embedder;

pub use context::Context;
pub use pipeline::{Counts, StageMillis};
pub use runner::Runner;
