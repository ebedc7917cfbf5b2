//! A project's schemas and entities as lines of JSON, with their history, links and code: what import.rs reads. Streams:
//! memory does not grow with the project. One export shows one moment.

use std::io::Write;

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::entity::Entity;
use crate::error::{WorkflowError, doing};

/// One line of an export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Line {
    /// A version of a schema; versions of one schema in their order.
    Schema {
        name: String,
        version: i32,
        definition: Value,
        description: Option<String>,
        #[serde(default)]
        query_fields: Vec<String>,
        created_at: DateTime<Utc>,
        created_by: String,
    },
    /// An entity and its past versions.
    Entity {
        entity: Entity,
        #[serde(default)]
        history: Vec<PastLine>,
        /// Places in code that were linked by hand.
        #[serde(default)]
        code: Vec<String>,
    },
    /// A link; both ends stand before it.
    Link { from: Uuid, link: String, to: Uuid },
}

/// A past version in an export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PastLine {
    pub(crate) version: i32,
    pub(crate) schema_version: i32,
    pub(crate) data: Value,
    #[serde(default)]
    pub(crate) is_deleted: bool,
    pub(crate) operation: String,
    pub(crate) changed_at: DateTime<Utc>,
    pub(crate) changed_by: String,
}

/// How much was exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Versions of schemas.
    pub schemas: u64,
    /// Entities, deleted ones included.
    pub entities: u64,
    /// Links.
    pub links: u64,
}

/// Writes all of a project, or what belongs to one schema: links then only between its entities.
///
/// # Errors
///
/// [`WorkflowError::File`] when the text cannot be written.
pub async fn export(pool: &PgPool, schema: Option<&str>, out: &mut impl Write) -> Result<Exported, WorkflowError> {
    let mut transaction = pool
        .begin_with("begin isolation level repeatable read read only")
        .await
        .map_err(doing("begin an export"))?;
    let mut exported = Exported {
        schemas: write_schemas(&mut transaction, schema, out).await?,
        ..Exported::default()
    };
    let mut after = Uuid::nil();
    loop {
        let page = entities_after(&mut transaction, schema, after).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for entity in page {
            write_line(&entity_line(&mut transaction, entity).await?, out)?;
            exported.entities += 1;
        }
    }
    exported.links = write_links(&mut transaction, schema, out).await?;
    out.flush().map_err(write_failed)?;
    Ok(exported)
}

async fn write_schemas(
    connection: &mut PgConnection,
    schema: Option<&str>,
    out: &mut impl Write,
) -> Result<u64, WorkflowError> {
    let mut count = 0;
    let mut rows = sqlx::query!(
        "select schema_name, version, schema_definition, description, query_fields, created_at, created_by
         from workflow.entity_schemas
         where $1::text is null or schema_name = $1
         order by schema_name, version",
        schema
    )
    .fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(doing("export the schemas"))? {
        let line = Line::Schema {
            name: row.schema_name,
            version: row.version,
            definition: row.schema_definition,
            description: row.description,
            query_fields: row.query_fields,
            created_at: row.created_at,
            created_by: row.created_by,
        };
        write_line(&line, out)?;
        count += 1;
    }
    Ok(count)
}

async fn entities_after(
    connection: &mut PgConnection,
    schema: Option<&str>,
    after: Uuid,
) -> Result<Vec<Entity>, WorkflowError> {
    sqlx::query_as!(
        Entity,
        "select id, schema_name as schema, schema_version, version, data, created_at, created_by, updated_at, updated_by,
             deleted_at
         from workflow.entities
         where id > $1 and ($2::text is null or schema_name = $2)
         order by id
         limit 100",
        after,
        schema
    )
    .fetch_all(connection)
    .await
    .map_err(doing("export entities"))
}

async fn entity_line(connection: &mut PgConnection, entity: Entity) -> Result<Line, WorkflowError> {
    let history = sqlx::query_as!(
        PastLine,
        "select version, schema_version, data, is_deleted, operation, changed_at, changed_by
         from workflow.entity_versions
         where entity_id = $1 and version < $2
         order by version",
        entity.id,
        entity.version
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(doing("export a history"))?;
    let code = sqlx::query_scalar!(
        "select reference from workflow.entity_code where entity_id = $1 and not in_document order by reference",
        entity.id
    )
    .fetch_all(connection)
    .await
    .map_err(doing("export links to code"))?;
    Ok(Line::Entity { entity, history, code })
}

async fn write_links(
    connection: &mut PgConnection,
    schema: Option<&str>,
    out: &mut impl Write,
) -> Result<u64, WorkflowError> {
    let mut count = 0;
    let mut rows = sqlx::query!(
        r#"select link.from_id as "from!", link.kind as "kind!", link.to_id as "to!"
           from workflow.entity_links as link
           join workflow.entities as start on start.id = link.from_id
           join workflow.entities as target on target.id = link.to_id
           where $1::text is null or (start.schema_name = $1 and target.schema_name = $1)
           order by link.from_id, link.kind, link.to_id"#,
        schema
    )
    .fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(doing("export links"))? {
        let line = Line::Link {
            from: row.from,
            link: row.kind,
            to: row.to,
        };
        write_line(&line, out)?;
        count += 1;
    }
    Ok(count)
}

fn write_line(line: &Line, out: &mut impl Write) -> Result<(), WorkflowError> {
    serde_json::to_writer(&mut *out, line).map_err(|error| write_failed(error.into()))?;
    out.write_all(b"\n").map_err(write_failed)
}

fn write_failed(source: std::io::Error) -> WorkflowError {
    WorkflowError::File {
        action: "write the export",
        source,
    }
}
