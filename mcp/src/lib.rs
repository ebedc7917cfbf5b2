#![doc = include_str!("../README.md")]

mod http;
mod options;
mod server;
mod stdio;

mod access;
mod call;
mod instructions;
mod progress;
mod prompts;
mod resources;
mod tasks;
mod write_log;

mod arguments;
mod as_written;
mod plain_schema;
mod tools;
mod toolsets;

mod allowed_roots;
mod backend;
mod changed_on_disk;
mod freshen;
mod on_disk;
mod postgres_watch;
mod worker_process;

mod snippet;
mod tool_error;

pub use http::{HttpServer, bind as bind_http};
pub use options::{HttpOptions, Options};
pub use stdio::serve_stdio;
pub use toolsets::Toolset;
