//! The lines of a text by number, from 0. Used by every stage of chunking; never copies the text.

use std::ops::Range;

/// Where each line starts. Lines end with `\n`, which belongs to them, as for tree-sitter.
pub(super) struct Lines<'text> {
    text: &'text str,
    starts: Vec<usize>,
}

impl<'text> Lines<'text> {
    pub(super) fn of(text: &'text str) -> Lines<'text> {
        let mut starts = Vec::with_capacity(text.len() / 32 + 1);
        if !text.is_empty() {
            starts.push(0);
        }
        let ends = memchr::memchr_iter(b'\n', text.as_bytes());
        starts.extend(ends.map(|end| end + 1).filter(|start| *start < text.len()));
        Lines { text, starts }
    }

    pub(super) fn text(&self) -> &'text str {
        self.text
    }

    pub(super) fn count(&self) -> usize {
        self.starts.len()
    }

    /// Byte offset at which a line starts; the end of the text for the line after the last.
    pub(super) fn start(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or(self.text.len())
    }

    pub(super) fn slice(&self, lines: Range<usize>) -> &'text str {
        &self.text[self.start(lines.start)..self.start(lines.end)]
    }

    pub(super) fn line(&self, line: usize) -> &'text str {
        self.slice(line..line + 1)
    }

    pub(super) fn size_bytes(&self, lines: Range<usize>) -> usize {
        self.start(lines.end) - self.start(lines.start)
    }

    pub(super) fn is_blank(&self, line: usize) -> bool {
        self.line(line).trim_start().is_empty()
    }

    pub(super) fn all_blank(&self, lines: Range<usize>) -> bool {
        self.slice(lines).trim_start().is_empty()
    }

    /// The line that holds a byte offset.
    pub(super) fn at(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    pub(super) fn longest_bytes(&self) -> usize {
        (0..self.count())
            .map(|line| self.size_bytes(line..line + 1))
            .max()
            .unwrap_or(0)
    }
}
