//! Makes repository text safe to show to a model and short enough for its context. Characters that a reader cannot see
//! become visible marks, so that nothing hides in a snippet; what has to be cut is cut to the lines that answer.

/// Stands where a hidden character stood, so that columns stay where they are.
const MARK: char = '\u{fffd}';

/// Replaces characters that a reader cannot see: control, bidirectional, zero-width, tag and filler characters.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let hidden = match character {
            // Alone it takes a terminal back to the start of the line, over what stands there.
            '\r' => characters.peek() != Some(&'\n'),
            _ => is_hidden(character),
        };
        shown.push(if hidden { MARK } else { character });
    }
    shown
}

fn is_hidden(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        // Soft hyphen, combining and filler characters that show nothing.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' => true,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' => true,
        // Variation selectors can carry a message; the one after an emoji stays.
        '\u{fe00}'..='\u{fe0e}' | '\u{e0000}'..='\u{e0fff}' => true,
        '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' => true,
        _ => character.is_control(),
    }
}

/// What a text costs inside JSON, in bytes.
pub(crate) fn json_bytes(text: &str) -> usize {
    text.bytes()
        .map(|byte| {
            if matches!(byte, b'\n' | b'\t' | b'\r' | b'"' | b'\\') {
                2
            } else {
                1
            }
        })
        .sum()
}

/// At most `max_bytes` of whole lines from the start, and whether anything was cut. One line that is longer is cut.
pub(crate) fn cut(text: &str, max_bytes: usize) -> (&str, bool) {
    if text.len() <= max_bytes {
        return (text, false);
    }
    let end = text.floor_char_boundary(max_bytes);
    let end = text[..end].rfind('\n').map_or(end, |newline| newline + 1);
    (&text[..end], true)
}

/// The words of a query that tell lines apart, lowered, with what a line that holds them is worth.
pub(crate) fn telling_words(query: &str) -> Vec<(String, u32)> {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    let mut words = Vec::new();
    for word in query
        .split(|character| !is_part(character))
        .filter(|word| word.len() > 2)
    {
        let is_name = word.contains('_') || word.chars().skip(1).any(char::is_uppercase);
        let lowered = word.to_lowercase();
        if COMMON_WORDS.contains(&lowered.as_str()) || words.iter().any(|(known, _)| *known == lowered) {
            continue;
        }
        let stem = lowered
            .strip_suffix('s')
            .filter(|stem| stem.len() > 3)
            .unwrap_or(&lowered);
        words.push((stem.to_owned(), if is_name { 5 } else { 2 }));
    }
    words
}

/// They stand in every question and tell nothing about a line.
const COMMON_WORDS: [&str; 24] = [
    "and", "are", "can", "does", "each", "for", "from", "has", "have", "how", "into", "its", "not", "that", "the",
    "this", "use", "used", "what", "when", "where", "which", "why", "with",
];

/// The lines of `text` that hold most of the words, within `max_bytes` of JSON. Where lines are left out, an ellipsis
/// stands; one at the start says which line of the file follows.
pub(crate) fn excerpt(text: &str, first_line: u32, words: &[(String, u32)], max_bytes: usize) -> String {
    let text = text.trim_end();
    if json_bytes(text) <= max_bytes {
        return visible(text);
    }
    let lines: Vec<&str> = text.lines().collect();
    let (start, end) = best_window(&lines, words, max_bytes.saturating_sub(ELLIPSES_BYTES));
    let mut shown = String::new();
    if start > 0 {
        shown = format!("… line {}:\n", first_line as usize + start);
    }
    if end == start {
        // Not even one line fits.
        shown.push_str(&visible(cut(lines[start], max_bytes.saturating_sub(ELLIPSES_BYTES)).0));
        return shown + " …";
    }
    shown.push_str(&visible(lines[start..end].join("\n").trim_end()));
    if end < lines.len() {
        shown.push_str("\n…");
    }
    shown
}

/// Room for `… line 1234:` and the last ellipsis.
const ELLIPSES_BYTES: usize = 24;

/// The lines from the first to before the second that fit and are worth most: those at the start, where the signature
/// is, unless others are worth a third more. Of equal ones those that start with a line that counts; then what fits is
/// added in front.
fn best_window(lines: &[&str], words: &[(String, u32)], max_bytes: usize) -> (usize, usize) {
    let costs: Vec<usize> = lines.iter().map(|line| json_bytes(line) + 2).collect();
    let held: Vec<Vec<bool>> = lines
        .iter()
        .map(|line| {
            let line = line.to_lowercase();
            words.iter().map(|(word, _)| line.contains(word.as_str())).collect()
        })
        .collect();
    let (mut best, mut best_worth) = ((0, 0), 0);
    let mut at_start = (0, 0);
    for start in 0..lines.len() {
        let (mut end, mut bytes, mut worth) = (start, 0, 0);
        let mut seen = vec![false; words.len()];
        while end < lines.len() && bytes + costs[end] <= max_bytes {
            bytes += costs[end];
            for (index, (_, word_worth)) in words.iter().enumerate().filter(|(index, _)| held[end][*index]) {
                // The first line with a word says more than the tenth.
                worth += if seen[index] { 1 } else { 4 * word_worth };
                seen[index] = true;
            }
            end += 1;
        }
        if start == 0 {
            at_start = (end, worth);
        }
        let starts_telling = held[start].contains(&true);
        if start == 0 || worth > best_worth || (worth == best_worth && starts_telling) {
            (best, best_worth) = ((start, end), worth);
        }
    }
    if best_worth * 3 <= at_start.1 * 4 && at_start.0 > 0 {
        return (0, at_start.0);
    }
    let (mut start, end) = best;
    let mut bytes: usize = costs[start..end].iter().sum();
    while start > 0 && bytes + costs[start - 1] <= max_bytes {
        start -= 1;
        bytes += costs[start];
    }
    // Brackets of what came before tell nothing.
    while start < best.0 && !lines[start].contains(char::is_alphanumeric) {
        start += 1;
    }
    (start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_become_visible_and_nothing_moves() {
        let text = "let a = \u{202e}1;\u{1b}[2J\n\u{e0041}\u{200b}\u{fe01}\rover";
        let shown = visible(text);
        assert_eq!(
            shown,
            "let a = \u{fffd}1;\u{fffd}[2J\n\u{fffd}\u{fffd}\u{fffd}\u{fffd}over"
        );
        assert_eq!(shown.chars().count(), text.chars().count());
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in ["a\tb\r\nc\n", "größer 日本語 ❤\u{fe0f}", ""] {
            assert_eq!(visible(text), text);
        }
    }

    #[test]
    fn a_cut_keeps_whole_lines() {
        assert_eq!(cut("one\ntwo\nthree\n", 9), ("one\ntwo\n", true));
        assert_eq!(cut("one\n\n", 9), ("one\n\n", false));
        assert_eq!(cut("ööö", 3), ("ö", true));
    }

    #[test]
    fn an_excerpt_shows_the_lines_that_answer() {
        let text =
            "/// What it did.\nstruct Replaced {\n    files: u64,\n}\n\nasync fn replace_files() {\n    write();\n}\n";
        let words = telling_words("replace_files");
        assert_eq!(excerpt(text, 20, &words, 500), text.trim_end());
        let short = excerpt(text, 20, &words, 75);
        assert_eq!(short, "… line 25:\nasync fn replace_files() {\n    write();\n}");
        let beginning = excerpt(text, 20, &telling_words("something else"), 75);
        assert!(
            beginning.starts_with("/// What it did.\nstruct Replaced {") && beginning.ends_with('…'),
            "{beginning}"
        );
    }

    #[test]
    fn an_excerpt_never_costs_more_than_allowed() {
        let text = "\"quoted\\ text\"\n".repeat(40) + &"x".repeat(2_000);
        for max_bytes in [60, 120, 400, 1_500] {
            let bytes = json_bytes(&excerpt(&text, 1, &telling_words("xxxx"), max_bytes));
            assert!(bytes <= max_bytes + ELLIPSES_BYTES, "{bytes} > {max_bytes}");
        }
    }

    #[test]
    fn only_words_that_tell_count_and_names_count_more() {
        let words = telling_words("How does the queue claim jobs with claim_job?");
        assert_eq!(
            words,
            [
                ("queue".to_owned(), 2),
                ("claim".to_owned(), 2),
                ("jobs".to_owned(), 2),
                ("claim_job".to_owned(), 5)
            ]
        );
    }
}
