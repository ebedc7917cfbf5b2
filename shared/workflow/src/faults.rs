//! Where a document or a definition is wrong: a bounded list of JSON pointers, each with what to do.
//! Filled by limits.rs, lint.rs and validate.rs, handed to the caller inside an error.
//! Never holds a whole value: names, values and pointers are cut to a line.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Faults reported at once; whoever has more corrects these first.
pub const MAX_FAULTS: usize = 50;

/// Longer pointers end in an ellipsis: a property's name may be as long as the document.
const MAX_POINTER_CHARS: usize = 512;

/// One place that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// JSON pointer (RFC 6901) into the document or definition; empty for the whole, cut after 512 characters.
    pub pointer: String,
    /// The keyword that was violated, or `depth`, `size`, `text` for a limit of ours.
    pub keyword: String,
    /// What is wrong and what to do, on one line.
    pub message: String,
}

/// All faults of one value, at most [`MAX_FAULTS`], ordered by pointer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// The faults.
    pub faults: Vec<Fault>,
    /// Whether there are more than are listed.
    pub truncated: bool,
}

impl Faults {
    /// A list of one.
    pub(crate) fn one(pointer: &str, keyword: &str, message: impl Into<String>) -> Self {
        let mut faults = Self::default();
        faults.add(pointer, keyword, message);
        faults
    }

    /// Adds a fault unless it is listed already; past the cap it only notes that there are more.
    pub(crate) fn add(&mut self, pointer: &str, keyword: &str, message: impl Into<String>) {
        let pointer = cut(pointer, MAX_POINTER_CHARS);
        let fault = Fault {
            pointer,
            keyword: keyword.to_owned(),
            message: message.into(),
        };
        if self.faults.contains(&fault) {
            return;
        }
        if self.faults.len() == MAX_FAULTS {
            self.truncated = true;
        } else {
            self.faults.push(fault);
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.truncated
    }

    pub(crate) fn has(&self, keyword: &str) -> bool {
        self.faults.iter().any(|fault| fault.keyword == keyword)
    }

    /// Nothing when there is no fault.
    pub(crate) fn into_result(mut self) -> Result<(), Self> {
        if self.faults.is_empty() {
            return Ok(());
        }
        self.faults
            .sort_by(|a, b| (&a.pointer, &a.keyword).cmp(&(&b.pointer, &b.keyword)));
        Err(self)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let pointer = if fault.pointer.is_empty() {
                "the top"
            } else {
                &fault.pointer
            };
            write!(formatter, "{separator}at {pointer}: {}", fault.message)?;
        }
        if self.truncated {
            formatter.write_str("; and more")
        } else {
            Ok(())
        }
    }
}

/// The first characters of a text, with an ellipsis where it was cut.
pub(crate) fn cut(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A pointer one step longer.
pub(crate) fn step(pointer: &str, token: &str) -> String {
    format!("{pointer}/{}", token.replace('~', "~0").replace('/', "~1"))
}
