//! One parse by tree-sitter that ends: its bound depends on the text, and on the time only for hostile ones.
//! Never looks into the tree.

use std::ops::ControlFlow;

use rustix::time::{ClockId, Timespec, clock_gettime};
use tree_sitter::{Language, ParseOptions, Parser, Range, Tree};

/// The parser reports progress every hundred of its steps: ordinary sources cause a report per 30 to 200 bytes. This bound
/// depends on the text alone, so every machine gives up on the same files.
const BYTES_PER_REPORT: usize = 4;
const REPORTS_AT_LEAST: usize = 20_000;

/// A single step may read to the end of the file, which the bound above does not see; this one ends such a parse. Ordinary
/// sources of the largest size allowed take a tenth of a second.
const MAX_PARSE_SECS: i64 = 2;

/// Reading the clock is a system call: at every report it would take a tenth of the parse.
const REPORTS_PER_LOOK_AT_CLOCK: usize = 32;

/// Parses these parts of the text as if there were nothing between them; the whole of it where there are none.
pub(super) fn parse_within_bound(language: &Language, text: &str, parts: &[Range]) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(language).ok()?;
    parser.set_included_ranges(parts).ok()?;
    let mut reports_left = (text.len() / BYTES_PER_REPORT).max(REPORTS_AT_LEAST);
    let deadline = processor_time()
        + Timespec {
            tv_sec: MAX_PARSE_SECS,
            tv_nsec: 0,
        };
    let mut on_progress = |_: &tree_sitter::ParseState| {
        reports_left = reports_left.saturating_sub(1);
        let is_over = reports_left.is_multiple_of(REPORTS_PER_LOOK_AT_CLOCK) && processor_time() > deadline;
        if reports_left == 0 || is_over {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let options = ParseOptions::new().progress_callback(&mut on_progress);
    let bytes = text.as_bytes();
    parser.parse_with_options(
        &mut |offset, _| bytes.get(offset..).unwrap_or_default(),
        None,
        Some(options),
    )
}

/// Time this thread has computed, so that a busy machine does not give up earlier than an idle one.
fn processor_time() -> Timespec {
    clock_gettime(ClockId::ThreadCPUTime)
}
