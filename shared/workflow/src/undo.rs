//! Takes a batch back: every entity returns to what it was before, as a new version; what was new is marked as deleted.
//! Links too. The way back is a batch too. Never touches an entity or a link that somebody changed since.

use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::bulk::new_batch;
use crate::document::check_document;
use crate::error::{WorkflowError, doing};
use crate::link_change::{BatchLink, links_of_batch};
use crate::links::lock_waiting;
use crate::schema_in_force::schema_at;
use crate::write::{self, Operation, Stamp};

/// What was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Undone {
    /// The batch that did it; taking that one back applies the first one again.
    pub batch_id: Uuid,
    /// Entities that are as before.
    pub entities: usize,
    /// Links that are as before.
    pub links: usize,
}

struct Touched {
    id: Uuid,
    schema: String,
    present: i32,
    last: i32,
    was: Option<Was>,
}

struct Was {
    schema_version: i32,
    data: Value,
    is_deleted: bool,
}

/// Takes back everything a batch did, or nothing.
///
/// # Errors
///
/// [`WorkflowError::ChangedSince`] when entities of the batch have later versions, [`WorkflowError::Circle`] when a link
/// would close one now, [`WorkflowError::AlreadyUndone`], [`WorkflowError::UnknownBatch`].
pub async fn undo_batch(pool: &PgPool, batch: Uuid, author: &str) -> Result<Undone, WorkflowError> {
    let mut transaction = pool.begin().await.map_err(doing("begin to take a batch back"))?;
    let known = sqlx::query!("select undone_by from workflow.batches where id = $1 for update", batch)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(doing("find a batch"))?;
    match known.map(|known| known.undone_by) {
        None => return Err(WorkflowError::UnknownBatch { id: batch }),
        Some(Some(by)) => return Err(WorkflowError::AlreadyUndone { id: batch, by }),
        Some(None) => {}
    }
    let links = links_of_batch(&mut transaction, batch).await?;
    if links.iter().any(BatchLink::makes_wait) {
        lock_waiting(&mut transaction).await?;
    }
    let touched = touched(&mut transaction, batch).await?;
    let changed: Vec<Uuid> = touched
        .iter()
        .filter(|entity| entity.present != entity.last)
        .map(|entity| entity.id)
        .collect();
    if !changed.is_empty() {
        return Err(WorkflowError::ChangedSince { id: batch, changed });
    }
    let undoing = new_batch(&mut transaction, touched.len() + links.len(), author).await?;
    let stamp = Stamp {
        author,
        batch: Some(undoing),
    };
    let entities = touched.len();
    for entity in touched {
        let done = match entity.was {
            None => write::mark_deleted(&mut transaction, entity.id, entity.last, Operation::Undo, stamp).await?,
            Some(was) => {
                let schema = schema_at(&mut transaction, &entity.schema, Some(was.schema_version)).await?;
                let document = check_document(&schema, was.data).await?;
                let (id, last) = (entity.id, entity.last);
                write::replace(
                    &mut transaction,
                    id,
                    last,
                    &document,
                    was.is_deleted,
                    Operation::Undo,
                    stamp,
                )
                .await?
            }
        };
        done.ok_or(WorkflowError::ChangedSince {
            id: batch,
            changed: vec![entity.id],
        })?;
    }
    let mut links_back = 0;
    for link in links {
        links_back += usize::from(link.take_back(&mut transaction, stamp).await?);
    }
    sqlx::query!(
        "update workflow.batches set undone_by = $2 where id = $1",
        batch,
        undoing
    )
    .execute(&mut *transaction)
    .await
    .map_err(doing("note what took the batch back"))?;
    transaction.commit().await.map_err(doing("take the batch back"))?;
    Ok(Undone {
        batch_id: undoing,
        entities,
        links: links_back,
    })
}

/// The entities of a batch, locked, with what they were before.
async fn touched(connection: &mut sqlx::PgConnection, batch: Uuid) -> Result<Vec<Touched>, WorkflowError> {
    let rows = sqlx::query!(
        r#"with of_batch as (
               select entity_id, min(version) as first, max(version) as last
               from workflow.entity_versions
               where batch_id = $1
               group by entity_id
           )
           select entity.id, entity.schema_name as schema, entity.version, of_batch.last as "last!",
               was.schema_version as "schema_version?", was.data as "data?", was.is_deleted as "is_deleted?"
           from of_batch
           join workflow.entities as entity on entity.id = of_batch.entity_id
           left join workflow.entity_versions as was
               on was.entity_id = of_batch.entity_id and was.version = of_batch.first - 1
           order by entity.id
           for update of entity"#,
        batch
    )
    .fetch_all(connection)
    .await
    .map_err(doing("read what a batch did"))?;
    let touched = rows.into_iter().map(|row| Touched {
        id: row.id,
        schema: row.schema,
        present: row.version,
        last: row.last,
        was: match (row.schema_version, row.data, row.is_deleted) {
            (Some(schema_version), Some(data), Some(is_deleted)) => Some(Was {
                schema_version,
                data,
                is_deleted,
            }),
            _ => None,
        },
    });
    Ok(touched.collect())
}
