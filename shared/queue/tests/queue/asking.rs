use crate::support::*;
use quarry_queue::*;
use std::time::Duration;
use uuid::Uuid;

#[tokio::test]
async fn asking_twice_before_the_run_adds_no_second_run() {
    let bench = Bench::new().await;
    assert!(!bench.sync().await.deduplicated);
    assert!(bench.sync().await.deduplicated);
    let claim = bench.claim().await;
    assert_eq!(bench.settle(&claim, Outcome::Succeeded).await, Settled::Done);
    assert!(bench.claims().await.is_empty());
}

#[tokio::test]
async fn asking_during_a_run_causes_another_run() {
    let bench = Bench::new().await;
    bench.sync().await;
    let claim = bench.claim().await;
    let late = bench.sync().await;
    assert!(!late.deduplicated);
    assert!(bench.claims().await.is_empty(), "the lane keeps its lease");
    assert_eq!(bench.settle(&claim, Outcome::Succeeded).await, Settled::AgainReady);
    assert_eq!(bench.state(late).await, TicketState::Waiting);
    let again = bench.claim().await;
    assert!(again.fence > claim.fence);
    bench.settle(&again, Outcome::Succeeded).await;
    assert_eq!(bench.state(late).await, TicketState::Done);
}

#[tokio::test]
async fn a_full_sync_stays_full_until_one_succeeds() {
    let bench = Bench::new().await;
    let request = SyncRequest {
        full: true,
        ..SyncRequest::new("test")
    };
    enqueue_sync(&bench.pool, bench.project, bench.repository, None, request)
        .await
        .unwrap();
    let claim = bench.claim().await;
    assert!(claim.full);
    let failed = Outcome::Failed {
        error: "no".into(),
        retry: at_once(5),
    };
    assert!(matches!(bench.settle(&claim, failed).await, Settled::Retrying { .. }));
    let retried = bench.claim().await;
    assert!(retried.full);
    bench.settle(&retried, Outcome::Succeeded).await;
    bench.sync().await;
    assert!(!bench.claim().await.full);
}

#[tokio::test]
async fn an_unknown_project_is_refused() {
    let bench = Bench::new().await;
    let nobody = Uuid::now_v7();
    let refused = enqueue_sync(&bench.pool, nobody, bench.repository, None, SyncRequest::new("test")).await;
    assert!(matches!(refused, Err(QueueError::UnknownProject(id)) if id == nobody));
    assert!(matches!(
        enqueue_rebuild(&bench.pool, nobody, "test").await,
        Err(QueueError::UnknownProject(_))
    ));
}

#[tokio::test]
async fn the_first_save_is_due_in_milliseconds_and_later_ones_wait_for_a_fixed_window() {
    let bench = Bench::new().await;
    let filter = ClaimFilter::everything(HOST);
    let long = Debounce {
        first: Duration::from_millis(5),
        window: Duration::from_secs(300),
    };
    let save = async |debounce| {
        mark_dirty(
            &bench.pool,
            bench.project,
            bench.repository,
            Some(HOST),
            &paths(&["a"]),
            debounce,
            "test",
        )
        .await
        .unwrap()
    };
    save(long).await;
    assert!(next_due(&bench.pool, &filter).await.unwrap().unwrap() <= Duration::from_millis(5));
    bench.make_all_due().await;
    let claim = bench.claim().await;
    // Busy, and then just run: the window, from the first save on.
    save(long).await;
    bench.settle(&claim, Outcome::Succeeded).await;
    let first = next_due(&bench.pool, &filter).await.unwrap().unwrap();
    assert!(first > Duration::from_secs(290), "{first:?}");
    save(long).await;
    assert!(
        next_due(&bench.pool, &filter).await.unwrap().unwrap() <= first,
        "the window must not slide"
    );
    // An explicit request ends it.
    save(Debounce::NONE).await;
    assert_eq!(next_due(&bench.pool, &filter).await.unwrap(), Some(Duration::ZERO));
    let claim = bench.claim().await;
    bench.settle(&claim, Outcome::Succeeded).await;
    save(long).await;
    assert!(
        next_due(&bench.pool, &filter).await.unwrap().unwrap() > Duration::from_secs(290),
        "it has just run"
    );
}

#[tokio::test]
async fn too_many_saves_give_way_to_a_sync() {
    let bench = Bench::new().await;
    let many: Vec<String> = (0..=WAITING_SAVES_LIMIT).map(|n| format!("f{n}")).collect();
    let save = |paths: Vec<String>| {
        let (pool, project, repository) = (bench.pool.clone(), bench.project, bench.repository);
        async move {
            mark_dirty(&pool, project, repository, None, &paths, Debounce::NONE, "test")
                .await
                .unwrap()
        }
    };
    save(many.clone()).await;
    assert_eq!(bench.column("select count(*) from dirty_files").await, 0);
    assert_eq!(bench.claim().await.lane.kind, JobKind::SyncRepository);
    save(many[1..].to_vec()).await;
    assert_eq!(bench.column("select count(*) from dirty_files").await, 2_000);
    // Full now: one more is left to a sync, which runs again after the one that runs.
    assert!(!save(paths(&["one more"])).await.deduplicated);
    assert_eq!(bench.column("select count(*) from dirty_files").await, 2_000);
}

#[tokio::test]
async fn what_a_sync_marks_does_not_count_against_saves() {
    let bench = Bench::new().await;
    bench.sync().await;
    let claim = bench.claim().await;
    let many: Vec<String> = (0..3_000).map(|n| format!("f{n}")).collect();
    mark_dirty_from_sync(&bench.pool, &claim, &many, Priority::Bulk)
        .await
        .unwrap();
    bench.save(&["saved"]).await;
    assert_eq!(bench.column("select count(*) from dirty_files").await, 3_001);
}

#[tokio::test]
async fn saves_go_before_syncs_before_bulk_before_rebuilds() {
    let bench = Bench::new().await;
    enqueue_rebuild(&bench.pool, bench.project, "test").await.unwrap();
    let many: Vec<String> = (0..150).map(|n| format!("f{n}")).collect();
    let other = Uuid::now_v7();
    mark_dirty(&bench.pool, bench.project, other, None, &many, Debounce::NONE, "test")
        .await
        .unwrap();
    bench.sync().await;
    bench.save(&["a"]).await;
    let mut kinds = vec![];
    while let Some(claim) = claim(&bench.pool, &bench.worker, &ClaimFilter::everything(HOST), 1)
        .await
        .unwrap()
        .pop()
    {
        kinds.push((claim.lane.kind, claim.lane.repository_id == Some(other)));
    }
    use JobKind::*;
    assert_eq!(kinds[..2], [(IndexFiles, false), (SyncRepository, false)]);
    assert_eq!(kinds[2..10], [(IndexFiles, true); 8]);
    assert_eq!(kinds[10..], [(RebuildVectorIndex, false)]);
}
