use crate::support::*;
use quarry_queue::*;
use uuid::Uuid;

#[tokio::test]
async fn a_poison_job_stops_alone_and_the_other_lanes_finish() {
    const LANES: usize = 100;
    let bench = Bench::new().await;
    let repositories: Vec<Uuid> = (0..LANES).map(|_| Uuid::now_v7()).collect();
    let poison = repositories[42];
    let mut tickets = vec![];
    for repository in &repositories {
        let request = SyncRequest::new("test");
        let asked = enqueue_sync(&bench.pool, bench.project, *repository, Some(HOST), request).await;
        tickets.push(asked.unwrap());
    }
    let mut runs_of_poison = 0;
    loop {
        bench.make_all_due().await;
        let claims = bench.claims().await;
        if claims.is_empty() {
            break;
        }
        for claim in claims {
            let is_poison = claim.lane.repository_id == Some(poison);
            runs_of_poison += usize::from(is_poison);
            let outcome = if is_poison {
                Outcome::failed("it is poison")
            } else {
                Outcome::Succeeded
            };
            bench.settle(&claim, outcome).await;
        }
    }
    assert_eq!(runs_of_poison, 5, "it was given up after as many attempts as it has");
    for (repository, ticket) in repositories.iter().zip(&tickets) {
        let status = ticket_status(&bench.pool, ticket.id).await.unwrap();
        let expected = if *repository == poison {
            (TicketState::Failed, Some("it is poison".to_owned()))
        } else {
            (TicketState::Done, None)
        };
        assert_eq!((status.state, status.error), expected);
    }
}

#[tokio::test]
async fn a_server_that_goes_away_is_waited_for_and_spends_no_attempt() {
    let bench = Bench::new().await;
    let ticket = bench.sync().await;
    let away = || Outcome::Interrupted {
        error: "the server is away".into(),
        retry: RetryPolicy::default(),
    };
    for _ in 0..8 {
        bench.make_all_due().await;
        let claim = bench.claim().await;
        assert_eq!(claim.attempt, 1);
        assert!(matches!(bench.settle(&claim, away()).await, Settled::Retrying { .. }));
        assert!(bench.claims().await.is_empty(), "it pauses");
    }
    let (entry, runs) = job_show(&bench.pool, bench.column("select id from jobs").await)
        .await
        .unwrap();
    assert_eq!(
        (entry.losses, entry.last_error.as_deref()),
        (8, Some("the server is away"))
    );
    assert_eq!(runs[0].outcome, "interrupted");
    bench.make_all_due().await;
    bench.drain().await;
    assert_eq!(bench.state(ticket).await, TicketState::Done);
}
