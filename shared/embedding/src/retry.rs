//! Tries a failed exchange again: exponential pauses with jitter, bounded by the time since the first attempt.
//! Asked by the client for every exchange; which failures may pass is decided in `transport.rs`.
//! The only file that names the crate `backoff`, which is unmaintained, so that replacing it touches this file.

use std::future::Future;
use std::time::{Duration, Instant};

use backoff::backoff::Backoff as _;
use backoff::exponential::ExponentialBackoff;

use crate::error::EmbeddingError;
use crate::transport::{Failure, Passing};

/// When a failed exchange is tried again and when it is given up.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// Pause after the first failure, give or take a half. 250 ms: about a connection refused while a server restarts.
    pub first_pause: Duration,
    /// Longest pause of the schedule. 15 s: a server that is back is noticed soon enough.
    pub longest_pause: Duration,
    /// Time from the first attempt after which no further one is made. 120 s: the queue's own retry, minutes later,
    /// is the better place to wait for longer.
    pub give_up_after: Duration,
    /// Longest wait a server can ask for with Retry-After. 60 s: rate limits are counted by the minute.
    pub longest_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(15),
            give_up_after: Duration::from_secs(120),
            longest_retry_after: Duration::from_secs(60),
        }
    }
}

/// Why no vector came, once retrying is over.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The endpoint will not take these texts.
    Texts(crate::transport::Refusal),
    /// The endpoint as a whole failed.
    Endpoint(EmbeddingError),
}

/// Calls `attempt` until it succeeds, fails for good, or the policy's time is over.
pub(crate) async fn retry<T, F, A>(policy: &RetryPolicy, url: &str, mut attempt: F) -> Result<T, Refused>
where
    F: FnMut() -> A,
    A: Future<Output = Result<T, Failure>>,
{
    let started = Instant::now();
    let mut schedule = ExponentialBackoff {
        current_interval: policy.first_pause,
        initial_interval: policy.first_pause,
        randomization_factor: 0.5,
        multiplier: 2.0,
        max_interval: policy.longest_pause,
        start_time: started,
        max_elapsed_time: Some(policy.give_up_after),
        clock: backoff::SystemClock::default(),
    };
    let mut attempts = 0;
    loop {
        attempts += 1;
        let passing = match attempt().await {
            Ok(value) => return Ok(value),
            Err(Failure::Refused(refusal)) => return Err(Refused::Texts(refusal)),
            Err(Failure::Lasting(error)) => return Err(Refused::Endpoint(error)),
            Err(Failure::Passing(passing)) => passing,
        };
        match next_pause(policy, schedule.next_backoff(), passing.retry_after, started.elapsed()) {
            Some(pause) => {
                let pause_ms = pause.as_millis();
                tracing::debug!(
                    endpoint.url = url,
                    attempt = attempts,
                    pause_ms,
                    "{url} failed: {}",
                    passing.reason
                );
                tokio::time::sleep(pause).await;
            }
            None => return Err(Refused::Endpoint(given_up(url, passing, attempts, started.elapsed()))),
        }
    }
}

/// The pause before the next attempt: the schedule's, or the one the server asked for where that is longer; `None`
/// where the policy's time would be over by then.
fn next_pause(
    policy: &RetryPolicy,
    scheduled: Option<Duration>,
    asked: Option<Duration>,
    elapsed: Duration,
) -> Option<Duration> {
    let pause = scheduled?.max(asked.unwrap_or_default().min(policy.longest_retry_after));
    (elapsed + pause <= policy.give_up_after).then_some(pause)
}

fn given_up(url: &str, last: Passing, attempts: u32, elapsed: Duration) -> EmbeddingError {
    let (url, elapsed_secs) = (url.to_owned(), elapsed.as_secs());
    match last.status {
        Some(status) => EmbeddingError::Overloaded {
            url,
            status,
            attempts,
            elapsed_secs,
        },
        None => EmbeddingError::Unreachable {
            url,
            reason: last.reason,
            attempts,
            elapsed_secs,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_asked_wait_is_kept_and_capped() {
        let pause = |asked: u32| next_pause(&RetryPolicy::default(), Some(SECOND), Some(asked * SECOND), 5 * SECOND);
        assert_eq!(pause(0), Some(SECOND));
        assert_eq!(pause(7), Some(7 * SECOND));
        assert_eq!(pause(3600), Some(60 * SECOND));
    }

    #[test]
    fn no_attempt_is_made_after_the_policys_time() {
        let pause = |elapsed: u32| next_pause(&RetryPolicy::default(), Some(SECOND), None, elapsed * SECOND);
        assert_eq!(pause(119), Some(SECOND));
        assert_eq!(pause(120), None);
        assert_eq!(next_pause(&RetryPolicy::default(), None, None, SECOND), None);
    }

    #[tokio::test]
    async fn what_cannot_pass_is_not_tried_again() {
        let mut attempts = 0;
        let refused = retry::<(), _, _>(&RetryPolicy::default(), "http://h", || {
            attempts += 1;
            async {
                Err(Failure::Lasting(EmbeddingError::NoModel {
                    url: "http://h".to_owned(),
                }))
            }
        })
        .await;
        assert!(matches!(
            refused,
            Err(Refused::Endpoint(EmbeddingError::NoModel { .. }))
        ));
        assert_eq!(attempts, 1);
    }
}
