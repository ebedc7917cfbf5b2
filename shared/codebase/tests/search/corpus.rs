//! A small code base written by hand, published as a worker publishes: a job queue, a parser, their tests and documents.

use quarry_codebase::{
    Definition, Definitions, Fence, Hit, NameSeparator, NameUse, NewChunk, NewFile, Replaced, SearchMode,
    SearchRequest, SymbolKind, UseRole, ensure_repository, raise_fence, replace_files, search,
};
use quarry_postgres::testing::test_database;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

pub(crate) const DIMENSIONS: usize = 64;

pub(crate) struct Project {
    pub(crate) pool: PgPool,
    pub(crate) repository: Uuid,
    pub(crate) fence: Fence,
}

/// A project without files.
pub(crate) async fn empty_project() -> Project {
    let database = test_database().await;
    let pool = PgPoolOptions::new()
        .max_connections(8)
        .connect(&database.url)
        .await
        .unwrap();
    sqlx::raw_sql("create extension vector").execute(&pool).await.unwrap();
    sqlx::migrate!("../../migrations/project").run(&pool).await.unwrap();
    sqlx::raw_sql("alter table codebase.code_chunks alter column embedding type halfvec(64)")
        .execute(&pool)
        .await
        .unwrap();
    let repository = ensure_repository(&pool, "host", "/src/app", "app").await.unwrap().id;
    let fence = lane(&pool, repository).await;
    Project {
        pool,
        repository,
        fence,
    }
}

/// A project that holds the code base.
pub(crate) async fn project() -> Project {
    let project = empty_project().await;
    project.publish(code_base(), &[]).await;
    project
}

pub(crate) async fn lane(pool: &PgPool, repository: Uuid) -> Fence {
    let lane = format!("index_files/{repository}/0");
    raise_fence(pool, &lane, 1).await.unwrap();
    Fence { lane, fence: 1 }
}

impl Project {
    pub(crate) async fn publish(&self, files: Vec<NewFile>, removed: &[&str]) -> Replaced {
        let removed: Vec<String> = removed.iter().map(ToString::to_string).collect();
        replace_files(&self.pool, &self.fence, self.repository, files, &removed)
            .await
            .unwrap()
    }

    /// Publishes into another repository of the project, at `root`.
    pub(crate) async fn publish_into(&self, root: &str, files: Vec<NewFile>) {
        let name = root.rsplit('/').next().unwrap();
        let id = ensure_repository(&self.pool, "host", root, name).await.unwrap().id;
        let fence = lane(&self.pool, id).await;
        replace_files(&self.pool, &fence, id, files, &[]).await.unwrap();
    }

    pub(crate) async fn hits(&self, request: &SearchRequest) -> Vec<Hit> {
        search(&self.pool, request).await.unwrap().hits
    }

    /// Paths of the hits of a lexical query.
    pub(crate) async fn paths(&self, text: &str) -> Vec<String> {
        paths(self.hits(&lexical(text)).await)
    }
}

pub(crate) fn lexical(text: &str) -> SearchRequest {
    SearchRequest {
        mode: SearchMode::Lexical,
        ..SearchRequest::new(text)
    }
}

pub(crate) fn paths(hits: Vec<Hit>) -> Vec<String> {
    hits.into_iter().map(|hit| hit.path).collect()
}

/// The files of the code base, in the order of their paths.
pub(crate) fn code_base() -> Vec<NewFile> {
    vec![
        file(
            "docs/queue.md",
            &[
                (
                    "",
                    "# The queue\n\nHow a job is claimed, how its lease expires, what happens on a retry.\n",
                ),
                (
                    "",
                    "## Leases\n\nA lease that is not renewed expires and the job returns to the queue.\n",
                ),
            ],
        ),
        file(
            "queue/src/claim.rs",
            &[
                ("", "//! Claims ready jobs.\nuse crate::lease::Lease;\n"),
                (
                    "claim_job",
                    "pub fn claim_job(worker: &Worker) -> Option<Claim> {\n    let job = ready_jobs().next()?;\n    Some(Claim::new(job, worker))\n}\n",
                ),
                (
                    "release",
                    "pub fn release(claim: Claim) {\n    claim.lease.drop_now();\n}\n",
                ),
            ],
        ),
        file(
            "queue/src/lease.rs",
            &[
                (
                    "Lease",
                    "pub struct Lease {\n    expires_at: Instant,\n    job_id: i64,\n}\n",
                ),
                (
                    "extendLease",
                    "pub fn extendLease(lease: &mut Lease, secs: u64) {\n    lease.expires_at += secs;\n}\n",
                ),
            ],
        ),
        file(
            "queue/src/retry.rs",
            &[
                (
                    "RetryPolicy",
                    "pub struct RetryPolicy {\n    attempts: u32,\n    backoff: Duration,\n}\n",
                ),
                (
                    "next_delay",
                    "/// Exponential backoff with jitter.\nfn next_delay(policy: &RetryPolicy, attempt: u32) -> Duration {\n    policy.backoff * 2u32.pow(attempt) + jitter()\n}\n",
                ),
            ],
        ),
        file(
            "queue/tests/claim.rs",
            &[(
                "a_job_is_claimed_once",
                "fn a_job_is_claimed_once() {\n    let claim = claim_job(&worker());\n    assert!(claim_job(&worker()).is_none());\n}\n",
            )],
        ),
        file(
            "vendor/queue/claim.rs",
            &[(
                "claim_job",
                "pub fn claim_job(worker: &Worker) -> Option<Claim> {\n    let job = ready_jobs().next()?;\n    Some(Claim::new(job, worker))\n}\n",
            )],
        ),
        file(
            "web/src/users.ts",
            &[
                (
                    "getUserName",
                    "export function getUserName(user: User): string {\n  return user.name;\n}\n",
                ),
                (
                    "renderUser",
                    "export function renderUser(user: User): string {\n  return `<b>${getUserName(user)}</b>`;\n}\n",
                ),
            ],
        ),
        file(
            "web/src/parser/index.ts",
            &[
                (
                    "parse",
                    "export function parse(text: string): Tree {\n  const tokens = tokenize(text);\n  return build(tokens);\n}\n",
                ),
                (
                    "tokenize",
                    "export function tokenize(text: string): Token[] {\n  throw new Error(\"unexpected token at end of text\");\n}\n",
                ),
            ],
        ),
    ]
}

/// A file of chunks, each with the name that it defines (or none) and its text.
pub(crate) fn file(path: &str, chunks: &[(&str, &str)]) -> NewFile {
    let extension = path.rsplit('.').next().unwrap();
    let language = match extension {
        "rs" => "rust",
        "ts" => "typescript",
        _ => "markdown",
    };
    let mut next_line = 1;
    let mut new_chunks = Vec::new();
    for (name, text) in chunks {
        let lines = u32::try_from(text.lines().count()).unwrap();
        new_chunks.push(chunk(name, text, next_line, next_line + lines - 1));
        next_line += lines;
    }
    NewFile {
        path: path.to_owned(),
        content_hash: *blake3::hash(path.as_bytes()).as_bytes(),
        size_bytes: 100,
        stamp: None,
        language: Some(language.to_owned()),
        file_type: Some(extension.to_owned()),
        line_count: i32::try_from(next_line - 1).unwrap(),
        chunker_version: 1,
        definitions: definitions(&new_chunks),
        chunks: new_chunks,
    }
}

fn chunk(name: &str, text: &str, start_line: u32, end_line: u32) -> NewChunk {
    let name = (!name.is_empty()).then(|| name.to_owned());
    NewChunk {
        content: text.to_owned(),
        start_line,
        end_line,
        symbol: name.clone(),
        symbol_kind: name.is_some().then(|| "function".to_owned()),
        uses: uses(text, name.as_deref()),
        defines: name.into_iter().collect(),
        context_before: None,
        context_after: None,
        embedding_hash: *blake3::hash(text.as_bytes()).as_bytes(),
        embedding: Some(vector(text)),
        embedding_error: None,
    }
}

/// What a parse would say of chunks that define one thing each.
fn definitions(chunks: &[NewChunk]) -> Definitions {
    let definition = |chunk: &NewChunk| {
        let name = chunk.symbol.clone()?;
        let before = chunk.content.lines().take_while(|line| !line.contains(&name)).count();
        Some(Definition {
            kind: if chunk.content.contains("struct ") {
                SymbolKind::Struct
            } else {
                SymbolKind::Function
            },
            name,
            parent: None,
            start_line: chunk.start_line,
            opening_line: chunk.start_line + u32::try_from(before).unwrap(),
            end_line: chunk.end_line,
            signature_lines: 1,
        })
    };
    Definitions {
        separator: NameSeparator::Colons,
        list: chunks.iter().filter_map(definition).collect(),
    }
}

/// Every word of code outside of comments and strings is a use, except the first that is the chunk's own name.
fn uses(text: &str, defined: Option<&str>) -> Vec<NameUse> {
    let mut defined = defined;
    let mut uses = Vec::new();
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        let code = line.split(['"', '#']).next().unwrap().split("//").next().unwrap();
        let mut rest = 0;
        for word in code.split(|character: char| !(character.is_alphanumeric() || character == '_')) {
            let behind = &code[rest + word.len()..];
            if defined == Some(word) {
                defined = None;
            } else if word.len() > 1 {
                uses.push(NameUse {
                    offset: u32::try_from(line_start + rest).unwrap(),
                    role: if behind.starts_with('(') {
                        UseRole::Call
                    } else {
                        UseRole::Reference
                    },
                });
            }
            rest += word.len() + behind.chars().next().map_or(0, char::len_utf8);
        }
        line_start += line.len();
    }
    uses
}

/// A vector that the words of a text decide: texts that share words lie close together.
pub(crate) fn vector(text: &str) -> Vec<f32> {
    let mut sum = vec![0.0; DIMENSIONS];
    for word in text
        .split(|character: char| !character.is_alphabetic())
        .filter(|word| word.len() > 2)
    {
        let mut bytes = [0; DIMENSIONS];
        blake3::Hasher::new()
            .update(word.to_lowercase().as_bytes())
            .finalize_xof()
            .fill(&mut bytes);
        for (total, byte) in sum.iter_mut().zip(bytes) {
            *total += f32::from(byte) / 127.5 - 1.0;
        }
    }
    sum
}
