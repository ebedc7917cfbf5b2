//! Requests that may be sent twice: the answer is stored under the request's key, in the transaction of the change itself.
//! Never answers another request under the same key, and forgets keys after a month.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgConnection;

use crate::error::{WorkflowError, doing};
use crate::faults::cut;

/// Longest key, in bytes.
const MAX_KEY_BYTES: usize = 200;

/// Old keys that a new one sweeps away: a few at a time, more than come in.
const SWEPT_AT_ONCE: i64 = 10;

/// What is known of a request.
pub(crate) enum Known<T> {
    /// It was done before; this was the answer.
    Answered(T),
    /// It is new, and nobody else does it meanwhile.
    New(Request),
}

/// A request whose answer is to be remembered.
pub(crate) struct Request {
    pub(crate) key: String,
}

/// Looks a request up. Whoever sends the same at the same time waits here until the first is done.
pub(crate) async fn request_of<T: DeserializeOwned>(
    connection: &mut PgConnection,
    key: &str,
    request: &impl Serialize,
) -> Result<Known<T>, WorkflowError> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES || key.chars().any(char::is_control) {
        return Err(WorkflowError::InvalidArgument(format!(
            "an idempotency key is 1 to {MAX_KEY_BYTES} bytes without control characters"
        )));
    }
    let written = serde_json::to_vec(request).map_err(|error| WorkflowError::InvalidArgument(error.to_string()))?;
    let hash = blake3::hash(&written);
    let new = sqlx::query_scalar!(
        "insert into workflow.idempotency_keys (key, request_hash, answer)
         values ($1, $2, 'null')
         on conflict (key) do nothing
         returning key",
        key,
        &hash.as_bytes()[..]
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(doing("look up an idempotency key"))?;
    if new.is_some() {
        sweep(connection).await?;
        return Ok(Known::New(Request { key: key.to_owned() }));
    }
    let known = sqlx::query!(
        "select request_hash, answer from workflow.idempotency_keys where key = $1",
        key
    )
    .fetch_one(connection)
    .await
    .map_err(doing("read a stored answer"))?;
    let reused = || WorkflowError::KeyReused { key: cut(key, 80) };
    if known.request_hash != hash.as_bytes() {
        return Err(reused());
    }
    serde_json::from_value(known.answer)
        .map(Known::Answered)
        .map_err(|_| reused())
}

/// Stores the answer of a request.
pub(crate) async fn remember(
    connection: &mut PgConnection,
    key: &str,
    answer: &impl Serialize,
) -> Result<(), WorkflowError> {
    let answer = serde_json::to_value(answer).map_err(|error| WorkflowError::InvalidArgument(error.to_string()))?;
    sqlx::query!(
        "update workflow.idempotency_keys set answer = $2 where key = $1",
        key,
        answer
    )
    .execute(connection)
    .await
    .map_err(doing("store an answer"))?;
    Ok(())
}

async fn sweep(connection: &mut PgConnection) -> Result<(), WorkflowError> {
    sqlx::query!(
        "delete from workflow.idempotency_keys
         where key in (
             select key
             from workflow.idempotency_keys
             where created_at < now() - interval '30 days'
             order by created_at
             limit $1
             for update skip locked
         )",
        SWEPT_AT_ONCE
    )
    .execute(connection)
    .await
    .map_err(doing("forget old idempotency keys"))?;
    Ok(())
}
