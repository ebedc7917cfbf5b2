//! How long a run keeps its lane while others wait, and what it still finishes once its share is over. Whoever waits is
//! asked for beside the stages; the stages look here between two pages. Settles nothing: see jobs/index_files.rs.

use std::convert::Infallible;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use quarry_queue::Waiting;

use super::Pipeline;

/// Between two looks at who waits: one indexed query each. A save waits for this on average half.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What a run gets before the load of another project has its turn. Long enough that a claim, its settlement and the
/// pages read twice cost a few percent; short enough that two loads advance side by side.
const SHARE: Duration = Duration::from_secs(2);

/// How long pages that are read already are still embedded: with a fast endpoint all of them pass, and nothing is
/// read twice; with a slow one nobody waits for more than the page being embedded.
const DRAIN: Duration = Duration::from_millis(300);

/// The share of one run.
pub(crate) struct Share {
    started: Instant,
    over_since: OnceLock<Instant>,
    has_rest: AtomicBool,
}

impl Share {
    pub(crate) fn begin() -> Share {
        Share {
            started: Instant::now(),
            over_since: OnceLock::new(),
            has_rest: AtomicBool::new(false),
        }
    }

    /// No further page is read.
    pub(super) fn is_over(&self) -> bool {
        self.over_since.get().is_some()
    }

    /// No further page is embedded either.
    pub(super) fn is_drained(&self) -> bool {
        self.over_since.get().is_some_and(|since| since.elapsed() >= DRAIN)
    }

    /// Files of the lane are left for its next run.
    pub(super) fn leave_rest(&self) {
        self.has_rest.store(true, Ordering::Release);
    }

    pub(crate) fn has_rest(&self) -> bool {
        self.has_rest.load(Ordering::Acquire)
    }

    fn end(&self) {
        // Over is over: the first reason counts.
        let _ = self.over_since.set(Instant::now());
    }
}

impl Pipeline<'_> {
    /// Ends the share when somebody is to be let in or the worker is to finish. Never returns: the stages end by
    /// themselves then.
    pub(super) async fn watch_for_others(&self) -> Infallible {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.run.finish_soon.cancelled() => break,
            }
            match self.run.who_waits().await {
                Ok(Waiting::Urgent) => break,
                Ok(Waiting::Equal) if self.share.started.elapsed() >= SHARE => break,
                Ok(_) => {}
                // The next statement of the run itself says so louder.
                Err(error) => tracing::debug!("ask who waits: {error}"),
            }
        }
        tracing::debug!("the share of this run is over: others wait");
        self.share.end();
        std::future::pending().await
    }
}
