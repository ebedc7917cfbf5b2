//! What may be worked on now: its own state says so, nothing that is open blocks it or what it is a part of, and nobody
//! holds it. And for an entity that is not ready, every reason why.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

use crate::entity::present;
use crate::error::{WorkflowError, doing};
use crate::query::{EntityPage, EntityQuery, query_entities};
use crate::schema_in_force::schema_at;

/// The condition on `entity`. What somebody began and then let go by dying is ready again.
pub(crate) const IS_READY: &str = "
    and entity.work_state <> 'done'
    and (
        entity.work_state = 'ready'
        or exists (
            select from workflow.entity_claims as claim
            where claim.entity_id = entity.id and claim.expires_at <= clock_timestamp()
        )
    )
    and not exists (
        select from workflow.entity_claims as claim
        where claim.entity_id = entity.id and claim.expires_at > clock_timestamp()
    )
    and not exists (select from workflow.open_blockers(entity.id))";

/// A page of what may be worked on, by default the oldest first.
///
/// # Errors
///
/// As [`query_entities`].
pub async fn ready_work(pool: &PgPool, query: &EntityQuery) -> Result<EntityPage, WorkflowError> {
    query_entities(pool, &ready_only(query)).await
}

/// The same query, over what is ready; without an order of its own, first come, first served.
pub(crate) fn ready_only(query: &EntityQuery) -> EntityQuery {
    let mut query = EntityQuery {
        ready_only: true,
        include_deleted: false,
        ..query.clone()
    };
    if query.sort.is_empty() {
        query.sort.push("$created_at".to_owned());
    }
    query
}

/// Whether an entity may be worked on, and else why not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Readiness {
    /// The entity.
    pub id: Uuid,
    /// Whether it may be worked on now.
    pub ready: bool,
    /// Every reason why not, each a sentence.
    pub reasons: Vec<String>,
    /// What blocks it.
    pub blockers: Vec<Blocker>,
    /// Who holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_by: Option<String>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_until: Option<DateTime<Utc>>,
}

/// An open entity that has to be done first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Blocker {
    /// Which.
    pub id: Uuid,
    /// Its title or name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it blocks: the entity itself or one that it is a part of.
    pub blocks: Uuid,
}

/// Says whether an entity is ready, and else every reason why not.
///
/// # Errors
///
/// [`WorkflowError::UnknownEntity`].
pub async fn explain_readiness(pool: &PgPool, id: Uuid) -> Result<Readiness, WorkflowError> {
    let mut connection = pool.acquire().await.map_err(doing("connect"))?;
    let entity = present(&mut connection, id).await?;
    let schema = schema_at(&mut connection, &entity.schema, Some(entity.schema_version)).await?;
    let states = schema.compiled.work_states();
    let claim = sqlx::query!(
        r#"select holder, expires_at, expires_at > clock_timestamp() as "is_live!"
           from workflow.entity_claims
           where entity_id = $1"#,
        id
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(doing("read a claim"))?;
    let blockers = sqlx::query_as!(
        Blocker,
        r#"select blocked.blocker as "id!", blocked.via as "blocks!",
               coalesce(blocker.data ->> 'title', blocker.data ->> 'name') as title
           from workflow.open_blockers($1) as blocked
           join workflow.entities as blocker on blocker.id = blocked.blocker
           order by blocker.created_at, blocker.id
           limit 50"#,
        id
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(doing("read what blocks"))?;
    let mut reasons = Vec::new();
    if entity.deleted_at.is_some() {
        reasons.push("it is deleted".to_owned());
    }
    let is_let_go = claim.as_ref().is_some_and(|claim| !claim.is_live);
    let status = states.path.join(".");
    match states.of_document(&entity.data).name() {
        "done" => reasons.push(format!("its {status} says that it is done")),
        "busy" if !is_let_go => reasons.push(format!("its {status} is none of {}", states.ready.join(", "))),
        _ => {}
    }
    let live = claim.filter(|claim| claim.is_live);
    if let Some(claim) = &live {
        reasons.push(format!(
            "{} works on it until {}",
            claim.holder,
            claim.expires_at.to_rfc3339()
        ));
    }
    for blocker in &blockers {
        let title = blocker
            .title
            .as_deref()
            .map(|title| format!(" ({title})"))
            .unwrap_or_default();
        reasons.push(if blocker.blocks == id {
            format!("{}{title} blocks it", blocker.id)
        } else {
            format!("it is a part of {}, which {}{title} blocks", blocker.blocks, blocker.id)
        });
    }
    Ok(Readiness {
        id,
        ready: reasons.is_empty(),
        reasons,
        blockers,
        claimed_until: live.as_ref().map(|claim| claim.expires_at),
        claimed_by: live.map(|claim| claim.holder),
    })
}
