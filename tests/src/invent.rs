//! Thinks of something to do to a tree. The same numbers and the same tree give the same edit; names come from so small a
//! vocabulary that files, directories, links and rules get in each other's way.

use std::fs;

use crate::edit::{Edit, Text};
use crate::numbers::Numbers;
use crate::tree::Tree;

/// Some of them are also names of files, and some differ by case only.
const DIRECTORIES: [&str; 11] = [
    "src",
    "core",
    "Core",
    "lib",
    "docs",
    "a",
    "src.old",
    ".hidden",
    "node_modules",
    "venv",
    "build",
];

/// With kinds that the index leaves out, and one that makes a directory `venv` count as foreign.
const FILES: [&str; 15] = [
    "main.rs",
    "util.py",
    "Util.py",
    "notes.md",
    "a",
    "core",
    "index.ts",
    "conf.toml",
    "b.go",
    "lines.txt",
    ".env",
    "app.min.js",
    "logo.png",
    "pyvenv.cfg",
    "é ü.py",
];

const PATTERNS: [&str; 14] = [
    "*.md", "core/", "/src/", "a", "util.py", "!util.py", "docs/**", "*.py", "!*.py", "lib/*.ts", "**/a/", "/core",
    "# a note", "!/src/",
];

const RULE_FILES: [&str; 4] = [".gitignore", ".ignore", ".quarryignore", ".git/info/exclude"];

/// Beyond so many files more are taken away than are made.
const ENOUGH_FILES: usize = 60;

/// A file that is never touched, so that there is always something to index.
const KEPT: &str = "KEEP.txt";

#[derive(Clone, Copy)]
enum Kind {
    WriteNew,
    WriteAgain,
    Replace,
    OldTime,
    RemoveFile,
    RemoveDirectory,
    RenameFile,
    RenameDirectory,
    Exchange,
    MoveOut,
    MoveIn,
    Link,
    Mode,
    Rules,
    DropRules,
    Git,
    Flood,
}

const KINDS: [(usize, Kind); 17] = [
    (16, Kind::WriteNew),
    (16, Kind::WriteAgain),
    (10, Kind::Replace),
    (3, Kind::OldTime),
    (9, Kind::RemoveFile),
    (2, Kind::RemoveDirectory),
    (9, Kind::RenameFile),
    (6, Kind::RenameDirectory),
    (4, Kind::Exchange),
    (3, Kind::MoveOut),
    (3, Kind::MoveIn),
    (4, Kind::Link),
    (3, Kind::Mode),
    (5, Kind::Rules),
    (3, Kind::DropRules),
    (10, Kind::Git),
    (1, Kind::Flood),
];

/// Thinks of the next edit.
pub fn invent(numbers: &mut Numbers, tree: &Tree) -> Edit {
    let (files, directories) = listed(tree);
    loop {
        let mut kind = numbers.weighted(&KINDS);
        if files.len() > ENOUGH_FILES && numbers.below(2) == 0 {
            kind = *numbers.one_of(&[Kind::RemoveFile, Kind::RemoveDirectory, Kind::MoveOut]);
        }
        if let Some(edit) = edit_of(kind, numbers, &files, &directories) {
            return edit;
        }
    }
}

fn edit_of(kind: Kind, numbers: &mut Numbers, files: &[String], directories: &[String]) -> Option<Edit> {
    let file = |numbers: &mut Numbers| (!files.is_empty()).then(|| numbers.one_of(files).clone());
    let directory = |numbers: &mut Numbers| (!directories.is_empty()).then(|| numbers.one_of(directories).clone());
    Some(match kind {
        Kind::WriteNew => Edit::Write {
            path: some_path(numbers),
            text: some_text(numbers, files),
        },
        Kind::WriteAgain => Edit::Write {
            path: file(numbers)?,
            text: some_text(numbers, files),
        },
        Kind::Replace => Edit::Replace {
            path: file(numbers)?,
            text: some_text(numbers, files),
        },
        Kind::OldTime => Edit::WriteUnderOldTime { path: file(numbers)? },
        Kind::RemoveFile => Edit::Remove { path: file(numbers)? },
        Kind::RemoveDirectory => Edit::Remove {
            path: directory(numbers)?,
        },
        Kind::RenameFile => Edit::Rename {
            from: file(numbers)?,
            to: some_path(numbers),
        },
        Kind::RenameDirectory => Edit::Rename {
            from: directory(numbers)?,
            to: some_directory(numbers),
        },
        Kind::Exchange => {
            let among = if numbers.below(2) == 0 { files } else { directories };
            if among.is_empty() {
                return None;
            }
            let (one, other) = (numbers.one_of(among).clone(), numbers.one_of(among).clone());
            let is_inside = |inner: &str, outer: &str| format!("{inner}/").starts_with(&format!("{outer}/"));
            if is_inside(&one, &other) || is_inside(&other, &one) {
                return None;
            }
            Edit::Exchange { one, other }
        }
        Kind::MoveOut => Edit::MoveOut {
            path: directory(numbers)?,
        },
        Kind::MoveIn => Edit::MoveIn {
            path: some_directory(numbers),
            files: 1 + numbers.any() % 6,
        },
        Kind::Link => Edit::Link {
            path: some_path(numbers),
            target: (*numbers.one_of(&["src", "../src/main.rs", "/etc/hostname", "nowhere"])).to_owned(),
        },
        Kind::Mode => Edit::Mode {
            path: file(numbers)?,
            mode: *numbers.one_of(&[0o644, 0o755, 0o600, 0o444]),
        },
        Kind::Rules => Edit::Write {
            path: rule_file(numbers, directories),
            text: Text::Lines(
                (0..=numbers.below(2))
                    .map(|_| (*numbers.one_of(&PATTERNS)).to_owned())
                    .collect(),
            ),
        },
        Kind::DropRules => Edit::Write {
            path: rule_file(numbers, directories),
            text: Text::Empty,
        },
        Kind::Git => Edit::Git {
            arguments: git_arguments(numbers),
        },
        Kind::Flood => Edit::Flood {
            directory: some_directory(numbers),
            files: 550,
        },
    })
}

fn git_arguments(numbers: &mut Numbers) -> Vec<String> {
    let branch = *numbers.one_of(&["one", "two", "feature/three"]);
    let words: &[&str] = match numbers.below(14) {
        0..=2 => &["commit", "--quiet", "--message", "work"],
        3..=4 => &["add", "--all"],
        5..=6 => &["switch", "--quiet", "--force", "main"],
        7..=8 => &["switch", "--quiet", "--force", branch],
        9 => &["switch", "--quiet", "-c", branch],
        10 => &["reset", "--quiet", "--hard"],
        11 => &["stash", "--include-untracked", "--quiet"],
        12 => &["stash", "pop", "--quiet"],
        _ => &["pack-refs", "--all"],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn rule_file(numbers: &mut Numbers, directories: &[String]) -> String {
    let name = *numbers.one_of(&RULE_FILES);
    if name.contains('/') || directories.is_empty() || numbers.below(2) == 0 {
        return name.to_owned();
    }
    format!("{}/{name}", numbers.one_of(directories))
}

fn some_text(numbers: &mut Numbers, files: &[String]) -> Text {
    let number = numbers.any() % 400;
    match numbers.below(20) {
        0..=9 => Text::Module(number),
        10..=12 => Text::Prose(number),
        13 => Text::Empty,
        14 => Text::Binary(number),
        15 => Text::Large(number),
        16 => Text::Minified(number),
        17 => Text::Wide(number),
        _ if files.is_empty() => Text::Module(number),
        _ => Text::CopyOf(numbers.one_of(files).clone()),
    }
}

fn some_path(numbers: &mut Numbers) -> String {
    let name = *numbers.one_of(&FILES);
    match numbers.below(4) {
        0 => name.to_owned(),
        _ => format!("{}/{name}", some_directory(numbers)),
    }
}

fn some_directory(numbers: &mut Numbers) -> String {
    let parts: Vec<&str> = (0..=numbers.below(3)).map(|_| *numbers.one_of(&DIRECTORIES)).collect();
    parts.join("/")
}

/// Plain files and directories, sorted; without git's own, and without the file that stays.
fn listed(tree: &Tree) -> (Vec<String>, Vec<String>) {
    let (mut files, mut directories) = (Vec::new(), Vec::new());
    let mut open = vec![String::new()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(tree.path(&directory)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if directory.is_empty() && [".git", KEPT].contains(&name.as_str()) {
                continue;
            }
            let path = if directory.is_empty() {
                name
            } else {
                format!("{directory}/{name}")
            };
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                open.push(path.clone());
                directories.push(path);
            } else if kind.is_file() {
                files.push(path);
            }
        }
    }
    files.sort_unstable();
    directories.sort_unstable();
    (files, directories)
}
