//! What the name of a file or directory alone says: secret, generated, minified, binary, vendored, hidden.
//! Pure tables for [`super::path_rules`] and [`super::read_file`]. Never looks at the disk.

use super::SkipReason;

/// Why a file with this path is refused whatever the ignore files say, and before it is opened.
pub(super) fn refuse_file_name(relative: &str) -> Option<SkipReason> {
    let lower = relative.to_ascii_lowercase();
    let (directory, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if is_secret(directory, name, extension) {
        Some(SkipReason::Secret)
    } else if is_generated(name) {
        Some(SkipReason::Generated)
    } else if is_minified(name) {
        Some(SkipReason::Minified)
    } else if BINARY_EXTENSIONS.binary_search(&extension).is_ok() {
        Some(SkipReason::Binary)
    } else {
        None
    }
}

/// Whether the path is of a kind that holds secrets. Judged before ignore files, so none can bring it in.
pub(super) fn is_secret_path(relative: &str) -> bool {
    refuse_file_name(relative) == Some(SkipReason::Secret)
}

fn is_secret(directory: &str, name: &str, extension: &str) -> bool {
    const NAMES: [&str; 33] = [
        ".env",
        ".envrc",
        ".netrc",
        "_netrc",
        ".npmrc",
        ".yarnrc.yml",
        ".pypirc",
        ".htpasswd",
        ".git-credentials",
        ".pgpass",
        ".my.cnf",
        ".s3cfg",
        ".boto",
        ".dockercfg",
        ".dockerconfigjson",
        ".vault-token",
        "id_rsa",
        "id_dsa",
        "id_ecdsa",
        "id_ed25519",
        "id_ecdsa_sk",
        "id_ed25519_sk",
        "credentials",
        "credentials.json",
        "credentials.toml",
        "credentials.yml",
        "credentials.yaml",
        "kubeconfig",
        "application_default_credentials.json",
        "client_secret.json",
        "secrets.yml",
        "secrets.yaml",
        "secrets.json",
    ];
    const EXTENSIONS: [&str; 14] = [
        "key", "p12", "pfx", "jks", "keystore", "kdbx", "kdb", "ppk", "pkcs12", "p8", "tfvars", "asc", "gpg", "agekey",
    ];
    if NAMES.contains(&name) || EXTENSIONS.contains(&extension) {
        return true;
    }
    if let Some(suffix) = name.strip_prefix(".env.") {
        return !["example", "sample", "template", "dist", "defaults"].contains(&suffix);
    }
    if name.ends_with(".tfvars.json") || name.contains(".tfstate") {
        return true;
    }
    if extension == "json"
        && ["service-account", "service_account", "serviceaccount", "client_secret_"]
            .iter()
            .any(|part| name.contains(part))
    {
        return true;
    }
    // `config` is an ordinary name except in these places.
    let parent = directory.rsplit('/').next().unwrap_or("");
    name == "config" && [".aws", ".kube"].contains(&parent) || name == "config.json" && parent == ".docker"
}

fn is_generated(name: &str) -> bool {
    const NAMES: [&str; 22] = [
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "bun.lock",
        "deno.lock",
        "cargo.lock",
        "poetry.lock",
        "pipfile.lock",
        "uv.lock",
        "pdm.lock",
        "composer.lock",
        "gemfile.lock",
        "go.sum",
        "flake.lock",
        "mix.lock",
        "pubspec.lock",
        "podfile.lock",
        "packages.lock.json",
        "gradle.lockfile",
        ".terraform.lock.hcl",
        "package.resolved",
    ];
    const SUFFIXES: [&str; 14] = [
        ".pb.go",
        ".pb.gw.go",
        "_pb2.py",
        "_pb2.pyi",
        "_pb2_grpc.py",
        ".pb.cc",
        ".pb.h",
        ".pb.swift",
        ".pb.dart",
        ".g.dart",
        ".freezed.dart",
        ".designer.cs",
        ".g.cs",
        ".g.i.cs",
    ];
    NAMES.contains(&name)
        || SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
        || name.starts_with("zz_generated.")
        || is_copy_of_an_editor(name)
}

/// What editors write beside a file while they save it, and some leave there: vim and Emacs, then JetBrains.
fn is_copy_of_an_editor(name: &str) -> bool {
    name.ends_with('~')
        || name.starts_with('#') && name.ends_with('#')
        || name.ends_with("___jb_tmp___")
        || name.ends_with("___jb_old___")
}

fn is_minified(name: &str) -> bool {
    [
        ".min.js",
        ".min.mjs",
        ".min.css",
        ".js.map",
        ".css.map",
        ".mjs.map",
        ".ts.map",
        ".bundle.js",
    ]
    .iter()
    .any(|suffix| name.ends_with(suffix))
}

/// Directories that surely hold no source of this repository, by name alone.
pub(super) fn is_vendored_directory(name: &str) -> bool {
    [
        ".git",
        ".hg",
        ".svn",
        ".jj",
        "node_modules",
        "bower_components",
        "__pycache__",
        ".tox",
        ".nox",
        ".venv",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".gradle",
        ".terraform",
    ]
    .contains(&name)
}

/// A directory with this name is vendored if it has this file: the name alone could also be a source folder.
pub(super) fn vendored_if_it_has(name: &str) -> Option<&'static str> {
    match name {
        "venv" | "env" | ".env" | "virtualenv" => Some("pyvenv.cfg"),
        "target" => Some("CACHEDIR.TAG"),
        _ => None,
    }
}

/// Whether a name that begins with a dot is worth indexing without being asked for.
pub(super) fn is_useful_hidden(name: &str, is_directory: bool) -> bool {
    const DIRECTORIES: [&str; 10] = [
        ".github",
        ".gitlab",
        ".circleci",
        ".cargo",
        ".config",
        ".devcontainer",
        ".storybook",
        ".claude",
        ".ci",
        ".buildkite",
    ];
    const FILES: [&str; 18] = [
        ".gitlab-ci.yml",
        ".travis.yml",
        ".editorconfig",
        ".dockerignore",
        ".gitattributes",
        ".rustfmt.toml",
        ".clippy.toml",
        ".golangci.yml",
        ".golangci.yaml",
        ".pre-commit-config.yaml",
        ".babelrc",
        ".swiftlint.yml",
        ".rubocop.yml",
        ".clang-format",
        ".clang-tidy",
        ".flake8",
        ".pylintrc",
        ".goreleaser.yml",
    ];
    if is_directory {
        return DIRECTORIES.contains(&name);
    }
    FILES.contains(&name)
        || name.starts_with(".env.")
        || name.starts_with(".eslintrc")
        || name.starts_with(".prettierrc")
}

/// Extensions of files that are never text. Sorted: searched by bisection.
const BINARY_EXTENSIONS: [&str; 92] = [
    "7z",
    "a",
    "aac",
    "aiff",
    "apk",
    "avi",
    "avif",
    "bin",
    "bmp",
    "br",
    "bz2",
    "cab",
    "class",
    "cur",
    "dat",
    "db",
    "deb",
    "dll",
    "dmg",
    "doc",
    "docx",
    "dylib",
    "ear",
    "eot",
    "exe",
    "flac",
    "flv",
    "gif",
    "gz",
    "heic",
    "icns",
    "ico",
    "idx",
    "img",
    "iso",
    "jar",
    "jpeg",
    "jpg",
    "lib",
    "lz4",
    "lzma",
    "m4a",
    "mkv",
    "mmdb",
    "mo",
    "mov",
    "mp3",
    "mp4",
    "mpeg",
    "mpg",
    "msi",
    "npy",
    "npz",
    "o",
    "obj",
    "odt",
    "ogg",
    "onnx",
    "otf",
    "pack",
    "parquet",
    "pdb",
    "pdf",
    "pkl",
    "png",
    "ppt",
    "pptx",
    "psd",
    "pt",
    "pyc",
    "pyd",
    "pyo",
    "rar",
    "rlib",
    "rpm",
    "safetensors",
    "so",
    "sqlite",
    "sqlite3",
    "tar",
    "tgz",
    "tif",
    "tiff",
    "ttf",
    "war",
    "wasm",
    "wav",
    "webm",
    "webp",
    "woff",
    "woff2",
    "xls",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_extensions_are_sorted() {
        assert!(BINARY_EXTENSIONS.is_sorted());
    }

    #[test]
    fn files_that_hold_secrets_are_known_by_their_names() {
        for path in [
            ".env",
            "app/.env.production",
            "deploy/ID_RSA",
            "keys/server.key",
            "a/b/store.jks",
            ".aws/credentials",
            ".aws/config",
            ".kube/config",
            "infra/terraform.tfstate",
            "infra/terraform.tfstate.backup",
            "prod.tfvars",
            "prod.auto.tfvars.json",
            "my-service-account-1.json",
            "config/secrets.yml",
            "x.p12",
            "putty.ppk",
            ".npmrc",
        ] {
            assert_eq!(refuse_file_name(path), Some(SkipReason::Secret), "{path}");
        }
    }

    #[test]
    fn ordinary_files_are_not_taken_for_secrets() {
        for path in [
            ".env.example",
            ".env.sample",
            "src/keyboard.rs",
            "src/config",
            "docs/credentials.md",
            "src/secrets.rs",
            "certificate.pem",
        ] {
            assert_eq!(refuse_file_name(path), None, "{path}");
        }
    }

    #[test]
    fn generated_minified_and_binary_files_are_known_by_their_names() {
        assert_eq!(refuse_file_name("Cargo.lock"), Some(SkipReason::Generated));
        assert_eq!(refuse_file_name("api/v1/api.pb.go"), Some(SkipReason::Generated));
        assert_eq!(refuse_file_name("static/jquery.min.js"), Some(SkipReason::Minified));
        assert_eq!(refuse_file_name("logo.PNG"), Some(SkipReason::Binary));
    }
}
