//! One installation of Quarry, as a user would have it: a home directory, a registry, an embedding endpoint.
//! Starts commands in it. Never shares anything with another test but the Postgres server.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use quarry_postgres::testing::{TestHome, test_database, test_server};
use tempfile::TempDir;
use tokio::process::Command;

use crate::endpoint::FakeEndpoint;
use crate::finished::Finished;
use crate::mcp_client::McpSession;
use crate::process::Running;
use crate::sql_session::SqlSession;

/// The statement behind [`Installation::dump`].
pub const DUMP: &str = include_str!("dump.sql");

/// A home with everything a command needs to know.
pub struct Installation {
    program: PathBuf,
    variables: Vec<(String, String)>,
    // The current directory of commands: no repository, so that no command finds one by chance.
    elsewhere: TempDir,
    home: TestHome,
}

impl Installation {
    /// A new installation with a registry database of its own and `endpoint` for vectors. `program` is the `quarry` binary.
    pub async fn new(program: &str, endpoint: &FakeEndpoint) -> Installation {
        Installation::with_endpoint_url(program, endpoint.url()).await
    }

    /// As [`Installation::new`], with whatever answers, or does not answer, at `url`.
    pub async fn with_endpoint_url(program: &str, url: &str) -> Installation {
        let database = test_database().await;
        Installation::with_registry(program, &database.url)
            .await
            .with("QUARRY_EMBEDDING_URL", url)
    }

    /// As [`Installation::new`], with a registry of the test's own and no endpoint yet.
    pub async fn with_registry(program: &str, url: &str) -> Installation {
        Installation::embedded(program).await.with("QUARRY_DATABASE_URL", url)
    }

    /// A new installation with nothing configured: an embedded Postgres and the built-in model. Both are ended when it is
    /// dropped.
    pub async fn embedded(program: &str) -> Installation {
        // The programs that the throw-away server runs with: nothing is downloaded a second time.
        let programs = test_server().await.bin_dir().display().to_string();
        Installation {
            program: program.into(),
            variables: vec![("QUARRY_POSTGRES_BIN".to_owned(), programs)],
            elsewhere: tempfile::tempdir().unwrap(),
            home: TestHome::new().unwrap(),
        }
    }

    /// Another machine: a home of its own, and with it a name and caches; the same registry and endpoint.
    ///
    /// # Panics
    /// When the disk refuses.
    #[must_use]
    pub fn another_machine(&self) -> Installation {
        Installation {
            program: self.program.clone(),
            variables: self.variables.clone(),
            elsewhere: tempfile::tempdir().unwrap(),
            home: TestHome::new().unwrap(),
        }
    }

    /// Sets an environment variable for every command.
    #[must_use]
    pub fn with(mut self, variable: &str, value: &str) -> Installation {
        self.set(variable, value);
        self
    }

    /// Sets an environment variable for every later command.
    pub fn set(&mut self, variable: &str, value: &str) {
        self.variables.retain(|(name, _)| name != variable);
        self.variables.push((variable.to_owned(), value.to_owned()));
    }

    /// The home directory.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs a command to its end.
    pub async fn run<T: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = T>) -> Finished {
        self.start(arguments).finish().await
    }

    /// Runs a command to its end, in another current directory.
    pub async fn run_in<T: AsRef<OsStr>>(&self, directory: &Path, arguments: impl IntoIterator<Item = T>) -> Finished {
        let mut command = self.command(arguments);
        command.current_dir(directory);
        Running::start(command).finish().await
    }

    /// Runs a command to its end, with the file at `path` as its standard input.
    ///
    /// # Panics
    /// When there is no such file.
    pub async fn run_reading<T: AsRef<OsStr>>(&self, path: &Path, arguments: impl IntoIterator<Item = T>) -> Finished {
        let input = File::open(path).unwrap().into();
        Running::start_reading(self.command(arguments), input).finish().await
    }

    /// Starts a command.
    pub fn start<T: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = T>) -> Running {
        Running::start(self.command(arguments))
    }

    /// A session with `quarry mcp`, begun in `directory`.
    pub async fn mcp(&self, directory: &Path, flags: &[&str]) -> McpSession {
        let mut command = self.command([&["mcp"], flags].concat());
        command.current_dir(directory);
        McpSession::start(command).await
    }

    /// Indexes `path` into `project` and waits for it; the report.
    pub async fn index(&self, path: &Path, project: &str) -> serde_json::Value {
        let path = path.to_str().unwrap();
        self.run(["index", path, "--project", project, "--wait", "--json"])
            .await
            .json()
    }

    /// Searches `project` with further flags; the answer.
    pub async fn search(&self, project: &str, query: &str, flags: &[&str]) -> serde_json::Value {
        self.run([&["search", query, "--project", project, "--json"], flags].concat())
            .await
            .json()
    }

    /// The rows of a statement on a project's database, columns separated by `|`.
    pub async fn rows(&self, project: &str, statement: &str) -> Vec<String> {
        let finished = self
            .run(["psql", "--project", project, "--", "-X", "-tAc", statement])
            .await
            .succeeded();
        finished.stdout.lines().map(str::to_owned).collect()
    }

    /// The rows of a statement on the registry, columns separated by `|`.
    pub async fn registry_rows(&self, statement: &str) -> Vec<String> {
        let finished = self.run(["psql", "--", "-X", "-tAc", statement]).await.succeeded();
        finished.stdout.lines().map(str::to_owned).collect()
    }

    /// A connection to a project's database that stays open; without a project, to the registry.
    pub fn sql_session(&self, project: Option<&str>) -> SqlSession {
        let mut arguments = vec!["psql"];
        if let Some(project) = project {
            arguments.extend(["--project", project]);
        }
        arguments.extend(["--", "-X", "-q", "-A", "-t"]);
        SqlSession::start(self.command(arguments))
    }

    /// Everything a project knows of its files, identifiers and times aside: two projects that have seen the same tree
    /// have equal dumps, by whatever way they came there.
    pub async fn dump(&self, project: &str) -> Vec<String> {
        self.rows(project, DUMP).await
    }

    fn command<T: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = T>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.elsewhere.path());
        // What the person who runs the tests has configured is not what is tested.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["QUARRY_", "XDG_", "PG", "GIT_"]
                .iter()
                .any(|prefix| text.starts_with(prefix))
            {
                command.env_remove(name);
            }
        }
        command.env("HOME", self.home()).env("QUARRY_HOME", self.home());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Drop for Installation {
    /// Stops the built-in model's process, which outlives the command that started it. Postgres is TestHome's to end.
    fn drop(&mut self) {
        if !self.home().join("run/embedder.json").exists() {
            return;
        }
        let mut down = std::process::Command::new(&self.program);
        down.arg("down")
            .env("QUARRY_HOME", self.home())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        down.env_remove("QUARRY_DATABASE_URL").current_dir(self.home());
        down.status().ok();
    }
}
