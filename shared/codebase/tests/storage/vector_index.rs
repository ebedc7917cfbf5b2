//! The vector index: built when it pays, calibrated, replaced and swept without anybody noticing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pgvector::HalfVector;
use quarry_codebase::{Decision, NewFile, RebuildMode, Rebuilt, rebuild_vector_index, vector_index_health};
use sqlx::{AssertSqlSafe, ConnectOptions};

use crate::project_database::{DIMENSIONS, Project, file, project, vector};

/// Texts around topics, as source code has them: vectors of one topic lie close together.
fn clustered_files(files: usize, chunks: usize) -> Vec<NewFile> {
    let topics: Vec<Vec<f32>> = (0..120).map(|topic| vector(&format!("topic {topic}"))).collect();
    (0..files)
        .map(|number| {
            let texts: Vec<String> = (0..chunks).map(|line| format!("{number}:{line}")).collect();
            let mut file = file(
                &format!("{number}.rs"),
                &texts.iter().map(String::as_str).collect::<Vec<_>>(),
            );
            for (line, chunk) in file.chunks.iter_mut().enumerate() {
                let topic = &topics[(number * 31 + line / 5) % topics.len()];
                let own = chunk.embedding.take().unwrap();
                let mixed = topic.iter().zip(own).map(|(topic, own)| topic + 0.7 * own);
                chunk.embedding = Some(mixed.collect());
            }
            file
        })
        .collect()
}

async fn fill(project: &Project) {
    let mut files = clustered_files(240, 50);
    while !files.is_empty() {
        let batch = files.split_off(files.len().saturating_sub(60));
        project.publish(batch, &[]).await;
    }
}

async fn vector_indexes(project: &Project) -> Vec<(String, bool)> {
    sqlx::query_as(
        "select relname::text, indisvalid
         from pg_index
         join pg_class on pg_class.oid = indexrelid
         where indrelid = 'codebase.code_chunks'::regclass and relname like 'code_chunks_embedding_%'
         order by relname",
    )
    .fetch_all(&project.pool)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_thousand_chunks_get_a_calibrated_index_while_others_search_and_publish() {
    let project = Arc::new(project().await);
    fill(&project).await;
    let built = AtomicBool::new(false);
    let searching = async {
        let mut searches = 0;
        while !built.load(Ordering::Relaxed) {
            let query = HalfVector::from_f32_slice(&vector(&searches.to_string()));
            let mut transaction = project.pool.begin().await.unwrap();
            sqlx::query("set local statement_timeout = '5s'")
                .execute(&mut *transaction)
                .await
                .unwrap();
            let found: Vec<i64> =
                sqlx::query_scalar("select number from codebase.code_chunks order by (embedding <=> $1) + 0 limit 10")
                    .bind(query)
                    .fetch_all(&mut *transaction)
                    .await
                    .unwrap();
            transaction.commit().await.unwrap();
            assert_eq!(found.len(), 10);
            let text = searches.to_string();
            project.publish(vec![file("saved.rs", &[&text])], &[]).await;
            searches += 1;
        }
        searches
    };
    let building = async {
        let outcome = rebuild_vector_index(&project.pool, RebuildMode::WhenOutdated).await;
        built.store(true, Ordering::Relaxed);
        outcome
    };
    let (searches, outcome) = tokio::join!(searching, building);
    let Rebuilt::Built {
        lists, recall, probes, ..
    } = outcome.unwrap()
    else {
        panic!("not built");
    };
    assert!((109..=110).contains(&lists), "{lists}");
    assert!(recall >= 0.95, "{probes} probes find {recall}");
    assert!(searches > 0);

    let health = vector_index_health(&project.pool).await.unwrap();
    let index = health.index.unwrap();
    assert_eq!((index.lists, index.probes, index.recall), (lists, probes, recall));
    assert_eq!(
        (health.next, health.exact, health.dimensions),
        (Decision::Keep, false, Some(256))
    );
    let again = rebuild_vector_index(&project.pool, RebuildMode::WhenOutdated)
        .await
        .unwrap();
    assert_eq!(again, Rebuilt::Unchanged(Decision::Keep));

    let replaced = rebuild_vector_index(&project.pool, RebuildMode::Always).await.unwrap();
    let Rebuilt::Built { name, .. } = replaced else {
        panic!("not built again");
    };
    assert_ne!(name, index.name);
    assert_eq!(vector_indexes(&project).await, [(name, true)]);
    assert_eq!(project.count("vector_indexes").await, 1);

    let mut paths: Vec<String> = (0..200).map(|number| format!("{number}.rs")).collect();
    while !paths.is_empty() {
        let batch = paths.split_off(paths.len().saturating_sub(50));
        project
            .publish(vec![], &batch.iter().map(String::as_str).collect::<Vec<_>>())
            .await;
    }
    assert_eq!(
        rebuild_vector_index(&project.pool, RebuildMode::WhenOutdated)
            .await
            .unwrap(),
        Rebuilt::Dropped
    );
    assert!(vector_indexes(&project).await.is_empty());
}

#[tokio::test]
async fn few_chunks_get_no_index_and_what_a_crash_left_is_swept() {
    let project = project().await;
    project.publish(clustered_files(4, 50), &[]).await;
    let mut connection = project.pool.connect_options().connect().await.unwrap();
    // What an interrupted build leaves behind: a statement that is cancelled while it waits for this snapshot.
    let mut snapshot = project.pool.begin().await.unwrap();
    sqlx::query("update codebase.code_chunks set end_line = end_line")
        .execute(&mut *snapshot)
        .await
        .unwrap();
    let build = "create index concurrently code_chunks_embedding_7 on codebase.code_chunks
                 using ivfflat (embedding halfvec_cosine_ops) with (lists = 1)";
    sqlx::raw_sql("set statement_timeout = '300ms'")
        .execute(&mut connection)
        .await
        .unwrap();
    let interrupted = sqlx::raw_sql(AssertSqlSafe(build)).execute(&mut connection).await;
    assert!(interrupted.is_err());
    snapshot.rollback().await.unwrap();
    assert_eq!(
        vector_indexes(&project).await,
        [("code_chunks_embedding_7".to_owned(), false)]
    );

    let outcome = rebuild_vector_index(&project.pool, RebuildMode::Always).await.unwrap();
    assert_eq!(outcome, Rebuilt::Unchanged(Decision::None));
    assert!(vector_indexes(&project).await.is_empty());
    let health = vector_index_health(&project.pool).await.unwrap();
    assert!(health.exact && health.index.is_none() && health.rows == 200);
    assert_eq!(DIMENSIONS, 256);
}

#[tokio::test]
async fn a_second_builder_leaves_the_work_to_the_first() {
    let project = project().await;
    let mut first = project.pool.connect_options().connect().await.unwrap();
    sqlx::query("select pg_advisory_lock(x'7175617272790001'::bigint)")
        .execute(&mut first)
        .await
        .unwrap();
    let outcome = rebuild_vector_index(&project.pool, RebuildMode::Always).await.unwrap();
    assert_eq!(outcome, Rebuilt::Busy);
}
