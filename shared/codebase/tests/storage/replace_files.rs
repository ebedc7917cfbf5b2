//! Publishing: all or nothing, once or twice, alone or beside others.

use std::sync::Arc;

use quarry_codebase::{CodebaseError, Fence, NewChunk, forget_content, replace_files, store_embeddings};
use sqlx::Row;
use tokio::sync::Barrier;

use crate::project_database::{chunk, file, lane, project, vector};

#[tokio::test]
async fn publishing_twice_is_publishing_once() {
    let project = project().await;
    let files = || {
        vec![
            file("b.rs", &["one", "two"]),
            file("a/c.rs", &["three"]),
            file("empty.rs", &[]),
        ]
    };
    let first = project.publish(files(), &[]).await;
    assert_eq!((first.files_replaced, first.chunks_inserted), (3, 3));
    let content = project.content().await;
    let second = project.publish(files(), &[]).await;
    assert_eq!(
        (second.chunks_inserted, second.chunks_deleted, second.chunks_kept),
        (0, 0, 3)
    );
    assert_eq!(project.content().await, content);
    assert_eq!(project.count("lexical_segments").await, 1);
}

#[tokio::test]
async fn an_edit_leaves_what_a_fresh_index_of_the_new_text_gives() {
    let edited = project().await;
    edited
        .publish(vec![file("a.rs", &["one", "two", "three", "four"])], &[])
        .await;
    let ids = chunk_ids(&edited.pool).await;
    let replaced = edited
        .publish(vec![file("a.rs", &["one", "new", "2", "three", "four"])], &[])
        .await;
    assert_eq!((replaced.chunks_kept, replaced.chunks_moved), (1, 2));
    assert_eq!((replaced.chunks_inserted, replaced.chunks_deleted), (2, 1));
    let kept = chunk_ids(&edited.pool)
        .await
        .into_iter()
        .filter(|id| ids.contains(id))
        .count();
    assert_eq!(kept, 3, "unchanged chunks keep their identity");

    let fresh = project().await;
    fresh
        .publish(vec![file("a.rs", &["one", "new", "2", "three", "four"])], &[])
        .await;
    let without_repository = |rows: Vec<String>, id: uuid::Uuid| -> Vec<String> {
        rows.into_iter().map(|row| row.replace(&id.to_string(), "")).collect()
    };
    assert_eq!(
        without_repository(edited.content().await, edited.repository),
        without_repository(fresh.content().await, fresh.repository)
    );
}

async fn chunk_ids(pool: &sqlx::PgPool) -> Vec<uuid::Uuid> {
    sqlx::query_scalar("select id from codebase.code_chunks")
        .fetch_all(pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_new_reason_or_a_new_vector_replaces_the_chunk() {
    let project = project().await;
    let refused = |reason: &str| {
        let mut file = file("a.rs", &["one"]);
        file.chunks[0].embedding = None;
        file.chunks[0].embedding_error = Some(reason.to_owned());
        file
    };
    project.publish(vec![refused("too long")], &[]).await;
    assert_eq!(project.publish(vec![refused("too long")], &[]).await.chunks_kept, 1);
    assert_eq!(
        project
            .publish(vec![refused("endpoint down")], &[])
            .await
            .chunks_inserted,
        1
    );
    assert_eq!(
        project.publish(vec![file("a.rs", &["one"])], &[]).await.chunks_inserted,
        1
    );
    assert_eq!(project.count("code_chunks").await, 1);
}

#[tokio::test]
async fn removed_files_leave_no_chunk_and_one_tombstone_each() {
    let project = project().await;
    project
        .publish(vec![file("a.rs", &["one", "two"]), file("b.rs", &["three"])], &[])
        .await;
    let replaced = project.publish(vec![], &["a.rs", "never-indexed.rs"]).await;
    assert_eq!((replaced.files_removed, replaced.chunks_deleted), (1, 2));
    assert_eq!(
        (project.count("files").await, project.count("code_chunks").await),
        (1, 1)
    );
    let buried: i64 = sqlx::query_scalar("select sum(cardinality(chunk_numbers)) from codebase.lexical_tombstones")
        .fetch_one(&project.pool)
        .await
        .unwrap();
    assert_eq!(buried, 2);
}

#[tokio::test]
async fn a_lost_fence_writes_nothing() {
    let project = project().await;
    project.publish(vec![file("a.rs", &["one"])], &[]).await;
    let before = project.content().await;
    lane(&project.pool, project.repository, 0, 2).await;
    let files = vec![file("a.rs", &["late"]), file("b.rs", &["late too"])];
    let outcome = replace_files(&project.pool, &project.fence, project.repository, files, &[]).await;
    assert!(
        matches!(outcome, Err(CodebaseError::FenceLost { held: 1, found: 2, .. })),
        "{outcome:?}"
    );
    assert_eq!(project.content().await, before);
    assert_eq!(project.count("lexical_segments").await, 1);

    let never_raised = Fence {
        lane: "index_files/none/0".to_owned(),
        fence: 9,
    };
    let outcome = replace_files(&project.pool, &never_raised, project.repository, vec![], &[]).await;
    assert!(
        matches!(outcome, Err(CodebaseError::FenceLost { found: 0, .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_batch_that_cannot_be_stored_is_named_and_writes_nothing() {
    let project = project().await;
    let broken = |change: fn(&mut NewChunk)| {
        let mut broken = file("broken.rs", &["one"]);
        change(&mut broken.chunks[0]);
        vec![file("a.rs", &["fine"]), broken]
    };
    let publish = |files| replace_files(&project.pool, &project.fence, project.repository, files, &[]);
    for change in [
        (|chunk| chunk.content.push('\0')) as fn(&mut NewChunk),
        |chunk| chunk.start_line = 0,
        |chunk| chunk.start_line = chunk.end_line + 1,
    ] {
        let outcome = publish(broken(change)).await;
        assert!(
            matches!(&outcome, Err(CodebaseError::InvalidFile { path, .. }) if path == "broken.rs"),
            "{outcome:?}"
        );
    }
    let outcome = publish(broken(|chunk| chunk.embedding = Some(vec![1.0; 3]))).await;
    assert!(
        matches!(
            outcome,
            Err(CodebaseError::WrongDimension {
                expected: 256,
                found: 3
            })
        ),
        "{outcome:?}"
    );
    let outcome = publish(vec![file("a.rs", &["one"]), file("a.rs", &["two"])]).await;
    assert!(matches!(outcome, Err(CodebaseError::InvalidFile { .. })), "{outcome:?}");
    assert_eq!(project.count("files").await, 0);
}

#[tokio::test]
async fn vectors_without_a_direction_are_left_out_with_their_reason() {
    let project = project().await;
    let mut file = file("a.rs", &["zero", "infinite", "fine"]);
    file.chunks[0].embedding = Some(vec![0.0; 256]);
    file.chunks[1].embedding = Some(vec![f32::INFINITY; 256]);
    project.publish(vec![file], &[]).await;
    let rows = sqlx::query(
        "select embedding is null as without, embedding_error from codebase.code_chunks order by start_line",
    )
    .fetch_all(&project.pool)
    .await
    .unwrap();
    let without: Vec<bool> = rows.iter().map(|row| row.get("without")).collect();
    let reasons: Vec<Option<String>> = rows.iter().map(|row| row.get("embedding_error")).collect();
    assert_eq!(without, [true, true, false]);
    assert!(
        reasons[0].is_some() && reasons[1].is_some() && reasons[2].is_none(),
        "{reasons:?}"
    );
}

#[tokio::test]
async fn a_removed_repository_takes_no_files() {
    let project = project().await;
    sqlx::query("delete from codebase.repositories")
        .execute(&project.pool)
        .await
        .unwrap();
    let files = vec![file("a.rs", &["one"])];
    let outcome = replace_files(&project.pool, &project.fence, project.repository, files, &[]).await;
    assert!(matches!(outcome, Err(CodebaseError::NotFound { .. })), "{outcome:?}");
}

/// Lanes have disjoint paths, but share the repository, the number sequence, the vectors and many texts.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn publishers_of_different_lanes_with_the_same_texts_do_not_deadlock() {
    let project = Arc::new(project().await);
    let barrier = Arc::new(Barrier::new(4));
    let mut publishers = tokio::task::JoinSet::new();
    for shard in 0..4u8 {
        let (project, barrier) = (Arc::clone(&project), Arc::clone(&barrier));
        publishers.spawn(async move {
            let fence = lane(&project.pool, project.repository, shard, i64::from(shard) + 10).await;
            for round in 0..12 {
                let texts: Vec<String> = (0..30)
                    .map(|text| format!("text {}", (text * 7 + round) % 40))
                    .collect();
                let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                if shard % 2 == 0 {
                    texts.reverse();
                }
                let vectors: Vec<([u8; 32], Vec<f32>)> = texts
                    .iter()
                    .map(|text| (*blake3::hash(text.as_bytes()).as_bytes(), vector(text)))
                    .collect();
                let vectors: Vec<([u8; 32], &[f32])> = vectors
                    .iter()
                    .map(|(hash, vector)| (*hash, vector.as_slice()))
                    .collect();
                barrier.wait().await;
                store_embeddings(&project.pool, "model", &vectors).await.unwrap();
                let files = (0..5)
                    .map(|number| file(&format!("{shard}/{number}.rs"), &texts))
                    .collect();
                replace_files(&project.pool, &fence, project.repository, files, &[])
                    .await
                    .unwrap();
            }
        });
    }
    while let Some(publisher) = publishers.join_next().await {
        publisher.unwrap();
    }
    assert_eq!(project.count("files").await, 20);
    assert_eq!(project.count("code_chunks").await, 600);
    assert_eq!(project.count("embeddings").await, 40);
}

/// Its rows lie in another order than their paths.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn publishers_do_not_deadlock_with_a_full_comparison() {
    let project = project().await;
    let path = |number: usize| format!("{:02}.rs", 59 - number);
    for number in 0..60 {
        let files = vec![file(&path(number), &["text"])];
        replace_files(&project.pool, &project.fence, project.repository, files, &[])
            .await
            .unwrap();
    }
    let publisher = lane(&project.pool, project.repository, 1, 10).await;
    let publishing = async {
        for round in 0..20 {
            let text = format!("text of round {round}");
            let files = (0..60).map(|number| file(&path(number), &[&text])).collect();
            replace_files(&project.pool, &publisher, project.repository, files, &[])
                .await
                .unwrap();
        }
    };
    let comparing = async {
        for _ in 0..60 {
            forget_content(&project.pool, &project.fence, project.repository)
                .await
                .unwrap();
        }
    };
    tokio::join!(publishing, comparing);
}

/// Never happens while lanes have disjoint paths; must not corrupt anything when it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn publishers_that_meet_on_one_path_leave_the_chunks_of_one_of_them() {
    let project = Arc::new(project().await);
    let mut publishers = tokio::task::JoinSet::new();
    for shard in 0..4u8 {
        let project = Arc::clone(&project);
        publishers.spawn(async move {
            let fence = lane(&project.pool, project.repository, shard, i64::from(shard) + 10).await;
            for round in 0..10 {
                let mut file = file("shared.rs", &[]);
                file.chunks = (1..4)
                    .map(|line| chunk(&format!("{shard} {round} {line}"), line))
                    .collect();
                let outcome = replace_files(&project.pool, &fence, project.repository, vec![file], &[]).await;
                assert!(
                    matches!(outcome, Ok(_) | Err(CodebaseError::Contended { .. })),
                    "{outcome:?}"
                );
            }
        });
    }
    while let Some(publisher) = publishers.join_next().await {
        publisher.unwrap();
    }
    assert_eq!(
        (project.count("files").await, project.count("code_chunks").await),
        (1, 3)
    );
}
