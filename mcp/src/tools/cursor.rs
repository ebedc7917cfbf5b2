//! Where an answer goes on that had no room for everything. A cursor holds all there is to know, so that any process
//! understands it, and belongs to one question: with another it would skip what was never shown.

use std::fmt::Debug;

use crate::tool_error::ToolError;

/// Stands for a question with its filters: all but how much of the answer is wanted at a time.
pub(super) struct Question {
    tool: &'static str,
    fingerprint: String,
}

impl Question {
    pub(super) fn new(tool: &'static str, asked: &impl Debug) -> Question {
        let hash = blake3::hash(format!("{tool}{asked:?}").as_bytes());
        Question {
            tool,
            fingerprint: hash.to_hex()[..8].to_owned(),
        }
    }

    /// How much of each of `N` lists was shown before; nothing without a cursor.
    pub(super) fn shown_before<const N: usize>(&self, cursor: Option<&str>) -> Result<[u32; N], ToolError> {
        let Some(cursor) = cursor else { return Ok([0; N]) };
        let Some((shown, of)) = parse(cursor) else {
            return Err(ToolError::new(format!(
                "this cursor is not one of {}'s: leave it out to start again",
                self.tool
            )));
        };
        if of != self.fingerprint {
            return Err(ToolError::new(
                "this cursor belongs to another question: repeat the other arguments as they were, or leave it out to start again",
            ));
        }
        Ok(shown)
    }

    /// The cursor of whoever has seen so much of each list.
    pub(super) fn cursor<const N: usize>(&self, shown: [u32; N]) -> String {
        let shown: Vec<String> = shown.iter().map(u32::to_string).collect();
        format!("o{}.{}", shown.join("-"), self.fingerprint)
    }
}

fn parse<const N: usize>(cursor: &str) -> Option<([u32; N], &str)> {
    let (shown, of) = cursor.strip_prefix('o')?.split_once('.')?;
    let shown: Vec<u32> = shown
        .split('-')
        .map(|count| count.parse().ok())
        .collect::<Option<_>>()?;
    Some((shown.try_into().ok()?, of))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_cursor_tells_its_own_question_where_to_go_on() {
        let question = Question::new("search_code", &("claim", Some("rust")));
        let cursor = question.cursor([10, 3]);
        assert_eq!(question.shown_before(Some(&cursor)).unwrap(), [10, 3]);
        assert_eq!(question.shown_before(None).unwrap(), [0, 0]);
        let other = Question::new("search_code", &("claim", None::<&str>));
        let refused = other.shown_before::<2>(Some(&cursor)).unwrap_err().0;
        assert!(refused.contains("belongs to another question"), "{refused}");
    }

    #[test]
    fn what_is_no_cursor_of_the_tool_is_refused() {
        let question = Question::new("find_symbol", &"claim");
        for cursor in ["", "x", "o1", "o1.2", "o1-x.2", "o1-2-3.4", "1700000000000000.00"] {
            let refused = question.shown_before::<2>(Some(cursor)).unwrap_err().0;
            assert!(refused.contains("not one of find_symbol's"), "{cursor}: {refused}");
        }
    }
}
