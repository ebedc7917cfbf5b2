use crate::support::*;
use futures::future::join_all;
use quarry_queue::*;
use std::collections::HashSet;
use std::time::Duration;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn two_claimers_never_get_one_lane() {
    let bench = Bench::new().await;
    for _ in 0..100 {
        enqueue_sync(
            &bench.pool,
            bench.project,
            Uuid::now_v7(),
            None,
            SyncRequest::new("test"),
        )
        .await
        .unwrap();
    }
    let claimer = async || {
        let mut mine = vec![];
        loop {
            let claims = claim(&bench.pool, &bench.worker, &ClaimFilter::everything(HOST), 3)
                .await
                .unwrap();
            if claims.is_empty() {
                return mine;
            }
            mine.extend(claims);
        }
    };
    let all: Vec<Claim> = join_all((0..10).map(|_| claimer())).await.concat();
    let lanes: HashSet<i64> = all.iter().map(|claim| claim.job_id).collect();
    let fences: HashSet<i64> = all.iter().map(|claim| claim.fence).collect();
    assert_eq!((all.len(), lanes.len(), fences.len()), (100, 100, 100));
}

#[tokio::test]
async fn a_worker_gets_only_what_it_reaches_and_does() {
    let bench = Bench::new().await;
    bench.sync().await;
    let elsewhere = ClaimFilter::everything("server");
    assert!(
        claim(&bench.pool, &bench.worker, &elsewhere, 16)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(next_due(&bench.pool, &elsewhere).await.unwrap(), None);
    let other_kind = ClaimFilter::everything(HOST).with_kinds([JobKind::IndexFiles]);
    assert!(
        claim(&bench.pool, &bench.worker, &other_kind, 16)
            .await
            .unwrap()
            .is_empty()
    );
    let other_project = ClaimFilter::everything(HOST).with_projects([Uuid::now_v7()]);
    assert!(
        claim(&bench.pool, &bench.worker, &other_project, 16)
            .await
            .unwrap()
            .is_empty()
    );
    let mine = ClaimFilter::everything(HOST).with_projects([bench.project]);
    assert_eq!(claim(&bench.pool, &bench.worker, &mine, 16).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_claim_takes_no_more_than_asked_for() {
    let bench = Bench::new().await;
    for _ in 0..3 + CLAIM_LIMIT + 1 {
        enqueue_sync(
            &bench.pool,
            bench.project,
            Uuid::now_v7(),
            None,
            SyncRequest::new("test"),
        )
        .await
        .unwrap();
    }
    let filter = ClaimFilter::everything(HOST);
    let mut sizes = vec![];
    for limit in [1, 2, 1_000, 1_000] {
        sizes.push(claim(&bench.pool, &bench.worker, &filter, limit).await.unwrap().len());
    }
    assert_eq!(sizes, [1, 2, CLAIM_LIMIT, 1]);
}

#[tokio::test]
async fn an_expired_worker_gets_nothing() {
    let bench = Bench::new().await;
    bench.sync().await;
    bench.expire(&bench.worker).await;
    assert!(bench.claims().await.is_empty());
    let again = register_worker(&bench.pool, HOST, 1, "test", Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(
        claim(&bench.pool, &again, &ClaimFilter::everything(HOST), 1)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_lane_is_not_claimed_before_it_is_due() {
    let bench = Bench::new().await;
    let later = Debounce {
        first: Duration::from_secs(60),
        window: Duration::from_secs(60),
    };
    mark_dirty(
        &bench.pool,
        bench.project,
        bench.repository,
        None,
        &paths(&["a"]),
        later,
        "test",
    )
    .await
    .unwrap();
    assert!(bench.claims().await.is_empty());
    assert!(
        next_due(&bench.pool, &ClaimFilter::everything(HOST))
            .await
            .unwrap()
            .unwrap()
            > Duration::from_secs(55)
    );
}

#[tokio::test]
async fn a_worker_gets_the_lanes_of_its_labels_and_of_any_host() {
    let bench = Bench::new().await;
    for host in [Some(HOST), Some("gpu"), Some("nas"), None] {
        let request = SyncRequest::new("test");
        enqueue_sync(&bench.pool, bench.project, Uuid::now_v7(), host, request)
            .await
            .unwrap();
    }
    // Its own name among the labels, or a label twice, changes nothing.
    let labels = [HOST, "gpu", "gpu"].map(str::to_owned);
    let filter = ClaimFilter::everything(HOST).with_labels(labels);
    assert_eq!(next_due(&bench.pool, &filter).await.unwrap(), Some(Duration::ZERO));
    let claims = claim(&bench.pool, &bench.worker, &filter, CLAIM_LIMIT).await.unwrap();
    assert_eq!(claims.len(), 3);
    assert_eq!(next_due(&bench.pool, &filter).await.unwrap(), None);
    let nas = ClaimFilter::everything("elsewhere").with_labels(["nas".to_owned()]);
    assert_eq!(claim(&bench.pool, &bench.worker, &nas, 1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_a_sync_marks_is_for_those_who_reach_the_files_of_the_sync() {
    let bench = Bench::new().await;
    let request = SyncRequest::new("test");
    enqueue_sync(&bench.pool, bench.project, bench.repository, Some("nas"), request)
        .await
        .unwrap();
    let nas = ClaimFilter::everything(HOST).with_labels(["nas".to_owned()]);
    let sync = claim(&bench.pool, &bench.worker, &nas, 1).await.unwrap().remove(0);
    mark_dirty_from_sync(&bench.pool, &sync, &paths(&["a"]), Priority::Bulk)
        .await
        .unwrap();
    assert!(bench.claims().await.is_empty());
    assert_eq!(claim(&bench.pool, &bench.worker, &nas, 1).await.unwrap().len(), 1);
}
