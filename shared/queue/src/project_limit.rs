//! How much of a project may run at a time, by all workers together. Enforced by the claim, see queries/claim.sql: it
//! counts under a lock of the project's row. A limited project so gives one claim at a time its lanes; others pass it by
//! without waiting. Projects without a limit lock nothing and are not counted.

use std::num::NonZeroU16;

use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

use crate::error::{QueueError, Result};

/// What applies to one project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectLimit {
    /// What the workers' own setting says: [`crate::ClaimFilter::leases_per_project`].
    #[default]
    Default,
    /// As many lanes as there are, whatever the setting says.
    Unlimited,
    /// At most so many lanes.
    Leases(NonZeroU16),
}

/// Limits how many lanes of a project are leased at a time. Takes effect with the next claim; runs under way go on.
///
/// # Errors
/// [`QueueError::UnknownProject`] where there is none.
pub async fn limit_project(pool: &PgPool, project_id: Uuid, limit: ProjectLimit) -> Result<()> {
    let max_leases = match limit {
        ProjectLimit::Default => {
            sqlx::query!("delete from project_limits where project_id = $1", project_id)
                .execute(pool)
                .await?;
            return Ok(());
        }
        ProjectLimit::Unlimited => None,
        ProjectLimit::Leases(leases) => Some(i32::from(leases.get())),
    };
    let known = sqlx::query!(
        "insert into project_limits (project_id, max_leases)
         select id, $2
         from projects
         where id = $1
         on conflict (project_id) do update set
             max_leases = excluded.max_leases",
        project_id,
        max_leases,
    )
    .execute(pool)
    .await?
    .rows_affected();
    if known == 0 {
        return Err(QueueError::UnknownProject(project_id));
    }
    Ok(())
}

/// What limits a project.
///
/// # Errors
/// [`QueueError::Database`] only. A project that nobody limited has [`ProjectLimit::Default`].
pub async fn project_limit(pool: &PgPool, project_id: Uuid) -> Result<ProjectLimit> {
    let max_leases = sqlx::query_scalar!(
        "select max_leases from project_limits where project_id = $1",
        project_id
    )
    .fetch_optional(pool)
    .await?;
    Ok(match max_leases {
        None => ProjectLimit::Default,
        Some(leases) => leases
            .and_then(|leases| NonZeroU16::new(u16::try_from(leases).unwrap_or(u16::MAX)))
            .map_or(ProjectLimit::Unlimited, ProjectLimit::Leases),
    })
}
