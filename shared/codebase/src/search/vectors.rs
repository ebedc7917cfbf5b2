//! The chunks nearest to the query's vector: exactly where that is cheap or nothing else stands, through the ivfflat index
//! otherwise. Hands numbers and similarities to the search. Never decides whether there should be an index.

use pgvector::HalfVector;
use sqlx::PgConnection;

use super::outcome::VectorScan;
use super::path_filter::AllowedFiles;
use crate::CodebaseError;
use crate::half_vector::stored_form;
use crate::vector_index::{VectorSearchPlan, vector_search_plan};

/// Enough that fusion sees what words alone would miss; more only adds noise.
const CANDIDATES: i64 = 200;
/// A filter that leaves at most so many chunks is scanned exactly, in some 50 ms: an index finds too little of it.
const EXACT_FILTERED_CHUNKS: u64 = 50_000;
/// A wider filter is applied to this many candidates of the index at most.
const MOST_CANDIDATES: i64 = 4_000;

/// The vector side of a search.
#[derive(Debug, Default)]
pub(crate) struct Nearest {
    /// Chunk numbers, nearest first; a wide filter is not applied yet.
    pub numbers: Vec<i64>,
    /// Cosine similarity of the last: what is further away is noise.
    pub cosine_floor: f32,
    pub scan: VectorScan,
}

/// Finds the nearest chunks. `chunks` are all of the project's, or those of the searched repositories.
pub(crate) async fn nearest(
    connection: &mut PgConnection,
    query_vector: &[f32],
    allowed: Option<&AllowedFiles>,
    chunks: u64,
) -> Result<Nearest, CodebaseError> {
    let query_vector = stored_form(query_vector);
    if let Some(allowed) = allowed.filter(|allowed| allowed.chunk_count <= EXACT_FILTERED_CHUNKS) {
        return exact_in_files(connection, query_vector, allowed).await;
    }
    let plan = vector_search_plan(&mut *connection, i64::try_from(chunks).unwrap_or(i64::MAX)).await?;
    let VectorSearchPlan::Index { probes } = plan else {
        return exact(connection, query_vector, allowed).await;
    };
    // A wide filter is applied by the caller; until then more candidates make up for those that it drops.
    let wanted = allowed.map_or(CANDIDATES, |allowed| {
        let factor = chunks.div_ceil(allowed.chunk_count.max(1));
        (CANDIDATES * i64::try_from(factor).unwrap_or(i64::MAX / CANDIDATES)).min(MOST_CANDIDATES)
    });
    through_index(connection, query_vector, probes, wanted).await
}

async fn exact(
    connection: &mut PgConnection,
    query_vector: HalfVector,
    allowed: Option<&AllowedFiles>,
) -> Result<Nearest, CodebaseError> {
    if let Some(allowed) = allowed {
        return exact_in_files(connection, query_vector, allowed).await;
    }
    // Adding 0 keeps the planner from an index that finds less.
    let rows = sqlx::query!(
        r#"select number, embedding <=> $1 as "distance!"
           from codebase.code_chunks
           where embedding is not null
           order by (embedding <=> $1) + 0
           limit $2"#,
        query_vector as HalfVector,
        CANDIDATES
    )
    .fetch_all(connection)
    .await?;
    Ok(found(
        rows.into_iter().map(|row| (row.number, row.distance)),
        VectorScan::Exact,
    ))
}

async fn exact_in_files(
    connection: &mut PgConnection,
    query_vector: HalfVector,
    allowed: &AllowedFiles,
) -> Result<Nearest, CodebaseError> {
    let file_ids: Vec<i64> = allowed.ids.iter().copied().collect();
    let rows = sqlx::query!(
        r#"select chunk.number, chunk.embedding <=> $1 as "distance!"
           from codebase.files as file
           join codebase.code_chunks as chunk
               on chunk.repository_id = file.repository_id and chunk.file_path = file.path
           where file.id = any($3) and chunk.embedding is not null
           order by (chunk.embedding <=> $1) + 0
           limit $2"#,
        query_vector as HalfVector,
        CANDIDATES,
        &file_ids
    )
    .fetch_all(connection)
    .await?;
    Ok(found(
        rows.into_iter().map(|row| (row.number, row.distance)),
        VectorScan::Exact,
    ))
}

async fn through_index(
    connection: &mut PgConnection,
    query_vector: HalfVector,
    probes: i32,
    wanted: i64,
) -> Result<Nearest, CodebaseError> {
    // The literal loads pgvector's library while this is parsed; a probes setting made before that would be reset.
    sqlx::query!(
        r#"select set_config('ivfflat.probes', $1, true) as probes, '[0]'::halfvec is not null as loaded"#,
        probes.to_string()
    )
    .fetch_one(&mut *connection)
    .await?;
    let rows = sqlx::query!(
        r#"select number, embedding <=> $1 as "distance!"
           from codebase.code_chunks
           order by embedding <=> $1
           limit $2"#,
        query_vector as HalfVector,
        wanted
    )
    .fetch_all(connection)
    .await?;
    let scan = VectorScan::Index { probes };
    Ok(found(rows.into_iter().map(|row| (row.number, row.distance)), scan))
}

#[allow(clippy::cast_possible_truncation)] // a cosine: seven digits are plenty
fn found(rows: impl Iterator<Item = (i64, f64)>, scan: VectorScan) -> Nearest {
    let mut nearest = Nearest {
        scan,
        ..Nearest::default()
    };
    for (number, distance) in rows {
        nearest.numbers.push(number);
        nearest.cosine_floor = (1.0 - distance) as f32;
    }
    nearest
}
