use crate::support::*;
use quarry_queue::*;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_worker_that_listens_is_woken_by_a_request() {
    let bench = Bench::new().await;
    let mut wakeup = WakeUp::with_poll_interval(&bench.pool, Duration::from_secs(60));
    let far = Instant::now() + Duration::from_secs(60);
    // The listener connects in the background: ask until it answers, each time with a lane of its own.
    let asking = async {
        loop {
            let repository = uuid::Uuid::now_v7();
            enqueue_sync(&bench.pool, bench.project, repository, None, SyncRequest::new("test"))
                .await
                .unwrap();
            tokio::task::yield_now().await;
        }
    };
    let woken = tokio::select! {
        woken = wakeup.wait(far) => woken,
        () = asking => unreachable!(),
    };
    assert_eq!(woken, Woken::Notified);
    // Requests right behind a notification send none: it looks once more by itself.
    assert!(
        tokio::time::timeout(Duration::from_secs(5), wakeup.wait(far))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn without_notifications_it_polls() {
    let bench = Bench::new().await;
    let mut wakeup = WakeUp::with_poll_interval(&bench.pool, Duration::from_millis(20));
    assert_eq!(wakeup.wait(Instant::now() + Duration::from_secs(60)).await, Woken::Due);
    let mut wakeup = WakeUp::with_poll_interval(&bench.pool, Duration::from_secs(60));
    assert_eq!(wakeup.wait(Instant::now()).await, Woken::Due);
}

/// The look of an idle worker and the commit of a request cross. One connection holds the request open, right before its
/// commit; on another one the worker looks and finds nothing; only then does the request commit, before the worker begins
/// to wait or after. Polling is off: a wake-up that is lost shows.
#[tokio::test]
async fn a_request_that_commits_between_the_look_and_the_wait_is_noticed() {
    for begins_to_wait_first in [false, true] {
        let bench = Bench::new().await;
        let far = Instant::now() + Duration::from_secs(600);
        let mut wakeup = WakeUp::with_poll_interval(&bench.pool, Duration::from_secs(600));
        let listens =
            "select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen%'";
        wait_until(&bench, listens).await;
        let mut gate = bench.pool.begin().await.unwrap();
        sqlx::query("lock table tickets in exclusive mode")
            .execute(&mut *gate)
            .await
            .unwrap();
        let (pool, project, repository) = (bench.pool.clone(), bench.project, bench.repository);
        let asking = tokio::spawn(async move {
            let request = SyncRequest::new("test");
            enqueue_sync(&pool, project, repository, Some(HOST), request)
                .await
                .unwrap()
        });
        let waits = "select count(*) from pg_locks join pg_database on pg_database.oid = pg_locks.database
            where datname = current_database() and not granted";
        wait_until(&bench, waits).await;
        assert!(bench.claims().await.is_empty(), "not committed yet");
        let filter = ClaimFilter::everything(HOST);
        assert_eq!(next_due(&bench.pool, &filter).await.unwrap(), None);

        let committing = async {
            gate.commit().await.unwrap();
            asking.await.unwrap();
        };
        let woken = if begins_to_wait_first {
            tokio::join!(wakeup.wait(far), committing).0
        } else {
            committing.await;
            tokio::time::timeout(Duration::from_secs(60), wakeup.wait(far))
                .await
                .expect("the notification was lost")
        };
        assert_eq!(woken, Woken::Notified);
        assert_eq!(bench.claims().await.len(), 1);
    }
}
