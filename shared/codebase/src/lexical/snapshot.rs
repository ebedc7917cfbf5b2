//! The lexical index as one transaction sees it: which segments there are, which of their chunks are alive, how many words
//! they hold. Loaded at the start of every search; what rarely changes comes from the cache. Reads no postings.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::PgConnection;
use uuid::Uuid;

use super::cache::{CACHE, Cached};
use super::postings::{TableEntry, decode_table};
use crate::CodebaseError;

/// Segments of the searched repositories.
#[derive(Debug)]
pub(crate) struct LexicalSnapshot {
    /// In the order of their ids.
    pub segments: Vec<SegmentView>,
    /// Chunks that are not buried.
    pub live_chunks: u64,
    /// Words of those.
    pub live_words: u64,
}

/// One segment and what is left of it.
#[derive(Debug)]
pub(crate) struct SegmentView {
    /// `codebase.lexical_segments.id`.
    pub id: i64,
    /// Unlike the id, unique among all databases.
    pub key: Uuid,
    /// Its chunks.
    pub table: Arc<[TableEntry]>,
    /// Which ordinals are buried; `None` when none is.
    buried: Option<Vec<bool>>,
}

impl SegmentView {
    /// Whether none of its chunks has been deleted.
    pub(crate) fn is_whole(&self) -> bool {
        self.buried.is_none()
    }

    /// Whether the chunk at this position has not been deleted.
    pub(crate) fn is_live(&self, ordinal: usize) -> bool {
        self.buried.as_ref().is_none_or(|buried| !buried[ordinal])
    }

    /// The chunks that have not been deleted, with their positions.
    pub(crate) fn live(&self) -> impl Iterator<Item = (usize, &TableEntry)> {
        self.table
            .iter()
            .enumerate()
            .filter(|&(ordinal, _)| self.is_live(ordinal))
    }
}

/// Loads the state of these repositories (`None` = all of the project's) inside the caller's transaction.
pub(crate) async fn load_snapshot(
    connection: &mut PgConnection,
    repository_ids: Option<&[Uuid]>,
) -> Result<LexicalSnapshot, CodebaseError> {
    let rows = sqlx::query!(
        "select id, key
         from codebase.lexical_segments
         where $1::uuid[] is null or repository_id = any($1)
         order by id",
        repository_ids
    )
    .fetch_all(&mut *connection)
    .await?;
    let missing: Vec<i64> = rows
        .iter()
        .filter(|row| CACHE.get(row.key).is_none())
        .map(|row| row.id)
        .collect();
    let mut fetched = fetch_tables(connection, &missing).await?;
    let mut tables = Vec::with_capacity(rows.len());
    for row in rows {
        let table = match (fetched.remove(&row.id), CACHE.get(row.key)) {
            (Some(table), _) => {
                CACHE.put(row.key, Cached::Table(table.clone()));
                table
            }
            (None, Some(Cached::Table(table))) => table,
            // Pushed out by another search between the two looks.
            (None, _) => fetch_tables(connection, &[row.id])
                .await?
                .remove(&row.id)
                .ok_or_else(|| damaged(row.id))?,
        };
        tables.push((row.id, row.key, table));
    }
    let buried = load_buried(connection, repository_ids).await?;
    Ok(assemble(tables.into_iter(), &buried))
}

async fn fetch_tables(
    connection: &mut PgConnection,
    segment_ids: &[i64],
) -> Result<FxHashMap<i64, Arc<[TableEntry]>>, CodebaseError> {
    if segment_ids.is_empty() {
        return Ok(FxHashMap::default());
    }
    let rows = sqlx::query!(
        "select id, chunks from codebase.lexical_segments where id = any($1)",
        segment_ids
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let table = decode_table(&row.chunks).ok_or_else(|| damaged(row.id))?;
            Ok((row.id, table.into()))
        })
        .collect()
}

async fn load_buried(
    connection: &mut PgConnection,
    repository_ids: Option<&[Uuid]>,
) -> Result<FxHashSet<i64>, CodebaseError> {
    let rows = sqlx::query!(
        "select id, key
         from codebase.lexical_tombstones
         where $1::uuid[] is null or repository_id = any($1)",
        repository_ids
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut buried = FxHashSet::default();
    let mut missing = Vec::new();
    for row in rows {
        match CACHE.get(row.key) {
            Some(Cached::Tombstones(numbers)) => buried.extend(numbers.iter()),
            _ => missing.push(row.id),
        }
    }
    if !missing.is_empty() {
        let fetched = sqlx::query!(
            "select key, chunk_numbers from codebase.lexical_tombstones where id = any($1)",
            &missing
        )
        .fetch_all(&mut *connection)
        .await?;
        for row in fetched {
            buried.extend(&row.chunk_numbers);
            CACHE.put(row.key, Cached::Tombstones(row.chunk_numbers.into()));
        }
    }
    Ok(buried)
}

fn assemble(tables: impl Iterator<Item = (i64, Uuid, Arc<[TableEntry]>)>, buried: &FxHashSet<i64>) -> LexicalSnapshot {
    let mut snapshot = LexicalSnapshot {
        segments: Vec::new(),
        live_chunks: 0,
        live_words: 0,
    };
    for (id, key, table) in tables {
        let marks: Option<Vec<bool>> = (!buried.is_empty())
            .then(|| {
                table
                    .iter()
                    .map(|entry| buried.contains(&entry.number))
                    .collect::<Vec<bool>>()
            })
            .filter(|marks| marks.contains(&true));
        let segment = SegmentView {
            id,
            key,
            table,
            buried: marks,
        };
        for (_, entry) in segment.live() {
            snapshot.live_chunks += 1;
            snapshot.live_words += u64::from(entry.length);
        }
        snapshot.segments.push(segment);
    }
    snapshot
}

/// Only a defect of ours or of the disk can cause it.
pub(crate) fn damaged(segment_id: i64) -> CodebaseError {
    CodebaseError::Database(sqlx::Error::Decode(
        format!("lexical segment {segment_id} is damaged: index the repository in full").into(),
    ))
}

#[cfg(test)]
pub(crate) fn snapshot_of(tables: Vec<(i64, Vec<TableEntry>)>, buried: &[i64]) -> LexicalSnapshot {
    assemble(
        tables.into_iter().map(|(id, table)| (id, Uuid::nil(), table.into())),
        &buried.iter().copied().collect(),
    )
}
