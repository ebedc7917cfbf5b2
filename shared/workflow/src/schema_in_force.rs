//! A stored version of a schema, compiled: what every write is checked against. Compiled schemas are kept, because a
//! stored version never changes; which version is the newest is asked every time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::{WorkflowError, doing};
use crate::faults::cut;
use crate::lint::did_you_mean;
use crate::validate::{CompiledSchema, compile_schema};

/// Schemas kept compiled; one has a few hundred kilobytes at most. All are dropped when there are more.
const MAX_KEPT: usize = 256;

/// One version of a schema, ready to check documents.
#[derive(Debug)]
pub(crate) struct SchemaInForce {
    pub(crate) name: String,
    pub(crate) version: i32,
    /// Pointers of the properties that have an index.
    pub(crate) query_fields: Vec<String>,
    pub(crate) compiled: Arc<CompiledSchema>,
}

impl SchemaInForce {
    pub(crate) fn definition(&self) -> &Value {
        self.compiled.definition()
    }
}

/// The newest version of a schema.
pub(crate) async fn newest_schema(connection: &mut PgConnection, name: &str) -> Result<SchemaInForce, WorkflowError> {
    schema_at(connection, name, None).await
}

/// One version of a schema, or the newest.
pub(crate) async fn schema_at(
    connection: &mut PgConnection,
    name: &str,
    version: Option<i32>,
) -> Result<SchemaInForce, WorkflowError> {
    // Postgres cannot even compare text with U+0000.
    if name.contains('\0') {
        return Err(unknown(connection, name, version).await);
    }
    let found = sqlx::query!(
        "select id, version, query_fields
         from workflow.entity_schemas
         where schema_name = $1 and ($2::integer is null or version = $2)
         order by version desc
         limit 1",
        name,
        version
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(doing("find a schema"))?;
    let Some(found) = found else {
        return Err(unknown(connection, name, version).await);
    };
    let compiled = match kept(found.id) {
        Some(compiled) => compiled,
        None => {
            let definition = sqlx::query_scalar!(
                "select schema_definition from workflow.entity_schemas where id = $1",
                found.id
            )
            .fetch_one(&mut *connection)
            .await
            .map_err(doing("read a schema"))?;
            keep(found.id, compile_schema(&definition)?)
        }
    };
    Ok(SchemaInForce {
        name: name.to_owned(),
        version: found.version,
        query_fields: found.query_fields,
        compiled,
    })
}

/// Says which schemas or versions there are instead.
async fn unknown(connection: &mut PgConnection, name: &str, version: Option<i32>) -> WorkflowError {
    let known = sqlx::query!(
        r#"select schema_name as name, max(version) as "newest!"
           from workflow.entity_schemas
           group by schema_name
           order by schema_name
           limit 200"#
    )
    .fetch_all(connection)
    .await;
    let known = match known {
        Ok(known) => known,
        Err(source) => return doing("list the schemas")(source),
    };
    let hint = match known.iter().find(|schema| schema.name == name) {
        Some(schema) => format!("; its versions are 1 to {}", schema.newest),
        None if known.is_empty() => "; none is registered yet: register one first".to_owned(),
        None => {
            let names: Vec<&str> = known.iter().map(|schema| schema.name.as_str()).collect();
            let meant = did_you_mean(name, names.iter().copied());
            format!(
                "{meant}; there are {}",
                names.iter().take(20).copied().collect::<Vec<_>>().join(", ")
            )
        }
    };
    WorkflowError::UnknownSchema {
        name: cut(name, 80),
        version: version.map_or(String::new(), |version| format!(" version {version}")),
        hint,
    }
}

type Kept = Mutex<HashMap<Uuid, Arc<CompiledSchema>>>;

fn all_kept() -> &'static Kept {
    static KEPT: OnceLock<Kept> = OnceLock::new();
    KEPT.get_or_init(Kept::default)
}

fn kept(id: Uuid) -> Option<Arc<CompiledSchema>> {
    let kept = all_kept().lock().unwrap_or_else(PoisonError::into_inner);
    kept.get(&id).cloned()
}

fn keep(id: Uuid, compiled: CompiledSchema) -> Arc<CompiledSchema> {
    let compiled = Arc::new(compiled);
    let mut kept = all_kept().lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= MAX_KEPT {
        kept.clear();
    }
    kept.insert(id, compiled.clone());
    compiled
}
