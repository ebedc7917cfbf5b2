//! What is indexed of a tree and what is left out, and that the report says so.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use serde_json::json;
use system_tests::{FakeEndpoint, Installation, Tree};

use crate::{PROGRAM, installation};

const SECRET: &str = "hunter2-never-to-be-stored";

/// One file of every kind that a walk tells apart.
fn tree_of_all_kinds() -> Tree {
    let tree = Tree::new("kinds");
    // Indexed: ten files.
    tree.write("src/main.rs", "fn main() {\n    println!(\"started\");\n}\n");
    tree.write(
        "src/app.py",
        "class App:\n    def start(self):\n        return 'started'\n",
    );
    tree.write(
        "web/view.ts",
        "export function render(name: string): string {\n  return name;\n}\n",
    );
    tree.write("docs/guide.md", "# Guide\n\nHow to start the app.\n");
    tree.write(".github/workflows/build.yml", "on: push\njobs: {}\n");
    let utf16: Vec<u8> = "let wide = 'sixteen bits';\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    tree.write("legacy/wide.js", [&[0xff, 0xfe], utf16.as_slice()].concat());
    tree.write(
        "legacy/latin.java",
        b"// na\xefve caf\xe9 in eight bits\nclass Latin {}\n",
    );
    tree.write("notes/unended.txt", "the last line has no end");
    tree.write("src/empty.py", "");
    tree.write("no_extension", "plain words\n");
    // Left out.
    tree.write(".env", format!("PASSWORD={SECRET}\n"));
    tree.write(
        "deploy/id_ed25519",
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n"),
    );
    tree.write(
        "keys/renamed.txt",
        format!("-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n"),
    );
    tree.write("web/app.min.js", "var a=1;\n");
    tree.write("web/bundled.js", format!("{}\n", "var a=1;".repeat(2000)));
    tree.write("package-lock.json", "{}\n");
    tree.write("api/service.pb.go", "package api\n");
    tree.write("assets/logo.dat", b"\x89logo\x00\x01\x02\x03");
    tree.write("data/large.csv", "1,2,3\n".repeat(400_000));
    tree.write(".cache/state.txt", "hidden\n");
    tree.write(".gitignore", "*.log\n/out/\n");
    tree.write("run.log", "ignored by git\n");
    tree.write("out/result.txt", "ignored by git\n");
    tree.write(".quarryignore", "vendor-copy/\n");
    tree.write("vendor-copy/code.c", "int ignored_by_quarry;\n");
    tree.write("node_modules/left/index.js", "module.exports = 1;\n");
    std::os::unix::fs::symlink("src/main.rs", tree.path("linked.rs")).unwrap();
    std::os::unix::fs::symlink("/etc", tree.path("outside")).unwrap();
    tree
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_is_either_indexed_or_left_out_for_a_named_reason() {
    let (quarry, _endpoint) = installation().await;
    let tree = tree_of_all_kinds();
    let report = quarry.index(tree.root(), "kinds").await;

    let paths = quarry
        .rows("kinds", "select path from codebase.files order by path")
        .await;
    let expected = [
        ".github/workflows/build.yml",
        "docs/guide.md",
        "legacy/latin.java",
        "legacy/wide.js",
        "no_extension",
        "notes/unended.txt",
        "src/app.py",
        "src/empty.py",
        "src/main.rs",
        "web/view.ts",
    ];
    assert_eq!(paths, expected);
    let skipped = json!({
        "binary": 1, "generated": 2, "hidden": 3, "ignored": 3, "minified": 2, "secret": 3, "symlink": 2,
        "too_large": 1, "vendored": 1,
    });
    assert_eq!(report["files_skipped"], skipped, "{report}");
    assert_eq!(report["files_total"], expected.len());
    assert_eq!(report["files_indexed"], expected.len());
    assert_eq!(report["files_unchanged"], 0);
    let chunks = quarry.rows("kinds", "select count(*) from codebase.code_chunks").await;
    assert_eq!(report["chunks"].to_string(), chunks[0]);
    assert_eq!(report["project"], "kinds");
    assert_eq!(report["repository"], tree.argument());

    let shown = quarry
        .run(["repository", "show", tree.argument(), "--project", "kinds", "--json"])
        .await
        .json();
    assert_eq!(shown["skipped_files"], skipped);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_of_an_index_has_the_promised_keys() {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new("keys");
    tree.write_modules(2);
    let report = quarry.index(tree.root(), "keys").await;
    let mut keys: Vec<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    let promised = [
        "chunks",
        "embedded",
        "files_indexed",
        "files_read",
        "files_removed",
        "files_skipped",
        "files_total",
        "files_unchanged",
        "project",
        "repository",
        "reused",
        "seconds",
        "stage_ms",
    ];
    assert_eq!(keys, promised);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_of_a_secret_file_is_nowhere_in_the_database() {
    let (quarry, _endpoint) = installation().await;
    let tree = tree_of_all_kinds();
    quarry.index(tree.root(), "kinds").await;
    let holding = format!(
        "select file_path from codebase.code_chunks
         where concat_ws(' ', content, context_before, context_after, symbol, defines) like '%{SECRET}%'
         union all select first_term from codebase.lexical_blocks where position('hunter2'::bytea in block) > 0"
    );
    assert!(quarry.rows("kinds", &holding).await.is_empty());
    let answer = quarry.search("kinds", SECRET, &["--mode", "lexical"]).await;
    assert_eq!(answer["results"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_encodings_are_found_as_the_text_they_are() {
    let (quarry, _endpoint) = installation().await;
    let tree = tree_of_all_kinds();
    quarry.index(tree.root(), "kinds").await;
    for (words, path, text) in [
        ("sixteen bits", "legacy/wide.js", "let wide = 'sixteen bits';\n"),
        (
            "eight bits",
            "legacy/latin.java",
            "// naïve café in eight bits\nclass Latin {}\n",
        ),
    ] {
        let answer = quarry.search("kinds", words, &["--mode", "lexical", "-k", "1"]).await;
        assert_eq!(answer["results"][0]["path"], path);
        assert_eq!(answer["results"][0]["content"], text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chunks_of_a_file_give_the_file_back() {
    let (quarry, _endpoint) = installation().await;
    let tree = Tree::new("tiles");
    tree.write_modules(3);
    let long: String = (0..900)
        .map(|line| format!("def step_{line}():\r\n    return {line}\r\n\r\n"))
        .collect();
    tree.write("long.py", &long);
    tree.write("unended.txt", "first\n\n  second");
    quarry.index(tree.root(), "tiles").await;
    for path in ["long.py", "unended.txt", "src/part_1/module_1.py"] {
        let joined = format!(
            "select encode(convert_to(string_agg(content, '' order by start_line, number), 'UTF8'), 'hex')
             from codebase.code_chunks where file_path = '{path}'"
        );
        let on_disk = std::fs::read(tree.path(path)).unwrap();
        let hex: String = on_disk.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(quarry.rows("tiles", &joined).await, [hex], "{path}");
    }
}

/// Root reads what nobody may read. This program is root without that power; for others it is the program as it is.
fn program_that_obeys_permissions(bin: &Tree) -> String {
    let obeys = "setpriv --bounding-set=-dac_override,-dac_read_search";
    let prefix = if is_root() { obeys } else { "" };
    bin.write("quarry", format!("#!/bin/sh\nexec {prefix} {PROGRAM} \"$@\"\n"));
    permit(bin, "quarry", 0o755);
    bin.path("quarry").display().to_string()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

fn permit(tree: &Tree, path: &str, mode: u32) {
    std::fs::set_permissions(tree.path(path), Permissions::from_mode(mode)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_unreadable_file_never_parks_its_repository() {
    let (bin, tree) = (Tree::new("bin"), Tree::new("unreadable"));
    let endpoint = FakeEndpoint::start().await;
    let quarry = Installation::new(&program_that_obeys_permissions(&bin), &endpoint).await;
    for name in ["good", "bad"] {
        tree.write(&format!("src/{name}.py"), format!("{name} = 'before'\n"));
    }
    quarry.index(tree.root(), "unreadable").await;
    for name in ["good", "bad"] {
        tree.write(&format!("src/{name}.py"), format!("{name} = 'after'\n"));
    }
    permit(&tree, "src/bad.py", 0);
    let report = quarry.index(tree.root(), "unreadable").await;
    assert_eq!(report["files_skipped"]["unreadable"], 1, "{report}");
    let contents = async || {
        let stored = "select rtrim(content, chr(10)) from codebase.code_chunks order by file_path";
        quarry.rows("unreadable", stored).await
    };
    assert!(contents().await.contains(&"good = 'after'".to_owned()));
    assert_eq!(quarry.run(["jobs", "list", "--json"]).await.json(), json!([]));
    permit(&tree, "src/bad.py", 0o644);
    quarry.index(tree.root(), "unreadable").await;
    assert_eq!(contents().await, ["bad = 'after'", "good = 'after'"]);
}
