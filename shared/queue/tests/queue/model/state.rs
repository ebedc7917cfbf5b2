//! What the model knows of lanes, runs and tickets.

use std::collections::BTreeMap;

use quarry_queue::*;
use uuid::Uuid;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Idle,
    Ready,
    Leased,
    Parked,
    Removing,
}

/// What the model knows of a lane. Generations are counted by the model itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ModelLane {
    pub(super) state: State,
    pub(super) dirty: i64,
    pub(super) claimed: i64,
    pub(super) done: i64,
    pub(super) attempt: i16,
    pub(super) losses: i16,
    pub(super) cancel_requested: bool,
    /// Path → number of the save, the model's own revision.
    pub(super) files: BTreeMap<String, u64>,
}

impl ModelLane {
    pub(super) fn ask(&mut self) {
        match self.state {
            State::Idle | State::Parked => {
                (self.state, self.attempt, self.losses) = (State::Ready, 0, 0);
                self.dirty += 1;
            }
            State::Leased if self.dirty == self.claimed => self.dirty += 1,
            State::Ready | State::Leased | State::Removing => {}
        }
    }

    pub(super) fn lose(&mut self) {
        self.losses += 1;
        self.attempt -= 1;
        self.cancel_requested = false;
    }
}

/// A run under way: the claim, what it has read, and whether it was overtaken.
pub(super) struct Run {
    pub(super) claim: Claim,
    pub(super) key: Key,
    pub(super) read: Vec<DirtyFile>,
    pub(super) read_saves: BTreeMap<String, u64>,
    pub(super) zombie: bool,
}

pub(super) struct ModelTicket {
    pub(super) id: Uuid,
    pub(super) cancelled: bool,
    pub(super) waits: BTreeMap<Key, i64>,
}

/// In the order in which lanes are locked.
pub(super) type Key = (JobKind, i16);

pub(super) const SYNC: Key = (JobKind::SyncRepository, 0);
pub(super) const REMOVAL: Key = (JobKind::RemoveRepository, 0);

pub(super) fn lane_of(path: &str) -> Key {
    (JobKind::IndexFiles, shard_of(path))
}

/// Only the saves that were read are gone; those made since stay.
pub(super) fn forget(lane: &mut ModelLane, processed: &[DirtyFile], read_saves: &BTreeMap<String, u64>) {
    for file in processed {
        if lane.files.get(&file.path) == read_saves.get(&file.path) {
            lane.files.remove(&file.path);
        }
    }
}
