//! What the syntax tree of a file tells: its definitions, the names it uses and imports, and how deep each line begins.
//! Hands these to `sections.rs` and `label.rs`. Never recurses, so that no nesting overflows the stack; what exceeds the bounds
//! of `bounded_parse.rs` is cut as plain text.

use std::ops::Range;

use quarry_codebase::UseRole;
use tree_sitter::{Node, Tree};

use super::bounded_parse::parse_within_bound;
use super::definition_rules::{self, DefinitionRule};
use super::grammar::Grammar;
use super::item_macros;
use super::language::{Language, Syntax};
use super::lines::Lines;
use super::name_uses::role_by_text;
use super::names::{name_and_kind, unqualified};
use super::scanner_limits::can_parse;

/// Definitions nested deeper than this are part of the one around them.
const MAX_NESTING: usize = 32;

/// Deeper keys of a configuration are values.
const MAX_SECTION_NESTING: usize = 2;

/// Mean length of a line above which parsing is a waste: lines are never cut.
const LONG_LINE_BYTES: usize = 8 * 1024;

/// What one parse tells about a file.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// In the order of their beginnings, parents before children.
    pub(super) definitions: Vec<Definition>,
    /// Per line: depth of the node that begins there, where a cut before the line is sensible.
    depths: Vec<u16>,
    /// Per line: whether it belongs to a comment, an attribute or the like.
    leading: Vec<bool>,
    /// Names that are used, in the order of the text: byte offset and what is done with them.
    pub(super) uses: Vec<(usize, UseRole)>,
    /// The bytes of each statement that imports, in order.
    pub(super) imports: Vec<Range<usize>>,
}

/// Something with a name.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) parent: Option<usize>,
    /// All its lines, with the comments and attributes before it.
    pub(super) lines: Range<usize>,
    /// The line its own text begins at.
    pub(super) opening_line: usize,
    /// Lines of its head, from the opening line to where its body begins.
    pub(super) signature_lines: usize,
}

/// A head with more lines is shown up to here.
const MAX_SIGNATURE_LINES: usize = 12;

const NO_CUT: u16 = u16::MAX;

impl Outline {
    pub(super) fn of_definitions(definitions: Vec<Definition>) -> Outline {
        Outline {
            definitions,
            ..Outline::default()
        }
    }

    /// Takes in the definitions of another outline of the same lines. None of them is a parent of one of the others.
    pub(super) fn take_in(&mut self, other: Outline) {
        let mut all: Vec<(usize, Definition)> = other.definitions.into_iter().enumerate().collect();
        let moved = all.len();
        let own = self
            .definitions
            .drain(..)
            .enumerate()
            .map(|(position, mut definition)| {
                definition.parent = definition.parent.map(|parent| parent + moved);
                (position + moved, definition)
            });
        all.extend(own);
        all.sort_by_key(|(_, definition)| definition.opening_line);
        let mut places = vec![0; all.len()];
        for (place, (position, _)) in all.iter().enumerate() {
            places[*position] = place;
        }
        let placed = all.into_iter().map(|(_, mut definition)| {
            definition.parent = definition.parent.map(|parent| places[parent]);
            definition
        });
        self.definitions = placed.collect();
    }

    /// Whether it is a constant inside a class, an enum or the like: it has a name, but neither is a cut made for its sake nor
    /// is a chunk about it.
    pub(super) fn is_member(&self, index: usize) -> bool {
        let definition = &self.definitions[index];
        let parent = definition.parent.map(|parent| self.definitions[parent].kind);
        definition.kind == "constant" && parent.is_some_and(|kind| !definition_rules::has_constants(kind))
    }

    /// Whether it can say where to cut.
    pub(super) fn has_structure(&self) -> bool {
        self.depths.iter().any(|depth| *depth != NO_CUT)
    }

    /// How deep in the syntax a line begins; none where a cut before it would tear something.
    pub(super) fn cut_depth(&self, line: usize) -> Option<u16> {
        self.depths.get(line).copied().filter(|depth| *depth != NO_CUT)
    }

    pub(super) fn is_leading(&self, line: usize) -> bool {
        self.leading.get(line).copied().unwrap_or(false)
    }
}

/// Parses the text of a file. None where the grammar makes no sense of it within the bound.
pub(super) fn parse(language: &'static Language, text: &str, lines: &Lines<'_>) -> Option<Outline> {
    let Syntax::Code(syntax) = language.syntax() else {
        return None;
    };
    let is_uncuttable = text.len() / lines.count().max(1) > LONG_LINE_BYTES;
    if is_uncuttable || !can_parse(language.name(), text) {
        return None;
    }
    let grammar = syntax.grammar.get_or_init(|| Grammar::load(syntax, language.name()));
    let mut tree = parse_within_bound(&grammar.language, text, &[])?;
    if language.name() == "rust" {
        tree = item_macros::unwrap(&grammar.language, text, tree);
    }
    Some(Reading::new(grammar, text, lines).read(&tree))
}

/// A definition around the current node.
struct Open {
    definition: usize,
    depth: usize,
    /// Its name has not been met yet: where it is, nothing is used.
    awaits_name: bool,
}

/// One pass over a tree, in the order of the text.
struct Reading<'parse> {
    grammar: &'parse Grammar,
    text: &'parse str,
    lines: &'parse Lines<'parse>,
    outline: Outline,
    /// The lines of the comments and attributes read last, without a gap.
    led: Range<usize>,
    /// Definitions around the current node, with their depth in the tree.
    open: Vec<Open>,
    seen: Vec<bool>,
    /// Kinds of the nodes around the current one, from the root's children on.
    around: Vec<u16>,
    /// Depth of the import that holds the current node.
    importing: Option<usize>,
}

impl<'parse> Reading<'parse> {
    fn new(grammar: &'parse Grammar, text: &'parse str, lines: &'parse Lines<'parse>) -> Reading<'parse> {
        let count = lines.count();
        let outline = Outline {
            definitions: Vec::new(),
            depths: vec![NO_CUT; count],
            leading: vec![false; count],
            ..Outline::default()
        };
        Reading {
            grammar,
            text,
            lines,
            outline,
            led: 0..0,
            open: Vec::new(),
            seen: vec![false; count],
            around: Vec::new(),
            importing: None,
        }
    }

    fn read(mut self, tree: &Tree) -> Outline {
        let mut cursor = tree.walk();
        let mut depth = 0;
        // The root covers everything and says nothing.
        let mut has_next = cursor.goto_first_child();
        while has_next {
            depth += usize::from(depth == 0);
            let node = cursor.node();
            self.visit(node, depth);
            if cursor.goto_first_child() {
                depth += 1;
                continue;
            }
            self.note_name(node);
            has_next = loop {
                if cursor.goto_next_sibling() {
                    break true;
                }
                if !cursor.goto_parent() {
                    break false;
                }
                depth -= 1;
                if depth == 0 {
                    break false;
                }
            };
        }
        self.outline
    }

    fn visit(&mut self, node: Node<'_>, depth: usize) {
        while self.open.last().is_some_and(|open| open.depth >= depth) {
            self.open.pop();
        }
        self.importing = self.importing.filter(|imported_at| *imported_at < depth);
        self.around.truncate(depth - 1);
        self.around.push(node.kind_id());
        if self.importing.is_none() && self.grammar.names.imports(node.kind_id()) {
            self.importing = Some(depth);
            self.outline.imports.push(node.byte_range());
        }
        let first = node.start_position().row;
        if first >= self.lines.count() {
            return;
        }
        let leads = self.grammar.leads(node, self.text);
        self.note_cut(node, first, depth);
        if leads {
            self.note_leading(node, first);
        }
        if let Some(rule) = self.grammar.rule(node) {
            self.note_definition(node, rule, first, depth);
        }
    }

    /// The first node to begin on a line decides: closing brackets and keywords in the middle of a statement forbid a cut.
    fn note_cut(&mut self, node: Node<'_>, first: usize, depth: usize) {
        if std::mem::replace(&mut self.seen[first], true) {
            return;
        }
        let belongs_to_line_above = self.led.end == first && !self.led.is_empty();
        let begins_line = self.begins_line(node, first);
        if node.is_named() && begins_line && !belongs_to_line_above {
            self.outline.depths[first] = u16::try_from(depth).unwrap_or(NO_CUT - 1).min(NO_CUT - 1);
        }
    }

    fn note_leading(&mut self, node: Node<'_>, first: usize) {
        if !self.begins_line(node, first) && node.kind() != "template_parameter_list" {
            return;
        }
        let end = self.end_line(node);
        if self.led.end == first || self.led.end == first + 1 {
            self.led.end = self.led.end.max(end);
        } else {
            self.led = first..end;
        }
        self.outline.leading[first..end].fill(true);
    }

    fn note_definition(&mut self, node: Node<'_>, rule: &'static DefinitionRule, first: usize, depth: usize) {
        let is_section = rule.kind == "section";
        if self.open.len() >= if is_section { MAX_SECTION_NESTING } else { MAX_NESTING } {
            return;
        }
        let Some((name, kind)) = name_and_kind(node, rule, self.text) else {
            return;
        };
        let mut parent = self.open.last().map(|open| open.definition);
        if is_assigned_further(node) {
            parent = parent.and_then(|assigned| self.outline.definitions[assigned].parent);
        }
        let parent_kind = parent.map(|parent| self.outline.definitions[parent].kind);
        let is_of_class = |parent: &str| definition_rules::has_methods(parent) && is_in_capitals(&name);
        let kind = match kind {
            "constant"
                if !rule.is_always_constant
                    && parent_kind.is_some_and(|kind| !definition_rules::has_constants(kind) && !is_of_class(kind)) =>
            {
                return;
            }
            "function" if parent_kind.is_some_and(definition_rules::has_methods) => "method",
            kind => kind,
        };
        if let Some(parent) = parent.map(|parent| &self.outline.definitions[parent]) {
            // `exports.add = function add() …` is one definition.
            if parent.opening_line == first && unqualified(&parent.name) == name {
                self.open.last_mut().expect("the parent is open").awaits_name = true;
                return;
            }
        }
        let led_from = if self.led.end == first && !self.led.is_empty() {
            self.led.start
        } else {
            first
        };
        let lines = led_from.min(first)..self.end_line(node).max(first + 1);
        // Equations of one function in Haskell, clauses of one in Elixir, declarations that overload.
        let siblings_from = parent.map_or(0, |parent| parent + 1);
        let siblings = &mut self.outline.definitions[siblings_from..];
        if let Some(index) = siblings.iter().rposition(|earlier| earlier.parent == parent) {
            let earlier = &mut siblings[index];
            let adjoins = earlier.lines.end >= lines.start && earlier.lines.end <= lines.end;
            if adjoins && earlier.name == name && earlier.kind == kind {
                earlier.lines.end = lines.end;
                self.open(siblings_from + index, depth);
                return;
            }
        }
        self.outline.definitions.push(Definition {
            name,
            kind,
            parent,
            lines,
            opening_line: first,
            signature_lines: signature_lines(node, first),
        });
        self.open(self.outline.definitions.len() - 1, depth);
    }

    fn open(&mut self, definition: usize, depth: usize) {
        let awaits_name = !definition_rules::is_scope(self.outline.definitions[definition].kind);
        self.open.push(Open {
            definition,
            depth,
            awaits_name,
        });
    }

    /// Notes a node without children when it is a name that something is done with.
    fn note_name(&mut self, node: Node<'_>) {
        let parent = self.around.len().checked_sub(2).map(|position| self.around[position]);
        let Some(role) = self.grammar.names.role(node.kind_id(), parent) else {
            return;
        };
        let range = node.byte_range();
        let Some(name) = self.text.get(range.clone()).filter(|name| is_worth_noting(name)) else {
            return;
        };
        for open in self.open.iter_mut().rev().filter(|open| open.awaits_name) {
            if unqualified(&self.outline.definitions[open.definition].name) == name {
                open.awaits_name = false;
                return;
            }
        }
        let role = match role {
            _ if self.importing.is_some() => UseRole::Import,
            UseRole::Reference => role_by_text(&self.text.as_bytes()[range.end..]),
            role => role,
        };
        self.outline.uses.push((range.start, role));
    }

    fn begins_line(&self, node: Node<'_>, line: usize) -> bool {
        self.text.as_bytes()[self.lines.start(line)..node.start_byte()]
            .trim_ascii()
            .is_empty()
    }

    /// The line after the last of a node. Some nodes end at the start of the line after their last.
    fn end_line(&self, node: Node<'_>) -> usize {
        let (start, end) = (node.start_position().row, node.end_position());
        let ends_before = end.column == 0 && end.row > start;
        let mut after = if ends_before { end.row } else { end.row + 1 }.min(self.lines.count());
        while after > start + 1 && self.lines.is_blank(after - 1) {
            after -= 1;
        }
        after
    }
}

/// Whether it is `exports.fetch = function …` of `exports.get = exports.fetch = function …`, which is not part of the other.
fn is_assigned_further(node: Node<'_>) -> bool {
    let further = ["assignment_expression", "variable_declarator"];
    node.kind() == "assignment_expression" && node.parent().is_some_and(|around| further.contains(&around.kind()))
}

/// `MAX_RETRIES`: the way constants are written amid fields.
fn is_in_capitals(name: &str) -> bool {
    name.len() > 1 && name.chars().any(char::is_uppercase) && !name.chars().any(char::is_lowercase)
}

/// Shorter names are not in the index of words; the words for one's own object are everywhere.
fn is_worth_noting(name: &str) -> bool {
    name.len() > 1 && !matches!(name, "self" | "Self" | "this" | "super" | "cls")
}

/// Lines from the one that a definition opens on to the last before its body, comments aside. One where no body is known.
fn signature_lines(node: Node<'_>, first: usize) -> usize {
    let mut before = node.child_by_field_name("body").and_then(|body| body.prev_sibling());
    while let Some(comment) = before.filter(Node::is_extra) {
        before = comment.prev_sibling();
    }
    let last = before.map_or(first, |before| before.end_position().row);
    (last + 1).saturating_sub(first).clamp(1, MAX_SIGNATURE_LINES)
}
