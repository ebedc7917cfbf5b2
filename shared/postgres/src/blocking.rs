//! Runs the blocking work of this crate (files, processes) beside the async runtime.
//! Hands back its result. Never swallows a panic.

use crate::PostgresError;

/// Runs `work` on a thread where blocking is allowed.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PostgresError> + Send + 'static,
) -> Result<T, PostgresError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(PostgresError::Interrupted),
        },
    }
}
