//! Which model the stored vectors are of, and which one is to take its place. Whoever searches or publishes asks within its
//! own transaction, so that vectors of two models never meet.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{PgConnection, PgExecutor, PgPool};

use crate::CodebaseError;

/// The models of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EmbeddingModels {
    /// Of the vectors that answer; none while nothing is embedded.
    pub stored: Option<String>,
    /// Of the vectors that are being made beside them.
    pub next: Option<NextModel>,
}

/// The model that a project is about to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NextModel {
    /// Its name.
    pub model: String,
    /// Components of its vectors.
    pub dimensions: u32,
    /// When somebody asked for it.
    pub since: DateTime<Utc>,
}

/// The models of a project.
///
/// # Errors
/// [`CodebaseError::Database`] only.
pub async fn embedding_models(executor: impl PgExecutor<'_>) -> Result<EmbeddingModels, CodebaseError> {
    let row = sqlx::query!("select model, next_model, next_dimensions, next_since from codebase.embedding_model")
        .fetch_one(executor)
        .await?;
    let next = match (row.next_model, row.next_dimensions, row.next_since) {
        (Some(model), Some(dimensions), Some(since)) => Some(NextModel {
            model,
            dimensions: dimensions.unsigned_abs(),
            since,
        }),
        _ => None,
    };
    Ok(EmbeddingModels {
        stored: row.model,
        next,
    })
}

/// Notes whose vectors a project that had none is about to get. One that has some keeps its model.
///
/// # Errors
/// [`CodebaseError::Database`] only.
pub async fn note_stored_model(pool: &PgPool, model: &str) -> Result<(), CodebaseError> {
    sqlx::query!(
        "update codebase.embedding_model set model = $1 where model is null",
        model
    )
    .execute(pool)
    .await?;
    Ok(())
}

pub(crate) async fn stored_model(executor: impl PgExecutor<'_>) -> Result<Option<String>, CodebaseError> {
    let model = sqlx::query_scalar!("select model from codebase.embedding_model")
        .fetch_one(executor)
        .await?;
    Ok(model)
}

/// Keeps the model of the stored vectors from being changed until the transaction ends, if it is still `model`.
pub(crate) async fn hold_stored_model(connection: &mut PgConnection, model: &str) -> Result<(), CodebaseError> {
    let stored = sqlx::query_scalar!("select model from codebase.embedding_model for share")
        .fetch_one(connection)
        .await?;
    match stored {
        Some(stored) if stored != model => Err(CodebaseError::ModelChanged {
            held: model.to_owned(),
            stored,
        }),
        _ => Ok(()),
    }
}
