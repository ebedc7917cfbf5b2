//! How entities hang together: table `workflow.entity_links`. What blocks, and what is part of what, together say what
//! waits for what; that never goes in a circle. Callers come through link_change.rs. Never decides what is ready: see ready.rs.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::entity::present;
use crate::error::{WorkflowError, doing};

/// What one entity is to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// The other waits until this one is done.
    Blocks,
    /// The other is a part of this one, and waits for whatever this one waits for.
    ParentOf,
    /// They have to do with each other.
    RelatesTo,
    /// This one says the same as the other.
    Duplicates,
    /// This one takes the other's place.
    Supersedes,
}

impl LinkKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Blocks,
        Self::ParentOf,
        Self::RelatesTo,
        Self::Duplicates,
        Self::Supersedes,
    ];

    /// Its name in the database and in tools.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::ParentOf => "parent_of",
            Self::RelatesTo => "relates_to",
            Self::Duplicates => "duplicates",
            Self::Supersedes => "supersedes",
        }
    }

    pub(crate) fn makes_wait(self) -> bool {
        matches!(self, Self::Blocks | Self::ParentOf)
    }
}

impl fmt::Display for LinkKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for LinkKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name);
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| format!("a link's kind is one of {}", names.join(", ")))
    }
}

/// Who made a link, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'o> {
    pub(crate) author: &'o str,
    /// None: now.
    pub(crate) at: Option<DateTime<Utc>>,
}

impl<'o> Origin<'o> {
    pub(crate) fn now(author: &'o str) -> Self {
        Self { author, at: None }
    }
}

/// One link of an entity, seen from it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Link {
    /// Where it starts.
    pub from_id: Uuid,
    /// What the start is to the end.
    pub kind: String,
    /// Where it ends.
    pub to_id: Uuid,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Who made it.
    pub created_by: String,
}

/// Whoever makes or takes back links that make wait, with others or after locking entities, comes one after the other: two
/// links made at the same time could close a circle that neither sees, and two batches could wait for each other.
pub(crate) async fn lock_waiting(connection: &mut PgConnection) -> Result<(), WorkflowError> {
    sqlx::query!("select pg_advisory_xact_lock(hashtext('quarry.workflow.links'))")
        .execute(connection)
        .await
        .map_err(doing("wait for another link"))?;
    Ok(())
}

/// Makes a link inside a transaction; one that is there already stays as it is. Answers when it was made if it is new.
pub(crate) async fn make(
    connection: &mut PgConnection,
    from: Uuid,
    kind: LinkKind,
    to: Uuid,
    origin: Origin<'_>,
) -> Result<Option<DateTime<Utc>>, WorkflowError> {
    if from == to {
        return Err(WorkflowError::Circle { circle: vec![to] });
    }
    if kind.makes_wait() {
        lock_waiting(connection).await?;
    }
    for id in [from, to] {
        present(&mut *connection, id).await?;
    }
    if kind.makes_wait()
        && let Some(circle) = way(&mut *connection, to, from).await?
    {
        return Err(WorkflowError::Circle { circle });
    }
    sqlx::query_scalar!(
        "insert into workflow.entity_links (from_id, kind, to_id, created_by, created_at)
         values ($1, $2, $3, $4, coalesce($5, clock_timestamp()))
         on conflict do nothing
         returning created_at",
        from,
        kind.name(),
        to,
        origin.author,
        origin.at
    )
    .fetch_optional(connection)
    .await
    .map_err(doing("store a link"))
}

/// Takes a link away; answers whose it was and since when, if it was there. With a time, only the link of that time.
pub(crate) async fn remove(
    connection: &mut PgConnection,
    from: Uuid,
    kind: LinkKind,
    to: Uuid,
    made_at: Option<DateTime<Utc>>,
) -> Result<Option<(DateTime<Utc>, String)>, WorkflowError> {
    let gone = sqlx::query!(
        "delete from workflow.entity_links
         where from_id = $1 and kind = $2 and to_id = $3 and ($4::timestamptz is null or created_at = $4)
         returning created_at, created_by",
        from,
        kind.name(),
        to,
        made_at
    )
    .fetch_optional(connection)
    .await
    .map_err(doing("remove a link"))?;
    Ok(gone.map(|gone| (gone.created_at, gone.created_by)))
}

/// The links of an entity, those that start at it first; at most 500.
///
/// # Errors
///
/// [`WorkflowError::Database`] only.
pub async fn links_of(pool: &PgPool, id: Uuid) -> Result<Vec<Link>, WorkflowError> {
    sqlx::query_as!(
        Link,
        "select from_id, kind, to_id, created_at, created_by
         from workflow.entity_links
         where from_id = $1 or to_id = $1
         order by from_id <> $1, kind, created_at, to_id
         limit 500",
        id
    )
    .fetch_all(pool)
    .await
    .map_err(doing("read the links"))
}

/// The entities on a way along what makes wait, both ends included, if there is one.
async fn way(connection: &mut PgConnection, start: Uuid, end: Uuid) -> Result<Option<Vec<Uuid>>, WorkflowError> {
    // Each entity is reached once: the graph may have more ways than entities.
    let steps = sqlx::query!(
        r#"with recursive reached (id, via) as (
               select $1::uuid, null::uuid
               union
               select link.to_id, link.from_id
               from reached
               join workflow.entity_links as link on link.from_id = reached.id
               where link.kind in ('blocks', 'parent_of')
           )
           select id as "id!", via
           from reached"#,
        start
    )
    .fetch_all(connection)
    .await
    .map_err(doing("look for a circle"))?;
    if !steps.iter().any(|step| step.id == end) {
        return Ok(None);
    }
    let mut circle = vec![end];
    let mut here = end;
    while here != start {
        let before = steps
            .iter()
            .filter(|step| step.id == here)
            .find_map(|step| step.via.filter(|via| !circle.contains(via)));
        let Some(before) = before else { break };
        circle.push(before);
        here = before;
    }
    circle.reverse();
    Ok(Some(circle))
}
