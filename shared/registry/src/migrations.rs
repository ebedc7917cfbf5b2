//! Brings a database to the schema this program knows: one query when it is there already, else all that is missing
//! in one transaction under a lock. Hands open.rs, pools.rs and template.rs an up-to-date database.
//! Never takes a session lock, so that it works behind a pooler; a migration therefore cannot leave its transaction.

use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection, Postgres, Transaction};

use crate::error::{RegistryError, doing, has_code, sqlstate};

/// Qualified, because a schema named like the user would come first otherwise.
const TABLE: &str = "public._sqlx_migrations";

/// Which of the two kinds of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schema {
    Registry,
    Project,
}

/// How a database relates to this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Current,
    Behind,
}

impl Schema {
    fn migrator(self) -> Migrator {
        let mut migrator = match self {
            Self::Registry => sqlx::migrate!("../../migrations/registry"),
            Self::Project => sqlx::migrate!("../../migrations/project"),
        };
        migrator.set_locking(false);
        migrator.dangerous_set_table_name(TABLE);
        migrator
    }

    /// Eight hexadecimal digits that change with every change of a migration (FNV-1a over their checksums).
    pub(crate) fn fingerprint(self) -> String {
        let mut hash: u32 = 0x811c_9dc5;
        for migration in self.migrator().iter() {
            for byte in migration.checksum.iter() {
                hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
            }
        }
        format!("{hash:08x}")
    }

    /// Compares the database with this program in one query and without a lock.
    pub(crate) async fn standing(
        self,
        connection: &mut PgConnection,
        database: &str,
    ) -> Result<Standing, RegistryError> {
        let applied = match applied(connection).await {
            Ok(applied) => applied,
            Err(error) if has_code(&error, sqlstate::UNDEFINED_TABLE) => return Ok(Standing::Behind),
            Err(error) => return Err(doing("read the schema version")(error)),
        };
        let migrator = self.migrator();
        let known = migrator.iter().map(|m| m.version).max().unwrap_or(0);
        for (version, checksum) in &applied {
            match migrator.iter().find(|m| m.version == *version) {
                Some(migration) if *migration.checksum == *checksum.as_slice() => {}
                Some(_) => {
                    return Err(RegistryError::ChangedMigration {
                        database: database.to_owned(),
                        version: *version,
                    });
                }
                None => {
                    return Err(RegistryError::NewerDatabase {
                        database: database.to_owned(),
                        found: *version,
                        known,
                    });
                }
            }
        }
        if applied.len() == migrator.iter().count() {
            Ok(Standing::Current)
        } else {
            Ok(Standing::Behind)
        }
    }

    /// Applies what is missing: all of it or nothing. Of several callers one does the work and the others wait.
    pub(crate) async fn migrate(self, connection: &mut PgConnection, database: &str) -> Result<(), RegistryError> {
        let mut transaction = connection.begin().await.map_err(doing("begin migrating"))?;
        lock(&mut transaction)
            .await
            .map_err(doing("wait for another migration"))?;
        if self.standing_inside(&mut transaction, database).await? == Standing::Current {
            return Ok(());
        }
        // Not `run`: its generic connection hides from the compiler that the future can move between threads.
        let connection: &mut PgConnection = &mut transaction;
        self.migrator()
            .run_direct(None, connection, false)
            .await
            .map_err(|source| RegistryError::Migrate {
                database: database.to_owned(),
                source: Box::new(source),
            })?;
        transaction.commit().await.map_err(doing("commit the migrations"))?;
        tracing::info!(database, "migrated database {database}");
        Ok(())
    }

    /// In a savepoint: asking for a missing table would otherwise end the transaction.
    async fn standing_inside(
        self,
        transaction: &mut Transaction<'_, Postgres>,
        database: &str,
    ) -> Result<Standing, RegistryError> {
        let mut savepoint = transaction.begin().await.map_err(doing("set a savepoint"))?;
        self.standing(&mut savepoint, database).await
    }
}

/// Not checked while compiling: sqlx makes this table itself, and the development databases have none.
async fn applied(connection: &mut PgConnection) -> Result<Vec<(i64, Vec<u8>)>, sqlx::Error> {
    sqlx::query_as("select version, checksum from public._sqlx_migrations order by version")
        .fetch_all(connection)
        .await
}

/// Waiting for the lock is bounded by the statement timeout; the migrations that follow are not.
async fn lock(transaction: &mut Transaction<'_, Postgres>) -> Result<(), sqlx::Error> {
    sqlx::query!("select pg_advisory_xact_lock(hashtext('quarry.migrate'))")
        .execute(&mut **transaction)
        .await?;
    sqlx::query!("select set_config('statement_timeout', '0', true)")
        .fetch_one(&mut **transaction)
        .await?;
    Ok(())
}
