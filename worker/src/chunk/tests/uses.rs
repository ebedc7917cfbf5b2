//! Which names a chunk uses, and what it imports for them.

use super::*;

#[test]
fn uses_are_names_in_code_and_say_what_is_done() {
    let text = "use std::fmt::Display;\n\n/// claim in a comment\nfn claim(job: &Job) -> Claim {\n    let text = \"claim\";\n    \
                log!(text);\n    Claim::new(job.id, claim)\n}\n";
    let expected = [
        ("std", "import"),
        ("fmt", "import"),
        ("Display", "import"),
        ("job", "reference"),
        ("Job", "type"),
        ("Claim", "type"),
        ("text", "reference"),
        ("log", "call"),
        ("text", "reference"),
        ("Claim", "reference"),
        ("new", "call"),
        ("job", "reference"),
        ("id", "reference"),
        ("claim", "reference"),
    ];
    let expected: Vec<(String, &str)> = expected.map(|(name, role)| (name.to_owned(), role)).into();
    assert_eq!(used("a.rs", text), expected);
}

#[test]
fn every_language_with_definitions_notes_uses() {
    for (path, text) in fixtures() {
        let file = chunk(&path, &text);
        let defines_code = file
            .definitions
            .list
            .iter()
            .any(|definition| !matches!(definition.kind.as_str(), "section"));
        if !defines_code {
            continue;
        }
        let found = used(&path, &text);
        assert!(!found.is_empty(), "{path}");
        assert!(found.iter().any(|(_, role)| *role != "reference"), "{path}: {found:?}");
        for (name, _) in &found {
            assert!(
                name.chars()
                    .all(|character| character.is_alphanumeric() || "_$".contains(character)),
                "{path}: {name}"
            );
        }
    }
}

#[test]
fn a_definition_is_not_a_use_of_its_own_name() {
    for (path, text) in [
        ("a.py", "def only_defined(a):\n    return a\n"),
        ("a.go", "func only_defined(a int) int {\n\treturn a\n}\n"),
        ("a.c", "static int\nonly_defined(int a)\n{\n    return a;\n}\n"),
        ("a.ts", "export const only_defined = (a: number) => a;\n"),
        ("a.rb", "def only_defined(a)\n  a\nend\n"),
        (
            "a.java",
            "class A {\n  int only_defined(int a) {\n    return a;\n  }\n}\n",
        ),
        ("a.sh", "only_defined() {\n  echo a\n}\n"),
    ] {
        let file = chunk(path, text);
        assert!(
            file.definitions
                .list
                .iter()
                .any(|definition| definition.name == "only_defined"),
            "{path}"
        );
        assert!(
            !used(path, text).iter().any(|(name, _)| name == "only_defined"),
            "{path}"
        );
    }
}

#[test]
fn a_chunk_knows_the_imports_of_what_it_uses() {
    let body = "    value = Engine().run(argument)\n".repeat(40);
    let text = format!(
        "import os\nfrom sqlalchemy.orm import (\n    Engine,\n    Session,\n)\nfrom unused import Nothing\n\n\ndef first():\n{body}\n\ndef second():\n{body}"
    );
    let file = assert_tiles("a.py", &text);
    let second = file.chunks.iter().find(|chunk| chunk.defines == ["second"]).unwrap();
    let expected = "from sqlalchemy.orm import ( Engine, Session, )";
    assert_eq!(second.context_before.as_deref(), Some(expected));
    assert!(!second.content.contains("sqlalchemy"));
    let rust = format!(
        "use std::collections::HashMap;\nuse std::fmt;\n\nfn first() {{\n{}}}\n\nfn second() {{\n    let a: HashMap<u8, u8>;\n{}}}\n",
        "    compute(std::mem::take(1));\n".repeat(50),
        "    compute(1);\n".repeat(60)
    );
    let file = assert_tiles("a.rs", &rust);
    let context = |name: &str| {
        let chunk = file
            .chunks
            .iter()
            .find(|chunk| chunk.symbol.as_deref() == Some(name))
            .unwrap();
        chunk.context_before.clone()
    };
    assert_eq!(context("second").as_deref(), Some("use std::collections::HashMap;"));
}
