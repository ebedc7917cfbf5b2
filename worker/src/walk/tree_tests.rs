//! Tests of the walk and of its agreement with the rules for single paths and with reading.

#![allow(clippy::unwrap_used)] // tests

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;

use tempfile::TempDir;

use super::super::{ReadOutcome, Verdict, read_file};
use super::*;
use crate::test_random::Random;

fn tree(files: &[(&str, &str)]) -> TempDir {
    let root = TempDir::new().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

fn entries(root: &Path) -> (Vec<Entry>, WalkSummary) {
    let mut entries = Vec::new();
    let summary = walk(root, &WalkOptions::default(), |entry| {
        entries.push(entry);
        ControlFlow::Continue(())
    })
    .unwrap();
    (entries, summary)
}

fn found(root: &Path) -> Vec<String> {
    let found = entries(root).0.into_iter().filter_map(|entry| match entry {
        Entry::Found { path, .. } => Some(path),
        Entry::Skipped { .. } => None,
    });
    found.collect()
}

fn reason(root: &Path, wanted: &str) -> Option<SkipReason> {
    entries(root).0.into_iter().find_map(|entry| match entry {
        Entry::Skipped { path, reason } if path == wanted => Some(reason),
        _ => None,
    })
}

#[test]
fn ignore_files_of_every_kind_are_obeyed_without_a_git_repository() {
    let root = tree(&[
        (".gitignore", "*.log\n/build/\n"),
        (".ignore", "draft.md\n"),
        (".quarryignore", "fixtures/\n!fixtures\n!keep.log\nlegacy/**\n"),
        ("a.log", ""),
        ("keep.log", ""),
        ("build/x.rs", ""),
        ("draft.md", ""),
        ("legacy/a.rs", ""),
        ("src/.gitignore", "inner.rs\n"),
        ("src/inner.rs", ""),
        ("src/main.rs", ""),
    ]);
    assert_eq!(found(root.path()), ["keep.log", "src/main.rs"]);
    assert_eq!(reason(root.path(), "build"), Some(SkipReason::Ignored));
    assert_eq!(reason(root.path(), "src/inner.rs"), Some(SkipReason::Ignored));
}

#[test]
fn ignore_files_above_the_root_count_only_inside_a_git_repository() {
    let outer = tree(&[
        (".gitignore", "*.log\n"),
        (".quarryignore", "*.rs\n"),
        ("inner/a.log", ""),
        ("inner/a.rs", ""),
    ]);
    let inner = outer.path().join("inner");
    assert_eq!(found(&inner), ["a.log", "a.rs"]);
    fs::create_dir(outer.path().join(".git")).unwrap();
    assert_eq!(found(&inner), Vec::<String>::new());
    fs::create_dir(inner.join(".git")).unwrap();
    assert_eq!(found(&inner), ["a.log", "a.rs"]);
}

#[test]
fn every_refusal_is_counted_with_its_reason() {
    let root = tree(&[
        (".env", ""),
        (".hidden", ""),
        (".github/workflows/ci.yml", ""),
        (".env.example", ""),
        ("node_modules/a/b.js", ""),
        ("Cargo.lock", ""),
        ("logo.png", ""),
        ("app.min.js", ""),
        ("venv/pyvenv.cfg", ""),
        ("venv/a.py", ""),
        ("env/a.py", ""),
        ("big.rs", &"x\n".repeat(600_000)),
    ]);
    fs::write(root.path().join(std::ffi::OsStr::from_bytes(b"bad\xff.rs")), "").unwrap();
    fs::write(root.path().join("bad\u{1}.rs"), "").unwrap();
    std::os::unix::fs::symlink("/etc", root.path().join("link")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.path().join("pipe"),
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();

    let (_, summary) = entries(root.path());
    assert_eq!(
        found(root.path()),
        [".env.example", ".github/workflows/ci.yml", "env/a.py"]
    );
    let expected = [
        (SkipReason::Hidden, 1),
        (SkipReason::Vendored, 2),
        (SkipReason::Secret, 1),
        (SkipReason::Binary, 1),
        (SkipReason::Minified, 1),
        (SkipReason::Generated, 1),
        (SkipReason::TooLarge, 1),
        (SkipReason::Symlink, 1),
        (SkipReason::Special, 1),
        (SkipReason::NotUtf8Name, 2),
    ];
    assert_eq!(summary.skipped, BTreeMap::from(expected));
    assert_eq!(summary.found, 3);
}

#[test]
fn a_secret_stays_out_also_when_an_ignore_file_asks_for_it() {
    let root = tree(&[
        (".quarryignore", "!.env\n!server.key\n"),
        (".env", "A=1"),
        ("server.key", ""),
    ]);
    assert_eq!(found(root.path()), Vec::<String>::new());
    assert_eq!(reason(root.path(), ".env"), Some(SkipReason::Secret));
}

#[test]
fn a_hidden_file_comes_in_when_an_ignore_file_asks_for_it() {
    let root = tree(&[(".quarryignore", "!.hidden\n"), (".hidden", ""), (".other", "")]);
    assert_eq!(found(root.path()), [".hidden"]);
}

#[test]
fn a_pipe_that_poses_as_an_ignore_file_does_not_block() {
    let root = tree(&[("a/b.rs", ""), ("c.rs", "")]);
    let pipe = root.path().join("a/.gitignore");
    rustix::fs::mknodat(rustix::fs::CWD, pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert_eq!(found(root.path()), ["c.rs"]);
    assert_eq!(reason(root.path(), "a"), Some(SkipReason::Special));
}

#[test]
fn the_root_may_be_a_link_and_must_be_a_directory() {
    let root = tree(&[("a.rs", "")]);
    let link = root.path().join("link");
    let target = tree(&[("b.rs", "")]);
    std::os::unix::fs::symlink(target.path(), &link).unwrap();
    assert_eq!(found(&link), ["b.rs"]);
    let options = WalkOptions::default();
    let refused = walk(&root.path().join("a.rs"), &options, |_| ControlFlow::Continue(()));
    assert!(matches!(refused, Err(WalkError::RootNotADirectory { .. })));
    let missing = walk(&root.path().join("none"), &options, |_| ControlFlow::Continue(()));
    assert!(matches!(missing, Err(WalkError::RootUnreadable { .. })));
}

#[test]
fn the_sink_can_end_the_walk() {
    let root = tree(&[("a", ""), ("b", ""), ("c", "")]);
    let mut seen = 0;
    let summary = walk(root.path(), &WalkOptions::default(), |_| {
        seen += 1;
        if seen == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .unwrap();
    assert_eq!((seen, summary.stopped, summary.found), (2, true, 2));
}

fn pick(random: &mut Random, from: &[&'static str]) -> &'static str {
    from[random.below(from.len())]
}

fn random_tree(random: &mut Random) -> TempDir {
    const NAMES: [&str; 17] = [
        "a",
        "b",
        "a.rs",
        "a-b",
        "a b",
        "a\u{2}",
        "é.py",
        "Ä",
        ".x",
        ".github",
        ".env",
        "target",
        "x.log",
        "node_modules",
        "Z",
        "b.min.js",
        "x.key",
    ];
    const RULES: [&str; 16] = [
        "*.log", "a/", "/b", "!a.rs", "*.rs", "a/**/b", "!x.log", "é*", ".x", "!.x", "**/a-b", "!*.key", "Z/*", "!Z/a",
        "*", "!*/",
    ];
    let root = TempDir::new().unwrap();
    for _ in 0..30 {
        let mut path = root.path().to_owned();
        for _ in 0..random.below(3) {
            path.push(pick(random, &NAMES));
        }
        if fs::create_dir_all(&path).is_err() {
            continue;
        }
        let wanted = path.join(pick(random, &NAMES));
        match random.below(12) {
            // Dangling, so that nothing later in this tree is written through it to somewhere else.
            0 => drop(std::os::unix::fs::symlink("missing", wanted)),
            1..=3 => {
                let ignore_file = pick(random, &[".gitignore", ".ignore", ".quarryignore"]);
                let rules = (0..=random.below(3))
                    .map(|_| pick(random, &RULES))
                    .collect::<Vec<_>>()
                    .join("\n");
                fs::write(path.join(ignore_file), rules).unwrap();
            }
            _ if wanted.is_symlink() => {}
            _ => drop(fs::write(wanted, "text\n")),
        }
    }
    root
}

fn every_file(root: &Path, directory: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() {
            every_file(root, &path, into);
        } else {
            into.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
}

#[test]
fn walk_rules_for_one_path_and_reading_agree_on_random_trees() {
    let mut random = Random(7);
    let (mut indexed, mut refused) = (0, 0);
    for _ in 0..300 {
        let tree = random_tree(&mut random);
        let root = tree.path().canonicalize().unwrap();
        let walked = found(&root);
        assert!(walked.is_sorted_by_key(|path| path.replace('/', "\u{1}")), "{walked:?}");
        let walked: BTreeSet<_> = walked.into_iter().collect();

        let mut files = Vec::new();
        every_file(&root, &root, &mut files);
        let mut rules = PathRules::new(&root, &WalkOptions::default()).unwrap();
        for path in files {
            let verdict = rules.verdict(&path);
            assert_eq!(
                verdict == Verdict::Index,
                walked.contains(&path),
                "{path:?} {verdict:?}"
            );
            if verdict == Verdict::Index {
                indexed += 1;
                let outcome = read_file(&root, &path, &WalkOptions::default()).unwrap();
                assert!(matches!(outcome, ReadOutcome::Text(_)), "{path:?} {outcome:?}");
            } else {
                refused += 1;
            }
        }
    }
    assert!(
        indexed > 500 && refused > 500,
        "the trees exercise both: {indexed} {refused}"
    );
}
