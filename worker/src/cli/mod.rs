//! The one command line. Each command is a file; this one only says which exist and turns errors into an exit status:
//! 0 done, 1 failed, 2 wrong usage.

mod arguments;
mod changed_on_disk;
mod check;
mod config;
mod connect_line;
mod doctor;
mod down;
mod embedder;
mod entity;
mod freshen;
mod index;
mod indexed_file;
mod init;
mod jobs;
mod mcp;
mod mcp_clients;
mod mcp_install;
mod outline;
mod output;
mod place;
mod progress_bar;
mod project;
mod project_limit;
mod project_model;
mod psql;
mod repository;
mod schema;
mod search;
mod service;
mod session;
mod similar;
mod status;
mod symbol;
mod token;
mod up;
mod watch;
mod why;
mod worker;
mod wrong_usage;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use self::arguments::{Arguments, Command};
use self::session::Session;
use self::wrong_usage::WrongUsage;

/// Parses the arguments, runs the command and reports what went wrong on standard error.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(&anyhow::Error::new(error).context("start the runtime"));
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(run(arguments));
    // A blocking walk or parse may still be running after Ctrl-C; nothing of it can be published any more.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) if error.is::<WrongUsage>() => {
            output::error(&error);
            ExitCode::from(wrong_usage::STATUS)
        }
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let session = Session::load(&arguments)?;
    match arguments.command {
        Command::Up(command) => up::run(&session, command).await,
        Command::Down => down::run(&session).await,
        Command::Index(command) => index::run(&session, command).await,
        Command::Search(command) => search::run(&session, command).await,
        Command::Symbol(command) => symbol::run(&session, command).await,
        Command::Similar(command) => similar::run(&session, command).await,
        Command::Outline(command) => outline::run(&session, command).await,
        Command::Worker(command) => worker::run(&session, command).await,
        Command::Watch(command) => watch::run(&session, command).await,
        Command::Project(command) => project::run(&session, command).await,
        Command::Schema(command) => schema::run(&session, command).await,
        Command::Entity(command) => entity::run(&session, command).await,
        Command::Repository(command) => repository::run(&session, command).await,
        Command::Jobs(command) => jobs::run(&session, command).await,
        Command::Status(command) => status::run(&session, command).await,
        Command::Check(command) => check::run(&session, command).await,
        Command::Why(command) => why::run(&session, command).await,
        Command::Service(command) => service::run(&session, command),
        Command::Doctor(command) => doctor::run(&session, command).await,
        Command::Init(command) => init::run(&session, command).await,
        Command::Config(command) => config::run(&session, &command),
        Command::Psql(command) => psql::run(&session, command).await,
        Command::Embedder(command) => embedder::run(&session, command).await,
        Command::Mcp(command) => mcp::run(&session, command).await,
        Command::Token(command) => token::run(&session, command).await,
    }
}
