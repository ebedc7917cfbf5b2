//! Finds out, within a bound, whether a connection still leads to the server. For the hooks of the pools: what they do by
//! themselves waits for an answer for ever, and a connection that a network dropped without a word never gives one.

use std::io::ErrorKind;
use std::time::Duration;

use sqlx::{Connection, PgConnection};

/// One round trip. After this the connection is closed and replaced; a statement that nobody waits for any more may still
/// be running on it, which the server ends by itself.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// True, or the error for which the connection is to be closed.
pub(crate) async fn answers(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    match tokio::time::timeout(ANSWER_WITHIN, connection.ping()).await {
        Ok(answer) => answer.map(|()| true),
        Err(_) => Err(sqlx::Error::Io(ErrorKind::TimedOut.into())),
    }
}
