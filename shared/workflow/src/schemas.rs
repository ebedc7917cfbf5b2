//! The schemas registered in a project: table `workflow.entity_schemas`.
//! Hands the command line what is registered after it asked for templates.
//! Never changes a stored version; the table refuses that too.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::error::{WorkflowError, doing};
use crate::templates::Template;
use crate::validate::compile_schema;

/// One version of a schema, as stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RegisteredSchema {
    /// Its id.
    pub id: Uuid,
    /// Its name, unique together with the version.
    pub name: String,
    /// Counts from 1.
    pub version: i32,
    /// The JSON Schema, draft 2020-12.
    pub definition: Value,
    /// What its entities are.
    pub description: Option<String>,
    /// Properties that have an index.
    pub query_fields: Vec<String>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// Who registered it.
    pub created_by: String,
}

/// Registers version 1 of a template in a project's database. Doing it twice is doing it once.
///
/// # Errors
///
/// [`WorkflowError::UnknownTemplate`] for a name that no template has; [`WorkflowError::SchemaDiffers`] when version 1
/// of that name stands with another definition, which is then left as it is.
pub async fn register_template(pool: &PgPool, name: &str, created_by: &str) -> Result<RegisteredSchema, WorkflowError> {
    const VERSION: i32 = 1;
    let Some(template) = Template::named(name) else {
        return Err(WorkflowError::UnknownTemplate {
            name: crate::faults::cut(name, 80),
        });
    };
    let definition = template.definition();
    compile_schema(&definition)?;
    sqlx::query!(
        "insert into workflow.entity_schemas (schema_name, version, schema_definition, description, created_by)
         values ($1, $2, $3, $4, $5)
         on conflict (schema_name, version) do nothing",
        template.name,
        VERSION,
        definition,
        template.description,
        created_by,
    )
    .execute(pool)
    .await
    .map_err(doing("register a schema"))?;
    sqlx::query_as!(
        RegisteredSchema,
        "select id, schema_name as name, version, schema_definition as definition, description, query_fields,
             created_at, created_by
         from workflow.entity_schemas
         where schema_name = $1 and version = $2 and schema_definition = $3",
        template.name,
        VERSION,
        definition,
    )
    .fetch_optional(pool)
    .await
    .map_err(doing("read a schema"))?
    .ok_or_else(|| WorkflowError::SchemaDiffers {
        name: template.name.to_owned(),
        version: VERSION,
    })
}

/// Every version of every schema of a project, by name and version.
///
/// # Errors
///
/// [`WorkflowError::Database`] when the database does not answer.
pub async fn registered_schemas(pool: &PgPool) -> Result<Vec<RegisteredSchema>, WorkflowError> {
    sqlx::query_as!(
        RegisteredSchema,
        "select id, schema_name as name, version, schema_definition as definition, description, query_fields,
             created_at, created_by
         from workflow.entity_schemas
         order by schema_name, version",
    )
    .fetch_all(pool)
    .await
    .map_err(doing("list the schemas"))
}
