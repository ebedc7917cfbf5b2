//! What part a file plays, judged by its path: the code itself, or something around it. Hands ranking a factor: what
//! surrounds the code steps back unless the query asks for it. Never reads a file.

use crate::symbols::SymbolKind;

/// The part a file plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathRole {
    Source,
    Test,
    Example,
    Documentation,
    Generated,
    Vendored,
    /// Configuration, data, locks.
    Data,
    /// Says what there is without doing it: headers, type stubs.
    Declaration,
}

impl PathRole {
    /// How far the file steps back. Chosen on the development packages: of whole checkouts most words are in tests and
    /// documents, and most questions are answered by source.
    pub(crate) fn factor(self) -> f32 {
        match self {
            PathRole::Source => 1.0,
            PathRole::Declaration => 0.77,
            PathRole::Example => 0.44,
            PathRole::Documentation | PathRole::Data => 0.38,
            PathRole::Test => 0.23,
            PathRole::Vendored => 0.19,
            PathRole::Generated => 0.15,
        }
    }

    /// How far the definition of a name steps back in a file at `path` that plays this part. A header is where types are
    /// defined, while what is a function there is only announced.
    pub(crate) fn factor_of_definition(self, path: &str, kind: SymbolKind) -> f32 {
        let extension = path.rsplit('.').next().unwrap_or_default().to_lowercase();
        match kind {
            _ if self != PathRole::Declaration => self.factor(),
            SymbolKind::Function | SymbolKind::Method => 0.5,
            SymbolKind::Interface | SymbolKind::Type => 1.0,
            // Stubs repeat classes, headers do not.
            _ if matches!(extension.as_str(), "h" | "hh" | "hpp" | "hxx" | "hrl") => 1.0,
            _ => self.factor(),
        }
    }

    /// For explanations.
    pub(crate) fn description(self) -> &'static str {
        match self {
            PathRole::Source => "is source",
            PathRole::Test => "is a test",
            PathRole::Example => "is an example",
            PathRole::Documentation => "is documentation",
            PathRole::Generated => "is generated",
            PathRole::Vendored => "is vendored",
            PathRole::Data => "is data or configuration",
            PathRole::Declaration => "only declares",
        }
    }

    /// Whether a query with these (stemmed) terms asks for such files.
    pub(crate) fn is_asked_for(self, has_term: impl Fn(&str) -> bool) -> bool {
        let words: &[&str] = match self {
            PathRole::Source => return true,
            PathRole::Declaration => &["header", "declar", "type", "interfac", "prototyp"],
            PathRole::Test => &["test", "spec", "mock", "fixtur", "benchmark", "bench"],
            PathRole::Example => &["exampl", "sampl", "demo", "tutori", "usag"],
            PathRole::Documentation => &["doc", "document", "readm", "changelog", "guid", "tutori", "licens"],
            PathRole::Generated => &["generat", "codegen", "protobuf", "proto", "bundl"],
            PathRole::Vendored => &["vendor", "third", "bundl", "depend"],
            PathRole::Data => &[
                "config", "configur", "json", "yaml", "toml", "lockfil", "manifest", "depend", "fixtur",
            ],
        };
        words.iter().any(|word| has_term(word))
    }
}

/// The part that the file at `path` plays.
pub(crate) fn role_of(path: &str) -> PathRole {
    let spelled_name = path.rsplit('/').next().unwrap_or(path);
    let path = path.to_lowercase();
    let mut components: Vec<&str> = path.split('/').collect();
    let name = components.pop().unwrap_or_default();
    let in_directory = |names: &[&str]| components.iter().any(|component| names.contains(component));

    if in_directory(&[
        "vendor",
        "third_party",
        "thirdparty",
        "node_modules",
        "_vendor",
        "vendored",
        "bower_components",
        "deps",
        "third-party",
        "external",
        "externals",
    ]) {
        return PathRole::Vendored;
    }
    if in_directory(&["generated", "__generated__", "gen", "dist"]) || is_generated_name(name) {
        return PathRole::Generated;
    }
    if in_directory(&[
        "tests",
        "test",
        "__tests__",
        "spec",
        "specs",
        "testing",
        "testdata",
        "fixtures",
        "e2e",
        "benches",
        "bench",
        "benchmark",
        "benchmarks",
        "__mocks__",
        "__snapshots__",
        "unittests",
        "testsuite",
    ]) || components.first() == Some(&"t")
        || is_test_name(name, spelled_name)
    {
        return PathRole::Test;
    }
    if in_directory(&["examples", "example", "samples", "sample", "demo", "demos", "tutorials"]) {
        return PathRole::Example;
    }
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if matches!(name, "cmakelists.txt" | "requirements.txt" | "robots.txt") {
        return PathRole::Data;
    }
    if matches!(extension, "md" | "mdx" | "rst" | "adoc" | "txt" | "markdown")
        || in_directory(&["docs", "doc"])
        || [
            "license",
            "changelog",
            "changes",
            "readme",
            "authors",
            "notice",
            "contributing",
        ]
        .iter()
        .any(|stem| name.starts_with(stem))
    {
        return PathRole::Documentation;
    }
    if matches!(
        extension,
        "json" | "yaml" | "yml" | "toml" | "ini" | "cfg" | "csv" | "xml" | "svg" | "lock" | "po"
    ) {
        return PathRole::Data;
    }
    if matches!(extension, "h" | "hh" | "hpp" | "hxx" | "pyi" | "mli" | "hrl")
        || [".d.ts", ".d.mts", ".d.cts"]
            .iter()
            .any(|ending| name.ends_with(ending))
    {
        return PathRole::Declaration;
    }
    PathRole::Source
}

fn is_generated_name(name: &str) -> bool {
    [
        ".pb.go",
        "_pb2.py",
        "_pb2_grpc.py",
        ".min.js",
        ".min.css",
        ".g.dart",
        ".pb.cc",
        ".pb.h",
    ]
    .iter()
    .any(|ending| name.ends_with(ending))
        || name.contains(".generated.")
        || name.contains("_generated.")
        || matches!(
            name,
            "package-lock.json" | "cargo.lock" | "yarn.lock" | "pnpm-lock.yaml" | "poetry.lock" | "go.sum" | "uv.lock"
        )
}

/// `spelled` is the name in its own case: only there `RetryTest` differs from `latest`.
fn is_test_name(name: &str, spelled: &str) -> bool {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let spelled_stem = spelled.split('.').next().unwrap_or(spelled);
    let is_test_class = ["Test", "Tests", "Spec", "TestCase"]
        .iter()
        .any(|ending| spelled_stem.len() > ending.len() && spelled_stem.ends_with(ending));
    is_test_class
        || name.starts_with("test_")
        || name == "conftest.py"
        || [".test", ".spec", "_test", "_tests", "_spec", "-test"]
            .iter()
            .any(|ending| stem.ends_with(ending))
        || matches!(
            name,
            "tests.rs" | "tests.py" | "test.rs" | "test.py" | "test.js" | "test.ts"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_judged_by_their_paths() {
        for (path, role) in [
            ("src/claim.rs", PathRole::Source),
            ("src/latest.rs", PathRole::Source),
            ("src/contest/entry.py", PathRole::Source),
            ("tests/claim.rs", PathRole::Test),
            ("pkg/claim_test.go", PathRole::Test),
            ("web/Claim.test.tsx", PathRole::Test),
            ("test_claim.py", PathRole::Test),
            ("examples/claim.rs", PathRole::Example),
            ("README.md", PathRole::Documentation),
            ("docs/conf.py", PathRole::Documentation),
            ("node_modules/a/test/b.js", PathRole::Vendored),
            ("api/v1/api.pb.go", PathRole::Generated),
            ("Cargo.lock", PathRole::Generated),
            ("Cargo.toml", PathRole::Data),
            ("CMakeLists.txt", PathRole::Data),
            ("src/RetryTest.java", PathRole::Test),
            ("t/unit/retry.py", PathRole::Test),
            ("src/t/retry.py", PathRole::Source),
            ("include/claim.h", PathRole::Declaration),
            ("types/claim.d.ts", PathRole::Declaration),
            ("src/claim.ts", PathRole::Source),
        ] {
            assert_eq!(role_of(path), role, "{path}");
        }
    }

    #[test]
    fn headers_define_types_and_announce_functions() {
        let factor = |path: &str, kind| role_of(path).factor_of_definition(path, kind);
        assert_eq!(factor("include/db.h", SymbolKind::Class), 1.0);
        assert_eq!(factor("types/db.d.ts", SymbolKind::Interface), 1.0);
        assert!(factor("types/db.d.ts", SymbolKind::Class) < 1.0);
        assert!(factor("include/db.h", SymbolKind::Function) < factor("types/db.d.ts", SymbolKind::Class));
        assert_eq!(factor("src/db.cc", SymbolKind::Function), 1.0);
        assert_eq!(factor("tests/db.h", SymbolKind::Class), PathRole::Test.factor());
    }

    #[test]
    fn a_query_can_ask_for_what_would_step_back() {
        assert!(PathRole::Test.is_asked_for(|term| term == "fixtur"));
        assert!(!PathRole::Test.is_asked_for(|term| term == "claim"));
    }
}
