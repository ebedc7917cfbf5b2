//! What a command means by a repository: a directory of this machine, or a git URL. Says under which root the registry
//! knows it. Never clones anything; a URL is checked against the settings before it is stored.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use quarry_registry::GitUrl;

use super::session::canonical_directory;

/// A repository as somebody typed it.
pub(super) enum Place {
    Directory(PathBuf),
    Url(GitUrl),
}

impl Place {
    /// Whether the text on the command line is a URL; then there is no directory with settings of its own.
    pub(super) fn is_url(typed: &Path) -> bool {
        typed.to_str().is_some_and(GitUrl::is_meant_by)
    }

    /// A directory that exists, or a URL.
    pub(super) fn existing(typed: &Path) -> Result<Place> {
        match url(typed)? {
            Some(url) => Ok(Place::Url(url)),
            None => Ok(Place::Directory(canonical_directory(typed)?)),
        }
    }

    /// As [`Place::existing`], also for a directory that is gone, which may still be registered.
    pub(super) fn known(typed: &Path) -> Result<Place> {
        match url(typed)? {
            Some(url) => Ok(Place::Url(url)),
            None => Ok(Place::Directory(
                std::fs::canonicalize(typed).unwrap_or_else(|_| typed.to_path_buf()),
            )),
        }
    }

    /// The root it is registered under.
    pub(super) fn root(&self) -> Result<&str> {
        match self {
            Place::Directory(root) => root
                .to_str()
                .with_context(|| format!("the path {} is not UTF-8", root.display())),
            Place::Url(url) => Ok(url.canonical()),
        }
    }

    /// What people call it.
    pub(super) fn name(&self) -> String {
        match self {
            Place::Directory(root) => root
                .file_name()
                .map_or_else(|| "root".to_owned(), |name| name.to_string_lossy().into_owned()),
            Place::Url(url) => url.name().to_owned(),
        }
    }
}

fn url(typed: &Path) -> Result<Option<GitUrl>> {
    match typed.to_str() {
        Some(text) if GitUrl::is_meant_by(text) => Ok(Some(GitUrl::parse(text)?)),
        _ => Ok(None),
    }
}
