//! The walk of the whole tree and the rules for single paths agree on every file of any small tree: were it otherwise, a saved
//! file would be judged in another way than a comparison judges it. Trees that disagree are made smaller by themselves.

#![allow(clippy::unwrap_used)] // tests

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::select;
use tempfile::TempDir;

use super::{Entry, PathRules, Verdict, WalkOptions, walk};

const DIRECTORIES: [&str; 9] = [
    "src",
    "core",
    "a",
    "build",
    ".hidden",
    "node_modules",
    "venv",
    ".github",
    "Core",
];

const FILES: [&str; 12] = [
    "main.rs",
    "util.py",
    "a",
    "core",
    "notes.md",
    ".env",
    ".env.example",
    "app.min.js",
    "logo.png",
    "pyvenv.cfg",
    "Cargo.lock",
    ".hidden.py",
];

const RULE_FILES: [&str; 4] = [".gitignore", ".ignore", ".quarryignore", ".git/info/exclude"];

const PATTERNS: [&str; 18] = [
    "*.md",
    "core/",
    "/src/",
    "a",
    "!a",
    "util.py",
    "!util.py",
    "src/**",
    "**/a/",
    "/core",
    "*",
    "!*/",
    "!*.rs",
    "!.hidden",
    "!.hidden/",
    "build/*",
    "!build/a",
    "[ab]",
];

#[derive(Debug, Clone)]
struct SmallTree {
    files: Vec<String>,
    rules: Vec<(String, Vec<&'static str>)>,
}

fn directory() -> impl Strategy<Value = String> {
    prop::collection::vec(select(&DIRECTORIES[..]), 0..3).prop_map(|parts| {
        let below = |part: &&str| format!("{part}/");
        parts.iter().map(below).collect()
    })
}

fn small_tree() -> impl Strategy<Value = SmallTree> {
    let file = (directory(), select(&FILES[..])).prop_map(|(directory, name)| directory + name);
    let rules = (
        directory(),
        select(&RULE_FILES[..]),
        prop::collection::vec(select(&PATTERNS[..]), 1..4),
    )
        .prop_map(|(directory, name, patterns)| {
            // Git knows one list of exclusions.
            let directory = if name.contains('/') { String::new() } else { directory };
            (directory + name, patterns)
        });
    (prop::collection::vec(file, 1..10), prop::collection::vec(rules, 0..4))
        .prop_map(|(files, rules)| SmallTree { files, rules })
}

/// Writes what does not get in the way of what is there.
fn write(root: &Path, path: &str, text: &str) {
    let file = root.join(path);
    if fs::create_dir_all(file.parent().unwrap()).is_ok() && !file.is_dir() {
        fs::write(file, text).unwrap();
    }
}

fn files_below(root: &Path, relative: &str, files: &mut BTreeSet<String>) {
    for entry in fs::read_dir(root.join(relative)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{relative}{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            files_below(root, &format!("{path}/"), files);
        } else {
            files.insert(path);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_walk_and_the_rules_for_single_paths_agree(tree in small_tree()) {
        let root = TempDir::new().unwrap();
        for path in &tree.files {
            write(root.path(), path, "text\n");
        }
        for (path, patterns) in &tree.rules {
            write(root.path(), path, &(patterns.join("\n") + "\n"));
        }
        let options = WalkOptions { personal_ignore_rules: false, ..WalkOptions::default() };
        let mut walked = BTreeSet::new();
        walk(root.path(), &options, |entry| {
            if let Entry::Found { path, .. } = entry {
                walked.insert(path);
            }
            ControlFlow::Continue(())
        }).unwrap();

        let (mut rules, mut all) = (PathRules::new(root.path(), &options).unwrap(), BTreeSet::new());
        files_below(root.path(), "", &mut all);
        let accepted: BTreeSet<String> = all.into_iter().filter(|path| rules.verdict(path) == Verdict::Index).collect();
        prop_assert_eq!(walked, accepted);
    }
}
