//! Which of the shown hits lie in files that changed since they were indexed. Looks at those files only, where they are on
//! this machine, and within a bound: a disk that takes longer leaves the question open.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use quarry_codebase::Hit;
use quarry_registry::PgPool;
use uuid::Uuid;

use crate::backend::Backend;
use crate::on_disk::{self, IndexedFile};
use crate::tool_error::ToolError;

/// A disk that takes longer (a network that is away) leaves the question open.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

/// The files of hits that differ on the disk, by repository and path.
pub(crate) async fn changed_files(
    backend: &Backend,
    database: &PgPool,
    hits: &[Hit],
) -> Result<HashSet<(Uuid, String)>, ToolError> {
    let mut by_repository: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
    for hit in hits {
        by_repository
            .entry(hit.repository_id)
            .or_default()
            .push(hit.path.clone());
    }
    let host = backend.host()?;
    let max_bytes = backend.config.max_file_bytes();
    let mut files = Vec::new();
    for (repository_id, paths) in by_repository {
        let repository = quarry_codebase::find_repository(database, repository_id).await?;
        if repository.host != host {
            continue;
        }
        let root = PathBuf::from(&repository.root);
        for (path, stored) in quarry_codebase::file_states(database, repository_id, &paths).await? {
            let indexed = IndexedFile {
                content_hash: stored.content_hash,
                stamp: stored.stamp,
            };
            files.push((repository_id, root.clone(), path, indexed));
        }
    }
    let looking = tokio::task::spawn_blocking(move || {
        let is_changed = |(_, root, path, indexed): &(Uuid, PathBuf, String, IndexedFile)| {
            on_disk::differs(root, path, *indexed, max_bytes) == Some(true)
        };
        let changed = files.into_iter().filter(is_changed);
        changed
            .map(|(repository_id, _, path, _)| (repository_id, path))
            .collect()
    });
    Ok(tokio::time::timeout(LOOK_WITHIN, looking)
        .await
        .ok()
        .and_then(Result::ok)
        .unwrap_or_default())
}
