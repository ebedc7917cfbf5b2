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

#[test]
fn items_in_macros_that_are_wrapped_around_them_are_definitions() {
    let text = "cfg_rt! {\n    /// Waits.\n    pub struct JoinHandle {\n        raw: u8,\n    }\n\n    cfg_unix! {\n        pub fn spawn() -> JoinHandle {}\n    }\n}\n\nimpl Pool {\n    cfg_io! {\n        fn take(&self) {}\n    }\n}\n\nbitflags! {\n    pub struct Flags: u8 {\n        const A = 1;\n    }\n}\n\nfn body() {\n    quote! { fn not_here() {} };\n}\n";
    assert_eq!(
        outline_lines("a.rs", text),
        "struct JoinHandle 2-5\nfunction spawn 8-8\nimpl Pool 12-16\nmethod Pool::take 14-14\nfunction body 24-26\n"
    );
    assert_tiles("a.rs", text);
    let used: Vec<String> = used("a.rs", text).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        used,
        ["raw", "JoinHandle", "Pool", "bitflags", "Flags", "quote", "not_here"]
    );
    let broken = "cfg_rt! {\n    fn whole() {}\n}\n\nfn broken( {\n";
    assert!(outline_lines("a.rs", broken).starts_with("function whole 2-2\n"));
}
