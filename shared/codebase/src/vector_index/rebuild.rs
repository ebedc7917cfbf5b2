//! Builds the vector index beside the one that stands, then drops the old one: searches and publications go on meanwhile.
//! Hands the caller what was done. Never reuses an index that a crash left unfinished: those are swept first.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool};
use tracing::{info, warn};

use super::calibrate::{Calibration, calibrate, cautious};
use super::policy::{Decision, RebuildReason, Vectors, build, build_bytes, decide};
use super::state::{read_standing_index, read_vectors};
use crate::CodebaseError;

/// Names the one builder that may run in a database. The number is arbitrary.
const BUILDER_LOCK: i64 = 0x7175_6172_7279_0001;
const INDEX_PREFIX: &str = "code_chunks_embedding_";

/// Whether a build needs a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RebuildMode {
    /// Build, keep or drop as the policy says.
    WhenOutdated,
    /// Build wherever the policy allows an index at all.
    Always,
}

/// What a maintenance run did.
#[derive(Debug, Clone, PartialEq)]
pub enum Rebuilt {
    /// Nothing had to be done, or nothing can.
    Unchanged(Decision),
    /// The index was dropped: the project is small now.
    Dropped,
    /// A new index serves.
    Built {
        /// In the schema `codebase`.
        name: String,
        /// Its lists.
        lists: i32,
        /// How many of them searches probe.
        probes: i32,
        /// The part of the true ten nearest they find.
        recall: f32,
        /// Why it was built.
        reason: RebuildReason,
        /// Build and calibration together.
        took: Duration,
    },
    /// Another process is building: it does the same.
    Busy,
}

/// Brings the vector index up to the policy. Takes a connection of its own beside the pool, without statement timeout.
/// Behind a pooler in transaction mode, give the pool a direct address for this: `create index concurrently` runs outside
/// of transactions, so its settings belong to the session.
///
/// # Errors
/// [`CodebaseError::Database`]: the old index, if there is one, still serves; what the attempt left is swept by the next.
pub async fn rebuild_vector_index(pool: &PgPool, mode: RebuildMode) -> Result<Rebuilt, CodebaseError> {
    let mut connection = pool.connect_options().connect().await?;
    let outcome = rebuild_alone(&mut connection, mode).await;
    // Closing gives the lock back; were the session a pooler's, these two do.
    let _ = sqlx::raw_sql("reset all").execute(&mut connection).await;
    let _ = sqlx::query!("select pg_advisory_unlock($1)", BUILDER_LOCK)
        .fetch_one(&mut connection)
        .await;
    if let Err(error) = connection.close().await {
        warn!(%error, "closing the connection of an index build: {error}");
    }
    outcome
}

async fn rebuild_alone(connection: &mut PgConnection, mode: RebuildMode) -> Result<Rebuilt, CodebaseError> {
    // Only tries: whoever waited for the lock inside a statement would hold a snapshot that the build waits for.
    let alone = sqlx::query_scalar!(r#"select pg_try_advisory_lock($1) as "alone!""#, BUILDER_LOCK)
        .fetch_one(&mut *connection)
        .await?;
    if !alone {
        return Ok(Rebuilt::Busy);
    }
    sqlx::raw_sql("set statement_timeout = 0")
        .execute(&mut *connection)
        .await?;
    sweep_leftovers(connection).await?;

    let vectors = read_vectors(&mut *connection).await?;
    let standing = read_standing_index(&mut *connection).await?;
    let built = standing.as_ref().map(|standing| standing.built());
    let decision = match (decide(&vectors, built.as_ref()), mode) {
        (Decision::Keep, RebuildMode::Always) => build(&vectors, RebuildReason::Requested),
        (decision, _) => decision,
    };
    match decision {
        Decision::Build { lists, reason } => build_beside(connection, &vectors, lists, reason).await,
        Decision::Drop => {
            sqlx::query!("delete from codebase.vector_indexes")
                .execute(&mut *connection)
                .await?;
            sweep_leftovers(connection).await?;
            Ok(Rebuilt::Dropped)
        }
        unchanged => Ok(Rebuilt::Unchanged(unchanged)),
    }
}

async fn build_beside(
    connection: &mut PgConnection,
    vectors: &Vectors,
    lists: i32,
    reason: RebuildReason,
) -> Result<Rebuilt, CodebaseError> {
    let started = Instant::now();
    let name = unused_name(connection).await?;
    let memory_kilobytes = build_bytes(lists, vectors.dimensions) / 1024;
    sqlx::raw_sql(AssertSqlSafe(format!(
        "set maintenance_work_mem = '{memory_kilobytes}kB'"
    )))
    .execute(&mut *connection)
    .await?;
    sqlx::raw_sql(AssertSqlSafe(format!(
        "create index concurrently {name} on codebase.code_chunks
         using ivfflat (embedding halfvec_cosine_ops)
         with (lists = {lists})"
    )))
    .execute(&mut *connection)
    .await?;
    let build_time = started.elapsed();
    // From here on the new index serves, with cautious probes. The old one has to go before anything is measured: the planner
    // could take either.
    record(connection, &name, vectors, lists, build_time).await?;
    sweep_leftovers(connection).await?;
    let Calibration { probes, recall } = calibrate(connection, vectors, lists).await?;
    sqlx::query!(
        "update codebase.vector_indexes set probes = $2, recall = $3 where name = $1",
        name,
        probes,
        recall
    )
    .execute(&mut *connection)
    .await?;
    let took = started.elapsed();
    info!(
        index = %name, rows = vectors.rows, lists, probes, recall, took_ms = took.as_millis(),
        "built {name} over {} chunks: {lists} lists, {probes} probes find {recall:.3}", vectors.rows
    );
    Ok(Rebuilt::Built {
        name,
        lists,
        probes,
        recall,
        reason,
        took,
    })
}

async fn record(
    connection: &mut PgConnection,
    name: &str,
    vectors: &Vectors,
    lists: i32,
    build_time: Duration,
) -> Result<(), CodebaseError> {
    let Calibration { probes, recall } = cautious(lists);
    let mut transaction = connection.begin().await?;
    sqlx::query!("delete from codebase.vector_indexes")
        .execute(&mut *transaction)
        .await?;
    sqlx::query!(
        "insert into codebase.vector_indexes (
             name, lists, probes, recall, rows_at_build, last_number_at_build, size_bytes, build_seconds
         )
         select $1::text, $2, $3, $4, $5, $6, pg_relation_size(('codebase.' || $1)::regclass), $7",
        name,
        lists,
        probes,
        recall,
        vectors.rows,
        vectors.last_number,
        build_time.as_secs_f32()
    )
    .execute(&mut *transaction)
    .await?;
    Ok(transaction.commit().await?)
}

/// Drops every vector index that is not on record: replaced ones, and unfinished ones that a crash left to cost writes.
async fn sweep_leftovers(connection: &mut PgConnection) -> Result<(), CodebaseError> {
    let leftovers = sqlx::query_scalar!(
        r#"select pg_class.relname::text as "name!"
           from pg_catalog.pg_index
           join pg_catalog.pg_class on pg_class.oid = pg_index.indexrelid
           where pg_index.indrelid = 'codebase.code_chunks'::regclass
           and pg_class.relname ~ ('^' || $1::text || '[0-9]+$')
           and (
               not pg_index.indisvalid
               or not exists (select from codebase.vector_indexes where name = pg_class.relname)
           )
           order by pg_class.oid"#,
        INDEX_PREFIX
    )
    .fetch_all(&mut *connection)
    .await?;
    for name in leftovers {
        sqlx::raw_sql(AssertSqlSafe(format!(
            "drop index concurrently if exists codebase.{name}"
        )))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn unused_name(connection: &mut PgConnection) -> Result<String, CodebaseError> {
    let number = sqlx::query_scalar!(
        r#"select coalesce(max(substr(name, length($1::text) + 1)::bigint), 0) + 1 as "number!"
           from (
               select relname::text as name from pg_catalog.pg_class
               union all
               select name from codebase.vector_indexes
           ) as taken
           where name ~ ('^' || $1 || '[0-9]{1,15}$')"#,
        INDEX_PREFIX
    )
    .fetch_one(connection)
    .await?;
    Ok(format!("{INDEX_PREFIX}{number}"))
}
