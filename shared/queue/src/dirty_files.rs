//! The files a claimed lane has to bring into the index, page by page, and their deletion once they are in it.
//! Feeds the run of an index_files lane. Never decides whether the lane is done: settle.rs does.

use sqlx::PgPool;

use crate::claim::Claim;
use crate::error::Result;

/// A path that was marked, and which mark it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirtyFile {
    /// Relative to the repository's root, `/` as separator.
    pub path: String,
    /// Marked anew while it was processed, the file has a higher one, and stays.
    pub revision: i64,
}

/// The next page of the lane's dirty files in the order of their bytes, after the path `after`. Read after the claim
/// has committed, so that it sees every mark the claim's generation covers.
///
/// Read pages until one comes back empty. A mark made behind the cursor meanwhile is missed by this run and belongs
/// to the next: it has moved the lane's generation.
pub async fn dirty_files(pool: &PgPool, claim: &Claim, after: Option<&str>, limit: u32) -> Result<Vec<DirtyFile>> {
    let files = sqlx::query_as!(
        DirtyFile,
        "select path, revision
         from dirty_files
         where repository_id = $1
             and shard = $2
             and path > $3
         order by path
         limit $4",
        claim.lane.repository_id,
        claim.lane.shard,
        after.unwrap_or_default(),
        i64::from(limit),
    )
    .fetch_all(pool)
    .await?;
    Ok(files)
}

/// The same, of files that somebody saved: to be processed before what a sync marked, so that a save in a lane that is
/// being loaded does not wait for all of it. They are among [`dirty_files`] as well.
pub async fn saved_files(pool: &PgPool, claim: &Claim, after: Option<&str>, limit: u32) -> Result<Vec<DirtyFile>> {
    let files = sqlx::query_as!(
        DirtyFile,
        "select path, revision
         from dirty_files
         where repository_id = $1
             and shard = $2
             and path > $3
             and not from_sync
         order by path
         limit $4",
        claim.lane.repository_id,
        claim.lane.shard,
        after.unwrap_or_default(),
        i64::from(limit),
    )
    .fetch_all(pool)
    .await?;
    Ok(files)
}

/// Deletes exactly the revisions that were processed, so that a long run drains as it goes and its successor does not
/// start over. False: the lease is lost and nothing was deleted.
pub async fn drop_dirty(pool: &PgPool, claim: &Claim, processed: &[DirtyFile]) -> Result<bool> {
    let (paths, revisions) = columns(processed);
    let held = sqlx::query_file_scalar!(
        "src/queries/drop_dirty.sql",
        claim.job_id,
        claim.fence,
        &paths as &[&str],
        &revisions,
    )
    .fetch_one(pool)
    .await?;
    Ok(held)
}

pub(crate) fn columns(files: &[DirtyFile]) -> (Vec<&str>, Vec<i64>) {
    files.iter().map(|file| (file.path.as_str(), file.revision)).unzip()
}
