//! From where on a claim looks for due lanes. A transaction that stays open anywhere in the database (a backup, a forgotten
//! session) keeps every row version that was written since; the index then holds a dead entry for each time a lane was
//! ready, and they come first in its order. A lane that becomes ready is never due before that moment, so nothing that is
//! due lies long before the oldest lane that waited a moment ago: there a claim begins, and the dead entries before it are
//! passed once every few seconds instead of with every claim.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// So often a worker looks for the oldest waiting lane again. A lane that is overlooked waits so long at most.
pub(crate) const LOOKS_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// A request names the time at which its lane is due before it commits; so long it may take without being overlooked.
const COMMITS_WITHIN: TimeDelta = TimeDelta::seconds(2);

#[derive(Clone, Copy, Debug)]
struct Floor {
    since: DateTime<Utc>,
    looked_at: Instant,
}

/// What one worker knows of it. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct ClaimFloor {
    looks_again_after: Duration,
    last: Arc<Mutex<Option<Floor>>>,
}

impl ClaimFloor {
    pub(crate) fn new(looks_again_after: Duration) -> Self {
        Self {
            looks_again_after,
            last: Arc::default(),
        }
    }

    /// None: it is time to look for the oldest lane that waits.
    pub(crate) fn current(&self) -> Option<DateTime<Utc>> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.filter(|floor| floor.looked_at.elapsed() < self.looks_again_after)
            .map(|floor| floor.since)
    }

    /// `oldest`: since when, by the database's clock, the oldest of all waiting lanes has been due; if none is due, the time
    /// of the look.
    pub(crate) fn found(&self, oldest: DateTime<Utc>) -> DateTime<Utc> {
        let since = oldest - COMMITS_WITHIN;
        let looked_at = Instant::now();
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Floor { since, looked_at });
        since
    }
}
