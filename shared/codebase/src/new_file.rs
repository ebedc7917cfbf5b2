//! What a lane hands over for publishing: a file as it was read, cut into chunks, with their vectors. Checked here once, so
//! that one bad text is named instead of failing a whole batch inside `COPY`.
//! Never touches the database.

use std::collections::HashSet;

use crate::CodebaseError;
use crate::file_stamp::FileStamp;
use crate::half_vector::unstorable;
use crate::symbols::{Definitions, NameUse};

/// A file that was read and chunked. Its chunks tile it, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct NewFile {
    /// Relative to the repository's root, separated by `/`.
    pub path: String,
    /// BLAKE3 of the bytes on disk.
    pub content_hash: [u8; 32],
    /// Length on disk.
    pub size_bytes: i64,
    /// What the system said of it when it was read; none where that cannot be believed later.
    pub stamp: Option<FileStamp>,
    /// For example `rust`; none when no grammar knows the file.
    pub language: Option<String>,
    /// The extension without its dot, lowercase.
    pub file_type: Option<String>,
    /// Lines in the file.
    pub line_count: i32,
    /// Which rules cut it: a file that older ones cut is stale.
    pub chunker_version: i16,
    /// What the file defines.
    pub definitions: Definitions,
    /// None for an empty file.
    pub chunks: Vec<NewChunk>,
}

/// A piece of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct NewChunk {
    /// The text, line terminators included.
    pub content: String,
    /// From 1.
    pub start_line: u32,
    /// Inclusive.
    pub end_line: u32,
    /// The innermost definition that holds the chunk's first line of code.
    pub symbol: Option<String>,
    /// For example `function`.
    pub symbol_kind: Option<String>,
    /// Names of the definitions that start in the chunk.
    pub defines: Vec<String>,
    /// Where its text uses names, ascending.
    pub uses: Vec<NameUse>,
    /// What stands above it and explains it.
    pub context_before: Option<String>,
    /// What stands below it and explains it.
    pub context_after: Option<String>,
    /// BLAKE3 of the text that was embedded.
    pub embedding_hash: [u8; 32],
    /// None leaves the chunk to the lexical search; then `embedding_error` says why.
    pub embedding: Option<Vec<f32>>,
    /// Why there is no vector.
    pub embedding_error: Option<String>,
}

impl NewChunk {
    /// The vector that can be stored, or the reason why there is none.
    pub(crate) fn storable_embedding(&self) -> Result<&[f32], Option<&str>> {
        let Some(vector) = self.embedding.as_deref() else {
            return Err(self.embedding_error.as_deref());
        };
        match unstorable(vector) {
            None => Ok(vector),
            reason => Err(reason),
        }
    }
}

/// Refuses what the tables cannot hold: `dimensions` is that of the project's vectors, once they are pinned.
pub(crate) fn check_batch(files: &[NewFile], removed: &[String], dimensions: Option<u32>) -> Result<(), CodebaseError> {
    let mut seen = HashSet::with_capacity(files.len() + removed.len());
    for path in files.iter().map(|file| &file.path).chain(removed) {
        if !seen.insert(path.as_str()) {
            return Err(invalid(path, "it stands twice in one batch"));
        }
    }
    for file in files {
        check_file(file, dimensions)?;
    }
    Ok(())
}

fn check_file(file: &NewFile, dimensions: Option<u32>) -> Result<(), CodebaseError> {
    if file.path.is_empty() || file.path.contains('\0') {
        return Err(invalid(&file.path, "its path is empty or holds a zero byte"));
    }
    if file
        .definitions
        .list
        .iter()
        .any(|definition| definition.name.contains('\0'))
    {
        return Err(invalid(&file.path, "the name of a definition holds a zero byte"));
    }
    for chunk in &file.chunks {
        let lines_fit =
            chunk.start_line > 0 && chunk.end_line >= chunk.start_line && i32::try_from(chunk.end_line).is_ok();
        if !lines_fit {
            let lines = format!("{}-{}", chunk.start_line, chunk.end_line);
            return Err(invalid(&file.path, &format!("chunk of lines {lines}")));
        }
        let optional = [
            &chunk.symbol,
            &chunk.symbol_kind,
            &chunk.context_before,
            &chunk.context_after,
            &chunk.embedding_error,
        ];
        let mut texts = optional.into_iter().flatten().chain(&chunk.defines);
        if chunk.content.contains('\0') || texts.any(|text| text.contains('\0')) {
            return Err(invalid(&file.path, "its text holds a zero byte"));
        }
        check_dimension(chunk.embedding.as_deref(), dimensions)?;
    }
    Ok(())
}

fn check_dimension(vector: Option<&[f32]>, expected: Option<u32>) -> Result<(), CodebaseError> {
    let (Some(vector), Some(expected)) = (vector, expected) else {
        return Ok(());
    };
    let found = u32::try_from(vector.len()).unwrap_or(u32::MAX);
    if found == expected {
        return Ok(());
    }
    Err(CodebaseError::WrongDimension { expected, found })
}

fn invalid(path: &str, reason: &str) -> CodebaseError {
    CodebaseError::InvalidFile {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}
