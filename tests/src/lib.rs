#![doc = include_str!("../README.md")]
#![allow(clippy::unwrap_used, reason = "tests: a panic is the report")]

mod endpoint;
mod finished;
mod git_server;
mod installation;
mod process;
mod tree;
mod upstream;
mod wait;

pub use endpoint::{DIMENSIONS, FakeEndpoint, MODEL, ReservedEndpoint};
pub use finished::Finished;
pub use git_server::{GitServer, Manners};
pub use installation::Installation;
pub use process::Running;
pub use tree::Tree;
pub use upstream::Upstream;
pub use wait::{wait_until, wait_until_async};
