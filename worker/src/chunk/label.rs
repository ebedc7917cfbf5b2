//! Names what each section is about and writes the chunks.
//! Takes sections and the outline of a file, hands out its chunks in order. Never moves a cut.

use std::ops::Range;

use quarry_codebase::{NameSeparator, NameUse};

use super::definition_rules::{is_function, is_scope};
use super::imports::Imports;
use super::language::Language;
use super::lines::Lines;
use super::names::unqualified;
use super::outline::{Definition, Outline};
use super::{Chunk, to_u32};

/// Context is for readers and embeddings; more would drown the chunk itself.
const MAX_CONTEXT_BYTES: usize = 300;

/// Writes one chunk for each section.
pub(super) fn label(
    lines: &Lines<'_>,
    outline: &Outline,
    sections: &[Range<usize>],
    language: Option<&'static Language>,
) -> Vec<Chunk> {
    let separator = language.map_or(NameSeparator::Dot, Language::separator).as_str();
    let imports = Imports::of(lines, outline);
    let chunks = sections.iter().map(|section| {
        let first_code = first_code_line(lines, outline, section);
        let around = enclosing(outline, first_code);
        let about = subject(outline, section, &around);
        Chunk {
            content: lines.slice(section.clone()).to_owned(),
            start_line: to_u32(section.start + 1),
            end_line: to_u32(section.end),
            symbol: about.map(|index| qualified(outline, index, separator)),
            symbol_kind: about.map(|index| outline.definitions[index].kind),
            defines: defines(outline, section),
            uses: uses(lines, outline, section),
            context_before: context_before(lines, outline, section, &around, &imports),
            context_after: context_after(lines, outline, section),
        }
    });
    chunks.collect()
}

fn first_code_line(lines: &Lines<'_>, outline: &Outline, section: &Range<usize>) -> usize {
    let is_code = |line: &usize| !lines.is_blank(*line) && !outline.is_leading(*line);
    section.clone().find(is_code).unwrap_or(section.start)
}

/// Definitions that hold a line, outermost first.
fn enclosing(outline: &Outline, line: usize) -> Vec<usize> {
    let starts_before = outline
        .definitions
        .partition_point(|definition| definition.opening_line <= line);
    let Some(mut innermost) = outline.definitions[..starts_before]
        .iter()
        .rposition(|definition| definition.lines.contains(&line))
    else {
        return Vec::new();
    };
    let mut chain = vec![innermost];
    while let Some(parent) = outline.definitions[innermost].parent {
        chain.push(parent);
        innermost = parent;
    }
    chain.reverse();
    chain
}

/// A function that goes on, else the definition that fills most of the section, else whatever is around it.
fn subject(outline: &Outline, section: &Range<usize>, around: &[usize]) -> Option<usize> {
    let definitions = &outline.definitions;
    let began_above = |index: &&usize| definitions[**index].opening_line < section.start;
    let innermost = around.iter().rfind(began_above).copied();
    if innermost.is_some_and(|index| is_function(definitions[index].kind)) {
        return innermost;
    }
    let covered = |definition: &Definition| definition.lines.end.min(section.end) - definition.opening_line;
    let starting =
        opening_in(outline, section).filter(|index| !is_scope(definitions[*index].kind) && !outline.is_member(*index));
    // Of several that fill the same lines the first wins, which is the outermost.
    let largest = starting.rev().max_by_key(|index| covered(&definitions[*index]));
    largest.or(innermost).or(around.last().copied())
}

/// Definitions whose own text begins in a section.
fn opening_in(outline: &Outline, section: &Range<usize>) -> Range<usize> {
    let opening_before = |line: usize| {
        outline
            .definitions
            .partition_point(|definition| definition.opening_line < line)
    };
    opening_before(section.start)..opening_before(section.end)
}

fn defines(outline: &Outline, section: &Range<usize>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for definition in &outline.definitions[opening_in(outline, section)] {
        let name = unqualified(&definition.name);
        let is_defined = !is_scope(definition.kind) && definition.kind != "section";
        if is_defined && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

fn uses(lines: &Lines<'_>, outline: &Outline, section: &Range<usize>) -> Vec<NameUse> {
    let (start, end) = (lines.start(section.start), lines.start(section.end));
    let before = |offset: usize| outline.uses.partition_point(|(used_at, _)| *used_at < offset);
    let inside = &outline.uses[before(start)..before(end)];
    let relative = inside.iter().map(|(offset, role)| NameUse {
        offset: to_u32(offset - start),
        role: *role,
    });
    relative.collect()
}

pub(super) fn qualified(outline: &Outline, index: usize, separator: &str) -> String {
    let mut parts = vec![outline.definitions[index].name.as_str()];
    let mut parent = outline.definitions[index].parent;
    while let Some(index) = parent {
        parts.push(&outline.definitions[index].name);
        parent = outline.definitions[index].parent;
    }
    parts.reverse();
    parts.join(separator)
}

/// What the section imports of what it uses, then the opening lines of what encloses it.
fn context_before(
    lines: &Lines<'_>,
    outline: &Outline,
    section: &Range<usize>,
    around: &[usize],
    imports: &Imports<'_>,
) -> Option<String> {
    let above = around
        .iter()
        .map(|index| outline.definitions[*index].opening_line)
        .filter(|line| *line < section.start);
    let mut context: Vec<&str> = Vec::new();
    let mut left = MAX_CONTEXT_BYTES;
    let mut opening_lines: Vec<usize> = above.collect();
    opening_lines.dedup();
    // The nearest say most, so the outermost are left out where there are too many.
    for line in opening_lines.into_iter().rev() {
        let opening = shortened(lines.line(line).trim_end(), left);
        if opening.trim().is_empty() {
            break;
        }
        left = left.saturating_sub(opening.len() + 1);
        context.push(opening);
    }
    context.reverse();
    let used = imports.used_in(lines, outline, section);
    let context: Vec<&str> = used.iter().map(String::as_str).chain(context).collect();
    (!context.is_empty()).then(|| context.join("\n"))
}

fn context_after(lines: &Lines<'_>, outline: &Outline, section: &Range<usize>) -> Option<String> {
    let around_end = enclosing(outline, section.end - 1);
    let goes_on = around_end.into_iter().any(|index| {
        let definition = &outline.definitions[index];
        is_function(definition.kind) && definition.lines.end > section.end
    });
    let next = (section.end..lines.count())
        .find(|line| !lines.is_blank(*line))
        .filter(|_| goes_on)?;
    Some(shortened(lines.line(next).trim_end(), MAX_CONTEXT_BYTES).to_owned())
}

fn shortened(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}
