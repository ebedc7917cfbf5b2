//! Definitions are right in every language.

use super::*;

#[test]
fn every_language_gives_its_definitions() {
    let expected = include_str!("../fixtures/outlines.txt");
    let mut found = String::new();
    for (path, text) in fixtures() {
        found += &format!("== {path}\n{}", outline_lines(&path, &text));
    }
    assert_eq!(found, expected);
}

#[test]
fn every_language_with_a_grammar_loads_and_has_a_fixture() {
    let fixtures = fixtures();
    for language in language::languages().filter(|language| language.has_grammar()) {
        // The interface files of OCaml share everything with its sources.
        let wanted = language.name().trim_end_matches("_interface");
        let covered = fixtures
            .iter()
            .any(|(path, text)| chunk(path, text).language == Some(wanted));
        assert!(covered, "{}", language.name());
    }
    assert_eq!(outline_lines("a.mli", "val size : int -> int\n"), "function size 1-1\n");
}

#[test]
fn heads_reach_to_where_bodies_begin() {
    let heads = |path: &str, text: &str| -> Vec<(String, u32, u32)> {
        let list = chunk(path, text).definitions.list;
        list.into_iter()
            .map(|found| (found.name, found.opening_line, found.signature_lines))
            .collect()
    };
    let rust = "/// Doc.\npub fn claim(\n    job: &Job,\n) -> Claim {\n    job.claim()\n}\n";
    assert_eq!(heads("a.rs", rust), [("claim".to_owned(), 2, 3)]);
    let python = "def claim(\n    job,\n):\n    # A comment.\n    return job\n\n\nclass A: pass\n";
    assert_eq!(
        heads("a.py", python),
        [("claim".to_owned(), 1, 3), ("A".to_owned(), 8, 1)]
    );
}

#[test]
fn every_kind_of_a_rule_is_a_kind_of_symbol() {
    for (path, text) in fixtures() {
        assert!(
            chunk(&path, &text)
                .definitions
                .list
                .iter()
                .all(|definition| !definition.name.is_empty()),
            "{path}"
        );
    }
    for kind in language::kinds().chain([
        "class",
        "struct",
        "enum",
        "union",
        "interface",
        "extension",
        "module",
        "macro",
        "method",
    ]) {
        assert!(kind.parse::<quarry_codebase::SymbolKind>().is_ok(), "{kind}");
    }
}
