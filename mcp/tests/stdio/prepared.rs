//! A project as a worker leaves it, made through the crates that the worker uses.

use std::fs;
use std::time::Duration;

use quarry_codebase::{
    Definitions, Fence, NewChunk, NewFile, ensure_repository, mark_completed, raise_fence, replace_files,
};
use quarry_postgres::testing::{TestDatabase, test_database};
use quarry_registry::{Project, ProjectName, Registry, RegistryOptions};

use crate::session::{HOST, Setup};

/// A character that turns the reading direction, one without width, and an escape sequence.
pub(crate) const HIDING: &str = "let price = 1;\u{202e}\u{200b}\u{1b}[2J\n";

const CLAIM: [&str; 2] = [
    "//! Claims ready jobs.\nuse crate::lease::Lease;\n",
    "pub fn claim_job(worker: &Worker) -> Option<Claim> {\n    ready_jobs().next()\n}\n",
];

pub(crate) struct Prepared {
    pub(crate) setup: Setup,
    pub(crate) registry: Registry,
    pub(crate) project: Project,
    _database: TestDatabase,
}

/// The project `shop` with the repository of the setup: src/claim.rs in two chunks, src/price.rs with hidden characters.
pub(crate) async fn prepared() -> Prepared {
    let setup = Setup::new();
    let database = test_database().await;
    let registry = Registry::open(&database.url, RegistryOptions::default()).await.unwrap();
    let name = ProjectName::parse("shop").unwrap();
    let project = registry.create_project(&name, None, "test").await.unwrap();
    let root = setup.repository();
    registry.bind_location(HOST, &root, &project).await.unwrap();
    let pool = registry.database(&project).await.unwrap();
    let repository = ensure_repository(&pool, HOST, &root, "shop").await.unwrap().id;
    let fence = Fence {
        lane: format!("index_files/{repository}/0"),
        fence: 1,
    };
    raise_fence(&pool, &fence.lane, fence.fence).await.unwrap();
    let files = vec![
        file(
            &setup,
            "src/claim.rs",
            &[(None, CLAIM[0]), (Some("claim_job"), CLAIM[1])],
        ),
        file(&setup, "src/price.rs", &[(None, HIDING)]),
    ];
    replace_files(&pool, &fence, repository, files, &[]).await.unwrap();
    mark_completed(&pool, &fence, repository, Duration::from_secs(1))
        .await
        .unwrap();
    Prepared {
        setup: setup.database(&database.url),
        registry,
        project,
        _database: database,
    }
}

/// A file as it lies on the disk, cut into chunks.
fn file(setup: &Setup, path: &str, chunks: &[(Option<&str>, &str)]) -> NewFile {
    let text: String = chunks.iter().map(|(_, text)| *text).collect();
    fs::write(setup.path("shop").join(path), &text).unwrap();
    let mut next_line = 1;
    let chunks = chunks.iter().map(|(symbol, text)| {
        let lines = u32::try_from(text.lines().count()).unwrap();
        next_line += lines;
        NewChunk {
            content: (*text).to_owned(),
            start_line: next_line - lines,
            end_line: next_line - 1,
            symbol: symbol.map(str::to_owned),
            symbol_kind: symbol.map(|_| "function".to_owned()),
            defines: symbol.iter().map(ToString::to_string).collect(),
            uses: Vec::new(),
            context_before: None,
            context_after: None,
            embedding_hash: *blake3::hash(text.as_bytes()).as_bytes(),
            embedding: None,
            embedding_error: Some("no endpoint in this test".to_owned()),
        }
    });
    let chunks = chunks.collect();
    NewFile {
        path: path.to_owned(),
        content_hash: *blake3::hash(text.as_bytes()).as_bytes(),
        size_bytes: i64::try_from(text.len()).unwrap(),
        stamp: None,
        language: Some("rust".to_owned()),
        file_type: Some("rs".to_owned()),
        line_count: i32::try_from(text.lines().count()).unwrap(),
        chunker_version: 1,
        definitions: Definitions::default(),
        chunks,
    }
}
