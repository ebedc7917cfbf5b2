//! Finds entities of one schema: selected by a filter, in an order, a page at a time. One plan per query: bound values
//! are known to the planner, so that indexes of declared fields are found.
//! Never counts longer than it has to: a large count is an estimate and says so.

use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::{FromRow, PgConnection, PgPool, Postgres, QueryBuilder};

use crate::compile_filter::{Indexed, push_filter};
use crate::cursor::cursor_key;
use crate::entity::Entity;
use crate::error::{WorkflowError, doing};
use crate::faults::Faults;
use crate::fields::{Field, FieldNames, path_of};
use crate::filter::{Filter, canonical, read_filter};
use crate::rare_words::find_rare_words;
use crate::schema_in_force::newest_schema;
use crate::sorting::{Place, Sorting, read_sorting};

/// Most entities of a page.
pub const MAX_PAGE: u32 = 200;

/// Matches are counted so far; beyond, the planner's estimate has to do.
const MAX_COUNTED: i64 = 10_000;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct EntityQuery {
    /// Entities of this schema.
    pub schema: String,
    /// Which of them; none: all.
    pub filter: Option<Value>,
    /// Field names, with a minus for descending; none: the newest first.
    pub sort: Vec<String>,
    /// Only these properties of the documents; none: whole documents.
    pub fields: Vec<String>,
    /// How many at most, up to [`MAX_PAGE`].
    pub limit: u32,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// Deleted ones too.
    pub include_deleted: bool,
    /// Only what may be worked on now.
    pub ready_only: bool,
}

impl EntityQuery {
    /// The newest 20 entities of a schema.
    pub fn all(schema: impl Into<String>) -> Self {
        Self {
            schema: schema.into(),
            limit: 20,
            ..Self::default()
        }
    }
}

/// A page of entities.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EntityPage {
    /// In the order asked for.
    pub entities: Vec<Entity>,
    /// Whether there are more.
    pub has_more: bool,
    /// Where the next page begins; none when this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// How many there are in all; with the first page only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
}

/// How many entities match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Count {
    /// The number.
    pub value: u64,
    /// Whether it was counted; else it is the planner's estimate.
    pub exact: bool,
}

/// Answers a page.
///
/// # Errors
///
/// [`WorkflowError::InvalidQuery`] with every fault of filter, sort and fields; [`WorkflowError::InvalidCursor`];
/// [`WorkflowError::UnknownSchema`].
pub async fn query_entities(pool: &PgPool, query: &EntityQuery) -> Result<EntityPage, WorkflowError> {
    let mut connection = pool.acquire().await.map_err(doing("connect"))?;
    let prepared = Prepared::of(&mut connection, query).await?;
    let limit = query.limit.clamp(1, MAX_PAGE);
    let key = cursor_key(pool).await?;
    let place = match &query.cursor {
        Some(cursor) => Some(key.open(&prepared.fingerprint, cursor)?),
        None => None,
    };
    let mut statement = prepared.select(query, place.as_ref())?;
    statement.push(" limit ").push_bind(i64::from(limit) + 1);
    let mut rows: Vec<Row> = statement
        .build_query_as()
        .persistent(false)
        .fetch_all(&mut *connection)
        .await
        .map_err(doing("query entities"))?;
    let count = match place {
        None => Some(prepared.count(&mut connection, query).await?),
        Some(_) => None,
    };
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next_cursor = rows.last().filter(|_| has_more).map(|row| {
        let keys = row.sort_keys.as_array().cloned().unwrap_or_default();
        key.sign(
            &prepared.fingerprint,
            &Place {
                keys,
                id: row.entity.id,
            },
        )
    });
    let entities = rows.into_iter().map(|row| prepared.project(row.entity)).collect();
    Ok(EntityPage {
        entities,
        has_more,
        next_cursor,
        count,
    })
}

/// How Postgres would answer, one line a step of the plan.
///
/// # Errors
///
/// As [`query_entities`].
pub async fn explain_query(pool: &PgPool, query: &EntityQuery) -> Result<String, WorkflowError> {
    let mut connection = pool.acquire().await.map_err(doing("connect"))?;
    let prepared = Prepared::of(&mut connection, query).await?;
    let mut statement = QueryBuilder::new("explain (costs off) ");
    prepared.push_select(&mut statement, query, None)?;
    statement
        .push(" limit ")
        .push_bind(i64::from(query.limit.clamp(1, MAX_PAGE)) + 1);
    let lines: Vec<String> = statement
        .build_query_scalar()
        .persistent(false)
        .fetch_all(&mut *connection)
        .await
        .map_err(doing("explain a query"))?;
    Ok(lines.join("\n"))
}

#[derive(FromRow)]
struct Row {
    #[sqlx(flatten)]
    entity: Entity,
    sort_keys: Value,
}

/// A query whose parts were read against its schema.
pub(crate) struct Prepared {
    filter: Filter,
    pub(crate) sorting: Sorting,
    fields: Vec<Vec<String>>,
    indexed: Indexed,
    /// What makes it the same query: cursors of another one are refused.
    fingerprint: String,
}

impl Prepared {
    pub(crate) async fn of(connection: &mut PgConnection, query: &EntityQuery) -> Result<Self, WorkflowError> {
        let newest = newest_schema(connection, &query.schema).await?;
        let definitions = [newest.definition()];
        let mut prepared = match Self::read(query, &definitions, &newest.query_fields) {
            // Entities of older versions may have properties that the newest one does not know.
            Err(_) if newest.version > 1 => {
                let all = sqlx::query_scalar!(
                    "select schema_definition from workflow.entity_schemas where schema_name = $1 order by version desc limit 50",
                    query.schema
                )
                .fetch_all(&mut *connection)
                .await
                .map_err(doing("read the versions of a schema"))?;
                let definitions: Vec<&Value> = all.iter().collect();
                Self::read(query, &definitions, &newest.query_fields)
            }
            read => read,
        }
        .map_err(WorkflowError::InvalidQuery)?;
        find_rare_words(connection, &mut prepared.filter).await?;
        Ok(prepared)
    }

    fn read(query: &EntityQuery, definitions: &[&Value], query_fields: &[String]) -> Result<Self, Faults> {
        let names = FieldNames { definitions };
        let mut faults = Faults::default();
        let mut note = |at: &str, found: Faults| {
            for fault in &found.faults {
                faults.add(&format!("{at}{}", fault.pointer), &fault.keyword, fault.message.clone());
            }
        };
        let everything = Filter::All(Vec::new());
        let filter = match &query.filter {
            Some(written) => read_filter(written, &names)
                .map_err(|found| note("/filter", found))
                .unwrap_or(everything),
            None => everything,
        };
        let sorting = read_sorting(&query.sort, &names)
            .map_err(|found| note("/sort", found))
            .ok();
        let mut fields = Vec::new();
        for (index, name) in query.fields.iter().enumerate() {
            match names.find(name) {
                Ok(Field::Data(path) | Field::Moment(path)) => fields.push(path),
                Ok(Field::Meta(_)) => {}
                Err(reason) => note("/fields", Faults::one(&format!("/{index}"), "field", reason)),
            }
        }
        faults.into_result()?;
        let sorting = match sorting {
            Some(sorting) => sorting,
            None => read_sorting(&[], &names)?,
        };
        let fingerprint = format!(
            "{} {} {:?} {} {}",
            query.schema,
            canonical(query.filter.as_ref()),
            query.sort,
            query.include_deleted,
            query.ready_only
        );
        Ok(Self {
            filter,
            sorting,
            fields,
            indexed: Indexed(query_fields.iter().filter_map(|name| path_of(name).ok()).collect()),
            fingerprint,
        })
    }

    fn select(&self, query: &EntityQuery, after: Option<&Place>) -> Result<QueryBuilder<Postgres>, WorkflowError> {
        let mut statement = QueryBuilder::new("");
        self.push_select(&mut statement, query, after)?;
        Ok(statement)
    }

    fn push_select(
        &self,
        statement: &mut QueryBuilder<Postgres>,
        query: &EntityQuery,
        after: Option<&Place>,
    ) -> Result<(), WorkflowError> {
        statement.push(
            "select entity.id, entity.schema_name as schema, entity.schema_version, entity.version, entity.data,
                 entity.created_at, entity.created_by, entity.updated_at, entity.updated_by, entity.deleted_at, ",
        );
        self.sorting.push_keys(statement);
        statement.push(" as sort_keys");
        self.push_from(statement, query);
        if let Some(place) = after {
            statement.push(" and ");
            if !self.sorting.push_after(statement, place) {
                return Err(WorkflowError::InvalidCursor("this cursor belongs to another order"));
            }
        }
        statement.push(" order by ");
        self.sorting.push_order(statement);
        Ok(())
    }

    pub(crate) fn push_from(&self, statement: &mut QueryBuilder<Postgres>, query: &EntityQuery) {
        statement.push(" from workflow.entities as entity where entity.schema_name = ");
        statement.push_bind(query.schema.clone());
        if !query.include_deleted {
            statement.push(" and entity.deleted_at is null");
        }
        if query.ready_only {
            statement.push(crate::ready::IS_READY);
        }
        statement.push(" and ");
        push_filter(statement, &self.filter, &self.indexed);
    }

    async fn count(&self, connection: &mut PgConnection, query: &EntityQuery) -> Result<Count, WorkflowError> {
        let mut statement = QueryBuilder::new("select count(*) from (select");
        self.push_from(&mut statement, query);
        statement
            .push(" limit ")
            .push_bind(MAX_COUNTED + 1)
            .push(") as counted");
        let counted: i64 = statement
            .build_query_scalar()
            .persistent(false)
            .fetch_one(&mut *connection)
            .await
            .map_err(doing("count entities"))?;
        if counted <= MAX_COUNTED {
            return Ok(Count {
                value: counted.cast_unsigned(),
                exact: true,
            });
        }
        let mut statement = QueryBuilder::new("explain (format json) select");
        self.push_from(&mut statement, query);
        let plan: Value = statement
            .build_query_scalar()
            .persistent(false)
            .fetch_one(connection)
            .await
            .map_err(doing("estimate a count"))?;
        let estimated = plan.pointer("/0/Plan/Plan Rows").and_then(Value::as_u64).unwrap_or(0);
        Ok(Count {
            value: estimated.max(counted.cast_unsigned()),
            exact: false,
        })
    }

    /// The entity with the properties asked for.
    fn project(&self, mut entity: Entity) -> Entity {
        if self.fields.is_empty() {
            return entity;
        }
        let mut kept = Value::Object(Map::new());
        for path in &self.fields {
            let found = path.iter().try_fold(&entity.data, |value, step| match value {
                Value::Array(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
                value => value.get(step),
            });
            if let Some(found) = found {
                put(&mut kept, path, found.clone());
            }
        }
        entity.data = kept;
        entity
    }
}

/// Sets a value at a path of names; steps into lists become names too, the result is a part and no document.
fn put(target: &mut Value, path: &[String], value: Value) {
    let Some((name, rest)) = path.split_first() else {
        *target = value;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(properties) = target {
        put(properties.entry(name.clone()).or_insert(Value::Null), rest, value);
    }
}

/// The ids of what a query finds, for those who lock them.
pub(crate) fn push_candidates(prepared: &Prepared, statement: &mut QueryBuilder<Postgres>, query: &EntityQuery) {
    statement.push("select entity.id");
    prepared.push_from(statement, query);
    statement.push(" order by ");
    prepared.sorting.push_order(statement);
}
