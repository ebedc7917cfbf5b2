//! What a repository's row says it holds, beside what it holds.

use sqlx::PgPool;
use uuid::Uuid;

use super::{Difference, DifferenceKind};
use crate::CodebaseError;

/// Counts of one repository, taken in one state of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Files, as the repository's row says.
    pub total_files: i64,
    /// Chunks, as the repository's row says.
    pub total_chunks: i64,
    /// Rows of files.
    pub files: i64,
    /// Rows of chunks.
    pub chunks: i64,
}

/// Counts what a repository holds.
///
/// # Errors
/// [`CodebaseError::NotFound`] when it was removed.
pub async fn counters(pool: &PgPool, repository_id: Uuid) -> Result<Counters, CodebaseError> {
    let counters = sqlx::query_as!(
        Counters,
        r#"select
               total_files::bigint as "total_files!",
               total_chunks::bigint as "total_chunks!",
               (select count(*) from codebase.files where repository_id = $1) as "files!",
               (select count(*) from codebase.code_chunks where repository_id = $1) as "chunks!"
           from codebase.repositories
           where id = $1"#,
        repository_id
    )
    .fetch_optional(pool)
    .await?;
    counters.ok_or_else(|| CodebaseError::no_repository(repository_id))
}

impl Counters {
    /// What they say that is not so. Only counters of a repository in which nothing waits have to be right.
    pub fn differences(&self) -> Vec<Difference> {
        let pairs = [
            ("files", self.total_files, self.files),
            ("chunks", self.total_chunks, self.chunks),
        ];
        let wrong = pairs.into_iter().filter(|(_, said, held)| said != held);
        wrong
            .map(|(what, said, held)| {
                let detail = format!("the repository says it has {said} {what}, it has {held}");
                Difference::new("", DifferenceKind::Counter, detail)
            })
            .collect()
    }
}
