//! The fence of a lane: the number of the latest claim, kept where the side effect happens. A claimer raises it before
//! it reads its first file; every publishing transaction asks for it and fails when a newer claim stands there.
//! Both questions are functions of the database: see migrations/project/0005_fence_functions.sql.
//! Never knows jobs or leases: lanes are names here, and their numbers come from the registry's global sequence.

use sqlx::{PgConnection, PgPool};

use crate::CodebaseError;

/// What a claim may publish under: its lane and the number it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The lane's name, `kind/repository/shard`.
    pub lane: String,
    /// The claim's number. A later claim of the same lane has a higher one.
    pub fence: i64,
}

/// Makes `fence` the lane's highest, so that every earlier holder is refused from here on. Raising the same fence
/// twice is fine. Waits two seconds for a publishing transaction of the lane that is just running; one that a stopped
/// worker or a dead network left open is ended then.
///
/// # Errors
/// [`CodebaseError::FenceLost`] when a higher one stands there already: drop the claim without touching anything.
pub async fn raise_fence(pool: &PgPool, lane: &str, fence: i64) -> Result<(), CodebaseError> {
    let standing = sqlx::query_scalar!(r#"select codebase.raise_fence($1, $2) as "standing!""#, lane, fence)
        .fetch_one(pool)
        .await?;
    if standing == fence {
        return Ok(());
    }
    Err(CodebaseError::FenceLost {
        lane: lane.to_owned(),
        held: fence,
        found: standing,
    })
}

/// Holds the lane's fence until the transaction ends, if it is still the caller's. Nobody can raise it meanwhile.
pub(crate) async fn hold_fence(connection: &mut PgConnection, held: &Fence) -> Result<(), CodebaseError> {
    let newer = sqlx::query_scalar!("select codebase.hold_fence($1, $2)", held.lane, held.fence)
        .fetch_one(connection)
        .await?;
    match newer {
        None => Ok(()),
        Some(found) => Err(CodebaseError::FenceLost {
            lane: held.lane.clone(),
            held: held.fence,
            found,
        }),
    }
}

/// Shuts out every other lane of a repository that is being removed: none of their present holders can publish again.
pub(crate) async fn shut_lanes(
    connection: &mut PgConnection,
    remover: &Fence,
    repository_id: uuid::Uuid,
) -> Result<(), CodebaseError> {
    sqlx::query!(
        "update codebase.fences as standing
         set fence = greatest(standing.fence, $2), raised_at = clock_timestamp()
         from (
             select lane
             from codebase.fences
             where split_part(lane, '/', 2) = $1::text
             and lane <> $3
             order by lane
             for update
         ) as locked
         where standing.lane = locked.lane",
        repository_id.to_string(),
        remover.fence,
        remover.lane
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The fences of a repository's lanes, by lane.
///
/// # Errors
/// [`CodebaseError::Database`] only.
pub async fn fences(pool: &PgPool, repository_id: uuid::Uuid) -> Result<Vec<Fence>, CodebaseError> {
    let fences = sqlx::query_as!(
        Fence,
        "select lane, fence
         from codebase.fences
         where split_part(lane, '/', 2) = $1::text
         order by lane",
        repository_id.to_string()
    )
    .fetch_all(pool)
    .await?;
    Ok(fences)
}

/// Deletes the fences of repositories that were removed at least `min_age_hours` ago, and returns how many. A day is
/// the age to use: no worker lives that long without its lease.
///
/// # Errors
/// [`CodebaseError::Database`] only; sweeping again later is enough.
pub async fn sweep_fences(pool: &PgPool, min_age_hours: u16) -> Result<u64, CodebaseError> {
    let swept = sqlx::query!(
        "delete from codebase.fences
         where raised_at < clock_timestamp() - make_interval(hours => $1)
         and split_part(lane, '/', 2) ~ '^[0-9a-f-]{36}$'
         and not exists (
             select
             from codebase.repositories
             where repositories.id::text = split_part(fences.lane, '/', 2)
         )",
        i32::from(min_age_hours)
    )
    .execute(pool)
    .await?;
    Ok(swept.rows_affected())
}
