//! The live chunks that hold a term, unscored: where to look for a name. Never judges them.

use rustc_hash::FxHashSet;
use sqlx::PgConnection;

use super::candidates::read_terms;
use super::postings::read_postings;
use super::snapshot::LexicalSnapshot;
use crate::CodebaseError;

/// A chunk that holds a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    /// Which of the asked terms.
    pub term: usize,
    /// `codebase.code_chunks.number`.
    pub number: i64,
    /// `codebase.files.id`.
    pub file_id: i64,
}

/// Every live chunk in an allowed file that holds one of these terms, term by term, in the order of their numbers.
pub(crate) async fn chunks_holding(
    connection: &mut PgConnection,
    snapshot: &LexicalSnapshot,
    terms: &[&str],
    allowed: Option<&FxHashSet<i64>>,
) -> Result<Vec<Holding>, CodebaseError> {
    let mut found = Vec::new();
    for part in read_terms(connection, snapshot, terms).await? {
        let segment = &snapshot.segments[part.segment];
        for posting in read_postings(&part.postings) {
            let ordinal = posting.ordinal as usize;
            let Some(entry) = segment.table.get(ordinal) else {
                break;
            };
            if segment.is_live(ordinal) && allowed.is_none_or(|allowed| allowed.contains(&entry.file_id)) {
                found.push(Holding {
                    term: part.term,
                    number: entry.number,
                    file_id: entry.file_id,
                });
            }
        }
    }
    found.sort_unstable_by_key(|holding| (holding.term, holding.number));
    Ok(found)
}
