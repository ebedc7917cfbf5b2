//! Which language a file is in, by its name or its first line, and how text of that language is taken apart.
//! A table: adding a language is one row here, and for a grammar a table in `definition_rules.rs`. Never parses.

use std::sync::OnceLock;

use quarry_codebase::NameSeparator;

use super::definition_rules::{self as rules, DefinitionRule};
use super::grammar::Grammar;

/// A language and how its files are recognised.
pub struct Language {
    name: &'static str,
    extensions: &'static [&'static str],
    file_names: &'static [&'static str],
    interpreters: &'static [&'static str],
    syntax: Syntax,
}

/// How text of a language is taken apart.
pub(super) enum Syntax {
    Code(CodeSyntax),
    Markdown,
    Notebook,
    Plain,
}

pub(super) struct CodeSyntax {
    pub(super) load: fn() -> tree_sitter::Language,
    pub(super) definitions: &'static [DefinitionRule],
    /// Stands between a name and its parent's.
    pub(super) separator: NameSeparator,
    /// Loading a grammar's tables takes a while, and each is used for thousands of files.
    pub(super) grammar: OnceLock<Grammar>,
}

impl Language {
    /// The name in lower case, as in `language:rust`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether files of this language are cut along their syntax.
    pub fn has_grammar(&self) -> bool {
        matches!(self.syntax, Syntax::Code(_))
    }

    pub(super) fn syntax(&self) -> &Syntax {
        &self.syntax
    }

    /// Stands between a name and its parent's in a qualified symbol.
    pub(super) fn separator(&self) -> NameSeparator {
        match &self.syntax {
            Syntax::Code(code) => code.separator,
            Syntax::Markdown => NameSeparator::Arrow,
            Syntax::Notebook | Syntax::Plain => NameSeparator::Dot,
        }
    }
}

/// Every known language.
pub fn languages() -> impl Iterator<Item = &'static Language> {
    LANGUAGES.iter()
}

/// The kinds that the rules of all grammars name.
#[cfg(test)]
pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    let rules = LANGUAGES.iter().flat_map(|language| match &language.syntax {
        Syntax::Code(code) => code.definitions,
        _ => &[],
    });
    rules.map(|rule| rule.kind)
}

/// The language of the file at `path`, which begins with `text`.
pub fn detect(path: &str, text: &str) -> Option<&'static Language> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let lower = name.to_ascii_lowercase();
    let by_name = LANGUAGES
        .iter()
        .find(|language| language.file_names.contains(&lower.as_str()));
    if by_name.is_some() {
        return by_name;
    }
    if let Some((_, extension)) = lower.rsplit_once('.') {
        let extension = if extension == "h" && is_cpp_header(text) {
            "hpp"
        } else {
            extension
        };
        let by_extension = LANGUAGES
            .iter()
            .find(|language| language.extensions.contains(&extension));
        if by_extension.is_some() {
            return by_extension;
        }
    }
    let stem = lower.split('.').next().unwrap_or(&lower);
    match stem {
        "dockerfile" | "containerfile" | "makefile" => find(if stem == "makefile" { "makefile" } else { "dockerfile" }),
        _ => by_first_line(text),
    }
}

/// Extension in lower case, or the whole name, in lower case, of a file without one.
pub fn file_type(path: &str) -> Option<String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let file_type = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && !extension.is_empty() => extension,
        _ => name.trim_matches('.'),
    };
    (!file_type.is_empty()).then(|| file_type.to_lowercase())
}

pub(super) fn find(name: &str) -> Option<&'static Language> {
    LANGUAGES.iter().find(|language| language.name == name)
}

/// C and C++ share the extension; only one has these words at the beginning of a line.
fn is_cpp_header(text: &str) -> bool {
    text.lines().take(2000).map(str::trim_start).any(|line| {
        [
            "class ",
            "namespace ",
            "template<",
            "template <",
            "public:",
            "private:",
            "using namespace",
            "constexpr ",
        ]
        .iter()
        .any(|opening| line.starts_with(opening))
    })
}

fn by_first_line(text: &str) -> Option<&'static Language> {
    let command = text.lines().next()?.strip_prefix("#!")?;
    let mut words = command
        .split_whitespace()
        .map(|word| word.rsplit('/').next().unwrap_or(word));
    let program = words.find(|word| *word != "env" && !word.starts_with('-') && !word.contains('='))?;
    let program = program.trim_end_matches(|character: char| character.is_ascii_digit() || character == '.');
    LANGUAGES
        .iter()
        .find(|language| language.interpreters.contains(&program))
}

macro_rules! code {
    ($name:literal, $extensions:expr, $names:expr, $interpreters:expr, $grammar:expr, $rules:expr, $separator:ident) => {
        Language {
            name: $name,
            extensions: &$extensions,
            file_names: &$names,
            interpreters: &$interpreters,
            syntax: Syntax::Code(CodeSyntax {
                load: || $grammar.into(),
                definitions: $rules,
                separator: NameSeparator::$separator,
                grammar: OnceLock::new(),
            }),
        }
    };
}

macro_rules! text {
    ($name:literal, $extensions:expr, $names:expr, $interpreters:expr, $syntax:expr) => {
        Language {
            name: $name,
            extensions: &$extensions,
            file_names: &$names,
            interpreters: &$interpreters,
            syntax: $syntax,
        }
    };
}

#[rustfmt::skip] // a table: one language a line
static LANGUAGES: [Language; 77] = [
    code!("rust", ["rs"], [], ["rust-script"], tree_sitter_rust::LANGUAGE, rules::RUST, Colons),
    code!("python", ["py", "pyi", "pyw"], ["sconstruct", "sconscript", "wscript"], ["python", "pypy"], tree_sitter_python::LANGUAGE, rules::PYTHON, Dot),
    code!("javascript", ["js", "mjs", "cjs", "jsx"], ["jakefile"], ["node", "deno", "bun"], tree_sitter_javascript::LANGUAGE, rules::JAVASCRIPT, Dot),
    code!("typescript", ["ts", "mts", "cts"], [], ["ts-node", "tsx"], tree_sitter_typescript::LANGUAGE_TYPESCRIPT, rules::JAVASCRIPT, Dot),
    code!("tsx", ["tsx"], [], [], tree_sitter_typescript::LANGUAGE_TSX, rules::JAVASCRIPT, Dot),
    code!("go", ["go"], [], [], tree_sitter_go::LANGUAGE, rules::GO, Dot),
    code!("java", ["java"], [], [], tree_sitter_java::LANGUAGE, rules::JAVA, Dot),
    code!("c", ["c", "h"], [], ["tcc"], tree_sitter_c::LANGUAGE, rules::C, Colons),
    code!("cpp", ["cpp", "cc", "cxx", "c++", "hpp", "hh", "hxx", "h++", "ipp", "tpp", "inl", "cu", "cuh", "ino"], [], [], tree_sitter_cpp::LANGUAGE, rules::C, Colons),
    code!("csharp", ["cs", "csx"], [], [], tree_sitter_c_sharp::LANGUAGE, rules::CSHARP, Dot),
    code!("ruby", ["rb", "rake", "gemspec", "ru", "podspec"], ["rakefile", "gemfile", "podfile", "fastfile", "vagrantfile", "brewfile"], ["ruby", "jruby"], tree_sitter_ruby::LANGUAGE, rules::RUBY, Colons),
    code!("php", ["php", "phtml", "php5"], [], ["php"], tree_sitter_php::LANGUAGE_PHP, rules::PHP, Colons),
    code!("scala", ["scala", "sc", "sbt"], [], ["scala"], tree_sitter_scala::LANGUAGE, rules::SCALA, Dot),
    code!("swift", ["swift"], [], ["swift"], tree_sitter_swift::LANGUAGE, rules::SWIFT, Dot),
    code!("kotlin", ["kt", "kts"], [], ["kotlin"], tree_sitter_kotlin_ng::LANGUAGE, rules::KOTLIN, Dot),
    code!("bash", ["sh", "bash", "zsh", "ksh", "bats"], [".bashrc", ".bash_profile", ".profile", ".zshrc", "pkgbuild", "apkbuild"], ["sh", "bash", "zsh", "dash", "ksh"], tree_sitter_bash::LANGUAGE, rules::BASH, Dot),
    code!("html", ["html", "htm", "xhtml"], [], [], tree_sitter_html::LANGUAGE, rules::NONE, Dot),
    code!("css", ["css"], [], [], tree_sitter_css::LANGUAGE, rules::NONE, Dot),
    code!("json", ["json", "jsonc", "json5", "geojson", "webmanifest"], [".babelrc", ".eslintrc", ".prettierrc", "composer.lock"], [], tree_sitter_json::LANGUAGE, rules::JSON, Dot),
    code!("lua", ["lua", "rockspec"], [], ["lua", "luajit"], tree_sitter_lua::LANGUAGE, rules::LUA, Dot),
    code!("haskell", ["hs"], [], ["runhaskell", "stack"], tree_sitter_haskell::LANGUAGE, rules::HASKELL, Dot),
    code!("elixir", ["ex", "exs"], [], ["elixir"], tree_sitter_elixir::LANGUAGE, rules::ELIXIR, Dot),
    code!("zig", ["zig", "zon"], [], [], tree_sitter_zig::LANGUAGE, rules::ZIG, Dot),
    code!("toml", ["toml"], ["pipfile"], [], tree_sitter_toml_ng::LANGUAGE, rules::TOML, Dot),
    code!("yaml", ["yaml", "yml"], [".clang-format", ".clang-tidy"], [], tree_sitter_yaml::LANGUAGE, rules::YAML, Dot),
    code!("sql", ["sql", "ddl", "psql"], [], [], tree_sitter_sequel::LANGUAGE, rules::SQL, Dot),
    code!("ocaml", ["ml"], [], ["ocaml"], tree_sitter_ocaml::LANGUAGE_OCAML, rules::OCAML, Dot),
    code!("ocaml_interface", ["mli"], [], [], tree_sitter_ocaml::LANGUAGE_OCAML_INTERFACE, rules::OCAML, Dot),
    code!("julia", ["jl"], [], ["julia"], tree_sitter_julia::LANGUAGE, rules::JULIA, Dot),
    code!("dart", ["dart"], [], ["dart"], tree_sitter_dart::LANGUAGE, rules::DART, Dot),
    code!("r", ["r"], [".rprofile"], ["rscript"], tree_sitter_r::LANGUAGE, rules::R, Dot),
    text!("markdown", ["md", "markdown", "mdown", "mkd", "mdx", "qmd", "rmd"], [], [], Syntax::Markdown),
    text!("notebook", ["ipynb"], [], [], Syntax::Notebook),
    text!("text", ["txt", "text"], ["license", "copying", "authors", "notice", "readme", "changelog"], [], Syntax::Plain),
    text!("restructuredtext", ["rst"], [], [], Syntax::Plain),
    text!("asciidoc", ["adoc", "asciidoc"], [], [], Syntax::Plain),
    text!("latex", ["tex", "sty", "cls", "bib"], [], [], Syntax::Plain),
    text!("perl", ["pl", "pm", "pod", "t"], [], ["perl"], Syntax::Plain),
    text!("vue", ["vue"], [], [], Syntax::Plain),
    text!("svelte", ["svelte"], [], [], Syntax::Plain),
    text!("astro", ["astro"], [], [], Syntax::Plain),
    text!("scss", ["scss", "sass"], [], [], Syntax::Plain),
    text!("less", ["less"], [], [], Syntax::Plain),
    text!("proto", ["proto"], [], [], Syntax::Plain),
    text!("graphql", ["graphql", "gql", "graphqls"], [], [], Syntax::Plain),
    text!("thrift", ["thrift"], [], [], Syntax::Plain),
    text!("dockerfile", ["dockerfile"], ["dockerfile", "containerfile"], [], Syntax::Plain),
    text!("makefile", ["mk", "mak"], ["makefile", "gnumakefile"], ["make"], Syntax::Plain),
    text!("cmake", ["cmake"], ["cmakelists.txt"], [], Syntax::Plain),
    text!("meson", [], ["meson.build", "meson_options.txt"], [], Syntax::Plain),
    text!("starlark", ["bzl", "bazel", "star"], ["build", "workspace", "build.bazel"], [], Syntax::Plain),
    text!("just", ["just"], ["justfile", ".justfile"], ["just"], Syntax::Plain),
    text!("terraform", ["tf", "hcl"], [], [], Syntax::Plain),
    text!("nix", ["nix"], [], [], Syntax::Plain),
    text!("ini", ["ini", "cfg", "conf", "properties", "editorconfig"], [".editorconfig", ".gitattributes", ".flake8", ".pylintrc"], [], Syntax::Plain),
    text!("xml", ["xml", "xsd", "xsl", "xslt", "svg", "plist", "csproj", "fsproj", "props", "targets", "pom"], [], [], Syntax::Plain),
    text!("csv", ["csv", "tsv"], [], [], Syntax::Plain),
    text!("powershell", ["ps1", "psm1", "psd1"], [], ["pwsh"], Syntax::Plain),
    text!("batch", ["bat", "cmd"], [], [], Syntax::Plain),
    text!("fish", ["fish"], [], ["fish"], Syntax::Plain),
    text!("vim", ["vim"], [".vimrc"], [], Syntax::Plain),
    text!("clojure", ["clj", "cljs", "cljc", "edn"], [], ["bb", "clojure"], Syntax::Plain),
    text!("lisp", ["el", "lisp", "cl", "lsp"], [], ["sbcl"], Syntax::Plain),
    text!("scheme", ["scm", "ss", "rkt"], [], ["guile", "racket"], Syntax::Plain),
    text!("erlang", ["erl", "hrl"], ["rebar.config"], ["escript"], Syntax::Plain),
    text!("fsharp", ["fs", "fsi", "fsx"], [], [], Syntax::Plain),
    text!("groovy", ["groovy", "gradle"], ["jenkinsfile"], ["groovy"], Syntax::Plain),
    text!("objective-c", ["m", "mm"], [], [], Syntax::Plain),
    text!("fortran", ["f", "f90", "f95", "f03", "f08", "for"], [], [], Syntax::Plain),
    text!("pascal", ["pas", "pp", "dpr"], [], [], Syntax::Plain),
    text!("assembly", ["s", "asm"], [], [], Syntax::Plain),
    text!("verilog", ["v", "sv", "svh", "vhd", "vhdl"], [], [], Syntax::Plain),
    text!("solidity", ["sol"], [], [], Syntax::Plain),
    text!("wgsl", ["wgsl", "glsl", "hlsl", "vert", "frag", "metal"], [], [], Syntax::Plain),
    text!("nim", ["nim", "nims"], [], ["nim"], Syntax::Plain),
    text!("crystal", ["cr"], [], ["crystal"], Syntax::Plain),
    text!("template", ["ejs", "erb", "hbs", "mustache", "jinja", "jinja2", "j2", "tmpl", "haml", "pug", "liquid", "twig"], [], [], Syntax::Plain),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str, text: &str) -> Option<&'static str> {
        detect(path, text).map(Language::name)
    }

    #[test]
    fn a_language_is_known_by_extension_name_or_first_line() {
        assert_eq!(name("src/main.rs", ""), Some("rust"));
        assert_eq!(name("App.TSX", ""), Some("tsx"));
        assert_eq!(name("Rakefile", ""), Some("ruby"));
        assert_eq!(name("Dockerfile.dev", ""), Some("dockerfile"));
        assert_eq!(name("CMakeLists.txt", ""), Some("cmake"));
        assert_eq!(name("bin/run", "#!/usr/bin/env -S python3.12 -u\n"), Some("python"));
        assert_eq!(name("bin/run", "#!/bin/sh\n"), Some("bash"));
        assert_eq!(name("unknown.zzz", "text"), None);
    }

    #[test]
    fn headers_are_told_apart_by_their_words() {
        assert_eq!(name("a.h", "struct a;\nint f(void);\n"), Some("c"));
        assert_eq!(name("a.h", "#pragma once\nnamespace a {\n"), Some("cpp"));
    }

    #[test]
    fn file_types_are_extensions_or_names() {
        assert_eq!(file_type("a/b.RS").as_deref(), Some("rs"));
        assert_eq!(file_type("a/Dockerfile").as_deref(), Some("dockerfile"));
        assert_eq!(file_type(".gitignore").as_deref(), Some("gitignore"));
    }

    #[test]
    fn no_extension_belongs_to_two_languages() {
        let mut extensions: Vec<_> = languages().flat_map(|language| language.extensions).collect();
        extensions.sort();
        assert!(extensions.is_sorted_by(|left, right| left < right), "{extensions:?}");
    }
}
