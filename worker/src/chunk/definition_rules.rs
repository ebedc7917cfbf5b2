//! Which nodes of each grammar define something, of which kind, and where their name stands. Tables only.
//! Read by `outline.rs`; the ways to find a name are in `names.rs`. Node kinds are those of the grammars' node-types.json.

/// One kind of node that defines something.
#[derive(Debug)]
pub(super) struct DefinitionRule {
    pub(super) node: &'static str,
    pub(super) kind: &'static str,
    pub(super) name: NameAt,
    /// Whether it is a constant wherever it stands. Other constants inside a class or function are fields and local variables.
    pub(super) is_always_constant: bool,
}

/// Where the name of a definition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameAt {
    /// In the node's field of this name.
    Field(&'static str),
    /// The same, but only where the node has a body: without one it is a reference.
    WithBody,
    /// In the first child of one of these kinds.
    Child(&'static [&'static str]),
    /// The first identifier below the node.
    FirstIdentifier,
    /// At the end of nested declarators, as in C.
    Declarator,
    /// The same, but only for what is declared as a function, or as a variable with a value.
    Prototype,
    /// In the declarator of a field that never changes.
    ConstantField,
    /// In a field of a field.
    FieldOf(&'static str, &'static str),
    /// The type an `impl` block is for, without its parameters.
    ImplementedType,
    /// In the field `name`, qualified by the type of the receiver.
    GoMethod,
    /// On the left of an assignment: a function if one is on the right, else a constant where the kind says so.
    Assigned(&'static str, &'static str),
    /// On the left of an assignment, in a child of this kind, without looking at the right.
    LeftIf(&'static str),
    /// A binding of OCaml: a function if it has parameters.
    Binding,
    /// A test of Zig, under the name that Zig reports it by.
    ZigTest,
    /// A constant of Zig: a struct, enum or union if its value is one.
    ZigConstant,
    /// A call of Elixir's defining macros, or an attribute that defines a type or a callback.
    ElixirCall,
    /// A call of Ruby's that defines a method.
    RubyCall,
    /// One of the symbols that Ruby makes accessors of.
    RubyAttribute,
    /// In the field `name`, of what stands directly in this kind of node.
    Inside(&'static str),
    /// In the field `key`, where the field `value` holds others: a section of a configuration.
    KeyOfBlock,
    /// Fixed: the node has no name of its own.
    Fixed(&'static str),
}

use NameAt::{
    Assigned, Binding, Child, ConstantField, Declarator, ElixirCall, Field, FieldOf, FirstIdentifier, Fixed, GoMethod,
    ImplementedType, Inside, KeyOfBlock, LeftIf, Prototype, RubyAttribute, RubyCall, WithBody, ZigConstant, ZigTest,
};

const NAME: NameAt = Field("name");

const fn rule(node: &'static str, kind: &'static str, name: NameAt) -> DefinitionRule {
    DefinitionRule {
        node,
        kind,
        name,
        is_always_constant: false,
    }
}

/// A constant that belongs to a type: a case of an enum, a field that never changes.
const fn member(node: &'static str, name: NameAt) -> DefinitionRule {
    DefinitionRule {
        node,
        kind: "constant",
        name,
        is_always_constant: true,
    }
}

/// Kinds that only say where something belongs: they qualify names, but define nothing themselves.
pub(super) fn is_scope(kind: &str) -> bool {
    matches!(kind, "impl" | "extension" | "instance" | "namespace")
}

/// Kinds whose functions are methods.
pub(super) fn has_methods(kind: &str) -> bool {
    matches!(
        kind,
        "class" | "struct" | "enum" | "trait" | "interface" | "impl" | "extension" | "instance" | "object" | "union"
    )
}

/// Kinds inside which constants are worth a name: elsewhere they are fields and local variables.
pub(super) fn has_constants(kind: &str) -> bool {
    matches!(kind, "module" | "namespace" | "object" | "impl" | "trait")
}

pub(super) fn is_function(kind: &str) -> bool {
    matches!(kind, "function" | "method" | "macro")
}

pub(super) const NONE: &[DefinitionRule] = &[];

pub(super) const RUST: &[DefinitionRule] = &[
    rule("function_item", "function", NAME),
    rule("function_signature_item", "function", NAME),
    rule("struct_item", "struct", NAME),
    rule("enum_item", "enum", NAME),
    member("enum_variant", NAME),
    rule("union_item", "union", NAME),
    rule("trait_item", "trait", NAME),
    rule("impl_item", "impl", ImplementedType),
    rule("mod_item", "module", WithBody),
    rule("type_item", "type", NAME),
    rule("associated_type", "type", NAME),
    rule("const_item", "constant", NAME),
    rule("static_item", "constant", NAME),
    rule("macro_definition", "macro", NAME),
];

pub(super) const PYTHON: &[DefinitionRule] = &[
    rule("class_definition", "class", NAME),
    rule("function_definition", "function", NAME),
    rule("assignment", "constant", LeftIf("identifier")),
    rule("type_alias_statement", "type", FirstIdentifier),
];

/// JavaScript and TypeScript: each ignores the other's nodes.
pub(super) const JAVASCRIPT: &[DefinitionRule] = &[
    rule("function_declaration", "function", NAME),
    rule("generator_function_declaration", "function", NAME),
    rule("function_expression", "function", NAME),
    rule("generator_function", "function", NAME),
    rule("function_signature", "function", NAME),
    rule("class_declaration", "class", NAME),
    rule("abstract_class_declaration", "class", NAME),
    rule("class", "class", NAME),
    rule("method_definition", "method", NAME),
    rule("method_signature", "method", NAME),
    rule("abstract_method_signature", "method", NAME),
    rule("interface_declaration", "interface", NAME),
    rule("type_alias_declaration", "type", NAME),
    rule("enum_declaration", "enum", NAME),
    member("enum_assignment", NAME),
    rule("internal_module", "namespace", NAME),
    rule("module", "namespace", NAME),
    rule("variable_declarator", "constant", Assigned("name", "value")),
    rule("assignment_expression", "function", Assigned("left", "right")),
    rule("pair", "function", Assigned("key", "value")),
    rule("field_definition", "function", Assigned("property", "value")),
    rule("public_field_definition", "function", Assigned("name", "value")),
];

pub(super) const GO: &[DefinitionRule] = &[
    rule("function_declaration", "function", NAME),
    rule("method_declaration", "method", GoMethod),
    rule("method_elem", "method", NAME),
    rule("type_spec", "type", NAME),
    rule("type_alias", "type", NAME),
    rule("const_spec", "constant", NAME),
    rule("var_spec", "constant", NAME),
];

pub(super) const JAVA: &[DefinitionRule] = &[
    rule("class_declaration", "class", NAME),
    rule("record_declaration", "class", NAME),
    rule("interface_declaration", "interface", NAME),
    rule("annotation_type_declaration", "interface", NAME),
    rule("enum_declaration", "enum", NAME),
    rule("method_declaration", "method", NAME),
    rule("constructor_declaration", "method", NAME),
    rule("compact_constructor_declaration", "method", NAME),
    rule("annotation_type_element_declaration", "method", NAME),
    member("enum_constant", NAME),
    member("field_declaration", ConstantField),
    member("constant_declaration", ConstantField),
];

/// C and C++.
pub(super) const C: &[DefinitionRule] = &[
    rule("function_definition", "function", Declarator),
    rule("declaration", "function", Prototype),
    rule("field_declaration", "function", Prototype),
    rule("struct_specifier", "struct", WithBody),
    rule("union_specifier", "union", WithBody),
    rule("class_specifier", "class", WithBody),
    rule("enum_specifier", "enum", WithBody),
    member("enumerator", NAME),
    rule("type_definition", "type", Declarator),
    rule("alias_declaration", "type", NAME),
    rule("concept_definition", "type", NAME),
    rule("namespace_definition", "namespace", NAME),
    rule("preproc_def", "constant", NAME),
    rule("preproc_function_def", "macro", NAME),
];

pub(super) const CSHARP: &[DefinitionRule] = &[
    rule("class_declaration", "class", NAME),
    rule("record_declaration", "class", NAME),
    rule("struct_declaration", "struct", NAME),
    rule("interface_declaration", "interface", NAME),
    rule("enum_declaration", "enum", NAME),
    rule("delegate_declaration", "type", NAME),
    rule("method_declaration", "method", NAME),
    rule("constructor_declaration", "method", NAME),
    rule("local_function_statement", "function", NAME),
    rule("property_declaration", "property", NAME),
    rule("event_declaration", "property", NAME),
    member("enum_member_declaration", NAME),
    member("field_declaration", ConstantField),
    rule("namespace_declaration", "namespace", NAME),
];

pub(super) const RUBY: &[DefinitionRule] = &[
    rule("class", "class", NAME),
    rule("module", "module", NAME),
    rule("method", "function", NAME),
    rule("singleton_method", "function", NAME),
    rule("alias", "function", NAME),
    rule("call", "function", RubyCall),
    rule("simple_symbol", "property", RubyAttribute),
    rule("assignment", "constant", LeftIf("constant")),
];

pub(super) const PHP: &[DefinitionRule] = &[
    rule("class_declaration", "class", NAME),
    rule("interface_declaration", "interface", NAME),
    rule("trait_declaration", "trait", NAME),
    rule("enum_declaration", "enum", NAME),
    rule("function_definition", "function", NAME),
    rule("method_declaration", "method", NAME),
    member("const_element", Child(&["name"])),
    member("enum_case", NAME),
];

pub(super) const SCALA: &[DefinitionRule] = &[
    rule("class_definition", "class", NAME),
    rule("object_definition", "object", NAME),
    rule("trait_definition", "trait", NAME),
    rule("enum_definition", "enum", NAME),
    rule("function_definition", "function", NAME),
    rule("function_declaration", "function", NAME),
    rule("type_definition", "type", NAME),
    rule("given_definition", "constant", NAME),
    rule("val_definition", "constant", Field("pattern")),
    rule("var_definition", "constant", Field("pattern")),
    rule("val_declaration", "constant", NAME),
    member("simple_enum_case", NAME),
    member("full_enum_case", NAME),
    rule("package_object", "object", NAME),
    rule("extension_definition", "extension", Fixed("extension")),
];

pub(super) const SWIFT: &[DefinitionRule] = &[
    rule("class_declaration", "class", NAME),
    rule("protocol_declaration", "interface", NAME),
    rule("function_declaration", "function", NAME),
    rule("protocol_function_declaration", "function", NAME),
    rule("init_declaration", "method", Fixed("init")),
    rule("deinit_declaration", "method", Fixed("deinit")),
    rule("subscript_declaration", "method", Fixed("subscript")),
    rule("typealias_declaration", "type", NAME),
    rule("associatedtype_declaration", "type", NAME),
    member("enum_entry", NAME),
    rule(
        "protocol_property_declaration",
        "property",
        FieldOf("name", "bound_identifier"),
    ),
    rule("property_declaration", "constant", NAME),
];

pub(super) const KOTLIN: &[DefinitionRule] = &[
    rule("class_declaration", "class", NAME),
    rule("object_declaration", "object", NAME),
    rule("companion_object", "object", Fixed("Companion")),
    rule("function_declaration", "function", NAME),
    rule("secondary_constructor", "method", Fixed("constructor")),
    rule("type_alias", "type", Field("type")),
    member("enum_entry", Child(&["identifier"])),
    rule("property_declaration", "constant", FirstIdentifier),
];

pub(super) const BASH: &[DefinitionRule] = &[rule("function_definition", "function", NAME)];

pub(super) const LUA: &[DefinitionRule] = &[
    rule("function_declaration", "function", NAME),
    rule("assignment_statement", "function", Assigned("", "")),
    rule("field", "function", Assigned("name", "value")),
];

pub(super) const HASKELL: &[DefinitionRule] = &[
    rule("data_type", "type", NAME),
    rule("newtype", "type", NAME),
    rule("type_synomym", "type", NAME),
    rule("type_synonym", "type", NAME),
    rule("type_family", "type", NAME),
    rule("data_family", "type", NAME),
    member("data_constructor", FieldOf("constructor", "name")),
    rule("signature", "method", Inside("class_declarations")),
    rule("class", "class", NAME),
    rule("instance", "instance", NAME),
    rule("function", "function", NAME),
    rule("bind", "constant", NAME),
];

pub(super) const ELIXIR: &[DefinitionRule] = &[rule("call", "function", ElixirCall)];

pub(super) const ZIG: &[DefinitionRule] = &[
    rule("function_declaration", "function", NAME),
    rule("variable_declaration", "constant", ZigConstant),
    rule("test_declaration", "function", ZigTest),
];

pub(super) const YAML: &[DefinitionRule] = &[rule("block_mapping_pair", "section", KeyOfBlock)];

pub(super) const JSON: &[DefinitionRule] = &[rule("pair", "section", KeyOfBlock)];

pub(super) const TOML: &[DefinitionRule] = &[
    rule("table", "section", Child(&["bare_key", "dotted_key", "quoted_key"])),
    rule(
        "table_array_element",
        "section",
        Child(&["bare_key", "dotted_key", "quoted_key"]),
    ),
];

pub(super) const SQL: &[DefinitionRule] = &[
    rule("create_table", "table", Child(&["object_reference"])),
    rule("create_view", "view", Child(&["object_reference"])),
    rule("create_materialized_view", "view", Child(&["object_reference"])),
    rule("create_function", "function", Child(&["object_reference"])),
    rule("create_procedure", "function", Child(&["object_reference"])),
    rule("create_trigger", "trigger", Child(&["object_reference"])),
    rule("create_type", "type", Child(&["object_reference"])),
    rule("create_index", "index", Field("column")),
];

pub(super) const OCAML: &[DefinitionRule] = &[
    rule("let_binding", "constant", Binding),
    rule(
        "value_specification",
        "function",
        Child(&["value_name", "parenthesized_operator"]),
    ),
    rule("type_binding", "type", NAME),
    member("constructor_declaration", Child(&["constructor_name"])),
    rule("external", "function", Child(&["value_name"])),
    rule("module_binding", "module", Child(&["module_name"])),
    rule("module_type_definition", "interface", Child(&["module_type_name"])),
    rule("class_binding", "class", Child(&["class_name"])),
    rule("method_definition", "method", Child(&["method_name"])),
    rule("exception_definition", "type", FirstIdentifier),
];

pub(super) const JULIA: &[DefinitionRule] = &[
    rule("module_definition", "module", NAME),
    rule("struct_definition", "struct", FirstIdentifier),
    rule("abstract_definition", "type", FirstIdentifier),
    rule("primitive_definition", "type", FirstIdentifier),
    rule("function_definition", "function", FirstIdentifier),
    rule("macro_definition", "macro", FirstIdentifier),
    rule("assignment", "function", LeftIf("call_expression")),
    rule("const_statement", "constant", FirstIdentifier),
];

pub(super) const DART: &[DefinitionRule] = &[
    rule("class_declaration", "class", NAME),
    rule("mixin_declaration", "class", NAME),
    rule("extension_declaration", "extension", NAME),
    rule("extension_type_declaration", "class", NAME),
    rule("enum_declaration", "enum", NAME),
    member("enum_entry", NAME),
    rule("type_alias", "type", Child(&["type_identifier"])),
    rule("function_signature", "function", NAME),
    rule("getter_signature", "function", NAME),
    rule("setter_signature", "function", NAME),
    rule("constructor_signature", "method", NAME),
    rule("constant_constructor_signature", "method", NAME),
    rule("factory_constructor_signature", "method", NAME),
    rule("static_final_declaration", "constant", NAME),
];

pub(super) const R: &[DefinitionRule] = &[rule("binary_operator", "function", Assigned("lhs", "rhs"))];
