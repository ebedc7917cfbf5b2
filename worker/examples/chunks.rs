//! Cuts every file below a directory and writes what the model would see of each chunk, a line of JSON each:
//! `cargo run --release -p quarry-worker --example chunks -- DIRECTORY > chunks.jsonl`. The built-in model is trained on it.

#![allow(clippy::print_stdout)] // its result

use std::io::{BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Context;
use quarry_worker::chunk::{chunk, embedded_text};
use quarry_worker::walk::{Entry, ReadOutcome, WalkOptions, read_file, walk};

fn main() -> anyhow::Result<()> {
    let root = PathBuf::from(std::env::args().nth(1).context("give a directory")?);
    let options = WalkOptions::default();
    let mut paths = Vec::new();
    walk(&root, &options, |entry| {
        if let Entry::Found { path, .. } = entry {
            paths.push(path);
        }
        ControlFlow::Continue(())
    })?;
    let mut lines = BufWriter::new(std::io::stdout().lock());
    for path in paths {
        let ReadOutcome::Text(file) = read_file(&root, &path, &options)? else {
            continue;
        };
        let chunked = chunk(&path, &file.text);
        for chunk in chunked.chunks {
            let (symbol, context) = (chunk.symbol.as_deref(), chunk.context_before.as_deref());
            let line = serde_json::json!({
                "path": path,
                "from": chunk.start_line,
                "to": chunk.end_line,
                "symbol": chunk.symbol,
                "text": embedded_text(chunked.file_type.as_deref(), symbol, context, &chunk.content),
            });
            writeln!(lines, "{line}")?;
        }
    }
    Ok(lines.flush()?)
}
