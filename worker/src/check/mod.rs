//! Compares the index of a repository with its tree: file by file and chunk by chunk, both as streams in the order of a
//! walk, so that memory does not grow with the repository. What differs is looked at again beside the queue, because
//! files are saved and indexed meanwhile: only what differs while nothing waits is wrong. Repairs nothing.

mod compare_tree;
mod confirm;
mod look;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use quarry_codebase::{Difference, DifferenceKind};
use quarry_queue::Pending;
use quarry_registry::{PgPool, Project, Registry};
use uuid::Uuid;

use crate::walk::WalkOptions;

/// Differences reported of one repository. With more it needs a new index, not a longer list.
const MOST_DIFFERENCES: usize = 1_000;

/// A worker counts a repository anew right after it has settled its last lane; a count is a few milliseconds.
const COUNTED_WITHIN: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A repository that this machine can read, and where its index is.
pub(crate) struct Check {
    pub(crate) registry: Registry,
    pub(crate) project: Project,
    pub(crate) database: PgPool,
    pub(crate) repository_id: Uuid,
    pub(crate) root: PathBuf,
    pub(crate) walk: WalkOptions,
}

/// What a comparison came to.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// Files of the tree that belong into the index.
    pub(crate) files: u64,
    /// The chunks they are cut into.
    pub(crate) chunks: u64,
    pub(crate) differences: Vec<Difference>,
    /// Files that wait to be indexed, whether or not they differ already.
    pub(crate) pending: u64,
    /// A comparison of the whole tree waits or runs: it may find more files.
    pub(crate) pending_sync: bool,
    /// There are more differences than are listed.
    pub(crate) more: bool,
}

impl Check {
    pub(crate) async fn run(&self) -> Result<Checked> {
        let compared = self.compare_tree().await?;
        let confirmed = self.confirm(compared.suspects).await?;
        let mut differences = confirmed.wrong;
        let limit = u32::try_from(MOST_DIFFERENCES).expect("a small constant");
        differences.extend(quarry_codebase::loose_chunks(&self.database, self.repository_id, limit).await?);
        differences
            .extend(quarry_codebase::check_segments(&self.database, self.repository_id, MOST_DIFFERENCES).await?);
        differences.extend(self.fence_differences().await?);
        differences.extend(self.counter_differences().await?);
        let pending = self.pending().await?;
        let names_parked = differences.iter().any(|found| found.kind == DifferenceKind::Parked);
        if let Some(error) = pending.parked_error.filter(|_| !names_parked) {
            differences.push(Difference::new("", DifferenceKind::Parked, error));
        }
        let more = compared.more || differences.len() > MOST_DIFFERENCES;
        differences.truncate(MOST_DIFFERENCES);
        Ok(Checked {
            files: compared.files,
            chunks: compared.chunks,
            differences,
            pending: pending.files.max(confirmed.pending),
            pending_sync: pending.sync,
            more,
        })
    }

    pub(crate) async fn pending(&self) -> Result<Pending> {
        let (project, repository) = (self.project.id.0, self.repository_id);
        Ok(quarry_queue::pending(self.registry.pool(), project, Some(repository)).await?)
    }

    /// While something waits, the counters are those of before.
    async fn counter_differences(&self) -> Result<Vec<Difference>> {
        let until = std::time::Instant::now() + COUNTED_WITHIN;
        loop {
            let differences = quarry_codebase::counters(&self.database, self.repository_id)
                .await?
                .differences();
            if differences.is_empty() || !self.pending().await?.is_settled() {
                return Ok(Vec::new());
            }
            if std::time::Instant::now() >= until {
                return Ok(differences);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// A claim takes its fence from the queue before it raises it in the project's database, so the queue's is never lower.
    async fn fence_differences(&self) -> Result<Vec<Difference>> {
        let raised = quarry_codebase::fences(&self.database, self.repository_id).await?;
        let (queue, project) = (self.registry.pool(), self.project.id.0);
        let given = quarry_queue::lane_fences(queue, project, self.repository_id).await?;
        let fault = |(lane, given): (quarry_queue::Lane, i64)| {
            let name = lane.name();
            let raised = raised.iter().find(|fence| fence.lane == name)?.fence;
            let detail = format!("{name} stands at {raised}, the queue has only given out {given}");
            (raised > given).then(|| Difference::new("", DifferenceKind::Fence, detail))
        };
        Ok(given.into_iter().filter_map(fault).collect())
    }
}
