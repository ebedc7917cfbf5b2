//! Walks a directory and says how fast its files are read and cut, and how large the chunks are:
//! `cargo run --release -p quarry-worker --example chunk_speed -- DIRECTORY`.

#![allow(clippy::print_stdout)] // the report is what it is for

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use quarry_worker::chunk::chunk;
use quarry_worker::walk::{Entry, ReadOutcome, SkipReason, WalkOptions, read_file, walk};

#[derive(Default)]
struct Totals {
    files: usize,
    bytes: usize,
    reading: Duration,
    cutting: Duration,
    slowest: (Duration, String),
    chunk_bytes: Vec<usize>,
    skipped: BTreeMap<SkipReason, u64>,
}

fn main() -> anyhow::Result<()> {
    let root = PathBuf::from(std::env::args().nth(1).context("give a directory")?);
    let options = WalkOptions::default();
    let started = Instant::now();
    let mut paths = Vec::new();
    let summary = walk(&root, &options, |entry| {
        if let Entry::Found { path, .. } = entry {
            paths.push(path);
        }
        ControlFlow::Continue(())
    })?;
    println!("walk: {} files in {:.0?}", paths.len(), started.elapsed());

    let mut totals = Totals {
        skipped: summary.skipped,
        ..Totals::default()
    };
    for path in paths {
        let started = Instant::now();
        let outcome = read_file(&root, &path, &options)?;
        totals.reading += started.elapsed();
        match outcome {
            ReadOutcome::Text(file) => totals.cut(path, &file.text),
            ReadOutcome::Skipped(reason) => *totals.skipped.entry(reason).or_default() += 1,
            ReadOutcome::Gone => {}
        }
    }
    totals.print();
    Ok(())
}

impl Totals {
    fn cut(&mut self, path: String, text: &str) {
        let started = Instant::now();
        let file = chunk(&path, text);
        let took = started.elapsed();
        self.cutting += took;
        self.files += 1;
        self.bytes += text.len();
        self.chunk_bytes
            .extend(file.chunks.iter().map(|chunk| chunk.content.len()));
        if took > self.slowest.0 {
            self.slowest = (took, path);
        }
    }

    fn print(mut self) {
        self.chunk_bytes.sort_unstable();
        let count = self.chunk_bytes.len();
        let percentile = |percent: usize| {
            self.chunk_bytes
                .get((count * percent / 100).min(count.saturating_sub(1)))
        };
        let speed = |took: Duration| self.bytes as f64 / 1e6 / took.as_secs_f64();
        println!(
            "read: {} files, {} bytes, {:.1?}, {:.1} MB/s",
            self.files,
            self.bytes,
            self.reading,
            speed(self.reading)
        );
        println!(
            "cut: {count} chunks, {:.1?}, {:.1} MB/s",
            self.cutting,
            speed(self.cutting)
        );
        println!("slowest: {} in {:.0?}", self.slowest.1, self.slowest.0);
        let mean = self.chunk_bytes.iter().sum::<usize>() / count.max(1);
        println!(
            "bytes per chunk: mean {mean}, 5 % {:?}, 50 % {:?}, 95 % {:?}",
            percentile(5),
            percentile(50),
            percentile(95)
        );
        println!("skipped: {:?}", self.skipped);
    }
}
