//! What this program knows of a grammar, by the kinds of its nodes: which define something, which belong to what follows
//! them, which are names. Looked up once per grammar; never parses.

use tree_sitter::Node;

use super::definition_rules::DefinitionRule;
use super::language::CodeSyntax;
use super::name_uses::NameKinds;

/// Nodes that belong to what follows them.
const LEADING: [&str; 16] = [
    "comment",
    "line_comment",
    "block_comment",
    "multiline_comment",
    "documentation_comment",
    "haddock",
    "doc_comment",
    "attribute_item",
    "attribute_list",
    "attribute_declaration",
    "decorator",
    "annotation",
    "marker_annotation",
    "template_parameter_list",
    "signature",
    "pragma",
];

/// A grammar with its rules by node kind.
pub(super) struct Grammar {
    pub(super) language: tree_sitter::Language,
    /// By kind id: 1 + index of the rule, 0 where there is none.
    rule_of_kind: Vec<u8>,
    is_leading: Vec<bool>,
    pub(super) names: NameKinds,
    definitions: &'static [DefinitionRule],
    leads_by_text: bool,
}

impl Grammar {
    pub(super) fn load(syntax: &CodeSyntax, name: &str) -> Grammar {
        let language = (syntax.load)();
        let kinds = 0..u16::try_from(language.node_kind_count()).unwrap_or(u16::MAX);
        let kind_name = |id| {
            language
                .node_kind_for_id(id)
                .filter(|_| language.node_kind_is_named(id))
                .unwrap_or("")
        };
        let rule_of = |id| {
            let found = syntax.definitions.iter().position(|rule| rule.node == kind_name(id));
            found.and_then(|index| u8::try_from(index + 1).ok()).unwrap_or(0)
        };
        let is_leading = |id| {
            let kind = kind_name(id);
            // A signature is a line of its own in Haskell only, a string before a definition documents it in Julia only.
            match kind {
                "signature" => name == "haskell",
                "string_literal" => name == "julia",
                _ => LEADING.contains(&kind),
            }
        };
        Grammar {
            rule_of_kind: kinds.clone().map(rule_of).collect(),
            is_leading: kinds.clone().map(is_leading).collect(),
            names: NameKinds::of(kinds.map(kind_name), name),
            definitions: syntax.definitions,
            leads_by_text: name == "elixir",
            language,
        }
    }

    pub(super) fn rule(&self, node: Node<'_>) -> Option<&'static DefinitionRule> {
        let index = usize::from(*self.rule_of_kind.get(usize::from(node.kind_id()))?);
        self.definitions.get(index.checked_sub(1)?)
    }

    pub(super) fn leads(&self, node: Node<'_>, text: &str) -> bool {
        if self.leads_by_text && node.kind() == "unary_operator" {
            let attributes = ["@doc", "@spec", "@impl", "@typedoc", "@deprecated", "@since", "@tag"];
            return text
                .get(node.byte_range())
                .is_some_and(|text| attributes.iter().any(|name| text.starts_with(name)));
        }
        self.is_leading
            .get(usize::from(node.kind_id()))
            .copied()
            .unwrap_or(false)
    }
}
