//! A claim begins where the oldest waiting lane was a moment ago. What lies before it all the same is not lost.

use std::num::NonZeroU16;
use std::time::Duration;

use crate::support::*;
use quarry_queue::*;

/// As if its transaction had taken an hour to commit.
async fn make_due_an_hour_ago(bench: &Bench) {
    sqlx::query("update jobs set run_at = clock_timestamp() - interval '1 hour' where state = 'ready'")
        .execute(&bench.pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_lane_before_the_floor_is_found_when_the_worker_looks_for_the_oldest_again() {
    let bench = Bench::new().await;
    let filter = ClaimFilter::everything(HOST);
    let looks_seldom = filter.clone().with_looks_for_the_oldest_every(Duration::MAX);
    let looks_always = filter.with_looks_for_the_oldest_every(Duration::ZERO);
    let claims = async |filter| {
        claim(&bench.pool, &bench.worker, filter, CLAIM_LIMIT)
            .await
            .unwrap()
            .len()
    };
    assert_eq!(claims(&looks_seldom).await, 0);
    assert_eq!(claims(&looks_always).await, 0);
    bench.save(&["a"]).await;
    make_due_an_hour_ago(&bench).await;
    assert_eq!(
        claims(&looks_seldom).await,
        0,
        "it passes all dead rows with every claim"
    );
    assert_eq!(next_due(&bench.pool, &looks_seldom).await.unwrap(), None);
    assert_eq!(
        next_due(&bench.pool, &looks_always).await.unwrap(),
        Some(Duration::ZERO)
    );
    assert_eq!(claims(&looks_always).await, 1);
}

#[tokio::test]
async fn what_waits_long_because_its_project_has_all_it_may_is_claimed_as_soon_as_it_may_be() {
    let bench = Bench::new().await;
    let filter = ClaimFilter::everything(HOST).with_leases_per_project(NonZeroU16::new(1));
    for shard in 0..2 {
        let path = in_shard(shard, 1);
        bench.save(&[&path[0]]).await;
    }
    make_due_an_hour_ago(&bench).await;
    for _ in 0..2 {
        let claims = claim(&bench.pool, &bench.worker, &filter, CLAIM_LIMIT).await.unwrap();
        assert_eq!(claims.len(), 1);
        bench.settle(&claims[0], Outcome::Succeeded).await;
    }
}

#[tokio::test]
async fn what_waits_long_because_its_worker_had_no_place_for_its_kind_is_claimed_as_soon_as_it_has() {
    let bench = Bench::new().await;
    let filter = ClaimFilter::everything(HOST);
    bench.save(&["a"]).await;
    make_due_an_hour_ago(&bench).await;
    let narrowed = filter.clone().with_kinds([JobKind::SyncRepository]);
    let narrowed = claim(&bench.pool, &bench.worker, &narrowed, CLAIM_LIMIT).await.unwrap();
    assert!(narrowed.is_empty());
    let claims = claim(&bench.pool, &bench.worker, &filter, CLAIM_LIMIT).await.unwrap();
    assert_eq!(claims.len(), 1);
}
