#![doc = include_str!("../README.md")]
#![allow(clippy::unwrap_used, reason = "tests: a panic is the report")]

mod edit;
mod endpoint;
mod fence_watch;
mod finished;
mod git_server;
mod installation;
mod invent;
mod lossy_network;
mod mcp_client;
mod numbers;
mod process;
mod savers;
mod sql_session;
mod tree;
mod upstream;
mod wait;

pub use edit::{Edit, Text};
pub use endpoint::{DIMENSIONS, FakeEndpoint, MODEL, ReservedEndpoint};
pub use fence_watch::{Fence, FenceWatch};
pub use finished::Finished;
pub use git_server::{GitServer, Manners};
pub use installation::{DUMP, Installation};
pub use invent::invent;
pub use lossy_network::LossyNetwork;
pub use mcp_client::{HttpAnswer, McpOverHttp, McpSession, ToolAnswer};
pub use numbers::Numbers;
pub use process::Running;
pub use savers::Savers;
pub use sql_session::SqlSession;
pub use tree::Tree;
pub use upstream::Upstream;
pub use wait::{wait_until, wait_until_async};
