//! Reads what export.rs wrote, all of it or nothing, in one transaction: schemas, entities with their history, links.
//! Every document goes through the same check as any other. Never changes a version that is stored.

use std::io::BufRead;

use serde::{Deserialize as _, Serialize};
use sqlx::{PgConnection, PgPool};

use crate::code_links;
use crate::code_reference::CodeReference;
use crate::document::{CheckedDocument, check_document};
use crate::entity::{Entity, present};
use crate::error::{WorkflowError, doing};
use crate::export::{Line, PastLine};
use crate::limits::MAX_BYTES;
use crate::links::{self, LinkKind, Origin};
use crate::register::NewSchema;
use crate::schema_in_force::schema_at;
use crate::strict_json::read_json_inside;
use crate::validate::compile_schema;
use crate::write::{self, Imported, Operation, PastVersion, Stamp};

/// Longest line: an entity with some thousand versions.
const MAX_LINE_BYTES: usize = 512 * MAX_BYTES;

/// How deep in a line documents lie: history, 0, data.
const LEVELS_ABOVE: usize = 3;

/// What happens to an entity that is there already, at another version or with other data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnConflict {
    /// Nothing is imported, and the line is named.
    Fail,
    /// The one that is there stays.
    Skip,
    /// Whichever changed last becomes the present version.
    Newer,
    /// The imported one becomes the present version.
    Overwrite,
}

/// What was imported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Versions of schemas that were registered.
    pub schemas: u64,
    /// Entities that are new here.
    pub created: u64,
    /// Entities whose present version came from the import.
    pub overwritten: u64,
    /// Entities that were the same already.
    pub unchanged: u64,
    /// Entities that stayed as they were here.
    pub skipped: u64,
    /// Links that are new.
    pub links: u64,
}

/// Imports lines. With `dry_run` it does everything and keeps nothing.
///
/// # Errors
///
/// [`WorkflowError::Import`] with the line and the reason; nothing was imported then.
pub async fn import(
    pool: &PgPool,
    mut lines: impl BufRead,
    on_conflict: OnConflict,
    author: &str,
    dry_run: bool,
) -> Result<ImportReport, WorkflowError> {
    let mut transaction = pool.begin().await.map_err(doing("begin an import"))?;
    sqlx::query!("select set_config('statement_timeout', '0', true)")
        .fetch_one(&mut *transaction)
        .await
        .map_err(doing("begin an import"))?;
    let mut import = Import {
        on_conflict,
        author,
        report: ImportReport::default(),
        registered: Vec::new(),
    };
    let mut number = 0;
    while let Some(text) = next_line(&mut lines)? {
        number += 1;
        if text.trim().is_empty() {
            continue;
        }
        import
            .line(&mut transaction, &text)
            .await
            .map_err(|reason| WorkflowError::Import {
                line: number,
                reason: Box::new(reason),
            })?;
    }
    if !dry_run {
        transaction.commit().await.map_err(doing("store the import"))?;
        for schema in &import.registered {
            let fields = schema.query_fields.clone().unwrap_or_default();
            crate::query_fields::index_query_fields(pool, &schema.name, &fields, &[&schema.definition]).await?;
        }
    }
    Ok(import.report)
}

fn next_line(lines: &mut impl BufRead) -> Result<Option<String>, WorkflowError> {
    let failed = |source| WorkflowError::File {
        action: "read the import",
        source,
    };
    let mut text = String::new();
    let limit = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
    let read = std::io::Read::take(&mut *lines, limit)
        .read_line(&mut text)
        .map_err(failed)?;
    if read == MAX_LINE_BYTES {
        let message = format!("a line of more than {MAX_LINE_BYTES} bytes");
        return Err(failed(std::io::Error::new(std::io::ErrorKind::FileTooLarge, message)));
    }
    Ok((read > 0).then_some(text))
}

struct Import<'i> {
    on_conflict: OnConflict,
    author: &'i str,
    report: ImportReport,
    registered: Vec<NewSchema>,
}

impl Import<'_> {
    async fn line(&mut self, connection: &mut PgConnection, text: &str) -> Result<(), WorkflowError> {
        let value = read_json_inside(text, LEVELS_ABOVE)?;
        let line = Line::deserialize(value)
            .map_err(|error| WorkflowError::InvalidArgument(format!("no line of an export: {error}")))?;
        match line {
            Line::Schema { .. } => self.schema(connection, line).await,
            Line::Entity { entity, history, code } => self.entity(connection, &entity, &history, &code).await,
            Line::Link { from, link, to } => {
                let kind: LinkKind = link.parse().map_err(WorkflowError::InvalidArgument)?;
                let made = links::make(connection, from, kind, to, Origin::now(self.author)).await?;
                self.report.links += u64::from(made.is_some());
                Ok(())
            }
        }
    }

    async fn schema(&mut self, connection: &mut PgConnection, line: Line) -> Result<(), WorkflowError> {
        let Line::Schema {
            name,
            version,
            definition,
            description,
            query_fields,
            created_at,
            created_by,
        } = line
        else {
            return Ok(());
        };
        compile_schema(&definition)?;
        crate::register::check_name(&name)?;
        crate::register::check_query_fields(&query_fields, &definition)?;
        let newest = sqlx::query_scalar!(
            r#"select coalesce(max(version), 0) as "newest!" from workflow.entity_schemas where schema_name = $1"#,
            name
        )
        .fetch_one(&mut *connection)
        .await
        .map_err(doing("read the newest version of a schema"))?;
        if version <= newest {
            let same = sqlx::query_scalar!(
                r#"select (schema_definition = $3) as "same!"
                   from workflow.entity_schemas
                   where schema_name = $1 and version = $2"#,
                name,
                version,
                definition
            )
            .fetch_optional(connection)
            .await
            .map_err(doing("compare a schema"))?;
            return match same {
                Some(true) => Ok(()),
                _ => Err(WorkflowError::SchemaDiffers { name, version }),
            };
        }
        sqlx::query!(
            "insert into workflow.entity_schemas
                 (schema_name, version, schema_definition, description, query_fields, created_at, created_by)
             values ($1, $2, $3, $4, $5, $6, $7)",
            name,
            version,
            definition,
            description,
            &query_fields,
            created_at,
            created_by
        )
        .execute(connection)
        .await
        .map_err(doing("import a schema"))?;
        self.report.schemas += 1;
        self.registered.retain(|schema| schema.name != name);
        self.registered.push(NewSchema {
            name,
            definition,
            query_fields: Some(query_fields),
            ..NewSchema::default()
        });
        Ok(())
    }

    async fn entity(
        &mut self,
        connection: &mut PgConnection,
        entity: &Entity,
        history: &[PastLine],
        code: &[String],
    ) -> Result<(), WorkflowError> {
        if entity.version < 1 {
            return Err(WorkflowError::InvalidArgument("versions count from 1".to_owned()));
        }
        let document = checked(connection, entity, entity.schema_version, entity.data.clone()).await?;
        let imported = Imported {
            entity,
            document: &document,
        };
        if write::insert_imported(connection, imported).await?.is_some() {
            self.report.created += 1;
        } else if !self.merge(connection, entity, &document).await? {
            return Ok(());
        }
        for past in history.iter().filter(|past| past.version < entity.version) {
            let document = checked(connection, entity, past.schema_version, past.data.clone()).await?;
            let stored = PastVersion {
                version: past.version,
                document: &document,
                is_deleted: past.is_deleted,
                operation: &past.operation,
                changed_at: past.changed_at,
                changed_by: &past.changed_by,
            };
            write::insert_past(connection, entity.id, stored).await?;
        }
        for reference in code {
            let reference = CodeReference::parse(reference).map_err(WorkflowError::InvalidArgument)?;
            code_links::store(connection, entity.id, &reference, false, Origin::now(self.author)).await?;
        }
        Ok(())
    }

    /// What becomes of an entity that is there already; answers whether its history may be completed.
    async fn merge(
        &mut self,
        connection: &mut PgConnection,
        entity: &Entity,
        document: &CheckedDocument,
    ) -> Result<bool, WorkflowError> {
        let here = present(connection, entity.id).await?;
        let is_same = here.data == entity.data && here.deleted_at.is_some() == entity.deleted_at.is_some();
        if is_same && here.schema == entity.schema {
            self.report.unchanged += 1;
            return Ok(here.version == entity.version);
        }
        let is_wanted = match self.on_conflict {
            OnConflict::Fail => return Err(WorkflowError::ImportDiffers { id: entity.id }),
            OnConflict::Skip => false,
            OnConflict::Newer => entity.updated_at > here.updated_at,
            OnConflict::Overwrite => true,
        };
        if !is_wanted {
            self.report.skipped += 1;
            return Ok(false);
        }
        if here.schema != entity.schema {
            return Err(WorkflowError::InvalidArgument(format!(
                "entity {} is a {} here and a {} in the import",
                entity.id, here.schema, entity.schema
            )));
        }
        let stamp = Stamp {
            author: self.author,
            batch: None,
        };
        let is_deleted = entity.deleted_at.is_some();
        write::replace(
            connection,
            entity.id,
            here.version,
            document,
            is_deleted,
            Operation::Import,
            stamp,
        )
        .await?;
        self.report.overwritten += 1;
        // The versions here are another history: they stay, and the imported ones would not fit between them.
        Ok(false)
    }
}

async fn checked(
    connection: &mut PgConnection,
    entity: &Entity,
    schema_version: i32,
    data: serde_json::Value,
) -> Result<CheckedDocument, WorkflowError> {
    let schema = schema_at(connection, &entity.schema, Some(schema_version)).await?;
    check_document(&schema, data).await
}
