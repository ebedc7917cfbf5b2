//! What a file defines, in order: the neighbours of a hit, without reading the file's text.

use sqlx::PgPool;
use uuid::Uuid;

use super::SymbolKind;
use super::definitions::Definitions;
use super::find_definitions::append_words;
use crate::CodebaseError;
use crate::read_lines::not_indexed;

/// The outline of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOutline {
    /// The file, relative to the repository's root.
    pub path: String,
    /// Its language, where it is known.
    pub language: Option<String>,
    /// Its lines.
    pub total_lines: u32,
    /// What it defines, parents before what they hold; empty where no grammar knows the language.
    pub entries: Vec<OutlineEntry>,
}

/// One definition of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlineEntry {
    /// Its own name.
    pub name: String,
    /// With the names of what is around it.
    pub qualified: String,
    /// What it is.
    pub kind: SymbolKind,
    /// How many definitions are around it.
    pub depth: u32,
    /// First line, from 1, with the comments before it.
    pub start_line: u32,
    /// The line its own text begins at.
    pub opening_line: u32,
    /// Last line, inclusive.
    pub end_line: u32,
    /// Its head on one line.
    pub signature: String,
}

/// What the file at `path` defines.
///
/// # Errors
/// [`CodebaseError::NotFound`] when the file is not in the index, with similar paths.
pub async fn file_outline(pool: &PgPool, repository_id: Uuid, path: &str) -> Result<FileOutline, CodebaseError> {
    let mut transaction = pool
        .begin_with("begin isolation level repeatable read read only")
        .await?;
    let file = sqlx::query!(
        r#"select file.path, file.language, file.line_count, outline.outline as "outline?"
           from codebase.files as file
           left join codebase.file_outlines as outline on outline.file_id = file.id
           where file.repository_id = $1 and file.path = $2"#,
        repository_id,
        path
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(file) = file else {
        return Err(not_indexed(&mut transaction, repository_id, path).await?);
    };
    let definitions = file
        .outline
        .as_deref()
        .and_then(Definitions::decode)
        .unwrap_or_default();
    let chunks = sqlx::query_scalar!(
        "select content
         from codebase.code_chunks
         where repository_id = $1 and file_path = $2
         order by start_line, number",
        repository_id,
        path
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    let text = chunks.concat();
    let lines: Vec<&str> = text.lines().collect();
    let entries = (0..definitions.list.len()).map(|position| entry(&definitions, position, &lines));
    Ok(FileOutline {
        path: file.path,
        language: file.language,
        total_lines: u32::try_from(file.line_count).unwrap_or(0),
        entries: entries.collect(),
    })
}

fn entry(definitions: &Definitions, position: usize, lines: &[&str]) -> OutlineEntry {
    let definition = &definitions.list[position];
    let first = definition.opening_line.saturating_sub(1) as usize;
    let mut signature = String::new();
    for line in lines
        .iter()
        .skip(first)
        .take(definition.signature_lines.max(1) as usize)
    {
        append_words(&mut signature, line);
    }
    OutlineEntry {
        name: definition.name.clone(),
        qualified: definitions.qualified(position),
        kind: definition.kind,
        depth: u32::try_from(definitions.depth(position)).unwrap_or(0),
        start_line: definition.start_line,
        opening_line: definition.opening_line,
        end_line: definition.end_line,
        signature: signature.trim_end_matches(['{', ' ']).to_owned(),
    }
}
