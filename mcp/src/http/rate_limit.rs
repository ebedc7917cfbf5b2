//! How many requests a caller may send: a bucket of tokens each, refilled with time. Pure: the time is given.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An address's requests: far more than agents send, little enough that a client in a loop does not starve the others.
const REQUESTS: Rate = Rate {
    per_second: 400.0,
    burst: 1_000.0,
};

/// Wrong tokens: nobody types so many.
const WRONG_TOKENS: Rate = Rate {
    per_second: 1.0,
    burst: 20.0,
};

/// A bucket that nobody used for so long is full again: it need not be kept.
const FORGET_AFTER: Duration = Duration::from_secs(60);

/// Old buckets are looked for when there are so many.
const SWEEP_ABOVE: usize = 10_000;

#[derive(Clone, Copy)]
struct Rate {
    per_second: f64,
    burst: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Request,
    WrongToken,
}

/// The buckets of all callers.
#[derive(Default)]
pub(super) struct RateLimit {
    buckets: Mutex<HashMap<(IpAddr, Kind), Bucket>>,
}

struct Bucket {
    left: f64,
    at: Instant,
}

impl RateLimit {
    /// Takes one, if there is one.
    pub(super) fn take(&self, address: IpAddr, kind: Kind, now: Instant) -> bool {
        self.with(address, kind, now, |bucket| {
            let granted = bucket.left >= 1.0;
            if granted {
                bucket.left -= 1.0;
            }
            granted
        })
    }

    /// Whether there is one, without taking it.
    pub(super) fn has(&self, address: IpAddr, kind: Kind, now: Instant) -> bool {
        self.with(address, kind, now, |bucket| bucket.left >= 1.0)
    }

    fn with<T>(&self, address: IpAddr, kind: Kind, now: Instant, ask: impl FnOnce(&mut Bucket) -> T) -> T {
        let rate = match kind {
            Kind::Request => REQUESTS,
            Kind::WrongToken => WRONG_TOKENS,
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() > SWEEP_ABOVE {
            buckets.retain(|_, bucket| now.saturating_duration_since(bucket.at) < FORGET_AFTER);
        }
        let bucket = buckets.entry((address, kind)).or_insert(Bucket {
            left: rate.burst,
            at: now,
        });
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.left = (bucket.left + passed * rate.per_second).min(rate.burst);
        bucket.at = now;
        ask(bucket)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn who_asks_too_often_waits_and_others_do_not() {
        let limit = RateLimit::default();
        let (one, other) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let start = Instant::now();
        let granted = (0..100).filter(|_| limit.take(one, Kind::WrongToken, start)).count();
        assert_eq!(granted, 20);
        assert!(limit.take(other, Kind::WrongToken, start) && limit.take(one, Kind::Request, start));
        assert!(!limit.has(one, Kind::WrongToken, start + Duration::from_millis(900)));
        assert!(limit.take(one, Kind::WrongToken, start + Duration::from_millis(1_100)));
    }

    #[test]
    fn callers_of_long_ago_are_forgotten() {
        let limit = RateLimit::default();
        let start = Instant::now();
        for number in 0..=u32::try_from(SWEEP_ABOVE).expect("a small number") {
            limit.take(IpAddr::V4(Ipv4Addr::from(number)), Kind::Request, start);
        }
        limit.take(IpAddr::V4(Ipv4Addr::LOCALHOST), Kind::Request, start + FORGET_AFTER);
        assert_eq!(limit.buckets.lock().map(|buckets| buckets.len()).ok(), Some(1));
    }
}
