//! Jupyter notebooks: JSON whose cells hold the code, a line of code on each line of the file. The lines of a file stay what
//! they are, so that its chunks tile it; what is parsed and embedded is the code that stands on them.
//! Hands mod.rs sections and an outline like any language. A notebook that is written otherwise, as on one line, is cut as text.

use std::ops::Range;

use quarry_codebase::UseRole;
use serde_json::Value;

use super::imports::name_at;
use super::lines::Lines;
use super::sizes::ChunkSizes;

/// As the extension of its file says.
pub(super) const NOTEBOOK_FILE_TYPE: &str = "ipynb";

/// A longer line is an image.
const MAX_LINE_BYTES: usize = 2_000;

/// A notebook, taken apart.
pub(super) struct Notebook {
    cells: Vec<Cell>,
    /// The code on each line of the file, its other lines blank: as many lines as the file has.
    pub(super) code: String,
    /// The same of its Markdown.
    pub(super) prose: String,
    /// The language of the code.
    pub(super) language: String,
}

struct Cell {
    lines: Range<usize>,
    /// Where its text stands; the rest is outputs and metadata.
    source: Range<usize>,
}

/// What a cell's text is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CellKind {
    Code,
    Markdown,
    Other,
}

/// Takes a notebook apart; none where its cells do not stand on lines of their own.
pub(super) fn read(lines: &Lines<'_>) -> Option<Notebook> {
    let opens_cells = (0..lines.count()).find(|line| lines.line(*line).trim() == "\"cells\": [")?;
    let mut notebook = Notebook {
        cells: Vec::new(),
        code: String::new(),
        prose: String::new(),
        language: language(lines.text()),
    };
    let indent = indentation(lines.line(opens_cells + 1));
    let (mut code, mut prose) = (vec![String::new(); lines.count()], vec![String::new(); lines.count()]);
    let mut line = opens_cells + 1;
    while line < lines.count() && lines.line(line).trim() == "{" && indentation(lines.line(line)) == indent {
        let closes =
            |line: &usize| indentation(lines.line(*line)) == indent && lines.line(*line).trim().starts_with('}');
        let end = (line + 1..lines.count()).find(closes)? + 1;
        let (kind, source) = cell(lines, line..end);
        let into = match kind {
            CellKind::Code => Some(&mut code),
            CellKind::Markdown => Some(&mut prose),
            CellKind::Other => None,
        };
        if let Some(into) = into {
            for line in source.clone() {
                let text = decoded(lines.line(line)).unwrap_or_default();
                // What speaks to the notebook and not to the language would end the parse.
                if kind != CellKind::Code || !text.starts_with(['%', '!']) {
                    into[line] = text;
                }
            }
        }
        notebook.cells.push(Cell {
            lines: line..end,
            source,
        });
        line = end;
    }
    notebook.code = joined(&code);
    notebook.prose = joined(&prose);
    (!notebook.cells.is_empty()).then_some(notebook)
}

impl Notebook {
    /// Whole cells, small neighbours together; of a large one its text and its outputs apart.
    pub(super) fn sections(&self, lines: &Lines<'_>, sizes: ChunkSizes) -> Vec<Range<usize>> {
        let mut sections: Vec<Range<usize>> = Vec::new();
        let mut push = |part: Range<usize>| {
            let size = lines.size_bytes(part.clone());
            match sections.last_mut() {
                _ if part.is_empty() => {}
                Some(last)
                    if size + lines.size_bytes(last.clone()) <= sizes.max
                        && (size < sizes.enough && lines.size_bytes(last.clone()) < sizes.enough
                            || size < sizes.tiny) =>
                {
                    last.end = part.end;
                }
                _ => sections.push(part),
            }
        };
        let mut next = 0;
        for cell in &self.cells {
            push(next..cell.lines.start);
            if lines.size_bytes(cell.lines.clone()) <= sizes.max {
                push(cell.lines.clone());
            } else {
                push(cell.lines.start..cell.source.start);
                for part in parts(lines, cell.source.start..cell.lines.end, sizes.max) {
                    push(part);
                }
            }
            next = cell.lines.end;
        }
        push(next..lines.count());
        sections
    }

    /// Where names that the parse of the code found stand in the file: escapes make them stand further to the right.
    pub(super) fn uses_in_file(
        &self,
        lines: &Lines<'_>,
        code: &Lines<'_>,
        uses: &[(usize, UseRole)],
    ) -> Vec<(usize, UseRole)> {
        let in_file = |(offset, role): &(usize, UseRole)| {
            let line = code.at(*offset);
            let before = &code.text()[code.start(line)..*offset];
            let written = serde_json::to_string(before).ok()?;
            let raw = lines.line(line);
            let inside = indentation(raw) + written.len() - 1;
            let name = name_at(code.text(), *offset);
            raw.get(inside..)?
                .starts_with(name)
                .then_some((lines.start(line) + inside, *role))
        };
        uses.iter().filter_map(in_file).collect()
    }
}

/// The text in a piece of a notebook: what stands on its lines as a string, code, Markdown and printed results. The piece
/// itself where there is none. Needs nothing but the piece, so that a chunk can be embedded anew without its file.
pub(super) fn notebook_text(content: &str) -> String {
    let mut text = String::new();
    for line in content.lines().filter(|line| line.len() <= MAX_LINE_BYTES) {
        if let Some(line) = decoded(line).filter(|line| !line.trim().is_empty()) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    if text.is_empty() { content.to_owned() } else { text }
}

fn cell(lines: &Lines<'_>, range: Range<usize>) -> (CellKind, Range<usize>) {
    let inner = indentation(lines.line(range.start + 1));
    let mut kind = CellKind::Other;
    let mut source = range.end..range.end;
    for line in range.clone().filter(|line| indentation(lines.line(*line)) == inner) {
        match lines.line(line).trim() {
            "\"cell_type\": \"code\"," => kind = CellKind::Code,
            "\"cell_type\": \"markdown\"," => kind = CellKind::Markdown,
            "\"source\": [" => {
                let closes = |line: &usize| indentation(lines.line(*line)) == inner;
                let end = (line + 1..range.end).find(closes).unwrap_or(range.end);
                source = line + 1..end;
            }
            _ => {}
        }
    }
    (kind, source)
}

/// Lines of about this size at most.
fn parts(lines: &Lines<'_>, range: Range<usize>, max: usize) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = range.start;
    for line in range.clone() {
        if line > start && lines.size_bytes(start..line + 1) > max {
            parts.push(start..line);
            start = line;
        }
    }
    parts.push(start..range.end);
    parts
}

/// The text of a line that holds one JSON string.
fn decoded(line: &str) -> Option<String> {
    let text: String = serde_json::from_str(line.trim().trim_end_matches(',')).ok()?;
    Some(text.trim_end_matches(['\n', '\r']).replace(['\n', '\r'], " "))
}

fn joined(lines: &[String]) -> String {
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn language(text: &str) -> String {
    let document: Option<Value> = serde_json::from_str(text).ok();
    let metadata = document.as_ref().map(|document| &document["metadata"]);
    let named = metadata.and_then(|metadata| {
        metadata["language_info"]["name"]
            .as_str()
            .or_else(|| metadata["kernelspec"]["language"].as_str())
    });
    named.unwrap_or("python").to_lowercase()
}
