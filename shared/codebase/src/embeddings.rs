//! The content-addressed cache of vectors: equal text is embedded once per project and model, whichever file, branch or
//! worker it comes from. Hands known vectors to lanes before they ask the endpoint.
//! Never decides what text stands for a chunk: the caller hashes that.

use std::collections::HashMap;

use pgvector::HalfVector;
use sqlx::PgPool;

use crate::CodebaseError;
use crate::half_vector::{single_precision, stored_form, unstorable};

/// A statement's size: 500 vectors of 1 024 dimensions are 1 MB, and its row locks last milliseconds.
const BATCH_ROWS: usize = 500;

/// The vectors that are known already, by the hash of the embedded text: in half precision and of about unit length, as the
/// chunks have them.
///
/// # Errors
/// [`CodebaseError::Database`] only.
pub async fn known_embeddings(
    pool: &PgPool,
    model: &str,
    hashes: &[[u8; 32]],
) -> Result<HashMap<[u8; 32], Vec<f32>>, CodebaseError> {
    let mut known = HashMap::with_capacity(hashes.len());
    for batch in hashes.chunks(BATCH_ROWS) {
        let batch: Vec<&[u8]> = batch.iter().map(|hash| &hash[..]).collect();
        let rows = sqlx::query!(
            r#"select content_hash, embedding as "embedding: HalfVector"
               from codebase.embeddings
               where model = $1 and content_hash = any($2)"#,
            model,
            &batch as _
        )
        .fetch_all(pool)
        .await?;
        for row in rows {
            if let Ok(hash) = row.content_hash.try_into() {
                known.insert(hash, single_precision(&row.embedding));
            }
        }
    }
    Ok(known)
}

/// Remembers vectors, except those without a direction. Those that are known already stay as they are. Several workers may
/// store the same hashes at once: each goes through them in the same order, so they wait for each other and never in a circle.
///
/// # Errors
/// [`CodebaseError::Database`]; batches before the failed one are stored, and storing all again is harmless.
pub async fn store_embeddings(
    pool: &PgPool,
    model: &str,
    embeddings: &[([u8; 32], &[f32])],
) -> Result<u64, CodebaseError> {
    let mut sorted = embeddings.to_vec();
    sorted.retain(|(_, vector)| unstorable(vector).is_none());
    sorted.sort_unstable_by_key(|(hash, _)| *hash);
    sorted.dedup_by_key(|(hash, _)| *hash);
    let mut stored = 0;
    for batch in sorted.chunks(BATCH_ROWS) {
        let hashes: Vec<&[u8]> = batch.iter().map(|(hash, _)| &hash[..]).collect();
        let vectors: Vec<HalfVector> = batch.iter().map(|(_, vector)| stored_form(vector)).collect();
        let done = sqlx::query!(
            "insert into codebase.embeddings (content_hash, model, embedding)
             select content_hash, $2, embedding
             from unnest($1::bytea[], $3::halfvec[]) as given (content_hash, embedding)
             on conflict (content_hash, model) do nothing",
            &hashes as _,
            model,
            &vectors as _
        )
        .execute(pool)
        .await?;
        stored += done.rows_affected();
    }
    Ok(stored)
}

/// Forgets up to `limit` vectors that are older than `min_age_days` and belong to no chunk any more, or to a model that the
/// project has no more; returns how many.
/// The age keeps the vectors of branches that are switched back and forth, and those just stored for a publication to come.
///
/// # Errors
/// [`CodebaseError::Database`] only; pruning again later is enough.
pub async fn prune_embeddings(pool: &PgPool, min_age_days: u16, limit: u32) -> Result<u64, CodebaseError> {
    let pruned = sqlx::query!(
        "with unused as materialized (
             select content_hash, model
             from codebase.embeddings
             where created_at < now() - make_interval(days => $1)
             and (
                 exists (
                     select
                     from codebase.embedding_model as held
                     where held.model <> embeddings.model and held.next_model is distinct from embeddings.model
                 )
                 or not exists (
                     select
                     from codebase.code_chunks
                     where code_chunks.embedding_hash = embeddings.content_hash
                 )
             )
             limit $2
         ),
         locked as materialized (
             select embeddings.content_hash, embeddings.model
             from codebase.embeddings
             join unused using (content_hash, model)
             order by content_hash, model
             for update of embeddings skip locked
         )
         delete from codebase.embeddings
         using locked
         where embeddings.content_hash = locked.content_hash and embeddings.model = locked.model",
        i32::from(min_age_days),
        i64::from(limit)
    )
    .execute(pool)
    .await?;
    Ok(pruned.rows_affected())
}
