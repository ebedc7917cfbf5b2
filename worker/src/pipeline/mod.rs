//! Dirty paths → text → chunks → vectors → one publishing transaction per batch. The stages run at the same time, joined
//! by bounded channels: reading and chunking on blocking threads, embedding in the endpoint's process, storing in Postgres.
//! Claims nothing and settles nothing: see jobs/index_files.rs.

mod counts;
mod cut_file;
mod embed;
mod feed;
mod prepare;
mod publish;
mod share;
mod stage_times;

use std::sync::Arc;

use quarry_codebase::{NewFile, StoredFile};
use quarry_embedding::EmbeddingClient;
use quarry_queue::DirtyFile;
use quarry_registry::PgPool;
use tokio::sync::mpsc;
use uuid::Uuid;

pub use self::counts::Counts;
pub(crate) use self::cut_file::cut_file;
pub(crate) use self::share::Share;
pub use self::stage_times::StageMillis;
pub(crate) use self::stage_times::{Stage, StageTimes};
use crate::jobs::{JobError, Run, Source};

/// Dirty files that travel together: about 600 chunks, enough for an embedding request to pay.
const PAGE_FILES: u32 = 64;

/// Pages waiting between two stages. Two keep every stage busy; more would only hold memory.
const PAGES_AHEAD: usize = 2;

/// One run of the pipeline over the dirty files of a lane.
pub(crate) struct Pipeline<'run> {
    pub(crate) run: &'run Run,
    pub(crate) repository_id: Uuid,
    pub(crate) source: Source,
    pub(crate) database: PgPool,
    /// None: the model is not offered any more, and another one is about to take its place.
    pub(crate) client: Option<EmbeddingClient>,
    /// The model whose vectors the project holds.
    pub(crate) model: String,
    pub(crate) times: Arc<StageTimes>,
    pub(crate) share: Share,
}

/// Dirty paths and what is stored of them.
struct Page {
    files: Vec<(DirtyFile, Option<StoredFile>)>,
    /// Somebody saved these and waits: published at once, without filling up a batch.
    saved: bool,
}

/// The same page after reading and chunking; `embed` fills in the vectors.
struct Prepared {
    files: Vec<NewFile>,
    /// The text to embed of every chunk of `files`, in order.
    texts: Vec<String>,
    removed: Vec<String>,
    marks: Vec<DirtyFile>,
    counts: Counts,
    saved: bool,
}

impl Pipeline<'_> {
    /// Indexes the dirty files of the lane, all of them or those of its share, and counts what is published.
    pub(crate) async fn index_dirty_files(&self) -> Result<(), JobError> {
        let (pages_out, pages_in) = mpsc::channel(PAGES_AHEAD);
        let (prepared_out, prepared_in) = mpsc::channel(PAGES_AHEAD);
        let (embedded_out, embedded_in) = mpsc::channel(PAGES_AHEAD);
        // A stage whose receiver is gone ends quietly: the receiver's error is the one that try_join reports.
        let stages = async {
            tokio::try_join!(
                self.feed(pages_out),
                self.prepare(pages_in, prepared_out),
                self.embed(prepared_in, embedded_out),
                self.publish(embedded_in),
            )
        };
        tokio::select! {
            ended = stages => ended.map(|_| ()),
            never = self.watch_for_others() => match never {},
        }
    }
}
