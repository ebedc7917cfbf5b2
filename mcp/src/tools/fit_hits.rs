//! Fits hits into the budget of an answer: the first ones get more room, what has none waits for the next page. Hands
//! `get_code` the meaning of a ref. Knows no database.

use std::collections::HashSet;

use quarry_codebase::Hit;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::plain_schema::plain;
use crate::snippet::{excerpt, json_bytes, visible};

/// What stands around the hits: project, freshness, cursor, note.
const BYTES_AROUND: usize = 300;

/// Names and punctuation of a hit's fields, its ref, lines and score.
const BYTES_PER_HIT: usize = 130;

/// Name and punctuation of one more field.
const BYTES_PER_FIELD: usize = 14;

/// The field that says that a file changed.
const BYTES_OF_CHANGED: usize = 24;

/// A snippet shorter than this says nothing: hits that would get less wait for the next page.
const SHORTEST_SNIPPET: usize = 120;

/// Copies named at most; of more there is only a number.
const MOST_COPIES: usize = 3;

/// So many of the first hits get twice the room of the others.
const FIRST_HITS: usize = 3;

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(super) struct FoundCode {
    /// Pass to get_code.
    #[serde(rename = "ref")]
    reference: String,
    path: String,
    /// First and last line, from 1.
    lines: String,
    /// Which repository, when the project has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    symbol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    /// Where the same lines stand in other repositories.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also_in: Vec<String>,
    /// The file on disk differs from the indexed text: read it there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    changed_on_disk: bool,
    score: f64,
    snippet: String,
}

/// How much is told of each hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    Short,
    /// Also its kind, language and repository.
    Full,
}

/// As many of the hits as the budget in bytes has room for, the first one in any case; the first ones get more of it.
pub(super) fn fit(
    hits: Vec<Hit>,
    changed: &HashSet<(Uuid, String)>,
    words: &[(String, u32)],
    budget: usize,
    detail: Detail,
) -> Vec<FoundCode> {
    let several = hits
        .iter()
        .any(|hit| hit.repository_id != hits[0].repository_id || !hit.also_in.is_empty());
    let mut left = budget.saturating_sub(BYTES_AROUND);
    let mut found: Vec<FoundCode> = Vec::with_capacity(hits.len());
    let count = hits.len();
    for (rank, hit) in hits.into_iter().enumerate() {
        let full = detail == Detail::Full;
        let repository = (several || full).then(|| visible(&hit.repository_root));
        let symbol = hit.symbol.as_deref().map(visible);
        let also_in = copies(&hit);
        let kind = hit.symbol_kind.clone().filter(|_| full);
        let language = hit.language.clone().filter(|_| full);
        let changed_on_disk = changed.contains(&(hit.repository_id, hit.path.clone()));
        let named = hit.path.len()
            + symbol.as_deref().map_or(0, str::len)
            + repository.as_deref().map_or(0, str::len)
            + [&kind, &language]
                .into_iter()
                .flatten()
                .map(|word| word.len() + BYTES_PER_FIELD)
                .sum::<usize>()
            + also_in.iter().map(|place| place.len() + 3).sum::<usize>()
            + if changed_on_disk { BYTES_OF_CHANGED } else { 0 };
        let room = left.saturating_sub(BYTES_PER_HIT + named);
        if room < SHORTEST_SNIPPET && rank > 0 {
            break;
        }
        // The others count as if they had names of the same length.
        let firsts = FIRST_HITS.min(count).saturating_sub(rank);
        let shares = firsts * 2 + (count - rank - firsts);
        let to_share = left.saturating_sub((count - rank) * (BYTES_PER_HIT + named));
        let share = to_share / shares * if firsts > 0 { 2 } else { 1 };
        let snippet = excerpt(
            &hit.content,
            hit.start_line,
            words,
            share.clamp(SHORTEST_SNIPPET, room.max(SHORTEST_SNIPPET)),
        );
        left = room.saturating_sub(json_bytes(&snippet));
        found.push(FoundCode {
            reference: reference(&hit),
            path: visible(&hit.path),
            lines: format!("{}-{}", hit.start_line, hit.end_line),
            repository,
            symbol,
            kind,
            language,
            also_in,
            changed_on_disk,
            score: (f64::from(hit.score) * 100.0).round() / 100.0,
            snippet,
        });
    }
    found
}

/// The directory of the other repository where path and lines are those of the hit, else all of the place.
fn copies(hit: &Hit) -> Vec<String> {
    let mut places: Vec<String> = hit
        .also_in
        .iter()
        .take(MOST_COPIES)
        .map(|place| {
            let root = &place.repository_root;
            let here = (&hit.path, hit.start_line, hit.end_line);
            if (&place.path, place.start_line, place.end_line) == here {
                visible(root)
            } else {
                visible(&format!(
                    "{root}/{}:{}-{}",
                    place.path, place.start_line, place.end_line
                ))
            }
        })
        .collect();
    if hit.also_in.len() > MOST_COPIES {
        places.push(format!("and {} more", hit.also_in.len() - MOST_COPIES));
    }
    places
}

/// A hit may stand for several neighbouring chunks, so its lines go with the chunk's id.
fn reference(hit: &Hit) -> String {
    format!("{}:{}-{}", hit.chunk_id.simple(), hit.start_line, hit.end_line)
}

/// The chunk and the lines that a ref stands for.
pub(super) fn parse_reference(reference: &str) -> Option<(Uuid, (u32, u32))> {
    let (chunk, lines) = reference.split_once(':')?;
    let (first, last) = lines.split_once('-')?;
    Some((Uuid::parse_str(chunk).ok()?, (first.parse().ok()?, last.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use quarry_codebase::{Elsewhere, Explanation};

    use super::*;

    fn hit(rank: u32, lines: usize) -> Hit {
        Hit {
            chunk_id: Uuid::nil(),
            repository_id: Uuid::nil(),
            repository_name: "app".to_owned(),
            repository_root: "/src/app".to_owned(),
            path: format!("src/some/directory/file_{rank}.rs"),
            language: None,
            symbol: Some("Some::function".to_owned()),
            symbol_kind: None,
            start_line: 1,
            end_line: 40,
            score: 0.72,
            explanation: Explanation::default(),
            content: "    let value = \"a line of code\";\n".repeat(lines),
            also_in: Vec::new(),
        }
    }

    fn bytes(hits: &[FoundCode]) -> usize {
        serde_json::to_string(hits).unwrap().len()
    }

    #[test]
    fn an_answer_keeps_to_its_budget_however_much_is_found() {
        for (count, budget) in [(1, 600), (10, 4_500), (100, 4_500), (100, 60_000), (10, 600)] {
            let hits = fit(
                (0..count).map(|rank| hit(rank, 60)).collect(),
                &HashSet::new(),
                &[],
                budget,
                Detail::Short,
            );
            assert!(
                !hits.is_empty() && bytes(&hits) + BYTES_AROUND <= budget + 30,
                "{count}: {} > {budget}",
                bytes(&hits)
            );
        }
    }

    #[test]
    fn ten_long_hits_all_fit_and_the_first_has_most_room() {
        let hits = fit(
            (0..10).map(|rank| hit(rank, 60)).collect(),
            &HashSet::new(),
            &[],
            4_500,
            Detail::Short,
        );
        assert_eq!(hits.len(), 10);
        assert!(hits[0].snippet.len() > hits[9].snippet.len());
    }

    #[test]
    fn a_ref_stands_for_the_lines_of_its_hit() {
        assert_eq!(parse_reference(&reference(&hit(0, 3))), Some((Uuid::nil(), (1, 40))));
        for other in [
            "",
            "src/a.rs:1-2",
            "00000000000000000000000000000000",
            "00000000000000000000000000000000:1",
        ] {
            assert_eq!(parse_reference(other), None, "{other}");
        }
    }

    #[test]
    fn a_short_hit_is_shown_whole() {
        let hits = fit(vec![hit(0, 3)], &HashSet::new(), &[], 4_500, Detail::Short);
        assert_eq!(hits[0].snippet.lines().count(), 3);
        assert_eq!(serde_json::to_value(&hits[0]).unwrap()["score"].to_string(), "0.72");
    }

    #[test]
    fn copies_in_other_repositories_are_named_as_shortly_as_they_can_be() {
        let place = |number: u32, path: &str| Elsewhere {
            repository_id: Uuid::from_u128(u128::from(number)),
            repository_name: "app".to_owned(),
            repository_root: format!("/src/app_{number}"),
            path: path.to_owned(),
            start_line: 1,
            end_line: 40,
        };
        let mut copied = hit(0, 3);
        copied.also_in = vec![place(1, &copied.path), place(2, "moved.rs")];
        assert_eq!(copies(&copied), ["/src/app_1", "/src/app_2/moved.rs:1-40"]);
        copied.also_in = (0..9).map(|number| place(number, "moved.rs")).collect();
        assert_eq!(copies(&copied).last().unwrap(), "and 6 more");
        let shown = fit(vec![copied], &HashSet::new(), &[], 4_500, Detail::Short);
        assert_eq!(shown[0].repository.as_deref(), Some("/src/app"));
    }
}
