//! Measures how many lists a search has to probe: takes stored vectors as queries and compares what the index finds with what
//! an exact scan finds. Hands the fewest probes that find enough, and the recall they reach.
//! Never builds and never stores: see rebuild.rs.

use std::time::Duration;

use pgvector::HalfVector;
use sqlx::{Connection, PgConnection};

use super::policy::{Vectors, WANTED_RECALL, probe_candidates};
use crate::CodebaseError;

/// Queries for a project of up to 100 000 chunks: half a percent of recall is then one neighbour in 200.
const MAX_QUERIES: i64 = 50;
/// Fewer would measure the sample.
const MIN_QUERIES: i64 = 20;
/// Vectors that the exact scans may read in all: about ten seconds of one core at 768 dimensions.
const MAX_SCANNED: i64 = 5_000_000;
/// Neighbours compared, the usual number of results.
const NEIGHBOURS: usize = 10;
/// Two texts that are copies of each other are equally near: whichever is found counts.
const SAME_DISTANCE: f64 = 1e-6;
/// For all scans together. A calibration that takes longer goes on with the most probes.
const MAX_DURATION: Duration = Duration::from_secs(120);

/// How to search an index.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Calibration {
    pub(super) probes: i32,
    /// Part of the ten nearest that so many probes found, from 0 to 1.
    pub(super) recall: f32,
}

/// What holds before anything is measured: the most probes ever used.
pub(super) fn cautious(lists: i32) -> Calibration {
    let probes = probe_candidates(lists).pop().unwrap_or(1);
    Calibration { probes, recall: 0.0 }
}

/// Tries the candidates from the fewest probes on, and stops at the first that finds enough.
pub(super) async fn calibrate(
    connection: &mut PgConnection,
    vectors: &Vectors,
    lists: i32,
) -> Result<Calibration, CodebaseError> {
    let measured = tokio::time::timeout(MAX_DURATION, measure(connection, vectors, lists)).await;
    measured.unwrap_or_else(|_| Ok(cautious(lists)))
}

async fn measure(connection: &mut PgConnection, vectors: &Vectors, lists: i32) -> Result<Calibration, CodebaseError> {
    let count = (MAX_SCANNED / vectors.rows.max(1)).clamp(MIN_QUERIES, MAX_QUERIES);
    let queries = sample(connection, count).await?;
    let mut truths = Vec::with_capacity(queries.len());
    for query in &queries {
        truths.push(nearest_exact(connection, query).await?);
    }
    let mut best = cautious(lists);
    for probes in probe_candidates(lists) {
        let recall = recall(connection, probes, &queries, &truths).await?;
        best = Calibration { probes, recall };
        if recall >= WANTED_RECALL {
            break;
        }
    }
    Ok(best)
}

/// Vectors at even distances in the order in which they came, so that every repository takes part.
async fn sample(connection: &mut PgConnection, count: i64) -> Result<Vec<HalfVector>, CodebaseError> {
    let sampled = sqlx::query_scalar!(
        r#"select picked.embedding as "embedding!: HalfVector"
           from (select min(number) as first, max(number) as last from codebase.code_chunks) as bounds
           cross join generate_series(0, $1::bigint - 1) as step
           cross join lateral (
               select embedding
               from codebase.code_chunks
               where number >= bounds.first + (bounds.last - bounds.first) * step / $1
               and embedding is not null
               order by number
               limit 1
           ) as picked"#,
        count
    )
    .fetch_all(connection)
    .await?;
    Ok(sampled)
}

/// Distances of the nearest, the query's own vector (always first) left out.
async fn nearest_exact(connection: &mut PgConnection, query: &HalfVector) -> Result<Vec<f64>, CodebaseError> {
    let mut distances = sqlx::query_scalar!(
        r#"select embedding <=> $1 as "distance!"
           from codebase.code_chunks
           where embedding is not null
           order by (embedding <=> $1) + 0
           limit 11"#,
        query as _
    )
    .fetch_all(connection)
    .await?;
    distances.drain(..distances.len().min(1));
    Ok(distances)
}

async fn recall(
    connection: &mut PgConnection,
    probes: i32,
    queries: &[HalfVector],
    truths: &[Vec<f64>],
) -> Result<f32, CodebaseError> {
    // The settings end with the transaction. The library that owns the second one is loaded: exact distances came before.
    let mut transaction = connection.begin().await?;
    sqlx::query!(
        "select
             set_config('enable_seqscan', 'off', true) as seqscan,
             set_config('enable_sort', 'off', true) as sort,
             set_config('ivfflat.probes', $1, true) as probes",
        probes.to_string()
    )
    .fetch_one(&mut *transaction)
    .await?;
    let (mut found, mut possible) = (0, 0);
    for (query, truth) in queries.iter().zip(truths) {
        let distances = sqlx::query_scalar!(
            r#"select embedding <=> $1 as "distance!"
               from codebase.code_chunks
               order by embedding <=> $1
               limit 11"#,
            query as _
        )
        .fetch_all(&mut *transaction)
        .await?;
        let Some(farthest) = truth.last() else {
            continue;
        };
        let near = distances
            .iter()
            .skip(1)
            .filter(|distance| **distance <= farthest + SAME_DISTANCE);
        found += near.count().min(NEIGHBOURS);
        possible += truth.len();
    }
    transaction.rollback().await?;
    Ok(if possible == 0 {
        0.0
    } else {
        found as f32 / possible as f32
    })
}
