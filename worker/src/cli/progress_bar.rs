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
            let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {msg}  {elapsed}")
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
        let (done, total, unit) = self.how_far(status);
        let stage = stage_of(status);
        self.say_new_failure(status);
        match &self.bar {
            Some(bar) => {
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message(format!("{unit}  {stage}"));
            }
            None if self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                output::notice(match total {
                    0 => format!("{}: {stage}", self.name),
                    _ => format!("{}: {stage}, {done} of {total} {unit}", self.name),
                });
            }
            None => {}
        }
    }

    /// How much is done, out of how much, in which unit.
    fn how_far(&mut self, status: &TicketStatus) -> (u64, u64, &'static str) {
        let mut lanes = status.open_lanes.iter();
        if let Some(lane) = lanes.find(|lane| lane.kind == JobKind::ChangeModel) {
            let done = lane.progress.as_ref().map_or(0, |progress| progress.done);
            let total = lane.progress.as_ref().and_then(|progress| progress.total).unwrap_or(0);
            return (done.unsigned_abs(), total.unsigned_abs(), "chunks");
        }
        // Files are found while others are already done: the total grows until the walk has ended.
        let pending = status.pending_files.unsigned_abs();
        self.most_pending = self.most_pending.max(pending);
        (self.most_pending - pending, self.most_pending, "files")
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

#[cfg(test)]
mod tests {
    use quarry_queue::{OpenLane, Progress, TicketState};
    use uuid::Uuid;

    use super::*;

    fn status(pending_files: i64, kind: JobKind, progress: Option<(i64, i64)>) -> TicketStatus {
        let progress = progress.map(|(done, total)| Progress {
            stage: String::new(),
            done,
            total: Some(total),
        });
        TicketStatus {
            id: Uuid::nil(),
            state: TicketState::Running,
            project_id: Uuid::nil(),
            repository_id: None,
            requested_by: String::new(),
            age: Duration::ZERO,
            open_lanes: vec![OpenLane {
                job_id: 1,
                kind,
                shard: 0,
                state: "leased".to_owned(),
                last_error: None,
                progress,
            }],
            pending_files,
            error: None,
        }
    }

    #[test]
    fn files_are_counted_from_the_most_that_ever_waited() {
        let mut bar = ProgressBar::new(Path::new("/src/app"));
        assert_eq!(bar.how_far(&status(2, JobKind::IndexFiles, None)), (0, 2, "files"));
        assert_eq!(bar.how_far(&status(5, JobKind::IndexFiles, None)), (0, 5, "files"));
        assert_eq!(bar.how_far(&status(1, JobKind::IndexFiles, None)), (4, 5, "files"));
    }

    #[test]
    fn a_change_of_the_model_is_counted_in_chunks() {
        let mut bar = ProgressBar::new(Path::new("app"));
        let embedding = status(0, JobKind::ChangeModel, Some((120, 444)));
        assert_eq!(bar.how_far(&embedding), (120, 444, "chunks"));
        assert_eq!(
            bar.how_far(&status(0, JobKind::ChangeModel, None)),
            (0, 0, "chunks"),
            "nobody has begun"
        );
    }
}
