//! Which directories a session may index: those below its roots, links resolved. Asked by `index_repository` only.
//! Never reads anything in them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::tool_error::ToolError;

/// The directory that `path` means, if it lies below a root; without `roots` below the repository of the current directory.
pub(crate) fn allowed_directory(roots: &[PathBuf], path: &Path) -> Result<PathBuf, ToolError> {
    let wanted = std::fs::canonicalize(path).map_err(|error| {
        ToolError::new(format!(
            "cannot open the directory {}: {error}; give the path of a directory",
            path.display()
        ))
    })?;
    if !is_below_a_root(roots, &wanted)? {
        return Err(ToolError::new(format!(
            "{} is outside what this server may index; the person who runs it can start it with --root {0}",
            wanted.display()
        )));
    }
    if !wanted.is_dir() {
        return Err(ToolError::new(format!(
            "{} is a file: give the directory of a repository",
            wanted.display()
        )));
    }
    Ok(wanted)
}

/// Whether a directory with links resolved is one of the roots or below one.
pub(crate) fn is_below_a_root(roots: &[PathBuf], directory: &Path) -> Result<bool> {
    let current = if roots.is_empty() {
        Some(current_repository()?)
    } else {
        None
    };
    Ok(roots.iter().chain(&current).any(|root| {
        let root = std::fs::canonicalize(root).unwrap_or_else(|_| root.clone());
        directory.starts_with(root)
    }))
}

/// The closest directory above the current one, or itself, that is a repository.
fn current_repository() -> Result<PathBuf> {
    let directory = std::env::current_dir().context("read the current directory")?;
    let is_repository = |path: &&Path| path.join(".git").exists() || path.join("quarry.toml").exists();
    Ok(directory
        .ancestors()
        .find(is_repository)
        .unwrap_or(&directory)
        .to_path_buf())
}
