//! The headings of a Markdown text as definitions of sections, each reaching to the next of its level or above.
//! Used to name chunks and to show their headings. Never decides where to cut: see `prose.rs`.

use super::lines::Lines;
use super::outline::{Definition, Outline};

/// Headings in both styles, outside of code blocks.
pub(super) fn headings(lines: &Lines<'_>) -> Outline {
    let mut sections: Vec<Definition> = Vec::new();
    let mut open: Vec<(usize, usize)> = Vec::new(); // level, index
    let mut fence: Option<&str> = None;
    for line in 0..lines.count() {
        let text = lines.line(line).trim();
        if let Some(opening) = fence {
            if text.starts_with(opening) && text.trim_start_matches(['`', '~']).is_empty() {
                fence = None;
            }
            continue;
        }
        if let Some(opening) = ["```", "~~~"].into_iter().find(|opening| text.starts_with(opening)) {
            fence = Some(opening);
            continue;
        }
        let (level, name, opening_line) = match (numbered(text), underlined(lines, line)) {
            (Some((level, name)), _) => (level, name, line),
            (None, Some((level, name))) => (level, name, line - 1),
            (None, None) => continue,
        };
        while let Some((open_level, index)) = open.last().copied() {
            if open_level < level {
                break;
            }
            sections[index].lines.end = opening_line;
            open.pop();
        }
        let parent = open.last().map(|(_, index)| *index);
        open.push((level, sections.len()));
        sections.push(Definition {
            name,
            kind: "section",
            parent,
            lines: opening_line..lines.count(),
            opening_line,
            signature_lines: 1,
        });
    }
    Outline::of_definitions(sections)
}

/// `## Heading`
fn numbered(text: &str) -> Option<(usize, String)> {
    let level = text.bytes().take_while(|byte| *byte == b'#').count();
    let name = text[level..]
        .strip_prefix([' ', '\t'])?
        .trim()
        .trim_end_matches('#')
        .trim();
    ((1..=6).contains(&level) && !name.is_empty()).then(|| (level, shortened(name)))
}

/// A heading over a line of `===` or `---`.
fn underlined(lines: &Lines<'_>, line: usize) -> Option<(usize, String)> {
    let text = lines.line(line).trim_end();
    let level = match text.as_bytes().first()? {
        b'=' => 1,
        b'-' => 2,
        _ => return None,
    };
    let is_rule = text.len() >= 2 && text.bytes().all(|byte| byte == text.as_bytes()[0]);
    let name = lines.line(line.checked_sub(1)?).trim();
    let before_is_blank = line < 2 || lines.is_blank(line - 2);
    let is_heading = is_rule
        && before_is_blank
        && name.starts_with(|character: char| character.is_alphanumeric() || character == '`');
    is_heading.then(|| (level, shortened(name)))
}

fn shortened(name: &str) -> String {
    name[..name.floor_char_boundary(120)].to_owned()
}
