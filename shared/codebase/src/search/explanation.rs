//! Why a hit stands where it stands: what words and meaning gave it, and what ranking made of that. Plain data; made by
//! `judge`, shown by whoever was asked to explain.

use std::fmt;

/// What each part of the search gave a hit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    /// BM25 of the query's words; 0 when none occurs.
    pub bm25: f32,
    /// The same relative to the best candidate, 0 to 1.
    pub words: f32,
    /// Cosine similarity to the query's vector; `None` without a vector on either side.
    pub cosine: Option<f32>,
    /// The same relative to the best and the last candidate, 0 to 1.
    pub meaning: Option<f32>,
    /// Words and meaning together, 0 to 1.
    pub fused: f32,
    /// What ranking multiplied that with, in order.
    pub corrections: Vec<Correction>,
    /// Whether it is what was asked for by name.
    pub standing: Standing,
}

/// One reason to rank a hit higher or lower.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correction {
    /// What was noticed, in words that go behind "because".
    pub reason: &'static str,
    /// Above 1: higher.
    pub factor: f32,
}

/// How directly a hit answers a query for a name, a path or a pattern; what stands higher comes first whatever its evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Judged by its evidence.
    #[default]
    Ordinary,
    /// Defines, or is, what the query names but for a typing error.
    Close,
    /// Defines the asked name in another spelling of its case.
    OtherCase,
    /// Defines the asked name, is the asked file, or matches the asked pattern.
    Exact,
}

impl fmt::Display for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Standing::Ordinary => "by its evidence",
            Standing::Close => "close to what was asked",
            Standing::OtherCase => "what was asked, in another case",
            Standing::Exact => "what was asked",
        })
    }
}

impl fmt::Display for Explanation {
    /// One line: `words 0.81 (bm25 12.4), meaning 0.64 (cosine 0.52) = 0.73; × 1.20 names what was asked; by its evidence`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "words {:.2} (bm25 {:.1})", self.words, self.bm25)?;
        if let (Some(meaning), Some(cosine)) = (self.meaning, self.cosine) {
            write!(formatter, ", meaning {meaning:.2} (cosine {cosine:.2})")?;
        }
        write!(formatter, " = {:.2}", self.fused)?;
        for correction in &self.corrections {
            write!(formatter, "; × {:.2} {}", correction.factor, correction.reason)?;
        }
        write!(formatter, "; {}", self.standing)
    }
}
