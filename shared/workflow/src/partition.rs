//! The table of entities in partitions, for projects with very many: `quarry entity partition`. Each partition has its own
//! small indexes and is vacuumed by itself. By the hash of the id, so that keys, references and queries stay as they are.
//! Never does it by itself: the change waits for all writers, and they for it.

use serde::Serialize;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use crate::error::{WorkflowError, doing};
use crate::query_fields::is_partitioned;

/// From so many entities on the seed's scaling table wants partitions.
const PARTITION_FROM: i64 = 200_000;

/// From so many on it warns.
const WARN_FROM: i64 = 50_000;

/// Entities that are moved into partitions in a second or less.
const MOVED_PER_SECOND: i64 = 20_000;

/// How the entities are laid out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layout {
    /// About how many entities there are, as the planner believes.
    pub entities: i64,
    /// Partitions; 0 for a plain table.
    pub partitions: i64,
    /// What to do, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Partitioned {
    /// Entities that were moved.
    pub entities: u64,
    /// Partitions there are now.
    pub partitions: u32,
}

/// How the entities are laid out and whether that should change.
///
/// # Errors
///
/// [`WorkflowError::Database`] only.
pub async fn entity_layout(pool: &PgPool) -> Result<Layout, WorkflowError> {
    let row = sqlx::query!(
        r#"select
               (select count(*) from pg_inherits where inhparent = 'workflow.entities'::regclass) as "partitions!",
               (
                   select coalesce(sum(greatest(reltuples, 0)), 0)::bigint
                   from pg_class
                   where oid = 'workflow.entities'::regclass and relkind = 'r'
                   or oid in (select inhrelid from pg_inherits where inhparent = 'workflow.entities'::regclass)
               ) as "entities!""#
    )
    .fetch_one(pool)
    .await
    .map_err(doing("look at the table of entities"))?;
    Ok(Layout {
        entities: row.entities,
        partitions: row.partitions,
        advice: advice(row.entities, row.partitions),
    })
}

fn advice(entities: i64, partitions: i64) -> Option<String> {
    if partitions > 0 || entities < WARN_FROM {
        return None;
    }
    let how = "`quarry entity partition --partitions 16`";
    if entities < PARTITION_FROM {
        return Some(format!(
            "{entities} entities in one table: from {PARTITION_FROM} on, divide it with {how}"
        ));
    }
    let seconds = entities / MOVED_PER_SECOND;
    Some(format!(
        "{entities} entities in one table: divide it with {how}; writers wait about {seconds} s meanwhile"
    ))
}

/// Moves the entities into `partitions` partitions, in one transaction. Writers wait meanwhile; a second or so for every
/// 20 000 entities.
///
/// # Errors
///
/// [`WorkflowError::InvalidArgument`] when they are partitioned already, or for a number that is no power of two up to 64.
pub async fn partition_entities(pool: &PgPool, partitions: u32) -> Result<Partitioned, WorkflowError> {
    if !partitions.is_power_of_two() || !(2..=64).contains(&partitions) {
        return Err(WorkflowError::InvalidArgument(
            "the number of partitions is a power of two from 2 to 64".to_owned(),
        ));
    }
    let mut transaction = pool.begin().await.map_err(doing("begin to partition"))?;
    let action = "partition the entities";
    run(
        &mut transaction,
        "set local statement_timeout = 0; set local lock_timeout = '30s'",
        action,
    )
    .await?;
    if is_partitioned(&mut transaction).await? {
        return Err(WorkflowError::InvalidArgument(
            "the entities are partitioned already".to_owned(),
        ));
    }
    run(
        &mut transaction,
        "lock table workflow.entities in access exclusive mode",
        action,
    )
    .await?;
    let references = definitions(&mut transaction, Kind::Reference).await?;
    let indexes = definitions(&mut transaction, Kind::Index).await?;
    let triggers = definitions(&mut transaction, Kind::Trigger).await?;
    let statistics = definitions(&mut transaction, Kind::Statistics).await?;
    for reference in &references {
        run(
            &mut transaction,
            &format!("alter table {} drop constraint {}", reference.table, reference.name),
            action,
        )
        .await?;
    }
    run(
        &mut transaction,
        "alter table workflow.entities rename to entities_unpartitioned;
         create table workflow.entities (
             like workflow.entities_unpartitioned including defaults including constraints including storage,
             primary key (id),
             foreign key (schema_name, schema_version)
                 references workflow.entity_schemas (schema_name, version) on delete restrict
         ) partition by hash (id)",
        action,
    )
    .await?;
    for remainder in 0..partitions {
        let partition = format!(
            "create table workflow.entities_{remainder} partition of workflow.entities
             for values with (modulus {partitions}, remainder {remainder})"
        );
        run(&mut transaction, &partition, action).await?;
    }
    let columns = columns(&mut transaction).await?;
    let moved = sqlx::raw_sql(AssertSqlSafe(format!(
        "insert into workflow.entities ({columns}) select {columns} from workflow.entities_unpartitioned"
    )))
    .execute(&mut *transaction)
    .await
    .map_err(doing(action))?;
    run(&mut transaction, "drop table workflow.entities_unpartitioned", action).await?;
    for made in indexes.iter().chain(&triggers).chain(&statistics) {
        run(&mut transaction, &made.definition, action).await?;
    }
    for reference in &references {
        let statement = format!(
            "alter table {} add constraint {} {}",
            reference.table, reference.name, reference.definition
        );
        run(&mut transaction, &statement, action).await?;
    }
    run(&mut transaction, "analyze workflow.entities", action).await?;
    transaction.commit().await.map_err(doing(action))?;
    Ok(Partitioned {
        entities: moved.rows_affected(),
        partitions,
    })
}

/// Something that hangs on the table, as SQL that makes it again.
struct Hanging {
    table: String,
    name: String,
    definition: String,
}

#[derive(Clone, Copy)]
enum Kind {
    Reference,
    Index,
    Trigger,
    Statistics,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Index => "index",
            Self::Trigger => "trigger",
            Self::Statistics => "statistics",
        }
    }
}

async fn definitions(connection: &mut PgConnection, kind: Kind) -> Result<Vec<Hanging>, WorkflowError> {
    sqlx::query_as!(
        Hanging,
        r#"select conrelid::regclass::text as "table!", quote_ident(conname) as "name!",
               pg_get_constraintdef(oid) as "definition!"
           from pg_constraint
           where confrelid = 'workflow.entities'::regclass and contype = 'f' and $1 = 'reference'
           union all
           select '', '', pg_get_indexdef(indexrelid)
           from pg_index
           where indrelid = 'workflow.entities'::regclass and not indisprimary and $1 = 'index'
           union all
           select '', '', pg_get_triggerdef(oid)
           from pg_trigger
           where tgrelid = 'workflow.entities'::regclass and not tgisinternal and $1 = 'trigger'
           union all
           select '', '', pg_get_statisticsobjdef(oid)
           from pg_statistic_ext
           where stxrelid = 'workflow.entities'::regclass and $1 = 'statistics'"#,
        kind.name()
    )
    .fetch_all(connection)
    .await
    .map_err(doing("read what hangs on the table of entities"))
}

async fn columns(connection: &mut PgConnection) -> Result<String, WorkflowError> {
    sqlx::query_scalar!(
        r#"select string_agg(quote_ident(attname), ', ' order by attnum) as "columns!"
           from pg_attribute
           where attrelid = 'workflow.entities'::regclass and attnum > 0 and not attisdropped"#
    )
    .fetch_one(connection)
    .await
    .map_err(doing("list the columns of the table of entities"))
}

async fn run(connection: &mut PgConnection, statement: &str, action: &'static str) -> Result<(), WorkflowError> {
    let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(connection)
        .await;
    done.map(drop).map_err(doing(action))
}

#[cfg(test)]
mod tests {
    use super::advice;

    #[test]
    fn very_many_entities_in_one_table_are_to_be_divided() {
        for (entities, partitions, says) in [
            (49_999, 0, None),
            (50_000, 0, Some("from 200000 on")),
            (199_999, 0, Some("from 200000 on")),
            (200_000, 0, Some("--partitions 16`; writers wait about 10 s")),
            (5_000_000, 16, None),
        ] {
            let told = advice(entities, partitions);
            let fits = match says {
                Some(says) => told.as_ref().is_some_and(|told| told.contains(says)),
                None => told.is_none(),
            };
            assert!(fits, "{entities} in {partitions}: {told:?}");
        }
    }
}
