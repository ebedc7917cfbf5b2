//! How many connections this process may open to all projects together, and how many of them one pool gets.
//! Hands pools.rs permits that stand for connections.
//! Never opens one.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::{RegistryError, doing};
use crate::open::RegistryOptions;

/// Left of the server's connections for registries, other programs and administrators.
const LEFT_FOR_OTHERS: u32 = 20;

/// Fewer connections would block a caller that reads from one while it writes to another.
const LEAST_SHARE: u32 = 2;

/// The connections this process may open to all projects together.
pub(crate) struct ConnectionBudget {
    cap: u32,
    most_per_pool: u32,
    free: Arc<Semaphore>,
}

impl ConnectionBudget {
    /// Asks the server how many connections it allows, unless the options say how many to use.
    pub(crate) async fn ask(registry: &PgPool, options: &RegistryOptions) -> Result<Self, RegistryError> {
        let cap = match options.project_connections_cap {
            Some(cap) => cap.max(LEAST_SHARE),
            None => {
                let usable = sqlx::query_scalar!(
                    r#"select current_setting('max_connections')::integer
                        - current_setting('superuser_reserved_connections')::integer
                        - coalesce(current_setting('reserved_connections', true), '0')::integer as "usable!""#
                )
                .fetch_one(registry)
                .await
                .map_err(doing("ask how many connections the server allows"))?;
                u32::try_from(usable)
                    .unwrap_or(0)
                    .saturating_sub(LEFT_FOR_OTHERS)
                    .max(options.project_max_connections)
            }
        };
        Ok(Self {
            cap,
            most_per_pool: options.project_max_connections,
            free: Arc::new(Semaphore::new(cap as usize)),
        })
    }
    pub(crate) fn cap(&self) -> u32 {
        self.cap
    }

    /// How many connections a pool would get that opens now.
    pub(crate) fn share(&self) -> u32 {
        share(self.free.available_permits(), self.most_per_pool)
    }

    /// The connections of a new pool, if there are any free.
    pub(crate) fn try_reserve(&self) -> Option<OwnedSemaphorePermit> {
        self.free.clone().try_acquire_many_owned(self.share()).ok()
    }

    /// The same after waiting for others to give theirs back.
    pub(crate) async fn reserve_within(&self, wait: Duration) -> Option<OwnedSemaphorePermit> {
        let waiting = self.free.clone().acquire_many_owned(self.share());
        let reserved = timeout(wait, waiting).await.ok()?;
        Some(reserved.expect("the semaphore is never closed"))
    }
}

/// Pools opened while many are open already get fewer connections, so that there is one for as many as possible.
fn share(free: usize, most: u32) -> u32 {
    u32::try_from(free / 8)
        .unwrap_or(u32::MAX)
        .clamp(LEAST_SHARE, most.max(LEAST_SHARE))
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn pools_get_fewer_connections_as_the_budget_runs_out() {
        assert_eq!(share(77, 5), 5);
        assert_eq!(share(40, 5), 5);
        assert_eq!(share(25, 5), 3);
        assert_eq!(share(3, 5), 2);
        assert_eq!(share(0, 5), 2);
    }
}
