//! The flags of `quarry entity …`, as clap reads them. A contract: scripts rely on these names.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use quarry_workflow::{LINK_KINDS, OnConflict};
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List entities of a schema
    List(List),
    /// Show an entity, or what it was
    Show(Show),
    /// Find entities by meaning and words
    Search(Search),
    /// Create an entity
    Create(Create),
    /// Change an entity in $EDITOR, or by a patch
    Edit(Edit),
    /// Mark an entity as deleted; its history stays
    Delete(Target),
    /// Take the mark away
    Restore(Target),
    /// Make a past version the next one
    Revert(Revert),
    /// Apply many operations, one JSON object a line
    Bulk(Bulk),
    /// Take everything back that a bulk change did
    Undo(Undo),
    /// Link two entities, or an entity and a place in code
    Link(Link),
    /// Take a link away
    Unlink(Link),
    /// Say whether an entity may be worked on now, and else why not
    Why(Why),
    /// Claim the next entity that may be worked on
    Claim(Claim),
    /// Give a claimed entity back, or keep it longer
    Release(Release),
    /// Write schemas, entities, histories and links as lines of JSON
    Export(Export),
    /// Read what `export` wrote: all of it or nothing
    Import(Import),
    /// Lay the table of entities out in partitions, for projects with very many
    Partition(Partition),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Common {
    /// Project [default: the project of the current directory]
    #[arg(long)]
    pub(super) project: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Selection {
    /// Which, as JSON: `{"status": "pending", "n": {"gt": 3}}`
    #[arg(long, value_name = "JSON")]
    pub(super) filter: Option<String>,
    /// Field to sort by, with a minus for descending; may be given several times [default: the newest first]
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
    pub(super) sort: Vec<String>,
    /// Only entities about this place in code: `repository/path#L10-L42`
    #[arg(long, value_name = "PLACE")]
    pub(super) about: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// The schema's name
    pub(super) schema: String,
    #[command(flatten)]
    pub(super) selection: Selection,
    /// How many at most
    #[arg(short = 'k', long, default_value_t = 20)]
    pub(super) limit: u32,
    /// next_cursor of the page before
    #[arg(long)]
    pub(super) cursor: Option<String>,
    /// Deleted ones too
    #[arg(long)]
    pub(super) deleted: bool,
    /// Only what may be worked on now
    #[arg(long, conflicts_with = "deleted")]
    pub(super) ready: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// The entity's id
    #[arg(value_parser = whole_id)]
    pub(super) id: Uuid,
    /// As it was in this version
    #[arg(long, value_name = "NUMBER", conflicts_with = "at")]
    pub(super) version: Option<i32>,
    /// As it was at this time, for example 2026-01-31T17:30:00Z
    #[arg(long, value_name = "TIME")]
    pub(super) at: Option<DateTime<Utc>>,
    /// All its versions instead
    #[arg(long, conflicts_with_all = ["at", "version"])]
    pub(super) history: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Search {
    pub(super) query: String,
    /// Only this schema
    #[arg(long)]
    pub(super) schema: Option<String>,
    /// Number of results
    #[arg(short = 'k', long, default_value_t = 10)]
    pub(super) limit: u32,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    /// The schema's name
    pub(super) schema: String,
    /// The document's file; - reads standard input
    #[arg(required_unless_present = "data", conflicts_with = "data")]
    pub(super) file: Option<PathBuf>,
    /// The document itself
    #[arg(long, value_name = "JSON")]
    pub(super) data: Option<String>,
    /// Sent again with the same key, it is created once
    #[arg(long)]
    pub(super) idempotency_key: Option<String>,
    /// Only check the document
    #[arg(long)]
    pub(super) validate_only: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Edit {
    /// The entity's id
    #[arg(value_parser = whole_id)]
    pub(super) id: Uuid,
    /// A merge patch (an object) or JSON Patch (a list) instead of $EDITOR
    #[arg(long, value_name = "JSON")]
    pub(super) patch: Option<String>,
    /// Refuse unless the entity is at this version [default: the one that is read now]
    #[arg(long, value_name = "NUMBER")]
    pub(super) expected_version: Option<i32>,
    /// Refuse unless the claim that came with this number still holds
    #[arg(long, value_name = "NUMBER")]
    pub(super) fence: Option<i64>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Target {
    /// The entity's id
    #[arg(value_parser = whole_id)]
    pub(super) id: Uuid,
    /// Refuse unless the entity is at this version [default: the one that is read now]
    #[arg(long, value_name = "NUMBER")]
    pub(super) expected_version: Option<i32>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Revert {
    #[command(flatten)]
    pub(super) target: Target,
    /// The version whose document is wanted back
    #[arg(long, value_name = "NUMBER")]
    pub(super) to: i32,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Bulk {
    /// Lines such as {"op": "create", "schema": "task", "data": {}}; - reads standard input.
    /// create takes schema and data; update, delete, restore and revert take id and expected_version, with data or patch,
    /// or to_version; link and unlink take from, kind and to
    pub(super) file: PathBuf,
    /// Apply those that can be, instead of all or none
    #[arg(long)]
    pub(super) what_works: bool,
    /// Only say what would happen
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Sent again with the same key, it is applied once
    #[arg(long)]
    pub(super) idempotency_key: Option<String>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Undo {
    /// The batch's id, as `bulk` says it
    #[arg(value_parser = whole_id)]
    pub(super) batch: Uuid,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Link {
    /// The entity's id
    #[arg(value_parser = whole_id)]
    pub(super) from: Uuid,
    /// What the link says; `about` is for code
    #[arg(value_parser = LINK_KINDS)]
    pub(super) kind: String,
    /// An entity's id, or a place in code: `repository/path#L10-L42` or `repository/path#symbol`
    pub(super) to: String,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Why {
    /// The entity's id
    #[arg(value_parser = whole_id)]
    pub(super) id: Uuid,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Claim {
    /// The schema's name
    pub(super) schema: String,
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Who works on it
    #[arg(long)]
    pub(super) holder: String,
    /// Seconds until somebody else may take it over
    #[arg(long, default_value_t = 600)]
    pub(super) lease_s: u32,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Release {
    /// The entity's id
    #[arg(value_parser = whole_id)]
    pub(super) id: Uuid,
    /// The number that the claim came with
    pub(super) fence: i64,
    /// Keep it for so many seconds from now on instead
    #[arg(long, value_name = "SECONDS")]
    pub(super) renew_s: Option<u32>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    /// Only this schema and its entities
    #[arg(long)]
    pub(super) schema: Option<String>,
    /// Write here instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    /// The export; - reads standard input
    pub(super) file: PathBuf,
    /// What to do with an entity that is there already and differs
    #[arg(long, value_enum, default_value_t = Differing::Fail)]
    pub(super) on_conflict: Differing,
    /// Only say what would happen
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Differing {
    /// Import nothing
    Fail,
    /// Keep what is here
    Skip,
    /// Keep what changed last
    Newer,
    /// Take what is imported
    Overwrite,
}

impl From<Differing> for OnConflict {
    fn from(differing: Differing) -> OnConflict {
        match differing {
            Differing::Fail => OnConflict::Fail,
            Differing::Skip => OnConflict::Skip,
            Differing::Newer => OnConflict::Newer,
            Differing::Overwrite => OnConflict::Overwrite,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Partition {
    /// How many: a power of two from 2 to 64 [default: only say how it is laid out]
    #[arg(long)]
    pub(super) partitions: Option<u32>,
    #[command(flatten)]
    pub(super) common: Common,
}

fn whole_id(text: &str) -> Result<Uuid, &'static str> {
    text.parse()
        .map_err(|_| "an id is written whole, as 6f1b5dd2-0000-4000-8000-000000000001")
}
