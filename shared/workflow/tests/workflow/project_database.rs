//! A project's database with the schema that every project has.

use quarry_postgres::testing::test_database;
use quarry_workflow::{
    Author, Change, Entity, EntityPage, EntityQuery, LinkChange, LinkEnd, NewSchema, Operation, Target, WorkflowError,
    change_entity, change_link, query_entities, register_schema,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

/// A migrated, empty database.
pub(crate) async fn project_database() -> PgPool {
    let pool = PgPool::connect(&test_database().await.url).await.unwrap();
    sqlx::raw_sql("create extension vector").execute(&pool).await.unwrap();
    sqlx::migrate!("../../migrations/project").run(&pool).await.unwrap();
    pool
}

/// A database with the schema `item`: anything with a number, a status, some tags and a due date.
pub(crate) async fn with_items() -> PgPool {
    let pool = project_database().await;
    register(&pool, "item", item_definition()).await;
    pool
}

pub(crate) fn item_definition() -> Value {
    json!({
        "type": "object",
        "required": ["n"],
        "properties": {
            "n": {"type": "integer"},
            "title": {"type": "string", "maxLength": 2000},
            "status": {"enum": ["open", "doing", "done"]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "due": {"type": "string", "format": "date-time"},
            "at": {"type": "string", "format": "code-reference"},
            "more": {"type": "object"},
        },
        "additionalProperties": false,
    })
}

pub(crate) async fn register(pool: &PgPool, name: &str, definition: Value) -> quarry_workflow::Registration {
    let new = NewSchema {
        name: name.to_owned(),
        definition,
        ..NewSchema::default()
    };
    register_schema(pool, &new, "test").await.unwrap()
}

/// The indexed query fields of `item` from now on.
pub(crate) async fn declare(pool: &PgPool, fields: &[&str]) {
    let new = NewSchema {
        name: "item".to_owned(),
        definition: item_definition(),
        query_fields: Some(fields.iter().map(|&field| field.to_owned()).collect()),
        ..NewSchema::default()
    };
    register_schema(pool, &new, "test").await.unwrap();
}

pub(crate) async fn create(pool: &PgPool, schema: &str, data: Value) -> Entity {
    try_create(pool, schema, data).await.unwrap()
}

pub(crate) async fn try_create(pool: &PgPool, schema: &str, data: Value) -> Result<Entity, WorkflowError> {
    let operation = Operation::Create {
        schema: schema.to_owned(),
        data,
        id: None,
    };
    change_entity(pool, &operation, Author::named("test")).await
}

pub(crate) async fn update(pool: &PgPool, seen: &Entity, patch: Value) -> Result<Entity, WorkflowError> {
    change_entity(pool, &patching(seen, patch), Author::named("test")).await
}

pub(crate) fn patching(seen: &Entity, patch: Value) -> Operation {
    Operation::Update {
        target: target(seen),
        change: Change::from_patch(patch),
    }
}

pub(crate) fn target(seen: &Entity) -> Target {
    Target {
        id: seen.id,
        expected_version: seen.version,
        fence: None,
    }
}

pub(crate) async fn link(pool: &PgPool, from: Uuid, kind: &str, to: impl ToString) -> Result<bool, WorkflowError> {
    change_link(pool, &link_change(from, kind, to), "test").await
}

pub(crate) async fn unlink(pool: &PgPool, from: Uuid, kind: &str, to: impl ToString) -> Result<bool, WorkflowError> {
    let change = LinkChange {
        remove: true,
        ..link_change(from, kind, to)
    };
    change_link(pool, &change, "test").await
}

fn link_change(from: Uuid, kind: &str, to: impl ToString) -> LinkChange {
    LinkChange {
        from,
        end: LinkEnd::read(kind, &to.to_string()).unwrap(),
        remove: false,
    }
}

/// The numbers `n` of what a filter finds, in ascending order.
pub(crate) async fn found(pool: &PgPool, filter: Value) -> Vec<i64> {
    let query = EntityQuery {
        filter: Some(filter),
        sort: vec!["n".to_owned()],
        limit: 200,
        ..EntityQuery::all("item")
    };
    numbers(&query_entities(pool, &query).await.unwrap())
}

pub(crate) fn numbers(page: &EntityPage) -> Vec<i64> {
    page.entities
        .iter()
        .map(|entity| entity.data["n"].as_i64().unwrap())
        .collect()
}

/// Stores documents without going through the program, for tests that need many.
pub(crate) async fn store_items(pool: &PgPool, count: i32) -> Vec<Uuid> {
    sqlx::query_scalar(
        "insert into workflow.entities (schema_name, schema_version, data, created_at, updated_at)
         select 'item', 1,
             jsonb_build_object('n', n, 'title', 'Item ' || n, 'status', (array['open', 'doing', 'done'])[n % 3 + 1]),
             now() - n * interval '1 second', now() - n * interval '1 second'
         from generate_series(1, $1) as n
         returning id",
    )
    .bind(count)
    .fetch_all(pool)
    .await
    .unwrap()
}

/// Returns when so many sessions of this database wait for a lock.
pub(crate) async fn until_waiting(pool: &PgPool, sessions: i64) {
    let waiting =
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let waited = async { while sqlx::query_scalar::<_, i64>(waiting).fetch_one(pool).await.unwrap() < sessions {} };
    tokio::time::timeout(std::time::Duration::from_secs(60), waited)
        .await
        .unwrap();
}
