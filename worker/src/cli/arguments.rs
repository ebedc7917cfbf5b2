//! Every command and flag, as clap reads them. A contract: scripts rely on these names.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use quarry_workflow::template_names;

/// Keeps a semantic index of source repositories fresh in Postgres and answers questions about them.
#[derive(Debug, Parser)]
#[command(name = "quarry", version)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,

    /// Where the embedded Postgres, caches and logs live [env: QUARRY_HOME]
    #[arg(long, global = true, value_name = "DIRECTORY")]
    pub(super) home: Option<PathBuf>,

    /// The server that holds the registry; unset: an embedded Postgres [env: QUARRY_DATABASE_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub(super) database_url: Option<String>,

    /// What to log on standard error, for example `info` or `quarry_queue=debug` [env: QUARRY_LOG]
    #[arg(long, global = true, value_name = "FILTER")]
    pub(super) log: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start everything, index the given repositories and keep serving until Ctrl-C
    Up(Up),
    /// Stop what the embedded default left running
    Down,
    /// Bring the index of a repository up to date
    Index(Index),
    /// Find code by meaning, words, symbol or path
    Search(Search),
    /// Find where a name is defined and used
    Symbol(super::symbol::Arguments),
    /// Find code like some lines of a file, or like a snippet
    Similar(super::similar::Arguments),
    /// List what a file defines
    Outline(super::outline::Arguments),
    /// Work off the queue; start as many as you like, on any machine
    Worker(super::worker::Arguments),
    /// Hand what is saved in repositories to the queue until Ctrl-C
    Watch(super::watch::Arguments),
    /// Create, list, show, rename and drop projects
    #[command(subcommand)]
    Project(Project),
    /// Register, show and migrate the schemas of workflow entities
    #[command(subcommand)]
    Schema(super::schema::Command),
    /// Create, find, change, link, claim and move workflow entities
    #[command(subcommand)]
    Entity(super::entity::Command),
    /// List, show and remove repositories of a project
    #[command(subcommand)]
    Repository(Repository),
    /// See what waits, runs and failed; try again, cancel
    #[command(subcommand)]
    Jobs(super::jobs::Arguments),
    /// Freshness, queue, workers and index health
    Status(Status),
    /// Compare the index with the tree, file by file, and say what differs
    Check(super::check::Arguments),
    /// Say why a file or directory is, or is not, in the index
    Why(super::why::Arguments),
    /// Run `quarry up` as a service of yours, under systemd or launchd
    #[command(subcommand)]
    Service(super::service::Command),
    /// Check the whole installation, try the MCP server, and say what to do
    Doctor(super::doctor::Arguments),
    /// Prepare a Postgres server of your own: registry, extension and template
    Init(Init),
    /// Show the configuration in force
    #[command(subcommand)]
    Config(Config),
    /// psql on the registry or on a project's database
    Psql(Psql),
    /// Serve the built-in embedding model over HTTP
    Embedder(Embedder),
    /// Serve MCP over standard input and output, or over HTTP
    Mcp(Mcp),
    /// Who may reach the MCP server over HTTP, and what was changed over MCP
    #[command(subcommand)]
    Token(super::token::Command),
}

#[derive(Debug, Args)]
pub(super) struct Up {
    /// Repositories to index, directories or git URLs [default: the current directory]
    pub(super) paths: Vec<PathBuf>,
    /// Project to index into [default: named after the directory]
    #[arg(long)]
    pub(super) project: Option<String>,
    /// Index under this label instead of this machine's name: any worker with the label takes it, at the same path
    #[arg(long, value_parser = super::wrong_usage::label)]
    pub(super) label: Option<String>,
    /// Where to serve MCP over HTTP
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7411")]
    pub(super) http: SocketAddr,
    /// Do not serve MCP over HTTP
    #[arg(long, conflicts_with = "http")]
    pub(super) no_http: bool,
}

#[derive(Debug, Args)]
pub(super) struct Index {
    /// The repository's directory or git URL
    #[arg(value_name = "PATH|URL")]
    pub(super) path: PathBuf,
    /// Project to index into [default: named after the directory]
    #[arg(long)]
    pub(super) project: Option<String>,
    /// Branch of a git URL to follow from now on; HEAD: the server's default
    #[arg(long)]
    pub(super) branch: Option<String>,
    /// Return when everything that was in the tree at the call is searchable
    #[arg(long)]
    pub(super) wait: bool,
    /// Index it under this label instead of this machine's name: any worker with the label takes it, at the same path
    #[arg(long, value_parser = super::wrong_usage::label)]
    pub(super) label: Option<String>,
    /// Index every file again, also those whose content has not changed
    #[arg(long)]
    pub(super) full: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Search {
    /// A question, words from the code, a symbol or a path
    pub(super) query: String,
    /// Project to search [default: the project of the current directory]
    #[arg(long)]
    pub(super) project: Option<String>,
    /// Bring the index of this directory or git URL up to date first
    #[arg(long, value_name = "PATH|URL")]
    pub(super) index: Option<PathBuf>,
    /// Bring the searched repositories up to date first: what was saved before is found
    #[arg(long)]
    pub(super) fresh: bool,
    /// Seconds that --fresh waits at most; then it answers from what is there and says so
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(super) timeout_s: u64,
    /// Only this repository of the project
    #[arg(long, value_name = "PATH|URL")]
    pub(super) repository: Option<PathBuf>,
    /// Number of results
    #[arg(short = 'k', long, default_value_t = 10)]
    pub(super) limit: u32,
    /// Only files whose path matches, for example `src/**/*.rs`
    #[arg(long, value_name = "GLOB")]
    pub(super) path: Option<String>,
    /// Only this language, for example `rust`
    #[arg(long)]
    pub(super) language: Option<String>,
    /// Only files of this type (extension), for example `py`
    #[arg(long)]
    pub(super) file_type: Option<String>,
    /// How to search
    #[arg(long, value_enum, default_value_t = Mode::Hybrid)]
    pub(super) mode: Mode,
    /// Say of each result what words, meaning and ranking gave it
    #[arg(long)]
    pub(super) explain: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    Hybrid,
    Semantic,
    Lexical,
    Symbol,
}

#[derive(Debug, Subcommand)]
pub(super) enum Project {
    /// Create a project with a database of its own
    Create {
        /// Lower-case letters, digits and underscores, at most 40
        name: String,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
        /// Register this entity schema, ready-made; may be given several times
        #[arg(long = "schema", value_name = "TEMPLATE", value_parser = PossibleValuesParser::new(template_names()))]
        schemas: Vec<String>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// List all projects
    List {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Show one project, its schemas and its repositories
    Show {
        name: String,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Limit how many jobs of a project run at a time, by all workers together
    Limit(super::project_limit::Arguments),
    /// Show which model a project is embedded with, or embed it anew with another one
    Model(super::project_model::Arguments),
    /// Give a project another name; its database stays
    Rename { name: String, new_name: String },
    /// Drop a project and its database
    Drop {
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Repository {
    /// List the repositories of a project
    List {
        #[arg(long)]
        project: Option<String>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Show one repository
    Show {
        /// Its directory or git URL
        #[arg(value_name = "PATH|URL")]
        path: PathBuf,
        #[arg(long)]
        project: Option<String>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Take a repository out of its project; the directory itself is not touched
    Remove {
        /// Its directory or git URL
        #[arg(value_name = "PATH|URL")]
        path: PathBuf,
        #[arg(long)]
        project: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct Status {
    /// Only this project
    #[arg(long)]
    pub(super) project: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Init {
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Print each setting with its value and where it comes from
    Show {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Psql {
    /// Connect to this project's database instead of the registry
    #[arg(long)]
    pub(super) project: Option<String>,
    /// Arguments for psql
    #[arg(last = true)]
    pub(super) arguments: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Embedder {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8765")]
    pub(super) listen: SocketAddr,
    /// Write address and process id here once ready
    #[arg(long, value_name = "FILE")]
    pub(super) state: Option<PathBuf>,
    /// Exit after this many seconds without a request
    #[arg(long, value_name = "SECONDS")]
    pub(super) idle_exit_s: Option<u64>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Mcp {
    #[command(flatten)]
    pub(super) options: quarry_mcp::Options,
    #[command(subcommand)]
    pub(super) command: Option<McpCommand>,
}

#[derive(Debug, Subcommand)]
pub(super) enum McpCommand {
    /// Enter the server into the configuration of Claude Code or another client, after showing it
    Install(super::mcp_install::Arguments),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn no_two_flags_of_a_command_have_one_name() {
        super::Arguments::command().debug_assert();
    }
}
