//! Shows how far a ticket is: a bar on a terminal, now and then a plain line elsewhere. Writes to standard error only.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar as Bar, ProgressDrawTarget, ProgressStyle};
use quarry_queue::{JobKind, TicketStatus};

use super::output;

/// A log that is read later needs no more lines than this.
const LINE_EVERY: Duration = Duration::from_secs(5);

pub(super) struct ProgressBar {
    bar: Option<Bar>,
    name: String,
    most_pending: u64,
    last_line: Instant,
    /// The failure of an attempt that was said last; the first look takes note of what failed before.
    known_failure: Option<Option<String>>,
}

impl ProgressBar {
    pub(super) fn new(path: &Path) -> ProgressBar {
        let name = path.file_name().map_or_else(
            || path.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} files  {msg}  {elapsed}")
                .expect("the template is valid")
                .progress_chars("=> ");
            let bar = Bar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
            bar.set_style(style);
            bar.set_prefix(name.clone());
            bar
        });
        ProgressBar {
            bar,
            name,
            most_pending: 0,
            last_line: Instant::now(),
            known_failure: None,
        }
    }

    pub(super) fn show(&mut self, status: &TicketStatus) {
        // Files are found while others are already done: the total grows until the walk has ended.
        let pending = status.pending_files.unsigned_abs();
        self.most_pending = self.most_pending.max(pending);
        let done = self.most_pending - pending;
        let stage = stage_of(status);
        self.say_new_failure(status);
        match &self.bar {
            Some(bar) => {
                bar.set_length(self.most_pending);
                bar.set_position(done);
                bar.set_message(stage.to_owned());
            }
            None if self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                output::notice(format!("{}: {stage}, {done} of {} files", self.name, self.most_pending));
            }
            None => {}
        }
    }

    /// A job that failed is tried again after a pause. Whoever waits is told why it takes so long.
    fn say_new_failure(&mut self, status: &TicketStatus) {
        let failure = status.open_lanes.iter().find_map(|lane| lane.last_error.clone());
        let known = self.known_failure.replace(failure.clone());
        let (Some(failure), Some(known)) = (failure, known) else {
            return;
        };
        if known.as_ref() == Some(&failure) {
            return;
        }
        let line = format!("{}: trying again: {failure}", self.name);
        match &self.bar {
            Some(bar) => bar.suspend(|| output::notice(line)),
            None => output::notice(line),
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What goes on, in a word or two.
fn stage_of(status: &TicketStatus) -> &'static str {
    let running = status
        .open_lanes
        .iter()
        .filter(|lane| lane.state == "leased")
        .map(|lane| lane.kind)
        .min();
    match running {
        None => "waiting for a worker",
        Some(JobKind::SyncRepository) => "comparing",
        Some(JobKind::IndexFiles) => "indexing",
        Some(JobKind::RebuildVectorIndex) => "building the vector index",
        Some(JobKind::RemoveRepository) => "removing",
        Some(JobKind::ChangeModel) => "embedding anew",
    }
}
