//! What the authors of common models want before questions and documents, from their model cards. Advice for people who
//! configure an endpoint, never applied unasked: some servers put it there themselves.

/// Models that were trained alike, known by what their names have in common; names come in lower case.
struct Family {
    is: fn(&str) -> bool,
    query: &'static str,
    document: &'static str,
}

const FAMILIES: &[Family] = &[
    Family {
        is: |name| name.contains("nomic-embed-text"),
        query: "search_query: ",
        document: "search_document: ",
    },
    Family {
        is: |name| name.contains("nomic-embed-code") || name.contains("coderankembed"),
        query: "Represent this query for searching relevant code: ",
        document: "",
    },
    Family {
        is: |name| {
            ["e5-small", "e5-base", "e5-large"]
                .iter()
                .any(|size| name.contains(size))
                && !name.contains("instruct")
        },
        query: "query: ",
        document: "passage: ",
    },
    Family {
        is: |name| name.contains("embeddinggemma"),
        query: "task: code retrieval | query: ",
        document: "title: none | text: ",
    },
    Family {
        is: |name| name.contains("mxbai-embed-large") || is_english_bge(name),
        query: "Represent this sentence for searching relevant passages: ",
        document: "",
    },
];

fn is_english_bge(name: &str) -> bool {
    ["bge-small-en", "bge-base-en", "bge-large-en"]
        .iter()
        .any(|size| name.contains(size))
}

/// What goes before questions and what before documents for this model; none: nothing, or it is not known here.
#[must_use]
pub fn usual_prefixes(model: &str) -> Option<(&'static str, &'static str)> {
    let name = model.to_lowercase();
    let family = FAMILIES.iter().find(|family| (family.is)(&name))?;
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
