"""What a function looks like in each language's grammar. A table; knows nothing of files or packages."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    grammar: str
    # Nodes that are a function or a method, and those that are a type with a name.
    functions: tuple
    types: tuple = ()
    comments: tuple = ("comment",)
    # Signs that begin or frame a comment, longest first.
    signs: tuple = ("/**", "/*!", "/*", "*/", "///", "//!", "//", "*")
    # Whether the documentation is a string at the start of the body.
    docstrings: bool = False


C_LIKE = dict(comments=("comment", "line_comment", "block_comment", "multiline_comment"))
HASH = dict(signs=("##'", "#'", "###", "##", "#"))

JAVASCRIPT = dict(
    functions=("function_declaration", "generator_function_declaration", "method_definition", "arrow_function",
               "function_expression", "function"),
    types=("class_declaration", "interface_declaration", "type_alias_declaration", "abstract_class_declaration"),
    **C_LIKE,
)

LANGUAGES = {
    "python": Language("python", ("function_definition",), ("class_definition",), docstrings=True, **HASH),
    "rust": Language("rust", ("function_item", "macro_definition"), ("struct_item", "enum_item", "trait_item"), **C_LIKE),
    "javascript": Language("javascript", **JAVASCRIPT),
    "typescript": Language("typescript", **JAVASCRIPT),
    "tsx": Language("tsx", **JAVASCRIPT),
    "go": Language("go", ("function_declaration", "method_declaration"), ("type_declaration",)),
    "java": Language("java", ("method_declaration", "constructor_declaration"),
                     ("class_declaration", "interface_declaration", "enum_declaration"), **C_LIKE),
    "c": Language("c", ("function_definition",), ("struct_specifier",)),
    "cpp": Language("cpp", ("function_definition",), ("class_specifier", "struct_specifier")),
    "csharp": Language("csharp", ("method_declaration", "constructor_declaration"),
                       ("class_declaration", "interface_declaration", "struct_declaration")),
    "ruby": Language("ruby", ("method", "singleton_method"), ("class", "module"), **HASH),
    "php": Language("php", ("method_declaration", "function_definition"), ("class_declaration", "interface_declaration")),
    "lua": Language("lua", ("function_declaration", "function_definition"), signs=("---", "--[[", "--", "]]")),
    "kotlin": Language("kotlin", ("function_declaration",), ("class_declaration",), **C_LIKE),
    "swift": Language("swift", ("function_declaration", "init_declaration"), ("class_declaration", "protocol_declaration"),
                      **C_LIKE),
    "scala": Language("scala", ("function_definition",), ("class_definition", "trait_definition", "object_definition"),
                      **C_LIKE),
    "haskell": Language("haskell", ("function", "bind"), ("data_type", "newtype", "class"),
                        comments=("comment", "haddock"), signs=("-- |", "-- ^", "--", "{-|", "{-", "-}")),
    "elixir": Language("elixir", ("call",), signs=("#",)),
    "r": Language("r", ("function_definition",), **HASH),
    "ocaml": Language("ocaml", ("value_definition",), ("type_definition",), signs=("(**", "(*", "*)")),
    "julia": Language("julia", ("function_definition",), ("struct_definition",),
                      comments=("line_comment", "block_comment"), **HASH),
    "bash": Language("bash", ("function_definition",), **HASH),
}

EXTENSIONS = {
    "py": "python", "rs": "rust", "js": "javascript", "mjs": "javascript", "cjs": "javascript", "jsx": "javascript",
    "ts": "typescript", "mts": "typescript", "tsx": "tsx", "go": "go", "java": "java", "c": "c", "h": "c", "cc": "cpp",
    "cpp": "cpp", "cxx": "cpp", "hpp": "cpp", "hh": "cpp", "hxx": "cpp", "cs": "csharp", "rb": "ruby", "php": "php",
    "lua": "lua", "kt": "kotlin", "kts": "kotlin", "swift": "swift", "scala": "scala", "hs": "haskell", "ex": "elixir",
    "exs": "elixir", "r": "r", "R": "r", "ml": "ocaml", "jl": "julia", "sh": "bash",
}

WRAPPERS = {
    "export_statement", "decorated_definition", "lexical_declaration", "variable_declaration", "variable_declarator",
    "expression_statement", "assignment_expression", "pair", "template_declaration", "public_field_definition",
    "property", "field_definition", "binary_operator", "local_function", "assignment_statement", "declaration",
    "linkage_specification", "local_variable_declaration", "property_declaration", "short_var_declaration", "assignment",
    "value_definition", "let_binding", "type_declaration", "type_spec", "expression_list", "ambient_declaration",
}

ATTRIBUTES = {"attribute_item", "attribute", "annotation", "decorator", "attribute_list", "signature", "modifiers"}
