//! Streams the terms of one segment into Postgres as binary `COPY`, in blocks.
//! Called by whoever stores a segment, inside its transaction. Never reads blocks: see candidates.rs.

use sqlx::PgConnection;

use super::blocks::blocks_of;
use super::build_segment::TermPostings;
use crate::CodebaseError;
use crate::copy::BinaryCopy;

const COPY: &str = "copy codebase.lexical_blocks (segment_id, first_term, block) from stdin (format binary)";

/// Writes the rows of `terms`, which are in the order of their bytes so that the index grows at one end.
pub(crate) async fn copy_blocks(
    connection: &mut PgConnection,
    segment_id: i64,
    terms: &[TermPostings],
) -> Result<(), CodebaseError> {
    let mut copy = BinaryCopy::start(connection, COPY, 3).await?;
    for block in blocks_of(terms) {
        let row = copy.begin_row();
        row.int8(segment_id);
        row.text(block.first_term);
        row.bytea(&block.bytes);
        copy.end_row().await?;
    }
    copy.finish().await?;
    Ok(())
}
