//! What this process last saw of Postgres, so that calls made while it is away are told at once, and calls made while it
//! answers do not ask first. Knows no connection: backend.rs looks and notes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An answer is believed for so long: a call has some statements, and clients often make several calls.
const BELIEVED_FOR: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It answered a moment ago.
    Answering,
    /// Nobody looked lately.
    NotLately,
    /// It did not answer when somebody last looked.
    Away,
}

#[derive(Default)]
pub(crate) struct PostgresWatch(Mutex<Last>);

#[derive(Default, Clone, Copy)]
enum Last {
    #[default]
    Nothing,
    Answered(Instant),
    Away,
}

impl PostgresWatch {
    pub(crate) fn seen(&self, now: Instant) -> Seen {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Last::Answered(at) if now.saturating_duration_since(at) < BELIEVED_FOR => Seen::Answering,
            Last::Answered(_) | Last::Nothing => Seen::NotLately,
            Last::Away => Seen::Away,
        }
    }

    pub(crate) fn note_answer(&self, now: Instant) {
        self.note(Last::Answered(now));
    }

    pub(crate) fn note_silence(&self) {
        self.note(Last::Away);
    }

    fn note(&self, last: Last) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_believed_for_a_moment_and_an_absence_until_the_next_look() {
        let (watch, start) = (PostgresWatch::default(), Instant::now());
        assert_eq!(watch.seen(start), Seen::NotLately);
        watch.note_answer(start);
        assert_eq!(watch.seen(start), Seen::Answering);
        assert_eq!(watch.seen(start + BELIEVED_FOR), Seen::NotLately);
        watch.note_silence();
        assert_eq!(watch.seen(start + BELIEVED_FOR * 100), Seen::Away);
    }
}
