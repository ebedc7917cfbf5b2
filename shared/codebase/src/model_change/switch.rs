//! Makes the next model's vectors the ones that answer: two columns change their names, in one transaction. Searches before it
//! see the old vectors, all of them; searches after it the new ones, all of them.

use sqlx::{AssertSqlSafe, PgPool};

use super::begin::{forget_next, lock_models};
use super::embedding_models::NextModel;
use crate::CodebaseError;
use crate::fences::{Fence, hold_fence};

/// Up to here a vector, at two bytes a dimension, leaves half of an 8 kB page to the text beside it: see
/// shared/registry/src/pin_embedding.rs.
const MAX_PLAIN_DIMENSIONS: u32 = 2048;

/// What became of a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switched {
    /// The next model's vectors answer.
    Done,
    /// Chunks were published meanwhile that have none: make those, then try again.
    Incomplete,
    /// The change was given up, or another one was begun.
    Superseded,
}

/// Switches to the next model if every chunk has its vector. The vector index goes with the old column: build another.
///
/// # Errors
/// [`CodebaseError::FenceLost`]: somebody else does this now. [`CodebaseError::Database`]: nothing was changed, try again.
pub async fn switch_model(pool: &PgPool, fence: &Fence, next: &NextModel) -> Result<Switched, CodebaseError> {
    let mut transaction = pool.begin().await?;
    hold_fence(&mut transaction, fence).await?;
    // From here on no publication is under way that has asked for the model, and none begins.
    let standing = lock_models(&mut transaction).await?;
    if standing.next.as_ref() != Some(next) {
        return Ok(Switched::Superseded);
    }
    // Searches go on while the rows are looked through; whoever writes waits.
    sqlx::raw_sql("lock table codebase.code_chunks in share row exclusive mode")
        .execute(&mut *transaction)
        .await?;
    let is_incomplete = sqlx::query_scalar!(
        r#"select exists (
               select from codebase.code_chunks where next_embedding is null and next_embedding_error is null
           ) as "is_incomplete!""#
    )
    .fetch_one(&mut *transaction)
    .await?;
    if is_incomplete {
        return Ok(Switched::Incomplete);
    }
    let storage = if next.dimensions <= MAX_PLAIN_DIMENSIONS {
        "plain"
    } else {
        "main"
    };
    sqlx::raw_sql(AssertSqlSafe(format!(
        "alter table codebase.code_chunks drop column embedding, drop column embedding_error;
         alter table codebase.code_chunks rename column next_embedding to embedding;
         alter table codebase.code_chunks rename column next_embedding_error to embedding_error;
         alter table codebase.code_chunks
             add column next_embedding halfvec,
             add column next_embedding_error text,
             alter column embedding set storage {storage};
         alter table codebase.code_chunks alter column next_embedding set storage main;
         delete from codebase.vector_indexes"
    )))
    .execute(&mut *transaction)
    .await?;
    sqlx::query!("update codebase.embedding_model set model = $1", next.model)
        .execute(&mut *transaction)
        .await?;
    forget_next(&mut transaction).await?;
    transaction.commit().await?;
    Ok(Switched::Done)
}
