//! Asks every query of an evaluation in every way that is to be compared, in process, and writes the hits; judging them is
//! `score.py`'s. Driven by `worker/benches/search_quality/run.py`, whose README explains the sets:
//!
//! `cargo run --release -p quarry-worker --example search_quality -- QUERIES HITS WAY…`
//!
//! QUERIES is a file of JSON lines with `id`, `project` and `text`. A WAY is `NAME=MODE[,WEIGHT=VALUE]…`, where MODE is one of
//! search's own or `bm25`, the baseline.

#![allow(clippy::print_stdout)] // a program to look at, not a part of the service

mod plain_bm25;
mod way;

use std::collections::BTreeMap;
use std::fs::{File, read_to_string};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use plain_bm25::PlainBm25;
use quarry_codebase::{SearchMode, SearchRequest, repositories, search};
use quarry_embedding::{EmbeddingSource, Purpose};
use quarry_lifecycle::load_config;
use quarry_registry::{PgPool, ProjectName, Registry, RegistryOptions};
use serde::Deserialize;
use serde_json::json;
use way::{How, Way};

/// Hits that are judged.
const LIMIT: u32 = 10;

#[derive(Deserialize)]
struct Query {
    id: String,
    project: String,
    text: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let queries = PathBuf::from(arguments.next().context("name the file of queries")?);
    let hits = PathBuf::from(arguments.next().context("name the file for the hits")?);
    let ways: Vec<Way> = arguments.map(|text| Way::parse(&text)).collect::<Result<_>>()?;
    let mut by_project: BTreeMap<String, Vec<Query>> = BTreeMap::new();
    for line in read_to_string(&queries)?.lines() {
        let query: Query = serde_json::from_str(line)?;
        by_project.entry(query.project.clone()).or_default().push(query);
    }
    let config = load_config(&[], None)?;
    let url = match config.database_url() {
        Some(url) => url.to_owned(),
        None => quarry_postgres::ensure_running(config.home()).await?.url,
    };
    let registry = Registry::open(&url, RegistryOptions::from_config(&config, "search_quality")).await?;
    // The binary that serves the built-in model lies one directory above the examples.
    let example = std::env::current_exe()?;
    let target = example
        .parent()
        .and_then(Path::parent)
        .context("find the quarry program")?;
    let embedding = EmbeddingSource::from_config(&config, target.join("quarry"));

    let mut output = BufWriter::new(File::create(&hits)?);
    let mut times: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for (name, queries) in &by_project {
        let project = registry.project(&ProjectName::parse(name)?).await?;
        let database = registry.database(&project).await?;
        let model = project.embedding.as_ref().map(|pinned| pinned.model.as_str());
        let needs_baseline = ways.iter().any(|way| matches!(way.how, How::PlainBm25));
        let baseline = if needs_baseline {
            Some(plain_bm25(&database).await?)
        } else {
            None
        };
        for query in queries {
            let vector = embedding
                .search_vector(model, Purpose::Query, &query.text)
                .await
                .map_err(anyhow::Error::msg)?;
            for way in &ways {
                let started = Instant::now();
                let places = match &way.how {
                    How::PlainBm25 => baseline
                        .as_ref()
                        .map_or_else(Vec::new, |index| index.search(&query.text, LIMIT as usize)),
                    How::Search(mode, weights) => {
                        let wants_vector = matches!(mode, SearchMode::Hybrid | SearchMode::Semantic);
                        let request = SearchRequest {
                            query_vector: wants_vector.then(|| vector.clone()),
                            mode: *mode,
                            limit: LIMIT,
                            weights: *weights,
                            ..SearchRequest::new(&query.text)
                        };
                        let outcome = search(&database, &request).await.with_context(|| query.id.clone())?;
                        outcome
                            .hits
                            .into_iter()
                            .map(|hit| (hit.path, hit.start_line, hit.end_line))
                            .collect()
                    }
                };
                times.entry(&way.name).or_default().push(started.elapsed());
                writeln!(output, "{}", json!({"way": way.name, "id": query.id, "hits": places}))?;
            }
        }
    }
    registry.close().await;
    output.flush()?;
    for (way, mut times) in times {
        times.sort_unstable();
        println!(
            "{way}: {} queries, median {:.1?}, 95 % {:.1?}",
            times.len(),
            times[times.len() / 2],
            times[times.len() * 95 / 100]
        );
    }
    Ok(())
}

/// The baseline over the same chunks.
async fn plain_bm25(database: &PgPool) -> Result<PlainBm25> {
    let mut index = PlainBm25::default();
    for repository in repositories(database).await? {
        let mut after = None;
        loop {
            let files = quarry_codebase::stored_contents(database, repository.id, None, after.as_deref(), 200).await?;
            let Some(last) = files.last() else { break };
            after = Some(last.path.clone());
            for file in &files {
                for chunk in &file.chunks {
                    let lines = (u32::try_from(chunk.start_line)?, u32::try_from(chunk.end_line)?);
                    index.add(&file.path, lines, &chunk.content);
                }
            }
        }
    }
    Ok(index)
}
