//! Removal: nothing of the repository stays, nothing of another goes, and nobody publishes into it any more.

use quarry_codebase::{
    CodebaseError, Fence, ensure_repository, find_repository, raise_fence, remove_repository, replace_files,
};

use crate::project_database::{file, lane, project};

#[tokio::test]
async fn everything_of_the_repository_goes_and_nothing_of_another() {
    let project = project().await;
    let pool = &project.pool;
    let files = (0..60).map(|number| {
        let texts: Vec<String> = (0..50).map(|line| format!("text {number} {line}")).collect();
        file(
            &format!("{number}.rs"),
            &texts.iter().map(String::as_str).collect::<Vec<_>>(),
        )
    });
    project.publish(files.collect(), &[]).await;
    project.publish(vec![], &["0.rs"]).await;
    let other = ensure_repository(pool, "host", "/src/other", "other").await.unwrap();
    let other_lane = lane(pool, other.id, 0, 1).await;
    replace_files(pool, &other_lane, other.id, vec![file("x.rs", &["x"])], &[])
        .await
        .unwrap();
    let blocks_of_other: i64 = sqlx::query_scalar(
        "select count(*)
         from codebase.lexical_blocks
         join codebase.lexical_segments on lexical_segments.id = segment_id
         where repository_id = $1",
    )
    .bind(other.id)
    .fetch_one(pool)
    .await
    .unwrap();

    let remover = Fence {
        lane: format!("remove_repository/{}/0", project.repository),
        fence: 5,
    };
    raise_fence(pool, &remover.lane, remover.fence).await.unwrap();
    let removed = remove_repository(pool, &remover, project.repository).await.unwrap();
    assert_eq!((removed.files, removed.chunks), (59, 59 * 50));
    assert!(matches!(
        find_repository(pool, project.repository).await,
        Err(CodebaseError::NotFound { .. })
    ));
    for table in ["files", "code_chunks", "lexical_segments"] {
        assert_eq!(project.count(table).await, 1, "{table}");
    }
    assert_eq!(project.count("lexical_tombstones").await, 0);
    assert_eq!(project.count("lexical_blocks").await, blocks_of_other);

    let again = remove_repository(pool, &remover, project.repository).await.unwrap();
    assert_eq!((again.files, again.chunks, again.segments), (0, 0, 0));
}

#[tokio::test]
async fn holders_of_other_lanes_are_shut_out_from_the_first_batch_on() {
    let project = project().await;
    let remover = Fence {
        lane: format!("remove_repository/{}/0", project.repository),
        fence: 5,
    };
    raise_fence(&project.pool, &remover.lane, remover.fence).await.unwrap();
    remove_repository(&project.pool, &remover, project.repository)
        .await
        .unwrap();
    let files = vec![file("a.rs", &["late"])];
    let late = replace_files(&project.pool, &project.fence, project.repository, files, &[]).await;
    assert!(
        matches!(late, Err(CodebaseError::FenceLost { found: 5, .. })),
        "{late:?}"
    );
}
