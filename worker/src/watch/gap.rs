//! Notices that the machine slept: then the wall clock has gone on and the monotonic one has not. Pure.

use std::time::{Duration, Instant, SystemTime};

/// Clocks drift apart by themselves by less than this between two looks, and a corrected clock by little more.
const TOLERANCE: Duration = Duration::from_secs(5);

/// Both clocks at the last look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    monotonic: Instant,
    wall: SystemTime,
}

impl Clocks {
    pub(super) fn new(monotonic: Instant, wall: SystemTime) -> Clocks {
        Clocks { monotonic, wall }
    }

    /// Whether the wall clock jumped since the last look, in either direction.
    pub(super) fn jumped(&mut self, monotonic: Instant, wall: SystemTime) -> bool {
        let before = std::mem::replace(self, Clocks { monotonic, wall });
        let elapsed = monotonic.saturating_duration_since(before.monotonic);
        match wall.duration_since(before.wall) {
            Ok(passed) => passed.abs_diff(elapsed) > TOLERANCE,
            Err(back) => back.duration() + elapsed > TOLERANCE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_machine_that_slept_is_noticed_once() {
        let (monotonic, wall) = (Instant::now(), SystemTime::UNIX_EPOCH + seconds(1_000_000));
        let mut clocks = Clocks::new(monotonic, wall);
        assert!(!clocks.jumped(monotonic + seconds(1), wall + seconds(1)));
        assert!(clocks.jumped(monotonic + seconds(2), wall + seconds(3600)));
        assert!(!clocks.jumped(monotonic + seconds(3), wall + seconds(3601)));
    }

    #[test]
    fn a_clock_that_is_set_back_is_noticed_and_a_slow_look_is_not() {
        let (monotonic, wall) = (Instant::now(), SystemTime::UNIX_EPOCH + seconds(1_000_000));
        let mut clocks = Clocks::new(monotonic, wall);
        assert!(!clocks.jumped(monotonic + seconds(300), wall + seconds(302)));
        assert!(clocks.jumped(monotonic + seconds(301), wall - seconds(60)));
    }
}
