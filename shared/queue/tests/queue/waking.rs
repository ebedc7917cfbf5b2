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
