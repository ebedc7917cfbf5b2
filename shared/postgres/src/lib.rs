#![doc = include_str!("../README.md")]

// A first start goes: home, lock, unprivileged, find, install, cluster, machine, settings, postmaster.
mod cluster;
mod ensure_running;
mod find;
mod home;
mod install;
mod lock;
mod machine;
mod postmaster;
mod settings;
mod unprivileged;

mod client_program;
mod status;
mod stop;
pub mod testing;

mod blocking;
mod error;
mod process;
mod program;

pub use client_program::client_program;
pub use ensure_running::{EmbeddedServer, ensure_running};
pub use error::PostgresError;
pub use status::{RunState, ServerStatus, server_status};
pub use stop::{Stopped, stop};

use blocking::blocking;
