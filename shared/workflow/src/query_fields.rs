//! The indexes of declared query fields: one per property, over the entities of its schema, with statistics. Built without stopping
//! writers; what is no longer declared goes. Names of indexes come from hashes, never from what a caller wrote.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use crate::compile_filter::NO_MOMENT;
use crate::error::{WorkflowError, doing};
use crate::fields::{Field, FieldNames};

const PREFIX: &str = "entities_by_";

/// Makes the indexes of a schema what its query fields ask for.
pub(crate) async fn index_query_fields(
    pool: &PgPool,
    schema: &str,
    query_fields: &[String],
    definitions: &[&Value],
) -> Result<(), WorkflowError> {
    let names = FieldNames { definitions };
    let mut wanted = BTreeMap::new();
    for name in query_fields {
        let Ok(field) = names.find(name) else { continue };
        for expression in expressions(&field) {
            let hash = blake3::hash(format!("{schema} {expression}").as_bytes()).to_hex();
            wanted.insert(format!("{}{}", prefix(schema), &hash[..16]), expression);
        }
    }
    let mut connection = pool.acquire().await.map_err(doing("connect"))?;
    let pattern = prefix(schema).replace('_', r"\_") + "%";
    let standing = sqlx::query!(
        r#"select class.relname::text as "name!", index.indisvalid as "is_valid!"
           from pg_index as index
           join pg_class as class on class.oid = index.indexrelid
           where index.indrelid = 'workflow.entities'::regclass and class.relname like $1"#,
        pattern
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(doing("list the indexes of a schema"))?;
    let is_partitioned = is_partitioned(&mut connection).await?;
    for index in &standing {
        // One whose building was interrupted is made anew.
        if !wanted.contains_key(&index.name) || !index.is_valid {
            let how = if is_partitioned { "" } else { "concurrently " };
            let name = &index.name;
            run(
                &mut connection,
                format!("drop statistics if exists workflow.{name}"),
                "drop statistics",
            )
            .await?;
            let statement = format!("drop index {how}if exists workflow.{name}");
            run(&mut connection, statement, "drop an index").await?;
        } else {
            wanted.remove(&index.name);
        }
    }
    let is_changed = !wanted.is_empty();
    for (name, expression) in wanted {
        // The planner takes no statistics from an index over some of the rows.
        let statement =
            format!("create statistics if not exists workflow.{name} on ({expression}) from workflow.entities");
        run(&mut connection, statement, "describe a query field to the planner").await?;
        let how = if is_partitioned { "" } else { "concurrently " };
        let schema = literal(schema);
        let statement = format!(
            "create index {how}if not exists {name} on workflow.entities (({expression}), id) where schema_name = {schema}"
        );
        run(&mut connection, statement, "index a query field").await?;
    }
    if is_changed {
        run(
            &mut connection,
            "analyze workflow.entities".to_owned(),
            "count the values of a query field",
        )
        .await?;
    }
    Ok(())
}

/// Whether the table is laid out in partitions, whose indexes cannot be built concurrently.
pub(crate) async fn is_partitioned(connection: &mut PgConnection) -> Result<bool, WorkflowError> {
    sqlx::query_scalar!(
        r#"select relkind = 'p' as "is_partitioned!" from pg_class where oid = 'workflow.entities'::regclass"#
    )
    .fetch_one(connection)
    .await
    .map_err(doing("look at the table of entities"))
}

fn prefix(schema: &str) -> String {
    let hash = blake3::hash(schema.as_bytes()).to_hex();
    format!("{PREFIX}{}_", &hash[..12])
}

/// What compile_filter.rs and sorting.rs write, letter by letter: the planner compares expressions.
fn expressions(field: &Field) -> Vec<String> {
    match field {
        Field::Data(path) => vec![format!("workflow.query_key(data, {}::text[])", array(path))],
        Field::Moment(path) => vec![
            format!("workflow.query_key(data, {}::text[])", array(path)),
            format!(
                "coalesce(workflow.instant(data #>> {}::text[]), {NO_MOMENT})",
                array(path)
            ),
        ],
        Field::Meta(_) => Vec::new(),
    }
}

/// A literal of an array of texts.
fn array(path: &[String]) -> String {
    let quoted: Vec<String> = path
        .iter()
        .map(|step| format!("\"{}\"", step.replace('\\', r"\\").replace('"', "\\\"")))
        .collect();
    literal(&format!("{{{}}}", quoted.join(",")))
}

/// A literal of a text, whatever is in it: definitions of indexes take no parameters.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

/// Runs a statement that may take long: building an index is maintenance, and the usual time limit would end it.
async fn run(connection: &mut PgConnection, statement: String, action: &'static str) -> Result<(), WorkflowError> {
    let unlimited = "set statement_timeout = 0";
    sqlx::raw_sql(unlimited)
        .execute(&mut *connection)
        .await
        .map_err(doing(action))?;
    let done = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await;
    sqlx::raw_sql("reset statement_timeout")
        .execute(connection)
        .await
        .map_err(doing(action))?;
    done.map(drop).map_err(doing(action))
}

#[cfg(test)]
mod tests {
    use super::{array, literal};

    #[test]
    fn no_name_leaves_its_literal() {
        assert_eq!(literal("task"), "E'task'");
        assert_eq!(literal(r"o'x\"), r"E'o\'x\\'");
        assert_eq!(
            array(&["a".to_owned(), r#"b"',\{}"#.to_owned()]),
            r#"E'{"a","b\\"\',\\\\{}"}'"#
        );
    }
}
