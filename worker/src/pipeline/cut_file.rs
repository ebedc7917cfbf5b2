//! A file that was read, cut into the rows that stand for it. Pure: the same text gives the same rows, so that an index can
//! be compared with its tree. Vectors are filled in later: see embed.rs.

use quarry_codebase::{FileStamp, NewChunk, NewFile};

use crate::chunk::{CHUNKER_VERSION, chunk, embedded_text};
use crate::walk::FileText;

/// A file without vectors yet.
pub(crate) struct CutFile {
    pub(crate) file: NewFile,
    /// The text to embed of each of its chunks.
    pub(crate) texts: Vec<String>,
}

/// Cuts the file at `path`, relative to the repository's root, which was read under `stamp`.
pub(crate) fn cut_file(path: &str, file: FileText, stamp: Option<FileStamp>) -> CutFile {
    let chunked = chunk(path, &file.text);
    let file_type = chunked.file_type.as_deref();
    let mut chunks = Vec::with_capacity(chunked.chunks.len());
    let mut texts = Vec::with_capacity(chunked.chunks.len());
    for chunk in chunked.chunks {
        let (symbol, context) = (chunk.symbol.as_deref(), chunk.context_before.as_deref());
        let text = embedded_text(file_type, symbol, context, &chunk.content);
        chunks.push(NewChunk {
            embedding_hash: *blake3::hash(text.as_bytes()).as_bytes(),
            content: chunk.content,
            start_line: chunk.start_line,
            end_line: chunk.end_line,
            symbol: chunk.symbol,
            symbol_kind: chunk.symbol_kind.map(str::to_owned),
            defines: chunk.defines,
            uses: chunk.uses,
            context_before: chunk.context_before,
            context_after: chunk.context_after,
            embedding: None,
            embedding_error: None,
        });
        texts.push(text);
    }
    let file = NewFile {
        path: path.to_owned(),
        content_hash: file.content_hash,
        size_bytes: i64::try_from(file.size_bytes).unwrap_or(i64::MAX),
        stamp,
        language: chunked.language.map(str::to_owned),
        file_type: chunked.file_type,
        line_count: i32::try_from(chunked.line_count).unwrap_or(i32::MAX),
        chunker_version: CHUNKER_VERSION,
        definitions: chunked.definitions,
        chunks,
    };
    CutFile { file, texts }
}
