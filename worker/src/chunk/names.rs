//! Finds the name of a definition in its syntax node, and refines its kind where only the node tells.
//! Used by `outline.rs` for nodes that a rule names. Looks at a few nodes below the given one, never at a whole subtree.

use tree_sitter::Node;

use super::definition_rules::{DefinitionRule, NameAt};

/// Longer names are expressions that the grammar took for one.
const MAX_NAME_BYTES: usize = 160;

/// How far down a name is searched.
const MAX_STEPS: usize = 12;

/// The name and kind of what this node defines, if it does.
pub(super) fn name_and_kind(node: Node<'_>, rule: &DefinitionRule, text: &str) -> Option<(String, &'static str)> {
    let named = |found: Option<Node<'_>>| found.and_then(|found| clean(found, text));
    let field = |field: &str| node.child_by_field_name(field);
    let name = match rule.name {
        NameAt::Field(name) => named(field(name))?,
        NameAt::WithBody => field("body").and_then(|_| named(field("name")))?,
        NameAt::Child(kinds) => named(child_of_kind(node, kinds))?,
        NameAt::FirstIdentifier => named(first_identifier(node))?,
        NameAt::Declarator => named(innermost_declarator(node).map(|(declarator, _)| declarator))?,
        NameAt::Prototype => match innermost_declarator(node)? {
            (declarator, true) => clean(declarator, text)?,
            (declarator, false) if child_of_kind(node, &["init_declarator"]).is_some() => {
                return Some((clean(declarator, text)?, "constant"));
            }
            _ => return None,
        },
        NameAt::ConstantField => named(constant_field(node, text))?,
        NameAt::FieldOf(outer, inner) => named(field(outer).and_then(|held| held.child_by_field_name(inner)))?,
        NameAt::Inside(kind) => named(
            node.parent()
                .filter(|parent| parent.kind() == kind)
                .and_then(|_| field("name")),
        )?,
        NameAt::ImplementedType => unqualified_type(&named(field("type"))?).to_owned(),
        NameAt::GoMethod => {
            let name = named(field("name"))?;
            let receiver = field("receiver").and_then(|receiver| last_type_identifier(receiver, text));
            receiver.map_or(name.clone(), |receiver| format!("{receiver}.{name}"))
        }
        NameAt::Assigned(left, right) => return assigned(node, rule.kind, left, right, text),
        NameAt::LeftIf(kind) => {
            let left = field("left")
                .or_else(|| node.named_child(0))
                .filter(|left| left.kind() == kind)?;
            let name = if left.named_child_count() == 0 {
                Some(left)
            } else {
                first_identifier(left)
            };
            named(name)?
        }
        NameAt::Binding => return binding(node, text),
        NameAt::ZigTest => format!("test.{}", named(child_of_kind(node, &["string", "identifier"]))?),
        NameAt::ZigConstant => return zig_constant(node, text),
        NameAt::ElixirCall => return elixir_call(node, text),
        NameAt::RubyCall => ruby_call(node, text)?,
        NameAt::RubyAttribute => ruby_attribute(node, text)?,
        NameAt::KeyOfBlock => named(
            field("value")
                .filter(|value| is_block(*value))
                .and_then(|_| field("key")),
        )?,
        NameAt::Fixed(name) => name.to_owned(),
    };
    Some((name, refined_kind(node, rule.kind)))
}

/// `claim` of `Queue::claim`, `new` of `Vector.new`; operators and destructors keep their signs.
pub(super) fn unqualified(name: &str) -> &str {
    let last = name.rsplit("::").next().unwrap_or(name);
    last.rsplit('.').next().filter(|part| !part.is_empty()).unwrap_or(last)
}

/// The text of a name: one line, not too long, without quotes.
fn clean(node: Node<'_>, text: &str) -> Option<String> {
    let name = text.get(node.byte_range())?.trim().trim_matches(['"', '\'', '`']);
    let is_name = !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.contains(['\n', '\r', '{']);
    // Lua writes methods as `Vector:length`.
    is_name.then(|| {
        if name.contains("::") {
            name.to_owned()
        } else {
            name.replace(':', ".")
        }
    })
}

/// A mapping or list over several lines.
fn is_block(value: Node<'_>) -> bool {
    let spans_lines = value.end_position().row > value.start_position().row;
    spans_lines && matches!(value.kind(), "block_node" | "object" | "array")
}

fn child_of_kind<'tree>(node: Node<'tree>, kinds: &[&str]) -> Option<Node<'tree>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor)
        .take(MAX_STEPS)
        .find(|child| kinds.contains(&child.kind()))
}

fn first_identifier(node: Node<'_>) -> Option<Node<'_>> {
    let mut node = node;
    for _ in 0..MAX_STEPS {
        if node.named_child_count() == 0 {
            let kind = node.kind();
            return (kind.contains("identifier") || kind.ends_with("name") || kind.contains("operator"))
                .then_some(node);
        }
        let mut cursor = node.walk();
        let next = node
            .named_children(&mut cursor)
            .take(MAX_STEPS)
            .find(|child| !matches!(child.kind(), "modifiers" | "attribute" | "comment" | "type_parameters"))?;
        node = next;
    }
    None
}

/// The name inside nested declarators, and whether a function is declared.
fn innermost_declarator(node: Node<'_>) -> Option<(Node<'_>, bool)> {
    let mut is_function = false;
    let mut node = node;
    for step in 0..MAX_STEPS {
        is_function |= node.kind() == "function_declarator";
        let inner = node.child_by_field_name("declarator").or_else(|| {
            // References and parentheses have no field for what they hold.
            let mut cursor = node.walk();
            let held = node
                .named_children(&mut cursor)
                .take(MAX_STEPS)
                .find(|child| child.kind().ends_with("declarator"));
            held.filter(|_| step > 0)
        });
        match inner {
            Some(inner) => node = inner,
            None => return (step > 0).then_some((node, is_function)),
        }
    }
    None
}

/// `Queue` of `crate::queue::Queue<T>`, `&mut Queue` and `dyn Queue`.
fn unqualified_type(name: &str) -> &str {
    let name = name.split('<').next().unwrap_or(name);
    let name = name.rsplit("::").next().unwrap_or(name);
    name.rsplit([' ', '&']).next().unwrap_or(name)
}

/// The type of a receiver stands before its parameters: `(l *List[T])`.
fn last_type_identifier(receiver: Node<'_>, text: &str) -> Option<String> {
    let written = text.get(receiver.byte_range())?;
    let before_parameters = written.split('[').next().unwrap_or(written);
    let name = before_parameters.trim_matches(|character: char| !character.is_alphanumeric() && character != '_');
    name.rsplit([' ', '*', '\t'])
        .next()
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
}

fn assigned(node: Node<'_>, kind: &'static str, left: &str, right: &str, text: &str) -> Option<(String, &'static str)> {
    let (left, right) = if left.is_empty() {
        // Lua: lists on both sides.
        (node.named_child(0)?, node.named_child(1)?.named_child(0)?)
    } else {
        (node.child_by_field_name(left)?, node.child_by_field_name(right)?)
    };
    // `exports.get = exports.fetch = function …` defines both.
    let mut right = right;
    for _ in 0..MAX_STEPS {
        match right.child_by_field_name("right") {
            Some(assigned) if right.kind() == "assignment_expression" => right = assigned,
            _ => break,
        }
    }
    let name = clean(left, text)?;
    let has_own_name = right.child_by_field_name("name").is_some();
    if matches!(name.as_str(), "module.exports" | "exports") && has_own_name {
        return None;
    }
    match right.kind() {
        "arrow_function" | "function_expression" | "generator_function" | "function_definition" | "function" => {
            Some((name, "function"))
        }
        "class" => Some((name, "class")),
        _ if kind == "constant" && left.kind() == "identifier" => Some((name, "constant")),
        _ => None,
    }
}

/// Of fields those that never change: `static final` in Java, `const` or `static readonly` in C#, all of an interface.
fn constant_field<'tree>(node: Node<'tree>, text: &str) -> Option<Node<'tree>> {
    let declarators = child_of_kind(node, &["variable_declaration"]).unwrap_or(node);
    let declarator = child_of_kind(declarators, &["variable_declarator"])?;
    let before = text.get(node.start_byte()..declarator.start_byte())?;
    let has = |word: &str| before.split_whitespace().any(|found| found == word);
    let never_changes =
        node.kind() == "constant_declaration" || has("const") || has("static") && (has("final") || has("readonly"));
    declarator.child_by_field_name("name").filter(|_| never_changes)
}

fn binding(node: Node<'_>, text: &str) -> Option<(String, &'static str)> {
    let pattern = node
        .child_by_field_name("pattern")
        .filter(|pattern| pattern.kind() == "value_name")?;
    let is_function = child_of_kind(node, &["parameter"]).is_some()
        || node
            .child_by_field_name("body")
            .is_some_and(|body| matches!(body.kind(), "fun_expression" | "function_expression"));
    Some((clean(pattern, text)?, if is_function { "function" } else { "constant" }))
}

fn zig_constant(node: Node<'_>, text: &str) -> Option<(String, &'static str)> {
    let name = clean(child_of_kind(node, &["identifier"])?, text)?;
    let is_import = child_of_kind(node, &["builtin_function"]).is_some_and(|value| {
        text.get(value.byte_range())
            .is_some_and(|value| value.starts_with("@import"))
    });
    if is_import || name == "_" {
        return None;
    }
    let containers = [
        "struct_declaration",
        "enum_declaration",
        "union_declaration",
        "opaque_declaration",
    ];
    let kind = child_of_kind(node, &containers).map_or("constant", |container| match container.kind() {
        "enum_declaration" => "enum",
        "union_declaration" => "union",
        _ => "struct",
    });
    Some((name, kind))
}

fn elixir_call(node: Node<'_>, text: &str) -> Option<(String, &'static str)> {
    let target = node
        .child_by_field_name("target")
        .filter(|target| target.kind() == "identifier")?;
    let kind = match text.get(target.byte_range())? {
        "defmodule" | "defprotocol" => "module",
        "defimpl" => "extension",
        "def" | "defp" | "defdelegate" | "defguard" | "defguardp" | "defn" | "defnp" => "function",
        "defmacro" | "defmacrop" => "macro",
        "callback" | "macrocallback" if is_attribute(node) => "function",
        "type" | "typep" | "opaque" if is_attribute(node) => "type",
        _ => return None,
    };
    let mut name = child_of_kind(node, &["arguments"])?.named_child(0)?;
    if name.kind() == "binary_operator" {
        name = name.child_by_field_name("left")?;
    }
    if name.kind() == "call" {
        name = name.child_by_field_name("target")?;
    }
    Some((clean(name, text)?, kind))
}

fn is_attribute(node: Node<'_>) -> bool {
    node.parent().is_some_and(|parent| parent.kind() == "unary_operator")
}

fn ruby_call(node: Node<'_>, text: &str) -> Option<String> {
    let method = node.child_by_field_name("method")?;
    if !matches!(
        text.get(method.byte_range())?,
        "define_method" | "define_singleton_method" | "alias_method"
    ) {
        return None;
    }
    let first = node.child_by_field_name("arguments")?.named_child(0)?;
    symbol_name(first, text)
}

fn ruby_attribute(node: Node<'_>, text: &str) -> Option<String> {
    let call = node
        .parent()
        .filter(|parent| parent.kind() == "argument_list")?
        .parent()?;
    let method = text.get(call.child_by_field_name("method")?.byte_range())?;
    let makes_accessors = method == "class_attribute"
        || ["_reader", "_writer", "_accessor"].iter().any(|ending| {
            method
                .strip_suffix(ending)
                .is_some_and(|before| matches!(before, "attr" | "cattr" | "mattr" | "thread_mattr"))
        });
    symbol_name(node, text).filter(|_| makes_accessors)
}

/// `name` of `:name`.
fn symbol_name(node: Node<'_>, text: &str) -> Option<String> {
    let name = text.get(node.byte_range())?.strip_prefix(':')?;
    (!name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.starts_with('"')).then(|| name.to_owned())
}

/// Swift, Kotlin and Go write several kinds with one node.
fn refined_kind(node: Node<'_>, kind: &'static str) -> &'static str {
    match node.kind() {
        "class_declaration" => {
            let mut cursor = node.walk();
            let keyword = node
                .children(&mut cursor)
                .take(MAX_STEPS)
                .find_map(|child| match child.kind() {
                    "struct" => Some("struct"),
                    "enum" | "enum_class_body" => Some("enum"),
                    "interface" => Some("interface"),
                    "extension" => Some("extension"),
                    _ => None,
                });
            keyword.unwrap_or(kind)
        }
        // With a getter it is code.
        "property_declaration" if child_of_kind(node, &["computed_property", "getter"]).is_some() => "property",
        "type_spec" => match node.child_by_field_name("type").map(|held| held.kind()) {
            Some("struct_type") => "struct",
            Some("interface_type") => "interface",
            _ => kind,
        },
        _ => kind,
    }
}
