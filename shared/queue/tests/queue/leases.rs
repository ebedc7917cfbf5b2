use crate::support::*;
use quarry_queue::*;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn an_expired_lease_returns_to_the_queue_and_the_zombie_is_refused() {
    let bench = Bench::new().await;
    bench.sync().await;
    bench.save(&["a"]).await;
    let zombie = bench.claims().await;
    assert_eq!(zombie.len(), 2);
    bench.expire(&bench.worker).await;
    assert!(!holds(&bench.pool, &zombie[0]).await.unwrap());
    assert_eq!(
        rescue(&bench.pool, &RetryPolicy::default()).await.unwrap(),
        Rescued { workers: 1, lanes: 2 }
    );
    assert!(!heartbeat(&bench.pool, &bench.worker).await.unwrap().alive);

    bench.make_all_due().await;
    let successor = register_worker(&bench.pool, HOST, 2, "test", Duration::from_secs(60))
        .await
        .unwrap();
    let taken = claim(&bench.pool, &successor, &ClaimFilter::everything(HOST), 16)
        .await
        .unwrap();
    assert_eq!(taken.len(), 2);
    assert!(taken.iter().all(|claim| claim.attempt == 1), "a lost run is no failure");

    for claim in &zombie {
        let files = dirty_files(&bench.pool, claim, None, 10).await.unwrap();
        assert!(!drop_dirty(&bench.pool, claim, &files).await.unwrap());
        assert_eq!(bench.settle(claim, Outcome::Succeeded).await, Settled::LeaseLost);
        let marked = mark_dirty_from_sync(&bench.pool, claim, &paths(&["b"]), Priority::Bulk).await;
        assert!(matches!(marked, Err(QueueError::LeaseLost)));
    }
    assert_eq!(bench.column("select count(*) from dirty_files").await, 1);
    assert_eq!(
        bench.column("select count(*) from runs where outcome = 'lost'").await,
        2
    );
    assert_eq!(
        bench.column("select count(*) from jobs where state = 'leased'").await,
        2
    );
}

#[tokio::test]
async fn lanes_of_a_worker_without_a_row_are_rescued_too() {
    let bench = Bench::new().await;
    bench.sync().await;
    bench.claim().await;
    sqlx::query("delete from workers").execute(&bench.pool).await.unwrap();
    assert_eq!(
        rescue(&bench.pool, &RetryPolicy::default()).await.unwrap(),
        Rescued { workers: 0, lanes: 1 }
    );
}

#[tokio::test]
async fn a_living_worker_keeps_its_lanes() {
    let bench = Bench::new().await;
    bench.sync().await;
    let claim = bench.claim().await;
    let beat = heartbeat(&bench.pool, &bench.worker).await.unwrap();
    assert!(beat.alive && !beat.lost(&claim));
    assert_eq!(
        rescue(&bench.pool, &RetryPolicy::default()).await.unwrap(),
        Rescued::default()
    );
    assert!(holds(&bench.pool, &claim).await.unwrap());
    assert_eq!(workers_alive(&bench.pool, HOST).await.unwrap(), 1);
    assert_eq!(workers_alive(&bench.pool, "server").await.unwrap(), 0);
    assert_eq!(workers(&bench.pool).await.unwrap()[0].leases, 1);
}

#[tokio::test]
async fn a_job_that_keeps_killing_its_worker_is_parked() {
    let bench = Bench::new().await;
    let ticket = bench.sync().await;
    let policy = RetryPolicy {
        max_losses: 3,
        ..RetryPolicy::default()
    };
    for _ in 0..3 {
        bench.make_all_due().await;
        let worker = register_worker(&bench.pool, HOST, 2, "test", Duration::from_secs(60))
            .await
            .unwrap();
        assert_eq!(
            claim(&bench.pool, &worker, &ClaimFilter::everything(HOST), 1)
                .await
                .unwrap()
                .len(),
            1
        );
        bench.expire(&worker).await;
        rescue(&bench.pool, &policy).await.unwrap();
    }
    let status = ticket_status(&bench.pool, ticket.id).await.unwrap();
    assert_eq!(status.state, TicketState::Failed);
    assert!(status.error.unwrap().contains("died 3 times"));
}

#[tokio::test]
async fn a_retired_worker_hands_its_lanes_back_at_once() {
    let bench = Bench::new().await;
    bench.sync().await;
    let before = bench.claim().await;
    retire_worker(&bench.pool, &bench.worker).await.unwrap();
    assert!(workers(&bench.pool).await.unwrap().is_empty());
    let successor = register_worker(&bench.pool, HOST, 2, "test", Duration::from_secs(60))
        .await
        .unwrap();
    let after = claim(&bench.pool, &successor, &ClaimFilter::everything(HOST), 1)
        .await
        .unwrap()
        .remove(0);
    assert_eq!((after.job_id, after.attempt), (before.job_id, 1));
    let late = settle(
        &bench.pool,
        &before,
        &[],
        Outcome::Succeeded,
        json!({}),
        FollowUp::default(),
    )
    .await
    .unwrap();
    assert_eq!(late, Settled::LeaseLost);
}

#[tokio::test]
async fn a_lease_whose_claim_was_never_heard_of_goes_back_while_its_worker_lives() {
    let bench = Bench::new().await;
    bench.sync().await;
    bench.save(&["a"]).await;
    let claims = bench.claims().await;
    let beat = heartbeat(&bench.pool, &bench.worker).await.unwrap();
    let stray = beat.leases.iter().find(|lease| lease.fence == claims[0].fence).unwrap();
    hand_back_strays(&bench.pool, &bench.worker, &[*stray]).await.unwrap();
    let again = bench.claim().await;
    assert_eq!((again.job_id, again.attempt), (claims[0].job_id, 1));
    assert!(holds(&bench.pool, &claims[1]).await.unwrap(), "the other one is kept");
}
