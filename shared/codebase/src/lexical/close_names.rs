//! Names like an asked one that nothing is called: the definitions and files that a misspelt query may mean. Reads the
//! markers that begin alike from the index, hands the closest to `score_chunks`. Only asked when the name itself is unknown.

use rustc_hash::FxHashMap;
use sqlx::PgConnection;

use super::blocks::read_block;
use super::snapshot::LexicalSnapshot;
use crate::CodebaseError;

/// More close names than this say that the query meant none of them.
const MOST_NAMES: usize = 8;
/// Shorter names are a letter away from too many others.
const SHORTEST_CHARACTERS: usize = 4;
/// From here on two mistakes are forgiven.
const LONG_CHARACTERS: usize = 8;

/// A marker that the index has, for one that it lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CloseMarker {
    pub marker: String,
    /// Typing errors between the two; none when the asked name is the beginning of this one.
    pub mistakes: usize,
}

/// The markers that begin with `marker`, and with `forgiving` those that differ by a typing error or two; closest first.
/// The first letter is taken to be right: errors are rarely there, and without it every name of the project would be
/// compared.
pub(crate) async fn close_markers(
    connection: &mut PgConnection,
    snapshot: &LexicalSnapshot,
    marker: &str,
    forgiving: bool,
) -> Result<Vec<CloseMarker>, CodebaseError> {
    let Some((kind, name)) = marker.split_once(':') else {
        return Ok(Vec::new());
    };
    let asked: Vec<char> = name.chars().collect();
    if asked.len() < SHORTEST_CHARACTERS {
        return Ok(Vec::new());
    }
    let forgiven = match asked.len() {
        _ if !forgiving => 0,
        ..LONG_CHARACTERS => 1,
        _ => 2,
    };
    let from = if forgiving {
        format!("{kind}:{}", asked[0])
    } else {
        marker.to_owned()
    };
    let segment_ids: Vec<i64> = snapshot.segments.iter().map(|segment| segment.id).collect();
    let below = format!("{from}{}", char::MAX);
    let rows = sqlx::query_file!("queries/lexical_range.sql", &segment_ids, from, below)
        .fetch_all(connection)
        .await?;
    let mut close: FxHashMap<String, usize> = FxHashMap::default();
    let mut known = Vec::new();
    for row in &rows {
        for found in read_block(&row.block) {
            let Some(rest) = found.term.strip_prefix(kind).filter(|_| found.term.starts_with(&from)) else {
                continue;
            };
            if close.contains_key(found.term) {
                continue;
            }
            known.clear();
            known.extend(rest.chars().skip(1));
            let mistakes = if known.starts_with(&asked) {
                Some(0)
            } else {
                mistakes(&asked, &known, forgiven)
            };
            if let Some(mistakes) = mistakes {
                close.insert(found.term.to_owned(), mistakes);
            }
        }
    }
    let mut close: Vec<CloseMarker> = close
        .into_iter()
        .map(|(marker, mistakes)| CloseMarker { marker, mistakes })
        .collect();
    // Of names that begin alike the shortest is nearest.
    close.sort_by(|left, right| {
        (left.mistakes, left.marker.len(), &left.marker).cmp(&(right.mistakes, right.marker.len(), &right.marker))
    });
    close.truncate(MOST_NAMES);
    Ok(close)
}

/// How many letters were left out, added, replaced or swapped with the next; `None` when more than `most`.
fn mistakes(asked: &[char], known: &[char], most: usize) -> Option<usize> {
    if asked.len().abs_diff(known.len()) > most {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=known.len()).collect();
    let mut row = vec![0; known.len() + 1];
    for (i, &letter) in asked.iter().enumerate() {
        row[0] = i + 1;
        for (j, &other) in known.iter().enumerate() {
            let replaced = above[j] + usize::from(letter != other);
            let mut fewest = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && letter == known[j - 1] && asked[i - 1] == other {
                fewest = fewest.min(before[j - 1] + 1);
            }
            row[j + 1] = fewest;
        }
        if row.iter().min().is_some_and(|&fewest| fewest > most) {
            return None;
        }
        before = std::mem::replace(&mut above, std::mem::take(&mut row));
        row = vec![0; known.len() + 1];
    }
    above.last().copied().filter(|&count| count <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(asked: &str, known: &str, most: usize) -> Option<usize> {
        let letters = |text: &str| text.chars().collect::<Vec<char>>();
        mistakes(&letters(asked), &letters(known), most)
    }

    #[test]
    fn typing_errors_are_counted_once_each() {
        for (asked, known, count) in [
            ("retrypolicy", "retrypolicy", Some(0)),
            ("retrypolcy", "retrypolicy", Some(1)),
            ("retyrpolicy", "retrypolicy", Some(1)),
            ("retrypollicy", "retrypolicy", Some(1)),
            ("retripolcy", "retrypolicy", Some(2)),
            ("polcyretry", "retrypolicy", None),
            ("größe", "grösse", Some(2)),
            ("a", "", Some(1)),
        ] {
            assert_eq!(between(asked, known, 2), count, "{asked} {known}");
        }
        assert_eq!(between("ab", "cd", 1), None);
    }
}
