//! Random filters, cursors, patches and schemas against everything that reads them: nothing may panic, hang or pass for
//! something it is not. `cargo run --release -p quarry-workflow --example workflow_fuzz -- 1000000 [SEED]`
//! The short form runs with the tests: src/fuzz.rs.
#![allow(clippy::print_stdout)] // a report on standard output is what this program is for

use std::time::Instant;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let cases = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let seed = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1);
    let started = Instant::now();
    let outcome = quarry_workflow::fuzz(cases, seed);
    println!(
        "{cases} cases in {:.1} s, seed {seed}: {} accepted, {} refused, no panic",
        started.elapsed().as_secs_f64(),
        outcome.accepted,
        outcome.refused
    );
}
