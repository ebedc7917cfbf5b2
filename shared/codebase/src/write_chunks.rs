//! Writes new chunks: many by binary `COPY`, a few by one `insert`. Whoever saved a file waits for the latter, and a `COPY`
//! costs a pause: sqlx leaves Nagle's algorithm on, so that of its two small messages, rows and end, the second waits for
//! the first to be acknowledged, and Linux acknowledges after 40 ms.
//! Never decides which chunks those are: see chunk_changes.rs.

use pgvector::HalfVector;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::CodebaseError;
use crate::chunk_rows::line;
use crate::copy::BinaryCopy;
use crate::half_vector::stored_form;
use crate::new_file::{NewChunk, NewFile};
use crate::symbols::encode_uses;

/// Up to so many rows an `insert` takes less time than the pause of a `COPY`.
const MOST_INSERTED: usize = 200;

const COPY_CHUNKS: &str = "copy codebase.code_chunks (
    id, number, repository_id, file_path, file_type, language, content, start_line, end_line,
    symbol, symbol_kind, defines, uses, embedding, embedding_error, embedding_hash, context_before, context_after
) from stdin (format binary)";
const COPIED_COLUMNS: i16 = 18;

/// A chunk with its file and its number.
pub(crate) type NumberedChunk<'a> = (&'a NewFile, &'a NewChunk, i64);

/// Writes new chunks and returns how many there were.
pub(crate) async fn write_chunks(
    connection: &mut PgConnection,
    repository_id: Uuid,
    chunks: impl ExactSizeIterator<Item = NumberedChunk<'_>>,
) -> Result<u64, CodebaseError> {
    match chunks.len() {
        0 => Ok(0),
        1..=MOST_INSERTED => insert_chunks(connection, repository_id, chunks).await,
        _ => copy_chunks(connection, repository_id, chunks).await,
    }
}

async fn copy_chunks(
    connection: &mut PgConnection,
    repository_id: Uuid,
    chunks: impl Iterator<Item = NumberedChunk<'_>>,
) -> Result<u64, CodebaseError> {
    let mut copy = BinaryCopy::start(connection, COPY_CHUNKS, COPIED_COLUMNS).await?;
    for (file, chunk, number) in chunks {
        let embedding = chunk.storable_embedding();
        let row = copy.begin_row();
        row.uuid(Uuid::now_v7());
        row.int8(number);
        row.uuid(repository_id);
        row.text(&file.path);
        row.optional_text(file.file_type.as_deref());
        row.optional_text(file.language.as_deref());
        row.text(&chunk.content);
        row.int4(line(chunk.start_line));
        row.int4(line(chunk.end_line));
        row.optional_text(chunk.symbol.as_deref());
        row.optional_text(chunk.symbol_kind.as_deref());
        row.text_array(&chunk.defines);
        row.optional_bytea(encode_uses(&chunk.uses).as_deref());
        match embedding {
            Ok(vector) => {
                row.half_vector(&stored_form(vector));
                row.null();
            }
            Err(reason) => {
                row.null();
                row.optional_text(reason);
            }
        }
        row.bytea(&chunk.embedding_hash);
        row.optional_text(chunk.context_before.as_deref());
        row.optional_text(chunk.context_after.as_deref());
        copy.end_row().await?;
    }
    copy.finish().await
}

/// The columns of chunks, side by side as `unnest` wants them.
#[derive(Default)]
struct Columns<'a> {
    ids: Vec<Uuid>,
    numbers: Vec<i64>,
    paths: Vec<&'a str>,
    file_types: Vec<Option<&'a str>>,
    languages: Vec<Option<&'a str>>,
    contents: Vec<&'a str>,
    starts: Vec<i32>,
    ends: Vec<i32>,
    symbols: Vec<Option<&'a str>>,
    symbol_kinds: Vec<Option<&'a str>>,
    /// The names of all chunks, one after the other.
    names: Vec<&'a str>,
    first_names: Vec<i32>,
    last_names: Vec<i32>,
    uses: Vec<Option<Vec<u8>>>,
    embeddings: Vec<Option<HalfVector>>,
    embedding_errors: Vec<Option<&'a str>>,
    embedding_hashes: Vec<&'a [u8]>,
    contexts_before: Vec<Option<&'a str>>,
    contexts_after: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, (file, chunk, number): NumberedChunk<'a>) {
        let count = |names: &[&str]| i32::try_from(names.len()).expect("a few chunks define fewer than 2^31 names");
        self.ids.push(Uuid::now_v7());
        self.numbers.push(number);
        self.paths.push(&file.path);
        self.file_types.push(file.file_type.as_deref());
        self.languages.push(file.language.as_deref());
        self.contents.push(&chunk.content);
        self.starts.push(line(chunk.start_line));
        self.ends.push(line(chunk.end_line));
        self.symbols.push(chunk.symbol.as_deref());
        self.symbol_kinds.push(chunk.symbol_kind.as_deref());
        self.first_names.push(count(&self.names) + 1);
        self.names.extend(chunk.defines.iter().map(String::as_str));
        self.last_names.push(count(&self.names));
        self.uses.push(encode_uses(&chunk.uses));
        let (vector, reason) = match chunk.storable_embedding() {
            Ok(vector) => (Some(stored_form(vector)), None),
            Err(reason) => (None, reason),
        };
        self.embeddings.push(vector);
        self.embedding_errors.push(reason);
        self.embedding_hashes.push(&chunk.embedding_hash);
        self.contexts_before.push(chunk.context_before.as_deref());
        self.contexts_after.push(chunk.context_after.as_deref());
    }
}

async fn insert_chunks(
    connection: &mut PgConnection,
    repository_id: Uuid,
    chunks: impl Iterator<Item = NumberedChunk<'_>>,
) -> Result<u64, CodebaseError> {
    let mut columns = Columns::default();
    for chunk in chunks {
        columns.push(chunk);
    }
    let inserted = sqlx::query_file!(
        "queries/insert_chunks.sql",
        repository_id,
        &columns.ids,
        &columns.numbers,
        &columns.paths as _,
        &columns.file_types as _,
        &columns.languages as _,
        &columns.contents as _,
        &columns.starts,
        &columns.ends,
        &columns.symbols as _,
        &columns.symbol_kinds as _,
        &columns.names as _,
        &columns.first_names,
        &columns.last_names,
        &columns.uses as _,
        &columns.embeddings as _,
        &columns.embedding_errors as _,
        &columns.embedding_hashes as _,
        &columns.contexts_before as _,
        &columns.contexts_after as _
    )
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected())
}
