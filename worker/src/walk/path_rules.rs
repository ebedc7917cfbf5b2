//! One path against all rules: ignore files, hidden names, secrets, kinds of files, size.
//! Used by [`super::walk`] for every entry, and by lanes and watchers for single paths, so both always agree.
//! Never opens the file itself: what only its content tells is decided by [`super::read_file`].

use std::fs::{self, FileType};
use std::path::{Path, PathBuf};

use ignore::{IncrementalIgnore, WalkBuilder};

use super::{IGNORE_FILE_NAME, SkipReason, WalkError, WalkOptions, name_rules};

/// Whether one file belongs into the index, as far as its path and its directory entry tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It does; its content may still refuse it when it is read.
    Index,
    /// It does not.
    Skip(SkipReason),
}

/// What a directory entry is, read without following links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    Directory,
    File,
    Symlink,
    Special,
}

impl EntryKind {
    pub(super) fn of(file_type: FileType) -> EntryKind {
        if file_type.is_symlink() {
            EntryKind::Symlink
        } else if file_type.is_dir() {
            EntryKind::Directory
        } else if file_type.is_file() {
            EntryKind::File
        } else {
            EntryKind::Special
        }
    }
}

/// The rules of one repository. Ignore files are read once per directory: build it anew when one of them changes.
#[derive(Debug, Clone)]
pub struct PathRules {
    root: PathBuf,
    options: WalkOptions,
    ignore: IncrementalIgnore,
}

impl PathRules {
    /// Rules for the repository at `root`, which may itself be a link.
    pub fn new(root: &Path, options: &WalkOptions) -> Result<PathRules, WalkError> {
        let unreadable = |source| WalkError::RootUnreadable {
            root: root.to_owned(),
            source,
        };
        let canonical = root.canonicalize().map_err(unreadable)?;
        if !canonical.is_dir() {
            return Err(WalkError::RootNotADirectory { root: root.to_owned() });
        }
        if has_special_ignore_file(&canonical) {
            return Err(WalkError::SpecialIgnoreFile { root: root.to_owned() });
        }
        let ignore = WalkBuilder::new(&canonical)
            .hidden(false) // decided here, so that the reason is known
            .require_git(false)
            .git_global(options.personal_ignore_rules)
            .parents(lies_in_a_larger_repository(&canonical))
            .current_dir(&canonical) // global rules are relative to the repository, not to where the worker was started
            .add_custom_ignore_filename(IGNORE_FILE_NAME)
            .build_matchers()
            .pop()
            .expect("one path was given, so there is one matcher");
        Ok(PathRules {
            root: canonical,
            options: *options,
            ignore,
        })
    }

    /// The root with all links resolved.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether the file at this path, relative to the root and with `/` between its parts, belongs into the index.
    /// A path where nothing lies (any more) is judged by its name alone.
    pub fn verdict(&mut self, relative: &str) -> Verdict {
        if !is_plain_relative(relative) {
            return Verdict::Skip(SkipReason::NotUtf8Name);
        }
        match self.refusal(relative) {
            Some((_, reason)) => Verdict::Skip(reason),
            None => Verdict::Index,
        }
    }

    /// What of the path is refused, and why: a directory above it, or the path itself.
    pub(super) fn refusal<'path>(&mut self, relative: &'path str) -> Option<(&'path str, SkipReason)> {
        for (slash, _) in relative.match_indices('/') {
            let directory = &relative[..slash];
            if let Some(reason) = self.refuse_existing(directory, EntryKind::Directory) {
                return Some((directory, reason));
            }
        }
        let reason = self.refuse_existing(relative, EntryKind::File)?;
        Some((relative, reason))
    }

    /// Whether a walk enters this directory, given that it enters the one above. The root has the empty path.
    pub fn enters_directory(&mut self, relative: &str) -> bool {
        relative.is_empty() || self.refuse(relative, EntryKind::Directory).is_none()
    }

    fn refuse_existing(&mut self, relative: &str, missing_as: EntryKind) -> Option<SkipReason> {
        let metadata = fs::symlink_metadata(self.root.join(relative)).ok();
        let kind = metadata
            .as_ref()
            .map_or(missing_as, |metadata| EntryKind::of(metadata.file_type()));
        let refused = self.refuse(relative, kind);
        if refused.is_some() || kind != EntryKind::File {
            return refused;
        }
        metadata.and_then(|metadata| self.refuse_size(metadata.len()))
    }

    /// Why an entry is refused by its path and kind. Its parents must have been accepted before.
    pub(super) fn refuse(&mut self, relative: &str, kind: EntryKind) -> Option<SkipReason> {
        let name = relative.rsplit('/').next().unwrap_or(relative);
        if !is_plain_name(name) {
            return Some(SkipReason::NotUtf8Name);
        }
        let is_directory = kind == EntryKind::Directory;
        if is_directory {
            if self.is_vendored(relative, name) {
                return Some(SkipReason::Vendored);
            }
        } else if name_rules::is_secret_path(relative) {
            return Some(SkipReason::Secret);
        }
        let matched = self.ignore.matched(relative, is_directory);
        if matched.is_ignore() {
            return Some(SkipReason::Ignored);
        }
        if name.starts_with('.') && !matched.is_whitelist() && !name_rules::is_useful_hidden(name, is_directory) {
            return Some(SkipReason::Hidden);
        }
        match kind {
            EntryKind::Symlink => Some(SkipReason::Symlink),
            EntryKind::Special => Some(SkipReason::Special),
            EntryKind::File => name_rules::refuse_file_name(relative),
            EntryKind::Directory => has_special_ignore_file(&self.root.join(relative)).then_some(SkipReason::Special),
        }
    }

    pub(super) fn refuse_size(&self, size_bytes: u64) -> Option<SkipReason> {
        (size_bytes > self.options.max_file_bytes).then_some(SkipReason::TooLarge)
    }

    fn is_vendored(&self, relative: &str, name: &str) -> bool {
        name_rules::is_vendored_directory(name)
            || name_rules::vendored_if_it_has(name).is_some_and(|file| self.root.join(relative).join(file).exists())
    }
}

/// Whether rules are made of what lies at this path, so that a change of it can bring other files in or leave them out.
pub fn is_rule_file(relative: &str) -> bool {
    let (directory, name) = relative.rsplit_once('/').unwrap_or(("", relative));
    let parent = directory.rsplit('/').next().unwrap_or("");
    [".gitignore", ".ignore", IGNORE_FILE_NAME].contains(&name) || name_rules::vendored_if_it_has(parent) == Some(name)
}

/// Files outside the repository that hold rules for it, whether or not they exist: git's global excludes, and the ignore
/// files above a root that is a part of a larger repository.
pub fn outer_rule_files(root: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = ignore::gitignore::gitconfig_excludes_path().into_iter().collect();
    if lies_in_a_larger_repository(root) {
        for above in root.ancestors().skip(1) {
            files.extend([".gitignore", ".ignore", IGNORE_FILE_NAME].map(|name| above.join(name)));
            if above.join(".git").exists() {
                break;
            }
        }
    }
    files
}

/// Ignore files above the root speak for it only where it is a part of a git repository. Elsewhere a stray one, in a home
/// directory say, would silently empty the index.
pub(super) fn lies_in_a_larger_repository(root: &Path) -> bool {
    !root.join(".git").exists() && root.ancestors().skip(1).any(|above| above.join(".git").exists())
}

/// Not empty, not absolute, no `.`, no `..`, no empty part.
pub(super) fn is_plain_relative(relative: &str) -> bool {
    relative
        .split('/')
        .all(|part| !part.is_empty() && part != "." && part != "..")
}

/// The order of paths is defined with U+0001 in place of `/`, so no name may hold it or anything below it.
fn is_plain_name(name: &str) -> bool {
    !name.bytes().any(|byte| byte <= 1) && !name.contains(char::REPLACEMENT_CHARACTER)
}

/// Opening a pipe that poses as an ignore file would block for ever, so such a directory is not entered.
fn has_special_ignore_file(directory: &Path) -> bool {
    [".gitignore", ".ignore", IGNORE_FILE_NAME, ".git/info/exclude"]
        .iter()
        .any(|name| fs::metadata(directory.join(name)).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()))
}
