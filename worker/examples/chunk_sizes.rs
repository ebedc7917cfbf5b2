//! What sizes of chunks are good for: the first sentence of every function's documentation is the question, the function,
//! without that documentation, the answer. Files are cut into chunks of several sizes, ranked by BM25 and by the built-in
//! model, and both added. `cargo run --release -p quarry-worker --example chunk_sizes -- DIRECTORY [QUESTIONS]`.
//!
//! Larger chunks are found more easily, because there are fewer, and cost their reader more: beside the rank stands how often
//! the answer is within the first 6 000 bytes that are shown.

#![allow(clippy::print_stdout, clippy::cast_precision_loss)] // a measurement

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Context;
use quarry_worker::chunk::{ChunkSizes, chunk, chunk_into, embedded_text};
use quarry_worker::embedder::Model;
use quarry_worker::walk::{Entry, ReadOutcome, WalkOptions, read_file, walk};

const SHOWN_BYTES: usize = 6_000;

/// A file without the documentation that became questions.
struct Source {
    path: String,
    text: String,
}

/// The documentation of a function, and the line it opens on in its stripped file.
struct Question {
    text: String,
    file: usize,
    line: u32,
}

struct Document {
    file: usize,
    lines: (u32, u32),
    bytes: usize,
    text: String,
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let root = PathBuf::from(arguments.next().context("give a directory")?);
    let most: usize = arguments.next().map_or(Ok(1_500), |count| count.parse())?;
    let (sources, mut questions) = questions(&root)?;
    let step = questions.len().div_ceil(most).max(1);
    questions = questions.into_iter().step_by(step).collect();
    println!("{} files, {} questions", sources.len(), questions.len());
    println!(
        "{:>5} {:>6} {:>6} | {:>7} {:>6} | MRR@10: words, model, both | in {SHOWN_BYTES} bytes",
        "max", "enough", "whole", "chunks", "bytes"
    );
    for (max, enough, whole) in [
        (400, 150, 300),
        (600, 200, 400),
        (900, 300, 600),
        (1_200, 400, 800),
        (1_800, 300, 600),
        (1_800, 600, 1_200),
        (1_800, 900, 1_800),
        (2_400, 800, 1_600),
        (3_600, 1_200, 2_400),
    ] {
        let sizes = ChunkSizes {
            max,
            enough,
            whole,
            tiny: ChunkSizes::CHOSEN.tiny.min(enough),
        };
        measure(sizes, &sources, &questions);
    }
    Ok(())
}

/// Takes the comments before functions and the strings at their beginning out of the files.
fn questions(root: &Path) -> anyhow::Result<(Vec<Source>, Vec<Question>)> {
    let options = WalkOptions::default();
    let mut paths = Vec::new();
    walk(root, &options, |entry| {
        if let Entry::Found { path, .. } = entry {
            paths.push(path);
        }
        ControlFlow::Continue(())
    })?;
    let (mut sources, mut questions) = (Vec::new(), Vec::new());
    for path in paths {
        let ReadOutcome::Text(file) = read_file(root, &path, &options)? else {
            continue;
        };
        let lines: Vec<&str> = file.text.lines().collect();
        let mut dropped = vec![false; lines.len()];
        let mut found = Vec::new();
        for definition in &chunk(&path, &file.text).definitions.list {
            if !matches!(definition.kind.as_str(), "function" | "method") {
                continue;
            }
            let opening = definition.opening_line as usize - 1;
            let above = definition.start_line as usize - 1..opening;
            let body = opening + definition.signature_lines as usize;
            let (documentation, used) = match documentation(&lines, above) {
                Some(found) => found,
                None => match docstring(&lines, body) {
                    Some(found) => found,
                    None => continue,
                },
            };
            dropped[used].fill(true);
            found.push((documentation, opening));
        }
        let file_index = sources.len();
        for (text, opening) in found {
            let before = dropped[..opening].iter().filter(|dropped| **dropped).count();
            let line = u32::try_from(opening - before + 1)?;
            questions.push(Question {
                text,
                file: file_index,
                line,
            });
        }
        let kept = lines.iter().zip(&dropped).filter(|(_, dropped)| !**dropped);
        let text: String = kept.flat_map(|(line, _)| [*line, "\n"]).collect();
        sources.push(Source { path, text });
    }
    Ok((sources, questions))
}

type Documentation = (String, std::ops::Range<usize>);

fn documentation(lines: &[&str], above: std::ops::Range<usize>) -> Option<Documentation> {
    let is_comment = |line: &&str| {
        line.starts_with("//")
            || line.starts_with('*')
            || line.starts_with("/*")
            || line.starts_with('#') && !line.starts_with("#[")
    };
    let text: Vec<&str> = lines[above.clone()]
        .iter()
        .map(|line| line.trim())
        .filter(is_comment)
        .collect();
    let words: Vec<&str> = text
        .iter()
        .map(|line| line.trim_matches(['/', '*', '#', '!', ' ']))
        .collect();
    Some((sentence(&words.join(" "))?, above))
}

fn docstring(lines: &[&str], body: usize) -> Option<Documentation> {
    let first = lines.get(body)?.trim();
    let quote = ["\"\"\"", "'''"].into_iter().find(|quote| first.starts_with(quote))?;
    let after = &first[3..];
    let end = if after.contains(quote) {
        body
    } else {
        (body + 1..lines.len()).find(|line| lines[*line].contains(quote))?
    };
    let text = lines[body..=end].join(" ").replace(quote, " ");
    Some((sentence(&text)?, body..end + 1))
}

fn sentence(text: &str) -> Option<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = text.find(". ").unwrap_or(text.len()).min(200);
    let sentence = &text[..text.floor_char_boundary(end)];
    (sentence.split(' ').count() >= 4).then(|| sentence.to_owned())
}

fn measure(sizes: ChunkSizes, sources: &[Source], questions: &[Question]) {
    let mut documents = Vec::new();
    for (file, source) in sources.iter().enumerate() {
        let cut = chunk_into(&source.path, &source.text, sizes);
        for chunk in cut.chunks {
            let (symbol, context) = (chunk.symbol.as_deref(), chunk.context_before.as_deref());
            documents.push(Document {
                file,
                lines: (chunk.start_line, chunk.end_line),
                bytes: chunk.content.len(),
                text: embedded_text(cut.file_type.as_deref(), symbol, context, &chunk.content),
            });
        }
    }
    let index = Index::of(&documents);
    let (mut words, mut model, mut both, mut shown) = (0.0, 0.0, 0.0, 0);
    let texts: Vec<&str> = questions.iter().map(|question| question.text.as_str()).collect();
    let vectors = Model::built_in().embed(&texts).0;
    let dimensions = vectors.len() / texts.len().max(1);
    for (question, vector) in questions.iter().zip(vectors.chunks(dimensions)) {
        let answers = |document: &usize| {
            let document = &documents[*document];
            document.file == question.file && (document.lines.0..=document.lines.1).contains(&question.line)
        };
        let by_words = best(&index.bm25(&question.text));
        let by_model = best(&index.cosines(vector));
        let mut fused: HashMap<usize, f32> = HashMap::new();
        for ranking in [&by_words, &by_model] {
            for (rank, document) in ranking.iter().enumerate() {
                *fused.entry(*document).or_default() += 1.0 / (10.0 + rank as f32);
            }
        }
        let mut by_both: Vec<(usize, f32)> = fused.into_iter().collect();
        by_both.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        let by_both: Vec<usize> = by_both.into_iter().map(|(document, _)| document).collect();
        let reciprocal = |ranking: &[usize]| {
            ranking
                .iter()
                .take(10)
                .position(answers)
                .map_or(0.0, |rank| 1.0 / (rank + 1) as f64)
        };
        words += reciprocal(&by_words);
        model += reciprocal(&by_model);
        both += reciprocal(&by_both);
        let mut left = SHOWN_BYTES;
        let in_time = by_both.iter().take_while(|document| {
            let fits = left > 0;
            left = left.saturating_sub(documents[**document].bytes);
            fits
        });
        shown += usize::from(in_time.copied().any(|document| answers(&document)));
    }
    let count = questions.len() as f64;
    let bytes = documents.iter().map(|document| document.bytes).sum::<usize>() / documents.len().max(1);
    println!(
        "{:>5} {:>6} {:>6} | {:>7} {bytes:>6} | {:.3} {:.3} {:.3} | {:.3}",
        sizes.max,
        sizes.enough,
        sizes.whole,
        documents.len(),
        words / count,
        model / count,
        both / count,
        shown as f64 / count
    );
}

/// The 100 highest.
fn best(scores: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).filter(|document| scores[*document] > 0.0).collect();
    let descending = |one: &usize, other: &usize| scores[*other].total_cmp(&scores[*one]).then(one.cmp(other));
    if order.len() > 100 {
        order.select_nth_unstable_by(100, descending);
        order.truncate(100);
    }
    order.sort_by(descending);
    order
}

struct Index {
    postings: HashMap<String, Vec<(u32, f32)>>,
    lengths: Vec<f32>,
    mean: f32,
    vectors: Vec<f32>,
    dimensions: usize,
}

impl Index {
    fn of(documents: &[Document]) -> Index {
        let mut postings: HashMap<String, Vec<(u32, f32)>> = HashMap::new();
        let mut lengths = Vec::with_capacity(documents.len());
        for (number, document) in (0..).zip(documents) {
            let words = split(&document.text);
            lengths.push(words.len() as f32);
            for word in words {
                let list = postings.entry(word).or_default();
                match list.last_mut() {
                    Some((last, count)) if *last == number => *count += 1.0,
                    _ => list.push((number, 1.0)),
                }
            }
        }
        let texts: Vec<&str> = documents.iter().map(|document| document.text.as_str()).collect();
        let vectors = Model::built_in().embed(&texts).0;
        Index {
            postings,
            mean: lengths.iter().sum::<f32>() / lengths.len().max(1) as f32,
            dimensions: vectors.len() / texts.len().max(1),
            lengths,
            vectors,
        }
    }

    fn bm25(&self, question: &str) -> Vec<f32> {
        let mut scores = vec![0.0; self.lengths.len()];
        for word in split(question) {
            let Some(list) = self.postings.get(&word) else { continue };
            let holding = list.len() as f32 + 0.5;
            let rarity = (1.0 + (self.lengths.len() as f32 + 1.0 - holding) / holding).ln();
            for (document, count) in list {
                let norm = 1.2 * (0.25 + 0.75 * self.lengths[*document as usize] / self.mean);
                scores[*document as usize] += rarity * count * 2.2 / (count + norm);
            }
        }
        scores
    }

    fn cosines(&self, vector: &[f32]) -> Vec<f32> {
        let products = self.vectors.chunks(self.dimensions);
        products
            .map(|document| document.iter().zip(vector).map(|(one, other)| one * other).sum())
            .collect()
    }
}

/// Words in lower case; those of identifiers apart.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut was_lower = false;
    for character in text.chars() {
        if !character.is_alphanumeric() || character.is_uppercase() && was_lower {
            if word.len() > 1 {
                words.push(std::mem::take(&mut word));
            }
            word.clear();
        }
        if character.is_alphanumeric() {
            word.extend(character.to_lowercase());
        }
        was_lower = character.is_lowercase();
    }
    if word.len() > 1 {
        words.push(word);
    }
    words
}
