//! Decides from a few numbers whether a project should have a vector index, when one is outdated, how many lists it gets and
//! how search uses it. The thresholds were measured with 100 000 chunks of real source text.
//! Pure: never asks the database.

/// Below, an exact scan takes milliseconds and an index costs recall.
pub(crate) const MIN_INDEXED_ROWS: i64 = 10_000;
/// An index that stands is dropped below this, not at once below the limit for building one: a project near the limit would
/// build and drop all day.
const MIN_KEPT_ROWS: i64 = MIN_INDEXED_ROWS / 2;
/// Up to here an exact scan is still fast enough to be the better choice when the index cannot reach the wanted recall.
const MAX_EXACT_ROWS: i64 = 50_000;
/// Part of the true ten nearest that a search should find.
pub(crate) const WANTED_RECALL: f32 = 0.95;
/// pgvector's limit for the type `halfvec`.
pub(crate) const MAX_INDEXED_DIMENSIONS: u32 = 4_000;
/// A build may take this much memory; larger projects get fewer lists.
const MAX_BUILD_BYTES: i64 = 1 << 30;
/// The least to give a build: Postgres' own default.
const MIN_BUILD_BYTES: i64 = 64 << 20;

/// The vectors as they are now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vectors {
    pub(crate) rows: i64,
    /// The latest chunk number given out: counts everything that was ever inserted.
    pub(crate) last_number: i64,
    pub(crate) dimensions: u32,
}

/// The index that stands, and what it was built from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Built {
    pub(crate) rows: i64,
    pub(crate) last_number: i64,
    /// Right after the build.
    pub(crate) size_bytes: i64,
    pub(crate) size_bytes_now: i64,
    /// As calibrated.
    pub(crate) recall: f32,
}

/// What to do about the vector index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// There is none and there should be none: searches scan exactly.
    None,
    /// The one that stands is right.
    Keep,
    /// Build one beside, then drop the old one.
    Build {
        /// Into how many lists the vectors are sorted.
        lists: i32,
        /// Why.
        reason: RebuildReason,
    },
    /// The project shrank: searches scan exactly.
    Drop,
    /// The vectors have more dimensions than an index takes, or none yet: searches scan exactly.
    Unsupported,
}

/// Why an index is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RebuildReason {
    /// The project grew large enough for one.
    First,
    /// More than four times the rows it was built from: its centres fit what was there then.
    Grew,
    /// Fewer than a quarter of the rows it was built from.
    Shrank,
    /// More than half of its rows were replaced since.
    Churned,
    /// More than 1.4 times the size its rows should take.
    Bloated,
    /// Somebody asked for it.
    Requested,
}

pub(crate) fn decide(now: &Vectors, built: Option<&Built>) -> Decision {
    if now.dimensions == 0 || now.dimensions > MAX_INDEXED_DIMENSIONS {
        return Decision::Unsupported;
    }
    let Some(built) = built else {
        return match now.rows {
            rows if rows < MIN_INDEXED_ROWS => Decision::None,
            _ => build(now, RebuildReason::First),
        };
    };
    if now.rows < MIN_KEPT_ROWS {
        return Decision::Drop;
    }
    let grown = now.rows - built.rows;
    let inserted = now.last_number - built.last_number;
    let replaced = inserted.min(inserted - grown);
    let size_expected = built.size_bytes as f64 * now.rows as f64 / built.rows.max(1) as f64;
    if now.rows > 4 * built.rows {
        build(now, RebuildReason::Grew)
    } else if 4 * now.rows < built.rows {
        build(now, RebuildReason::Shrank)
    } else if 2 * replaced > built.rows {
        build(now, RebuildReason::Churned)
    } else if built.size_bytes_now as f64 > 1.4 * size_expected.max(built.size_bytes as f64) {
        build(now, RebuildReason::Bloated)
    } else {
        Decision::Keep
    }
}

pub(crate) fn build(now: &Vectors, reason: RebuildReason) -> Decision {
    Decision::Build {
        lists: lists(now.rows, now.dimensions),
        reason,
    }
}

/// The square root of the rows, as long as a build with so many fits into its memory.
fn lists(rows: i64, dimensions: u32) -> i32 {
    let mut lists = i64::from(square_root(rows)).clamp(1, 32_768);
    while lists > 100 && needed_bytes(lists, dimensions) > MAX_BUILD_BYTES {
        lists -= lists / 20;
    }
    i32::try_from(lists).expect("at most 32 768")
}

/// The `maintenance_work_mem` for a build with so many lists, in bytes.
pub(crate) fn build_bytes(lists: i32, dimensions: u32) -> i64 {
    needed_bytes(i64::from(lists), dimensions).clamp(MIN_BUILD_BYTES, MAX_BUILD_BYTES * 5 / 4)
}

/// What pgvector's k-means allocates, with a quarter on top: 50 samples per list and at least 10 000, two sets of centres and
/// their sums in single precision, a bound per sample and centre, distances between centres.
fn needed_bytes(lists: i64, dimensions: u32) -> i64 {
    let dimensions = i64::from(dimensions);
    let vector = 8 + 2 * dimensions;
    let samples = (50 * lists).max(10_000);
    let centres = lists * (2 * vector + 4 * dimensions);
    let exact = samples * (vector + 8) + centres + 4 * samples * lists + 8 * lists * lists;
    exact + exact / 4
}

/// How many lists a search could probe, fewest first.
pub(crate) fn probe_candidates(lists: i32) -> Vec<i32> {
    let mut candidates = vec![square_root(i64::from(lists)), lists / 10, lists / 5, (lists + 2) / 3];
    for candidate in &mut candidates {
        *candidate = (*candidate).max(1);
    }
    candidates.sort_unstable();
    candidates.dedup();
    candidates
}

/// Whether a search should scan all vectors although there is an index.
pub(crate) fn is_exact_better(rows: i64, recall: f32) -> bool {
    rows < MIN_INDEXED_ROWS || (rows <= MAX_EXACT_ROWS && recall < WANTED_RECALL)
}

#[allow(clippy::cast_possible_truncation)] // the root of any i64 fits
fn square_root(number: i64) -> i32 {
    (number.max(0) as f64).sqrt().round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: Built = Built {
        rows: 40_000,
        last_number: 40_000,
        size_bytes: 50_000_000,
        size_bytes_now: 50_000_000,
        recall: 0.97,
    };

    fn now(rows: i64, last_number: i64) -> Vectors {
        Vectors {
            rows,
            last_number,
            dimensions: 256,
        }
    }

    fn reason(decision: Decision) -> Option<RebuildReason> {
        match decision {
            Decision::Build { reason, .. } => Some(reason),
            _ => None,
        }
    }

    #[test]
    fn ten_thousand_rows_get_an_index_of_the_square_root_of_lists() {
        assert_eq!(decide(&now(9_999, 9_999), None), Decision::None);
        let first = Decision::Build {
            lists: 100,
            reason: RebuildReason::First,
        };
        assert_eq!(decide(&now(10_000, 10_000), None), first);
        assert_eq!(lists(100_000, 768), 316);
        assert_eq!(lists(1_000_000, 256), 1_000);
    }

    #[test]
    fn an_index_is_rebuilt_at_four_times_and_at_a_quarter_of_its_rows() {
        assert_eq!(decide(&now(160_000, 160_000), Some(&BUILT)), Decision::Keep);
        let grown = decide(&now(160_001, 160_001), Some(&BUILT));
        assert_eq!(reason(grown), Some(RebuildReason::Grew));
        assert_eq!(decide(&now(10_000, 40_000), Some(&BUILT)), Decision::Keep);
        let shrunk = decide(&now(9_999, 40_000), Some(&BUILT));
        assert_eq!(reason(shrunk), Some(RebuildReason::Shrank));
        assert_eq!(decide(&now(4_999, 40_000), Some(&BUILT)), Decision::Drop);
    }

    #[test]
    fn replacing_half_of_the_rows_rebuilds_and_only_adding_them_does_not() {
        assert_eq!(decide(&now(40_000, 60_000), Some(&BUILT)), Decision::Keep);
        let churned = decide(&now(40_000, 60_001), Some(&BUILT));
        assert_eq!(reason(churned), Some(RebuildReason::Churned));
        assert_eq!(decide(&now(80_000, 80_000), Some(&BUILT)), Decision::Keep);
    }

    #[test]
    fn a_bloated_index_is_rebuilt_and_a_grown_one_is_not_bloated() {
        let bloated = Built {
            size_bytes_now: 70_000_001,
            ..BUILT
        };
        let decision = decide(&now(40_000, 40_000), Some(&bloated));
        assert_eq!(reason(decision), Some(RebuildReason::Bloated));
        assert_eq!(decide(&now(60_000, 60_000), Some(&bloated)), Decision::Keep);
    }

    /// The registry refuses models whose vectors would never be indexed.
    #[test]
    fn every_model_that_a_project_may_have_can_be_indexed() {
        assert_eq!(MAX_INDEXED_DIMENSIONS, quarry_registry::MAX_DIMENSIONS);
    }

    #[test]
    fn vectors_without_dimensions_or_with_too_many_get_no_index() {
        for dimensions in [0, 4_001] {
            let vectors = Vectors {
                dimensions,
                ..now(50_000, 50_000)
            };
            assert_eq!(decide(&vectors, None), Decision::Unsupported);
        }
    }

    #[test]
    fn a_build_gets_the_memory_that_pgvector_asks_for() {
        // "memory required is 222 MB" at 1 000 lists and 256 dimensions.
        let bytes = build_bytes(1_000, 256);
        assert!((222 << 20..300 << 20).contains(&bytes), "{bytes}");
        assert_eq!(build_bytes(100, 256), 64 << 20);
        let largest = lists(1_000_000_000, 1_024);
        assert!(build_bytes(largest, 1_024) <= MAX_BUILD_BYTES, "{largest}");
    }

    #[test]
    fn probes_are_tried_from_the_fewest() {
        assert_eq!(probe_candidates(316), [18, 31, 63, 106]);
        assert_eq!(probe_candidates(100), [10, 20, 34]);
        assert_eq!(probe_candidates(1), [1]);
    }

    #[test]
    fn exact_search_stays_the_choice_where_it_is_cheap_and_better() {
        assert!(is_exact_better(9_000, 1.0));
        assert!(is_exact_better(30_000, 0.90));
        assert!(!is_exact_better(30_000, 0.96));
        assert!(!is_exact_better(100_000, 0.90));
    }
}
