//! Texts that would overflow the fixed buffer in which some grammars keep the state of their hand-written scanner, which
//! ends the process. Asked by `outline.rs` before parsing; such texts are cut as plain text. Never parses.
//!
//! tree-sitter gives a scanner 1024 bytes. Those of Ruby (tree-sitter-ruby 0.23), Python (0.25) and YAML (0.7) check their
//! length too loosely and write one to three bytes past the end when it is nearly full. The bounds here are on what the text
//! could make them hold at most, so they also refuse a few harmless texts; ordinary ones stay far below.

/// The scanners' buffer is 1024 bytes; what is below this never comes near its end.
const SAFE_STATE_BYTES: usize = 1000;

/// Python keeps two bytes per level of indentation and up to 257 for nested strings; YAML four per level.
const SAFE_INDENTATION: usize = 240;

/// Whether the grammar of this language may be let loose on the text.
pub(super) fn can_parse(language: &str, text: &str) -> bool {
    match language {
        "python" => text.lines().all(|line| indentation(line, b"") < SAFE_INDENTATION),
        // `- - key` and `? ? key` open several levels on one line.
        "yaml" => text.lines().all(|line| indentation(line, b"-?:") < SAFE_INDENTATION),
        "ruby" => ruby_state_bytes(text) < SAFE_STATE_BYTES,
        _ => true,
    }
}

/// Columns before the first character that opens no level: no line can be nested deeper.
fn indentation(line: &str, indicators: &[u8]) -> usize {
    let leading = line
        .bytes()
        .take_while(|byte| byte.is_ascii_whitespace() || indicators.contains(byte));
    leading.map(|byte| if byte == b'\t' { 8 } else { 1 }).sum()
}

/// Four bytes and its word for each here-document that could be open at once, five for each nested string.
fn ruby_state_bytes(text: &str) -> usize {
    let bytes = text.as_bytes();
    let here_documents: usize = memchr::memmem::find_iter(bytes, "<<")
        .map(|at| here_document_bytes(&bytes[at + 2..]))
        .sum();
    if here_documents == 0 {
        return 0; // nested strings alone are checked rightly
    }
    let interpolations = memchr::memmem::find_iter(bytes, "#{").count();
    here_documents + 5 * (interpolations + 1)
}

fn here_document_bytes(after: &[u8]) -> usize {
    let after = after
        .strip_prefix(b"~")
        .or_else(|| after.strip_prefix(b"-"))
        .unwrap_or(after);
    match after.first() {
        Some(quote @ (b'"' | b'\'' | b'`')) => 4 + memchr::memchr(*quote, &after[1..]).unwrap_or(after.len()),
        Some(first) if first.is_ascii_alphabetic() || *first == b'_' || !first.is_ascii() => {
            4 + after
                .iter()
                .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_' || !byte.is_ascii())
                .count()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_texts_may_be_parsed() {
        assert!(can_parse("python", "def a():\n\t\t\treturn [\n        1]\n"));
        assert!(can_parse("yaml", "a:\n  - b: c\n"));
        assert!(can_parse("ruby", "a = <<~SQL\n  select #{b}\nSQL\nlist << 1\n"));
    }

    #[test]
    fn texts_that_could_fill_a_scanner_may_not() {
        assert!(!can_parse("python", &format!("{}x\n", " ".repeat(300))));
        assert!(!can_parse("yaml", &format!("{}x\n", "- ".repeat(150))));
        assert!(!can_parse("ruby", &"<<abc, ".repeat(200)));
    }
}
