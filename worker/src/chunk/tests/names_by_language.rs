//! The ways in which each language gives something a name, beyond the usual ones that the fixtures show.

use super::*;

fn names(path: &str, text: &str) -> Vec<String> {
    assert_tiles(path, text);
    let lines = outline_lines(path, text);
    lines
        .lines()
        .map(|line| line.rsplit_once(' ').unwrap().0.to_owned())
        .collect()
}

#[test]
fn javascript_names_functions_where_it_assigns_and_passes_them() {
    let text = "req.get = req.header = function header(name) {};\nmodule.exports = function createApplication() {};\nmodule.exports = class Router {};\napp.use = function use(fn) {};\nView.prototype.lookup = function (name) {};\ndefineGetter(req, 'protocol', function protocol() {});\nconst handlers = { open() {}, close: () => {} };\nclass Store { static load = async () => {}; }\n";
    assert_eq!(
        names("a.js", text),
        [
            "function req.get",
            "function req.header",
            "function createApplication",
            "class Router",
            "function app.use",
            "function View.prototype.lookup",
            "function protocol",
            "constant handlers",
            "method handlers.open",
            "function handlers.close",
            "class Store",
            "method Store.load",
        ]
    );
}

#[test]
fn typescript_names_overloads_once_and_what_is_abstract() {
    let text = "export function parse(a: string): A;\nexport function parse(a: Buffer): A;\nexport function parse(a: any): A { return a; }\nexport abstract class Shape { abstract area(): number; }\nexport enum Level { Low, High = 2 }\ndeclare module 'x' { function f(): void; }\nexport default interface Options { run(): void }\n";
    assert_eq!(
        names("a.ts", text),
        [
            "function parse",
            "class Shape",
            "method Shape.area",
            "enum Level",
            "constant Level.High",
            "namespace x",
            "function x.f",
            "interface Options",
            "method Options.run",
        ]
    );
}

#[test]
fn rust_names_variants_and_associated_items() {
    let text = "pub enum Mode { Fast, Careful { retries: u8 } }\npub trait Store { type Error; const LIMIT: u8; fn get(&self); }\nextern \"C\" { fn abs(value: i32) -> i32; }\nmacro_rules! queue { () => {} }\n";
    assert_eq!(
        names("a.rs", text),
        [
            "enum Mode",
            "constant Mode::Fast",
            "constant Mode::Careful",
            "trait Store",
            "type Store::Error",
            "constant Store::LIMIT",
            "method Store::get",
            "function abs",
            "macro queue",
        ]
    );
}

#[test]
fn c_names_macros_cases_and_variables() {
    let text = "#define MAX(a, b) ((a) > (b) ? (a) : (b))\n#define LIMIT 3\nenum mode { MODE_FAST, MODE_SLOW = 2 };\ntypedef void (*callback)(int status);\ntypedef struct { int x; } point;\nstatic const char *names[] = { \"a\" };\nint run(struct loop *loop) {\n  int local = 3;\n  return local;\n}\n";
    assert_eq!(
        names("a.c", text),
        [
            "macro MAX",
            "constant LIMIT",
            "enum mode",
            "constant mode::MODE_FAST",
            "constant mode::MODE_SLOW",
            "type callback",
            "type point",
            "constant names",
            "function run",
        ]
    );
}

#[test]
fn cpp_names_members_outside_of_their_class() {
    let text = "constexpr int kLimit = 3;\nusing Names = std::vector<int>;\nStatus DBImpl::Get(const Key& key) {\n  return Status();\n}\nDBImpl::~DBImpl() {}\ntemplate <typename T>\nT* Arena::New() { return nullptr; }\nenum class Mode { kFast };\n";
    assert_eq!(
        names("a.cc", text),
        [
            "constant kLimit",
            "type Names",
            "function DBImpl::Get",
            "function DBImpl::~DBImpl",
            "function Arena::New",
            "enum Mode",
            "constant Mode::kFast",
        ]
    );
}

#[test]
fn go_names_what_an_interface_asks_for() {
    let text = "package a\n\ntype Reader interface {\n\tRead(p []byte) (int, error)\n}\n\nfunc (l *List[T]) Len() int {\n\tlocal := 1\n\tconst inner = 2\n\treturn local\n}\n";
    assert_eq!(
        names("a.go", text),
        ["interface Reader", "method Reader.Read", "method List.Len"]
    );
}

#[test]
fn java_names_constants_and_cases() {
    let text = "class Pool {\n  public static final int MAX_SIZE = 3;\n  private final int size = 1;\n  enum Mode { FAST, SLOW { void run() {} } }\n  @interface Size { int max(); }\n  record Point(int x) {\n    Point { }\n  }\n}\ninterface Limits { int LIMIT = 3; }\n";
    assert_eq!(
        names("Pool.java", text),
        [
            "class Pool",
            "constant Pool.MAX_SIZE",
            "enum Pool.Mode",
            "constant Pool.Mode.FAST",
            "constant Pool.Mode.SLOW",
            "method Pool.Mode.SLOW.run",
            "interface Pool.Size",
            "method Pool.Size.max",
            "class Pool.Point",
            "method Pool.Point.Point",
            "interface Limits",
            "constant Limits.LIMIT",
        ]
    );
}

#[test]
fn csharp_names_constants_events_and_cases() {
    let text = "class Pool {\n  public const int MaxSize = 3;\n  static readonly Pool Shared = new Pool();\n  private int size = 1;\n  public int Size { get; set; }\n  enum Mode { Fast, Slow = 2 }\n  public event Action Done { add {} remove {} }\n}\n";
    assert_eq!(
        names("Pool.cs", text),
        [
            "class Pool",
            "constant Pool.MaxSize",
            "constant Pool.Shared",
            "property Pool.Size",
            "enum Pool.Mode",
            "constant Pool.Mode.Fast",
            "constant Pool.Mode.Slow",
            "property Pool.Done",
        ]
    );
}

#[test]
fn ruby_names_what_it_defines_by_calls() {
    let text = "class Job\n  attr_reader :queue, :retries\n  alias size length\n  alias_method :count, :size\n  define_method(:run) do |item|\n    item\n  end\n  validates :name\nend\n";
    assert_eq!(
        names("a.rb", text),
        [
            "class Job",
            "property Job::queue",
            "property Job::retries",
            "method Job::size",
            "method Job::count",
            "method Job::run",
        ]
    );
}

#[test]
fn php_names_constants_of_classes_and_cases() {
    let text =
        "<?php\nclass Pool {\n    const LIMIT = 3;\n    private $size = 1;\n}\nenum Mode { case Fast; case Slow; }\n";
    assert_eq!(
        names("a.php", text),
        [
            "class Pool",
            "constant Pool::LIMIT",
            "enum Mode",
            "constant Mode::Fast",
            "constant Mode::Slow"
        ]
    );
}

#[test]
fn python_names_constants_of_classes() {
    let text = "class Mode(Enum):\n    FAST = 1\n    label = 'x'\n\n    def run(self):\n        LOCAL = 1\n        return LOCAL\n\n\nLIMIT: int = 3\n";
    assert_eq!(
        names("a.py", text),
        ["class Mode", "constant Mode.FAST", "method Mode.run", "constant LIMIT"]
    );
}

#[test]
fn scala_names_variables_cases_and_package_objects() {
    let text = "package object util {\n  var count = 0\n}\nenum Color:\n  case Red, Green\n  case Mix(a: Int)\ntrait Shape {\n  val sides: Int\n}\n";
    assert_eq!(
        names("a.scala", text),
        [
            "object util",
            "constant util.count",
            "enum Color",
            "constant Color.Red",
            "constant Color.Green",
            "constant Color.Mix",
            "trait Shape",
            "constant Shape.sides",
        ]
    );
}

#[test]
fn swift_names_cases_requirements_and_computed_properties() {
    let text = "protocol Store {\n  associatedtype Item\n  var count: Int { get }\n}\nenum Mode {\n  case fast\n  case slow(Int)\n}\nstruct View {\n  var stored = 1\n  var body: Int { return stored }\n}\n";
    assert_eq!(
        names("a.swift", text),
        [
            "interface Store",
            "type Store.Item",
            "property Store.count",
            "enum Mode",
            "constant Mode.fast",
            "constant Mode.slow",
            "struct View",
            "property View.body",
        ]
    );
}

#[test]
fn kotlin_names_cases_and_computed_properties() {
    let text = "enum class Mode {\n    FAST,\n    SLOW\n}\nclass View {\n    val stored = 1\n    val size: Int\n        get() = stored\n}\nfun String.shout(): String = this\n";
    assert_eq!(
        names("a.kt", text),
        [
            "enum Mode",
            "constant Mode.FAST",
            "constant Mode.SLOW",
            "class View",
            "property View.size",
            "function shout",
        ]
    );
}

#[test]
fn haskell_names_constructors_and_methods_of_classes() {
    let text = "module A where\n\ndata Shape = Circle Int | Square { side :: Int }\n\nclass Container f where\n  -- | Nothing in it.\n  empty :: f a\n  insert :: a -> f a -> f a\n";
    assert_eq!(
        names("A.hs", text),
        [
            "type Shape",
            "constant Shape.Circle",
            "constant Shape.Square",
            "class Container",
            "method Container.empty",
            "method Container.insert",
        ]
    );
}

#[test]
fn elixir_names_types_and_callbacks() {
    let text = "defmodule Store do\n  @type key :: atom\n  @callback get(key) :: term\n  @doc \"Gets.\"\n  def fetch(key), do: type(key)\n  defguard is_key(key) when is_atom(key)\nend\n";
    assert_eq!(
        names("a.ex", text),
        [
            "module Store",
            "type Store.key",
            "function Store.get",
            "function Store.fetch",
            "function Store.is_key"
        ]
    );
}

#[test]
fn other_languages_name_cases_and_externals() {
    assert_eq!(
        names(
            "a.ml",
            "type t = Red | Green of int\nexternal now : unit -> float = \"now\"\n"
        ),
        ["type t", "constant t.Red", "constant t.Green", "function now"]
    );
    assert_eq!(
        names("a.dart", "enum Mode { fast, slow }\nextension type Id(int value) {}\n"),
        ["enum Mode", "constant Mode.fast", "constant Mode.slow", "class Id"]
    );
    assert_eq!(
        names(
            "a.lua",
            "local M = {}\nM.open = function() end\nfunction M:close() end\nlocal function inner() end\n"
        ),
        ["function M.open", "function M.close", "function inner"]
    );
}

#[test]
fn a_long_enum_is_cut_as_if_its_cases_had_no_names() {
    let cases: String = (0..60)
        .map(|number| format!("    /// The case of that number.\n    Case{number},\n"))
        .collect();
    let text = format!("pub enum Many {{\n{cases}}}\n");
    let file = assert_tiles("a.rs", &text);
    assert!(file.chunks.len() > 1);
    for chunk in &file.chunks {
        assert_eq!(chunk.symbol.as_deref(), Some("Many"));
        assert!(chunk.defines.iter().any(|name| name.starts_with("Case")));
    }
}
