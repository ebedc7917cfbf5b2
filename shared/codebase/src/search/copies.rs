//! The same code in several repositories of a project, as in worktrees and clones, is one hit that names the others: else
//! five worktrees would fill an answer with five times the same. Pure; keeps the order of ranking.

use rustc_hash::FxHashMap;

use super::candidates::Candidate;
use super::ranking::Ranked;

/// A candidate and its copies in other repositories, at most one of each.
#[derive(Debug)]
pub(crate) struct Distinct {
    pub ranked: Ranked,
    pub copies: Vec<Candidate>,
}

/// Makes a candidate that equals a better one of another repository a copy of that. Equal chunks of one repository stay
/// apart: that code stands there twice is worth knowing.
pub(crate) fn merge_copies(ranked: Vec<Ranked>) -> Vec<Distinct> {
    let mut distinct: Vec<Distinct> = Vec::with_capacity(ranked.len());
    let mut by_text: FxHashMap<Vec<u8>, Vec<usize>> = FxHashMap::default();
    for ranked in ranked {
        let equals = by_text.entry(ranked.candidate.text_hash.clone()).or_default();
        let original = equals
            .iter()
            .copied()
            .find(|&index| !is_represented(&distinct[index], &ranked.candidate));
        if let Some(index) = original {
            distinct[index].copies.push(ranked.candidate);
        } else {
            equals.push(distinct.len());
            distinct.push(alone(ranked));
        }
    }
    distinct
}

/// As a candidate that nothing is compared with.
pub(crate) fn alone(ranked: Ranked) -> Distinct {
    Distinct {
        ranked,
        copies: Vec::new(),
    }
}

fn is_represented(distinct: &Distinct, candidate: &Candidate) -> bool {
    std::iter::once(&distinct.ranked.candidate)
        .chain(&distinct.copies)
        .any(|known| known.repository_id == candidate.repository_id)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::explanation::Explanation;
    use super::*;

    fn ranked(repository: u128, path: &str, text: u8) -> Ranked {
        Ranked {
            candidate: Candidate {
                repository_id: Uuid::from_u128(repository),
                text_hash: vec![text],
                ..Candidate::at(path, 1, 10)
            },
            score: 0.5,
            explanation: Explanation::default(),
        }
    }

    fn merged(candidates: &[(u128, &str, u8)]) -> Vec<(String, Vec<u128>)> {
        let candidates = candidates
            .iter()
            .map(|&(repository, path, text)| ranked(repository, path, text))
            .collect();
        let repositories = |copies: Vec<Candidate>| copies.iter().map(|copy| copy.repository_id.as_u128()).collect();
        merge_copies(candidates)
            .into_iter()
            .map(|distinct| (distinct.ranked.candidate.path, repositories(distinct.copies)))
            .collect()
    }

    #[test]
    fn equal_chunks_of_other_repositories_join_the_best_one() {
        let hits = merged(&[(1, "a", 7), (2, "a", 7), (1, "b", 8), (3, "moved", 7), (2, "b", 9)]);
        let expected = [("a", vec![2, 3]), ("b", vec![]), ("b", vec![])];
        assert_eq!(hits, expected.map(|(path, copies)| (path.to_owned(), copies)));
    }

    #[test]
    fn equal_chunks_of_one_repository_stay_apart_and_pair_with_those_of_another() {
        let hits = merged(&[(1, "a", 7), (2, "a", 7), (1, "b", 7), (2, "b", 7)]);
        let expected = [("a", vec![2]), ("b", vec![2])];
        assert_eq!(hits, expected.map(|(path, copies)| (path.to_owned(), copies)));
    }
}
