//! Registers versions of schemas and says what a new one means: how it differs, and which stored entities would not fit.
//! A version never changes; entities stay with theirs until they are changed or migrated.

use futures::TryStreamExt;
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::difference::{DifferenceClass, SchemaChange, difference};
use crate::error::{WorkflowError, doing};
use crate::example_document::example_document;
use crate::faults::Faults;
use crate::fields::{Field, FieldNames};
use crate::query_fields::index_query_fields;
use crate::schema_in_force::schema_at;
use crate::schemas::RegisteredSchema;
use crate::validate::{CompiledSchema, compile_schema};

/// Most fields with an index of their own: each costs every write.
pub const MAX_QUERY_FIELDS: usize = 16;

/// Entities named that would not fit.
const MAX_NAMED: usize = 10;

/// A schema to register.
#[derive(Debug, Clone, Default)]
pub struct NewSchema {
    /// Its name: lower-case letters, digits and underscores.
    pub name: String,
    /// The JSON Schema, draft 2020-12.
    pub definition: Value,
    /// What its entities are; none: as the version before.
    pub description: Option<String>,
    /// Properties that get an index; none: those of the version before.
    pub query_fields: Option<Vec<String>>,
    /// Say what would happen and register nothing.
    pub dry_run: bool,
}

/// What registering did, or would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Registration {
    /// The schema's name.
    pub name: String,
    /// The version that is the newest now, or would be.
    pub version: i32,
    /// Whether a version was added.
    pub registered: bool,
    /// How it differs from the version before.
    pub difference: DifferenceClass,
    /// Where, at most 50 places.
    pub changes: Vec<SchemaChange>,
    /// The fields that have an index.
    pub query_fields: Vec<String>,
    /// Entities that were checked against it: all that are not deleted.
    pub entities_checked: u64,
    /// How many of them do not fit; they stay valid under their own version.
    pub entities_failing: u64,
    /// The first of those, with what is wrong.
    pub failing: Vec<FailingEntity>,
}

/// An entity that does not fit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FailingEntity {
    /// Which.
    pub id: Uuid,
    /// What is wrong with it.
    #[serde(flatten)]
    pub faults: Faults,
}

/// Registers the next version of a schema, unless the newest has the same definition already.
///
/// # Errors
///
/// [`WorkflowError::InvalidSchema`] with every fault of the definition, [`WorkflowError::InvalidArgument`] for the name,
/// [`WorkflowError::InvalidQuery`] for query fields.
pub async fn register_schema(pool: &PgPool, new: &NewSchema, author: &str) -> Result<Registration, WorkflowError> {
    check_name(&new.name)?;
    let compiled = compile_schema(&new.definition)?;
    if let Some(fields) = &new.query_fields {
        check_query_fields(fields, &new.definition)?;
    }
    let mut transaction = pool.begin().await.map_err(doing("begin to register a schema"))?;
    // Two callers at once get two versions, or the second finds that the first registered the same.
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtext('quarry.workflow.schema.' || $1))",
        new.name
    )
    .execute(&mut *transaction)
    .await
    .map_err(doing("wait for another registration"))?;
    let newest = newest(&mut transaction, &new.name).await?;
    let (class, changes) = match &newest {
        Some(newest) => difference(&newest.definition, &new.definition),
        None => (DifferenceClass::First, Vec::new()),
    };
    let is_new = class != DifferenceClass::Identical;
    let checked = match class {
        DifferenceClass::First | DifferenceClass::Identical => Checked::default(),
        _ => check_stored(&mut transaction, &new.name, &compiled).await?,
    };
    let before = newest.as_ref().map_or(0, |newest| newest.version);
    let fields_before = newest
        .as_ref()
        .map(|newest| newest.query_fields.clone())
        .unwrap_or_default();
    let query_fields = new.query_fields.clone().unwrap_or(fields_before);
    let description = new.description.clone().or(newest.and_then(|newest| newest.description));
    if !new.dry_run {
        store(
            &mut transaction,
            new,
            before,
            is_new,
            description,
            &query_fields,
            author,
        )
        .await?;
        transaction.commit().await.map_err(doing("register a schema"))?;
        index_query_fields(pool, &new.name, &query_fields, &[&new.definition]).await?;
    }
    Ok(Registration {
        name: new.name.clone(),
        version: if is_new { before + 1 } else { before },
        registered: is_new && !new.dry_run,
        difference: class,
        changes,
        query_fields,
        entities_checked: checked.entities,
        entities_failing: checked.failing,
        failing: checked.named,
    })
}

async fn store(
    connection: &mut PgConnection,
    new: &NewSchema,
    before: i32,
    is_new: bool,
    description: Option<String>,
    query_fields: &[String],
    author: &str,
) -> Result<(), WorkflowError> {
    if is_new {
        sqlx::query!(
            "insert into workflow.entity_schemas
                 (schema_name, version, schema_definition, description, query_fields, created_by)
             values ($1, $2, $3, $4, $5, $6)",
            new.name,
            before + 1,
            new.definition,
            description,
            query_fields,
            author
        )
        .execute(connection)
        .await
        .map_err(doing("register a schema"))?;
    } else {
        sqlx::query!(
            "update workflow.entity_schemas
             set description = $3, query_fields = $4
             where schema_name = $1 and version = $2",
            new.name,
            before,
            description,
            query_fields
        )
        .execute(connection)
        .await
        .map_err(doing("change what describes a schema"))?;
    }
    Ok(())
}

/// A version of a schema, or the newest, with an example of a document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DescribedSchema {
    /// The version as stored.
    #[serde(flatten)]
    pub schema: RegisteredSchema,
    /// A document that fits, if one can be guessed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<Value>,
}

/// Describes a version of a schema; the newest when none is named.
///
/// # Errors
///
/// [`WorkflowError::UnknownSchema`] with what there is.
pub async fn describe_schema(
    pool: &PgPool,
    name: &str,
    version: Option<i32>,
) -> Result<DescribedSchema, WorkflowError> {
    let mut connection = pool.acquire().await.map_err(doing("connect"))?;
    let in_force = schema_at(&mut connection, name, version).await?;
    let schema = sqlx::query_as!(
        RegisteredSchema,
        "select id, schema_name as name, version, schema_definition as definition, description, query_fields, created_at,
             created_by
         from workflow.entity_schemas
         where schema_name = $1 and version = $2",
        name,
        in_force.version
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(doing("read a schema"))?;
    Ok(DescribedSchema {
        example: example_document(&in_force.compiled),
        schema,
    })
}

pub(crate) fn check_name(name: &str) -> Result<(), WorkflowError> {
    let is_sound = name.len() <= 63
        && name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if is_sound {
        return Ok(());
    }
    Err(WorkflowError::InvalidArgument(format!(
        "{:?} is no name for a schema: lower-case letters, digits and underscores, at most 63, no digit first",
        crate::faults::cut(name, 80)
    )))
}

pub(crate) fn check_query_fields(fields: &[String], definition: &Value) -> Result<(), WorkflowError> {
    let mut faults = Faults::default();
    if fields.len() > MAX_QUERY_FIELDS {
        let message = format!("at most {MAX_QUERY_FIELDS} query fields: each costs every write");
        faults.add("/query_fields", "size", message);
    }
    let names = FieldNames {
        definitions: &[definition],
    };
    for (index, name) in fields.iter().enumerate().take(MAX_QUERY_FIELDS) {
        let at = format!("/query_fields/{index}");
        match names.find(name) {
            Ok(Field::Meta(_)) => faults.add(&at, "field", "facts about entities need no index of their own"),
            Ok(_) => {}
            Err(reason) => faults.add(&at, "field", reason),
        }
    }
    faults.into_result().map_err(WorkflowError::InvalidQuery)
}

struct Newest {
    version: i32,
    definition: Value,
    description: Option<String>,
    query_fields: Vec<String>,
}

async fn newest(connection: &mut PgConnection, name: &str) -> Result<Option<Newest>, WorkflowError> {
    sqlx::query_as!(
        Newest,
        "select version, schema_definition as definition, description, query_fields
         from workflow.entity_schemas
         where schema_name = $1
         order by version desc
         limit 1",
        name
    )
    .fetch_optional(connection)
    .await
    .map_err(doing("read the newest version of a schema"))
}

#[derive(Default)]
struct Checked {
    entities: u64,
    failing: u64,
    named: Vec<FailingEntity>,
}

/// Checks every entity that is not deleted; they stream by, however many there are.
async fn check_stored(
    connection: &mut PgConnection,
    name: &str,
    schema: &CompiledSchema,
) -> Result<Checked, WorkflowError> {
    let mut checked = Checked::default();
    let mut rows = sqlx::query!(
        "select id, data from workflow.entities where schema_name = $1 and deleted_at is null order by id",
        name
    )
    .fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(doing("check the stored entities"))? {
        checked.entities += 1;
        if let Err(WorkflowError::InvalidDocument(faults)) = schema.validate(&row.data) {
            checked.failing += 1;
            if checked.named.len() < MAX_NAMED {
                checked.named.push(FailingEntity { id: row.id, faults });
            }
        }
        // Others on this thread have their turn.
        if checked.entities.is_multiple_of(100) {
            tokio::task::yield_now().await;
        }
    }
    Ok(checked)
}
