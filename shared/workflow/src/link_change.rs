//! One link made or taken away, as callers write it: between two entities, or from an entity to code. Alone, or in a batch,
//! which remembers in table `workflow.batch_links` what it did so that undo.rs can take it back.
//! Never decides what a link means: see links.rs and code_links.rs.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::code_links;
use crate::code_reference::CodeReference;
use crate::error::{WorkflowError, doing};
use crate::faults::Faults;
use crate::links::{self, LinkKind, Origin};
use crate::write::Stamp;

/// What a link to code is called beside the kinds of links between entities.
const ABOUT: &str = "about";

/// What a link can say: the kinds between entities, and `about` for code.
pub const LINK_KINDS: [&str; 6] = ["blocks", "parent_of", "relates_to", "duplicates", "supersedes", ABOUT];

/// One link that is to be there, or not.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkChange {
    /// The entity it starts at.
    pub from: Uuid,
    /// Where it leads.
    pub end: LinkEnd,
    /// Take it away instead.
    pub remove: bool,
}

/// Where a link leads, and what it says.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkEnd {
    /// To another entity.
    Entity(LinkKind, Uuid),
    /// To code that the entity is about.
    Code(CodeReference),
}

impl LinkEnd {
    /// Reads a kind of [`LINK_KINDS`] and a target, as callers write them.
    ///
    /// # Errors
    ///
    /// Which of `/kind` and `/to` is wrong, and what it may be.
    pub fn read(kind: &str, to: &str) -> Result<Self, Faults> {
        if kind == ABOUT {
            return CodeReference::parse(to)
                .map(Self::Code)
                .map_err(|reason| Faults::one("/to", "format", format!("no place in code: {reason}")));
        }
        let kind: LinkKind = kind.parse().map_err(|_| {
            let kinds = LINK_KINDS.join(", ");
            Faults::one("/kind", "enum", format!("must be one of {kinds}"))
        })?;
        let id = Uuid::parse_str(to).map_err(|_| {
            let said = "must be the id of an entity, a UUID; a place in code has the kind about";
            Faults::one("/to", "format", said)
        })?;
        Ok(Self::Entity(kind, id))
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Entity(kind, _) => kind.name(),
            Self::Code(_) => ABOUT,
        }
    }

    fn target(&self) -> String {
        match self {
            Self::Entity(_, id) => id.to_string(),
            Self::Code(reference) => reference.to_string(),
        }
    }
}

impl LinkChange {
    /// The entities at its ends.
    pub(crate) fn entities(&self) -> Vec<Uuid> {
        match self.end {
            LinkEnd::Entity(_, to) => vec![self.from, to],
            LinkEnd::Code(_) => vec![self.from],
        }
    }

    /// Whether it makes something wait.
    pub(crate) fn makes_wait(&self) -> bool {
        matches!(self.end, LinkEnd::Entity(kind, _) if kind.makes_wait())
    }

    /// Where a failure lies in the change as it is written.
    pub(crate) fn place_of(&self, error: &WorkflowError) -> &'static str {
        match error {
            WorkflowError::UnknownEntity { id } if *id == self.from => "/from",
            WorkflowError::UnknownEntity { .. } | WorkflowError::Circle { .. } => "/to",
            _ => "",
        }
    }
}

/// Makes a link or takes it away. Answers whether there was anything to do: doing it twice is doing it once.
///
/// # Errors
///
/// [`WorkflowError::Circle`] with the way round, [`WorkflowError::UnknownEntity`].
pub async fn change_link(pool: &PgPool, change: &LinkChange, author: &str) -> Result<bool, WorkflowError> {
    let mut transaction = pool.begin().await.map_err(doing("begin a link"))?;
    let stamp = Stamp { author, batch: None };
    let changed = apply_link(&mut transaction, change, stamp).await?;
    transaction.commit().await.map_err(doing("store a link"))?;
    Ok(changed)
}

/// Makes a link or takes it away inside a transaction.
pub(crate) async fn apply_link(
    connection: &mut PgConnection,
    change: &LinkChange,
    stamp: Stamp<'_>,
) -> Result<bool, WorkflowError> {
    if change.remove {
        return take_away(connection, change, None, stamp).await;
    }
    make(connection, change, Origin::now(stamp.author), stamp.batch).await
}

async fn make(
    connection: &mut PgConnection,
    change: &LinkChange,
    origin: Origin<'_>,
    batch: Option<Uuid>,
) -> Result<bool, WorkflowError> {
    let from = change.from;
    let made = match &change.end {
        LinkEnd::Entity(kind, to) => links::make(connection, from, *kind, *to, origin).await?,
        LinkEnd::Code(reference) => code_links::make(connection, from, reference, origin).await?,
    };
    let Some(at) = made else { return Ok(false) };
    note(connection, change, (at, origin.author), batch).await?;
    Ok(true)
}

async fn take_away(
    connection: &mut PgConnection,
    change: &LinkChange,
    made_at: Option<DateTime<Utc>>,
    stamp: Stamp<'_>,
) -> Result<bool, WorkflowError> {
    let from = change.from;
    let gone = match &change.end {
        LinkEnd::Entity(kind, to) => links::remove(connection, from, *kind, *to, made_at).await?,
        LinkEnd::Code(reference) => code_links::remove(connection, from, reference, made_at).await?,
    };
    let Some((at, author)) = gone else { return Ok(false) };
    note(connection, change, (at, &author), stamp.batch).await?;
    Ok(true)
}

/// Remembers what a batch does to a link, with the link's own time and author.
async fn note(
    connection: &mut PgConnection,
    change: &LinkChange,
    (at, author): (DateTime<Utc>, &str),
    batch: Option<Uuid>,
) -> Result<(), WorkflowError> {
    let Some(batch) = batch else { return Ok(()) };
    sqlx::query!(
        "insert into workflow.batch_links (batch_id, from_id, kind, target, is_new, created_at, created_by)
         values ($1, $2, $3, $4, $5, $6, $7)",
        batch,
        change.from,
        change.end.kind(),
        change.end.target(),
        !change.remove,
        at,
        author
    )
    .execute(connection)
    .await
    .map_err(doing("note a link of a batch"))?;
    Ok(())
}

/// A link that a batch made or took away, and whose it was.
pub(crate) struct BatchLink {
    change: LinkChange,
    at: DateTime<Utc>,
    author: String,
}

impl BatchLink {
    pub(crate) fn makes_wait(&self) -> bool {
        self.change.makes_wait()
    }

    /// Takes it back: a link that was made goes, one that was taken away comes back as it was. Never touches a link that
    /// somebody made since. Answers whether there was anything to do.
    pub(crate) async fn take_back(
        self,
        connection: &mut PgConnection,
        stamp: Stamp<'_>,
    ) -> Result<bool, WorkflowError> {
        let back = LinkChange {
            remove: !self.change.remove,
            ..self.change
        };
        if back.remove {
            return take_away(connection, &back, Some(self.at), stamp).await;
        }
        let origin = Origin {
            author: &self.author,
            at: Some(self.at),
        };
        make(connection, &back, origin, stamp.batch).await
    }
}

/// What a batch did to links, the last first.
pub(crate) async fn links_of_batch(
    connection: &mut PgConnection,
    batch: Uuid,
) -> Result<Vec<BatchLink>, WorkflowError> {
    let rows = sqlx::query!(
        "select from_id, kind, target, is_new, created_at, created_by
         from workflow.batch_links
         where batch_id = $1
         order by place desc",
        batch
    )
    .fetch_all(connection)
    .await
    .map_err(doing("read the links of a batch"))?;
    let links = rows.into_iter().map(|row| {
        let end = LinkEnd::read(&row.kind, &row.target).map_err(|faults| {
            WorkflowError::InvalidArgument(format!("a link of the batch cannot be read: {faults}"))
        })?;
        Ok(BatchLink {
            change: LinkChange {
                from: row.from_id,
                end,
                remove: !row.is_new,
            },
            at: row.created_at,
            author: row.created_by,
        })
    });
    links.collect()
}
