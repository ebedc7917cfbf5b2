//! Knows when the endpoint was last asked and tells when nobody has asked for long.
//! Told by every request at its start and end; decides nothing but the moment.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// What has been asked lately.
#[derive(Clone)]
pub(super) struct Activity {
    seen: Arc<Mutex<Seen>>,
}

struct Seen {
    last: Instant,
    under_way: usize,
}

/// A request under way; it ends when this is dropped.
pub(super) struct UnderWay {
    seen: Arc<Mutex<Seen>>,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            seen: Arc::new(Mutex::new(Seen {
                last: Instant::now(),
                under_way: 0,
            })),
        }
    }

    /// A request begins.
    pub(super) fn begin(&self) -> UnderWay {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.under_way += 1;
        seen.last = Instant::now();
        UnderWay {
            seen: self.seen.clone(),
        }
    }

    /// Returns once nothing has been under way for `idle`.
    pub(super) async fn wait_until_idle_for(&self, idle: Duration) {
        loop {
            let until = self.idle_since() + idle;
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }

    fn idle_since(&self) -> Instant {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.under_way > 0 { Instant::now() } else { seen.last }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.under_way -= 1;
        seen.last = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    #[tokio::test]
    async fn a_request_under_way_keeps_it_from_being_idle() {
        let activity = Activity::new();
        let request = activity.begin();
        let waiting = activity.wait_until_idle_for(Duration::from_millis(1));
        tokio::pin!(waiting);
        assert!(
            tokio::time::timeout(Duration::from_millis(20), &mut waiting)
                .await
                .is_err()
        );
        drop(request);
        tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap();
    }
}
