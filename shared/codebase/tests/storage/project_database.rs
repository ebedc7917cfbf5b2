//! A project's database as the registry provisions it, and made-up files to publish into it.

use quarry_codebase::{Definitions, Fence, NewChunk, NewFile, Replaced, ensure_repository, raise_fence, replace_files};
use quarry_postgres::testing::test_database;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

pub(crate) const DIMENSIONS: usize = 256;

pub(crate) struct Project {
    pub(crate) pool: PgPool,
    pub(crate) repository: Uuid,
    pub(crate) fence: Fence,
}

/// An empty project with one repository and one lane that is ready to publish.
pub(crate) async fn project() -> Project {
    let database = test_database().await;
    let pool = PgPoolOptions::new()
        .max_connections(8)
        .connect(&database.url)
        .await
        .unwrap();
    sqlx::raw_sql("create extension vector").execute(&pool).await.unwrap();
    sqlx::migrate!("../../migrations/project").run(&pool).await.unwrap();
    sqlx::raw_sql(
        "alter table codebase.code_chunks
             alter column embedding type halfvec(256),
             alter column embedding set storage plain",
    )
    .execute(&pool)
    .await
    .unwrap();
    let repository = ensure_repository(&pool, "host", "/src/app", "app").await.unwrap().id;
    let fence = lane(&pool, repository, 0, 1).await;
    Project {
        pool,
        repository,
        fence,
    }
}

/// Raises the fence of a lane of the repository.
pub(crate) async fn lane(pool: &PgPool, repository: Uuid, shard: u8, fence: i64) -> Fence {
    let lane = format!("index_files/{repository}/{shard}");
    raise_fence(pool, &lane, fence).await.unwrap();
    Fence { lane, fence }
}

impl Project {
    pub(crate) async fn publish(&self, files: Vec<NewFile>, removed: &[&str]) -> Replaced {
        let removed: Vec<String> = removed.iter().map(ToString::to_string).collect();
        replace_files(&self.pool, &self.fence, self.repository, files, &removed)
            .await
            .unwrap()
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let statement = format!("select count(*) from codebase.{table}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// Everything that is stored about files and chunks, except ids, numbers and times.
    pub(crate) async fn content(&self) -> Vec<String> {
        let statement = "
            select concat_ws('|', path, encode(content_hash, 'hex'), size_bytes, modified_at, change_time, inode, language, file_type,
                line_count, chunk_count, chunker_version)
            from codebase.files
            union all
            select to_jsonb(c) - array['id', 'number', 'created_at'] #>> '{}'
            from codebase.code_chunks as c
            union all
            select concat_ws('|', path, encode(outline, 'hex'))
            from codebase.file_outlines
            join codebase.files on files.id = file_id
            order by 1";
        sqlx::query_scalar(statement).fetch_all(&self.pool).await.unwrap()
    }
}

/// A file whose chunks have these texts, one line each.
pub(crate) fn file(path: &str, texts: &[&str]) -> NewFile {
    let hash = *blake3::hash(texts.concat().as_bytes()).as_bytes();
    NewFile {
        path: path.to_owned(),
        content_hash: hash,
        size_bytes: 100,
        stamp: None,
        language: Some("rust".to_owned()),
        file_type: Some("rs".to_owned()),
        line_count: i32::try_from(texts.len()).unwrap(),
        chunker_version: 1,
        definitions: Definitions::default(),
        chunks: (1..).zip(texts).map(|(line, text)| chunk(text, line)).collect(),
    }
}

pub(crate) fn chunk(text: &str, line: u32) -> NewChunk {
    let hash = blake3::hash(text.as_bytes());
    NewChunk {
        content: format!("{text}\n"),
        start_line: line,
        end_line: line,
        symbol: Some(text.to_owned()),
        symbol_kind: Some("function".to_owned()),
        defines: vec![text.to_owned()],
        uses: Vec::new(),
        context_before: None,
        context_after: None,
        embedding_hash: *hash.as_bytes(),
        embedding: Some(vector(text)),
        embedding_error: None,
    }
}

/// A vector that only the text decides.
pub(crate) fn vector(text: &str) -> Vec<f32> {
    let mut bytes = vec![0; DIMENSIONS];
    blake3::Hasher::new()
        .update(text.as_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes.into_iter().map(|byte| f32::from(byte) / 127.5 - 1.0).collect()
}
