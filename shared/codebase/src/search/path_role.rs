//! What part a file plays, judged by its path: the code itself, or something around it. Hands ranking a factor: what
//! surrounds the code steps back unless the query asks for it. Never reads a file.

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
}

impl PathRole {
    /// How far the file steps back. Mild for what may well be the answer, so that questions in plain words, whose answer
    /// can be anywhere, lose nothing.
    pub(crate) fn factor(self) -> f32 {
        match self {
            PathRole::Source => 1.0,
            PathRole::Documentation | PathRole::Example => 0.8,
            PathRole::Test => 0.7,
            PathRole::Data => 0.75,
            PathRole::Vendored => 0.6,
            PathRole::Generated => 0.5,
        }
    }

    /// Whether a query with these (stemmed) terms asks for such files.
    pub(crate) fn is_asked_for(self, has_term: impl Fn(&str) -> bool) -> bool {
        let words: &[&str] = match self {
            PathRole::Source => return true,
            PathRole::Test => &["test", "spec", "mock", "fixtur", "benchmark", "bench"],
            PathRole::Example => &["exampl", "sampl", "demo", "tutori", "usag"],
            PathRole::Documentation => &["doc", "document", "readm", "changelog", "guid", "tutori", "licens"],
            PathRole::Generated => &["generat", "codegen", "protobuf", "proto", "bundl"],
            PathRole::Vendored => &["vendor", "third", "bundl", "depend"],
            PathRole::Data => &[
                "config", "configur", "json", "yaml", "toml", "set", "lock", "data", "manifest", "depend",
            ],
        };
        words.iter().any(|word| has_term(word))
    }
}

/// The part that the file at `path` plays.
pub(crate) fn role_of(path: &str) -> PathRole {
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
    ]) || is_test_name(name)
    {
        return PathRole::Test;
    }
    if in_directory(&["examples", "example", "samples", "sample", "demo", "demos", "tutorials"]) {
        return PathRole::Example;
    }
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if matches!(extension, "md" | "mdx" | "rst" | "adoc" | "txt" | "markdown")
        || in_directory(&["docs", "doc"])
        || ["license", "changelog", "readme", "authors", "notice"]
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

fn is_test_name(name: &str) -> bool {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    name.starts_with("test_")
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
        ] {
            assert_eq!(role_of(path), role, "{path}");
        }
    }

    #[test]
    fn a_query_can_ask_for_what_would_step_back() {
        assert!(PathRole::Test.is_asked_for(|term| term == "fixtur"));
        assert!(!PathRole::Test.is_asked_for(|term| term == "claim"));
    }
}
