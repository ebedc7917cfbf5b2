//! Where files are cut, and what a chunk says of where it belongs.

use super::*;

#[test]
fn a_long_function_is_cut_at_statements_and_says_where_it_belongs() {
    let body: String = (0..150)
        .map(|line| format!("        let value_{line} = compute({line});\n"))
        .collect();
    let text = format!("impl Queue {{\n    /// Long.\n    pub fn long(&self) {{\n{body}    }}\n}}\n");
    let file = assert_tiles("queue.rs", &text);
    assert!(file.chunks.len() >= 3);
    assert!(file.chunks.iter().all(|chunk| chunk.content.len() <= MAX_BYTES + 200));
    for chunk in &file.chunks {
        assert_eq!(chunk.symbol.as_deref(), Some("Queue::long"));
        assert_eq!(chunk.symbol_kind, Some("method"));
    }
    assert_eq!(file.chunks[0].defines, ["long"]);
    assert_eq!(file.chunks[1].defines, Vec::<String>::new());
    assert_eq!(
        file.chunks[1].context_before.as_deref(),
        Some("impl Queue {\n    pub fn long(&self) {")
    );
    assert!(
        file.chunks[0]
            .context_after
            .as_deref()
            .unwrap()
            .starts_with("        let value_")
    );
    assert_eq!(file.chunks.last().unwrap().context_after, None);
}

#[test]
fn comments_and_attributes_stay_with_what_they_precede() {
    let function = |number: usize| {
        let body = format!("    compute_something_long_enough({number});\n").repeat(18);
        format!("/// Number {number}.\n#[inline]\npub fn number_{number}() {{\n{body}}}\n\n")
    };
    let text: String = (0..12).map(function).collect();
    let file = assert_tiles("numbers.rs", &text);
    assert_eq!(file.chunks.len(), 12);
    for (number, chunk) in file.chunks.iter().enumerate() {
        assert!(
            chunk.content.starts_with(&format!("/// Number {number}.")),
            "{}",
            chunk.content
        );
        assert!(chunk.content.ends_with("}\n\n") || number == 11);
        assert_eq!(chunk.symbol, Some(format!("number_{number}")));
    }
}

#[test]
fn small_definitions_share_a_chunk_and_are_all_named() {
    let method = |number: usize| format!("    def method_{number}(self):\n        return self.value + {number}\n\n");
    let text = format!("class Small(Base):\n{}", (0..60).map(method).collect::<String>());
    let file = assert_tiles("small.py", &text);
    let defined: Vec<_> = file.chunks.iter().flat_map(|chunk| &chunk.defines).collect();
    assert_eq!(defined.len(), 61);
    assert!(file.chunks.len() < 10);
    assert_eq!(file.chunks[0].symbol.as_deref(), Some("Small"));
    assert_eq!(file.chunks[1].context_before.as_deref(), Some("class Small(Base):"));
    assert!(file.chunks[1].symbol.as_deref().unwrap().starts_with("Small.method_"));
}

#[test]
fn no_function_that_fits_is_cut() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths = Vec::new();
    collect(&workspace.join("worker/src"), &mut paths);
    collect(&workspace.join("shared"), &mut paths);
    let sources = paths
        .into_iter()
        .filter_map(|path| Some((path.to_str()?.to_owned(), fs::read_to_string(&path).ok()?)));
    let repeated = fixtures().into_iter().map(|(path, text)| (path, text.repeat(4)));
    let mut functions = 0;
    for (path, text) in sources.chain(repeated) {
        let file = chunk(&path, &text);
        let lines = Lines::of(&text);
        for definition in &file.definitions.list {
            let (start, end) = (definition.start_line as usize - 1, definition.end_line as usize);
            let fits = lines.size_bytes(start..end) <= MAX_BYTES;
            if !fits || !matches!(definition.kind.as_str(), "function" | "method") {
                continue;
            }
            functions += 1;
            let holds =
                |chunk: &Chunk| chunk.start_line <= definition.start_line && definition.end_line <= chunk.end_line;
            assert!(
                file.chunks.iter().any(holds),
                "{path}: {} {}-{}",
                definition.name,
                start + 1,
                end
            );
        }
    }
    assert!(functions > 1000, "{functions}");
}
