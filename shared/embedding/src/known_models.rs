//! What the authors of common models want before questions and documents, from their model cards. Advice for people who
//! configure an endpoint, never applied unasked: some servers put it there themselves.

/// Models that were trained alike.
struct Family {
    /// Each of them has one of these in its name, in lower case.
    named: &'static [&'static str],
    query: &'static str,
    document: &'static str,
}

const FAMILIES: &[Family] = &[
    Family {
        named: &["nomic-embed-text"],
        query: "search_query: ",
        document: "search_document: ",
    },
    Family {
        named: &["nomic-embed-code", "coderankembed"],
        query: "Represent this query for searching relevant code: ",
        document: "",
    },
    Family {
        named: &["e5-small", "e5-base", "e5-large"],
        query: "query: ",
        document: "passage: ",
    },
    Family {
        named: &["embeddinggemma"],
        query: "task: code retrieval | query: ",
        document: "title: none | text: ",
    },
    Family {
        named: &["mxbai-embed-large", "bge-small-en", "bge-base-en", "bge-large-en"],
        query: "Represent this sentence for searching relevant passages: ",
        document: "",
    },
];

/// What goes before questions and what before documents for this model; none: nothing, or it is not known here.
#[must_use]
pub fn usual_prefixes(model: &str) -> Option<(&'static str, &'static str)> {
    let name = model.to_lowercase();
    // These take whatever the task is in words of one's own.
    if name.contains("instruct") {
        return None;
    }
    let has = |part: &&str| name.contains(*part);
    let family = FAMILIES.iter().find(|family| family.named.iter().any(has))?;
    Some((family.query, family.document))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_known_by_the_names_that_servers_give_them() {
        for name in [
            "nomic-embed-text",
            "nomic-embed-text:v1.5",
            "nomic-ai/nomic-embed-text-v2-moe",
        ] {
            assert_eq!(
                usual_prefixes(name),
                Some(("search_query: ", "search_document: ")),
                "{name}"
            );
        }
        for name in [
            "intfloat/multilingual-e5-small",
            "multilingual-e5-small-q4",
            "e5-large-v2",
        ] {
            assert_eq!(usual_prefixes(name), Some(("query: ", "passage: ")), "{name}");
        }
        let bge = "Represent this sentence for searching relevant passages: ";
        assert_eq!(usual_prefixes("BAAI/bge-base-en-v1.5"), Some((bge, "")));
    }

    #[test]
    fn of_others_nothing_is_said() {
        for name in [
            "text-embedding-3-small",
            "quarry-code-256-v2",
            "bge-m3",
            "multilingual-e5-large-instruct",
            "",
        ] {
            assert_eq!(usual_prefixes(name), None, "{name}");
        }
    }
}
