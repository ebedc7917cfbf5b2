//! Where to cut text that has no grammar: Markdown at its headings, anything else at its paragraphs, by text-splitter.
//! Hands out ranges of lines that tile the file. Never cuts inside a line.

use std::ops::Range;

use text_splitter::{ChunkConfig, MarkdownSplitter, TextSplitter};

use super::lines::Lines;
use super::sizes::ChunkSizes;

/// text-splitter looks at every character of a line that does not fit; longer lines are taken whole without asking it.
const LONG_LINE_BYTES: usize = 8 * 1024;

/// text-splitter goes over all that is left for each chunk, so a long text is given to it in parts.
const PART_BYTES: usize = 32 * 1024;

/// Bytes are what the limits are in, and cost nothing to count.
struct Bytes;

impl text_splitter::ChunkSizer for Bytes {
    fn size(&self, chunk: &str) -> usize {
        chunk.len()
    }
}

fn limits(sizes: ChunkSizes) -> ChunkConfig<Bytes> {
    // Untrimmed, so that nothing is lost between two chunks.
    ChunkConfig::new(sizes.enough..sizes.max)
        .with_sizer(Bytes)
        .with_trim(false)
}

/// Cuts Markdown.
pub(super) fn cut_markdown(lines: &Lines<'_>, sizes: ChunkSizes) -> Vec<Range<usize>> {
    let splitter = MarkdownSplitter::new(limits(sizes));
    cut(lines, sizes, |part| {
        splitter.chunk_indices(part).map(|(offset, _)| offset).collect()
    })
}

/// Cuts any other text.
pub(super) fn cut_text(lines: &Lines<'_>, sizes: ChunkSizes) -> Vec<Range<usize>> {
    let splitter = TextSplitter::new(limits(sizes));
    cut(lines, sizes, |part| {
        splitter.chunk_indices(part).map(|(offset, _)| offset).collect()
    })
}

fn cut(lines: &Lines<'_>, sizes: ChunkSizes, split: impl Fn(&str) -> Vec<usize>) -> Vec<Range<usize>> {
    if lines.longest_bytes() > LONG_LINE_BYTES {
        return cut_long_lines(lines, sizes);
    }
    let mut offsets = Vec::new();
    let mut first = 0;
    while first < lines.count() {
        let end = end_of_part(lines, first);
        let start = lines.start(first);
        offsets.extend(split(lines.slice(first..end)).into_iter().map(|offset| start + offset));
        first = end;
    }
    whole_lines(lines, &offsets)
}

/// The line a part ends before: after a blank line in its second half if there is one.
fn end_of_part(lines: &Lines<'_>, first: usize) -> usize {
    let limit = lines.start(first) + PART_BYTES;
    if lines.text().len() <= limit {
        return lines.count();
    }
    let full = lines.at(limit).max(first + 1);
    let middle = lines.at(limit - PART_BYTES / 2).max(first);
    (middle..full)
        .rev()
        .find(|line| lines.is_blank(*line))
        .map_or(full, |blank| blank + 1)
}

/// Moves each cut to the start of its line, or past the blank lines there.
fn whole_lines(lines: &Lines<'_>, offsets: &[usize]) -> Vec<Range<usize>> {
    let mut sections = Vec::new();
    let mut start = 0;
    let mut line = 0;
    for offset in offsets {
        line = lines.at(*offset).max(line);
        while line < lines.count() && lines.is_blank(line) {
            line += 1;
        }
        if line > start && line < lines.count() && !lines.all_blank(start..line) {
            sections.push(start..line);
            start = line;
        }
    }
    push_rest(lines, &mut sections, start);
    sections
}

fn cut_long_lines(lines: &Lines<'_>, sizes: ChunkSizes) -> Vec<Range<usize>> {
    let mut sections = Vec::new();
    let mut start = 0;
    for line in 1..lines.count() {
        let is_full = lines.size_bytes(start..line + 1) > sizes.max;
        if is_full && !lines.all_blank(start..line) && !lines.is_blank(line) {
            sections.push(start..line);
            start = line;
        }
    }
    push_rest(lines, &mut sections, start);
    sections
}

fn push_rest(lines: &Lines<'_>, sections: &mut Vec<Range<usize>>, start: usize) {
    if !lines.all_blank(start..lines.count()) {
        sections.push(start..lines.count());
    }
}
