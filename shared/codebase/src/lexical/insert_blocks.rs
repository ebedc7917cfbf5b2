//! Writes the terms of one segment as blocks, in one statement: a `COPY` costs a pause, see write_chunks.rs.
//! Called by whoever stores a segment, inside its transaction. Never reads blocks: see candidates.rs.

use sqlx::PgConnection;

use super::blocks::blocks_of;
use super::build_segment::TermPostings;
use crate::CodebaseError;

/// Writes the rows of `terms`, which are in the order of their bytes so that the index grows at one end.
pub(crate) async fn insert_blocks(
    connection: &mut PgConnection,
    segment_id: i64,
    terms: &[TermPostings],
) -> Result<(), CodebaseError> {
    let (first_terms, blocks): (Vec<&str>, Vec<Vec<u8>>) =
        blocks_of(terms).map(|block| (block.first_term, block.bytes)).unzip();
    sqlx::query!(
        "insert into codebase.lexical_blocks (segment_id, first_term, block)
         select $1, given.first_term, given.block
         from unnest($2::text[], $3::bytea[]) as given (first_term, block)",
        segment_id,
        &first_terms as _,
        &blocks
    )
    .execute(connection)
    .await?;
    Ok(())
}
