//! Which nodes of a grammar are names that something is done with, what that is, and which statements import.
//! Read by `outline.rs` for each node without children. Decided by the kinds of the node and of the one around it, and by
//! what follows in the text: resolving names is a compiler's work.

use quarry_codebase::UseRole;

/// Kinds of names that do not say "identifier".
#[rustfmt::skip] // a table: one language a line
const NAMES: &[&str] = &[
    "name", "variable", "constructor", // Haskell; PHP has the first
    "constant", "instance_variable", "class_variable", "global_variable", // Ruby
    "variable_name", // Bash
    "alias", // Elixir
    "value_name", "module_name", "module_type_name", "constructor_name", "type_constructor", "field_name", // OCaml
    "method_name", "class_name", "class_type_name", "label_name", // OCaml
];

/// Statements that import. PHP calls something else a `use_declaration`, JavaScript a `using_declaration`.
#[rustfmt::skip] // a table: one language a line
const IMPORTS: &[&str] = &[
    "use_declaration", "extern_crate_declaration", // Rust
    "import_from_statement", "future_import_statement", // Python
    "import_statement", // Python, JavaScript, TypeScript, Julia
    "import_declaration", // Go, Java, Scala, Swift
    "preproc_include", "using_declaration", // C, C++
    "using_directive", // C#
    "namespace_use_declaration", // PHP
    "import", // Kotlin, Haskell
    "using_statement", // Julia
    "open_module", // OCaml
    "import_or_export", // Dart
];

/// Per kind of node of one grammar.
#[derive(Debug)]
pub(super) struct NameKinds {
    roles: Vec<Option<UseRole>>,
    around: Vec<Around>,
}

/// What a node says of the names directly in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Around {
    Nothing,
    Type,
    Command,
    Import,
}

impl NameKinds {
    /// For the kinds of a grammar in the order of their numbers; unnamed ones are empty.
    pub(super) fn of<'kinds>(kinds: impl Iterator<Item = &'kinds str>, language: &str) -> NameKinds {
        let (roles, around): (Vec<_>, Vec<_>) = kinds.map(|kind| (role_of_kind(kind), around(kind, language))).unzip();
        NameKinds { roles, around }
    }

    pub(super) fn imports(&self, kind: u16) -> bool {
        self.around(kind) == Around::Import
    }

    /// What is done with a name of this kind in a node of that kind; none where it is not a name.
    pub(super) fn role(&self, kind: u16, parent: Option<u16>) -> Option<UseRole> {
        let parent = parent.map_or(Around::Nothing, |parent| self.around(parent));
        if parent == Around::Command {
            return Some(UseRole::Call);
        }
        match (*self.roles.get(usize::from(kind))?)? {
            UseRole::Reference if parent == Around::Type => Some(UseRole::Type),
            role => Some(role),
        }
    }

    fn around(&self, kind: u16) -> Around {
        self.around.get(usize::from(kind)).copied().unwrap_or(Around::Nothing)
    }
}

fn role_of_kind(kind: &str) -> Option<UseRole> {
    let is_name = kind.contains("identifier") || NAMES.contains(&kind);
    is_name.then(|| {
        if kind.contains("type") {
            UseRole::Type
        } else {
            UseRole::Reference
        }
    })
}

fn around(kind: &str, language: &str) -> Around {
    match (kind, language) {
        ("use_declaration", "php") | ("using_declaration", "javascript" | "typescript" | "tsx") => Around::Nothing,
        ("using_statement", "csharp") => Around::Nothing,
        _ if IMPORTS.contains(&kind) => Around::Import,
        ("command_name", "bash") => Around::Command,
        (
            "type"
            | "generic_type"
            | "user_type"
            | "type_annotation"
            | "type_arguments"
            | "superclass"
            | "class_heritage"
            | "extends_clause"
            | "implements_clause"
            | "base_class_clause"
            | "delegation_specifier"
            | "named_type",
            _,
        ) => Around::Type,
        _ => Around::Nothing,
    }
}

/// What is done with a name that this text follows.
pub(super) fn role_by_text(behind: &[u8]) -> UseRole {
    let behind = behind.strip_prefix(b" ").unwrap_or(behind);
    match behind {
        [b'(', ..] | [b':', b':', b'<', ..] | [b'!', b'(' | b'[' | b'{', ..] => UseRole::Call,
        _ => UseRole::Reference,
    }
}
