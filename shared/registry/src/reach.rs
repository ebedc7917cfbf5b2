//! Whether a server takes connections at this moment, and if not, why. For those who would otherwise ask a pool: it tries
//! again until its patience ends, and keeps the reason to itself.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::error::{RegistryError, is_missing_database};
use crate::open::{RegistryOptions, connect_error, parse_url};

/// Opens one connection to the registry of `database_url` and closes it again. A server that has no registry yet is
/// reached as well.
///
/// # Errors
/// [`RegistryError::Connect`] with what the server or the network says; [`RegistryError::InvalidUrl`].
pub async fn reach(database_url: &str, within: Duration) -> Result<(), RegistryError> {
    let (server, database) = parse_url(database_url, &RegistryOptions::default())?;
    match why_not(&server, within).await {
        None => Ok(()),
        Some(error) if is_missing_database(&error) => Ok(()),
        Some(source) => Err(connect_error(&server, &database, source)),
    }
}

/// What keeps a connection from being opened, if anything does.
pub(crate) async fn why_not(server: &PgConnectOptions, within: Duration) -> Option<sqlx::Error> {
    let opening = async { server.connect().await?.close().await };
    match tokio::time::timeout(within, opening).await {
        Ok(opened) => opened.err(),
        Err(_) => Some(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}
