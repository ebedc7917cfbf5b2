//! Prose, notebooks and configuration.

use super::super::notebook::notebook_text;
use super::*;

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
