//! The lane: the unit in which work waits, is leased and is fenced; and which lane a path belongs to.
//! Used by every other module here and by the jobs, which raise the fence under the lane's name.
//! Never touches the database.

use std::str::FromStr;

use serde::Serialize;
use uuid::Uuid;

use crate::error::QueueError;

/// Into how many lanes the files of one repository are split.
///
/// Eight workers can share one big repository; more lanes would only cut the batches smaller. It is a constant because
/// resharding has to drain the lanes first, in a migration: a path must never be in two lanes at once, or two workers
/// would publish the same file under two different fences. The table `dirty_files` refuses any other split.
pub const SHARDS: i16 = 8;

/// The lane of a path within its repository: `0..SHARDS`.
///
/// FNV-1a over the bytes of the path as stored (relative, `/` as separator), mixed once more, modulo [`SHARDS`]. Written out here
/// because the result is stored: a hash that changes between versions of a library would put one path into two lanes.
#[must_use]
pub fn shard_of(path: &str) -> i16 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in path.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    // Neither end of an FNV hash depends well on the last bytes, which is where paths differ; one round of
    // MurmurHash's finalizer spreads them.
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    let shard = hash % u64::from(SHARDS.unsigned_abs());
    i16::try_from(shard).expect("a remainder of SHARDS fits its type")
}

/// What a lane does when it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Deletes everything a project knows of a repository. Beats all the others.
    RemoveRepository,
    /// Walks the tree, compares it with the index and marks what differs.
    SyncRepository,
    /// Brings the dirty files of one shard into the index.
    IndexFiles,
    /// Builds the vector index of a project anew, after a bulk load.
    RebuildVectorIndex,
    /// Embeds a project anew with another model. Nobody's ticket waits for it but that of whoever asked.
    ChangeModel,
}

impl JobKind {
    /// Every kind, in the order in which the rows of one repository are locked.
    pub const ALL: [JobKind; 5] = [
        JobKind::RemoveRepository,
        JobKind::SyncRepository,
        JobKind::IndexFiles,
        JobKind::RebuildVectorIndex,
        JobKind::ChangeModel,
    ];

    /// The word that stands in the database and in lists.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            JobKind::RemoveRepository => "remove_repository",
            JobKind::SyncRepository => "sync_repository",
            JobKind::IndexFiles => "index_files",
            JobKind::RebuildVectorIndex => "rebuild_vector_index",
            JobKind::ChangeModel => "change_model",
        }
    }
}

impl FromStr for JobKind {
    type Err = QueueError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        JobKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == word)
            .ok_or_else(|| QueueError::UnknownWord {
                what: "job kind",
                word: word.to_owned(),
            })
    }
}

/// Who goes first: all due lanes of one level before any of the next, and within a level by the time they were due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Somebody saved a file and looks at it right now.
    Save = 1,
    /// A sync or a removal somebody asked for.
    Sync = 3,
    /// What a sync marked: many files.
    Bulk = 5,
    /// Improves speed only.
    Rebuild = 7,
}

impl Priority {
    /// Every level, the most urgent first.
    pub(crate) const ALL: [Priority; 4] = [Priority::Save, Priority::Sync, Priority::Bulk, Priority::Rebuild];

    pub(crate) fn level(self) -> i16 {
        self as i16
    }
}

/// One lane of work. No two leases on the same lane exist at the same time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Lane {
    /// The project the work is for.
    pub project_id: Uuid,
    /// The repository; none for the work of a whole project.
    pub repository_id: Option<Uuid>,
    /// What is done.
    pub kind: JobKind,
    /// Which part of the repository's paths; 0 where the work is not split.
    pub shard: i16,
}

impl Lane {
    /// The key of the lane's fence in the project's database: `kind/repository/shard`, or the project where the lane
    /// has no repository.
    #[must_use]
    pub fn name(&self) -> String {
        let owner = self.repository_id.unwrap_or(self.project_id);
        format!("{}/{owner}/{}", self.kind.as_str(), self.shard)
    }

    /// All lanes that can publish for a repository. A removal raises the fence of each to its own, so that a run
    /// whose lease the removal revoked can no longer publish.
    #[must_use]
    pub fn publishing(project_id: Uuid, repository_id: Uuid) -> Vec<Lane> {
        let lane = |kind, shard| Lane {
            project_id,
            repository_id: Some(repository_id),
            kind,
            shard,
        };
        let mut lanes = vec![lane(JobKind::SyncRepository, 0)];
        lanes.extend((0..SHARDS).map(|shard| lane(JobKind::IndexFiles, shard)));
        lanes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // reason: tests

    use super::*;

    #[test]
    fn a_path_keeps_its_shard_across_versions() {
        // Stored in databases: these must never change without a migration.
        let shards: Vec<i16> = ["src/main.rs", "README.md", "a/b/c.py", "ü.txt"].map(shard_of).to_vec();
        assert_eq!(shards, [6, 6, 4, 0]);
    }

    #[test]
    fn paths_spread_evenly_over_the_shards() {
        let mut counts = [0_u32; 8];
        for n in 0..10_000 {
            counts[usize::try_from(shard_of(&format!("f{n}"))).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (1_130..1_370).contains(count)), "{counts:?}");
    }

    #[test]
    fn every_kind_is_read_back_from_its_word() {
        for kind in JobKind::ALL {
            assert_eq!(kind.as_str().parse::<JobKind>().unwrap(), kind);
        }
        assert!("backup".parse::<JobKind>().is_err());
    }
}
