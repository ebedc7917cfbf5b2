//! A rate that all workers share: tokens of a bucket in the registry, for requests to an embedding endpoint.
//! Whoever asks is given the next tokens in the order of asking, also those that are still to come, and waits for them by
//! itself: nobody is overtaken, nobody polls, and nothing is held meanwhile. Only the database's clock is used.

use std::time::Duration;

use sqlx::PgPool;

use crate::error::Result;

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    per_second: f64,
    burst: u32,
}

impl Rate {
    /// A rate of `per_second` tokens with up to `burst` saved up. None unless both are positive and finite.
    #[must_use]
    pub fn new(per_second: f64, burst: u32) -> Option<Rate> {
        (per_second.is_finite() && per_second > 0.0 && burst > 0).then_some(Rate { per_second, burst })
    }
}

/// Tokens that are the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// How many: as many as wanted, or what the bucket holds if that is less.
    pub tokens: u32,
    /// After this they may be used. Zero: now.
    pub wait: Duration,
}

/// Takes `wanted` tokens of `bucket`, at most [`Rate`]'s burst, and says when they may be used. The bucket begins full.
///
/// One round trip to the registry and one write of one row, however many tokens: a caller with many requests takes
/// tokens for several of them at a time, and so spends `1 / tokens` round trips a request. Taken is taken: a caller that
/// ends before it has used them has slowed the others by as many, at most one burst.
///
/// All callers of one bucket should name the same rate; the bucket itself keeps only its level. The name stands in the
/// database: no secrets in it.
///
/// # Errors
/// [`crate::QueueError::Database`]: nothing was taken, or the answer was lost with the tokens.
pub async fn take_tokens(pool: &PgPool, bucket: &str, wanted: u32, rate: Rate) -> Result<Granted> {
    let wait_seconds = sqlx::query_file_scalar!(
        "src/queries/take_tokens.sql",
        bucket,
        f64::from(wanted),
        rate.per_second,
        f64::from(rate.burst),
    )
    .fetch_one(pool)
    .await?;
    Ok(Granted {
        tokens: wanted.min(rate.burst),
        wait: Duration::try_from_secs_f64(wait_seconds).unwrap_or(Duration::MAX),
    })
}
