//! Repositories whose source changes under their lanes, and those that nobody has compared for a while.

use std::time::Duration;

use quarry_queue::*;
use serde_json::Value;

use crate::support::{Bench, HOST};

async fn settled(bench: &Bench, claim: &Claim, outcome: Outcome) {
    settle(&bench.pool, claim, &[], outcome, Value::Null, FollowUp::default())
        .await
        .unwrap();
}

async fn claimed(bench: &Bench) -> Vec<Claim> {
    claim(&bench.pool, &bench.worker, &ClaimFilter::everything(HOST), 16)
        .await
        .unwrap()
}

#[tokio::test]
async fn marks_renewed_by_a_sync_outlive_the_run_that_read_them() {
    let bench = Bench::new().await;
    bench.sync().await;
    let sync = claimed(&bench).await.remove(0);
    mark_dirty_from_sync(&bench.pool, &sync, &["a.rs".to_owned()], Priority::Bulk)
        .await
        .unwrap();
    let run = claimed(&bench).await.remove(0);
    let read = dirty_files(&bench.pool, &run, None, 10).await.unwrap();

    assert_eq!(mark_waiting_again(&bench.pool, &sync).await.unwrap(), 1);
    assert!(drop_dirty(&bench.pool, &run, &read).await.unwrap());
    settled(&bench, &run, Outcome::Succeeded).await;
    let again = claimed(&bench).await.remove(0);
    let renewed = dirty_files(&bench.pool, &again, None, 10).await.unwrap();
    assert_eq!((again.job_id, renewed[0].path.as_str()), (run.job_id, "a.rs"));
    drop_dirty(&bench.pool, &again, &renewed).await.unwrap();
    assert_eq!(
        mark_waiting_again(&bench.pool, &sync).await.unwrap(),
        0,
        "nothing waits"
    );

    settled(&bench, &sync, Outcome::Succeeded).await;
    let late = mark_waiting_again(&bench.pool, &sync).await;
    assert!(matches!(late, Err(QueueError::LeaseLost)));
}

#[tokio::test]
async fn only_a_repository_that_rests_is_overdue() {
    let bench = Bench::new().await;
    let overdue = async |host: &str, age: Duration| overdue_syncs(&bench.pool, host, age).await.unwrap();
    bench.sync().await;
    assert_eq!(overdue(HOST, Duration::ZERO).await, [], "it waits already");
    let sync = claimed(&bench).await.remove(0);
    assert_eq!(overdue(HOST, Duration::ZERO).await, [], "it runs");
    settled(&bench, &sync, Outcome::Succeeded).await;
    let expected = OverdueSync {
        project_id: bench.project,
        repository_id: bench.repository,
    };
    assert_eq!(overdue(HOST, Duration::ZERO).await, [expected]);
    assert_eq!(overdue(HOST, Duration::from_secs(3600)).await, [], "it has just run");
    assert_eq!(overdue("elsewhere", Duration::ZERO).await, []);

    bench.sync().await;
    let sync = claimed(&bench).await.remove(0);
    let retry = RetryPolicy {
        max_attempts: 1,
        ..RetryPolicy::default()
    };
    let error = "no".to_owned();
    settled(&bench, &sync, Outcome::Failed { error, retry }).await;
    assert_eq!(
        overdue(HOST, Duration::ZERO).await,
        [expected],
        "what failed is tried again"
    );
}
