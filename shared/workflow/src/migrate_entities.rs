//! Moves the entities of a schema to its newest version, in batches: each batch is one transaction, so a migration that
//! was interrupted goes on where it stopped. What does not fit stays with its version and is named.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::document::check_document;
use crate::error::{WorkflowError, doing};
use crate::patch::Change;
use crate::register::FailingEntity;
use crate::schema_in_force::{SchemaInForce, newest_schema};
use crate::write::{self, Operation, Stamp};

/// Entities of one transaction: a second or so, during which their writers wait.
const BATCH: i64 = 500;

/// Entities named that could not be migrated.
const MAX_NAMED: usize = 50;

/// How a document is made to fit.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Migration {
    /// Properties that are missing get the `default` of the new definition, where it has one.
    Defaults,
    /// A patch, applied to every document; then as with `Defaults`.
    Patch(Value),
}

/// What a migration did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Migrated {
    /// The version they have now.
    pub to_version: i32,
    /// Entities that were moved, or would be.
    pub migrated: u64,
    /// Entities that do not fit and stay as they are; migrating again tries them again.
    pub failed: u64,
    /// The first of those, with what is wrong.
    pub failing: Vec<FailingEntity>,
}

/// Migrates all entities of a schema that have an older version, deleted ones too. With `dry_run` it only says what
/// would happen.
///
/// # Errors
///
/// [`WorkflowError::InvalidPatch`] when the patch is none; a patch that does not apply to a document counts as failed.
pub async fn migrate_entities(
    pool: &PgPool,
    schema: &str,
    migration: &Migration,
    author: &str,
    dry_run: bool,
) -> Result<Migrated, WorkflowError> {
    let mut done = Migrated::default();
    let mut after = Uuid::nil();
    loop {
        let mut transaction = pool.begin().await.map_err(doing("begin a batch of a migration"))?;
        let newest = newest_schema(&mut transaction, schema).await?;
        done.to_version = newest.version;
        let Some(last) = migrate_batch(&mut transaction, &newest, migration, author, after, &mut done).await? else {
            return Ok(done);
        };
        if !dry_run {
            transaction
                .commit()
                .await
                .map_err(doing("store a batch of a migration"))?;
        }
        after = last;
    }
}

/// Migrates the next entities by id; answers the last one, or none when there are no more.
async fn migrate_batch(
    connection: &mut PgConnection,
    newest: &SchemaInForce,
    migration: &Migration,
    author: &str,
    after: Uuid,
    done: &mut Migrated,
) -> Result<Option<Uuid>, WorkflowError> {
    let rows = sqlx::query!(
        r#"select id, version, data, deleted_at is not null as "is_deleted!"
           from workflow.entities
           where schema_name = $1 and schema_version < $2 and id > $3
           order by id
           limit $4
           for update"#,
        newest.name,
        newest.version,
        after,
        BATCH
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(doing("read entities to migrate"))?;
    let stamp = Stamp { author, batch: None };
    let last = rows.last().map(|row| row.id);
    for row in rows {
        let document = match changed(newest, migration, &row.data) {
            Ok(data) => check_document(newest, data).await,
            Err(error) => Err(error),
        };
        match document {
            Ok(document) => {
                let operation = Operation::Migrate;
                write::replace(
                    connection,
                    row.id,
                    row.version,
                    &document,
                    row.is_deleted,
                    operation,
                    stamp,
                )
                .await?;
                done.migrated += 1;
            }
            Err(WorkflowError::InvalidDocument(faults) | WorkflowError::InvalidPatch(faults)) => {
                done.failed += 1;
                if done.failing.len() < MAX_NAMED {
                    done.failing.push(FailingEntity { id: row.id, faults });
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(last)
}

fn changed(newest: &SchemaInForce, migration: &Migration, data: &Value) -> Result<Value, WorkflowError> {
    let mut changed = match migration {
        Migration::Defaults => data.clone(),
        Migration::Patch(patch) => Change::from_patch(patch.clone()).apply(data)?,
    };
    let definition = newest.definition();
    fill_defaults(definition, definition, &mut changed);
    Ok(changed)
}

/// Adds what is missing and has a default, in objects that are there. References inside the definition end: lint.rs.
fn fill_defaults(root: &Value, schema: &Value, data: &mut Value) {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str)
        && let Some(target) = target.strip_prefix('#').and_then(|pointer| root.pointer(pointer))
    {
        fill_defaults(root, target, data);
    }
    match data {
        Value::Object(document) => fill_object(root, schema, document),
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| fill_defaults(root, schema, item));
            }
        }
        _ => {}
    }
}

fn fill_object(root: &Value, schema: &Value, document: &mut Map<String, Value>) {
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        match (document.get_mut(name), property.get("default")) {
            (Some(value), _) => fill_defaults(root, property, value),
            (None, Some(default)) => {
                document.insert(name.clone(), default.clone());
            }
            (None, None) => {}
        }
    }
}
