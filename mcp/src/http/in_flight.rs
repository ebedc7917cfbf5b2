//! Requests under way, so that a cancellation that comes in a request of its own finds the one it means. All that this
//! process remembers between two requests: after a restart there is nothing to cancel either.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio_util::sync::CancellationToken;

/// A client's session and the id it gave its request, as JSON.
type Key = (String, String);

#[derive(Default)]
pub(super) struct InFlight {
    requests: Mutex<HashMap<Key, CancellationToken>>,
}

/// What the handler of a request knows about its way here. Forgotten with the last copy.
#[derive(Clone)]
pub(crate) struct Request {
    /// Name and version that the client gave when its session began.
    pub(crate) client: Option<String>,
    /// Fires when the client says in a request of its own that it does not wait any more.
    pub(crate) cancelled: CancellationToken,
    _entry: Option<Arc<Entry>>,
}

struct Entry {
    key: Key,
    of: Weak<InFlight>,
}

impl Request {
    /// One that nothing can be said about later.
    pub(super) fn anonymous() -> Request {
        Request {
            client: None,
            cancelled: CancellationToken::new(),
            _entry: None,
        }
    }
}

impl InFlight {
    pub(super) fn register(self: &Arc<Self>, session: &str, id: String, client: Option<String>) -> Request {
        let key = (session.to_owned(), id);
        let cancelled = CancellationToken::new();
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.insert(key.clone(), cancelled.clone());
        Request {
            client,
            cancelled,
            _entry: Some(Arc::new(Entry {
                key,
                of: Arc::downgrade(self),
            })),
        }
    }

    /// A request that is not under way here has ended, or was another process's.
    pub(super) fn cancel(&self, session: &str, id: String) {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(request) = requests.get(&(session.to_owned(), id)) {
            request.cancel();
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(of) = self.of.upgrade() {
            of.requests
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancellation_finds_its_request_while_that_is_under_way() {
        let in_flight = Arc::new(InFlight::default());
        let request = in_flight.register("a", "7".to_owned(), None);
        let copy = request.clone();
        in_flight.cancel("b", "7".to_owned());
        in_flight.cancel("a", "\"7\"".to_owned());
        assert!(!request.cancelled.is_cancelled());
        in_flight.cancel("a", "7".to_owned());
        assert!(copy.cancelled.is_cancelled());
        drop((request, copy));
        assert_eq!(in_flight.requests.lock().map(|requests| requests.len()).ok(), Some(0));
    }
}
