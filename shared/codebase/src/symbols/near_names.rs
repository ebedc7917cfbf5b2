//! Which of all defined names a name that nobody defines may have meant: other spelling, beginning, words, slips of the
//! keyboard. Pure; looks at each name for some nanoseconds, because there are hundreds of thousands.

use rustc_hash::FxHashSet;

use super::outcome::NameMatch;
use super::request::AskedName;
use crate::tokenize::split_identifier;

/// Names that are offered for one that nobody defines.
const MOST_NEAR_NAMES: usize = 8;

/// Names that begin as asked.
const MOST_WITH_PREFIX: usize = 100;

/// Shorter beginnings are those of too many names.
const SHORTEST_PREFIX: usize = 3;

/// Nearest first, with how they were found; each once. `names` are in lower case.
pub(crate) fn near_names<'a>(asked: &AskedName, names: impl Iterator<Item = &'a str>) -> Vec<(&'a str, NameMatch)> {
    let wanted = Wanted::of(asked);
    let mut near: Vec<(Nearness, &str)> = Vec::new();
    let mut seen: FxHashSet<&str> = FxHashSet::default();
    for name in names {
        if let Some(nearness) = wanted.nearness(name)
            && seen.insert(name)
        {
            near.push((nearness, name));
        }
    }
    near.sort_unstable();
    if !asked.is_prefix && near.first().is_some_and(|(nearness, _)| nearness.slips < 2) {
        near.retain(|(nearness, _)| nearness.slips < 2);
    }
    near.truncate(if asked.is_prefix {
        MOST_WITH_PREFIX
    } else {
        MOST_NEAR_NAMES
    });
    near.into_iter()
        .map(|(nearness, name)| (name, nearness.matched))
        .collect()
}

/// Less is nearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Nearness {
    /// Of the levels below, those that two slips or more have part from the others.
    level: u8,
    slips: usize,
    more_bytes: usize,
    matched: NameMatch,
}

struct Wanted {
    /// In lower case, without underscores.
    letters: Vec<u8>,
    mask: u64,
    most_slips: usize,
    words: Vec<String>,
    lower: String,
    is_prefix: bool,
}

impl Wanted {
    fn of(asked: &AskedName) -> Wanted {
        let lower = asked.name.to_lowercase();
        let letters: Vec<u8> = letters(&lower).collect();
        let words = asked
            .name
            .split(|character: char| !character.is_alphanumeric())
            .flat_map(split_identifier)
            .map(str::to_lowercase)
            .filter(|word| word.len() >= 3)
            .collect();
        Wanted {
            mask: mask(letters.iter().copied()),
            most_slips: match letters.len() {
                0..=3 => 0,
                4..=7 => 1,
                8..=15 => 2,
                _ => 3,
            },
            letters,
            words,
            lower,
            is_prefix: asked.is_prefix,
        }
    }

    fn nearness(&self, name: &str) -> Option<Nearness> {
        let more_bytes = name.len().abs_diff(self.lower.len());
        let found = |level, slips, matched| {
            Some(Nearness {
                level,
                slips,
                more_bytes,
                matched,
            })
        };
        if self.is_prefix {
            return name
                .starts_with(&self.lower)
                .then_some(())
                .and_then(|()| found(0, 0, NameMatch::Prefix));
        }
        if self.letters.len() >= SHORTEST_PREFIX && name.starts_with(&self.lower) {
            return found(
                1,
                0,
                if more_bytes == 0 {
                    NameMatch::Spelling
                } else {
                    NameMatch::Prefix
                },
            );
        }
        if let Some(slips) = self.slips(name) {
            return match slips {
                0 => found(0, 0, NameMatch::Spelling),
                1 => found(2, 1, NameMatch::Close),
                slips => found(4, slips, NameMatch::Close),
            };
        }
        let holds_words = !self.words.is_empty() && self.words.iter().all(|word| name.contains(word.as_str()));
        if holds_words {
            return found(3, 0, NameMatch::Words);
        }
        None
    }

    /// How many letters have to be typed otherwise; none when it is too many.
    fn slips(&self, name: &str) -> Option<usize> {
        // Underscores aside, so a name may be longer than its letters: an underscore per two letters is the most one sees.
        let most_bytes = self.letters.len() + self.letters.len() / 2 + self.most_slips;
        if name.len() + self.most_slips < self.letters.len() || name.len() > most_bytes {
            return None;
        }
        // Each slip changes two of the letters that occur at most.
        let differing = (mask(letters(name)) ^ self.mask).count_ones() as usize;
        if differing > 2 * self.most_slips {
            return None;
        }
        let other: Vec<u8> = letters(name).collect();
        if other.len().abs_diff(self.letters.len()) > self.most_slips {
            return None;
        }
        let slips = distance(&self.letters, &other);
        (slips <= self.most_slips).then_some(slips)
    }
}

fn letters(name: &str) -> impl Iterator<Item = u8> + '_ {
    name.bytes().filter(|byte| *byte != b'_')
}

fn mask(letters: impl Iterator<Item = u8>) -> u64 {
    letters.fold(0, |mask, byte| mask | 1 << (byte & 63))
}

/// Letters left out, added, mistaken or swapped with the next (optimal string alignment).
fn distance(one: &[u8], other: &[u8]) -> usize {
    let width = other.len() + 1;
    let mut before: Vec<usize> = vec![0; width];
    let mut above: Vec<usize> = (0..width).collect();
    let mut row: Vec<usize> = vec![0; width];
    for (at, letter) in one.iter().enumerate() {
        row[0] = at + 1;
        for (column, typed) in other.iter().enumerate() {
            let mistaken = above[column] + usize::from(letter != typed);
            let mut least = mistaken.min(above[column + 1] + 1).min(row[column] + 1);
            if at > 0 && column > 0 && *letter == other[column - 1] && one[at - 1] == *typed {
                least = least.min(before[column - 1] + 1);
            }
            row[column + 1] = least;
        }
        std::mem::swap(&mut before, &mut above);
        std::mem::swap(&mut above, &mut row);
    }
    above[width - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 9] = [
        "claim",
        "claim_job",
        "claimjob",
        "claims",
        "compute_retry_delay",
        "open",
        "parse_line",
        "searchrequest",
        "search_requests",
    ];

    fn near(asked: &str) -> Vec<(&'static str, NameMatch)> {
        near_names(&AskedName::read(asked), NAMES.into_iter())
    }

    #[test]
    fn slips_of_the_keyboard_are_forgiven() {
        for typed in ["parse_lnie", "prase_line", "parse_lin", "parsee_line", "parse_lime"] {
            assert_eq!(near(typed)[0].0, "parse_line", "{typed}");
        }
        assert_eq!(near("SerachReqest")[0].0, "searchrequest");
        assert_eq!(near("opne"), [("open", NameMatch::Close)]);
        assert_eq!(near("xyzzy"), []);
        assert_eq!(near("opx"), [], "three letters are too few to be mistaken");
    }

    #[test]
    fn spelling_comes_before_what_begins_so_and_that_before_slips() {
        let found = near("ClaimJob");
        assert_eq!(found[0].1, NameMatch::Spelling);
        assert_eq!(found.len(), 2);
        assert_eq!(near("parseLine"), [("parse_line", NameMatch::Spelling)]);
        let found: Vec<&str> = near("clai").into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, ["claim", "claims", "claimjob", "claim_job"]);
    }

    #[test]
    fn a_name_may_be_asked_for_by_its_words() {
        assert_eq!(near("retryDelay"), [("compute_retry_delay", NameMatch::Words)]);
        assert_eq!(near("delay retry"), [("compute_retry_delay", NameMatch::Words)]);
    }

    #[test]
    fn a_star_asks_for_all_that_begin_so() {
        let found: Vec<&str> = near("claim_*").into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, ["claim_job"]);
        assert_eq!(near("c*").len(), 5);
    }

    #[test]
    fn distances_are_those_of_the_textbook() {
        for (one, other, expected) in [
            ("", "", 0),
            ("a", "", 1),
            ("abc", "acb", 1),
            ("kitten", "sitting", 3),
            ("ca", "abc", 3),
        ] {
            assert_eq!(distance(one.as_bytes(), other.as_bytes()), expected, "{one} {other}");
            assert_eq!(distance(other.as_bytes(), one.as_bytes()), expected, "{other} {one}");
        }
    }
}
