//! How much of the true ten nearest half precision finds: real source text as vectors of its words, weighted by rarity and
//! projected at random, so that every component uses all of single precision; exact scans of the types `vector` and `halfvec`
//! side by side, in distance and time. Queries are the first lines of chunks.
//!
//! `cargo run --release -p quarry-codebase --example half_precision -- [CHUNKS] [DIRECTORY] [DIMENSIONS]`

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss)] // a program to look at, not a part of the service

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pgvector::{HalfVector, Vector};
use quarry_codebase::text_terms;
use quarry_postgres::testing::test_database;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};

const LINES_PER_CHUNK: usize = 30;
const LINES_PER_QUERY: usize = 8;
const QUERIES: usize = 200;
const NEIGHBOURS: usize = 10;
const ROWS_PER_INSERT: usize = 500;
const SOURCES: [&str; 7] = ["rs", "py", "ts", "js", "go", "c", "java"];

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let most: usize = arguments.next().map_or(50_000, |count| count.parse().unwrap());
    let directory = PathBuf::from(arguments.next().unwrap_or_else(|| "target/corpus/t10000".to_owned()));
    let dimensions: usize = arguments.next().map_or(768, |count| count.parse().unwrap());

    let chunks = chunks(directory, most);
    let rarity = rarity(&chunks);
    let embed = |text: &str| embed(text, &rarity, dimensions);
    let pool = table(dimensions).await;
    for batch in chunks.chunks(ROWS_PER_INSERT) {
        let vectors: Vec<Vector> = batch.iter().map(|chunk| Vector::from(embed(chunk))).collect();
        sqlx::query("insert into compared (single) select unnest($1::vector[])")
            .bind(vectors)
            .execute(&pool)
            .await
            .unwrap();
    }
    execute(&pool, "update compared set half = single").await;
    execute(&pool, "vacuum full analyze compared").await;

    let (mut found, mut wanted, mut error) = (0, 0, 0f64);
    let mut times: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
    for chunk in chunks.iter().step_by((chunks.len() / QUERIES).max(1)) {
        let lines: Vec<&str> = chunk.lines().take(LINES_PER_QUERY).collect();
        let query = embed(&lines.join("\n"));
        if query.iter().all(|value| *value == 0.0) {
            continue;
        }
        let started = Instant::now();
        let truth: Vec<(i32, f64)> = nearest(&pool, "single", Vector::from(query.clone())).await;
        times[0].push(started.elapsed());
        let started = Instant::now();
        let near: Vec<(i32, f64)> = nearest(&pool, "half", HalfVector::from_f32_slice(&query)).await;
        times[1].push(started.elapsed());
        wanted += truth.len();
        found += truth
            .iter()
            .filter(|(id, _)| near.iter().any(|(other, _)| id == other))
            .count();
        let differences = truth
            .iter()
            .zip(&near)
            .map(|((_, one), (_, other))| (one - other).abs());
        error = differences.fold(error, f64::max);
    }
    let [single, half] = times.map(median_milliseconds);
    println!(
        "{} chunks, {dimensions} dimensions: recall@{NEIGHBOURS} of half precision {:.4}, largest error of a cosine {error:.6}",
        chunks.len(),
        found as f64 / wanted as f64
    );
    println!("exact scan: single {single:.1} ms, half {half:.1} ms");
}

/// Pieces of the source files below, in the order of their paths.
fn chunks(directory: PathBuf, most: usize) -> Vec<String> {
    let mut files = Vec::new();
    let mut directories = vec![directory];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path
                .extension()
                .is_some_and(|found| SOURCES.iter().any(|known| found == *known))
            {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut chunks = Vec::new();
    for text in files.iter().filter_map(|file| std::fs::read_to_string(file).ok()) {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        chunks.extend(lines.chunks(LINES_PER_CHUNK).map(|lines| lines.concat()));
    }
    chunks.retain(|chunk| text_terms(chunk).len() > LINES_PER_QUERY);
    let step = chunks.len().div_ceil(most).max(1);
    chunks.into_iter().step_by(step).collect()
}

/// The inverse document frequency of every term.
fn rarity(chunks: &[String]) -> HashMap<String, f32> {
    let mut holding: HashMap<String, u32> = HashMap::new();
    for chunk in chunks {
        let mut terms = text_terms(chunk);
        terms.sort_unstable();
        terms.dedup();
        for term in terms {
            *holding.entry(term).or_default() += 1;
        }
    }
    let all = chunks.len() as f32;
    holding
        .into_iter()
        .map(|(term, chunks)| (term, (1.0 + all / chunks as f32).ln()))
        .collect()
}

/// Every term has a direction of its own; a text goes the sum of its terms', to length 1.
fn embed(text: &str, rarity: &HashMap<String, f32>, dimensions: usize) -> Vec<f32> {
    let mut counts: HashMap<String, f32> = HashMap::new();
    for term in text_terms(text) {
        *counts.entry(term).or_default() += 1.0;
    }
    let mut terms: Vec<(String, f32)> = counts.into_iter().collect();
    terms.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    let mut vector = vec![0.0; dimensions];
    let mut direction = vec![0; dimensions];
    for (term, count) in terms {
        let Some(rarity) = rarity.get(&term) else { continue };
        let weight = (1.0 + count.ln()) * rarity;
        blake3::Hasher::new()
            .update(term.as_bytes())
            .finalize_xof()
            .fill(&mut direction);
        for (sum, byte) in vector.iter_mut().zip(&direction) {
            *sum += weight * (f32::from(*byte) - 127.5);
        }
    }
    let length = vector
        .iter()
        .map(|value| value * value)
        .sum::<f32>()
        .sqrt()
        .max(f32::MIN_POSITIVE);
    vector.iter_mut().for_each(|value| *value /= length);
    vector
}

async fn table(dimensions: usize) -> PgPool {
    let database = test_database().await;
    let pool = PgPoolOptions::new().connect(&database.url).await.unwrap();
    execute(&pool, "create extension vector").await;
    let statement = format!(
        "create table compared (
             id integer generated always as identity,
             single vector({dimensions}),
             half halfvec({dimensions})
         )"
    );
    execute(&pool, &statement).await;
    pool
}

async fn nearest<V>(pool: &PgPool, column: &str, query: V) -> Vec<(i32, f64)>
where
    V: for<'q> sqlx::Encode<'q, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + 'static,
{
    let statement = format!("select id, {column} <=> $1 from compared order by 2 limit {NEIGHBOURS}");
    sqlx::query_as(AssertSqlSafe(statement))
        .bind(query)
        .fetch_all(pool)
        .await
        .unwrap()
}

async fn execute(pool: &PgPool, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(pool)
        .await
        .unwrap();
}

fn median_milliseconds(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1_000.0
}
