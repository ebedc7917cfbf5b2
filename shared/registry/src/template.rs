//! The template that project databases are cloned from: extension vector and the migrated schemas, 93 ms a clone
//! instead of 370 ms for creating all of it each time. Hands provision.rs the template's name.
//! Never changes a finished template: another set of migrations makes another name. Old ones stay, because an older
//! program on the same server may still use them; an administrator may drop them.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};

use crate::error::{RegistryError, doing, has_code, sqlstate};
use crate::identifiers::{
    Identifier, create_database_from, create_empty_database, drop_database, rename_database, seal_template,
    unseal_template,
};
use crate::initialize::extension_sql;
use crate::migrations::Schema;

/// An administrator may provide a database of this name with the extension in it; templates are then made from it.
pub(crate) const BASE_TEMPLATE: &str = "quarry_template_base";

/// Whether the template had to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Template {
    Existed,
    Created,
}

/// The template for the project migrations of this program; shared by all registries of a server.
pub(crate) fn template_name() -> Result<Identifier, RegistryError> {
    Identifier::new(&format!("quarry_template_{}", Schema::Project.fingerprint()))
}

/// Makes the template if there is none. One process of a registry builds it while the others wait.
pub(crate) async fn ensure_template(registry: &PgPool, server: &PgConnectOptions) -> Result<Template, RegistryError> {
    let name = template_name()?;
    if exists(registry, &name).await? {
        return Ok(Template::Existed);
    }
    let mut lock = registry.begin().await.map_err(doing("lock the project template"))?;
    sqlx::query!("select pg_advisory_xact_lock(hashtext('quarry.project_template'))")
        .execute(&mut *lock)
        .await
        .map_err(doing("lock the project template"))?;
    if exists(registry, &name).await? {
        return Ok(Template::Existed);
    }
    build(registry, server, &name).await?;
    tracing::info!(template = name.as_str(), "built project template {}", name.as_str());
    lock.commit().await.map_err(doing("unlock the project template"))?;
    Ok(Template::Created)
}

/// Under a name of this registry first and renamed when complete: nobody ever sees half a template, and another
/// registry on the same server that was faster only makes the rename fail.
async fn build(registry: &PgPool, server: &PgConnectOptions, name: &Identifier) -> Result<(), RegistryError> {
    let building = building_name(registry, name).await?;
    discard(registry, &building).await?;

    let base = Identifier::new(BASE_TEMPLATE)?;
    let create = if exists(registry, &base).await? {
        create_database_from(&building, &base)
    } else {
        create_empty_database(&building)
    };
    execute(registry, create, "create the project template").await?;

    if let Err(error) = fill(server, &building).await {
        discard(registry, &building).await?;
        return Err(error);
    }
    execute(registry, seal_template(&building), "seal the project template").await?;
    end_sessions(registry, &building).await?;
    match sqlx::raw_sql(rename_database(&building, name)).execute(registry).await {
        Ok(_) => Ok(()),
        // Another registry was faster; which of the two errors depends on how close it was.
        Err(error)
            if has_code(&error, sqlstate::DUPLICATE_DATABASE) || has_code(&error, sqlstate::UNIQUE_VIOLATION) =>
        {
            discard(registry, &building).await
        }
        Err(error) => Err(doing("name the project template")(error)),
    }
}

/// A pooler keeps its session after ours has ended, and a database with sessions cannot be renamed.
async fn end_sessions(registry: &PgPool, building: &Identifier) -> Result<(), RegistryError> {
    sqlx::query!(
        "select pg_terminate_backend(pid)
        from pg_stat_activity
        where datname = $1 and usename = current_user",
        building.as_str(),
    )
    .fetch_all(registry)
    .await
    .map_err(doing("end the sessions of the project template"))?;
    Ok(())
}

async fn fill(server: &PgConnectOptions, building: &Identifier) -> Result<(), RegistryError> {
    let mut connection = server
        .clone()
        .database(building.as_str())
        .connect()
        .await
        .map_err(|source| RegistryError::Connect {
            database: building.as_str().to_owned(),
            source,
        })?;
    create_extension(&mut connection, server).await?;
    Schema::Project.migrate(&mut connection, building.as_str()).await?;
    connection.close().await.map_err(doing("leave the project template"))
}

async fn create_extension(connection: &mut PgConnection, server: &PgConnectOptions) -> Result<(), RegistryError> {
    let available = sqlx::query_scalar!(
        r#"select exists (select from pg_available_extensions where name = 'vector') as "available!""#
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(doing("look for the extension vector"))?;
    if !available {
        return Err(RegistryError::VectorNotInstalled);
    }
    match sqlx::query!("create extension if not exists vector")
        .execute(connection)
        .await
    {
        Ok(_) => Ok(()),
        Err(error) if has_code(&error, sqlstate::INSUFFICIENT_PRIVILEGE) => Err(RegistryError::MissingPrivilege {
            action: "create the extension vector".to_owned(),
            admin_sql: extension_sql(server),
        }),
        Err(error) => Err(doing("create the extension vector")(error)),
    }
}

/// The same after a crash, so that the next builder finds and removes what was left.
async fn building_name(registry: &PgPool, name: &Identifier) -> Result<Identifier, RegistryError> {
    let oid =
        sqlx::query_scalar!(r#"select oid::bigint as "oid!" from pg_database where datname = current_database()"#)
            .fetch_one(registry)
            .await
            .map_err(doing("identify the registry database"))?;
    Identifier::new(&format!("{}_building_{oid}", name.as_str()))
}

async fn discard(registry: &PgPool, building: &Identifier) -> Result<(), RegistryError> {
    if exists(registry, building).await? {
        execute(registry, unseal_template(building), "unseal a half-made template").await?;
        execute(registry, drop_database(building), "drop a half-made template").await?;
    }
    Ok(())
}

pub(crate) async fn exists(registry: &PgPool, name: &Identifier) -> Result<bool, RegistryError> {
    sqlx::query_scalar!(
        r#"select exists (select from pg_database where datname = $1) as "exists!""#,
        name.as_str(),
    )
    .fetch_one(registry)
    .await
    .map_err(doing("look for a database"))
}

async fn execute(registry: &PgPool, statement: crate::identifiers::Ddl, action: &str) -> Result<(), RegistryError> {
    sqlx::raw_sql(statement)
        .execute(registry)
        .await
        .map_err(doing(action))?;
    Ok(())
}
