//! Who works on what, for a bounded time: table `workflow.entity_claims`. A claim has a lease that ends by itself when its
//! holder dies, and a fence: a write under a claim that somebody else has taken over is refused.
//! Never changes a document: what the holder makes of it is a write like any other.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool, QueryBuilder};
use uuid::Uuid;

use crate::entity::{Entity, present};
use crate::error::{WorkflowError, doing};
use crate::query::{EntityQuery, Prepared, push_candidates};
use crate::ready::ready_only;

/// Shortest and longest lease, in seconds: long enough to renew in time, short enough to take over within a day.
pub const LEASE_SECS: std::ops::RangeInclusive<u32> = 1..=86_400;

/// Candidates lost to others before a caller is told that nothing is free: each time one more claim was made.
const MAX_TRIES: u32 = 200;

/// Work that is the caller's until the lease ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The entity, as it is now.
    pub entity: Entity,
    /// To be given with every write and with the release.
    pub fence: i64,
    /// When it ends unless it is renewed.
    pub expires_at: DateTime<Utc>,
}

/// Claims the first entity that is ready and selected by the query; none when there is none.
///
/// # Errors
///
/// [`WorkflowError::InvalidQuery`] and [`WorkflowError::InvalidArgument`] for what is asked.
pub async fn claim_next(
    pool: &PgPool,
    query: &EntityQuery,
    holder: &str,
    lease_secs: u32,
) -> Result<Option<Claim>, WorkflowError> {
    check_lease(lease_secs)?;
    let query = ready_only(query);
    for _ in 0..MAX_TRIES {
        let mut transaction = pool.begin().await.map_err(doing("begin a claim"))?;
        let prepared = Prepared::of(&mut transaction, &query).await?;
        let mut statement = QueryBuilder::new("");
        push_candidates(&prepared, &mut statement, &query);
        // Others who look for work now look further.
        statement.push(" limit 1 for no key update of entity skip locked");
        let candidate: Option<Uuid> = statement
            .build_query_scalar()
            .persistent(false)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(doing("look for work"))?;
        let Some(id) = candidate else { return Ok(None) };
        // The row may have been locked and let go after this statement's snapshot: the claims' table decides.
        let claim = sqlx::query!(
            "insert into workflow.entity_claims as held (entity_id, holder, fence, expires_at)
             values ($1, $2, nextval('workflow.claim_fences'), clock_timestamp() + make_interval(secs => $3))
             on conflict (entity_id) do update
             set holder = excluded.holder,
                 fence = excluded.fence,
                 claimed_at = clock_timestamp(),
                 expires_at = excluded.expires_at
             where held.expires_at <= clock_timestamp()
             returning fence, expires_at",
            id,
            holder,
            f64::from(lease_secs)
        )
        .fetch_optional(&mut *transaction)
        .await
        .map_err(doing("claim an entity"))?;
        let Some(claim) = claim else { continue };
        // Its holder may have finished it since the snapshot.
        let entity = present(&mut transaction, id).await?;
        if !is_open(&mut transaction, id).await? {
            continue;
        }
        transaction.commit().await.map_err(doing("claim an entity"))?;
        return Ok(Some(Claim {
            entity,
            fence: claim.fence,
            expires_at: claim.expires_at,
        }));
    }
    Ok(None)
}

async fn is_open(connection: &mut PgConnection, id: Uuid) -> Result<bool, WorkflowError> {
    sqlx::query_scalar!(
        r#"select (deleted_at is null and work_state <> 'done'
               and not exists (select from workflow.open_blockers(id))) as "is_open!"
           from workflow.entities
           where id = $1"#,
        id
    )
    .fetch_one(connection)
    .await
    .map_err(doing("look at a candidate again"))
}

/// Prolongs a claim from now on.
///
/// # Errors
///
/// [`WorkflowError::ClaimLost`] when somebody else took it over.
pub async fn renew_claim(pool: &PgPool, id: Uuid, fence: i64, lease_secs: u32) -> Result<DateTime<Utc>, WorkflowError> {
    check_lease(lease_secs)?;
    let renewed = sqlx::query_scalar!(
        "update workflow.entity_claims
         set expires_at = clock_timestamp() + make_interval(secs => $3)
         where entity_id = $1 and fence = $2
         returning expires_at",
        id,
        fence,
        f64::from(lease_secs)
    )
    .fetch_optional(pool)
    .await
    .map_err(doing("renew a claim"))?;
    match renewed {
        Some(expires_at) => Ok(expires_at),
        None => Err(lost(pool, id, fence).await),
    }
}

/// Gives an entity back. It is ready again when its document says so.
///
/// # Errors
///
/// [`WorkflowError::ClaimLost`] when somebody else took it over, or it was given back already.
pub async fn release_claim(pool: &PgPool, id: Uuid, fence: i64) -> Result<(), WorkflowError> {
    let released = sqlx::query!(
        "delete from workflow.entity_claims where entity_id = $1 and fence = $2",
        id,
        fence
    )
    .execute(pool)
    .await
    .map_err(doing("release a claim"))?;
    if released.rows_affected() == 1 {
        return Ok(());
    }
    Err(lost(pool, id, fence).await)
}

/// Keeps a claim from being taken over until the transaction ends, if it still holds.
pub(crate) async fn hold_claim(connection: &mut PgConnection, id: Uuid, fence: i64) -> Result<(), WorkflowError> {
    let standing = sqlx::query!(
        "select fence, holder from workflow.entity_claims where entity_id = $1 for share",
        id
    )
    .fetch_optional(connection)
    .await
    .map_err(doing("look at a claim"))?;
    match standing {
        Some(standing) if standing.fence == fence => Ok(()),
        other => Err(WorkflowError::ClaimLost {
            id,
            fence,
            now: held_by(other.map(|standing| standing.holder)),
        }),
    }
}

async fn lost(pool: &PgPool, id: Uuid, fence: i64) -> WorkflowError {
    let standing = sqlx::query_scalar!("select holder from workflow.entity_claims where entity_id = $1", id)
        .fetch_optional(pool)
        .await;
    match standing {
        Ok(holder) => WorkflowError::ClaimLost {
            id,
            fence,
            now: held_by(holder),
        },
        Err(source) => doing("look at a claim")(source),
    }
}

fn held_by(holder: Option<String>) -> String {
    holder.map_or(String::new(), |holder| format!(": {holder} holds it now"))
}

fn check_lease(lease_secs: u32) -> Result<(), WorkflowError> {
    if LEASE_SECS.contains(&lease_secs) {
        return Ok(());
    }
    Err(WorkflowError::InvalidArgument(format!(
        "a lease lasts {} to {} seconds",
        LEASE_SECS.start(),
        LEASE_SECS.end()
    )))
}
