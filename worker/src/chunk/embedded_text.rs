//! What the model sees of a chunk. A stored chunk gives the same text as its file did when it was cut, so that it can be
//! embedded anew without its file.

use super::notebook::{NOTEBOOK_FILE_TYPE, notebook_text};

/// The longest text sent to an endpoint. Chunks are far below; one giant line would exceed every model's context.
const MAX_EMBEDDED_BYTES: usize = 8 * 1024;

/// A line with the chunk's symbol, its imports and enclosing definitions, then its own lines, comments included, of notebooks
/// without what makes them JSON. The path is left out on purpose: a file that moves must not be embedded again.
#[must_use]
pub fn embedded_text(file_type: Option<&str>, symbol: Option<&str>, context: Option<&str>, content: &str) -> String {
    let readable;
    let content = if file_type == Some(NOTEBOOK_FILE_TYPE) {
        readable = notebook_text(content);
        &readable
    } else {
        content
    };
    let mut text = String::with_capacity(content.len() + 256);
    for line in symbol.into_iter().chain(context) {
        text.push_str(line);
        text.push('\n');
    }
    text.push_str(content);
    text.truncate(text.floor_char_boundary(MAX_EMBEDDED_BYTES));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_symbol_and_the_context_stand_before_the_text() {
        let text = embedded_text(
            Some("py"),
            Some("Queue.claim"),
            Some("class Queue:"),
            "    def claim(self):\n",
        );
        assert_eq!(text, "Queue.claim\nclass Queue:\n    def claim(self):\n");
        assert_eq!(embedded_text(None, None, None, "one\n"), "one\n");
    }

    #[test]
    fn a_notebook_is_seen_without_its_json() {
        let text = embedded_text(
            Some("ipynb"),
            Some("Load"),
            None,
            "   \"source\": [\n    \"import os\\n\"\n   ]\n",
        );
        assert_eq!(text, "Load\nimport os\n");
    }

    #[test]
    fn a_long_text_ends_within_the_limit_and_between_characters() {
        let text = embedded_text(None, Some("x"), None, &"é".repeat(MAX_EMBEDDED_BYTES));
        assert_eq!(text.len(), MAX_EMBEDDED_BYTES);
        let text = embedded_text(None, None, None, &format!("x{}", "é".repeat(MAX_EMBEDDED_BYTES)));
        assert_eq!(text.len(), MAX_EMBEDDED_BYTES - 1);
    }
}
