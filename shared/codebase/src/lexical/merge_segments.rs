//! Merges a repository's segments, so that many small publications do not make searches slow and deleted chunks do not
//! stay. Called by the worker after an index run; searches and publishers go on meanwhile and lose nothing, because
//! segments are replaced in one transaction and tombstones name chunks, not segments.

use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::blocks::read_block;
use super::build_segment::TermPostings;
use super::insert_blocks::insert_blocks;
use super::postings::{Posting, TableEntry, decode_table, read_postings, write_posting};
use super::snapshot::damaged;
use super::store_segment::insert_segment;
use crate::CodebaseError;

/// Size below which a segment belongs to the class, in chunks, and how many of the class may stand. Each publication of a
/// save is a small one; a batch of a bulk load and a merge of small ones are middling. A search looks every term up in
/// every segment, 2 µs each.
const SIZE_CLASSES: [(usize, usize); 2] = [(500, 32), (8_000, 64)];
/// Deleted chunks cost space and reading; above this percentage of a segment it is rewritten.
const MOST_BURIED_PERCENT: usize = 25;
/// One merge holds the postings of so many chunks in memory. With more, the largest repositories would need more memory
/// than others.
const MOST_CHUNKS_AT_ONCE: usize = 12_000;

/// What a merge did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergedSegments {
    /// Segments that were replaced.
    pub segments: usize,
    /// Live chunks in the one that replaced them.
    pub chunks: usize,
    /// Deleted chunks that were dropped.
    pub buried: usize,
}

/// Merges segments of one repository when that is worth it. `None` when there is nothing to do or somebody else is at
/// it; after `Some` there may be more: call again.
///
/// # Errors
/// [`CodebaseError::Database`]; nothing was changed then.
pub async fn merge_segments(pool: &PgPool, repository_id: Uuid) -> Result<Option<MergedSegments>, CodebaseError> {
    let mut transaction = pool.begin().await?;
    let locked = sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended('merge_segments', 0) # hashtextextended($1, 0)) as "locked!""#,
        repository_id.to_string()
    )
    .fetch_one(&mut *transaction)
    .await?;
    if !locked {
        return Ok(None);
    }
    let tombstones = sqlx::query!(
        "select id, chunk_numbers from codebase.lexical_tombstones where repository_id = $1",
        repository_id
    )
    .fetch_all(&mut *transaction)
    .await?;
    let buried: FxHashSet<i64> = tombstones
        .iter()
        .flat_map(|row| row.chunk_numbers.iter().copied())
        .collect();
    let segments = load_segments(&mut transaction, repository_id, &buried).await?;
    let chosen = choose(&segments);
    if chosen.is_empty() {
        return Ok(None);
    }

    let merged = merge(&mut transaction, repository_id, &chosen, &buried).await?;
    let chosen_ids: Vec<i64> = chosen.iter().map(|segment| segment.id).collect();
    let still_listed: Vec<i64> = segments
        .iter()
        .filter(|segment| !chosen_ids.contains(&segment.id))
        .flat_map(|segment| segment.table.iter().map(|entry| entry.number))
        .filter(|number| buried.contains(number))
        .collect();
    let tombstone_ids: Vec<i64> = tombstones.iter().map(|row| row.id).collect();
    sqlx::query!(
        "delete from codebase.lexical_tombstones where id = any($1)",
        &tombstone_ids
    )
    .execute(&mut *transaction)
    .await?;
    super::bury(&mut transaction, repository_id, &still_listed).await?;
    sqlx::query!("delete from codebase.lexical_segments where id = any($1)", &chosen_ids)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(Some(merged))
}

struct StoredSegment {
    id: i64,
    table: Vec<TableEntry>,
    live: usize,
}

async fn load_segments(
    connection: &mut PgConnection,
    repository_id: Uuid,
    buried: &FxHashSet<i64>,
) -> Result<Vec<StoredSegment>, CodebaseError> {
    let rows = sqlx::query!(
        "select id, chunks from codebase.lexical_segments where repository_id = $1 order by id",
        repository_id
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let table = decode_table(&row.chunks).ok_or_else(|| damaged(row.id))?;
            let live = table.iter().filter(|entry| !buried.contains(&entry.number)).count();
            Ok(StoredSegment {
                id: row.id,
                table,
                live,
            })
        })
        .collect()
}

/// The segments to replace by one: too many of a size class, else those with too many deleted chunks.
fn choose(segments: &[StoredSegment]) -> Vec<&StoredSegment> {
    let mut floor = 0;
    for (ceiling, most) in SIZE_CLASSES {
        let class: Vec<&StoredSegment> = segments
            .iter()
            .filter(|segment| (floor..ceiling).contains(&segment.live))
            .collect();
        if class.len() > most {
            return within_bounds(class);
        }
        floor = ceiling;
    }
    let decayed = segments
        .iter()
        .filter(|segment| (segment.table.len() - segment.live) * 100 > segment.table.len() * MOST_BURIED_PERCENT)
        .collect();
    within_bounds(decayed)
}

fn within_bounds(segments: Vec<&StoredSegment>) -> Vec<&StoredSegment> {
    let mut chunks = 0;
    segments
        .into_iter()
        .enumerate()
        .take_while(|(index, segment)| {
            chunks += segment.live;
            *index == 0 || chunks <= MOST_CHUNKS_AT_ONCE
        })
        .map(|(_, segment)| segment)
        .collect()
}

/// Writes the live chunks of `chosen` as one segment.
async fn merge(
    connection: &mut PgConnection,
    repository_id: Uuid,
    chosen: &[&StoredSegment],
    buried: &FxHashSet<i64>,
) -> Result<MergedSegments, CodebaseError> {
    let mut entries: Vec<TableEntry> = chosen
        .iter()
        .flat_map(|segment| segment.table.iter().copied())
        .filter(|entry| !buried.contains(&entry.number))
        .collect();
    entries.sort_unstable_by_key(|entry| entry.number);
    let listed: usize = chosen.iter().map(|segment| segment.table.len()).sum();
    let outcome = MergedSegments {
        segments: chosen.len(),
        chunks: entries.len(),
        buried: listed - entries.len(),
    };
    if entries.is_empty() {
        return Ok(outcome);
    }
    let mut by_term: FxHashMap<String, Vec<Posting>> = FxHashMap::default();
    for segment in chosen {
        let new_ordinals: Vec<Option<u32>> = segment
            .table
            .iter()
            .map(|entry| {
                let position = entries.binary_search_by_key(&entry.number, |entry| entry.number).ok()?;
                u32::try_from(position).ok()
            })
            .collect();
        let blocks = sqlx::query_scalar!(
            "select block from codebase.lexical_blocks where segment_id = $1",
            segment.id
        )
        .fetch_all(&mut *connection)
        .await?;
        for held in blocks.iter().flat_map(|block| read_block(block)) {
            let mut moved = read_postings(held.postings)
                .filter_map(|posting| {
                    let ordinal = new_ordinals.get(posting.ordinal as usize).copied().flatten()?;
                    Some(Posting { ordinal, ..posting })
                })
                .peekable();
            if moved.peek().is_none() {
                continue;
            }
            match by_term.get_mut(held.term) {
                Some(postings) => postings.extend(moved),
                None => {
                    by_term.insert(held.term.to_owned(), moved.collect());
                }
            }
        }
    }
    let segment_id = insert_segment(connection, repository_id, &entries).await?;
    let terms = tokio::task::spawn_blocking(move || encode(by_term))
        .await
        .expect("encoding does not panic, and the runtime outlives its tasks");
    insert_blocks(connection, segment_id, &terms).await?;
    Ok(outcome)
}

fn encode(by_term: FxHashMap<String, Vec<Posting>>) -> Vec<TermPostings> {
    let mut terms: Vec<TermPostings> = by_term
        .into_iter()
        .map(|(term, mut postings)| {
            postings.sort_unstable_by_key(|posting| posting.ordinal);
            let mut bytes = Vec::new();
            let mut previous = None;
            for &posting in &postings {
                write_posting(&mut bytes, previous, posting);
                previous = Some(posting.ordinal);
            }
            let chunk_count = u32::try_from(postings.len()).expect("a merge is bounded in chunks");
            TermPostings {
                term,
                chunk_count,
                postings: bytes,
            }
        })
        .collect();
    terms.sort_unstable_by(|left, right| left.term.cmp(&right.term));
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(id: i64, listed: usize, live: usize) -> StoredSegment {
        let table = vec![
            TableEntry {
                number: 0,
                file_id: 0,
                length: 0
            };
            listed
        ];
        StoredSegment { id, table, live }
    }

    fn chosen(segments: &[StoredSegment]) -> Vec<i64> {
        choose(segments).into_iter().map(|segment| segment.id).collect()
    }

    #[test]
    fn a_few_small_segments_are_left_alone() {
        let segments: Vec<_> = (0..32).map(|id| segment(id, 10, 10)).collect();
        assert!(chosen(&segments).is_empty());
    }

    #[test]
    fn many_small_segments_are_merged_and_large_ones_left() {
        let mut segments: Vec<_> = (0..33).map(|id| segment(id, 10, 10)).collect();
        segments.push(segment(99, 4_000, 4_000));
        assert_eq!(chosen(&segments), (0..33).collect::<Vec<_>>());
    }

    #[test]
    fn a_merge_is_bounded_in_chunks() {
        let segments: Vec<_> = (0..65).map(|id| segment(id, 4_000, 4_000)).collect();
        assert_eq!(chosen(&segments).len(), 3);
    }

    #[test]
    fn a_segment_with_many_deleted_chunks_is_rewritten() {
        let segments = [segment(1, 100, 75), segment(2, 100, 74), segment(3, 10, 0)];
        assert_eq!(chosen(&segments), [2, 3]);
    }
}
