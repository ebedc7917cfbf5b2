//! Projects take turns inside a level of priority. Counts of claims, not times.

use crate::support::*;
use quarry_queue::*;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Lanes that are due, all at one level.
async fn load(bench: &Bench, project: Uuid, host: &str, lanes: i32) {
    sqlx::query(
        "insert into jobs (project_id, repository_id, kind, host, state, priority, dirty_generation)
         select $1, gen_random_uuid(), 'index_files', $2, 'ready', 5, 1
         from generate_series(1, $3)",
    )
    .bind(project)
    .bind(host)
    .bind(lanes)
    .execute(&bench.pool)
    .await
    .unwrap();
}

/// Which projects the next claims serve.
async fn served(bench: &Bench, filter: &ClaimFilter, claims: usize, batch: usize) -> Vec<Uuid> {
    let mut served = vec![];
    for _ in 0..claims {
        let claimed = claim(&bench.pool, &bench.worker, filter, batch).await.unwrap();
        served.extend(claimed.iter().map(|claim| claim.lane.project_id));
    }
    served
}

#[tokio::test]
async fn one_due_lane_does_not_wait_behind_a_thousand_of_another_project() {
    let bench = Bench::new().await;
    load(&bench, bench.project, HOST, 1_000).await;
    let filter = ClaimFilter::everything(HOST);
    served(&bench, &filter, 3, 4).await;
    let small = project(&bench.pool, "small").await;
    load(&bench, small, HOST, 1).await;
    // Also on a worker that serves batches: at the latest the claim after the next is for the other project.
    assert!(served(&bench, &filter, 2, 4).await.contains(&small));
}

#[tokio::test]
async fn projects_get_the_same_number_of_claims_whatever_they_have_waiting() {
    let bench = Bench::new().await;
    let mut expected = BTreeMap::from([(bench.project, 20)]);
    load(&bench, bench.project, HOST, 500).await;
    for (name, host, lanes) in [("second", HOST, 50), ("third", "", 20), ("fourth", "", 100)] {
        let project = project(&bench.pool, name).await;
        load(&bench, project, host, lanes).await;
        expected.insert(project, 20);
    }
    let mut counts = BTreeMap::new();
    for project in served(&bench, &ClaimFilter::everything(HOST), 80, 1).await {
        *counts.entry(project).or_insert(0) += 1;
    }
    assert_eq!(counts, expected);
}

#[tokio::test]
async fn a_save_goes_before_the_turn_of_any_bulk() {
    let bench = Bench::new().await;
    for name in ["a", "b", "c"] {
        let project = project(&bench.pool, name).await;
        load(&bench, project, HOST, 100).await;
    }
    let filter = ClaimFilter::everything(HOST);
    for _ in 0..5 {
        served(&bench, &filter, 2, 1).await;
        bench.save(&["saved"]).await;
        assert_eq!(served(&bench, &filter, 1, 1).await, [bench.project]);
        bench.settle_all().await;
    }
}

#[tokio::test]
async fn what_one_project_leaves_of_a_batch_goes_to_the_next() {
    let bench = Bench::new().await;
    let second = project(&bench.pool, "second").await;
    load(&bench, bench.project, HOST, 3).await;
    load(&bench, second, HOST, 3).await;
    let batch = served(&bench, &ClaimFilter::everything(HOST), 1, CLAIM_LIMIT).await;
    assert_eq!(batch.len(), 6);
}
