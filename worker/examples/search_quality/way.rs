//! A way to answer that is compared with others: `hybrid`, or `no-names=hybrid,name=0`.

use anyhow::{Context as _, Result};
use quarry_codebase::{SearchMode, Weights};

/// One way, under the name it has in tables.
pub(crate) struct Way {
    pub(crate) name: String,
    pub(crate) how: How,
}

pub(crate) enum How {
    /// What any search engine has: BM25 over the words of chunks, identifiers split, nothing else.
    PlainBm25,
    Search(SearchMode, Weights),
}

impl Way {
    pub(crate) fn parse(text: &str) -> Result<Way> {
        let (name, rest) = text.split_once('=').unwrap_or((text, text));
        let mut parts = rest.split(',');
        let mode = parts.next().unwrap_or_default();
        if mode == "bm25" {
            return Ok(Way {
                name: name.to_owned(),
                how: How::PlainBm25,
            });
        }
        let mut weights = Weights::default();
        for part in parts {
            if part == "neutral" {
                weights = Weights::NEUTRAL;
                continue;
            }
            let (weight, value) = part
                .split_once('=')
                .with_context(|| format!("{part} is no WEIGHT=VALUE"))?;
            let value: f32 = value.parse().with_context(|| format!("{value} is no number"))?;
            *weights
                .by_name(weight)
                .with_context(|| format!("there is no weight {weight}"))? = value;
        }
        let how = How::Search(mode.parse()?, weights);
        Ok(Way {
            name: name.to_owned(),
            how,
        })
    }
}
