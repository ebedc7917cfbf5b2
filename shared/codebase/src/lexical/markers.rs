//! Terms that no text contains: they answer exact questions, "who defines this name" and "which file is called this".
//! Made from names when a segment is built and from identifiers and paths in a query.

use uuid::Uuid;

/// What every marker of a definition begins with.
pub(crate) const DEFINITION: &str = "\u{2}def:";

/// Sorts behind every marker of a definition and before every other term behind those.
pub(crate) const AFTER_DEFINITIONS: &str = "\u{2}def;";

/// The term under which chunks that define `name` are found. Qualified names count by their last component.
pub(crate) fn definition(name: &str) -> String {
    format!("{DEFINITION}{}", last_component(name).to_lowercase())
}

/// Whether a marker is one of [`definition`].
pub(crate) fn is_definition(marker: &str) -> bool {
    marker.starts_with(DEFINITION)
}

/// The term under which chunks of files called `file_name` are found.
pub(crate) fn file_name(file_name: &str) -> String {
    format!("\u{2}file:{}", file_name.to_lowercase())
}

/// The term under which chunks of files with this stem (the name without its extensions) are found.
pub(crate) fn file_stem(stem: &str) -> String {
    format!("\u{2}stem:{}", stem.to_lowercase())
}

/// The key of a segment's names in the cache, beside that of its table.
pub(crate) fn names_key(segment: Uuid) -> Uuid {
    Uuid::from_u128(!segment.as_u128())
}

/// `parse` of `Reader::parse`, `reader.parse` and `Reader#parse`.
pub(crate) fn last_component(name: &str) -> &str {
    name.rsplit(['.', ':', '#']).next().unwrap_or(name)
}

/// The last component of a path, and that without its extensions; a leading dot belongs to the stem.
pub(crate) fn name_and_stem(path: &str) -> (&str, &str) {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem_end = name
        .char_indices()
        .skip(1)
        .find_map(|(at, character)| (character == '.').then_some(at))
        .unwrap_or(name.len());
    (name, &name[..stem_end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stem_has_no_extensions() {
        assert_eq!(name_and_stem("a/b/claim.test.ts"), ("claim.test.ts", "claim"));
        assert_eq!(name_and_stem(".gitignore"), (".gitignore", ".gitignore"));
        assert_eq!(name_and_stem("Makefile"), ("Makefile", "Makefile"));
        assert_eq!(name_and_stem("a/"), ("", ""));
    }

    #[test]
    fn qualified_names_count_by_their_last_component() {
        assert_eq!(definition("Reader::parse"), definition("reader.Parse"));
        assert_eq!(last_component("parse"), "parse");
    }
}
