//! The stamp in a project's database that says whose it is. Read whenever a pool is opened and before anything is
//! dropped, so that a wrong registry row never leads into another project.
//! Never decides what a wrong stamp means for the caller. Its statements run in project databases, so they are not
//! checked while compiling like those of the registry; the tests run each of them.

use sqlx::{ConnectOptions, Connection, PgConnection};
use uuid::Uuid;

use crate::error::{RegistryError, doing, has_code, is_missing_database, sqlstate};
use crate::identifiers::Identifier;
use crate::open::Registry;
use crate::projects::{Project, ProjectId};
use crate::template::exists;

/// Whose database a name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// There is no database of this name.
    Missing,
    /// Stamped with the project's id.
    Ours,
    /// Made from our template and not stamped yet: its creator got no further.
    Unstamped,
    /// Another project's, or no database of ours at all.
    Foreign(Option<Uuid>),
}

/// Writes the stamp into a new database.
pub(crate) async fn stamp(connection: &mut PgConnection, id: ProjectId) -> Result<(), RegistryError> {
    sqlx::query("insert into codebase.project_stamp (project_id) values ($1)")
        .bind(id.0)
        .execute(connection)
        .await
        .map_err(doing("stamp the project's database"))?;
    Ok(())
}

/// Fails unless this connection leads into the project's own database.
pub(crate) async fn check(connection: &mut PgConnection, project: &Project) -> Result<(), RegistryError> {
    let answer: Result<(String, Option<Uuid>), sqlx::Error> =
        sqlx::query_as("select current_database()::text, (select project_id from codebase.project_stamp)")
            .fetch_one(connection)
            .await;
    let (database, stamp) = match answer {
        Ok(answer) => answer,
        Err(error) if is_no_project_database(&error) => (project.database_name.clone(), None),
        Err(error) => return Err(doing("check whose database this is")(error)),
    };
    if database == project.database_name && stamp == Some(project.id.0) {
        return Ok(());
    }
    Err(RegistryError::WrongDatabase {
        project: project.name.to_string(),
        database,
        stamp,
    })
}

/// Looks at the database the project's row leads to, over a connection of its own. Asks the server first whether there
/// is one: a pooler that failed to connect once refuses the same database for seconds.
pub(crate) async fn ownership(registry: &Registry, project: &Project) -> Result<Ownership, RegistryError> {
    if !exists(registry.pool(), &Identifier::new(&project.database_name)?).await? {
        return Ok(Ownership::Missing);
    }
    let options = registry.server().clone().database(&project.database_name);
    let mut connection = match options.connect().await {
        Ok(connection) => connection,
        Err(error) if is_missing_database(&error) => return Ok(Ownership::Missing),
        Err(source) => {
            return Err(RegistryError::Connect {
                database: project.database_name.clone(),
                source,
            });
        }
    };
    let stamp: Result<Option<Uuid>, sqlx::Error> = sqlx::query_scalar("select project_id from codebase.project_stamp")
        .fetch_optional(&mut connection)
        .await;
    let ownership = match stamp {
        Ok(Some(id)) if id == project.id.0 => Ownership::Ours,
        Ok(None) => Ownership::Unstamped,
        Ok(Some(id)) => Ownership::Foreign(Some(id)),
        Err(error) if is_no_project_database(&error) => Ownership::Foreign(None),
        Err(error) => return Err(doing("check whose database this is")(error)),
    };
    connection
        .close()
        .await
        .map_err(doing("leave the project's database"))?;
    Ok(ownership)
}

fn is_no_project_database(error: &sqlx::Error) -> bool {
    has_code(error, sqlstate::UNDEFINED_TABLE) || has_code(error, sqlstate::INVALID_SCHEMA_NAME)
}
