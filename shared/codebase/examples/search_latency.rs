//! Measures searches in a project of real source text: latency in process over mixed queries, the same vectors scanned
//! exactly, and how much of the true ten nearest the index finds. Prints one line per kind of query.
//!
//! `cargo run --release -p quarry-codebase --example search_latency -- [CHUNKS] [DIRECTORY]`

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss)] // a program to look at, not a part of the service

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pgvector::HalfVector;
use quarry_codebase::{
    Definitions, Fence, NewChunk, NewFile, RebuildMode, Rebuilt, SearchMode, SearchRequest, SearchTimings,
    ensure_repository, merge_segments, raise_fence, rebuild_vector_index, replace_files, search,
};
use quarry_postgres::testing::test_database;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};

const DIMENSIONS: usize = 256;
const LINES_PER_CHUNK: usize = 30;
const CHUNKS_PER_BATCH: usize = 4_000;
/// Texts of one topic lie close together, as the vectors of real models do.
const TOPICS: u64 = 300;
const QUERIES_PER_KIND: usize = 50;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let chunks: usize = arguments.next().map_or(100_000, |count| count.parse().unwrap());
    let directory = arguments.next().map_or_else(registry_sources, PathBuf::from);
    let database = test_database().await;
    let pool = PgPoolOptions::new().connect(&database.url).await.unwrap();
    execute(&pool, "create extension vector").await;
    sqlx::migrate!("../../migrations/project").run(&pool).await.unwrap();
    let pinned = format!(
        "alter table codebase.code_chunks
             alter column embedding type halfvec({DIMENSIONS}),
             alter column embedding set storage plain"
    );
    execute(&pool, &pinned).await;

    let samples = load(&pool, &directory, chunks).await;
    let queries = queries(&samples);
    report_vector_search(&pool, &queries).await;
    println!(
        "{:<30} {:>8} {:>8} {:>8}   medians: scope, vectors, lexical, ranking",
        "ms", "p50", "p95", "p99"
    );
    let mut all = Vec::new();
    for kind in ["symbol", "question", "path", "words", "glob"] {
        let mut times = Vec::new();
        let mut parts: Vec<SearchTimings> = Vec::new();
        // The first run of each fills caches; a server that answers agents is warm.
        for measured in [false, true] {
            for query in queries.iter().filter(|query| query.kind == kind) {
                let started = Instant::now();
                let outcome = search(&pool, &query.request).await.unwrap();
                if measured {
                    times.push(started.elapsed());
                    parts.push(outcome.timings);
                }
            }
        }
        let median = |part: fn(&SearchTimings) -> Duration| percentile(parts.iter().map(part).collect(), 50);
        report(kind, times.clone());
        println!(
            "{:>60.1} {:>6.1} {:>6.1} {:>6.1}",
            median(|timings| timings.scope),
            median(|timings| timings.vectors),
            median(|timings| timings.lexical),
            median(|timings| timings.ranking)
        );
        all.extend(times);
    }
    let searched = report("all", all);
    let exact = report("exact scan of the vectors", exact_scans(&pool, &queries).await);
    println!("p95 of searches / p95 of exact scans: {:.2}", searched / exact);
}

struct Query {
    kind: &'static str,
    request: SearchRequest,
}

/// What was published, for making queries that have an answer.
struct Sample {
    path: String,
    symbol: Option<String>,
    comment: Option<String>,
    vector: Vec<f32>,
}

async fn load(pool: &PgPool, directory: &Path, wanted: usize) -> Vec<Sample> {
    let paths = source_files(directory);
    let repository = ensure_repository(pool, "host", "/src/app", "app").await.unwrap().id;
    let lane = format!("index_files/{repository}/0");
    raise_fence(pool, &lane, 1).await.unwrap();
    let fence = Fence { lane, fence: 1 };
    let mut samples = Vec::new();
    let mut batch: Vec<NewFile> = Vec::new();
    let (mut published, mut batched, mut bytes) = (0, 0, 0);
    let started = Instant::now();
    'rounds: for round in 0.. {
        for path in &paths {
            let Ok(text) = std::fs::read_to_string(path) else {
                continue;
            };
            let relative = path.strip_prefix(directory).unwrap().to_string_lossy();
            let file = chunked(&format!("copy{round}/{relative}"), &text, round);
            samples.extend(file.chunks.iter().step_by(40).map(|chunk| sample(&file.path, chunk)));
            batched += file.chunks.len();
            bytes += text.len();
            batch.push(file);
            if batched >= CHUNKS_PER_BATCH || published + batched >= wanted {
                published += batched;
                batched = 0;
                replace_files(pool, &fence, repository, std::mem::take(&mut batch), &[])
                    .await
                    .unwrap();
                if published >= wanted {
                    break 'rounds;
                }
            }
        }
    }
    let loaded = started.elapsed();
    while merge_segments(pool, repository).await.unwrap().is_some() {}
    let started = Instant::now();
    let built = rebuild_vector_index(pool, RebuildMode::WhenOutdated).await.unwrap();
    println!(
        "{published} chunks of {} bytes published in {:.1} s; index in {:.1} s: {built:?}",
        bytes / published,
        loaded.as_secs_f64(),
        started.elapsed().as_secs_f64()
    );
    assert!(!matches!(built, Rebuilt::Busy));
    execute(pool, "vacuum analyze").await;
    samples
}

fn chunked(path: &str, text: &str, round: u64) -> NewFile {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let chunks: Vec<NewChunk> = lines
        .chunks(LINES_PER_CHUNK)
        .enumerate()
        .map(|(index, lines)| chunk(path, lines, index * LINES_PER_CHUNK, round))
        .collect();
    NewFile {
        path: path.to_owned(),
        content_hash: *blake3::hash(text.as_bytes()).as_bytes(),
        size_bytes: i64::try_from(text.len()).unwrap(),
        stamp: None,
        language: Some("rust".to_owned()),
        file_type: Some("rs".to_owned()),
        line_count: i32::try_from(lines.len()).unwrap(),
        chunker_version: 1,
        definitions: Definitions::default(),
        chunks,
    }
}

fn chunk(path: &str, lines: &[&str], before: usize, round: u64) -> NewChunk {
    let content = lines.concat().replace('\0', " ");
    let names: Vec<String> = content.lines().filter_map(defined_name).collect();
    let topic = u64::from_le_bytes(blake3::hash(path.as_bytes()).as_bytes()[..8].try_into().unwrap()) % TOPICS;
    let own = blake3::hash(format!("{round} {path} {before}").as_bytes());
    NewChunk {
        start_line: u32::try_from(before + 1).unwrap(),
        end_line: u32::try_from(before + lines.len()).unwrap(),
        symbol: names.first().cloned(),
        symbol_kind: names.first().map(|_| "function".to_owned()),
        defines: names,
        uses: Vec::new(),
        context_before: None,
        context_after: None,
        embedding_hash: *own.as_bytes(),
        embedding: Some(mixed(topic, own.as_bytes(), 0.8)),
        embedding_error: None,
        content,
    }
}

/// The name in `pub fn name(` and the like.
fn defined_name(line: &str) -> Option<String> {
    let mut words = line
        .trim_start()
        .split(|character: char| !character.is_alphanumeric() && character != '_');
    words.find(|word| ["fn", "struct", "enum", "trait", "macro_rules"].contains(word))?;
    words.find(|word| !word.is_empty()).map(str::to_owned)
}

fn mixed(topic: u64, own: &[u8], noise: f32) -> Vec<f32> {
    let centre = directions(&topic.to_le_bytes());
    centre
        .iter()
        .zip(directions(own))
        .map(|(centre, own)| centre + noise * own)
        .collect()
}

fn directions(seed: &[u8]) -> Vec<f32> {
    let mut bytes = vec![0; DIMENSIONS];
    blake3::Hasher::new().update(seed).finalize_xof().fill(&mut bytes);
    bytes.into_iter().map(|byte| f32::from(byte) / 127.5 - 1.0).collect()
}

fn sample(path: &str, chunk: &NewChunk) -> Sample {
    let comment = chunk.content.lines().find_map(|line| line.trim().strip_prefix("/// "));
    Sample {
        path: path.to_owned(),
        symbol: chunk.symbol.clone(),
        comment: comment.filter(|comment| comment.len() > 30).map(str::to_owned),
        vector: chunk.embedding.clone().unwrap(),
    }
}

/// Fifty of each kind, spread over all that was published, with the vector of a chunk nearby.
fn queries(samples: &[Sample]) -> Vec<Query> {
    let mut queries = Vec::new();
    for (kind, text) in [
        (
            "symbol",
            (|sample| sample.symbol.clone()) as fn(&Sample) -> Option<String>,
        ),
        ("question", |sample| {
            sample.comment.as_ref().map(|comment| format!("how to {comment}"))
        }),
        ("path", |sample| {
            sample
                .path
                .split('/')
                .skip(2)
                .map(str::to_owned)
                .reduce(|left, right| format!("{left}/{right}"))
        }),
        ("words", |sample| {
            sample
                .symbol
                .as_ref()
                .map(|symbol| format!("{} error value", symbol.replace('_', " ")))
        }),
        ("glob", |sample| sample.comment.clone()),
    ] {
        let fitting: Vec<(&Sample, String)> = samples
            .iter()
            .filter_map(|sample| Some((sample, text(sample)?)))
            .collect();
        let step = (fitting.len() / QUERIES_PER_KIND).max(1);
        for (sample, text) in fitting.into_iter().step_by(step).take(QUERIES_PER_KIND) {
            let noise = directions(text.as_bytes());
            let vector = sample
                .vector
                .iter()
                .zip(noise)
                .map(|(value, noise)| value + 0.4 * noise)
                .collect();
            let package: Vec<&str> = sample.path.split('/').take(2).collect();
            queries.push(Query {
                kind,
                request: SearchRequest {
                    query_vector: Some(vector),
                    path_glob: (kind == "glob").then(|| format!("{}/**", package.join("/"))),
                    mode: SearchMode::Hybrid,
                    ..SearchRequest::new(text)
                },
            });
        }
    }
    queries
}

async fn nearest(pool: &PgPool, vector: &[f32], probes: Option<i32>) -> Vec<i64> {
    let mut transaction = pool.begin().await.unwrap();
    let order = if let Some(probes) = probes {
        let set = format!("select set_config('ivfflat.probes', '{probes}', true), '[0]'::halfvec");
        sqlx::raw_sql(AssertSqlSafe(set))
            .execute(&mut *transaction)
            .await
            .unwrap();
        "embedding <=> $1"
    } else {
        "(embedding <=> $1) + 0"
    };
    let statement = format!("select number from codebase.code_chunks order by {order} limit 10");
    sqlx::query_scalar(AssertSqlSafe(statement))
        .bind(HalfVector::from_f32_slice(vector))
        .fetch_all(&mut *transaction)
        .await
        .unwrap()
}

async fn report_vector_search(pool: &PgPool, queries: &[Query]) {
    let probes: Option<i32> =
        sqlx::query_scalar("select probes from codebase.vector_indexes order by built_at desc limit 1")
            .fetch_optional(pool)
            .await
            .unwrap();
    let Some(probes) = probes else {
        println!("no vector index: every vector search is exact");
        return;
    };
    let (mut found, mut wanted) = (0, 0);
    for query in queries.iter().step_by(3) {
        let vector = query.request.query_vector.as_deref().unwrap();
        let truth = nearest(pool, vector, None).await;
        let through_index = nearest(pool, vector, Some(probes)).await;
        wanted += truth.len();
        found += truth.iter().filter(|number| through_index.contains(number)).count();
    }
    println!(
        "recall@10 through the index with {probes} probes: {:.3}",
        found as f64 / wanted as f64
    );
}

async fn exact_scans(pool: &PgPool, queries: &[Query]) -> Vec<Duration> {
    let mut times = Vec::new();
    for query in queries.iter().step_by(3) {
        let started = Instant::now();
        nearest(pool, query.request.query_vector.as_deref().unwrap(), None).await;
        times.push(started.elapsed());
    }
    times
}

/// Prints percentiles in milliseconds and returns the 95th.
fn report(what: &str, times: Vec<Duration>) -> f64 {
    let [half, most, nearly_all] = [50, 95, 99].map(|percent| percentile(times.clone(), percent));
    println!("{what:<30} {half:>8.1} {most:>8.1} {nearly_all:>8.1}");
    most
}

fn percentile(mut times: Vec<Duration>, percent: usize) -> f64 {
    times.sort_unstable();
    let position = (times.len() * percent).div_ceil(100).max(1) - 1;
    times[position].as_secs_f64() * 1_000.0
}

/// The sources of the packages that cargo keeps.
fn registry_sources() -> PathBuf {
    let home = std::env::var_os("CARGO_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cargo"),
        PathBuf::from,
    );
    let sources = home.join("registry").join("src");
    std::fs::read_dir(sources).unwrap().next().unwrap().unwrap().path()
}

fn source_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && path.metadata().unwrap().len() < 300_000
            {
                files.push(path);
            }
        }
    }
    files
}

async fn execute(pool: &PgPool, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(pool)
        .await
        .unwrap();
}
