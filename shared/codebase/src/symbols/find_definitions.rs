//! Where a name is defined: files by the markers of the lexical index, definitions by the outlines of those files.
//! Hands find.rs definitions in their order; their text is read for the shown ones only.

use rustc_hash::FxHashMap;
use sqlx::PgConnection;
use uuid::Uuid;

use super::definitions::Definitions;
use super::outcome::{NameMatch, SymbolDefinition};
use super::request::AskedName;
use super::{Definition, SymbolKind};
use crate::CodebaseError;
use crate::search::{Elsewhere, PathRole, role_of};

/// Files whose outlines are unpacked for one name: more define only what is everywhere, as `new`.
const MOST_FILES: usize = 2_000;

/// A longer head says nothing more.
const MOST_SIGNATURE_BYTES: usize = 240;

/// A definition, before its text is read.
pub(crate) struct Found {
    pub(crate) matched: NameMatch,
    role: PathRole,
    pub(crate) definition: Definition,
    pub(crate) shown: SymbolDefinition,
}

/// The files of these ids with their outlines; those that cannot be read are left out.
pub(crate) async fn outlines_of(
    connection: &mut PgConnection,
    file_ids: &[i64],
) -> Result<Vec<(OutlinedFile, Definitions)>, CodebaseError> {
    let rows = sqlx::query_file_as!(OutlinedFile, "queries/symbol_files.sql", file_ids)
        .fetch_all(connection)
        .await?;
    let read = rows.into_iter().filter_map(|mut file| {
        let definitions = Definitions::decode(&std::mem::take(&mut file.outline))?;
        Some((file, definitions))
    });
    Ok(read.collect())
}

/// A file that defines something.
pub(crate) struct OutlinedFile {
    pub(crate) id: i64,
    pub(crate) repository_id: Uuid,
    pub(crate) path: String,
    pub(crate) language: Option<String>,
    pub(crate) repository_name: String,
    pub(crate) repository_root: String,
    outline: Vec<u8>,
}

/// The definitions in these files that are meant. `matches` says how a name, in lower case and unqualified, was found.
pub(crate) async fn find_definitions(
    connection: &mut PgConnection,
    mut file_ids: Vec<i64>,
    asked: &AskedName,
    kind: Option<SymbolKind>,
    matches: &FxHashMap<String, NameMatch>,
) -> Result<Vec<Found>, CodebaseError> {
    file_ids.sort_unstable();
    file_ids.dedup();
    file_ids.truncate(MOST_FILES);
    let mut found = Vec::new();
    for (file, definitions) in outlines_of(connection, &file_ids).await? {
        let role = role_of(&file.path);
        for (position, definition) in definitions.list.iter().enumerate() {
            let is_meant = match kind {
                Some(kind) => definition.kind.is_meant_by(kind),
                None => !definition.kind.is_scope() && definition.kind != SymbolKind::Section,
            };
            let name = crate::lexical::markers::last_component(&definition.name);
            let Some(matched) = matches.get(&name.to_lowercase()).filter(|_| is_meant) else {
                continue;
            };
            let qualified = definitions.qualified(position);
            let matched = match *matched {
                NameMatch::Exact if !asked.fits(&qualified) => NameMatch::Close,
                NameMatch::Exact if name != asked.name => NameMatch::Spelling,
                matched => matched,
            };
            found.push(Found {
                matched,
                role,
                definition: definition.clone(),
                shown: SymbolDefinition {
                    chunk_id: Uuid::nil(),
                    repository_id: file.repository_id,
                    repository_name: file.repository_name.clone(),
                    repository_root: file.repository_root.clone(),
                    path: file.path.clone(),
                    language: file.language.clone(),
                    name: qualified,
                    kind: definition.kind,
                    start_line: definition.start_line,
                    opening_line: definition.opening_line,
                    end_line: definition.end_line,
                    signature: String::new(),
                    also_in: Vec::new(),
                },
            });
        }
    }
    let best = found.iter().map(|found| found.matched).min();
    // A definition under another parent, or in other letters, is an answer only where there is no better one.
    if matches!(best, Some(NameMatch::Exact | NameMatch::Spelling)) {
        found.retain(|found| Some(found.matched) == best);
    }
    found.sort_by(Found::order);
    Ok(found)
}

impl Found {
    fn factor(&self) -> f32 {
        self.role.factor_of_definition(&self.shown.path, self.shown.kind)
    }

    fn order(&self, other: &Found) -> std::cmp::Ordering {
        let key = |found: &Found| (found.matched, found.shown.name.len());
        let only_near = self.matched > NameMatch::Spelling;
        self.matched
            .cmp(&other.matched)
            .then_with(|| other.factor().total_cmp(&self.factor()))
            .then_with(|| {
                if only_near {
                    key(self).cmp(&key(other))
                } else {
                    std::cmp::Ordering::Equal
                }
            })
            .then_with(|| self.shown.path.cmp(&other.shown.path))
            .then_with(|| self.shown.repository_root.cmp(&other.shown.repository_root))
            .then_with(|| self.shown.opening_line.cmp(&other.shown.opening_line))
    }
}

/// Makes the definitions of worktrees and clones one: the same name, kind and path in several repositories.
pub(crate) fn merge_copies(found: Vec<Found>) -> Vec<Found> {
    let mut distinct: Vec<Found> = Vec::with_capacity(found.len());
    let mut by_place: FxHashMap<(String, String, SymbolKind), Vec<usize>> = FxHashMap::default();
    for candidate in found {
        let place = (
            candidate.shown.path.clone(),
            candidate.shown.name.clone(),
            candidate.shown.kind,
        );
        let equals = by_place.entry(place).or_default();
        let repository = candidate.shown.repository_id;
        let is_represented = |known: &Found| {
            known.shown.repository_id == repository
                || known.shown.also_in.iter().any(|copy| copy.repository_id == repository)
        };
        match equals.iter().copied().find(|&index| !is_represented(&distinct[index])) {
            Some(index) => distinct[index].shown.also_in.push(Elsewhere {
                repository_id: repository,
                repository_name: candidate.shown.repository_name,
                repository_root: candidate.shown.repository_root,
                path: candidate.shown.path,
                start_line: candidate.shown.start_line,
                end_line: candidate.shown.end_line,
            }),
            None => {
                equals.push(distinct.len());
                distinct.push(candidate);
            }
        }
    }
    distinct
}

/// The shown definitions with their chunks and heads.
pub(crate) async fn read_signatures(
    connection: &mut PgConnection,
    found: Vec<Found>,
) -> Result<Vec<SymbolDefinition>, CodebaseError> {
    let (mut repositories, mut paths, mut firsts, mut lasts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let number = |line: u32| i32::try_from(line).unwrap_or(i32::MAX);
    for Found { definition, shown, .. } in &found {
        repositories.push(shown.repository_id);
        paths.push(shown.path.as_str());
        firsts.push(number(definition.opening_line));
        lasts.push(number(
            definition.opening_line + definition.signature_lines.saturating_sub(1),
        ));
    }
    let rows = sqlx::query_file!("queries/symbol_lines.sql", &repositories, &paths as _, &firsts, &lasts)
        .fetch_all(connection)
        .await?;
    let mut shown: Vec<SymbolDefinition> = Vec::with_capacity(found.len());
    for (position, mut found) in (1..).zip(found) {
        let lines = u64::from(found.definition.signature_lines.max(1));
        let first = i64::from(found.definition.opening_line);
        for row in rows.iter().filter(|row| row.position == position) {
            if found.shown.chunk_id.is_nil() {
                found.shown.chunk_id = row.id;
            }
            let numbered = (i64::from(row.start_line)..).zip(row.content.lines());
            for (_, line) in numbered.filter(|(line, _)| (first..first + lines.cast_signed()).contains(line)) {
                append_words(&mut found.shown.signature, line);
            }
        }
        let head = found.shown.signature.trim_end_matches(['{', ' ']).to_owned();
        found.shown.signature = head;
        shown.push(found.shown);
    }
    Ok(shown)
}

/// Appends a line, its blanks drawn together, while there is room.
pub(crate) fn append_words(text: &mut String, line: &str) {
    for word in line.split_whitespace() {
        if text.len() + word.len() > MOST_SIGNATURE_BYTES {
            if !text.ends_with('…') {
                text.push('…');
            }
            return;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
}
