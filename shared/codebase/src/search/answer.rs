//! Ranked candidates to hits: which are shown, which neighbours are shown as one, and their text.
//! Reads content for the shown ones only. Never changes the order.

use rustc_hash::FxHashMap;
use sqlx::PgConnection;
use uuid::Uuid;

use super::outcome::Hit;
use super::ranking::Ranked;
use crate::CodebaseError;

/// Chunks shown as one hit at most: a reader wants the place, not the file.
const MOST_JOINED: usize = 3;

/// One hit before its text is read: chunks that follow each other in a file.
#[derive(Debug)]
struct Group {
    best: Ranked,
    /// Numbers in the order of their lines.
    numbers: Vec<i64>,
    start_line: u32,
    end_line: u32,
}

/// The hits from `offset` on, `limit` at most, and whether there are more.
pub(crate) async fn answer(
    connection: &mut PgConnection,
    ranked: Vec<Ranked>,
    offset: usize,
    limit: usize,
) -> Result<(Vec<Hit>, bool), CodebaseError> {
    let mut groups = group(ranked, offset + limit + 1);
    let more = groups.len() > offset + limit;
    groups.truncate(offset + limit);
    let shown: Vec<Group> = groups.into_iter().skip(offset).collect();
    let numbers: Vec<i64> = shown.iter().flat_map(|group| group.numbers.iter().copied()).collect();
    if numbers.is_empty() {
        return Ok((Vec::new(), more));
    }
    let rows = sqlx::query!(
        "select
             chunk.number,
             chunk.content,
             chunk.language,
             chunk.symbol,
             chunk.symbol_kind,
             repository.name,
             repository.repo_path
         from codebase.code_chunks as chunk
         join codebase.repositories as repository on repository.id = chunk.repository_id
         where chunk.number = any($1)",
        &numbers
    )
    .fetch_all(connection)
    .await?;
    let mut by_number: FxHashMap<i64, _> = rows.into_iter().map(|row| (row.number, row)).collect();
    let mut hits = Vec::with_capacity(shown.len());
    for group in shown {
        let content: String = group
            .numbers
            .iter()
            .filter_map(|number| by_number.get(number))
            .map(|row| row.content.as_str())
            .collect();
        let best = group.best.candidate;
        let Some(row) = by_number.remove(&best.number) else {
            continue;
        };
        hits.push(Hit {
            chunk_id: best.id,
            repository_id: best.repository_id,
            repository_name: row.name,
            repository_root: row.repo_path,
            path: best.path,
            language: row.language,
            symbol: row.symbol,
            symbol_kind: row.symbol_kind,
            start_line: group.start_line,
            end_line: group.end_line,
            score: group.best.score,
            content,
        });
    }
    Ok((hits, more))
}

/// Takes candidates in order until there are `most` hits; one that touches a hit of its file joins it.
fn group(ranked: Vec<Ranked>, most: usize) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut of_file: FxHashMap<(Uuid, String), Vec<usize>> = FxHashMap::default();
    for ranked in ranked {
        let candidate = &ranked.candidate;
        let neighbours = of_file
            .entry((candidate.repository_id, candidate.path.clone()))
            .or_default();
        let joined = neighbours.iter().copied().find(|&index| {
            let group = &groups[index];
            group.numbers.len() < MOST_JOINED
                && (group.end_line + 1 == candidate.start_line || candidate.end_line + 1 == group.start_line)
        });
        if let Some(index) = joined {
            let group = &mut groups[index];
            if group.end_line < candidate.start_line {
                group.numbers.push(candidate.number);
                group.end_line = candidate.end_line;
            } else {
                group.numbers.insert(0, candidate.number);
                group.start_line = candidate.start_line;
            }
            continue;
        }
        if groups.len() == most {
            break;
        }
        neighbours.push(groups.len());
        groups.push(Group {
            numbers: vec![candidate.number],
            start_line: candidate.start_line,
            end_line: candidate.end_line,
            best: ranked,
        });
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::super::candidates::Candidate;
    use super::*;

    fn ranked(path: &str, start_line: u32, end_line: u32) -> Ranked {
        Ranked {
            candidate: Candidate {
                number: i64::from(start_line),
                id: Uuid::nil(),
                repository_id: Uuid::nil(),
                path: path.to_owned(),
                symbol: None,
                defines: Vec::new(),
                start_line,
                end_line,
                bm25: 0.0,
                cosine: None,
            },
            score: 0.5,
        }
    }

    fn grouped(candidates: &[(&str, u32, u32)], most: usize) -> Vec<(String, u32, u32)> {
        let candidates = candidates
            .iter()
            .map(|&(path, start, end)| ranked(path, start, end))
            .collect();
        group(candidates, most)
            .into_iter()
            .map(|group| (group.best.candidate.path, group.start_line, group.end_line))
            .collect()
    }

    #[test]
    fn neighbours_are_one_hit_in_the_order_of_their_lines() {
        let hits = grouped(
            &[("a", 11, 20), ("b", 1, 9), ("a", 1, 10), ("a", 21, 30), ("a", 40, 50)],
            10,
        );
        assert_eq!(
            hits,
            [
                ("a".to_owned(), 1, 30),
                ("b".to_owned(), 1, 9),
                ("a".to_owned(), 40, 50)
            ]
        );
    }

    #[test]
    fn a_hit_does_not_grow_into_a_file() {
        let hits = grouped(&[("a", 1, 10), ("a", 11, 20), ("a", 21, 30), ("a", 31, 40)], 10);
        assert_eq!(hits, [("a".to_owned(), 1, 30), ("a".to_owned(), 31, 40)]);
    }

    #[test]
    fn there_are_no_more_hits_than_asked_for() {
        assert_eq!(grouped(&[("a", 1, 2), ("b", 1, 2), ("c", 1, 2)], 2).len(), 2);
    }
}
