//! The directories of one repository that the system is asked to watch: those that a walk enters, by the same rules, and
//! the few outside of it that hold rules or git's state. Never judges a file and never asks for work.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::git_metadata::GitMetadata;
use super::inbox::Inbox;
use super::pace::MARKS_LIMIT;
use super::subscription::{PER_DIRECTORY, Refusal, Subscription};
use crate::walk::{PathRules, WalkError, WalkOptions, outer_rule_files};

/// What watching one repository needs to know.
#[derive(Debug, Clone)]
pub(super) struct TreeOptions {
    pub(super) root: PathBuf,
    pub(super) walk: WalkOptions,
    pub(super) max_directories: usize,
}

/// A watched tree.
pub(super) struct Tree {
    options: TreeOptions,
    root: PathBuf,
    identity: (u64, u64),
    rules: PathRules,
    are_rules_stale: bool,
    /// None: the system refused; comparisons alone find what changes.
    subscription: Option<Subscription>,
    /// Watched directories, relative to the root, which is the empty path.
    directories: BTreeSet<String>,
    outside: BTreeSet<PathBuf>,
    outer_rule_files: Vec<PathBuf>,
    pub(super) git: Option<GitMetadata>,
    refusal: Option<Refusal>,
}

impl Tree {
    /// Watches everything that a walk would enter. What changes from now on arrives in `inbox`.
    pub(super) fn open(options: TreeOptions, inbox: Arc<Inbox>) -> Result<Tree, WalkError> {
        let rules = PathRules::new(&options.root, &options.walk)?;
        let root = rules.root().to_owned();
        let (subscription, refusal) = match Subscription::open(inbox) {
            Ok(subscription) => (Some(subscription), None),
            Err(refusal) => (None, Some(refusal)),
        };
        let mut tree = Tree {
            identity: identity(&root).unwrap_or_default(),
            options,
            root,
            rules,
            are_rules_stale: false,
            subscription,
            directories: BTreeSet::new(),
            outside: BTreeSet::new(),
            outer_rule_files: Vec::new(),
            git: None,
            refusal,
        };
        tree.watch_everything();
        Ok(tree)
    }

    /// The root with all links resolved.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether the directory at the root is still the one that is watched.
    pub(super) fn is_in_place(&self) -> bool {
        identity(&self.root) == Some(self.identity)
    }

    /// Why some directories are not watched; none when all are.
    pub(super) fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// How many directories of the tree are watched.
    pub(super) fn directories(&self) -> usize {
        self.directories.len()
    }

    /// Whether a walk enters this directory, as far as is known.
    pub(super) fn is_entered(&self, relative: &str) -> bool {
        self.directories.contains(relative)
    }

    /// Whether a file outside the tree holds rules for it.
    pub(super) fn is_outer_rule_file(&self, path: &Path) -> bool {
        self.outer_rule_files.iter().any(|file| file == path)
    }

    /// The rules as the ignore files have them now.
    pub(super) fn rules(&mut self) -> &mut PathRules {
        if std::mem::take(&mut self.are_rules_stale)
            && let Ok(rules) = PathRules::new(&self.root, &self.options.walk)
        {
            self.rules = rules;
        }
        &mut self.rules
    }

    /// An ignore file changed.
    pub(super) fn forget_rules(&mut self) {
        self.are_rules_stale = true;
    }

    /// Looks at the whole tree anew: watches what is entered and nothing else.
    pub(super) fn watch_everything(&mut self) {
        if self.subscription.is_some() {
            self.refusal = None;
        }
        self.are_rules_stale = true;
        let before = std::mem::take(&mut self.directories);
        self.enter("", None);
        for gone in before.difference(&self.directories) {
            if let Some(subscription) = self.subscription.as_mut().filter(|_| PER_DIRECTORY) {
                subscription.remove(&self.root.join(gone));
            }
        }
        self.watch_outside();
    }

    /// Watches a directory and those below it that a walk enters. Each is watched first and listed then, so that a file
    /// that appears meanwhile is either listed or reported. Returns the listed files, up to one more than anybody wants.
    pub(super) fn enter_new(&mut self, relative: &str) -> Vec<String> {
        let mut files = Vec::new();
        self.enter(relative, Some(&mut files));
        files
    }

    /// A directory is gone. True: it was watched, and with it perhaps others below.
    pub(super) fn forget(&mut self, relative: &str) -> bool {
        if !self.directories.remove(relative) {
            return false;
        }
        // `/` is followed by `0`.
        let below = self.directories.split_off(&format!("{relative}/"));
        let (gone, rest) = below
            .into_iter()
            .partition(|directory| directory.starts_with(&format!("{relative}/")));
        self.directories.extend::<BTreeSet<String>>(rest);
        let gone: BTreeSet<String> = gone;
        if let Some(subscription) = self.subscription.as_mut().filter(|_| PER_DIRECTORY) {
            for directory in gone.iter().map(String::as_str).chain([relative]) {
                subscription.remove(&self.root.join(directory));
            }
        }
        // What comes to this path later may have other ignore files.
        self.are_rules_stale = true;
        true
    }

    /// Watches git's state and rules outside the tree, wherever they are now.
    pub(super) fn watch_outside(&mut self) {
        self.git = GitMetadata::find(&self.root);
        self.outer_rule_files = outer_rule_files(&self.root);
        let mut wanted: BTreeSet<PathBuf> = BTreeSet::new();
        if let Some(git) = &self.git {
            self.outer_rule_files.push(git.excludes());
            wanted.extend(git.directories());
        }
        let holding_rules = self.outer_rule_files.iter().filter_map(|file| file.parent());
        wanted.extend(holding_rules.filter(|directory| directory.is_dir()).map(Path::to_owned));
        if !PER_DIRECTORY {
            wanted.retain(|directory| !directory.starts_with(&self.root));
        }
        if let Some(subscription) = &mut self.subscription {
            for gone in self.outside.difference(&wanted) {
                subscription.remove(gone);
            }
            // Without these, comparisons find out.
            wanted.retain(|directory| subscription.add_directory(directory).is_ok());
        }
        self.outside = wanted;
    }

    fn enter(&mut self, relative: &str, mut files: Option<&mut Vec<String>>) {
        let mut open = vec![relative.to_owned()];
        while let Some(directory) = open.pop() {
            if !self.rules().enters_directory(&directory) || !self.watch(&directory) {
                continue;
            }
            let Ok(entries) = fs::read_dir(self.root.join(&directory)) else {
                continue;
            };
            for entry in entries.flatten() {
                let (Ok(name), Ok(kind)) = (entry.file_name().into_string(), entry.file_type()) else {
                    continue;
                };
                let path = if directory.is_empty() {
                    name
                } else {
                    format!("{directory}/{name}")
                };
                if kind.is_dir() {
                    open.push(path);
                } else if let Some(files) = files.as_deref_mut().filter(|files| files.len() <= MARKS_LIMIT) {
                    files.push(path);
                }
            }
        }
    }

    /// Whether there is any use in listing the directory.
    fn watch(&mut self, directory: &str) -> bool {
        let Some(subscription) = &mut self.subscription else {
            return self.directories.insert(directory.to_owned());
        };
        if !PER_DIRECTORY && !directory.is_empty() {
            return self.directories.insert(directory.to_owned());
        }
        // Once refused, nothing is asked for until the whole tree is looked at anew.
        if self.directories.len() >= self.options.max_directories || self.refusal.is_some() {
            self.refusal.get_or_insert(Refusal::OverOurLimit);
            return true;
        }
        let path = self.root.join(directory);
        let asked = if PER_DIRECTORY {
            subscription.add_directory(&path)
        } else {
            subscription.add_tree(&path)
        };
        match asked {
            Ok(()) => {
                self.directories.insert(directory.to_owned());
                true
            }
            Err(Refusal::Unwatchable) => false,
            Err(refusal) => {
                self.refusal = Some(refusal);
                true
            }
        }
    }
}

/// Which directory it is, whatever it is called.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_dir)?;
    Some((metadata.dev(), metadata.ino()))
}
