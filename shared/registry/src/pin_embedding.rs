//! Pins a project to one embedding model: gives the vector column its dimension and notes the model in the registry.
//! Hands back the project as pinned, or the mismatch that says what to do.
//! Never converts vectors that are stored: another model's are made beside them, see shared/codebase/src/model_change.

use sqlx::{PgPool, Postgres, Transaction};

use crate::error::{RegistryError, doing};
use crate::identifiers::{VectorStorage, set_embedding_type};
use crate::open::Registry;
use crate::projects::{PinnedEmbedding, Project, lock_row, set_embedding};

/// The most dimensions that pgvector's ivfflat indexes for its type `halfvec`.
pub const MAX_DIMENSIONS: u32 = 4000;

/// Up to here a vector, at two bytes a dimension, leaves half of an 8 kB page to the text beside it.
const MAX_PLAIN_DIMENSIONS: u32 = 2048;

impl Registry {
    /// Pins the project to the model, which the first index run does. Repeating it with the same model changes
    /// nothing; with another model or another number of dimensions it fails. Callers at the same time are safe.
    pub async fn pin_embedding(
        &self,
        project: &Project,
        model: &str,
        dimensions: u32,
    ) -> Result<Project, RegistryError> {
        let offered = check(model, dimensions)?;
        let project = self.project_by_id(project.id).await?;
        if project.embedding.is_some() {
            return agree(project, offered);
        }
        let database = self.database(&project).await?;

        // The row stays locked while the column changes: of several callers one decides and the others compare.
        // A crash between the two commits leaves a typed column of an unpinned project, which the next call retypes.
        let mut registry = self
            .pool()
            .begin()
            .await
            .map_err(doing("begin pinning the embedding model"))?;
        let project = lock_row(&mut registry, project.id).await?;
        if project.embedding.is_some() {
            return agree(project, offered);
        }
        type_column(&database, dimensions).await?;
        let project = set_embedding(&mut registry, project.id, model, dimensions.cast_signed()).await?;
        registry.commit().await.map_err(doing("pin the embedding model"))?;
        tracing::info!(
            project.id = %project.id, model, dimensions,
            "pinned project {} to {offered}", project.name
        );
        Ok(project)
    }
}

impl Registry {
    /// Notes that the project's database holds vectors of another model now. Which model that is, the database says; this is
    /// what people are shown.
    pub async fn follow_embedding(
        &self,
        project: &Project,
        model: &str,
        dimensions: u32,
    ) -> Result<Project, RegistryError> {
        let offered = check(model, dimensions)?;
        if project.embedding.as_ref() == Some(&offered) {
            return Ok(project.clone());
        }
        tracing::info!(
            project.id = %project.id, model, dimensions,
            "project {} has embeddings of {offered} now", project.name
        );
        self.replace_embedding(project.id, model, dimensions.cast_signed())
            .await
    }
}

fn check(model: &str, dimensions: u32) -> Result<PinnedEmbedding, RegistryError> {
    if model.is_empty() || model.contains('\0') {
        return Err(RegistryError::UnnamedModel);
    }
    if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
        return Err(RegistryError::DimensionsOutOfRange { dimensions });
    }
    Ok(PinnedEmbedding {
        model: model.to_owned(),
        dimensions,
    })
}

fn agree(project: Project, offered: PinnedEmbedding) -> Result<Project, RegistryError> {
    match project.embedding {
        Some(pinned) if pinned != offered => Err(RegistryError::EmbeddingMismatch {
            project: project.name.to_string(),
            pinned,
            offered,
        }),
        _ => Ok(project),
    }
}

/// The column is empty, since nothing is stored before a model is pinned: changing its type rewrites nothing.
async fn type_column(database: &PgPool, dimensions: u32) -> Result<(), RegistryError> {
    let storage = if dimensions <= MAX_PLAIN_DIMENSIONS {
        VectorStorage::Plain
    } else {
        VectorStorage::Main
    };
    let mut transaction = database
        .begin()
        .await
        .map_err(doing("begin typing the embedding column"))?;
    bound_lock_wait(&mut transaction).await?;
    sqlx::raw_sql(set_embedding_type(dimensions, storage))
        .execute(&mut *transaction)
        .await
        .map_err(doing("set the type of the embedding column"))?;
    transaction
        .commit()
        .await
        .map_err(doing("set the type of the embedding column"))
}

/// Searches of a project without an index are over in milliseconds; whoever holds the table longer is stuck.
async fn bound_lock_wait(transaction: &mut Transaction<'_, Postgres>) -> Result<(), RegistryError> {
    sqlx::query!("select set_config('lock_timeout', '10s', true)")
        .fetch_one(&mut **transaction)
        .await
        .map_err(doing("bound the wait for the embedding column"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn dimensions_that_cannot_be_indexed_are_refused_with_a_way_out() {
        for dimensions in [0, 4001, u32::MAX] {
            let error = check("model", dimensions).unwrap_err();
            assert!(error.to_string().contains("Matryoshka"), "{error}");
        }
        assert!(check("model", 4000).is_ok());
    }

    #[test]
    fn a_model_without_a_name_is_refused() {
        assert!(matches!(check("", 256), Err(RegistryError::UnnamedModel)));
    }
}
