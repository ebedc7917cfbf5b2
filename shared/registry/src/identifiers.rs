//! The only place where SQL is put together from text: statements that create, change and drop databases, and the type
//! of the embedding column. Postgres takes no parameters in them, so every name passes through `Identifier` first.
//! Never executes anything.

use std::fmt;
use std::time::Duration;

use sqlx::AssertSqlSafe;

use crate::error::RegistryError;

/// Postgres cuts longer names silently.
const MAX_IDENTIFIER_BYTES: usize = 63;

/// The name of a database or role that is safe to write into a statement; displays itself quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identifier(String);

impl Identifier {
    pub(crate) fn new(name: &str) -> Result<Self, RegistryError> {
        if name.is_empty() || name.len() > MAX_IDENTIFIER_BYTES || name.contains('\0') {
            return Err(RegistryError::InvalidDatabaseName { name: name.to_owned() });
        }
        Ok(Self(name.to_owned()))
    }

    /// The name without quotes.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&quote_identifier(&self.0))
    }
}

fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(crate) type Ddl = AssertSqlSafe<String>;

/// From template0, which nobody can be connected to: template1 may be in use, and then creation fails.
pub(crate) fn create_empty_database(name: &Identifier) -> Ddl {
    AssertSqlSafe(format!("create database {name} template template0 encoding 'UTF8'"))
}

/// With wal_log because file_copy forces two checkpoints: 205 ms against 1.7 s.
pub(crate) fn create_database_from(name: &Identifier, template: &Identifier) -> Ddl {
    AssertSqlSafe(format!("create database {name} template {template} strategy wal_log"))
}

pub(crate) fn drop_database(name: &Identifier) -> Ddl {
    AssertSqlSafe(format!("drop database if exists {name} with (force)"))
}

pub(crate) fn rename_database(from: &Identifier, to: &Identifier) -> Ddl {
    AssertSqlSafe(format!("alter database {from} rename to {to}"))
}

/// A connection to a template makes cloning it fail, so nobody may connect any more.
pub(crate) fn seal_template(name: &Identifier) -> Ddl {
    AssertSqlSafe(format!(
        "alter database {name} with is_template true allow_connections false"
    ))
}

/// A template cannot be dropped before it is an ordinary database again.
pub(crate) fn unseal_template(name: &Identifier) -> Ddl {
    AssertSqlSafe(format!("alter database {name} with is_template false"))
}

/// PUBLIC may connect and create temporary tables by default: a role of one project would reach every other.
pub(crate) fn revoke_public(name: &Identifier) -> Ddl {
    AssertSqlSafe(format!("revoke connect, temporary on database {name} from public"))
}

/// How long a statement may take, a transaction may stand still, and a client may be unreachable, in milliseconds. Set on
/// the database rather than at connection start: a pooler refuses or forgets what a session sets.
///
/// A worker that is stopped in the middle of a transaction, or cut off by a network, keeps what it has locked; by itself
/// TCP would notice after two hours.
pub(crate) fn bound_sessions(name: &Identifier, statement: Duration, idle_in_transaction: Duration) -> Ddl {
    let (statement, idle) = (statement.as_millis(), idle_in_transaction.as_millis());
    AssertSqlSafe(format!(
        "alter database {name} set statement_timeout = {statement};
         alter database {name} set idle_in_transaction_session_timeout = {idle};
         alter database {name} set tcp_keepalives_idle = 10;
         alter database {name} set tcp_keepalives_interval = 5;
         alter database {name} set tcp_keepalives_count = 3;
         alter database {name} set tcp_user_timeout = 25000"
    ))
}

/// How Postgres stores the vectors of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VectorStorage {
    /// Always inside the row: exact scans cost a quarter.
    Plain,
    /// Inside the row unless it would pass the page.
    Main,
}

/// Changing the type resets the storage to the type's default, so both go together.
pub(crate) fn set_embedding_type(dimensions: u32, storage: VectorStorage) -> Ddl {
    let storage = match storage {
        VectorStorage::Plain => "plain",
        VectorStorage::Main => "main",
    };
    AssertSqlSafe(format!(
        "alter table codebase.code_chunks
            alter column embedding type halfvec({dimensions}),
            alter column embedding set storage {storage}"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn quotes_inside_a_name_are_doubled() {
        let name = Identifier::new("a\"; drop database b; --").unwrap();
        assert_eq!(
            drop_database(&name).0,
            "drop database if exists \"a\"\"; drop database b; --\" with (force)"
        );
    }

    #[test]
    fn names_that_postgres_would_cut_or_refuse_are_no_identifiers() {
        for name in ["", "a\0b", &"x".repeat(64)] {
            assert!(Identifier::new(name).is_err());
        }
        assert!(Identifier::new(&"x".repeat(63)).is_ok());
    }
}
