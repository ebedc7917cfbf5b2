//! Tests of chunking as a whole.

#![allow(clippy::unwrap_used)] // tests

mod cuts;
mod definitions;
mod names_by_language;
mod other_formats;
mod tiling;
mod uses;

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
