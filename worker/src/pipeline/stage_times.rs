//! Measures where the time of a run goes. Stages overlap, so their sum exceeds the wall time.
//! Never read by the code that is measured.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// Time per stage of one run; shared by its threads.
#[derive(Debug, Default)]
pub(crate) struct StageTimes {
    micros: [AtomicU64; STAGES],
}

const STAGES: usize = 6;

/// The stages a file passes, in this order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stage {
    Walk,
    Read,
    Chunk,
    Embed,
    Store,
    Index,
}

/// Milliseconds per stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StageMillis {
    /// Directory walk and comparison with the stored files.
    pub walk: u64,
    /// Reading and hashing files.
    pub read: u64,
    /// Parsing and splitting.
    pub chunk: u64,
    /// Waiting for the embedding endpoint and its cache.
    pub embed: u64,
    /// Publishing transactions.
    pub store: u64,
    /// Building the vector index.
    pub index: u64,
}

impl StageMillis {
    pub(crate) fn add(&mut self, other: &StageMillis) {
        self.walk += other.walk;
        self.read += other.read;
        self.chunk += other.chunk;
        self.embed += other.embed;
        self.store += other.store;
        self.index += other.index;
    }
}

impl StageTimes {
    /// Adds the time since `started` to a stage.
    pub(crate) fn add_since(&self, stage: Stage, started: Instant) {
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.micros[stage as usize].fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn millis(&self) -> StageMillis {
        let of = |stage: Stage| self.micros[stage as usize].load(Ordering::Relaxed) / 1000;
        StageMillis {
            walk: of(Stage::Walk),
            read: of(Stage::Read),
            chunk: of(Stage::Chunk),
            embed: of(Stage::Embed),
            store: of(Stage::Store),
            index: of(Stage::Index),
        }
    }
}
