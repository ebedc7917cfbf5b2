//! The indexed file that a command means by a path: its repository, and its path there. The file need not exist any more.

use std::path::Path;

use anyhow::{Context as _, Result};
use quarry_registry::Registry;

use super::session::{Located, Session, canonical_as_far_as_possible};

/// A file of a repository.
pub(super) struct IndexedFile {
    pub(super) located: Located,
    /// Relative to the repository's root.
    pub(super) path: String,
}

/// The file at `path` of this machine, in the closest indexed repository above it.
pub(super) async fn indexed_file(
    session: &Session,
    registry: &Registry,
    path: &Path,
    project: Option<&str>,
) -> Result<IndexedFile> {
    let absolute = canonical_as_far_as_possible(path)?;
    let located = session.locate_above(registry, &absolute, project).await?;
    let located = located.with_context(|| {
        format!(
            "no indexed repository holds {}: run `quarry index` on its repository first",
            absolute.display()
        )
    })?;
    let relative = absolute.strip_prefix(&located.repository.root).ok();
    let relative = relative.and_then(Path::to_str).filter(|path| !path.is_empty());
    let path = relative.with_context(|| format!("{} is not a file of a repository", absolute.display()))?;
    Ok(IndexedFile {
        path: path.to_owned(),
        located,
    })
}
