//! Macros of Rust that are wrapped around items, as in `cfg_unix! { pub fn … }`. To the grammar their content is a heap of
//! tokens; here it is parsed as if the wrapper were not there. Only where it is items without an error: what a macro makes
//! of anything else is its own affair.

use tree_sitter::{Language, Node, Point, Range, Tree};

use super::bounded_parse::parse_within_bound;

/// Wrappers within wrappers are taken off so many times. Each time costs a parse.
const MAX_NESTING: usize = 4;

/// More wrappers in one file than this stay on: each is parsed once more by itself.
const MAX_WRAPPERS: usize = 500;

/// The kinds of items, and what goes with them.
const ITEMS: [&str; 12] = [
    "function_item",
    "function_signature_item",
    "struct_item",
    "enum_item",
    "union_item",
    "trait_item",
    "impl_item",
    "mod_item",
    "static_item",
    "const_item",
    "type_item",
    "macro_definition",
];

/// The tree of the text without the wrappers; the same tree where there are none.
pub(super) fn unwrap(language: &Language, text: &str, mut tree: Tree) -> Tree {
    let mut taken_off: Vec<Range> = Vec::new();
    for _ in 0..MAX_NESTING {
        let found = wrappers(&tree, MAX_WRAPPERS - taken_off.len() / 2)
            .into_iter()
            .filter(|wrapper| holds_items(language, text, wrapper));
        let before = taken_off.len();
        taken_off.extend(found.flat_map(|wrapper| [wrapper.opening, wrapper.closing]));
        if taken_off.len() == before {
            break;
        }
        taken_off.sort_unstable_by_key(|range| range.start_byte);
        let parsed = parse_within_bound(language, text, &without(&taken_off));
        // A grammar may mend a broken file in another way once its text is another.
        match parsed.filter(|parsed| tree.root_node().has_error() || !parsed.root_node().has_error()) {
            Some(parsed) => tree = parsed,
            None => break,
        }
    }
    tree
}

/// A macro that stands where an item may stand, and its content in braces.
struct Wrapper {
    /// From its name to the opening brace.
    opening: Range,
    content: Range,
    closing: Range,
}

fn wrappers(tree: &Tree, most: usize) -> Vec<Wrapper> {
    let mut found = Vec::new();
    let mut pending = vec![tree.root_node()];
    while let Some(around) = pending.pop() {
        let mut cursor = around.walk();
        for node in around.named_children(&mut cursor) {
            match node.kind() {
                "macro_invocation" => found.extend(wrapper(node)),
                "mod_item" | "impl_item" | "trait_item" => pending.extend(node.child_by_field_name("body")),
                // A macro with a semicolon behind it.
                "expression_statement" => pending.push(node),
                _ => {}
            }
            if found.len() >= most {
                return found;
            }
        }
    }
    found
}

fn wrapper(node: Node<'_>) -> Option<Wrapper> {
    let last = node.child_count().checked_sub(1)?;
    let tokens = node.child(last).filter(|child| child.kind() == "token_tree")?;
    let opening = tokens.child(0).filter(|child| child.kind() == "{")?;
    let last = tokens.child_count().checked_sub(1)?;
    let closing = tokens.child(last).filter(|child| child.kind() == "}")?;
    let start = (node.start_byte(), node.start_position());
    let content = (opening.end_byte(), opening.end_position());
    let end = (closing.start_byte(), closing.start_position());
    Some(Wrapper {
        opening: range(start, content),
        content: range(content, end),
        closing: range(end, (closing.end_byte(), closing.end_position())),
    })
}

fn holds_items(language: &Language, text: &str, wrapper: &Wrapper) -> bool {
    let Some(parsed) = parse_within_bound(language, text, &[wrapper.content]) else {
        return false;
    };
    let root = parsed.root_node();
    let mut cursor = root.walk();
    !root.has_error()
        && root
            .named_children(&mut cursor)
            .any(|child| ITEMS.contains(&child.kind()) || child.kind() == "macro_invocation")
}

/// What lies between these ranges, which ascend.
fn without(taken_off: &[Range]) -> Vec<Range> {
    let mut parts = Vec::with_capacity(taken_off.len() + 1);
    let mut from = (0, Point::default());
    for taken in taken_off {
        parts.push(range(from, (taken.start_byte, taken.start_point)));
        from = (taken.end_byte, taken.end_point);
    }
    let end = u32::MAX as usize;
    parts.push(range(from, (end, Point::new(end, end))));
    parts.retain(|part| part.start_byte < part.end_byte);
    parts
}

fn range((start_byte, start_point): (usize, Point), (end_byte, end_point): (usize, Point)) -> Range {
    Range {
        start_byte,
        end_byte,
        start_point,
        end_point,
    }
}
