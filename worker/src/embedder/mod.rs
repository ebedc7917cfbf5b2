//! The built-in model: its words, its vectors, and the HTTP endpoint that serves it (`quarry embedder`).
//! Everything else asks it over HTTP, like any other embedding server; only the speed example calls it in process.
//! Never reads a repository and never writes anything but its state file.

mod answer;
mod hashed;
mod idle;
mod model;
mod pieces;
mod refusal;
mod request;
mod serve;
mod words;

pub use model::Model;
pub use serve::{EmbedderError, ServeOptions, serve};

#[cfg(test)]
mod serve_tests;
