//! Ranked candidates to hits: which are shown, which neighbours are shown as one, and their text.
//! Reads content for the shown ones only. Never changes the order.

use rustc_hash::FxHashMap;
use sqlx::PgConnection;
use uuid::Uuid;

use super::candidates::Candidate;
use super::copies::Distinct;
use super::outcome::{Elsewhere, Hit};
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
    lines: Lines,
    copies: Vec<Place>,
}

/// The same chunks in another repository.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    repository_id: Uuid,
    path: String,
    lines: Lines,
}

/// First and last line, inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lines {
    start: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

impl Lines {
    fn of(candidate: &Candidate) -> Lines {
        Lines {
            start: candidate.start_line,
            end: candidate.end_line,
        }
    }

    /// On which side `other` follows without a gap.
    fn touched_by(self, other: Lines) -> Option<Side> {
        if self.end + 1 == other.start {
            Some(Side::After)
        } else if other.end + 1 == self.start {
            Some(Side::Before)
        } else {
            None
        }
    }

    fn with(self, other: Lines) -> Lines {
        Lines {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

/// The hits from `offset` on, `limit` at most, and whether there are more.
pub(crate) async fn answer(
    connection: &mut PgConnection,
    distinct: Vec<Distinct>,
    offset: usize,
    limit: usize,
) -> Result<(Vec<Hit>, bool), CodebaseError> {
    let mut groups = group(distinct, offset + limit + 1);
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
    .fetch_all(&mut *connection)
    .await?;
    let mut by_number: FxHashMap<i64, _> = rows.into_iter().map(|row| (row.number, row)).collect();
    let repositories = repositories_of_copies(connection, &shown).await?;
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
            start_line: group.lines.start,
            end_line: group.lines.end,
            score: group.best.score,
            explanation: group.best.explanation,
            content,
            also_in: elsewhere(group.copies, &repositories),
        });
    }
    Ok((hits, more))
}

/// Name and directory of a repository, by id.
type Repositories = FxHashMap<Uuid, (String, String)>;

async fn repositories_of_copies(
    connection: &mut PgConnection,
    groups: &[Group],
) -> Result<Repositories, CodebaseError> {
    let ids: Vec<Uuid> = groups
        .iter()
        .flat_map(|group| group.copies.iter().map(|copy| copy.repository_id))
        .collect();
    if ids.is_empty() {
        return Ok(Repositories::default());
    }
    let rows = sqlx::query!(
        "select id, name, repo_path from codebase.repositories where id = any($1)",
        &ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.id, (row.name, row.repo_path)))
        .collect())
}

fn elsewhere(copies: Vec<Place>, repositories: &Repositories) -> Vec<Elsewhere> {
    let mut places: Vec<Elsewhere> = copies
        .into_iter()
        .filter_map(|copy| {
            let (name, root) = repositories.get(&copy.repository_id)?;
            Some(Elsewhere {
                repository_id: copy.repository_id,
                repository_name: name.clone(),
                repository_root: root.clone(),
                path: copy.path,
                start_line: copy.lines.start,
                end_line: copy.lines.end,
            })
        })
        .collect();
    places.sort_by(|one, other| one.repository_root.cmp(&other.repository_root));
    places
}

/// Takes candidates in order until there are `most` hits; one that touches a hit of its file joins it.
fn group(distinct: Vec<Distinct>, most: usize) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut of_file: FxHashMap<(Uuid, String), Vec<usize>> = FxHashMap::default();
    for candidate in distinct {
        let candidate = Group::of(candidate);
        let (repository_id, path) = (candidate.best.candidate.repository_id, &candidate.best.candidate.path);
        let neighbours = of_file.entry((repository_id, path.clone())).or_default();
        let joined = neighbours
            .iter()
            .find_map(|&index| Some((index, groups[index].side_of(&candidate)?)));
        if let Some((index, side)) = joined {
            groups[index].join(candidate, side);
            continue;
        }
        if groups.len() == most {
            break;
        }
        neighbours.push(groups.len());
        groups.push(candidate);
    }
    groups
}

impl Group {
    fn of(distinct: Distinct) -> Group {
        let mut copies: Vec<Place> = distinct
            .copies
            .into_iter()
            .map(|copy| Place {
                repository_id: copy.repository_id,
                lines: Lines::of(&copy),
                path: copy.path,
            })
            .collect();
        copies.sort_by_key(|copy| copy.repository_id);
        Group {
            numbers: vec![distinct.ranked.candidate.number],
            lines: Lines::of(&distinct.ranked.candidate),
            best: distinct.ranked,
            copies,
        }
    }

    /// On which side `other`, of the same file, joins this hit: it has to follow here and in every copy alike, so that
    /// what is said of the copies is true of all of the hit.
    fn side_of(&self, other: &Group) -> Option<Side> {
        let side = self.lines.touched_by(other.lines)?;
        let alike = self.copies.len() == other.copies.len()
            && self.copies.iter().zip(&other.copies).all(|(here, there)| {
                (here.repository_id, &here.path) == (there.repository_id, &there.path)
                    && here.lines.touched_by(there.lines) == Some(side)
            });
        (alike && self.numbers.len() < MOST_JOINED).then_some(side)
    }

    fn join(&mut self, other: Group, side: Side) {
        match side {
            Side::After => self.numbers.extend(other.numbers),
            Side::Before => self.numbers.splice(0..0, other.numbers).for_each(drop),
        }
        self.lines = self.lines.with(other.lines);
        for (here, there) in self.copies.iter_mut().zip(other.copies) {
            here.lines = here.lines.with(there.lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::copies::alone;
    use super::super::explanation::Explanation;
    use super::*;

    fn chunk(path: &str, start_line: u32, end_line: u32) -> Distinct {
        alone(Ranked {
            candidate: Candidate::at(path, start_line, end_line),
            score: 0.5,
            explanation: Explanation::default(),
        })
    }

    fn grouped(candidates: &[(&str, u32, u32)], most: usize) -> Vec<(String, u32, u32)> {
        let candidates = candidates
            .iter()
            .map(|&(path, start, end)| chunk(path, start, end))
            .collect();
        group(candidates, most)
            .into_iter()
            .map(|group| (group.best.candidate.path, group.lines.start, group.lines.end))
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

    #[test]
    fn neighbours_are_one_hit_only_where_their_copies_are_neighbours_too() {
        let with_copy = |start_line, copied_to| {
            let mut distinct = chunk("a", start_line, start_line + 9);
            distinct.copies.push(Candidate {
                repository_id: Uuid::max(),
                ..Candidate::at("b", copied_to, copied_to + 9)
            });
            distinct
        };
        let lines = |distinct: Vec<Distinct>| -> Vec<(u32, u32)> {
            let groups = group(distinct, 10);
            groups
                .iter()
                .map(|group| (group.lines.start, group.lines.end))
                .collect()
        };
        assert_eq!(lines(vec![with_copy(11, 31), with_copy(1, 21)]), [(1, 20)]);
        assert_eq!(lines(vec![with_copy(11, 31), with_copy(1, 20)]), [(11, 20), (1, 10)]);
        assert_eq!(lines(vec![with_copy(11, 31), chunk("a", 1, 10)]), [(11, 20), (1, 10)]);
        let joined = group(vec![with_copy(11, 31), with_copy(1, 21)], 10);
        assert_eq!(joined[0].copies[0].lines, Lines { start: 21, end: 40 });
    }
}
