//! Tests of reading: nothing from outside the root, nothing that blocks, nothing above the limit.

#![allow(clippy::unwrap_used)] // tests

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

fn options(max_file_bytes: u64) -> WalkOptions {
    WalkOptions {
        max_file_bytes,
        ..WalkOptions::default()
    }
}

fn read(root: &Path, path: &str) -> ReadOutcome {
    read_file(root, path, &options(1000)).unwrap()
}

#[test]
fn a_file_is_read_with_the_hash_of_its_bytes() {
    let root = TempDir::new().unwrap();
    fs::create_dir(root.path().join("src")).unwrap();
    fs::write(root.path().join("src/a.rs"), "\u{feff}fn a() {}\r\n").unwrap();
    let ReadOutcome::Text(file) = read(root.path(), "src/a.rs") else {
        panic!("not read")
    };
    assert_eq!(file.text, "fn a() {}\r\n");
    assert_eq!(
        file.content_hash,
        *blake3::hash("\u{feff}fn a() {}\r\n".as_bytes()).as_bytes()
    );
    assert_eq!(file.size_bytes, 14);
}

#[test]
fn links_are_refused_in_every_part_of_a_path() {
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("secret.txt"), "canary").unwrap();
    let root = TempDir::new().unwrap();
    symlink(outside.path(), root.path().join("out")).unwrap();
    symlink(outside.path().join("secret.txt"), root.path().join("file.txt")).unwrap();
    symlink("missing", root.path().join("dangling.txt")).unwrap();
    fs::create_dir(root.path().join("in")).unwrap();
    symlink("../../", root.path().join("in/up")).unwrap();
    for path in ["out/secret.txt", "file.txt", "dangling.txt", "in/up/etc"] {
        assert_eq!(
            read(root.path(), path),
            ReadOutcome::Skipped(SkipReason::Symlink),
            "{path}"
        );
    }
}

#[test]
fn paths_that_are_not_inside_are_refused() {
    let root = TempDir::new().unwrap();
    for path in [
        "",
        "/etc/passwd",
        "../a",
        "a/../../b",
        "./a",
        "a//b",
        "a/",
        "a\0b",
        "..",
    ] {
        let refused = read_file(root.path(), path, &WalkOptions::default());
        assert!(matches!(refused, Err(WalkError::InvalidPath { .. })), "{path:?}");
    }
}

#[test]
fn a_pipe_and_a_socket_never_block() {
    let root = TempDir::new().unwrap();
    let pipe = root.path().join("pipe.rs");
    rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, 0o600.into(), 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.path().join("socket.rs")).unwrap();
    assert_eq!(read(root.path(), "pipe.rs"), ReadOutcome::Skipped(SkipReason::Special));
    assert_eq!(
        read(root.path(), "socket.rs"),
        ReadOutcome::Skipped(SkipReason::Special)
    );
}

#[test]
fn what_is_not_there_is_gone() {
    let root = TempDir::new().unwrap();
    fs::write(root.path().join("a"), "").unwrap();
    fs::create_dir(root.path().join("d.rs")).unwrap();
    for path in ["none.rs", "none/b.rs", "a/b.rs", "d.rs"] {
        assert_eq!(read(root.path(), path), ReadOutcome::Gone, "{path}");
    }
    let missing = root.path().join("no root");
    let refused = read_file(&missing, "a", &WalkOptions::default());
    assert!(matches!(refused, Err(WalkError::RootUnreadable { .. })));
}

#[test]
fn the_limit_holds_for_what_is_read() {
    let root = TempDir::new().unwrap();
    fs::write(root.path().join("fits.txt"), "x".repeat(1000)).unwrap();
    fs::write(root.path().join("over.txt"), "x".repeat(1001)).unwrap();
    assert!(matches!(read(root.path(), "fits.txt"), ReadOutcome::Text(_)));
    assert_eq!(
        read(root.path(), "over.txt"),
        ReadOutcome::Skipped(SkipReason::TooLarge)
    );
    // A file whose stated size is zero, yet which has content.
    let outcome = read_file(Path::new("/proc/self"), "status", &options(10));
    if cfg!(target_os = "linux") {
        assert_eq!(outcome.unwrap(), ReadOutcome::Skipped(SkipReason::TooLarge));
    }
}

#[test]
fn a_secret_is_refused_by_its_name_before_it_is_opened() {
    let root = TempDir::new().unwrap();
    assert_eq!(read(root.path(), ".env"), ReadOutcome::Skipped(SkipReason::Secret));
}
