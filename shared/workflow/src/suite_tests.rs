//! The official JSON Schema Test Suite, draft 2020-12, against the validator with the options that compile_schema uses.
//! Runs when QUARRY_JSON_SCHEMA_TEST_SUITE names a checkout of the suite; says so when it does not.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests

use std::collections::HashMap;
use std::path::Path;

use jsonschema::{Retrieve, Uri};
use serde_json::Value;

use super::options;

#[test]
fn the_official_suite_passes() {
    let Some(directory) = std::env::var_os("QUARRY_JSON_SCHEMA_TEST_SUITE") else {
        eprintln!("skipped: QUARRY_JSON_SCHEMA_TEST_SUITE names no checkout of the JSON Schema Test Suite");
        return;
    };
    let root = Path::new(&directory);
    let remotes = Remotes::read(&root.join("remotes"));
    let tests = root.join("tests/draft2020-12");
    // What the draft requires is that a format is an annotation; the optional tests want it asserted, as ours are.
    let required = run(&tests, &remotes, false);
    let optional = run(&tests.join("optional"), &remotes, true);
    let format = run(&tests.join("optional/format"), &remotes, true);
    eprintln!("required {required:?}\noptional {optional:?}\nformat {format:?}");
    assert!(required.all >= 1_299 && required.failed.len() <= 1, "{required:?}");
    assert!(optional.all >= 162 && optional.failed.is_empty(), "{optional:?}");
    assert!(format.all >= 764 && format.failed.is_empty(), "{format:?}");
}

#[derive(Debug, Default)]
struct Score {
    all: usize,
    failed: Vec<String>,
}

fn run(directory: &Path, remotes: &Remotes, assert_formats: bool) -> Score {
    let mut score = Score::default();
    for (file, text) in json_files(directory) {
        let groups: Vec<Value> = serde_json::from_str(&text).unwrap();
        for group in groups {
            let validator = options()
                .should_validate_formats(assert_formats)
                .should_ignore_unknown_formats(true)
                .with_retriever(remotes.clone())
                .build(&group["schema"]);
            for test in group["tests"].as_array().unwrap() {
                score.all += 1;
                let is_valid = validator
                    .as_ref()
                    .ok()
                    .map(|validator| validator.is_valid(&test["data"]));
                if is_valid != test["valid"].as_bool() {
                    score
                        .failed
                        .push(format!("{file}: {}: {}", group["description"], test["description"]));
                }
            }
        }
    }
    score
}

/// What the suite refers to, by the address it uses.
#[derive(Clone)]
struct Remotes(HashMap<String, Value>);

impl Remotes {
    fn read(root: &Path) -> Self {
        let mut found = HashMap::new();
        let mut directories = vec![(root.to_path_buf(), "http://localhost:1234".to_owned())];
        while let Some((directory, address)) = directories.pop() {
            for (name, text) in json_files(&directory) {
                if let Ok(schema) = serde_json::from_str(&text) {
                    found.insert(format!("{address}/{name}"), schema);
                }
            }
            for entry in std::fs::read_dir(&directory).unwrap() {
                let entry = entry.unwrap();
                if entry.path().is_dir() {
                    let name = entry.file_name().into_string().unwrap();
                    directories.push((entry.path(), format!("{address}/{name}")));
                }
            }
        }
        Self(found)
    }
}

impl Retrieve for Remotes {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let known = self.0.get(uri.as_str());
        known
            .cloned()
            .ok_or_else(|| format!("{uri} is not in the suite").into())
    }
}

fn json_files(directory: &Path) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "json"))
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            (entry.file_name().into_string().unwrap(), text)
        })
        .collect();
    files.sort();
    files
}
