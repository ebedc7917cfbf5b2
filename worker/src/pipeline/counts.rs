//! What a run did, as numbers: they travel as JSON in the run's history and are added up for a ticket.
//! Never decides anything.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::stage_times::StageMillis;

/// Files and chunks a run touched. Sums over the runs of a ticket are what `quarry index` reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Files the walk found fit for the index.
    pub files_total: u64,
    /// Files whose content the comparison read; the others looked as they did when they were indexed.
    pub files_read: u64,
    /// Files whose chunks were written.
    pub files_indexed: u64,
    /// Files whose content was already in the index.
    pub files_unchanged: u64,
    /// Files that left the index because they are gone or no longer wanted.
    pub files_removed: u64,
    /// Files left out, by reason.
    pub files_skipped: BTreeMap<String, u64>,
    /// Chunks written.
    pub chunks: u64,
    /// Chunks whose vector the endpoint computed.
    pub embedded: u64,
    /// Chunks whose vector was already known.
    pub reused: u64,
    /// Chunks the endpoint refused: found lexically only.
    pub refused: u64,
    /// Where the time went, in milliseconds, summed over parallel stages.
    pub stage_ms: StageMillis,
}

impl Counts {
    /// Adds another run's numbers to these.
    pub fn add(&mut self, other: &Counts) {
        self.files_total += other.files_total;
        self.files_read += other.files_read;
        self.files_indexed += other.files_indexed;
        self.files_unchanged += other.files_unchanged;
        self.files_removed += other.files_removed;
        for (reason, count) in &other.files_skipped {
            *self.files_skipped.entry(reason.clone()).or_default() += count;
        }
        self.chunks += other.chunks;
        self.embedded += other.embedded;
        self.reused += other.reused;
        self.refused += other.refused;
        self.stage_ms.add(&other.stage_ms);
    }

    /// Counts one file left out for `reason`.
    pub fn skip(&mut self, reason: &str) {
        *self.files_skipped.entry(reason.to_owned()).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sums_keep_every_reason() {
        let mut total = Counts::default();
        let mut other = Counts {
            files_indexed: 2,
            ..Counts::default()
        };
        other.skip("binary");
        total.skip("binary");
        total.skip("secret");
        total.add(&other);
        assert_eq!(total.files_indexed, 2);
        assert_eq!(total.files_skipped["binary"], 2);
        assert_eq!(total.files_skipped["secret"], 1);
    }

    #[test]
    fn a_report_of_an_older_version_still_reads() {
        let counts: Counts = serde_json::from_str(r#"{"files_indexed": 3}"#).unwrap();
        assert_eq!(counts.files_indexed, 3);
    }
}
