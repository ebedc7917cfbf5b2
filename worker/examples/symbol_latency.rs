//! How long `find_symbol`, `similar` and the outline take at N chunks of real sources, and how much room names take:
//! `cargo run --release -p quarry-worker --example symbol_latency -- 100000 [DIRECTORY]`. Default: cargo's registry sources,
//! as often as it takes. Nothing is embedded, so `similar` goes by words here.

#![allow(clippy::print_stdout, clippy::unwrap_used)] // a measurement

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use quarry_codebase::{
    Fence, NewChunk, NewFile, SimilarRequest, SimilarTo, SymbolRequest, ensure_repository, file_outline, find_symbol,
    merge_segments, raise_fence, replace_files, similar,
};
use quarry_postgres::testing::test_database;
use quarry_registry::{PgPool, ProjectName, Registry, RegistryOptions};
use quarry_worker::chunk::{CHUNKER_VERSION, chunk};
use quarry_worker::walk::{Entry, ReadOutcome, WalkOptions, read_file, walk};
use uuid::Uuid;

const CHUNKS_PER_BATCH: usize = 2_500;
const QUERIES: usize = 200;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let wanted: usize = arguments.next().map_or(100_000, |count| count.parse().unwrap());
    let directory = arguments.next().map_or_else(registry_sources, PathBuf::from);
    let database = test_database().await;
    let registry = Registry::open(&database.url, RegistryOptions::default()).await.unwrap();
    let name = ProjectName::parse("symbols").unwrap();
    let project = registry.create_project(&name, None, "measurement").await.unwrap();
    let pool = registry.database(&project).await.unwrap();
    let repository = ensure_repository(&pool, "host", "/src/app", "app").await.unwrap().id;
    let files = load(&pool, repository, &directory, wanted).await;

    let definitions: Vec<&(String, String)> = files
        .names
        .iter()
        .step_by((files.names.len() / QUERIES).max(1))
        .collect();
    println!("{:<28} {:>8} {:>8} {:>8}", "ms", "p50", "p95", "p99");
    let misspelt = |name: &str| {
        let middle = name.floor_char_boundary(name.len() / 2);
        format!(
            "{}{}",
            &name[..middle],
            name[middle..].chars().skip(1).collect::<String>()
        )
    };
    let kinds: [Asking<'_>; 4] = [
        ("exact name", &str::to_owned),
        ("other spelling", &|name| name.to_uppercase()),
        ("beginning (name*)", &|name| {
            format!("{}*", &name[..name.floor_char_boundary(5)])
        }),
        ("a letter missing", &misspelt),
    ];
    for (what, asked) in kinds {
        let mut times = Vec::new();
        for measured in [false, true] {
            for (name, _) in &definitions {
                let request = SymbolRequest::new(asked(name));
                let started = Instant::now();
                std::hint::black_box(find_symbol(&pool, &request).await.unwrap());
                if measured {
                    times.push(started.elapsed());
                }
            }
        }
        report(what, times);
    }
    let mut times = Vec::new();
    for name in ["new", "get", "value", "default", "fmt", "len", "next", "from_str"].repeat(5) {
        let started = Instant::now();
        std::hint::black_box(find_symbol(&pool, &SymbolRequest::new(name)).await.unwrap());
        times.push(started.elapsed());
    }
    report("the commonest names", times);
    let mut times = Vec::new();
    for (_, path) in &definitions {
        let started = Instant::now();
        std::hint::black_box(file_outline(&pool, repository, path).await.unwrap());
        times.push(started.elapsed());
    }
    report("outline of a file", times);
    let mut times = Vec::new();
    for (_, path) in &definitions {
        let to = SimilarTo::Lines {
            repository_id: repository,
            path: path.clone(),
            start_line: 1,
            end_line: 40,
        };
        let started = Instant::now();
        std::hint::black_box(similar(&pool, &SimilarRequest::new(to)).await.unwrap());
        times.push(started.elapsed());
    }
    report("similar to 40 lines", times);
}

/// What a kind of question is called, and how it asks for a name.
type Asking<'a> = (&'a str, &'a dyn Fn(&str) -> String);

/// What was published.
#[derive(Default)]
struct Loaded {
    /// Names with the path they are defined at.
    names: Vec<(String, String)>,
    chunks: usize,
    definitions: usize,
    uses: usize,
}

async fn load(pool: &PgPool, repository: Uuid, directory: &std::path::Path, wanted: usize) -> Loaded {
    let options = WalkOptions::default();
    let mut paths = Vec::new();
    walk(directory, &options, |entry| {
        if let Entry::Found { path, .. } = entry {
            paths.push(path);
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    let lane = format!("index_files/{repository}/0");
    raise_fence(pool, &lane, 1).await.unwrap();
    let fence = Fence { lane, fence: 1 };
    let mut loaded = Loaded::default();
    let mut batch: Vec<NewFile> = Vec::new();
    let mut batched = 0;
    let started = Instant::now();
    'rounds: for round in 0.. {
        for path in &paths {
            let Ok(ReadOutcome::Text(file)) = read_file(directory, path, &options) else {
                continue;
            };
            let new = new_file(&format!("copy{round}/{path}"), &file.text, &mut loaded);
            batched += new.chunks.len();
            loaded.chunks += new.chunks.len();
            batch.push(new);
            if batched >= CHUNKS_PER_BATCH || loaded.chunks >= wanted {
                batched = 0;
                let files = std::mem::take(&mut batch);
                replace_files(pool, &fence, repository, files, &[]).await.unwrap();
                if loaded.chunks >= wanted {
                    break 'rounds;
                }
            }
        }
    }
    while merge_segments(pool, repository).await.unwrap().is_some() {}
    println!(
        "{} chunks, {} definitions, {} uses published in {:.1} s",
        loaded.chunks,
        loaded.definitions,
        loaded.uses,
        started.elapsed().as_secs_f64()
    );
    loaded
}

fn new_file(path: &str, text: &str, loaded: &mut Loaded) -> NewFile {
    let cut = chunk(path, text);
    loaded.definitions += cut.definitions.list.len();
    let named = cut
        .definitions
        .list
        .iter()
        .filter(|definition| definition.name.len() > 6);
    let own = named.map(|definition| (definition.name.clone(), path.to_owned()));
    loaded.names.extend(own.step_by(7));
    let chunks = cut.chunks.into_iter().map(|chunk| {
        loaded.uses += chunk.uses.len();
        NewChunk {
            embedding_hash: *blake3::hash(chunk.content.as_bytes()).as_bytes(),
            content: chunk.content,
            start_line: chunk.start_line,
            end_line: chunk.end_line,
            symbol: chunk.symbol,
            symbol_kind: chunk.symbol_kind.map(str::to_owned),
            defines: chunk.defines,
            uses: chunk.uses,
            context_before: chunk.context_before,
            context_after: chunk.context_after,
            embedding: None,
            embedding_error: Some("not measured".to_owned()),
        }
    });
    NewFile {
        path: path.to_owned(),
        content_hash: *blake3::hash(text.as_bytes()).as_bytes(),
        size_bytes: i64::try_from(text.len()).unwrap(),
        stamp: None,
        language: cut.language.map(str::to_owned),
        file_type: cut.file_type,
        line_count: i32::try_from(cut.line_count).unwrap(),
        chunker_version: CHUNKER_VERSION,
        definitions: cut.definitions,
        chunks: chunks.collect(),
    }
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent).div_ceil(100).max(1) - 1].as_secs_f64() * 1_000.0;
    println!("{what:<28} {:>8.1} {:>8.1} {:>8.1}", at(50), at(95), at(99));
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
