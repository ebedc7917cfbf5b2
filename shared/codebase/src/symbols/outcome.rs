//! What is known of a name: where it is defined and where it is used. Plain data; freshness of the index is the caller's to
//! add.

use uuid::Uuid;

use super::{SymbolKind, UseRole};
use crate::search::Elsewhere;

/// The answer to a name.
#[derive(Clone, Debug)]
pub struct SymbolOutcome {
    /// How the definitions' names came to be taken for the asked one.
    pub matched: NameMatch,
    /// Best first: code before its tests and copies, then by path.
    pub definitions: Vec<SymbolDefinition>,
    /// How many definitions there are, these and those that were skipped included.
    pub definitions_total: usize,
    /// Uses of the asked name, or of the name that it was taken for; code before its tests, then by path and line.
    pub uses: Vec<SymbolUse>,
    /// How many uses were found, these and those that were skipped included.
    pub uses_total: usize,
    /// The name is so common that not all of its uses were looked at.
    pub uses_are_more: bool,
}

/// How a name was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameMatch {
    /// As it was written.
    Exact,
    /// But for upper and lower case and underscores.
    Spelling,
    /// It begins as asked.
    Prefix,
    /// It holds all words of the asked name.
    Words,
    /// It is close to the asked name, as after a slip of the keyboard.
    Close,
    /// Nothing is called so, nor nearly so.
    Nothing,
}

impl NameMatch {
    /// The word, as in `matched: close`.
    pub fn as_str(self) -> &'static str {
        match self {
            NameMatch::Exact => "exact",
            NameMatch::Spelling => "spelling",
            NameMatch::Prefix => "prefix",
            NameMatch::Words => "words",
            NameMatch::Close => "close",
            NameMatch::Nothing => "nothing",
        }
    }
}

/// Where something is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolDefinition {
    /// The chunk it begins in.
    pub chunk_id: Uuid,
    /// Its repository.
    pub repository_id: Uuid,
    /// The repository's name.
    pub repository_name: String,
    /// The repository's directory on its machine.
    pub repository_root: String,
    /// The file, relative to that directory.
    pub path: String,
    /// The file's language, where it is known.
    pub language: Option<String>,
    /// With the names of what is around it.
    pub name: String,
    /// What it is.
    pub kind: SymbolKind,
    /// First line, from 1, with the comments before it.
    pub start_line: u32,
    /// The line its own text begins at.
    pub opening_line: u32,
    /// Last line, inclusive.
    pub end_line: u32,
    /// Its head on one line, from the opening line to where its body begins.
    pub signature: String,
    /// Other repositories of the project that define the same in the same way.
    pub also_in: Vec<Elsewhere>,
}

/// Where a name is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolUse {
    /// The chunk that holds the line.
    pub chunk_id: Uuid,
    /// Its repository.
    pub repository_id: Uuid,
    /// The repository's name.
    pub repository_name: String,
    /// The repository's directory on its machine.
    pub repository_root: String,
    /// The file, relative to that directory.
    pub path: String,
    /// The file's language, where it is known.
    pub language: Option<String>,
    /// The line, from 1.
    pub line: u32,
    /// What is done with the name there.
    pub role: UseRole,
    /// The definition around the line.
    pub enclosing: Option<String>,
    /// The line, without the blanks around it.
    pub text: String,
}
