//! Measures what publishing costs beside the floor: the same rows sent by `psql` with binary `COPY` into a bare copy of the
//! table. Prints both rates, where the time goes, and what the foreign key's trigger takes of it.
//!
//! `cargo run --release -p quarry-codebase --example store_throughput -- [CHUNKS] [psql]`

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a program to look at, not a part of the service

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use quarry_codebase::{
    Definitions, Fence, NewChunk, NewFile, Replaced, Spent, ensure_repository, raise_fence, remove_repository,
    replace_files,
};
use quarry_postgres::testing::test_database;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};

const DIMENSIONS: usize = 256;
const CHUNKS_PER_FILE: usize = 12;
const FILES_PER_BATCH: usize = 100;
const ROUNDS: usize = 5;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let chunks: usize = arguments.next().map_or(20_000, |count| count.parse().unwrap());
    let psql = arguments.next().unwrap_or_else(|| "psql".to_owned());
    let database = test_database().await;
    let pool = PgPoolOptions::new().connect(&database.url).await.unwrap();
    sqlx::raw_sql("create extension vector").execute(&pool).await.unwrap();
    sqlx::migrate!("../../migrations/project").run(&pool).await.unwrap();
    execute(
        &pool,
        &format!(
            "alter table codebase.code_chunks
                 alter column embedding type halfvec({DIMENSIONS}),
                 alter column embedding set storage plain"
        ),
    )
    .await;
    let files = made_up_files(chunks / CHUNKS_PER_FILE);
    let rows = files.len() * CHUNKS_PER_FILE;
    println!(
        "{rows} chunks in {} files, {DIMENSIONS} dimensions, best of {ROUNDS}",
        files.len()
    );

    // In turns, so that a busy machine hits all of them.
    let mut best: Option<(Duration, Spent)> = None;
    let mut floor = Floor::default();
    for round in 0..ROUNDS {
        let measured = publish_all(&pool, &files, round).await;
        if best.is_none_or(|(took, _)| measured.0 < took) {
            best = Some(measured);
        }
        floor.measure(&pool, &database.url, &psql).await;
    }
    let (took, spent) = best.unwrap();
    report("replace_files", rows, took);
    for (part, time) in [
        ("compare", spent.compare),
        ("files", spent.files),
        ("chunks", spent.chunks),
        ("await segment", spent.await_segment),
        ("store segment", spent.store_segment),
        ("commit", spent.commit),
    ] {
        println!(
            "    {part:<14} {:>6} ms  {:>4.0} %",
            time.as_millis(),
            100.0 * time.as_secs_f64() / took.as_secs_f64()
        );
    }

    let again = publish_all_again(&pool, &files).await;
    report("unchanged again", rows, again);

    let (without_key, with_key) = (fastest(&floor.without_key), fastest(&floor.with_key));
    report("psql COPY BINARY, same indexes", rows, without_key);
    println!(
        "replace_files reaches {:.2} of it",
        without_key.as_secs_f64() / took.as_secs_f64()
    );
    report("psql COPY BINARY, foreign key too", rows, with_key);
    let key = with_key.saturating_sub(without_key);
    let share = 100.0 * key.as_secs_f64() / took.as_secs_f64();
    println!(
        "the foreign key costs {} ms, {share:.0} % of replace_files",
        key.as_millis()
    );
}

fn report(what: &str, rows: usize, took: Duration) {
    println!(
        "{what:<40} {:>8.0} rows/s  {:>6} ms",
        rows as f64 / took.as_secs_f64(),
        took.as_millis()
    );
}

async fn execute(pool: &PgPool, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(pool)
        .await
        .unwrap();
}

/// A fresh repository, published batch by batch; the one of the round before is removed first.
async fn publish_all(pool: &PgPool, files: &[NewFile], round: usize) -> (Duration, Spent) {
    if round > 0 {
        let before = ensure_repository(pool, "host", &format!("/{}", round - 1), "made-up")
            .await
            .unwrap();
        let remover = raised(pool, "remove_repository", before.id).await;
        remove_repository(pool, &remover, before.id).await.unwrap();
        execute(pool, "vacuum analyze").await;
    }
    let repository = ensure_repository(pool, "host", &format!("/{round}"), "made-up")
        .await
        .unwrap();
    let fence = raised(pool, "index_files", repository.id).await;
    let mut took = Duration::ZERO;
    let mut spent = Spent::default();
    for batch in files.chunks(FILES_PER_BATCH) {
        let batch = batch.to_vec();
        let started = Instant::now();
        let replaced = replace_files(pool, &fence, repository.id, batch, &[]).await.unwrap();
        took += started.elapsed();
        add(&mut spent, &replaced);
    }
    (took, spent)
}

async fn publish_all_again(pool: &PgPool, files: &[NewFile]) -> Duration {
    let repository = ensure_repository(pool, "host", &format!("/{}", ROUNDS - 1), "made-up")
        .await
        .unwrap();
    let fence = raised(pool, "index_files", repository.id).await;
    let mut took = Duration::ZERO;
    for batch in files.chunks(FILES_PER_BATCH) {
        let batch = batch.to_vec();
        let started = Instant::now();
        let replaced = replace_files(pool, &fence, repository.id, batch, &[]).await.unwrap();
        assert_eq!(replaced.chunks_inserted, 0);
        took += started.elapsed();
    }
    took
}

async fn raised(pool: &PgPool, kind: &str, repository: uuid::Uuid) -> Fence {
    let lane = format!("{kind}/{repository}/0");
    raise_fence(pool, &lane, 1).await.unwrap();
    Fence { lane, fence: 1 }
}

fn add(sum: &mut Spent, replaced: &Replaced) {
    let spent = replaced.spent;
    sum.compare += spent.compare;
    sum.await_segment += spent.await_segment;
    sum.files += spent.files;
    sum.chunks += spent.chunks;
    sum.store_segment += spent.store_segment;
    sum.commit += spent.commit;
}

/// The published rows, copied out and back in by psql: same columns, same indexes, one transaction.
#[derive(Default)]
struct Floor {
    without_key: Vec<Duration>,
    with_key: Vec<Duration>,
}

impl Floor {
    async fn measure(&mut self, pool: &PgPool, url: &str, psql: &str) {
        let directory = std::env::temp_dir().join(format!("store_throughput_{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let rows = directory.join("rows");
        let export = format!("\\copy codebase.code_chunks to '{}' (format binary)", rows.display());
        run_psql(psql, url, &export);
        let table = "create table codebase.floor (like codebase.code_chunks including all)";
        let key = "alter table codebase.floor add foreign key (repository_id) references codebase.repositories (id)";
        for _ in 0..2 {
            execute(pool, table).await;
            self.without_key.push(copy_in(psql, url, &rows));
            execute(pool, &format!("drop table codebase.floor; {table}; {key}")).await;
            self.with_key.push(copy_in(psql, url, &rows));
            execute(pool, "drop table codebase.floor").await;
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }
}

fn fastest(times: &[Duration]) -> Duration {
    times.iter().copied().min().unwrap()
}

fn copy_in(psql: &str, url: &str, rows: &Path) -> Duration {
    let started = Instant::now();
    run_psql(
        psql,
        url,
        &format!("\\copy codebase.floor from '{}' (format binary)", rows.display()),
    );
    started.elapsed()
}

fn run_psql(psql: &str, url: &str, command: &str) {
    let status = Command::new(psql)
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", command])
        .status();
    assert!(status.unwrap().success(), "{command}");
}

/// Files of plausible code: some hundred words that come again, names that do not, chunks of about one kilobyte.
fn made_up_files(count: usize) -> Vec<NewFile> {
    let mut random = Numbers(0x2545_f491_4f6c_dd1d);
    let words: Vec<String> = (0..800).map(|_| random.word()).collect();
    (0..count)
        .map(|number| {
            let path = format!(
                "crates/{}/src/{}/{}_{number}.rs",
                random.pick(&words[..40]),
                random.pick(&words[..200]),
                random.pick(&words)
            );
            let chunks: Vec<NewChunk> = (0..CHUNKS_PER_FILE)
                .map(|position| made_up_chunk(&mut random, &words, number, position))
                .collect();
            NewFile {
                content_hash: *blake3::hash(path.as_bytes()).as_bytes(),
                path,
                size_bytes: 12_000,
                stamp: None,
                language: Some("rust".to_owned()),
                file_type: Some("rs".to_owned()),
                line_count: 360,
                chunker_version: 1,
                definitions: Definitions::default(),
                chunks,
            }
        })
        .collect()
}

fn made_up_chunk(random: &mut Numbers, words: &[String], file: usize, position: usize) -> NewChunk {
    let name = format!("{}_{}_{file}", random.pick(words), random.pick(words));
    let mut content = format!(
        "/// {} the {} of a {}.\npub fn {name}(",
        random.pick(words),
        random.pick(words),
        random.pick(words)
    );
    for _ in 0..24 {
        let (left, call, argument) = (random.pick(words), random.pick(words), random.pick(words));
        content.push_str(&format!(
            "    let {left} = self.{call}({argument}, {})?;\n",
            random.next() % 100
        ));
    }
    content.push_str("}\n\n");
    let line = u32::try_from(position * 30).unwrap();
    NewChunk {
        embedding_hash: *blake3::hash(content.as_bytes()).as_bytes(),
        embedding: Some(
            (0..DIMENSIONS)
                .map(|_| (random.next() % 2_000) as f32 / 1_000.0 - 1.0)
                .collect(),
        ),
        content,
        start_line: line + 1,
        end_line: line + 30,
        symbol: Some(name.clone()),
        symbol_kind: Some("function".to_owned()),
        defines: vec![name],
        uses: Vec::new(),
        context_before: Some(format!("impl {} {{", random.pick(words))),
        context_after: None,
        embedding_error: None,
    }
}

/// The same numbers on every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn word(&mut self) -> String {
        let syllables = [
            "re", "con", "file", "in", "dex", "ta", "ble", "load", "to", "ken", "se", "gment", "pa", "th",
        ];
        (0..2 + self.next() % 3)
            .map(|_| syllables[usize::try_from(self.next() % 14).unwrap()])
            .collect()
    }

    fn pick<'a>(&mut self, words: &'a [String]) -> &'a str {
        let position = self.next() % words.len() as u64;
        &words[usize::try_from(position).unwrap()]
    }
}
