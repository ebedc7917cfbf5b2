//! Chunks whose file the index does not have: no publication leaves any, and no search should show them.

use sqlx::PgPool;
use uuid::Uuid;

use super::{Difference, DifferenceKind};
use crate::CodebaseError;

/// One difference per path with such chunks, at most `limit`.
///
/// # Errors
/// [`CodebaseError::Database`] only.
pub async fn loose_chunks(pool: &PgPool, repository_id: Uuid, limit: u32) -> Result<Vec<Difference>, CodebaseError> {
    let rows = sqlx::query!(
        r#"select chunk.file_path, count(*) as "chunks!"
           from codebase.code_chunks as chunk
           where chunk.repository_id = $1
           and not exists (
               select
               from codebase.files as file
               where file.repository_id = chunk.repository_id and file.path = chunk.file_path
           )
           group by chunk.file_path
           order by chunk.file_path
           limit $2"#,
        repository_id,
        i64::from(limit)
    )
    .fetch_all(pool)
    .await?;
    let differences = rows.into_iter().map(|row| {
        let detail = format!("{} chunks of a file that is not in the index", row.chunks);
        Difference::new(row.file_path, DifferenceKind::LooseChunks, detail)
    });
    Ok(differences.collect())
}
