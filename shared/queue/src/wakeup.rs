//! Wakes idle workers: NOTIFY from the transactions that make lanes ready, LISTEN in the workers, and polling where
//! neither arrives. A notification is a hint; a worker that misses all of them is late by one poll and never wrong.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use sqlx::postgres::{PgConnection, PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::error::Result;

const CHANNEL: &str = "quarry_jobs";

/// The longest a worker goes without looking, notified or not. Behind a pooler that swallows LISTEN this is the
/// latency of an idle worker; at a second the looks cost one index read each and are not noticed.
pub const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// One process notifies at most this often for work that is not due at once: commits that notify are serialised
/// across the whole server.
const NOTIFY_INTERVAL: Duration = Duration::from_millis(5);

/// After a failed LISTEN.
const LISTEN_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// A connection on which nothing came for so long is asked whether it still leads anywhere: one that a network dropped
/// without a word would be listened on for ever.
const CHECK_AFTER: Duration = Duration::from_secs(30);

/// What an answer to that may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

static ANNOUNCED: RateLimit = RateLimit::new();

/// Notifies when this transaction commits, if a lane became ready in it. Called by each enqueue, not by a row trigger:
/// a trigger would notify for every row of a bulk load.
pub(crate) async fn announce(connection: &mut PgConnection, became_ready: bool, due_at_once: bool) -> Result<()> {
    if became_ready && let Some(channel) = channel(due_at_once) {
        sqlx::query!("select pg_notify($1, '')", channel)
            .execute(connection)
            .await?;
        note_announcement();
    }
    Ok(())
}

/// Where to notify about a lane that becomes ready now; none when a notification just went out that serves it too.
pub(crate) fn channel(due_at_once: bool) -> Option<&'static str> {
    (due_at_once || ANNOUNCED.allows(NOTIFY_INTERVAL)).then_some(CHANNEL)
}

/// A notification went out.
pub(crate) fn note_announcement() {
    ANNOUNCED.note();
}

/// When something was done last, across threads.
struct RateLimit {
    last_micros: AtomicU64,
}

impl RateLimit {
    const fn new() -> Self {
        Self {
            last_micros: AtomicU64::new(0),
        }
    }

    fn allows(&self, interval: Duration) -> bool {
        self.allows_at(Self::now(), interval)
    }

    fn note(&self) {
        self.note_at(Self::now());
    }

    /// From one interval on, so that the very first call passes.
    fn now() -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed() + NOTIFY_INTERVAL
    }

    fn allows_at(&self, now: Duration, interval: Duration) -> bool {
        micros(now)
            >= self
                .last_micros
                .load(Ordering::Relaxed)
                .saturating_add(micros(interval))
    }

    fn note_at(&self, now: Duration) {
        self.last_micros.fetch_max(micros(now), Ordering::Relaxed);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Why [`WakeUp::wait`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// Somebody made a lane ready.
    Notified,
    /// The given instant or the poll interval came.
    Due,
}

/// Waits for work on behalf of one process. Holds one connection of its own while LISTEN works.
#[derive(Debug)]
pub struct WakeUp {
    notified: Arc<Notify>,
    listener: JoinHandle<()>,
    poll_interval: Duration,
    /// Enqueues within the notify interval after a notification send none of their own; this looks once more for them.
    look_again_at: Option<Instant>,
}

impl WakeUp {
    /// Starts to listen. Without LISTEN (a pooler, no free connection) it polls, and tries again every few seconds.
    #[must_use]
    pub fn listen(pool: &PgPool) -> Self {
        Self::with_poll_interval(pool, POLL_INTERVAL)
    }

    /// Like [`WakeUp::listen`], with another bound on how long it goes without looking.
    #[must_use]
    pub fn with_poll_interval(pool: &PgPool, poll_interval: Duration) -> Self {
        let notified = Arc::new(Notify::new());
        let listener = tokio::spawn(forward(pool.clone(), Arc::clone(&notified)));
        Self {
            notified,
            listener,
            poll_interval,
            look_again_at: None,
        }
    }

    /// Returns when somebody made a lane ready, at `until` (when the next lane is due, see [`crate::next_due`]), or
    /// after the poll interval, whichever comes first. What comes in between two calls is not lost.
    pub async fn wait(&mut self, until: Instant) -> Woken {
        let mut deadline = until.min(Instant::now() + self.poll_interval);
        if let Some(again) = self.look_again_at.take() {
            deadline = deadline.min(again);
        }
        match tokio::time::timeout_at(deadline.into(), self.notified.notified()).await {
            Ok(()) => {
                self.look_again_at = Some(Instant::now() + 2 * NOTIFY_INTERVAL);
                Woken::Notified
            }
            Err(_) => Woken::Due,
        }
    }
}

impl Drop for WakeUp {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn forward(pool: PgPool, notified: Arc<Notify>) {
    loop {
        if let Err(error) = listen(&pool, &notified).await {
            tracing::debug!(%error, "cannot listen for new jobs, polling: {error}");
        }
        if pool.is_closed() {
            return;
        }
        tokio::time::sleep(LISTEN_AGAIN_AFTER).await;
    }
}

async fn listen(pool: &PgPool, notified: &Notify) -> Result<()> {
    // Not one of the pool's: a connection that leads nowhere could not be given back.
    let own = PgPoolOptions::new()
        .max_connections(1)
        .connect_lazy_with(pool.connect_options().as_ref().clone());
    let mut listener = PgListener::connect_with(&own).await?;
    listener.listen(CHANNEL).await?;
    loop {
        match tokio::time::timeout(CHECK_AFTER, listener.try_recv()).await {
            // None: the connection was lost and is listening again; something may have been missed.
            Ok(received) => {
                received?;
                notified.notify_one();
            }
            Err(_) => check(&mut listener).await?,
        }
    }
}

async fn check(listener: &mut PgListener) -> Result<()> {
    let asking = sqlx::query!("select 1 as one").fetch_one(listener);
    match tokio::time::timeout(ANSWER_WITHIN, asking).await {
        Ok(answer) => answer.map(drop)?,
        Err(_) => return Err(sqlx::Error::Io(ErrorKind::TimedOut.into()).into()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_just_done_is_not_allowed_until_the_interval_is_over() {
        let limit = RateLimit::new();
        let interval = Duration::from_millis(5);
        let milliseconds = Duration::from_millis;
        assert!(limit.allows_at(milliseconds(5), interval));
        assert!(limit.allows_at(milliseconds(6), interval), "nothing was done yet");
        limit.note_at(milliseconds(6));
        let allowed = [6, 10, 11, 30].map(|ms| limit.allows_at(milliseconds(ms), interval));
        assert_eq!(allowed, [false, false, true, true]);
    }
}
