//! One way in which an index differs from what it should hold. Names a path and a kind, never any source text.

use std::fmt;

use serde::{Serialize, Serializer};

/// A difference between the index and the tree, or within the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The file, relative to the repository's root; empty where no single file is concerned.
    pub path: String,
    /// What kind of difference.
    pub kind: DifferenceKind,
    /// What differs, in words.
    pub detail: String,
}

impl Difference {
    /// A difference at a path.
    pub fn new(path: impl Into<String>, kind: DifferenceKind, detail: impl Into<String>) -> Difference {
        Difference {
            path: path.into(),
            kind,
            detail: detail.into(),
        }
    }
}

/// What kind of difference. The names are stable: scripts read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DifferenceKind {
    /// The tree has the file, the index has not.
    Missing,
    /// The index has the file, the tree has not, or a rule leaves it out.
    Extra,
    /// The file's bytes are other ones than were indexed.
    Content,
    /// The file's bytes are other ones than were indexed or refused, but it looks as it did then: only a comparison that
    /// reads every file sees it.
    Stamp,
    /// The file was cut by older rules.
    Outdated,
    /// The file's row says something else than the file.
    File,
    /// A chunk is missing, too many, or says something else than its lines.
    Chunk,
    /// A chunk has no vector and no reason for that, or another vector than its text.
    Vector,
    /// Chunks of a file that the index does not have.
    LooseChunks,
    /// The index of words does not agree with the chunks.
    Lexical,
    /// The repository's counters are not what it holds.
    Counter,
    /// The project's database has seen a higher fence than the queue ever gave out: nothing can be published.
    Fence,
    /// Work on the file or the repository stands parked with an error: nobody tries it again by itself.
    Parked,
}

impl DifferenceKind {
    /// The stable name, in snake case.
    pub fn as_str(self) -> &'static str {
        match self {
            DifferenceKind::Missing => "missing",
            DifferenceKind::Extra => "extra",
            DifferenceKind::Content => "content",
            DifferenceKind::Stamp => "stamp",
            DifferenceKind::Outdated => "outdated",
            DifferenceKind::File => "file",
            DifferenceKind::Chunk => "chunk",
            DifferenceKind::Vector => "vector",
            DifferenceKind::LooseChunks => "loose_chunks",
            DifferenceKind::Lexical => "lexical",
            DifferenceKind::Counter => "counter",
            DifferenceKind::Fence => "fence",
            DifferenceKind::Parked => "parked",
        }
    }

    /// Whether a comparison of the tree with the stored hashes sees it, so that an ordinary sync puts it right.
    pub fn is_seen_by_a_sync(self) -> bool {
        matches!(
            self,
            DifferenceKind::Missing | DifferenceKind::Extra | DifferenceKind::Content | DifferenceKind::Outdated
        )
    }
}

impl fmt::Display for DifferenceKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for DifferenceKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
