//! When the next request may go out: asked before each one by a client that was given a pace.
//! Knows no rate and no clock of its own: whoever shares an endpoint with others says how.

use std::future::Future;
use std::pin::Pin;

/// Lets requests through one by one.
pub trait Pacing: Send + Sync {
    /// Returns when one more request may be sent. Dropping the future gives the turn up.
    fn turn(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}
