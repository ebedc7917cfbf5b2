//! Which of a file's imports a piece of it needs: those of names that it uses. Shown beside a chunk as its context, so that
//! `Engine` in one is told from `Engine` in another. Never resolves a name: the same name is taken for the same thing.

use std::ops::Range;

use quarry_codebase::UseRole;
use rustc_hash::FxHashSet;

use super::lines::Lines;
use super::outline::Outline;

/// More imports than these say less of a chunk than its own text.
const MAX_IMPORTS_BYTES: usize = 200;

/// The imports of one file.
pub(super) struct Imports<'file> {
    statements: Vec<Statement<'file>>,
}

struct Statement<'file> {
    bytes: Range<usize>,
    names: Vec<&'file str>,
}

impl<'file> Imports<'file> {
    pub(super) fn of(lines: &Lines<'file>, outline: &Outline) -> Imports<'file> {
        let text = lines.text();
        let names_in = |bytes: &Range<usize>| {
            let from = outline.uses.partition_point(|(offset, _)| *offset < bytes.start);
            let to = outline.uses.partition_point(|(offset, _)| *offset < bytes.end);
            let all = outline.uses[from..to]
                .iter()
                .map(|(offset, _)| (*offset, name_at(text, *offset)));
            // Of a path only the end is what it brings in.
            let ends = all.filter(|(offset, name)| !text[offset + name.len()..].starts_with(['.', ':']));
            ends.map(|(_, name)| name).collect()
        };
        let statements = outline.imports.iter().map(|bytes| Statement {
            names: names_in(bytes),
            bytes: bytes.clone(),
        });
        Imports {
            statements: statements.collect(),
        }
    }

    /// The imports above a section of names that are used in it, each on one line, in their order.
    pub(super) fn used_in(&self, lines: &Lines<'_>, outline: &Outline, section: &Range<usize>) -> Vec<String> {
        let (start, end) = (lines.start(section.start), lines.start(section.end));
        if self.statements.first().is_none_or(|first| first.bytes.end > start) {
            return Vec::new();
        }
        let from = outline.uses.partition_point(|(offset, _)| *offset < start);
        let to = outline.uses.partition_point(|(offset, _)| *offset < end);
        let used: FxHashSet<&str> = outline.uses[from..to]
            .iter()
            .filter(|(_, role)| *role != UseRole::Import)
            .map(|(offset, _)| name_at(lines.text(), *offset))
            .collect();
        let mut left = MAX_IMPORTS_BYTES;
        let mut needed = Vec::new();
        for statement in self
            .statements
            .iter()
            .take_while(|statement| statement.bytes.end <= start)
        {
            if !statement.names.iter().any(|name| used.contains(name)) {
                continue;
            }
            let line = on_one_line(&lines.text()[statement.bytes.clone()], left);
            if line.is_empty() {
                break;
            }
            left = left.saturating_sub(line.len() + 1);
            needed.push(line);
        }
        needed
    }
}

pub(super) fn name_at(text: &str, offset: usize) -> &str {
    let rest = &text[offset..];
    let end = rest.find(|character: char| !(character.is_alphanumeric() || character == '_' || character == '$'));
    &rest[..end.unwrap_or(rest.len())]
}

/// As many words as fit.
fn on_one_line(statement: &str, max_bytes: usize) -> String {
    let mut line = String::new();
    for word in statement.split_whitespace() {
        if line.len() + 1 + word.len() > max_bytes {
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}
