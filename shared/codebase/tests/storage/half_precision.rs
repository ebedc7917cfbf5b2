//! What the migration to half precision makes of a project that has vectors, an index over them and a change of its model.

use std::path::PathBuf;

use quarry_postgres::testing::test_database;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};

const THIS_MIGRATION: &str = "0015_half_precision.sql";

/// The files of migrations before this one, and this one, in their order.
fn migrations() -> Vec<PathBuf> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../migrations/project");
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap() <= THIS_MIGRATION)
        .collect();
    files.sort();
    files
}

async fn execute(pool: &PgPool, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(pool)
        .await
        .unwrap();
}

async fn rows(pool: &PgPool, statement: &str) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(statement.to_owned()))
        .fetch_all(pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_project_keeps_its_vectors_its_index_and_the_change_of_its_model() {
    let database = test_database().await;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect(&database.url)
        .await
        .unwrap();
    execute(&pool, "create extension vector").await;
    let mut files = migrations();
    let this = files.pop().unwrap();
    for file in files {
        execute(&pool, &std::fs::read_to_string(file).unwrap()).await;
    }
    // Directions spread over a quarter circle, of the length 1, of 300 000 and of 0.000 003, in turn.
    execute(
        &pool,
        "alter table codebase.code_chunks
             alter column embedding type vector(2), alter column embedding set storage plain,
             alter column next_embedding type vector(3);
         insert into codebase.repositories (host, repo_path, name) values ('host', '/src/app', 'app');
         insert into codebase.code_chunks
             (repository_id, file_path, content, start_line, end_line, embedding, embedding_hash, next_embedding, next_embedding_error)
         select
             id, repeat('directory/', 20) || n, repeat('text ', 600), n, n,
             array[cos(n / 100.0) * (array[1, 3e5, 3e-6])[n % 3 + 1], sin(n / 100.0) * (array[1, 3e5, 3e-6])[n % 3 + 1]]::vector,
             sha256(n::text::bytea),
             case when n % 2 = 0 then '[3e20, 0, 4e20]'::vector end,
             case when n = 1 then 'refused' end
         from codebase.repositories
         cross join generate_series(1, 150) as n;
         insert into codebase.embeddings (content_hash, model, embedding)
         select embedding_hash, 'old', embedding from codebase.code_chunks;
         update codebase.embedding_model
         set model = 'old', next_model = 'next', next_dimensions = 3, next_since = '2026-01-01Z';
         create index code_chunks_embedding_3 on codebase.code_chunks
             using ivfflat (embedding vector_cosine_ops) with (lists = 2);
         create index code_chunks_embedding_4 on codebase.code_chunks
             using ivfflat (embedding vector_cosine_ops) with (lists = 1);
         insert into codebase.vector_indexes
             (name, lists, probes, recall, rows_at_build, last_number_at_build, size_bytes, build_seconds)
         values ('code_chunks_embedding_3', 2, 1, 0.99, 150, 150, 1, 0.1)",
    )
    .await;

    let moved_out =
        "select start_line::text from codebase.code_chunks where pg_column_toast_chunk_id(file_path) is not null";
    assert!(rows(&pool, moved_out).await.len() > 100);

    execute(&pool, &std::fs::read_to_string(this).unwrap()).await;

    let column = "select attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attstorage::text from pg_attribute
        where attrelid = 'codebase.code_chunks'::regclass and attname in ('embedding', 'next_embedding', 'file_path') order by 1";
    assert_eq!(
        rows(&pool, column).await,
        [
            "embedding halfvec(2) p",
            "file_path text m",
            "next_embedding halfvec(3) m"
        ]
    );
    let astray = "select start_line::text from codebase.code_chunks
        where not coalesce(
            abs(l2_norm(embedding) - 1) < 0.002
                and embedding <=> array[cos(start_line / 100.0), sin(start_line / 100.0)]::halfvec < 1e-6,
            false
        )";
    assert_eq!(rows(&pool, astray).await, [""; 0]);
    let not_as_cached = "select start_line::text from codebase.code_chunks as chunk
        left join codebase.embeddings as cached on content_hash = embedding_hash
        where cached.embedding is distinct from chunk.embedding";
    assert_eq!(rows(&pool, not_as_cached).await, [""; 0]);
    let next = "select concat_ws(' ', next_model, next_dimensions, count(*), next_embedding_error,
            round(((next_embedding::real[])[1])::numeric, 2))
        from codebase.code_chunks cross join codebase.embedding_model
        group by next_model, next_dimensions, next_embedding_error, next_embedding order by 1";
    assert_eq!(
        rows(&pool, next).await,
        ["next 3 1 refused", "next 3 74", "next 3 75 0.60"]
    );
    let indexes = "select relname || ' ' || indisvalid || ' ' || (size_bytes = pg_relation_size(indexrelid))
        from pg_index join pg_class on pg_class.oid = indexrelid left join codebase.vector_indexes on name = relname
        where relname like 'code_chunks_embedding_%'";
    assert_eq!(rows(&pool, indexes).await, ["code_chunks_embedding_3 true true"]);
    assert_eq!(rows(&pool, moved_out).await, [""; 0]);
}
