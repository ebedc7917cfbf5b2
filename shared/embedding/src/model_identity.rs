//! Whose vectors can be compared with each other: those of one model that was sent its documents in one form. Written as one
//! line, which the registry, the cache of vectors and people keep, and read back from it. A model whose documents are sent as
//! they are has its name for an identity. The form of queries is no part of it: it changes no stored vector.

use std::fmt;

use quarry_lifecycle::is_word;

use crate::text_form::TextForm;

const PREFIX_MARK: &str = " + \"";
const INPUT_TYPE_MARK: &str = " + input_type=";

/// A model and how its documents are sent: `nomic-embed-text + "search_document: "`, `nv-embed + input_type=passage`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelIdentity {
    /// Name to ask for it by.
    pub name: String,
    /// How documents are sent to it.
    pub documents: TextForm,
}

impl ModelIdentity {
    /// Reads an identity as it is written. What has no form at its end is a name; `NAME + ""` is one too.
    #[must_use]
    pub fn parse(written: &str) -> ModelIdentity {
        let (rest, input_type) = match written.rsplit_once(INPUT_TYPE_MARK) {
            Some((rest, word)) if !rest.is_empty() && is_word(word) => (rest, Some(word.to_owned())),
            _ => (written, None),
        };
        let (name, prefix) = split_prefix(rest).unwrap_or((rest, String::new()));
        ModelIdentity {
            name: name.to_owned(),
            documents: TextForm { prefix, input_type },
        }
    }
}

impl fmt::Display for ModelIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ModelIdentity { name, documents } = self;
        formatter.write_str(name)?;
        // A name that would be read as more than a name gets an end.
        if !documents.prefix.is_empty() || ModelIdentity::parse(name).name != *name {
            let prefix = serde_json::to_string(&documents.prefix).expect("a string is always writable as JSON");
            write!(formatter, " + {prefix}")?;
        }
        if let Some(input_type) = &documents.input_type {
            write!(formatter, "{INPUT_TYPE_MARK}{input_type}")?;
        }
        Ok(())
    }
}

/// The name before a prefix that ends the text. A quoted prefix has no bare quotes, so the first place that can be read is it.
fn split_prefix(written: &str) -> Option<(&str, String)> {
    written.match_indices(PREFIX_MARK).find_map(|(at, mark)| {
        let quoted = &written[at + mark.len() - 1..];
        let prefix = serde_json::from_str(quoted).ok()?;
        (at > 0).then_some((&written[..at], prefix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(name: &str, prefix: &str, input_type: Option<&str>) -> ModelIdentity {
        ModelIdentity {
            name: name.to_owned(),
            documents: TextForm {
                prefix: prefix.to_owned(),
                input_type: input_type.map(str::to_owned),
            },
        }
    }

    #[test]
    fn a_model_whose_documents_are_sent_as_they_are_is_called_by_its_name() {
        for name in ["nomic-embed-text:latest", "quarry-code-256-v2", "a + b", "c++ \"x\""] {
            assert_eq!(identity(name, "", None).to_string(), name);
            assert_eq!(ModelIdentity::parse(name), identity(name, "", None));
        }
    }

    #[test]
    fn the_form_of_documents_is_written_after_the_name() {
        let nomic = identity("nomic-embed-text", "search_document: ", None);
        assert_eq!(nomic.to_string(), r#"nomic-embed-text + "search_document: ""#);
        let nv = identity("nv-embed", "", Some("passage"));
        assert_eq!(nv.to_string(), "nv-embed + input_type=passage");
        let both = identity("m", "p\n", Some("passage"));
        assert_eq!(both.to_string(), r#"m + "p\n" + input_type=passage"#);
        assert_eq!(ModelIdentity::parse(r#"m + """#), identity("m", "", None));
    }

    #[test]
    fn what_is_written_is_read_back_whatever_it_holds() {
        let texts = [
            "",
            " ",
            "search_document: ",
            "Instruct: find\nQuery:\t",
            "\"",
            "a \" + \"b\\",
            "\\\"",
            " + input_type=passage",
            "m + \"p\"",
            "m + \"\" + input_type=passage",
            "検索文書: ",
            "é\u{301}🦀\u{2028}",
            "\"}",
        ];
        for name in texts.into_iter().filter(|name| !name.is_empty()) {
            for prefix in texts {
                for input_type in [None, Some("passage"), Some("search_document"), Some("retrieval-2")] {
                    let given = identity(name, prefix, input_type);
                    assert_eq!(ModelIdentity::parse(&given.to_string()), given, "{given}");
                }
            }
        }
    }
}
