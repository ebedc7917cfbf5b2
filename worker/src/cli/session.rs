//! What a command starts from: the configuration, and on demand the registry, the project and the job context.
//! Contacts nobody before a command asks for it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use quarry_codebase::{FollowedBranch, Repository};
use quarry_lifecycle::{Config, GIT_HOST, Key, Process, init_telemetry, load_config};
use quarry_registry::{GitPolicy, Project, ProjectName, Registry, RegistryError, RegistryOptions};

use super::arguments::{Arguments, Command};
use super::output;
use super::place::Place;
use crate::clones::Clones;
use crate::context::Context;

/// One invocation of `quarry`.
pub(super) struct Session {
    pub(super) config: Config,
    /// Under which the command says to index, instead of this machine's name.
    label: Option<String>,
}

/// A repository and where it lives.
pub(super) struct Located {
    pub(super) project: Project,
    pub(super) repository: Repository,
}

impl Session {
    /// Loads the configuration for the directory the command acts on and starts logging.
    pub(super) fn load(arguments: &Arguments) -> Result<Session> {
        let mut flags = Vec::new();
        if let Some(home) = &arguments.home {
            flags.push((Key::Home, home.display().to_string()));
        }
        if let Some(url) = &arguments.database_url {
            flags.push((Key::DatabaseUrl, url.clone()));
        }
        if let Some(filter) = &arguments.log {
            flags.push((Key::LogFilter, filter.clone()));
        }
        let directory = match &arguments.command {
            Command::Index(index) => Some(index.path.clone()),
            Command::Check(check) => check.path.clone().or_else(|| std::env::current_dir().ok()),
            Command::Why(why) => Some(why.path.clone()),
            Command::Search(search) => search.index.clone().or_else(|| std::env::current_dir().ok()),
            Command::Watch(watch) => watch.paths.first().cloned(),
            Command::Up(up) => up.paths.first().cloned().or_else(|| std::env::current_dir().ok()),
            _ => std::env::current_dir().ok(),
        };
        // What a URL leads to has no say here: its files are read by workers.
        let directory = directory.filter(|directory| !Place::is_url(directory));
        let config = load_config(&flags, directory.as_deref().map(repository_root).as_deref())?;
        let process = match arguments.command {
            Command::Worker(_) | Command::Watch(_) | Command::Embedder(_) | Command::Mcp(_) => Process::Service,
            _ => Process::Command,
        };
        init_telemetry(&config, process);
        for warning in config.warnings() {
            output::notice(format!("warning: {warning}"));
        }
        let label = match &arguments.command {
            Command::Index(index) => index.label.clone(),
            Command::Up(up) => up.label.clone(),
            _ => None,
        };
        Ok(Session { config, label })
    }

    /// The registry's URL: the configured server, or the embedded one, started if necessary.
    pub(super) async fn database_url(&self) -> Result<String> {
        if let Some(url) = self.config.database_url() {
            return Ok(url.to_owned());
        }
        let server = quarry_postgres::ensure_running(self.config.home())
            .await
            .context("start the embedded Postgres")?;
        Ok(server.url)
    }

    /// Opens the registry, with the pool sizes of the configuration.
    pub(super) async fn registry(&self) -> Result<Registry> {
        let url = self.database_url().await?;
        Registry::open(&url, RegistryOptions::from_config(&self.config, created_by()))
            .await
            .context("open the registry")
    }

    /// What jobs need, on top of an open registry.
    pub(super) fn context(&self, registry: Registry) -> Result<Context> {
        let program = std::env::current_exe().context("find the quarry program")?;
        Ok(Context::new(
            registry,
            &self.config,
            self.host()?,
            self.labels(),
            program,
        ))
    }

    /// Name of this machine in the registry.
    pub(super) fn host(&self) -> Result<String> {
        Ok(self.config.host()?)
    }

    /// Under which names this machine reads repositories: its own, then the labels it shares with others.
    pub(super) fn hosts(&self) -> Result<Vec<String>> {
        let mut hosts = vec![self.host()?];
        hosts.extend(self.labels());
        Ok(hosts)
    }

    fn labels(&self) -> Vec<String> {
        let mut labels = self.config.worker_labels();
        labels.extend(self.label.clone());
        labels
    }

    /// Whether this machine can read the files of a repository.
    pub(super) async fn reaches(&self, repository: &Repository) -> Result<bool> {
        match repository.remote {
            Some(_) => Ok(Clones::new(&self.config).is_able().await),
            None => Ok(self.hosts()?.contains(&repository.host)),
        }
    }

    /// The name under which a place is indexed; for a new directory the command's label, or this machine's own.
    async fn host_of(&self, registry: &Registry, place: &Place) -> Result<String> {
        if let Place::Url(_) = place {
            return Ok(GIT_HOST.to_owned());
        }
        let location = place.root()?;
        if let Some(label) = &self.label {
            return Ok(label.clone());
        }
        for host in self.hosts()? {
            if registry.project_at(&host, location).await?.is_some() {
                return Ok(host);
            }
        }
        self.host()
    }

    /// The project a command means: its flag, else the configured one, else the one that holds the current directory.
    pub(super) async fn project(&self, registry: &Registry, flag: Option<&str>) -> Result<Project> {
        if let Some(name) = flag.or(self.config.project()) {
            return Ok(registry.project(&ProjectName::parse(name)?).await?);
        }
        let root = repository_root(&std::env::current_dir().context("read the current directory")?);
        for host in self.hosts()? {
            if let Some(project) = registry.project_at(&host, &root.display().to_string()).await? {
                return Ok(project);
            }
        }
        let projects = registry.projects().await?;
        match projects.as_slice() {
            [] => bail!("there is no project yet: run `quarry index PATH` first"),
            [only] => Ok(only.clone()),
            many => {
                let names: Vec<&str> = many.iter().map(|project| project.name.as_str()).collect();
                bail!(
                    "{} is not indexed, and there are several projects: name one with --project ({})",
                    root.display(),
                    names.join(", ")
                )
            }
        }
    }

    /// The repository at `path`, a directory or a git URL, in its project; both are made when they are new.
    pub(super) async fn locate_or_create(
        &self,
        registry: &Registry,
        path: &Path,
        project: Option<&str>,
    ) -> Result<Located> {
        self.locate_or_follow(registry, path, project, FollowedBranch::AsItIs)
            .await
    }

    /// As [`Session::locate_or_create`]; the repository at a git URL follows `branch` from now on.
    pub(super) async fn locate_or_follow(
        &self,
        registry: &Registry,
        path: &Path,
        project: Option<&str>,
        branch: FollowedBranch<'_>,
    ) -> Result<Located> {
        let place = Place::existing(path)?;
        if let Place::Url(url) = &place {
            GitPolicy::from_config(&self.config).check(url)?;
            if self.label.is_some() {
                bail!("--label is for directories: any worker that can clone takes {url}");
            }
        }
        let (root, name) = (place.root()?, place.name());
        let host = &self.host_of(registry, &place).await?;
        let project = match project.or(self.config.project()) {
            Some(name) => {
                let name = ProjectName::parse(name)?;
                let project = match find(registry, &name).await? {
                    Some(project) => project,
                    None => registry.create_project(&name, None, &created_by()).await?,
                };
                registry.bind_location(host, root, &project).await?;
                project
            }
            None => registry.project_for_new_location(host, root, &name).await?,
        };
        let database = registry.database(&project).await?;
        let repository = match &place {
            Place::Directory(_) => quarry_codebase::ensure_repository(&database, host, root, &name).await?,
            Place::Url(url) => {
                quarry_codebase::ensure_remote_repository(&database, host, root, &name, url.given(), branch).await?
            }
        };
        Ok(Located { project, repository })
    }

    /// The repository at `path`, a directory or a git URL, in a project that already holds it.
    pub(super) async fn locate(&self, registry: &Registry, path: &Path, project: Option<&str>) -> Result<Located> {
        let place = Place::known(path)?;
        let root = place.root()?;
        let host = &self.host_of(registry, &place).await?;
        let project = match project {
            Some(name) => registry.project(&ProjectName::parse(name)?).await?,
            None => match registry.project_at(host, root).await? {
                Some(project) => project,
                None => self.project(registry, None).await?,
            },
        };
        let repository = self.repository_at(registry, &project, &place).await?;
        let repository = repository.with_context(|| {
            format!(
                "{root} is not indexed in project {}: run `quarry index {root}`",
                project.name.as_str()
            )
        })?;
        Ok(Located { project, repository })
    }

    /// The repository of a project at a place.
    pub(super) async fn repository_at(
        &self,
        registry: &Registry,
        project: &Project,
        place: &Place,
    ) -> Result<Option<Repository>> {
        let database = registry.database(project).await?;
        let hosts = match place {
            Place::Directory(_) => self.hosts()?,
            Place::Url(_) => vec![GIT_HOST.to_owned()],
        };
        for host in hosts {
            let found = quarry_codebase::find_repository_at(&database, &host, place.root()?).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The indexed repository of this machine that lies at or above `path`, which is absolute and has its links resolved;
    /// the closest one first. The path itself need not exist.
    pub(super) async fn locate_above(
        &self,
        registry: &Registry,
        path: &Path,
        project: Option<&str>,
    ) -> Result<Option<Located>> {
        let hosts = self.hosts()?;
        let named = match project.or(self.config.project()) {
            Some(name) => Some(registry.project(&ProjectName::parse(name)?).await?),
            None => None,
        };
        for ancestor in path.ancestors() {
            let Some(root) = ancestor.to_str() else { continue };
            for host in &hosts {
                let project = match &named {
                    Some(project) => Some(project.clone()),
                    None => registry.project_at(host, root).await?,
                };
                let Some(project) = project else { continue };
                let database = registry.database(&project).await?;
                if let Some(repository) = quarry_codebase::find_repository_at(&database, host, root).await? {
                    return Ok(Some(Located { project, repository }));
                }
            }
        }
        Ok(None)
    }
}

/// The path with the links of its existing part resolved; what does not exist follows as it is written.
pub(super) fn canonical_as_far_as_possible(path: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(path).with_context(|| format!("find {}", path.display()))?;
    for ancestor in absolute.ancestors() {
        if let Ok(canonical) = ancestor.canonicalize() {
            let rest = absolute.strip_prefix(ancestor).expect("an ancestor is a prefix");
            // Joining nothing would add a separator.
            let nothing = rest.as_os_str().is_empty();
            return Ok(if nothing { canonical } else { canonical.join(rest) });
        }
    }
    Ok(absolute)
}

async fn find(registry: &Registry, name: &ProjectName) -> Result<Option<Project>> {
    match registry.project(name).await {
        Ok(project) => Ok(Some(project)),
        Err(RegistryError::UnknownProject { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Who creates projects through the command line.
pub(super) fn created_by() -> String {
    format!("quarry/{}", env!("CARGO_PKG_VERSION"))
}

/// The directory as it is stored: absolute, links resolved.
pub(super) fn canonical_directory(path: &Path) -> Result<PathBuf> {
    let root = std::fs::canonicalize(path).with_context(|| format!("open the directory {}", path.display()))?;
    if !root.is_dir() {
        bail!("{} is a file: name the directory of a repository", root.display());
    }
    Ok(root)
}

/// The repository that holds `directory`: the closest ancestor with `.git` or `quarry.toml`, else the directory itself.
pub(super) fn repository_root(directory: impl AsRef<Path>) -> PathBuf {
    let directory = directory.as_ref();
    let start = std::fs::canonicalize(directory).unwrap_or_else(|_| directory.to_path_buf());
    // The command itself says that a file is no repository; here it must not be taken for a directory.
    let start = if start.is_file() {
        start.parent().unwrap_or(&start).to_path_buf()
    } else {
        start
    };
    let holds_marker = |path: &Path| path.join(".git").exists() || path.join("quarry.toml").exists();
    start
        .ancestors()
        .find(|path| holds_marker(path))
        .unwrap_or(&start)
        .to_path_buf()
}
