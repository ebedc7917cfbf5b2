#![doc = include_str!("../README.md")]

mod names;
mod projects;

mod error;
mod open;

mod identifiers;
mod initialize;
mod migrations;
mod stamp;
mod template;

mod provision;
mod reconcile;

mod connection_budget;
mod connection_check;
mod pin_embedding;
mod pools;
mod reach;

mod client_target;
mod git_policy;
mod git_url;
mod locations;

mod tokens;
mod tool_writes;

pub use client_target::ClientTarget;
pub use error::{RegistryError, is_server_trouble};
pub use git_policy::{GitPolicy, GitRefusal};
pub use git_url::{GitProtocol, GitUrl, GitUrlError, is_branch_name};
pub use initialize::{InitReport, Privileges};
pub use locations::Location;
pub use names::{ProjectName, ProjectNameError};
pub use open::{Registry, RegistryOptions};
pub use pin_embedding::MAX_DIMENSIONS;
pub use projects::{PinnedEmbedding, Project, ProjectId, ProjectState};
pub use reach::reach;
pub use reconcile::Reconciled;
pub use tokens::{NewToken, Token, TokenScope};
pub use tool_writes::{ToolWrite, ToolWriteEntry, WriteOutcome};

/// A pool of connections, so that callers without SQL of their own need not name the driver.
pub use sqlx::PgPool;
