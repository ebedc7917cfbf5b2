//! Tests of chunking as a whole: chunks tile their file, symbols are right in every language, no input breaks it.

#![allow(clippy::unwrap_used)] // tests

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

const MAX_BYTES: usize = ChunkSizes::CHOSEN.max;

fn fixtures() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/chunk/fixtures");
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.file_name().unwrap() != "outlines.txt");
    files.sort();
    let read = |path: PathBuf| {
        (
            path.file_name().unwrap().to_str().unwrap().to_owned(),
            fs::read_to_string(&path).unwrap(),
        )
    };
    files.into_iter().map(read).collect()
}

/// Joined they are the text, they are whole lines, and their line numbers are right.
fn assert_tiles(path: &str, text: &str) -> ChunkedFile {
    let file = chunk(path, text);
    assert_eq!(file.line_count as usize, text.split_inclusive('\n').count(), "{path}");
    if text.trim().is_empty() {
        assert_eq!(file.chunks, [], "{path}");
        return file;
    }
    let joined: String = file.chunks.iter().map(|chunk| chunk.content.as_str()).collect();
    assert!(joined == text, "{path}: chunks do not tile the file");
    let mut next_line = 1;
    for chunk in &file.chunks {
        assert_eq!(chunk.start_line, next_line, "{path}");
        assert_eq!(
            chunk.content.split_inclusive('\n').count(),
            (chunk.end_line + 1 - chunk.start_line) as usize,
            "{path}"
        );
        assert!(!chunk.content.trim().is_empty(), "{path}: a chunk of blank lines");
        let contexts = [&chunk.context_before, &chunk.context_after];
        assert!(
            contexts.into_iter().flatten().all(|context| context.len() <= 520),
            "{path}"
        );
        next_line = chunk.end_line + 1;
    }
    assert_eq!(next_line, file.line_count + 1, "{path}");
    file
}

fn outline_lines(path: &str, text: &str) -> String {
    let language = language::detect(path, text);
    let lines = Lines::of(text);
    let outline = outline(language, text, &lines);
    let separator = language.unwrap().separator().as_str();
    let line = |(index, definition): (usize, &outline::Definition)| {
        let name = label::qualified(&outline, index, separator);
        format!(
            "{} {name} {}-{}\n",
            definition.kind,
            definition.lines.start + 1,
            definition.lines.end
        )
    };
    outline.definitions.iter().enumerate().map(line).collect()
}

#[test]
fn every_language_gives_its_definitions() {
    let expected = include_str!("fixtures/outlines.txt");
    let mut found = String::new();
    for (path, text) in fixtures() {
        found += &format!("== {path}\n{}", outline_lines(&path, &text));
    }
    assert_eq!(found, expected);
}

#[test]
fn every_language_with_a_grammar_loads_and_has_a_fixture() {
    let fixtures = fixtures();
    for language in language::languages().filter(|language| language.has_grammar()) {
        // The interface files of OCaml share everything with its sources.
        let wanted = language.name().trim_end_matches("_interface");
        let covered = fixtures
            .iter()
            .any(|(path, text)| chunk(path, text).language == Some(wanted));
        assert!(covered, "{}", language.name());
    }
    assert_eq!(outline_lines("a.mli", "val size : int -> int\n"), "function size 1-1\n");
}

#[test]
fn fixtures_of_any_length_are_tiled() {
    for (path, text) in fixtures() {
        assert_tiles(&path, &text);
        assert_tiles(&path, &text.repeat(20));
        assert_tiles(&path, &text.replace('\n', "\r\n").repeat(5));
        assert_tiles(&path, text.trim_end());
    }
}

#[test]
fn real_sources_are_tiled() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    collect(&workspace.join("worker/src"), &mut files);
    collect(&workspace.join("shared"), &mut files);
    collect(&workspace.join("migrations"), &mut files);
    assert!(files.len() > 30, "{}", files.len());
    for path in files {
        if let Ok(text) = fs::read_to_string(&path) {
            assert_tiles(path.to_str().unwrap(), &text);
        }
    }
}

fn collect(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into)
        } else {
            into.push(path)
        }
    }
}

#[test]
fn blank_files_have_lines_but_no_chunks() {
    assert_eq!(assert_tiles("a.rs", "").line_count, 0);
    assert_eq!(assert_tiles("a.rs", "\n \n\t\n").line_count, 3);
    assert_eq!(assert_tiles("a.txt", "\n\n").chunks, []);
}

#[test]
fn long_runs_of_blank_lines_take_no_time() {
    let blank = "\n".repeat(200_000);
    for path in ["a.txt", "a.md", "a.rs", "a.yaml"] {
        assert_tiles(path, &format!("{blank}a{blank}b\n"));
    }
}

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
fn markdown_chunks_know_their_headings() {
    let paragraph = "Some words about the matter, at length.\n".repeat(25);
    let text = format!("# Guide\n\n{paragraph}\n## Install\n\n{paragraph}\n### Source\n\n{paragraph}\n\n{paragraph}");
    let file = assert_tiles("guide.md", &text);
    let last = file.chunks.last().unwrap();
    assert_eq!(last.symbol.as_deref(), Some("Guide > Install > Source"));
    assert_eq!(last.context_before.as_deref(), Some("# Guide\n## Install\n### Source"));
    assert_eq!(file.chunks[0].symbol.as_deref(), Some("Guide"));
}

#[test]
fn nesting_of_any_depth_does_not_overflow_the_stack() {
    let deep = 100_000;
    for path in ["a.rs", "a.js", "a.json", "a.py", "a.cpp"] {
        assert_tiles(path, &"(".repeat(deep));
        assert_tiles(path, &format!("{}{}", "[\n".repeat(deep / 4), "]\n".repeat(deep / 4)));
        assert_tiles(path, &format!("{}{}", "{".repeat(deep), "}".repeat(deep)));
    }
    assert_tiles("a.js", &"function a() {\n".repeat(2_000));
}

#[test]
fn one_long_line_is_one_chunk() {
    let text = "value = value + 1; ".repeat(50_000);
    for path in ["a.c", "a.txt", "a.md", "a.zzz"] {
        assert_eq!(assert_tiles(path, &text).chunks.len(), 1, "{path}");
    }
}

#[test]
fn texts_that_would_end_the_process_inside_a_grammar_are_cut_as_text() {
    let python: String = (0..900).map(|level| format!("{}if a:\n", " ".repeat(level))).collect();
    let yaml: String = (0..400).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    let here_documents: Vec<String> = (0..300).map(|number| format!("<<A{number}")).collect();
    assert_tiles("a.py", &python);
    assert_tiles("a.yaml", &yaml);
    assert_tiles("a.yaml", &"- ".repeat(2000));
    assert_tiles("a.rb", &format!("f({})\n", here_documents.join(", ")));
    assert_tiles("a.rb", &"\"#{".repeat(1000));
}

/// A small deterministic generator: the same texts on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn cut(&mut self, text: &str) -> usize {
        text.floor_char_boundary(self.below(text.len() + 1))
    }
}

#[test]
fn broken_sources_are_tiled() {
    const NOISE: [&str; 16] = [
        "{",
        "}",
        "(",
        "\"",
        "'",
        "`",
        "/*",
        "*/",
        "\n",
        "\r",
        "é\u{1f600}",
        "#",
        "<<",
        "end",
        "\t\t",
        "\u{feff}",
    ];
    let mut random = Random(11);
    let fixtures = fixtures();
    for (path, text) in &fixtures {
        for _ in 0..25 {
            let mut broken = text.repeat(1 + random.below(6));
            for _ in 0..1 + random.below(8) {
                let (start, end) = (random.cut(&broken), random.cut(&broken));
                match random.below(3) {
                    0 => broken.replace_range(start.min(end)..start.max(end), ""),
                    1 => broken.insert_str(start, NOISE[random.below(NOISE.len())]),
                    _ => {
                        let (_, other) = &fixtures[random.below(fixtures.len())];
                        broken.insert_str(start, &other[random.cut(other)..]);
                    }
                }
            }
            assert_tiles(path, &broken);
        }
    }
}

fn used(path: &str, text: &str) -> Vec<(String, &'static str)> {
    let chunks = chunk(path, text).chunks;
    let names = chunks.iter().flat_map(|chunk| {
        chunk.uses.iter().map(|found| {
            let rest = &chunk.content[found.offset as usize..];
            let end = rest.find(|character: char| !(character.is_alphanumeric() || "_$".contains(character)));
            (rest[..end.unwrap_or(rest.len())].to_owned(), found.role.as_str())
        })
    });
    names.collect()
}

#[test]
fn uses_are_names_in_code_and_say_what_is_done() {
    let text = "use std::fmt::Display;\n\n/// claim in a comment\nfn claim(job: &Job) -> Claim {\n    let text = \"claim\";\n    \
                log!(text);\n    Claim::new(job.id, claim)\n}\n";
    let expected = [
        ("std", "import"),
        ("fmt", "import"),
        ("Display", "import"),
        ("job", "reference"),
        ("Job", "type"),
        ("Claim", "type"),
        ("text", "reference"),
        ("log", "call"),
        ("text", "reference"),
        ("Claim", "reference"),
        ("new", "call"),
        ("job", "reference"),
        ("id", "reference"),
        ("claim", "reference"),
    ];
    let expected: Vec<(String, &str)> = expected.map(|(name, role)| (name.to_owned(), role)).into();
    assert_eq!(used("a.rs", text), expected);
}

#[test]
fn every_language_with_definitions_notes_uses() {
    for (path, text) in fixtures() {
        let file = chunk(&path, &text);
        let defines_code = file
            .definitions
            .list
            .iter()
            .any(|definition| !matches!(definition.kind.as_str(), "section"));
        if !defines_code {
            continue;
        }
        let found = used(&path, &text);
        assert!(!found.is_empty(), "{path}");
        assert!(found.iter().any(|(_, role)| *role != "reference"), "{path}: {found:?}");
        for (name, _) in &found {
            assert!(
                name.chars()
                    .all(|character| character.is_alphanumeric() || "_$".contains(character)),
                "{path}: {name}"
            );
        }
    }
}

#[test]
fn a_definition_is_not_a_use_of_its_own_name() {
    for (path, text) in [
        ("a.py", "def only_defined(a):\n    return a\n"),
        ("a.go", "func only_defined(a int) int {\n\treturn a\n}\n"),
        ("a.c", "static int\nonly_defined(int a)\n{\n    return a;\n}\n"),
        ("a.ts", "export const only_defined = (a: number) => a;\n"),
        ("a.rb", "def only_defined(a)\n  a\nend\n"),
        (
            "a.java",
            "class A {\n  int only_defined(int a) {\n    return a;\n  }\n}\n",
        ),
        ("a.sh", "only_defined() {\n  echo a\n}\n"),
    ] {
        let file = chunk(path, text);
        assert!(
            file.definitions
                .list
                .iter()
                .any(|definition| definition.name == "only_defined"),
            "{path}"
        );
        assert!(
            !used(path, text).iter().any(|(name, _)| name == "only_defined"),
            "{path}"
        );
    }
}

#[test]
fn heads_reach_to_where_bodies_begin() {
    let heads = |path: &str, text: &str| -> Vec<(String, u32, u32)> {
        let list = chunk(path, text).definitions.list;
        list.into_iter()
            .map(|found| (found.name, found.opening_line, found.signature_lines))
            .collect()
    };
    let rust = "/// Doc.\npub fn claim(\n    job: &Job,\n) -> Claim {\n    job.claim()\n}\n";
    assert_eq!(heads("a.rs", rust), [("claim".to_owned(), 2, 3)]);
    let python = "def claim(\n    job,\n):\n    # A comment.\n    return job\n\n\nclass A: pass\n";
    assert_eq!(
        heads("a.py", python),
        [("claim".to_owned(), 1, 3), ("A".to_owned(), 8, 1)]
    );
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

#[test]
fn a_chunk_knows_the_imports_of_what_it_uses() {
    let body = "    value = Engine().run(argument)\n".repeat(40);
    let text = format!(
        "import os\nfrom sqlalchemy.orm import (\n    Engine,\n    Session,\n)\nfrom unused import Nothing\n\n\ndef first():\n{body}\n\ndef second():\n{body}"
    );
    let file = assert_tiles("a.py", &text);
    let second = file.chunks.iter().find(|chunk| chunk.defines == ["second"]).unwrap();
    let expected = "from sqlalchemy.orm import ( Engine, Session, )";
    assert_eq!(second.context_before.as_deref(), Some(expected));
    assert!(!second.content.contains("sqlalchemy"));
    let rust = format!(
        "use std::collections::HashMap;\nuse std::fmt;\n\nfn first() {{\n{}}}\n\nfn second() {{\n    let a: HashMap<u8, u8>;\n{}}}\n",
        "    compute(std::mem::take(1));\n".repeat(50),
        "    compute(1);\n".repeat(60)
    );
    let file = assert_tiles("a.rs", &rust);
    let context = |name: &str| {
        let chunk = file
            .chunks
            .iter()
            .find(|chunk| chunk.symbol.as_deref() == Some(name))
            .unwrap();
        chunk.context_before.clone()
    };
    assert_eq!(context("second").as_deref(), Some("use std::collections::HashMap;"));
}

const NOTEBOOK: &str = r##"{
 "cells": [
  {
   "cell_type": "markdown",
   "metadata": {},
   "source": [
    "# Orders\n",
    "\n",
    "How orders are \"summed\"."
   ]
  },
  {
   "cell_type": "code",
   "execution_count": 1,
   "metadata": {},
   "outputs": [
    {
     "data": {
      "image/png": "IMAGE"
     },
     "output_type": "display_data"
    }
   ],
   "source": [
    "%matplotlib inline\n",
    "def sum_orders(orders, key=\"price\"):\n",
    "    return sum(order[key] for order in orders)"
   ]
  }
 ],
 "metadata": {
  "language_info": {
   "name": "python"
  }
 },
 "nbformat": 4,
 "nbformat_minor": 2
}
"##;

#[test]
fn notebooks_are_cut_by_cell_and_known_by_their_code() {
    let image = "iVBORw0KGgo".repeat(600);
    let text = NOTEBOOK.replace("IMAGE", &image);
    let file = assert_tiles("orders.ipynb", &text);
    assert_eq!(
        (file.language, file.file_type.as_deref()),
        (Some("python"), Some("ipynb"))
    );
    let names: Vec<(&str, u32)> = file
        .definitions
        .list
        .iter()
        .map(|definition| (definition.name.as_str(), definition.opening_line))
        .collect();
    assert_eq!(names, [("Orders", 7), ("sum_orders", 26)]);
    let code = file
        .chunks
        .iter()
        .find(|chunk| chunk.defines == ["sum_orders"])
        .unwrap();
    let embedded = notebook_text(&code.content);
    assert!(
        embedded.contains("def sum_orders(orders, key=\"price\"):\n    return sum(order[key]"),
        "{embedded}"
    );
    assert!(notebook_text(&file.chunks[0].content).contains("How orders are \"summed\"."));
    let used = used("orders.ipynb", &text);
    assert!(used.contains(&("orders".to_owned(), "reference")), "{used:?}");
    assert!(used.contains(&("sum".to_owned(), "call")), "{used:?}");
}

#[test]
fn notebooks_that_are_written_otherwise_are_cut_as_text() {
    let compact = NOTEBOOK.lines().map(str::trim).collect::<String>();
    for text in [&compact, &NOTEBOOK[..400], "{", "\"cells\": [", "\"cells\": [\n{\n"] {
        assert_tiles("a.ipynb", text);
    }
    assert_tiles(
        "a.ipynb",
        &NOTEBOOK.replace("\"source\": [", "\"source\": \"one line\", \"x\": ["),
    );
    assert_tiles("a.ipynb", &NOTEBOOK.replace('\n', "\r\n"));
}

#[test]
fn configuration_is_known_by_its_keys() {
    let yaml = format!(
        "services:\n  web:\n    image: a\n    ports:\n      - 80\n{}  database:\n    image: b\n    port: 1\n",
        "    # long\n".repeat(200)
    );
    let file = assert_tiles("compose.yaml", &yaml);
    let last = file.chunks.last().unwrap();
    assert_eq!(last.symbol.as_deref(), Some("services.database"));
    let json = "{\n  \"scripts\": {\n    \"build\": \"tsc\"\n  },\n  \"name\": \"a\"\n}\n";
    assert_eq!(outline_lines("package.json", json), "section scripts 2-4\n");
}

#[test]
fn every_kind_of_a_rule_is_a_kind_of_symbol() {
    for (path, text) in fixtures() {
        assert!(
            chunk(&path, &text)
                .definitions
                .list
                .iter()
                .all(|definition| !definition.name.is_empty()),
            "{path}"
        );
    }
    for kind in language::kinds().chain([
        "class",
        "struct",
        "enum",
        "union",
        "interface",
        "extension",
        "module",
        "macro",
        "method",
    ]) {
        assert!(kind.parse::<quarry_codebase::SymbolKind>().is_ok(), "{kind}");
    }
}
