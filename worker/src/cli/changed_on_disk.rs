//! Whether the files of hits still are what was indexed. Reads only those files, on this machine only, and within a bound:
//! a disk that takes longer leaves the question open.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use quarry_codebase::Hit;
use quarry_registry::PgPool;
use uuid::Uuid;

use super::session::Session;
use crate::walk::{ReadOutcome, WalkOptions, read_file};

/// A hundred files of source are read in milliseconds; a network that is away must not keep the answer.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

/// By repository and path. What is absent could not be looked at.
pub(super) type Changed = HashMap<(Uuid, String), bool>;

/// Looks at the files of the hits.
pub(super) async fn changed_on_disk(session: &Session, database: &PgPool, hits: &[Hit]) -> Result<Changed> {
    let mut by_repository: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
    for hit in hits {
        by_repository
            .entry(hit.repository_id)
            .or_default()
            .push(hit.path.clone());
    }
    let hosts = session.hosts()?;
    let options = WalkOptions {
        max_file_bytes: session.config.max_file_bytes(),
        ..WalkOptions::default()
    };
    let mut looked_at = Vec::new();
    for (repository_id, paths) in by_repository {
        let repository = quarry_codebase::find_repository(database, repository_id).await?;
        let root = PathBuf::from(&repository.root);
        if !hosts.contains(&repository.host) {
            continue;
        }
        for (path, stored) in quarry_codebase::file_states(database, repository_id, &paths).await? {
            looked_at.push((repository_id, root.clone(), path, stored.content_hash));
        }
    }
    let looking = tokio::task::spawn_blocking(move || {
        let look = |(repository_id, root, path, indexed): (Uuid, PathBuf, String, [u8; 32])| {
            // A root that cannot be opened says nothing of its files.
            let same = match read_file(&root, &path, &options).ok()? {
                ReadOutcome::Text(file) => file.content_hash == indexed,
                ReadOutcome::Skipped(_) | ReadOutcome::Gone => false,
            };
            Some(((repository_id, path), !same))
        };
        looked_at.into_iter().filter_map(look).collect::<Changed>()
    });
    match tokio::time::timeout(LOOK_WITHIN, looking).await {
        Ok(changed) => Ok(changed?),
        Err(_) => Ok(Changed::new()),
    }
}
