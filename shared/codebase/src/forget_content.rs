//! Makes every stored file of a repository look stale, so that the next comparison marks all of them. What is stored keeps
//! answering searches until each file is replaced. Locks files in the order of their paths, as every publisher does.

use sqlx::PgPool;
use uuid::Uuid;

use crate::CodebaseError;
use crate::fences::{Fence, hold_fence};

/// No chunker has this version.
const NO_VERSION: i16 = 0;

/// Forgets which rules cut or refused the files of a repository: all of them will be read.
///
/// # Errors
/// [`CodebaseError::FenceLost`]: stop the work.
pub async fn forget_content(pool: &PgPool, fence: &Fence, repository_id: Uuid) -> Result<(), CodebaseError> {
    let mut transaction = pool.begin().await?;
    hold_fence(&mut transaction, fence).await?;
    sqlx::query!(
        "with locked as (
             select id
             from codebase.files
             where repository_id = $1
             order by path
             for no key update
         )
         update codebase.files
         set chunker_version = $2
         from locked
         where files.id = locked.id",
        repository_id,
        NO_VERSION
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "delete from codebase.refused_files where repository_id = $1",
        repository_id
    )
    .execute(&mut *transaction)
    .await?;
    Ok(transaction.commit().await?)
}
