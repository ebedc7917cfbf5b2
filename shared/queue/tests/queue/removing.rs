use crate::support::*;
use quarry_queue::*;

async fn refused(bench: &Bench, name: &str) {
    let saved = bench.try_save(&[name]).await;
    assert!(matches!(saved, Err(QueueError::RepositoryRemoved(_))), "{saved:?}");
}

#[tokio::test]
async fn a_removal_beats_everything_else() {
    let bench = Bench::new().await;
    let (sync, save) = (bench.sync().await, bench.save(&["a"]).await);
    let running = claim(&bench.pool, &bench.worker, &ClaimFilter::everything(HOST), 1)
        .await
        .unwrap()
        .remove(0);
    let removal = enqueue_remove(&bench.pool, bench.project, bench.repository, "test")
        .await
        .unwrap();

    assert!(!holds(&bench.pool, &running).await.unwrap());
    assert!(heartbeat(&bench.pool, &bench.worker).await.unwrap().lost(&running));
    assert_eq!(bench.settle(&running, Outcome::Succeeded).await, Settled::LeaseLost);
    refused(&bench, "b").await;
    assert_eq!(
        (bench.state(sync).await, bench.state(save).await),
        (TicketState::Cancelled, TicketState::Cancelled)
    );

    let claim = bench.claim().await;
    assert_eq!(claim.lane.kind, JobKind::RemoveRepository);
    assert!(claim.fence > running.fence);
    refused(&bench, "b").await;
    assert_eq!(bench.settle(&claim, Outcome::Succeeded).await, Settled::Done);
    assert_eq!(bench.state(removal).await, TicketState::Done);
    let left = "select (select count(*) from jobs) + (select count(*) from dirty_files)";
    assert_eq!(bench.column(left).await, 0);
    // The same repository may be added again.
    bench.sync().await;
    assert_eq!(bench.claim().await.lane.kind, JobKind::SyncRepository);
}

#[tokio::test]
async fn a_removal_also_blocks_lanes_that_never_existed() {
    let bench = Bench::new().await;
    enqueue_remove(&bench.pool, bench.project, bench.repository, "test")
        .await
        .unwrap();
    refused(&bench, "a").await;
    assert_eq!(bench.column("select count(*) from dirty_files").await, 0);
}

#[tokio::test]
async fn a_cancelled_removal_gives_the_repository_back() {
    let bench = Bench::new().await;
    let removal = enqueue_remove(&bench.pool, bench.project, bench.repository, "test")
        .await
        .unwrap();
    cancel_ticket(&bench.pool, removal.id).await.unwrap();
    assert!(bench.claims().await.is_empty());
    bench.save(&["a"]).await;
    bench.claim().await;

    let removal = enqueue_remove(&bench.pool, bench.project, bench.repository, "test")
        .await
        .unwrap();
    let claim = bench.claim().await;
    cancel_ticket(&bench.pool, removal.id).await.unwrap();
    assert_eq!(bench.settle(&claim, Outcome::Cancelled).await, Settled::Done);
    bench.save(&["a"]).await;
}
