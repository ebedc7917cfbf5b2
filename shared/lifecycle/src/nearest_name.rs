//! Finds the name that a mistyped one was meant to be.

/// The candidate that differs from `name` by the fewest typed letters, if that is few enough to be a slip.
pub(crate) fn nearest_name<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most_slips = (name.chars().count() / 4).max(2);
    candidates
        .map(|candidate| (edit_distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= most_slips)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters to insert, delete or replace to make `left` into `right`.
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (rows_above, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = rows_above + 1;
        for (column, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let names = ["database.url", "embedding.url", "host"];
        assert_eq!(nearest_name("databse.url", names.into_iter()), Some("database.url"));
        assert_eq!(nearest_name("embeding.uri", names.into_iter()), Some("embedding.url"));
        assert_eq!(nearest_name("colour", names.into_iter()), None);
    }

    #[test]
    fn the_distance_counts_typed_letters() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
    }
}
