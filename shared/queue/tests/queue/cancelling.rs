use crate::support::*;
use quarry_queue::*;

#[tokio::test]
async fn cancelling_a_waiting_request_takes_it_out_of_the_queue() {
    let bench = Bench::new().await;
    let ticket = bench.save(&["a"]).await;
    cancel_ticket(&bench.pool, ticket.id).await.unwrap();
    assert_eq!(bench.state(ticket).await, TicketState::Cancelled);
    assert!(bench.claims().await.is_empty());
    // What was saved is not forgotten: the lag shows, and the next request serves it.
    let lag = pending(&bench.pool, bench.project, Some(bench.repository))
        .await
        .unwrap();
    assert_eq!(lag.files, 1);
    bench.sync().await;
    bench.drain().await;
    let lag = pending(&bench.pool, bench.project, Some(bench.repository))
        .await
        .unwrap();
    assert_eq!(lag.files, 0);
}

#[tokio::test]
async fn cancelling_a_running_request_reaches_the_worker_with_its_heartbeat() {
    let bench = Bench::new().await;
    let ticket = bench.sync().await;
    let claim = bench.claim().await;
    cancel_ticket(&bench.pool, ticket.id).await.unwrap();
    let beat = heartbeat(&bench.pool, &bench.worker).await.unwrap();
    assert_eq!(beat.cancelled().collect::<Vec<_>>(), [claim.job_id]);
    assert_eq!(bench.settle(&claim, Outcome::Cancelled).await, Settled::Done);
    assert!(bench.claims().await.is_empty());
}

#[tokio::test]
async fn work_that_others_wait_for_goes_on() {
    let bench = Bench::new().await;
    let (mine, theirs) = (bench.sync().await, bench.sync().await);
    let claim = bench.claim().await;
    cancel_ticket(&bench.pool, mine.id).await.unwrap();
    assert_eq!(
        heartbeat(&bench.pool, &bench.worker).await.unwrap().cancelled().count(),
        0
    );
    bench.settle(&claim, Outcome::Succeeded).await;
    assert_eq!(
        (bench.state(mine).await, bench.state(theirs).await),
        (TicketState::Cancelled, TicketState::Done)
    );
}

#[tokio::test]
async fn a_request_made_after_the_cancellation_runs() {
    let bench = Bench::new().await;
    let ticket = bench.sync().await;
    let claim = bench.claim().await;
    cancel_ticket(&bench.pool, ticket.id).await.unwrap();
    let late = bench.sync().await;
    assert_eq!(bench.settle(&claim, Outcome::Cancelled).await, Settled::AgainReady);
    bench.drain().await;
    assert_eq!(bench.state(late).await, TicketState::Done);
}

#[tokio::test]
async fn an_operator_cancels_and_retries_lanes() {
    let bench = Bench::new().await;
    let ticket = bench.sync().await;
    let claim = bench.claim().await;
    let failed = Outcome::Failed {
        error: "no".into(),
        retry: at_once(1),
    };
    assert_eq!(bench.settle(&claim, failed).await, Settled::Parked);
    assert!(retry_job(&bench.pool, claim.job_id).await.unwrap());
    assert_eq!(bench.claim().await.job_id, claim.job_id);
    assert!(!retry_job(&bench.pool, claim.job_id).await.unwrap());
    cancel_job(&bench.pool, claim.job_id).await.unwrap();
    assert_eq!(bench.state(ticket).await, TicketState::Cancelled);
    assert!(matches!(
        cancel_job(&bench.pool, 4_711).await,
        Err(QueueError::UnknownJob(4_711))
    ));
    assert!(matches!(
        retry_job(&bench.pool, 4_711).await,
        Err(QueueError::UnknownJob(4_711))
    ));
}
