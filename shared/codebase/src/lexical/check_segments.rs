//! Compares a repository's segments with its chunks: each chunk in exactly one segment and not buried, nothing listed that
//! is not there, and for every segment the same terms that its chunks would give now. Reads one state of the database.
//! Never uses the cache, which could hide what is stored, and never holds the texts of more than some segments.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::TryStreamExt;
use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::{PgConnection, PgPool};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::compare_terms::{CheckedChunk, CheckedSegment, StoredBlock, faulty_chunks};
use super::postings::{TableEntry, decode_table};
use crate::CodebaseError;
use crate::check::{Difference, DifferenceKind, one_state};

/// Rows fetched by one statement: a few megabytes of text.
const CHUNKS_AT_ONCE: usize = 2_000;

/// Segments whose terms are being compared while the next is fetched.
const SEGMENTS_AT_ONCE: usize = 2;

/// The differences between a repository's chunks and its index of words, at most about `limit`.
///
/// # Errors
/// [`CodebaseError::Database`] only.
pub async fn check_segments(
    pool: &PgPool,
    repository_id: Uuid,
    limit: usize,
) -> Result<Vec<Difference>, CodebaseError> {
    let mut transaction = one_state(pool).await?;
    let mut faults = Faults {
        differences: Vec::new(),
        limit,
    };
    let buried = load_buried(&mut transaction, repository_id).await?;
    let segments = load_segments(&mut transaction, repository_id, &buried, &mut faults).await?;
    compare_listing(&mut transaction, repository_id, &segments, &buried, &mut faults).await?;

    let mut comparing: VecDeque<JoinHandle<Vec<Difference>>> = VecDeque::new();
    for segment in segments {
        if comparing.len() == SEGMENTS_AT_ONCE {
            faults.collect(comparing.pop_front()).await;
        }
        let checked = load_contents(&mut transaction, segment).await?;
        comparing.push_back(tokio::task::spawn_blocking(move || term_differences(&checked)));
    }
    while !comparing.is_empty() {
        faults.collect(comparing.pop_front()).await;
    }
    Ok(faults.differences)
}

struct Faults {
    differences: Vec<Difference>,
    limit: usize,
}

impl Faults {
    fn add(&mut self, path: &str, detail: impl Into<String>) {
        if self.differences.len() < self.limit {
            let difference = Difference::new(path, DifferenceKind::Lexical, detail);
            self.differences.push(difference);
        }
    }

    async fn collect(&mut self, compared: Option<JoinHandle<Vec<Difference>>>) {
        let Some(compared) = compared else { return };
        let found = compared
            .await
            .expect("comparing terms does not panic, and the runtime outlives its tasks");
        let room = self.limit.saturating_sub(self.differences.len());
        self.differences.extend(found.into_iter().take(room));
    }
}

/// A segment and the positions of its chunks that are not buried.
struct Listing {
    id: i64,
    table: Vec<TableEntry>,
    live: Vec<usize>,
}

impl Listing {
    fn live_entries(&self) -> impl Iterator<Item = &TableEntry> {
        self.live.iter().map(|&position| &self.table[position])
    }
}

async fn load_buried(connection: &mut PgConnection, repository_id: Uuid) -> Result<FxHashSet<i64>, CodebaseError> {
    let rows = sqlx::query_scalar!(
        "select chunk_numbers from codebase.lexical_tombstones where repository_id = $1",
        repository_id
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().flatten().collect())
}

async fn load_segments(
    connection: &mut PgConnection,
    repository_id: Uuid,
    buried: &FxHashSet<i64>,
    faults: &mut Faults,
) -> Result<Vec<Listing>, CodebaseError> {
    let rows = sqlx::query!(
        "select id, chunk_count, token_count, chunks
         from codebase.lexical_segments
         where repository_id = $1
         order by id",
        repository_id
    )
    .fetch_all(connection)
    .await?;
    let mut segments = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(table) = decode_table(&row.chunks) else {
            faults.add("", format!("the list of chunks of segment {} is damaged", row.id));
            continue;
        };
        let words: i64 = table.iter().map(|entry| i64::from(entry.length)).sum();
        if usize::try_from(row.chunk_count) != Ok(table.len()) || row.token_count != words {
            faults.add(
                "",
                format!("segment {} has other counts than its list of chunks", row.id),
            );
        }
        let is_live = |&position: &usize| !buried.contains(&table[position].number);
        segments.push(Listing {
            id: row.id,
            live: (0..table.len()).filter(is_live).collect(),
            table,
        });
    }
    Ok(segments)
}

/// Walks the chunks and the segments' lists together, in the order of their numbers.
async fn compare_listing(
    connection: &mut PgConnection,
    repository_id: Uuid,
    segments: &[Listing],
    buried: &FxHashSet<i64>,
    faults: &mut Faults,
) -> Result<(), CodebaseError> {
    let mut listed: Vec<(i64, i64)> = segments
        .iter()
        .flat_map(Listing::live_entries)
        .map(|entry| (entry.number, entry.file_id))
        .collect();
    listed.sort_unstable();
    let mut listed = listed.into_iter().peekable();
    let mut chunks = sqlx::query!(
        r#"select chunk.number, chunk.file_path, file.id as "file_id?"
           from codebase.code_chunks as chunk
           left join codebase.files as file
               on file.repository_id = chunk.repository_id and file.path = chunk.file_path
           where chunk.repository_id = $1
           order by chunk.number"#,
        repository_id
    )
    .fetch(connection);
    while let Some(chunk) = chunks.try_next().await? {
        while let Some((number, _)) = listed.next_if(|(number, _)| *number < chunk.number) {
            faults.add("", format!("a segment lists chunk {number}, which does not exist"));
        }
        let mut entries = 0;
        while let Some((_, file_id)) = listed.next_if(|(number, _)| *number == chunk.number) {
            entries += 1;
            if chunk.file_id.is_some_and(|id| id != file_id) {
                faults.add(
                    &chunk.file_path,
                    format!("chunk {} is listed under another file", chunk.number),
                );
            }
        }
        let fault = match entries {
            1 => continue,
            0 if buried.contains(&chunk.number) => "counts as deleted".to_owned(),
            0 => "is in no segment: its words are not found".to_owned(),
            many => format!("is in {many} segments"),
        };
        faults.add(&chunk.file_path, format!("chunk {} {fault}", chunk.number));
    }
    for (number, _) in listed {
        faults.add("", format!("a segment lists chunk {number}, which does not exist"));
    }
    Ok(())
}

/// Fetches the chunks of a segment that are not buried, and its terms.
async fn load_contents(connection: &mut PgConnection, segment: Listing) -> Result<CheckedSegment, CodebaseError> {
    let numbers: Vec<i64> = segment.live_entries().map(|entry| entry.number).collect();
    let mut by_number: FxHashMap<i64, CheckedChunk> = FxHashMap::default();
    for batch in numbers.chunks(CHUNKS_AT_ONCE) {
        let rows = sqlx::query!(
            "select number, file_path, symbol, defines, context_before, content
             from codebase.code_chunks
             where number = any($1)",
            batch
        )
        .fetch_all(&mut *connection)
        .await?;
        by_number.extend(rows.into_iter().map(|row| {
            let chunk = CheckedChunk {
                path: row.file_path,
                symbol: row.symbol,
                defines: row.defines,
                context_before: row.context_before,
                content: row.content,
            };
            (row.number, chunk)
        }));
    }
    let blocks = sqlx::query_as!(
        StoredBlock,
        "select first_term, block
         from codebase.lexical_blocks
         where segment_id = $1
         order by first_term",
        segment.id
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut checked = CheckedSegment {
        chunks: Vec::with_capacity(numbers.len()),
        blocks,
        size: segment.table.len(),
    };
    for &position in &segment.live {
        let entry = segment.table[position];
        // A chunk that is listed and does not exist has been reported, and so has one that two segments list.
        if let Some(chunk) = by_number.remove(&entry.number) {
            checked.chunks.push((position, entry.length, chunk));
        }
    }
    Ok(checked)
}

/// One difference per file. Blocks: this is the costly part.
fn term_differences(segment: &CheckedSegment) -> Vec<Difference> {
    let mut by_path: Vec<(Arc<str>, usize)> = Vec::new();
    for path in faulty_chunks(segment) {
        match by_path.last_mut() {
            Some((last, chunks)) if *last == path => *chunks += 1,
            _ => by_path.push((path, 1)),
        }
    }
    let differences = by_path.into_iter().map(|(path, chunks)| {
        let detail = format!("{chunks} chunks are indexed under other words than they have");
        Difference::new(&*path, DifferenceKind::Lexical, detail)
    });
    differences.collect()
}
