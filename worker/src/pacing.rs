//! Keeps the requests of all workers of a registry to the rate that an embedding endpoint allows. Tokens are reserved in the
//! registry, some at a time, and used up here one by one at the moments at which they are there.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use quarry_embedding::Pacing;
use quarry_queue::{Granted, Rate};
use quarry_registry::PgPool;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Tokens are reserved for so long ahead: a worker makes at most ten round trips a second for them, or one per request
/// where there are fewer. Also what the bucket saves up, so in any second at most a tenth more than the rate goes out.
const RESERVE_SECS: f64 = 0.1;

/// A token kept longer than this has gone to waste: several workers that kept theirs could send them all at once.
const KEEP: Duration = Duration::from_secs(1);

/// A registry that does not answer is asked again after this. Bounded by the lease of the run that waits.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// The pace of one endpoint.
pub(crate) struct SharedPace {
    registry: PgPool,
    /// Endpoint and model.
    bucket: String,
    rate: Rate,
    per_second: f64,
    batch: u32,
    reserved: Mutex<Reserved>,
}

/// Tokens of this process that are not used yet, the first of them there at `next_at`.
struct Reserved {
    left: u32,
    next_at: Instant,
}

impl SharedPace {
    /// None without a limit.
    pub(crate) fn new(registry: PgPool, bucket: String, per_second: u32) -> Option<SharedPace> {
        let per_second = f64::from(per_second);
        let batch = batch_of(per_second);
        Some(SharedPace {
            registry,
            bucket,
            rate: Rate::new(per_second, batch)?,
            per_second,
            batch,
            reserved: Mutex::new(Reserved {
                left: 0,
                next_at: Instant::now(),
            }),
        })
    }

    async fn next(&self) -> Instant {
        // Held while the registry is asked: those behind would ask for the same.
        let mut reserved = self.reserved.lock().await;
        if reserved.left == 0 || reserved.next_at.elapsed() > KEEP {
            let granted = self.reserve().await;
            *reserved = Reserved {
                left: granted.tokens,
                next_at: Instant::now() + wait_for_first(granted, self.per_second),
            };
        }
        let at = reserved.next_at;
        reserved.left -= 1;
        reserved.next_at += Duration::from_secs_f64(1.0 / self.per_second);
        at
    }

    async fn reserve(&self) -> Granted {
        loop {
            match quarry_queue::take_tokens(&self.registry, &self.bucket, self.batch, self.rate).await {
                Ok(granted) => return granted,
                Err(error) => tracing::warn!("reserve embedding requests: {:#}", anyhow::Error::from(error)),
            }
            tokio::time::sleep(ASK_AGAIN_AFTER).await;
        }
    }
}

impl Pacing for SharedPace {
    fn turn(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async { tokio::time::sleep_until(self.next().await).await })
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 1 and a tenth of a u32"
)]
fn batch_of(per_second: f64) -> u32 {
    (per_second * RESERVE_SECS).ceil().max(1.0) as u32
}

/// The wait is for the last token; the first was there earlier by what the others take to come.
fn wait_for_first(granted: Granted, per_second: f64) -> Duration {
    let others = Duration::from_secs_f64(f64::from(granted.tokens.saturating_sub(1)) / per_second);
    granted.wait.saturating_sub(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_is_for_a_tenth_of_a_second_and_at_least_for_one_request() {
        assert_eq!([1.0, 10.0, 11.0, 1000.0].map(batch_of), [1, 1, 2, 100]);
    }

    #[test]
    fn the_first_of_many_tokens_is_there_before_the_last() {
        let wait = |tokens, millis| {
            let wait = Duration::from_millis(millis);
            wait_for_first(Granted { tokens, wait }, 100.0).as_millis()
        };
        assert_eq!((wait(1, 30), wait(3, 30), wait(3, 10)), (30, 10, 0));
    }
}
