//! Where a name is used: chunks by their words, lines by what the parse of each chunk noted.
//! Hands find.rs uses in their order. Never resolves a name: another thing of the same name is a use, too.

use std::ops::Range;

use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::PgConnection;

use super::find_definitions::outlines_of;
use super::outcome::SymbolUse;
use super::uses::{UseRole, decode_uses, is_name_at};
use crate::CodebaseError;
use crate::lexical::{self, Holding, LexicalSnapshot};
use crate::search::role_of;
use crate::tokenize::TermMaker;

/// Files that are put in order for one name.
const MOST_FILES: usize = 4_000;

/// Chunks whose text is read for one name. A name in more of them is everywhere.
const MOST_CHUNKS: usize = 400;

/// A longer line is not worth its tokens.
const MOST_LINE_BYTES: usize = 200;

/// Uses of a name.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    /// Those that were asked for.
    pub(crate) shown: Vec<SymbolUse>,
    pub(crate) total: usize,
    /// There are chunks that were not looked at.
    pub(crate) are_more: bool,
}

/// Finds the uses of exactly this name and shows a part of them.
pub(crate) async fn find_uses(
    connection: &mut PgConnection,
    snapshot: &LexicalSnapshot,
    allowed: Option<&FxHashSet<i64>>,
    name: &str,
    shown: Range<usize>,
    merges_copies: bool,
) -> Result<Uses, CodebaseError> {
    let mut terms = Vec::new();
    TermMaker::new().terms_of(name, &mut terms);
    // The first is the whole name. Names that are stop words or single letters have none, and are not found.
    let Some(term) = terms.first() else {
        return Ok(Uses::default());
    };
    let holding = lexical::chunks_holding(connection, snapshot, &[term], allowed).await?;
    let mut uses = Uses::default();
    let (numbers, are_more) = worth_reading(connection, &holding).await?;
    uses.are_more = are_more;
    let rows = sqlx::query!(
        r#"select
               chunk.id,
               chunk.repository_id,
               chunk.file_path,
               chunk.language,
               chunk.start_line,
               chunk.content,
               chunk.uses as "uses!",
               repository.name as repository_name,
               repository.repo_path as repository_root,
               file.id as file_id
           from codebase.code_chunks as chunk
           join codebase.repositories as repository on repository.id = chunk.repository_id
           join codebase.files as file
               on file.repository_id = chunk.repository_id and file.path = chunk.file_path
           where chunk.number = any($1) and chunk.uses is not null"#,
        &numbers
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut found: Vec<(i64, SymbolUse)> = Vec::new();
    for row in rows {
        for (line, role, text) in lines_with(&row.content, &row.uses, name) {
            let start = u32::try_from(row.start_line).unwrap_or(0);
            found.push((
                row.file_id,
                SymbolUse {
                    chunk_id: row.id,
                    repository_id: row.repository_id,
                    repository_name: row.repository_name.clone(),
                    repository_root: row.repository_root.clone(),
                    path: row.file_path.clone(),
                    language: row.language.clone(),
                    line: start + line,
                    role,
                    enclosing: None,
                    text: text[..text.floor_char_boundary(MOST_LINE_BYTES)].to_owned(),
                },
            ));
        }
    }
    found.sort_by(|(_, one), (_, other)| order(one, other));
    if merges_copies {
        let mut seen: FxHashMap<(String, String), uuid::Uuid> = FxHashMap::default();
        found.retain(|(_, found)| {
            let place = (found.path.clone(), found.text.clone());
            *seen.entry(place).or_insert(found.repository_id) == found.repository_id
        });
    }
    uses.total = found.len();
    found.truncate(shown.end);
    found.drain(..found.len().min(shown.start));
    name_enclosing(connection, &mut found).await?;
    uses.shown = found.into_iter().map(|(_, found)| found).collect();
    Ok(uses)
}

/// Callers first, imports last; code before its tests; then by place.
fn order(one: &SymbolUse, other: &SymbolUse) -> std::cmp::Ordering {
    let is_import = |found: &SymbolUse| found.role == UseRole::Import;
    is_import(one)
        .cmp(&is_import(other))
        .then_with(|| role_of(&other.path).factor().total_cmp(&role_of(&one.path).factor()))
        .then_with(|| one.path.cmp(&other.path))
        .then_with(|| one.repository_root.cmp(&other.repository_root))
        .then_with(|| one.line.cmp(&other.line))
}

/// The chunks to read, by the role and path of their files, and whether there are others.
async fn worth_reading(connection: &mut PgConnection, holding: &[Holding]) -> Result<(Vec<i64>, bool), CodebaseError> {
    if holding.len() <= MOST_CHUNKS {
        return Ok((holding.iter().map(|holding| holding.number).collect(), false));
    }
    let mut file_ids: Vec<i64> = holding.iter().map(|holding| holding.file_id).collect();
    file_ids.sort_unstable();
    file_ids.dedup();
    file_ids.truncate(MOST_FILES);
    let rows = sqlx::query!("select id, path from codebase.files where id = any($1)", &file_ids)
        .fetch_all(connection)
        .await?;
    let mut ranks: Vec<(f32, String, i64)> = rows
        .into_iter()
        .map(|row| (-role_of(&row.path).factor(), row.path, row.id))
        .collect();
    ranks.sort_by(|one, other| one.0.total_cmp(&other.0).then_with(|| one.1.cmp(&other.1)));
    let rank: FxHashMap<i64, usize> = ranks
        .into_iter()
        .enumerate()
        .map(|(rank, file)| (file.2, rank))
        .collect();
    let mut ranked: Vec<(usize, i64)> = holding
        .iter()
        .filter_map(|holding| Some((*rank.get(&holding.file_id)?, holding.number)))
        .collect();
    ranked.sort_unstable();
    ranked.truncate(MOST_CHUNKS);
    Ok((ranked.into_iter().map(|(_, number)| number).collect(), true))
}

/// The lines of a chunk, from 0, on which the name is used; the most telling role of each.
fn lines_with<'a>(content: &'a str, uses: &[u8], name: &str) -> Vec<(u32, UseRole, &'a str)> {
    let mut lines: Vec<(u32, UseRole, &str)> = Vec::new();
    let (mut line, mut counted_to) = (0u32, 0usize);
    for found in decode_uses(uses).filter(|found| is_name_at(content, found.offset, name)) {
        let offset = found.offset as usize;
        let between = &content.as_bytes()[counted_to..offset];
        line += u32::try_from(between.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(0);
        counted_to = offset;
        match lines.last_mut() {
            Some(last) if last.0 == line => {
                if found.role == UseRole::Call {
                    last.1 = UseRole::Call;
                }
            }
            _ => {
                let start = content[..offset].rfind('\n').map_or(0, |end| end + 1);
                let end = content[offset..].find('\n').map_or(content.len(), |end| offset + end);
                lines.push((line, found.role, content[start..end].trim()));
            }
        }
    }
    lines
}

/// Says in which definition each use is.
async fn name_enclosing(connection: &mut PgConnection, found: &mut [(i64, SymbolUse)]) -> Result<(), CodebaseError> {
    let mut file_ids: Vec<i64> = found.iter().map(|(file_id, _)| *file_id).collect();
    file_ids.sort_unstable();
    file_ids.dedup();
    let outlines: FxHashMap<i64, _> = outlines_of(connection, &file_ids)
        .await?
        .into_iter()
        .map(|(file, definitions)| (file.id, definitions))
        .collect();
    for (file_id, found) in found {
        if let Some(definitions) = outlines.get(file_id) {
            found.enclosing = definitions
                .around(found.line)
                .map(|position| definitions.qualified(position));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;
    use crate::symbols::NameUse;
    use crate::symbols::uses::encode_uses;

    #[test]
    fn a_line_is_named_once_with_what_says_most() {
        let content = "  a = claim\n\n  claim(claim(1)) // claim\n  claims\n";
        let uses: Vec<NameUse> = [
            (6, UseRole::Reference),
            (15, UseRole::Reference),
            (21, UseRole::Call),
            (42, UseRole::Call),
        ]
        .into_iter()
        .map(|(offset, role)| NameUse { offset, role })
        .collect();
        let bytes = encode_uses(&uses).unwrap();
        assert_eq!(
            lines_with(content, &bytes, "claim"),
            [
                (0, UseRole::Reference, "a = claim"),
                (2, UseRole::Call, "claim(claim(1)) // claim")
            ]
        );
    }
}
