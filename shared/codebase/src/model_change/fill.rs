//! The chunks that lack a vector of the next model, and the vectors that they get. A crash loses a page; chunks that are
//! published meanwhile simply lack one again.

use pgvector::HalfVector;
use sqlx::PgPool;

use super::embedding_models::NextModel;
use crate::CodebaseError;
use crate::fences::{Fence, hold_fence};
use crate::half_vector::{stored_form, unstorable};

/// A chunk without a vector of the next model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnembeddedChunk {
    /// The chunk's number.
    pub number: i64,
    /// The extension of its file: notebooks are embedded without what makes them JSON.
    pub file_type: Option<String>,
    /// What it is about, which is embedded with it.
    pub symbol: Option<String>,
    /// Its imports and enclosing definitions, which are embedded with it.
    pub context_before: Option<String>,
    /// Its text.
    pub content: String,
}

/// What a chunk gets.
#[derive(Debug, Clone, PartialEq)]
pub struct NextVector {
    /// The chunk's number.
    pub number: i64,
    /// Its vector, or why the model gave none.
    pub vector: Result<Vec<f32>, String>,
}

impl NextVector {
    /// The vector as it is stored, or why there is none.
    fn columns(&self) -> (Option<HalfVector>, Option<&str>) {
        match &self.vector {
            Ok(vector) => match unstorable(vector) {
                None => (Some(stored_form(vector)), None),
                reason => (None, reason),
            },
            Err(reason) => (None, Some(reason)),
        }
    }
}

/// How far a change of the model has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ModelChangeProgress {
    /// Chunks that have their vector.
    pub done: u64,
    /// All chunks.
    pub total: u64,
}

/// Chunks without a vector of the next model, behind the number `after`.
///
/// # Errors
/// [`CodebaseError::Database`] only.
pub async fn chunks_to_embed(pool: &PgPool, after: i64, limit: u32) -> Result<Vec<UnembeddedChunk>, CodebaseError> {
    let chunks = sqlx::query_as!(
        UnembeddedChunk,
        "select number, file_type, symbol, context_before, content
         from codebase.code_chunks
         where number > $1 and next_embedding is null and next_embedding_error is null
         order by number
         limit $2",
        after,
        i64::from(limit)
    )
    .fetch_all(pool)
    .await?;
    Ok(chunks)
}

/// Stores vectors of the next model; chunks that are gone meanwhile, or just being published, are passed over. Returns
/// whether the change still goes on.
///
/// # Errors
/// [`CodebaseError::FenceLost`]: somebody else makes them now. [`CodebaseError::Database`].
pub async fn store_next(
    pool: &PgPool,
    fence: &Fence,
    next: &NextModel,
    vectors: &[NextVector],
) -> Result<bool, CodebaseError> {
    let mut transaction = pool.begin().await?;
    hold_fence(&mut transaction, fence).await?;
    let standing = sqlx::query_scalar!("select next_since from codebase.embedding_model for share")
        .fetch_one(&mut *transaction)
        .await?;
    if standing != Some(next.since) {
        return Ok(false);
    }
    let numbers: Vec<i64> = vectors.iter().map(|next| next.number).collect();
    let (embeddings, errors): (Vec<Option<HalfVector>>, Vec<Option<&str>>) =
        vectors.iter().map(NextVector::columns).unzip();
    // Waits for nobody's row while it holds others: publishers lock theirs in another order.
    sqlx::query!(
        "with locked as materialized (
             select number
             from codebase.code_chunks
             where number = any($1)
             order by number
             for no key update skip locked
         )
         update codebase.code_chunks as chunk
         set next_embedding = given.embedding, next_embedding_error = given.error
         from unnest($1::bigint[], $2::halfvec[], $3::text[]) as given (number, embedding, error)
         join locked using (number)
         where chunk.number = given.number",
        &numbers,
        &embeddings as _,
        &errors as _
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(true)
}

/// How far a change of the model has come. Reads every chunk's row.
///
/// # Errors
/// [`CodebaseError::Database`] only.
pub async fn model_change_progress(pool: &PgPool) -> Result<ModelChangeProgress, CodebaseError> {
    let row = sqlx::query!(
        r#"select
               count(*) filter (where next_embedding is not null or next_embedding_error is not null) as "done!",
               count(*) as "total!"
           from codebase.code_chunks"#
    )
    .fetch_one(pool)
    .await?;
    Ok(ModelChangeProgress {
        done: row.done.unsigned_abs(),
        total: row.total.unsigned_abs(),
    })
}
