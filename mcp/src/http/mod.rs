//! The server over Streamable HTTP, in both eras of the protocol and without any state of its own: whatever a client gets
//! to hold (a session, a job, a cursor) means the same to the process that answers next. Read in this order: what a request
//! passes through.

mod serve;

mod rate_limit;
mod too_much;

mod bearer;
mod metadata;
mod token_cache;

mod in_flight;
mod session;

pub(crate) use bearer::Principal;
pub(crate) use in_flight::Request;
pub use serve::{HttpServer, bind};
