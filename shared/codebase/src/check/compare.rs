//! A file as it was just read and cut, beside the rows that stand for it. Pure. Says what differs by kind, in words that
//! name lines and columns but no source text.

use super::{Difference, DifferenceKind, StoredChunkRow, StoredContent};
use crate::new_file::{NewChunk, NewFile};
use crate::symbols::encode_uses;

/// Lines named of each kind of difference in one file.
const MOST_NAMED: usize = 3;

/// What of the stored file is not what the file read now would give. The vectors of `read` are not looked at.
pub fn compare(read: &NewFile, stored: &StoredContent) -> Vec<Difference> {
    let found = |kind, detail: String| Difference::new(&read.path, kind, detail);
    if read.content_hash != stored.content_hash {
        if read.stamp.is_some() && read.stamp == stored.stamp {
            let detail = "other bytes than were indexed, under the size, times and inode of those";
            return vec![found(DifferenceKind::Stamp, detail.to_owned())];
        }
        let detail = format!("changed since it was indexed at {}", stored.indexed_at.to_rfc3339());
        return vec![found(DifferenceKind::Content, detail)];
    }
    if read.chunker_version != stored.chunker_version {
        let detail = format!(
            "cut by rules of version {}, now {}",
            stored.chunker_version, read.chunker_version
        );
        return vec![found(DifferenceKind::Outdated, detail)];
    }
    let kinds = [
        (DifferenceKind::File, file_faults(read, stored)),
        (DifferenceKind::Chunk, chunk_faults(read, &stored.chunks)),
        (DifferenceKind::Vector, vector_faults(&stored.chunks)),
    ];
    let with_faults = kinds.into_iter().filter(|(_, faults)| !faults.is_empty());
    with_faults
        .map(|(kind, faults)| found(kind, in_words(&faults)))
        .collect()
}

fn in_words(faults: &[String]) -> String {
    let mut words = faults[..faults.len().min(MOST_NAMED)].join("; ");
    if faults.len() > MOST_NAMED {
        words.push_str(&format!("; and {} more", faults.len() - MOST_NAMED));
    }
    words
}

fn file_faults(read: &NewFile, stored: &StoredContent) -> Vec<String> {
    let held = i32::try_from(stored.chunks.len()).unwrap_or(i32::MAX);
    let checks = [
        ("size", read.size_bytes == stored.size_bytes),
        ("language", read.language == stored.language),
        ("file type", read.file_type == stored.file_type),
        ("number of lines", read.line_count == stored.line_count),
        ("number of chunks", held == stored.chunk_count),
        ("outline", read.definitions.encode() == stored.outline),
    ];
    let wrong = checks.into_iter().filter(|(_, right)| !right);
    wrong.map(|(what, _)| format!("its row has another {what}")).collect()
}

fn chunk_faults(read: &NewFile, stored: &[StoredChunkRow]) -> Vec<String> {
    let differing = |chunk: &NewChunk, row: &StoredChunkRow| differing_columns(read, chunk, row);
    let is_equal = |(chunk, row): (&NewChunk, &StoredChunkRow)| differing(chunk, row).is_empty();
    if read.chunks.len() == stored.len() && read.chunks.iter().zip(stored).all(is_equal) {
        return Vec::new();
    }
    // Equal ones are paired first, wherever they stand; then those that begin on the same line.
    let mut rows: Vec<&StoredChunkRow> = stored.iter().collect();
    let mut unpaired: Vec<&NewChunk> = Vec::new();
    for chunk in &read.chunks {
        match rows.iter().position(|row| differing(chunk, row).is_empty()) {
            Some(position) => drop(rows.remove(position)),
            None => unpaired.push(chunk),
        }
    }
    if unpaired.is_empty() && rows.is_empty() {
        return vec!["its chunks are stored in another order than their lines".to_owned()];
    }
    let mut faults = Vec::new();
    for chunk in unpaired {
        let lines = format!("lines {}-{}", chunk.start_line, chunk.end_line);
        match rows.iter().position(|row| is_line(chunk.start_line, row.start_line)) {
            Some(position) => {
                let row = rows.remove(position);
                faults.push(format!("{lines}: other {}", differing(chunk, row).join(", ")));
            }
            None => faults.push(format!("{lines}: no chunk")),
        }
    }
    let left = rows.into_iter();
    faults.extend(left.map(|row| format!("lines {}-{}: a chunk too many", row.start_line, row.end_line)));
    faults
}

fn differing_columns(file: &NewFile, chunk: &NewChunk, row: &StoredChunkRow) -> Vec<&'static str> {
    let checks = [
        (
            "lines",
            is_line(chunk.start_line, row.start_line) && is_line(chunk.end_line, row.end_line),
        ),
        ("content", chunk.content == row.content),
        ("symbol", chunk.symbol == row.symbol),
        ("kind of symbol", chunk.symbol_kind == row.symbol_kind),
        ("defined names", chunk.defines == row.defines),
        ("used names", encode_uses(&chunk.uses) == row.uses),
        ("context before", chunk.context_before == row.context_before),
        ("context after", chunk.context_after == row.context_after),
        ("embedding hash", chunk.embedding_hash[..] == row.embedding_hash[..]),
        ("language", file.language == row.language),
        ("file type", file.file_type == row.file_type),
    ];
    let wrong = checks.into_iter().filter(|(_, right)| !right);
    wrong.map(|(what, _)| what).collect()
}

fn is_line(read: u32, stored: i32) -> bool {
    u32::try_from(stored) == Ok(read)
}

fn vector_faults(stored: &[StoredChunkRow]) -> Vec<String> {
    let fault = |row: &StoredChunkRow| match (row.has_embedding, &row.embedding_error, row.as_cached) {
        (true, None, Some(false)) => Some("another vector than its text has"),
        (true, Some(_), _) => Some("a vector, and a reason why there is none"),
        (false, None, _) => Some("no vector, and no reason why"),
        _ => None,
    };
    let named = |row: &StoredChunkRow| Some(format!("lines {}-{}: {}", row.start_line, row.end_line, fault(row)?));
    stored.iter().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::symbols::{Definition, Definitions, NameUse, SymbolKind, UseRole};

    /// What a change makes differ, and the change.
    type Changes<T, const N: usize> = [(&'static str, fn(&mut T)); N];

    fn read() -> NewFile {
        let chunk = |start_line, content: &str| NewChunk {
            content: content.to_owned(),
            start_line,
            end_line: start_line + 1,
            symbol: Some("f".to_owned()),
            symbol_kind: Some("function".to_owned()),
            defines: vec!["f".to_owned()],
            uses: vec![NameUse {
                offset: 1,
                role: UseRole::Call,
            }],
            context_before: None,
            context_after: None,
            embedding_hash: [u8::try_from(start_line).unwrap_or(0); 32],
            embedding: None,
            embedding_error: None,
        };
        NewFile {
            path: "a.rs".to_owned(),
            content_hash: [7; 32],
            size_bytes: 40,
            stamp: None,
            language: Some("rust".to_owned()),
            file_type: Some("rs".to_owned()),
            line_count: 4,
            chunker_version: 1,
            definitions: Definitions {
                list: vec![Definition {
                    name: "f".to_owned(),
                    kind: SymbolKind::Function,
                    parent: None,
                    start_line: 1,
                    opening_line: 1,
                    end_line: 4,
                    signature_lines: 1,
                }],
                ..Definitions::default()
            },
            chunks: vec![chunk(1, "one"), chunk(3, "two")],
        }
    }

    fn stored() -> StoredContent {
        let file = read();
        let row = |(number, chunk): (i64, &NewChunk)| StoredChunkRow {
            number,
            start_line: i32::try_from(chunk.start_line).unwrap_or(0),
            end_line: i32::try_from(chunk.end_line).unwrap_or(0),
            content: chunk.content.clone(),
            file_type: file.file_type.clone(),
            language: file.language.clone(),
            symbol: chunk.symbol.clone(),
            symbol_kind: chunk.symbol_kind.clone(),
            defines: chunk.defines.clone(),
            uses: encode_uses(&chunk.uses),
            context_before: None,
            context_after: None,
            embedding_hash: chunk.embedding_hash.to_vec(),
            has_embedding: true,
            embedding_error: None,
            as_cached: Some(true),
        };
        StoredContent {
            path: file.path.clone(),
            content_hash: file.content_hash,
            size_bytes: file.size_bytes,
            stamp: None,
            language: file.language.clone(),
            file_type: file.file_type.clone(),
            line_count: file.line_count,
            chunk_count: 2,
            chunker_version: file.chunker_version,
            indexed_at: DateTime::UNIX_EPOCH,
            outline: file.definitions.encode(),
            chunks: (1..).zip(&file.chunks).map(row).collect(),
        }
    }

    fn found(change: impl FnOnce(&mut StoredContent)) -> Vec<(DifferenceKind, String)> {
        let mut stored = stored();
        change(&mut stored);
        let differences = compare(&read(), &stored);
        differences
            .into_iter()
            .map(|found| (found.kind, found.detail))
            .collect()
    }

    #[test]
    fn what_is_as_it_was_read_does_not_differ() {
        assert_eq!(found(|_| ()), []);
        assert_eq!(
            found(|stored| stored.chunks[0].as_cached = None),
            [],
            "the cache may have forgotten it"
        );
    }

    #[test]
    fn each_column_of_a_chunk_counts() {
        let changes: Changes<StoredChunkRow, 11> = [
            ("lines", |row| row.end_line += 1),
            ("content", |row| row.content.push('x')),
            ("symbol", |row| row.symbol = None),
            ("kind of symbol", |row| row.symbol_kind = None),
            ("defined names", |row| row.defines.clear()),
            ("used names", |row| row.uses = None),
            ("context before", |row| row.context_before = Some(String::new())),
            ("context after", |row| row.context_after = Some(String::new())),
            ("embedding hash", |row| row.embedding_hash[0] += 1),
            ("language", |row| row.language = None),
            ("file type", |row| row.file_type = None),
        ];
        for (column, change) in changes {
            let expected = (DifferenceKind::Chunk, format!("lines 3-4: other {column}"));
            assert_eq!(found(|stored| change(&mut stored.chunks[1])), [expected]);
        }
    }

    #[test]
    fn each_column_of_a_file_counts() {
        let changes: Changes<StoredContent, 6> = [
            ("size", |stored| stored.size_bytes += 1),
            ("language", |stored| stored.language = None),
            ("file type", |stored| stored.file_type = None),
            ("number of lines", |stored| stored.line_count += 1),
            ("number of chunks", |stored| stored.chunk_count += 1),
            ("outline", |stored| stored.outline = None),
        ];
        for (column, change) in changes {
            let expected = (DifferenceKind::File, format!("its row has another {column}"));
            assert_eq!(found(change), [expected]);
        }
    }

    #[test]
    fn chunks_too_few_too_many_and_in_disorder_are_told_apart() {
        let details = |change: fn(&mut StoredContent)| {
            let all = found(|stored| {
                change(stored);
                stored.chunk_count = i32::try_from(stored.chunks.len()).unwrap_or(0);
            });
            all.into_iter().map(|(_, detail)| detail).collect::<Vec<_>>()
        };
        assert_eq!(details(|stored| drop(stored.chunks.remove(0))), ["lines 1-2: no chunk"]);
        assert_eq!(
            details(|stored| stored.chunks.push(stored.chunks[1].clone())),
            ["lines 3-4: a chunk too many"]
        );
        assert_eq!(
            details(|stored| stored.chunks.swap(0, 1)),
            ["its chunks are stored in another order than their lines"]
        );
    }

    #[test]
    fn a_vector_is_the_one_of_its_text_or_has_a_reason_to_be_absent() {
        let vector = |detail: &str| vec![(DifferenceKind::Vector, format!("lines 1-2: {detail}"))];
        assert_eq!(
            found(|stored| stored.chunks[0].as_cached = Some(false)),
            vector("another vector than its text has")
        );
        assert_eq!(
            found(|stored| stored.chunks[0].has_embedding = false),
            vector("no vector, and no reason why")
        );
        assert_eq!(
            found(|stored| stored.chunks[0].embedding_error = Some("too long".to_owned())),
            vector("a vector, and a reason why there is none")
        );
        let refused = found(|stored| {
            stored.chunks[0].has_embedding = false;
            stored.chunks[0].embedding_error = Some("too long".to_owned());
        });
        assert_eq!(refused, []);
    }

    #[test]
    fn other_bytes_and_other_rules_are_all_that_is_said() {
        let changed = found(|stored| {
            stored.content_hash = [8; 32];
            stored.chunks.clear();
        });
        assert_eq!(changed.len(), 1);
        assert_eq!(changed[0].0, DifferenceKind::Content);
        let older = found(|stored| stored.chunker_version = 0);
        assert_eq!(
            older,
            [(DifferenceKind::Outdated, "cut by rules of version 0, now 1".to_owned())]
        );
    }
}
