//! Repositories: their status and counters say what is true.

use std::collections::BTreeMap;
use std::time::Duration;

use quarry_codebase::{
    CodebaseError, GitState, IndexingStatus, ensure_repository, find_repository, find_repository_at, mark_completed,
    mark_failed, mark_in_progress, record_walk, repositories,
};

use crate::project_database::{file, lane, project};

#[tokio::test]
async fn a_location_is_one_repository_however_often_it_is_named() {
    let project = project().await;
    let again = ensure_repository(&project.pool, "host", "/src/app", "other name")
        .await
        .unwrap();
    assert_eq!((again.id, again.name.as_str()), (project.repository, "app"));
    assert_eq!(again.status, IndexingStatus::Pending);
    let elsewhere = ensure_repository(&project.pool, "other host", "/src/app", "app")
        .await
        .unwrap();
    assert_ne!(elsewhere.id, project.repository);
    assert_eq!(repositories(&project.pool).await.unwrap().len(), 2);
    let found = find_repository_at(&project.pool, "other host", "/src/app")
        .await
        .unwrap();
    assert_eq!(found, Some(elsewhere));
    assert_eq!(find_repository_at(&project.pool, "host", "/src").await.unwrap(), None);
    let unknown = find_repository(&project.pool, uuid::Uuid::now_v7()).await;
    assert!(matches!(unknown, Err(CodebaseError::NotFound { .. })));
}

#[tokio::test]
async fn counters_are_those_of_the_rows_after_every_kind_of_change() {
    let project = project().await;
    let (pool, id) = (&project.pool, project.repository);
    let other = ensure_repository(pool, "host", "/src/other", "other").await.unwrap();
    let other_lane = lane(pool, other.id, 0, 1).await;
    let files = vec![file("x.rs", &["x"])];
    quarry_codebase::replace_files(pool, &other_lane, other.id, files, &[])
        .await
        .unwrap();

    let batches = [
        (vec![file("a.rs", &["1", "2"]), file("b.rs", &["3"])], vec![]),
        (
            vec![file("a.rs", &["1", "2", "4"]), file("empty.rs", &[])],
            vec!["b.rs"],
        ),
        (vec![], vec!["a.rs", "empty.rs", "b.rs"]),
    ];
    for (files, removed) in batches {
        project.publish(files, &removed).await;
        mark_completed(pool, &project.fence, id, Duration::from_millis(1_250))
            .await
            .unwrap();
        let repository = find_repository(pool, id).await.unwrap();
        let counted: (i64, i64) = sqlx::query_as(
            "select (select count(*) from codebase.files where repository_id = $1),
                    (select count(*) from codebase.code_chunks where repository_id = $1)",
        )
        .bind(id)
        .fetch_one(pool)
        .await
        .unwrap();
        assert_eq!(
            (i64::from(repository.total_files), i64::from(repository.total_chunks)),
            counted
        );
        assert_eq!(repository.indexing_seconds, Some(1.25));
    }
}

#[tokio::test]
async fn an_attempt_leaves_its_status_its_walk_and_its_error() {
    let project = project().await;
    let (pool, fence, id) = (&project.pool, &project.fence, project.repository);
    mark_in_progress(pool, fence, id).await.unwrap();
    assert_eq!(
        find_repository(pool, id).await.unwrap().status,
        IndexingStatus::InProgress
    );

    let skipped = BTreeMap::from([("binary".to_owned(), 3), ("too_large".to_owned(), 1)]);
    let git = GitState {
        commit: Some("c0ffee".to_owned()),
        branch: None,
        dirty: Some(true),
    };
    record_walk(pool, fence, id, &skipped, Some(&git)).await.unwrap();
    mark_failed(pool, fence, id, Duration::from_secs(1), "endpoint refused: 401")
        .await
        .unwrap();
    let failed = find_repository(pool, id).await.unwrap();
    assert_eq!((failed.status, failed.last_indexed_at), (IndexingStatus::Failed, None));
    assert_eq!((failed.skipped_files, failed.git), (skipped, Some(git)));
    assert_eq!(failed.last_error.as_deref(), Some("endpoint refused: 401"));

    mark_completed(pool, fence, id, Duration::from_secs(1)).await.unwrap();
    let completed = find_repository(pool, id).await.unwrap();
    assert_eq!(
        (completed.status, completed.last_error),
        (IndexingStatus::Completed, None)
    );
    assert!(completed.last_indexed_at.is_some());
}

#[tokio::test]
async fn a_holder_that_lost_its_lane_cannot_settle_the_status() {
    let project = project().await;
    lane(&project.pool, project.repository, 0, 2).await;
    let late = mark_completed(&project.pool, &project.fence, project.repository, Duration::ZERO).await;
    assert!(matches!(late, Err(CodebaseError::FenceLost { .. })), "{late:?}");
    let status = find_repository(&project.pool, project.repository).await.unwrap().status;
    assert_eq!(status, IndexingStatus::Pending);
}
