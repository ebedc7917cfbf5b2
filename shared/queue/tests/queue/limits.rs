//! Limits that all workers share: lanes per project, and tokens of an endpoint.

use crate::support::*;
use futures::future::join_all;
use quarry_queue::*;
use serde_json::json;
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Refuses, inside the database, a lease too many. Deferred to the commit, which is when others come to see it; the lock
/// makes commits follow each other, so that two of them cannot both miss the other.
const GUARD: &str = "
    create table most_leases (project_id uuid primary key, leases integer);
    create function guard() returns trigger language plpgsql as $$
    declare
        allowed integer;
    begin
        select leases into allowed from most_leases where project_id = new.project_id for update;
        if allowed < (select count(*) from jobs where state = 'leased' and project_id = new.project_id) then
            raise exception 'more than % leases', allowed;
        end if;
        return null;
    end $$;
    create constraint trigger guard after update of state on jobs deferrable initially deferred
        for each row when (new.state = 'leased') execute function guard()";

async fn syncs(bench: &Bench, project: Uuid, count: usize) {
    for _ in 0..count {
        let request = SyncRequest::new("test");
        enqueue_sync(&bench.pool, project, Uuid::now_v7(), None, request)
            .await
            .unwrap();
    }
}

fn leases(count: u16) -> Option<NonZeroU16> {
    NonZeroU16::new(count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_never_has_more_leases_than_its_limit() {
    let bench = Bench::new().await;
    let free = project(&bench.pool, "free").await;
    sqlx::raw_sql(GUARD).execute(&bench.pool).await.unwrap();
    sqlx::query("insert into most_leases values ($1, 3), ($2, 1000)")
        .bind(bench.project)
        .bind(free)
        .execute(&bench.pool)
        .await
        .unwrap();
    limit_project(
        &bench.pool,
        bench.project,
        ProjectLimit::Leases(NonZeroU16::new(3).unwrap()),
    )
    .await
    .unwrap();
    syncs(&bench, bench.project, 150).await;
    syncs(&bench, free, 150).await;
    let most = AtomicUsize::new(0);
    let worker = async || {
        let filter = ClaimFilter::everything(HOST);
        loop {
            // Also after a claim that found the limit reached: the last one to hold a lane takes the next.
            if bench.column("select count(*) from jobs where state <> 'idle'").await == 0 {
                return;
            }
            let claims = claim(&bench.pool, &bench.worker, &filter, 5).await.unwrap();
            let mine = claims
                .iter()
                .filter(|claim| claim.lane.project_id == bench.project)
                .count();
            most.fetch_max(mine, Ordering::Relaxed);
            for claim in &claims {
                let outcome = Outcome::Succeeded;
                settle(&bench.pool, claim, &[], outcome, json!({}), FollowUp::default())
                    .await
                    .unwrap();
            }
        }
    };
    join_all((0..8).map(|_| worker())).await;
    assert_eq!(
        bench
            .column("select count(*) from runs where outcome = 'succeeded'")
            .await,
        300
    );
    assert_eq!(most.into_inner(), 3, "the limit was never reached");
}

#[tokio::test]
async fn what_a_project_is_given_goes_before_what_the_workers_say() {
    let bench = Bench::new().await;
    let second = project(&bench.pool, "second").await;
    syncs(&bench, bench.project, 5).await;
    syncs(&bench, second, 5).await;
    let filter = ClaimFilter::everything(HOST).with_leases_per_project(leases(2));
    let count = async |filter: &ClaimFilter| {
        let claims = claim(&bench.pool, &bench.worker, filter, CLAIM_LIMIT).await.unwrap();
        let mine = claims
            .iter()
            .filter(|claim| claim.lane.project_id == bench.project)
            .count();
        (mine, claims.len() - mine)
    };
    limit_project(&bench.pool, second, ProjectLimit::Unlimited)
        .await
        .unwrap();
    assert_eq!(count(&filter).await, (2, 5));
    assert_eq!(
        next_due(&bench.pool, &filter).await.unwrap(),
        None,
        "nothing it could claim"
    );
    limit_project(&bench.pool, bench.project, ProjectLimit::Leases(leases(3).unwrap()))
        .await
        .unwrap();
    assert_eq!(count(&filter).await, (1, 0));
    limit_project(&bench.pool, bench.project, ProjectLimit::Default)
        .await
        .unwrap();
    assert_eq!(
        project_limit(&bench.pool, bench.project).await.unwrap(),
        ProjectLimit::Default
    );
    assert_eq!(count(&filter).await, (0, 0));
    assert_eq!(count(&ClaimFilter::everything(HOST)).await, (2, 0));
    let unknown = limit_project(&bench.pool, Uuid::now_v7(), ProjectLimit::Unlimited).await;
    assert!(matches!(unknown, Err(QueueError::UnknownProject(_))));
}

#[tokio::test]
async fn the_limit_counts_lanes_of_all_levels_in_one_claim() {
    let bench = Bench::new().await;
    syncs(&bench, bench.project, 2).await;
    bench.save(&["a", "b", "c", "d", "e", "f"]).await;
    let filter = ClaimFilter::everything(HOST).with_leases_per_project(leases(3));
    let claims = claim(&bench.pool, &bench.worker, &filter, CLAIM_LIMIT).await.unwrap();
    assert_eq!(claims.len(), 3);
}

#[tokio::test]
async fn while_another_claim_counts_a_limited_project_is_passed_by() {
    let bench = Bench::new().await;
    syncs(&bench, bench.project, 2).await;
    let filter = ClaimFilter::everything(HOST).with_leases_per_project(leases(1));
    let mut counting = bench.pool.begin().await.unwrap();
    sqlx::query("select project_room($1, 1)")
        .bind(bench.project)
        .execute(&mut *counting)
        .await
        .unwrap();
    assert!(claim(&bench.pool, &bench.worker, &filter, 1).await.unwrap().is_empty());
    counting.rollback().await.unwrap();
    assert_eq!(claim(&bench.pool, &bench.worker, &filter, 1).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn takers_of_one_bucket_together_keep_to_its_rate() {
    let bench = Bench::new().await;
    let rate = Rate::new(1_000.0, 10).unwrap();
    let start = Instant::now();
    // All at once, nobody waits: what they are told to wait says when each token is there.
    let taking = (0..8).map(|n| {
        let pool = &bench.pool;
        async move {
            let mut granted = vec![];
            for _ in 0..50 {
                let asked = start.elapsed();
                let grant = take_tokens(pool, "endpoint", 1 + n % 3, rate).await.unwrap();
                granted.push((grant.tokens, asked, start.elapsed() + grant.wait));
            }
            granted
        }
    });
    let granted = join_all(taking).await.concat();
    let total: u32 = granted.iter().map(|(tokens, ..)| tokens).sum();
    assert_eq!(total, (0..8).map(|n| 50 * (1 + n % 3)).sum::<u32>());
    // The last token is there when the rate has brought all of them but the burst, and not a round trip later.
    let due = Duration::from_secs_f64(f64::from(total - 10) / 1_000.0);
    let last = granted.iter().map(|(.., at)| *at).max().unwrap();
    assert!(last >= due, "{last:?} is faster than the rate, which needs {due:?}");
    let reserved_at: Duration = granted.iter().map(|(_, asked, _)| *asked).max().unwrap();
    assert!(
        last <= due.max(reserved_at) + Duration::from_millis(500),
        "{last:?} instead of {due:?}: tokens were lost"
    );
}

#[tokio::test]
async fn reservations_stand_in_the_order_of_asking() {
    let bench = Bench::new().await;
    let rate = Rate::new(0.5, 4).unwrap();
    let mut waits = vec![];
    // The second wants much; nobody who comes later and wants little gets before it.
    for wanted in [4, 4, 1, 1] {
        waits.push(
            take_tokens(&bench.pool, "slow", wanted, rate)
                .await
                .unwrap()
                .wait
                .as_secs_f64(),
        );
    }
    let expected = [0.0, 8.0, 10.0, 12.0];
    assert!(
        waits
            .iter()
            .zip(expected)
            .all(|(wait, due)| (due - 1.0..=due).contains(wait)),
        "{waits:?}"
    );
    let other = take_tokens(&bench.pool, "other", 99, rate).await.unwrap();
    assert_eq!(
        (other.tokens, other.wait),
        (4, Duration::ZERO),
        "another bucket, and no more than it holds"
    );
}

#[tokio::test]
async fn a_bucket_fills_by_its_rate_and_no_further_than_its_burst() {
    let bench = Bench::new().await;
    let rate = Rate::new(3.0, 10).unwrap();
    take_tokens(&bench.pool, "endpoint", 10, rate).await.unwrap();
    // Taken a third of a token at a time, an hour is an hour: nothing is lost to rounding.
    let set = "update token_buckets set tokens = -10800, filled_at = clock_timestamp() - interval '1 hour'";
    sqlx::query(set).execute(&bench.pool).await.unwrap();
    let wait = take_tokens(&bench.pool, "endpoint", 1, rate).await.unwrap().wait;
    assert!(wait > Duration::ZERO && wait <= Duration::from_millis(334), "{wait:?}");
    sqlx::query("update token_buckets set filled_at = clock_timestamp() - interval '1 day'")
        .execute(&bench.pool)
        .await
        .unwrap();
    assert_eq!(
        take_tokens(&bench.pool, "endpoint", 10, rate).await.unwrap().wait,
        Duration::ZERO
    );
    assert!(take_tokens(&bench.pool, "endpoint", 1, rate).await.unwrap().wait > Duration::ZERO);
    // A clock that is set back takes no tokens away and gives none.
    sqlx::query("update token_buckets set tokens = 5, filled_at = clock_timestamp() + interval '1 hour'")
        .execute(&bench.pool)
        .await
        .unwrap();
    assert_eq!(
        take_tokens(&bench.pool, "endpoint", 5, rate).await.unwrap().wait,
        Duration::ZERO
    );
    let wait = take_tokens(&bench.pool, "endpoint", 3, rate).await.unwrap().wait;
    assert_eq!(wait, Duration::from_secs(1));
}
