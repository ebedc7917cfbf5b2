//! Begins a change of the model, or gives it up. Both leave what answers untouched; vectors that were made for another change
//! before are thrown away, and found again in the cache.

use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use super::embedding_models::{EmbeddingModels, embedding_models};
use crate::CodebaseError;

/// Asks for vectors of `model` beside those that answer. Asking for the same again changes nothing; asking for another one
/// begins anew. Somebody has to be told to make them: see `quarry_queue::enqueue_model_change`.
///
/// # Errors
/// [`CodebaseError::Database`] only; nothing was changed then.
pub async fn begin_model_change(pool: &PgPool, model: &str, dimensions: u32) -> Result<(), CodebaseError> {
    let mut transaction = pool.begin().await?;
    let EmbeddingModels { next, .. } = lock_models(&mut transaction).await?;
    if next.is_some_and(|next| next.model == model && next.dimensions == dimensions) {
        return Ok(());
    }
    make_empty_column(&mut transaction, Some(dimensions)).await?;
    sqlx::query!(
        "update codebase.embedding_model
         set next_model = $1, next_dimensions = $2, next_since = clock_timestamp()",
        model,
        dimensions.cast_signed()
    )
    .execute(&mut *transaction)
    .await?;
    Ok(transaction.commit().await?)
}

/// Gives up the change under way, and says whether there was one.
///
/// # Errors
/// [`CodebaseError::Database`] only; it still goes on then.
pub async fn cancel_model_change(pool: &PgPool) -> Result<bool, CodebaseError> {
    let mut transaction = pool.begin().await?;
    if lock_models(&mut transaction).await?.next.is_none() {
        return Ok(false);
    }
    make_empty_column(&mut transaction, None).await?;
    forget_next(&mut transaction).await?;
    transaction.commit().await?;
    Ok(true)
}

/// The row first, the table then: as the publishers do.
pub(super) async fn lock_models(connection: &mut PgConnection) -> Result<EmbeddingModels, CodebaseError> {
    // Whoever holds the table longer is stuck: searches take milliseconds, publications a second.
    sqlx::query!("select set_config('lock_timeout', '10s', true)")
        .fetch_one(&mut *connection)
        .await?;
    sqlx::query!("select only_row from codebase.embedding_model for update")
        .fetch_one(&mut *connection)
        .await?;
    embedding_models(connection).await
}

pub(super) async fn forget_next(connection: &mut PgConnection) -> Result<(), CodebaseError> {
    sqlx::query!(
        "update codebase.embedding_model
         set next_model = null, next_dimensions = null, next_since = null"
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A column that is dropped and added costs a moment; one that is emptied costs a write of every row.
async fn make_empty_column(connection: &mut PgConnection, dimensions: Option<u32>) -> Result<(), CodebaseError> {
    let vector = dimensions.map_or("halfvec".to_owned(), |dimensions| format!("halfvec({dimensions})"));
    sqlx::raw_sql(AssertSqlSafe(format!(
        "alter table codebase.code_chunks
             drop column next_embedding,
             drop column next_embedding_error,
             add column next_embedding {vector},
             add column next_embedding_error text;
         alter table codebase.code_chunks alter column next_embedding set storage main"
    )))
    .execute(connection)
    .await?;
    Ok(())
}
