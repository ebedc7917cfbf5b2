//! Text into chunks: whole lines that hold together, each with the name of what it is about.
//! Hands the chunks of one file to embedding and storage. Pure: reads no file, and the same text gives the same chunks on
//! every machine, except for hostile texts on which the parser's time runs out.
//!
//! The chunks tile the file: their contents, joined, are the text, so the index can answer with any range of lines. A file
//! of blank lines only has none. Stages, in order: [`mod@language`] (which grammar), `outline` (definitions, from one
//! parse), `sections` (where to cut code) or `prose` (where to cut text), `label` (what each piece is about).
//!
//! What is embedded of a chunk stands in `embedded_text`; the lexical index sees the same, and the path.

mod bounded_parse;
mod definition_rules;
mod embedded_text;
mod grammar;
mod imports;
mod item_macros;
mod label;
pub mod language;
mod lines;
mod markdown_headings;
mod name_uses;
mod names;
mod notebook;
mod outline;
mod prose;
mod scanner_limits;
mod sections;
mod sizes;

use quarry_codebase::{Definition, Definitions, NameSeparator, NameUse};

pub use embedded_text::embedded_text;
use language::{Language, Syntax};
use lines::Lines;
use notebook::Notebook;
use outline::Outline;
pub use sizes::ChunkSizes;

/// Goes up whenever the same bytes would give other chunks, or another embedded text, or be refused where they were not or the
/// other way round: an index then reads its files again.
pub const CHUNKER_VERSION: i16 = 6;

/// One file, cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkedFile {
    /// Name of the language in lower case, where it is known.
    pub language: Option<&'static str>,
    /// Extension in lower case; the name, in lower case, of a file without one.
    pub file_type: Option<String>,
    /// Number of lines; a last line without an end counts.
    pub line_count: u32,
    /// What the file defines.
    pub definitions: Definitions,
    /// The chunks in the order of their lines.
    pub chunks: Vec<Chunk>,
}

/// Some whole lines of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The lines with their ends.
    pub content: String,
    /// First line, from 1.
    pub start_line: u32,
    /// Last line, inclusive.
    pub end_line: u32,
    /// What the chunk is about, qualified by its parents: `Queue::claim`, `Registry.open`, `Guide > Install`.
    pub symbol: Option<String>,
    /// What the symbol is: function, method, class, struct, enum, trait, interface, module, type, constant, macro, section,
    /// or what extends one of these: impl, extension, instance, namespace.
    pub symbol_kind: Option<&'static str>,
    /// Unqualified names of the definitions that start in the chunk.
    pub defines: Vec<String>,
    /// Where its text uses names, ascending.
    pub uses: Vec<NameUse>,
    /// The imports above the chunk of names that it uses, then the opening lines of what encloses it and starts above it,
    /// outermost first.
    pub context_before: Option<String>,
    /// The next line of code, where a function goes on in the next chunk.
    pub context_after: Option<String>,
}

/// Cuts `text`, the content of the file at `path`. Never fails: what cannot be parsed is cut as plain text.
pub fn chunk(path: &str, text: &str) -> ChunkedFile {
    chunk_into(path, text, ChunkSizes::CHOSEN)
}

/// The same into chunks of other sizes, to measure what sizes are good for.
pub fn chunk_into(path: &str, text: &str, sizes: ChunkSizes) -> ChunkedFile {
    let language = language::detect(path, text);
    let lines = Lines::of(text);
    if matches!(language.map(Language::syntax), Some(Syntax::Notebook))
        && let Some(notebook) = notebook::read(&lines)
    {
        return chunk_notebook(path, &lines, &notebook, sizes);
    }
    let outline = outline(language, text, &lines);
    let sections = match (language.map(Language::syntax), outline.has_structure()) {
        (Some(Syntax::Code(_)), true) => sections::cut_code(&lines, &outline, sizes),
        (Some(Syntax::Markdown), _) => prose::cut_markdown(&lines, sizes),
        _ => prose::cut_text(&lines, sizes),
    };
    ChunkedFile {
        language: language.map(Language::name),
        file_type: language::file_type(path),
        line_count: to_u32(lines.count()),
        definitions: definitions(&outline, language),
        chunks: label::label(&lines, &outline, &sections, language),
    }
}

fn chunk_notebook(path: &str, lines: &Lines<'_>, notebook: &Notebook, sizes: ChunkSizes) -> ChunkedFile {
    let language = language::find(&notebook.language);
    let code = Lines::of(&notebook.code);
    let mut outline = outline(language, &notebook.code, &code);
    // Cells import for each other: what one needs of that is a guess.
    outline.imports.clear();
    outline.uses = notebook.uses_in_file(lines, &code, &outline.uses);
    outline.take_in(markdown_headings::headings(&Lines::of(&notebook.prose)));
    let sections = notebook.sections(lines, sizes);
    let mut chunks = label::label(lines, &outline, &sections, language);
    for chunk in &mut chunks {
        // The opening lines of what encloses a chunk are JSON here.
        chunk.context_before = None;
        chunk.context_after = None;
    }
    ChunkedFile {
        language: Some(language.map_or("notebook", Language::name)),
        file_type: language::file_type(path),
        line_count: to_u32(lines.count()),
        definitions: definitions(&outline, language),
        chunks,
    }
}

fn outline(language: Option<&'static Language>, text: &str, lines: &Lines<'_>) -> Outline {
    match language.map(|language| (language, language.syntax())) {
        Some((language, Syntax::Code(_))) => outline::parse(language, text, lines).unwrap_or_default(),
        Some((_, Syntax::Markdown)) => markdown_headings::headings(lines),
        _ => Outline::default(),
    }
}

fn definitions(outline: &Outline, language: Option<&'static Language>) -> Definitions {
    let definition = |definition: &outline::Definition| Definition {
        name: definition.name.clone(),
        kind: definition
            .kind
            .parse()
            .expect("a test shows that every kind of a rule is a kind of symbol"),
        parent: definition.parent.map(to_u32),
        start_line: to_u32(definition.lines.start + 1),
        opening_line: to_u32(definition.opening_line + 1),
        end_line: to_u32(definition.lines.end),
        signature_lines: to_u32(definition.signature_lines),
    };
    Definitions {
        separator: language.map_or(NameSeparator::Dot, Language::separator),
        list: outline.definitions.iter().map(definition).collect(),
    }
}

fn to_u32(lines: usize) -> u32 {
    u32::try_from(lines).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
