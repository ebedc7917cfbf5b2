#![doc = include_str!("../README.md")]

mod options;
mod server;

mod arguments;
mod plain_schema;
mod tools;

mod allowed_roots;
mod backend;
mod changed_on_disk;
mod freshen;
mod on_disk;
mod worker_process;

mod snippet;
mod tool_error;

pub use options::Options;
pub use server::serve_stdio;
