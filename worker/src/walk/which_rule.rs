//! Which line of which ignore file refuses a path. The rules themselves are applied by the `ignore` crate, which does not
//! tell; here the files are asked one by one, in the order in which they overrule each other there.

use std::fmt;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{GitignoreBuilder, gitconfig_excludes_path};

use super::IGNORE_FILE_NAME;
use super::path_rules::lies_in_a_larger_repository;

/// A line of an ignore file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoreRule {
    /// The file, relative to the repository's root where it lies in it.
    pub file: PathBuf,
    /// The line, from 1; 0 when the file changed meanwhile.
    pub line: usize,
    /// The pattern as it is written.
    pub pattern: String,
}

impl fmt::Display for IgnoreRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.file.display(), self.line, self.pattern)
    }
}

/// The rule that refuses `relative`, none if none does. The directories above it must have been accepted.
pub(super) fn ignore_rule(root: &Path, relative: &str, is_directory: bool) -> Option<IgnoreRule> {
    let path = root.join(relative);
    let reach = if lies_in_a_larger_repository(root) {
        Path::new("/")
    } else {
        root
    };
    // The closest directory first.
    let directories: Vec<&Path> = path
        .ancestors()
        .skip(1)
        .take_while(|directory| directory.starts_with(reach))
        .collect();
    let named = |name: &'static str| directories.iter().map(move |directory| directory.join(name));
    let excludes = directories
        .iter()
        .filter_map(|directory| Some((*directory, git_directory(directory)?.join("info/exclude"))));
    let own = |file: PathBuf| {
        let base = file.parent().map(Path::to_owned).unwrap_or_default();
        (base, file)
    };
    let sources = [
        named(IGNORE_FILE_NAME).map(own).collect::<Vec<_>>(),
        named(".ignore").map(own).collect(),
        named(".gitignore").map(own).collect(),
        excludes.map(|(base, file)| (base.to_owned(), file)).collect(),
        gitconfig_excludes_path()
            .map(|file| (root.to_owned(), file))
            .into_iter()
            .collect(),
    ];
    // Within a kind the closest file that says anything decides, and then the first kind that does.
    for (base, file) in sources.into_iter().flatten() {
        let mut builder = GitignoreBuilder::new(&base);
        if !file.is_file() || builder.add(&file).is_some() {
            continue;
        }
        let Ok(rules) = builder.build() else { continue };
        match rules.matched(&path, is_directory) {
            Match::None => {}
            Match::Whitelist(_) => return None,
            Match::Ignore(rule) => {
                return Some(IgnoreRule {
                    line: line_of(&file, rule.original()),
                    pattern: rule.original().to_owned(),
                    file: file.strip_prefix(root).map(Path::to_owned).unwrap_or(file),
                });
            }
        }
    }
    None
}

/// The last line with this pattern: of several rules that match, the last decides.
fn line_of(file: &Path, pattern: &str) -> usize {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
    let last = lines.iter().rposition(|line| line.trim_end() == pattern.trim_end());
    last.map_or(0, |position| position + 1)
}

/// Where git keeps what belongs to the repository at `directory`: a worktree's `.git` is a file that leads there.
fn git_directory(directory: &Path) -> Option<PathBuf> {
    let git = directory.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = std::fs::read_to_string(&git).ok()?;
    let own = directory.join(text.strip_prefix("gitdir:")?.trim());
    Some(match std::fs::read_to_string(own.join("commondir")) {
        Ok(common) => own.join(common.trim()),
        Err(_) => own,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    fn write(root: &Path, relative: &str, content: &str) {
        let path = root.join(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn rule(root: &Path, relative: &str, is_directory: bool) -> Option<String> {
        ignore_rule(root, relative, is_directory).map(|rule| rule.to_string())
    }

    #[test]
    fn the_line_that_decides_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        write(root, ".gitignore", "# comment\n*.log\nbuild/\n!keep.log\n");
        write(root, "src/.gitignore", "\u{feff}*.tmp\n\n*.log \n");
        write(root, ".git/info/exclude", "private\n");
        assert_eq!(rule(root, "run.log", false).unwrap(), ".gitignore:2: *.log");
        assert_eq!(rule(root, "build", true).unwrap(), ".gitignore:3: build/");
        assert_eq!(rule(root, "build", false), None, "the rule is for directories");
        assert_eq!(rule(root, "keep.log", false), None);
        assert_eq!(rule(root, "src/a.tmp", false).unwrap(), "src/.gitignore:1: *.tmp");
        assert_eq!(rule(root, "src/keep.log", false).unwrap(), "src/.gitignore:3: *.log");
        assert_eq!(rule(root, "private", false).unwrap(), ".git/info/exclude:1: private");
        assert_eq!(rule(root, "src/main.rs", false), None);
    }

    #[test]
    fn our_own_file_overrules_the_others() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        write(root, ".gitignore", "generated\nother\n");
        write(root, ".ignore", "!other\n");
        write(root, ".quarryignore", "!generated\nmine\n");
        assert_eq!(rule(root, "generated", false), None);
        assert_eq!(rule(root, "other", false), None);
        assert_eq!(rule(root, "mine", false).unwrap(), ".quarryignore:2: mine");
    }

    #[test]
    fn the_files_of_a_larger_repository_speak_for_a_part_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let above = directory.path().canonicalize().unwrap();
        write(&above, ".gitignore", "part/out\n");
        write(&above, "part/a.rs", "");
        let part = above.join("part");
        assert_eq!(rule(&part, "out", false), None, "not a repository");
        std::fs::create_dir(above.join(".git")).unwrap();
        let found = rule(&part, "out", false).unwrap();
        assert_eq!(found, format!("{}:1: part/out", above.join(".gitignore").display()));
    }
}
