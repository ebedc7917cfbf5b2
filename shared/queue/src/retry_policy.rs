//! When a failed run is tried again and when its lane is parked. Pure; settle.rs and rescue.rs apply it.
//! Never adds the jitter: the database does, beside its own clock.

use std::time::Duration;

/// How often and how soon a lane is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Failures in a row after which the lane is parked, with its error, until somebody asks anew.
    pub max_attempts: i16,
    /// Deaths of its worker in a row after which the lane is parked. Higher than `max_attempts`, because restarts
    /// and kills by an operator lose leases of healthy jobs too; bounded, because a job may be what kills the worker.
    pub max_losses: i16,
    /// The pause after the first failure; doubled after each further one. The pause is drawn from its upper half.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

/// A server that is back is to be noticed soon, and asking one that is away costs nothing.
const LONGEST_PAUSE_OF_SERVER: Duration = Duration::from_secs(15);

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            max_losses: 20,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(300),
        }
    }
}

impl RetryPolicy {
    /// The pause after failure number `attempt` (from 1), before jitter.
    #[must_use]
    pub fn pause_after(&self, attempt: i16) -> Duration {
        let doublings = u32::from(attempt.max(1).unsigned_abs() - 1).min(30);
        self.first_pause.saturating_mul(1 << doublings).min(self.longest_pause)
    }

    /// The pause after the server went away for the `losses`th time (from 1), before jitter.
    #[must_use]
    pub fn pause_after_interruption(&self, losses: i16) -> Duration {
        self.pause_after(losses).min(LONGEST_PAUSE_OF_SERVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap() {
        let policy = RetryPolicy::default();
        let pauses: Vec<u64> = [0, 1, 2, 3, 9, 10, i16::MAX]
            .map(|n| policy.pause_after(n).as_secs())
            .to_vec();
        assert_eq!(pauses, [1, 1, 2, 4, 256, 300, 300]);
    }
}
