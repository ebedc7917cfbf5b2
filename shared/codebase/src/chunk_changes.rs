//! Compares a file's stored chunks with its new ones, so that a save writes only what changed: most chunks of an edited
//! file are the same, and each one left alone spares a dead vector, a tombstone and an entry of every index.
//! Never touches the database.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use crate::new_file::NewChunk;
use crate::symbols::encode_uses;

/// A stored chunk, without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredChunk {
    pub(crate) number: i64,
    pub(crate) start_line: i32,
    pub(crate) end_line: i32,
}

/// A chunk that only changed its place in the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MovedChunk {
    pub(crate) number: i64,
    pub(crate) start_line: i32,
    pub(crate) end_line: i32,
}

/// The stored chunks of one file by everything about them except their lines. Equal ones wait in the order of their lines.
#[derive(Debug, Default)]
pub(crate) struct StoredChunks {
    by_fingerprint: HashMap<[u8; 32], VecDeque<StoredChunk>>,
}

/// What to write for one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ChunkChanges {
    /// Positions in the list of new chunks.
    pub(crate) insert: Vec<usize>,
    pub(crate) moved: Vec<MovedChunk>,
    pub(crate) kept: usize,
    /// Numbers of stored chunks that no new chunk equals.
    pub(crate) delete: Vec<i64>,
}

impl StoredChunks {
    /// To be called in the order of lines.
    pub(crate) fn add(&mut self, fingerprint: [u8; 32], chunk: StoredChunk) {
        self.by_fingerprint.entry(fingerprint).or_default().push_back(chunk);
    }

    pub(crate) fn compare(mut self, new: &[([u8; 32], i32, i32)]) -> ChunkChanges {
        let mut changes = ChunkChanges::default();
        for (position, (fingerprint, start_line, end_line)) in new.iter().enumerate() {
            let equal = self.by_fingerprint.get_mut(fingerprint);
            match equal.and_then(VecDeque::pop_front) {
                None => changes.insert.push(position),
                Some(stored) if (stored.start_line, stored.end_line) == (*start_line, *end_line) => {
                    changes.kept += 1;
                }
                Some(stored) => changes.moved.push(MovedChunk {
                    number: stored.number,
                    start_line: *start_line,
                    end_line: *end_line,
                }),
            }
        }
        let left = self.by_fingerprint.into_values().flatten();
        changes.delete = left.map(|chunk| chunk.number).collect();
        changes.delete.sort_unstable();
        changes
    }
}

/// Everything a chunk's row says except its lines, its id and when it was written.
pub(crate) struct Described<'a> {
    pub(crate) content: &'a str,
    pub(crate) file_type: Option<&'a str>,
    pub(crate) language: Option<&'a str>,
    pub(crate) symbol: Option<&'a str>,
    pub(crate) symbol_kind: Option<&'a str>,
    pub(crate) defines: &'a [String],
    pub(crate) uses: Option<Cow<'a, [u8]>>,
    pub(crate) context_before: Option<&'a str>,
    pub(crate) context_after: Option<&'a str>,
    pub(crate) embedding_hash: &'a [u8],
    pub(crate) has_embedding: bool,
    pub(crate) embedding_error: Option<&'a str>,
}

impl<'a> Described<'a> {
    pub(crate) fn of_new(chunk: &'a NewChunk, file_type: Option<&'a str>, language: Option<&'a str>) -> Described<'a> {
        let embedding = chunk.storable_embedding();
        Described {
            content: &chunk.content,
            file_type,
            language,
            symbol: chunk.symbol.as_deref(),
            symbol_kind: chunk.symbol_kind.as_deref(),
            defines: &chunk.defines,
            uses: encode_uses(&chunk.uses).map(Cow::Owned),
            context_before: chunk.context_before.as_deref(),
            context_after: chunk.context_after.as_deref(),
            embedding_hash: &chunk.embedding_hash,
            has_embedding: embedding.is_ok(),
            embedding_error: embedding.err().flatten(),
        }
    }

    /// Every field with its length, so that no two different rows run together. The vector itself is not part of it:
    /// one model per project gives one vector per embedded text, and that text's hash is.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        let mut field = |bytes: Option<&[u8]>| {
            let length = bytes.map_or(u64::MAX, |bytes| bytes.len() as u64);
            hasher.update(&length.to_le_bytes());
            hasher.update(bytes.unwrap_or_default());
        };
        field(Some(self.content.as_bytes()));
        for text in [
            self.file_type,
            self.language,
            self.symbol,
            self.symbol_kind,
            self.context_before,
            self.context_after,
            self.embedding_error,
        ] {
            field(text.map(str::as_bytes));
        }
        field(self.uses.as_deref());
        field(Some(self.embedding_hash));
        field(Some(&[u8::from(self.has_embedding)]));
        for name in self.defines {
            field(Some(name.as_bytes()));
        }
        *hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(chunks: &[(u8, i64, i32, i32)]) -> StoredChunks {
        let mut stored = StoredChunks::default();
        for (fingerprint, number, start_line, end_line) in chunks {
            stored.add(
                [*fingerprint; 32],
                StoredChunk {
                    number: *number,
                    start_line: *start_line,
                    end_line: *end_line,
                },
            );
        }
        stored
    }

    #[test]
    fn unchanged_chunks_are_left_alone_and_shifted_ones_are_moved() {
        let old = stored(&[(1, 10, 1, 5), (2, 11, 6, 9), (3, 12, 10, 20)]);
        let new = [([1; 32], 1, 5), ([9; 32], 6, 10), ([3; 32], 11, 21)];
        let changes = old.compare(&new);
        assert_eq!(changes.kept, 1);
        assert_eq!(changes.insert, [1]);
        assert_eq!(changes.delete, [11]);
        let moved = MovedChunk {
            number: 12,
            start_line: 11,
            end_line: 21,
        };
        assert_eq!(changes.moved, [moved]);
    }

    #[test]
    fn equal_chunks_are_paired_one_to_one() {
        let old = stored(&[(1, 10, 1, 1), (1, 11, 2, 2), (1, 12, 3, 3)]);
        let changes = old.compare(&[([1; 32], 1, 1), ([1; 32], 2, 2)]);
        assert_eq!((changes.kept, changes.delete), (2, vec![12]));
        let grown = stored(&[(1, 10, 1, 1)]).compare(&[([1; 32], 1, 1), ([1; 32], 2, 2)]);
        assert_eq!((grown.kept, grown.insert), (1, vec![1]));
    }
}
