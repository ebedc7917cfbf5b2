//! Tokens that were recognised a moment ago, so that not every request asks Postgres: a revoked one works for seconds
//! longer. While Postgres is away a known caller still gets as far as the tool's own answer, which says so.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::bearer::Principal;

const TRUST_FOR: Duration = Duration::from_secs(5);
const TRUST_WITHOUT_POSTGRES: Duration = Duration::from_secs(600);

/// Only tokens that work get in, so this many clients come with different ones.
const MOST: usize = 1_000;

#[derive(Default)]
pub(super) struct TokenCache {
    known: Mutex<HashMap<blake3::Hash, (Instant, Principal)>>,
}

impl TokenCache {
    pub(super) fn get(&self, secret: &str) -> Option<Principal> {
        self.younger_than(secret, TRUST_FOR)
    }

    pub(super) fn get_without_postgres(&self, secret: &str) -> Option<Principal> {
        self.younger_than(secret, TRUST_WITHOUT_POSTGRES)
    }

    pub(super) fn put(&self, secret: &str, principal: Principal) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(blake3::hash(secret.as_bytes()), (Instant::now(), principal));
    }

    pub(super) fn forget(&self, secret: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&blake3::hash(secret.as_bytes()));
    }

    fn younger_than(&self, secret: &str, limit: Duration) -> Option<Principal> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, principal) = known.get(&blake3::hash(secret.as_bytes()))?;
        (since.elapsed() < limit).then(|| principal.clone())
    }
}
