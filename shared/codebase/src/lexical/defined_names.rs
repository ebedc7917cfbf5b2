//! Every name that is defined anywhere, in lower case: what a misspelt or shortened name is compared with. Read from the
//! markers of definitions, segment by segment, and kept in the cache: a segment never changes.
//! Names of deleted chunks are among them until their segment is merged; whoever looks them up finds nothing.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use sqlx::PgConnection;

use super::blocks::read_block;
use super::cache::{CACHE, Cached};
use super::markers;
use super::snapshot::LexicalSnapshot;
use crate::CodebaseError;

/// The names of one segment, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Names {
    text: String,
    ends: Vec<u32>,
}

impl Names {
    fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends
            .push(u32::try_from(self.text.len()).expect("the names of one segment are far below 4 GiB"));
    }

    /// The names in the order of their bytes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.text[*start as usize..*end as usize])
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.text.len() + size_of_val::<[u32]>(&self.ends)
    }
}

/// The names of every segment of a snapshot; one that several segments hold is among each of theirs.
pub(crate) async fn defined_names(
    connection: &mut PgConnection,
    snapshot: &LexicalSnapshot,
) -> Result<Vec<Arc<Names>>, CodebaseError> {
    let mut names = Vec::with_capacity(snapshot.segments.len());
    let mut missing = Vec::new();
    for segment in &snapshot.segments {
        match CACHE.get(markers::names_key(segment.key)) {
            Some(Cached::Names(cached)) => names.push(cached),
            _ => missing.push(segment),
        }
    }
    if missing.is_empty() {
        return Ok(names);
    }
    let ids: Vec<i64> = missing.iter().map(|segment| segment.id).collect();
    let rows = sqlx::query_file!(
        "queries/defined_names.sql",
        &ids,
        markers::DEFINITION,
        markers::AFTER_DEFINITIONS
    )
    .fetch_all(connection)
    .await?;
    let mut read: FxHashMap<i64, Names> = FxHashMap::default();
    for row in rows {
        let of_segment = read.entry(row.segment_id).or_default();
        for held in read_block(&row.block) {
            if let Some(name) = held.term.strip_prefix(markers::DEFINITION) {
                of_segment.push(name);
            }
        }
    }
    for segment in missing {
        let of_segment = Arc::new(read.remove(&segment.id).unwrap_or_default());
        CACHE.put(markers::names_key(segment.key), Cached::Names(Arc::clone(&of_segment)));
        names.push(of_segment);
    }
    Ok(names)
}
