//! Streams the postings of one segment into Postgres as binary `COPY`.
//! Called by whoever stores a segment, inside its transaction. Never reads postings: see candidates.rs.

use sqlx::PgConnection;

use super::build_segment::TermPostings;
use crate::CodebaseError;
use crate::copy::BinaryCopy;

const COPY: &str =
    "copy codebase.lexical_postings (segment_id, term, chunk_count, postings) from stdin (format binary)";

/// Writes the rows of `terms`, which are in the order of their bytes so that the index grows at one end.
pub(crate) async fn copy_postings(
    connection: &mut PgConnection,
    segment_id: i64,
    terms: &[TermPostings],
) -> Result<(), CodebaseError> {
    let mut copy = BinaryCopy::start(connection, COPY, 4).await?;
    for term in terms {
        let row = copy.begin_row();
        row.int8(segment_id);
        row.text(&term.term);
        row.int4(i32::try_from(term.chunk_count).expect("a segment holds far fewer than 2^31 chunks"));
        row.bytea(&term.postings);
        copy.end_row().await?;
    }
    copy.finish().await?;
    Ok(())
}
