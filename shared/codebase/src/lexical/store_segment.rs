//! Writes segments and tombstones in the transaction of a publisher, so that text and index become visible together.
//! Takes what `build_segment` made and the numbers that only the transaction knows. Never reads or merges segments.

use sqlx::PgConnection;
use uuid::Uuid;

use super::build_segment::Segment;
use super::insert_blocks::insert_blocks;
use super::postings::{TableEntry, encode_table};
use crate::CodebaseError;

/// Where a chunk of a segment is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Document {
    /// `codebase.code_chunks.number`.
    pub number: i64,
    /// `codebase.files.id`.
    pub file_id: i64,
}

/// Stores a built segment. `documents` are its chunks' places, in the order they were given to `build_segment`.
/// A segment without chunks writes nothing.
pub(crate) async fn store_segment(
    connection: &mut PgConnection,
    repository_id: Uuid,
    segment: &Segment,
    documents: &[Document],
) -> Result<(), CodebaseError> {
    assert_eq!(
        segment.lengths.len(),
        documents.len(),
        "a segment is stored with the chunks it was built from"
    );
    if documents.is_empty() {
        return Ok(());
    }
    let entries = documents
        .iter()
        .zip(&segment.lengths)
        .map(|(document, &length)| TableEntry {
            number: document.number,
            file_id: document.file_id,
            length,
        })
        .collect::<Vec<_>>();
    let segment_id = insert_segment(connection, repository_id, &entries).await?;
    insert_blocks(connection, segment_id, &segment.terms).await
}

/// The row of a segment; its postings follow.
pub(crate) async fn insert_segment(
    connection: &mut PgConnection,
    repository_id: Uuid,
    entries: &[TableEntry],
) -> Result<i64, CodebaseError> {
    let token_count: i64 = entries.iter().map(|entry| i64::from(entry.length)).sum();
    let chunk_count = i32::try_from(entries.len()).expect("a segment holds far fewer than 2^31 chunks");
    let chunks = encode_table(entries.iter().copied());
    let segment_id = sqlx::query_scalar!(
        "insert into codebase.lexical_segments (repository_id, chunk_count, token_count, chunks)
         values ($1, $2, $3, $4)
         returning id",
        repository_id,
        chunk_count,
        token_count,
        chunks
    )
    .fetch_one(connection)
    .await?;
    Ok(segment_id)
}

/// Notes that these chunks are deleted: the segments that list them skip them from now on.
pub(crate) async fn bury(
    connection: &mut PgConnection,
    repository_id: Uuid,
    numbers: &[i64],
) -> Result<(), CodebaseError> {
    if numbers.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into codebase.lexical_tombstones (repository_id, chunk_numbers) values ($1, $2)",
        repository_id,
        numbers
    )
    .execute(connection)
    .await?;
    Ok(())
}
