//! Tells a client that asked for it how far a call is. A note may be lost and never delays the call: what counts stands
//! in the result.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::{Peer, RequestContext};

/// Fast enough to look alive; each note is a message that the client reads.
const AT_MOST_EVERY: Duration = Duration::from_millis(500);

/// A client that does not read its stream must not hold up the work.
const SEND_WITHIN: Duration = Duration::from_millis(200);

/// Where the notes of one call go, if anywhere.
pub(crate) struct Progress {
    to: Option<(Peer<RoleServer>, ProgressToken)>,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    at: Option<Instant>,
    count: u32,
    message: String,
}

impl Progress {
    pub(crate) fn of(context: &RequestContext<RoleServer>) -> Progress {
        let token = context.meta.get_progress_token();
        Progress {
            to: token.map(|token| (context.peer.clone(), token)),
            last: Mutex::default(),
        }
    }

    /// Sends the message if it is a new one and the last is some time ago. What counts goes up by one a note: the
    /// amount of work is not known before a tree was walked, and the protocol wants numbers that only grow.
    pub(crate) async fn note(&self, message: String) {
        let Some((peer, token)) = &self.to else { return };
        let Some(count) = self.due(&message) else { return };
        let mut note = ProgressNotificationParam::new(token.clone(), f64::from(count));
        note.message = Some(message);
        let _ = tokio::time::timeout(SEND_WITHIN, peer.notify_progress(note)).await;
    }

    fn due(&self, message: &str) -> Option<u32> {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.message == message || last.at.is_some_and(|at| at.elapsed() < AT_MOST_EVERY) {
            return None;
        }
        last.at = Some(Instant::now());
        message.clone_into(&mut last.message);
        last.count += 1;
        Some(last.count)
    }
}
