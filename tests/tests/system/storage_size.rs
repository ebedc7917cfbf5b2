//! How much a project takes on the disk of its server.

use std::path::Path;

use crate::installation;

/// What the vectors of the built-in model have.
const DIMENSIONS: usize = 256;

/// Of 100 000 chunks each takes 3.3 kB; a few thousand share what every table and index has at least.
const MOST_BYTES_A_CHUNK: u64 = 4_100;

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_of_real_code_takes_its_bytes_once_for_everything() {
    let (quarry, endpoint) = installation().await;
    endpoint.offer("fake-256", DIMENSIONS);
    let quarry = quarry.with("QUARRY_EMBEDDING_MODEL", "fake-256");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let report = quarry.index(&sources, "size").await;
    let chunks = report["chunks"].as_u64().unwrap();
    assert!(chunks > 1_000, "{report}");
    quarry
        .rows(
            "size",
            "create index code_chunks_embedding_1 on codebase.code_chunks
             using ivfflat (embedding halfvec_cosine_ops) with (lists = 30)",
        )
        .await;
    let by_table = quarry
        .rows(
            "size",
            "select relname, pg_total_relation_size(oid)
             from pg_class
             where relnamespace = 'codebase'::regnamespace and relkind = 'r'
             order by 2 desc",
        )
        .await;
    let bytes: u64 = by_table
        .iter()
        .map(|row| row.rsplit_once('|').unwrap().1.parse::<u64>().unwrap())
        .sum();
    let each = bytes / chunks;
    assert!(
        each <= MOST_BYTES_A_CHUNK,
        "{each} bytes for each of {chunks} chunks: {by_table:?}"
    );
}
