//! Fences: only the latest claim of a lane publishes.

use quarry_codebase::{CodebaseError, raise_fence, sweep_fences};

use crate::project_database::{file, project};

#[tokio::test]
async fn a_lower_fence_is_refused_and_an_equal_one_is_not() {
    let project = project().await;
    raise_fence(&project.pool, "lane", 7).await.unwrap();
    raise_fence(&project.pool, "lane", 7).await.unwrap();
    let refused = raise_fence(&project.pool, "lane", 6).await;
    assert!(
        matches!(refused, Err(CodebaseError::FenceLost { held: 6, found: 7, .. })),
        "{refused:?}"
    );
    raise_fence(&project.pool, "lane", 8).await.unwrap();
}

#[tokio::test]
async fn raising_waits_for_the_publication_that_holds_the_fence() {
    let project = project().await;
    let mut publication = project.pool.begin().await.unwrap();
    sqlx::query("select fence from codebase.fences where lane = $1 for share")
        .bind(&project.fence.lane)
        .execute(&mut *publication)
        .await
        .unwrap();
    let raising = tokio::spawn({
        let (pool, lane) = (project.pool.clone(), project.fence.lane.clone());
        async move { raise_fence(&pool, &lane, 2).await }
    });
    let waiting = "select exists (select from pg_stat_activity where wait_event_type = 'Lock')";
    while !sqlx::query_scalar::<_, bool>(waiting)
        .fetch_one(&project.pool)
        .await
        .unwrap()
    {
        tokio::task::yield_now().await;
    }
    assert!(!raising.is_finished());
    publication.commit().await.unwrap();
    raising.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_publication_that_hangs_is_ended_by_the_next_claim() {
    let project = project().await;
    let mut hanging = project.pool.begin().await.unwrap();
    sqlx::query("select codebase.hold_fence($1, $2)")
        .bind(&project.fence.lane)
        .bind(project.fence.fence)
        .execute(&mut *hanging)
        .await
        .unwrap();
    let newer = project.fence.fence + 1;
    raise_fence(&project.pool, &project.fence.lane, newer).await.unwrap();
    assert!(hanging.commit().await.is_err(), "its session is over");
}

#[tokio::test]
async fn a_late_claim_does_not_end_the_publication_of_a_newer_one() {
    let project = project().await;
    let lane = &project.fence.lane;
    raise_fence(&project.pool, lane, 9).await.unwrap();
    let mut publication = project.pool.begin().await.unwrap();
    sqlx::query("select codebase.hold_fence($1, 9)")
        .bind(lane)
        .execute(&mut *publication)
        .await
        .unwrap();
    let late = raise_fence(&project.pool, lane, 8).await;
    assert!(
        matches!(late, Err(CodebaseError::FenceLost { found: 9, .. })),
        "{late:?}"
    );
    publication.commit().await.unwrap();
}

#[tokio::test]
async fn only_old_fences_of_removed_repositories_are_swept() {
    let project = project().await;
    project.publish(vec![file("a.rs", &["one"])], &[]).await;
    let gone = uuid::Uuid::now_v7();
    raise_fence(&project.pool, &format!("index_files/{gone}/0"), 3)
        .await
        .unwrap();
    raise_fence(&project.pool, "rebuild_vector_index//0", 3).await.unwrap();
    assert_eq!(sweep_fences(&project.pool, 24).await.unwrap(), 0);
    sqlx::query("update codebase.fences set raised_at = now() - interval '25 hours'")
        .execute(&project.pool)
        .await
        .unwrap();
    assert_eq!(sweep_fences(&project.pool, 24).await.unwrap(), 1);
    project.publish(vec![file("a.rs", &["two"])], &[]).await;
}
