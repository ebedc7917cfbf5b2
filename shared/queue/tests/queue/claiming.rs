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
    let other_kind = ClaimFilter {
        kinds: vec![JobKind::IndexFiles],
        ..ClaimFilter::everything(HOST)
    };
    assert!(
        claim(&bench.pool, &bench.worker, &other_kind, 16)
            .await
            .unwrap()
            .is_empty()
    );
    let other_project = ClaimFilter {
        projects: Some(vec![Uuid::now_v7()]),
        ..ClaimFilter::everything(HOST)
    };
    assert!(
        claim(&bench.pool, &bench.worker, &other_project, 16)
            .await
            .unwrap()
            .is_empty()
    );
    let mine = ClaimFilter {
        projects: Some(vec![bench.project]),
        ..ClaimFilter::everything(HOST)
    };
    assert_eq!(claim(&bench.pool, &bench.worker, &mine, 16).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_claim_takes_no_more_than_asked_for() {
    let bench = Bench::new().await;
    for _ in 0..20 {
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
    for limit in [1, 2, 100, 100] {
        sizes.push(claim(&bench.pool, &bench.worker, &filter, limit).await.unwrap().len());
    }
    assert_eq!(sizes, [1, 2, 16, 1]);
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
