//! Waits for a condition, with a bound: the only way in which a test here lets time pass.

use std::time::{Duration, Instant};

/// Generous, because a debug build on a busy machine is slow; a condition that holds ends the wait at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Returns once `condition` holds.
///
/// # Panics
/// When it does not within a minute and a half; the message says what was waited for.
pub async fn wait_until(what: &str, condition: impl Fn() -> bool) {
    wait_until_async(what, async || condition()).await;
}

/// As [`wait_until`], for a condition that has to ask somebody.
///
/// # Panics
/// As [`wait_until`].
pub async fn wait_until_async(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(
            Instant::now() < deadline,
            "waited {} s until {what}",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
