//! Prepares a server for the command `quarry init`: registry, extension and project template, and which rights the
//! user has for it. Hands back a report that names every step and, where a right is missing, the SQL for an
//! administrator. Never asks for a password and never grants anything by itself.

use serde::Serialize;
use sqlx::Connection;
use sqlx::postgres::PgConnectOptions;

use crate::error::{RegistryError, doing};
use crate::identifiers::Identifier;
use crate::open::{Registry, RegistryOptions, connect_for_maintenance, parse_url};
use crate::template::{BASE_TEMPLATE, Template, template_name};

/// `strategy wal_log` and `unique nulls not distinct` came with it.
const OLDEST_SERVER: i32 = 150_000;

/// What the user of the URL may do on the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Privileges {
    /// Name of the role.
    pub user: String,
    /// May do everything.
    pub superuser: bool,
    /// May create databases: needed for every project.
    pub create_database: bool,
}

/// What `Registry::initialize` found and did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InitReport {
    /// Version of the server.
    pub server_version: String,
    /// What the user may do.
    pub privileges: Privileges,
    /// Version of pgvector that the server offers; None: it is not installed on the server's machine.
    pub vector_version: Option<String>,
    /// Name of the registry's database.
    pub registry_database: String,
    /// Name of the template that project databases are cloned from.
    pub template_database: String,
    /// Whether the template was made by this call.
    pub template_created: bool,
    /// What still stands in the way; empty: projects can be created.
    pub missing: Vec<String>,
    /// What an administrator runs to remove it, in psql.
    pub admin_sql: Option<String>,
}

impl Registry {
    /// Makes the server of `database_url` ready for projects, as far as the user's rights allow. Safe to repeat.
    pub async fn initialize(database_url: &str) -> Result<InitReport, RegistryError> {
        let options = RegistryOptions {
            min_connections: 0,
            ..RegistryOptions::default()
        };
        let (server, database) = parse_url(database_url, &options)?;
        let mut report = look_around(&server, &database).await?;

        if report.vector_version.is_none() {
            report.missing.push(RegistryError::VectorNotInstalled.to_string());
        }
        if !report.privileges.create_database {
            report.missing.push(format!(
                "role {} may not create databases, which every project needs",
                report.privileges.user
            ));
            report.admin_sql = Some(create_registry_sql(&server, &database));
        }
        if !report.missing.is_empty() {
            return Ok(report);
        }

        let registry = Self::open(database_url, options).await?;
        match registry.ensure_template().await {
            Ok(template) => report.template_created = template == Template::Created,
            Err(RegistryError::MissingPrivilege { action, admin_sql }) => {
                report
                    .missing
                    .push(format!("role {} may not {action}", report.privileges.user));
                report.admin_sql = Some(admin_sql);
            }
            Err(error) => return Err(error),
        }
        registry.close().await;
        Ok(report)
    }
}

async fn look_around(server: &PgConnectOptions, database: &Identifier) -> Result<InitReport, RegistryError> {
    let mut connection = connect_for_maintenance(server).await?;
    let found = sqlx::query!(
        r#"select
            current_setting('server_version_num')::integer as "version_number!",
            current_setting('server_version') as "version!",
            current_user::text as "user!",
            rolsuper as "superuser!",
            (rolsuper or rolcreatedb) as "create_database!",
            (select default_version from pg_available_extensions where name = 'vector') as vector_version
        from pg_roles
        where rolname = current_user"#
    )
    .fetch_one(&mut connection)
    .await
    .map_err(doing("ask for the server's version and the user's rights"))?;
    connection
        .close()
        .await
        .map_err(doing("leave the maintenance database"))?;
    if found.version_number < OLDEST_SERVER {
        return Err(RegistryError::ServerTooOld { version: found.version });
    }
    Ok(InitReport {
        server_version: found.version,
        privileges: Privileges {
            user: found.user,
            superuser: found.superuser,
            create_database: found.create_database,
        },
        vector_version: found.vector_version,
        registry_database: database.as_str().to_owned(),
        template_database: template_name()?.as_str().to_owned(),
        template_created: false,
        missing: Vec::new(),
        admin_sql: None,
    })
}

/// What an administrator runs when the user may not create databases. The template is included: without superuser
/// rights its extension would be refused next.
pub(crate) fn create_registry_sql(server: &PgConnectOptions, database: &Identifier) -> String {
    format!(
        "{}create database {database} owner {};\n{}",
        create_database_sql(server),
        role(server),
        extension_sql(server)
    )
}

/// What an administrator runs when the user may not create databases any more.
pub(crate) fn create_database_sql(server: &PgConnectOptions) -> String {
    format!("alter role {} createdb;\n", role(server))
}

/// What an administrator runs when the user may not create the extension.
pub(crate) fn extension_sql(server: &PgConnectOptions) -> String {
    format!(
        "-- in psql, as a superuser of {}:{}\ncreate database {BASE_TEMPLATE} template template0 is_template true;\n\\connect {BASE_TEMPLATE}\ncreate extension vector;\n",
        server.get_host(),
        server.get_port(),
    )
}

fn role(server: &PgConnectOptions) -> String {
    let user = server.get_username();
    Identifier::new(user).map_or_else(|_| user.to_owned(), |role| role.to_string())
}
