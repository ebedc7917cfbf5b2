//! `quarry service install|remove|status`: makes `quarry up` a service of the person who asks, under systemd or launchd.
//! Writes one file, shows it, and has the system load it; doing it twice is doing it once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use quarry_lifecycle::{Key, Source};

use super::output;
use super::session::{Session, canonical_directory};
use crate::service::{LABEL, Service, UNIT_NAME, launchd_agent, systemd_unit};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run `quarry up` in the background from now on and after each login
    Install(Install),
    /// Stop the service and take it out again
    Remove,
    /// Say whether the service is installed and runs
    Status,
}

#[derive(Debug, Args)]
pub(super) struct Install {
    /// Repositories to keep fresh
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Project to index into [default: named after the directory]
    #[arg(long)]
    project: Option<String>,
    /// How far everything else goes first, 0 to 19
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(0..=19))]
    nice: u8,
    /// Percent of one core that it may use at most (systemd) [default: half of the cores, at least one]
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(10..=100_000))]
    cpu_percent: Option<u32>,
    /// Percent of the memory above which it is slowed down (systemd)
    #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = clap::value_parser!(u8).range(10..=100))]
    memory_percent: u8,
    /// Only print what would be written
    #[arg(long)]
    print: bool,
}

/// What keeps services on this machine.
#[derive(Clone, Copy)]
enum Manager {
    Systemd,
    Launchd,
}

pub(super) fn run(session: &Session, command: Command) -> Result<()> {
    let manager = Manager::of_this_machine()?;
    match command {
        Command::Install(command) => install(session, manager, &command),
        Command::Remove => remove(manager),
        Command::Status => status(manager),
    }
}

fn install(session: &Session, manager: Manager, command: &Install) -> Result<()> {
    let service = service(session, command)?;
    let (file, text) = (manager.file()?, manager.text(&service));
    let is_new = fs::read_to_string(&file).ok().as_ref() != Some(&text);
    output::line(format!("{}:\n\n{text}", file.display()))?;
    for name in unseen_variables() {
        output::notice(format!(
            "warning: the service does not see {name} of this shell: put it into your quarry.toml (`quarry config show`)"
        ));
    }
    if command.print {
        return Ok(());
    }
    if is_new {
        let directory = file.parent().context("the file of a service lies in a directory")?;
        fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
        fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
        if let Some(directory) = service.log_file.parent() {
            fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
        }
    }
    manager
        .load(&file, is_new)
        .with_context(|| format!("{} is written and was not loaded", file.display()))?;
    let said = if is_new {
        "installed"
    } else {
        "was installed already; runs"
    };
    output::line(format!("{said}: {} shows its log", manager.log_command(&service)))
}

fn service(session: &Session, command: &Install) -> Result<Service> {
    let program = std::env::current_exe().context("find the quarry program")?;
    let mut words = vec![word(&program)?];
    let config = &session.config;
    if *config.source(Key::Home) != Source::Default {
        words.extend(["--home".to_owned(), word(config.home())?]);
    }
    words.push("up".to_owned());
    if let Some(project) = &command.project {
        words.extend(["--project".to_owned(), project.clone()]);
    }
    for path in &command.paths {
        words.push(word(&canonical_directory(path)?)?);
    }
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let half = u32::try_from(cores / 2).unwrap_or(1).max(1) * 100;
    Ok(Service {
        command: words,
        log_file: config.home().join("logs/up.log"),
        nice: command.nice,
        cpu_percent: command.cpu_percent.unwrap_or(half),
        memory_percent: command.memory_percent,
    })
}

/// A path as a word of a command. Files of services are lines: a path that holds an end of line would be another setting.
fn word(path: &Path) -> Result<String> {
    let text = path
        .to_str()
        .with_context(|| format!("the path {} is not UTF-8", path.display()))?;
    if text.chars().any(char::is_control) {
        bail!(
            "the path {} holds control characters: a service cannot name it",
            path.display()
        );
    }
    Ok(text.to_owned())
}

/// Settings of this shell's environment, apart from the home, which is passed on. They may hold passwords: they are not
/// written into a file.
fn unseen_variables() -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut names: Vec<String> = names
        .filter(|name| name.starts_with("QUARRY_") && name != "QUARRY_HOME")
        .collect();
    names.sort_unstable();
    names
}

fn remove(manager: Manager) -> Result<()> {
    let file = manager.file()?;
    if !file.exists() {
        return output::line(format!("not installed: there is no {}", file.display()));
    }
    manager.unload(&file)?;
    fs::remove_file(&file).with_context(|| format!("remove {}", file.display()))?;
    manager.forget()?;
    output::line(format!("removed {}", file.display()))
}

fn status(manager: Manager) -> Result<()> {
    let file = manager.file()?;
    if !file.exists() {
        return output::line("not installed: `quarry service install PATH` installs it");
    }
    let state = if manager.is_running() { "runs" } else { "does not run" };
    output::line(format!("{state}: {}", file.display()))
}

impl Manager {
    fn of_this_machine() -> Result<Manager> {
        if cfg!(target_os = "macos") {
            Ok(Manager::Launchd)
        } else if is_there("systemctl") {
            Ok(Manager::Systemd)
        } else {
            bail!("this machine has neither systemd nor launchd: let your own supervisor run `quarry up PATH`")
        }
    }

    /// Where the file of the service belongs.
    fn file(self) -> Result<PathBuf> {
        let home = || {
            let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
            home.map(PathBuf::from)
                .context("HOME is not set: there is no place for a service of yours")
        };
        Ok(match self {
            Manager::Systemd => {
                let configured = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
                let base = match configured.filter(|path| path.is_absolute()) {
                    Some(base) => base,
                    None => home()?.join(".config"),
                };
                base.join("systemd/user").join(UNIT_NAME)
            }
            Manager::Launchd => home()?.join("Library/LaunchAgents").join(format!("{LABEL}.plist")),
        })
    }

    fn text(self, service: &Service) -> String {
        match self {
            Manager::Systemd => systemd_unit(service),
            Manager::Launchd => launchd_agent(service),
        }
    }

    /// Has the service run from now on.
    fn load(self, file: &Path, is_new: bool) -> Result<()> {
        match self {
            Manager::Systemd => {
                systemctl(&["daemon-reload"])?;
                systemctl(&["enable", UNIT_NAME])?;
                // A unit that changed takes effect with a new start.
                systemctl(&[if is_new { "restart" } else { "start" }, UNIT_NAME])
            }
            Manager::Launchd => {
                let domain = launchd_domain()?;
                if is_new {
                    // Fails when it was not loaded, which is as good.
                    let _ = ask("launchctl", &["bootout", &format!("{domain}/{LABEL}")]);
                } else if self.is_running() {
                    return Ok(());
                }
                ask("launchctl", &["bootstrap", &domain, &file.display().to_string()])
            }
        }
    }

    fn unload(self, file: &Path) -> Result<()> {
        match self {
            Manager::Systemd => systemctl(&["disable", "--now", UNIT_NAME]),
            Manager::Launchd => ask(
                "launchctl",
                &["bootout", &launchd_domain()?, &file.display().to_string()],
            ),
        }
    }

    /// After the file is gone.
    fn forget(self) -> Result<()> {
        match self {
            Manager::Systemd => systemctl(&["daemon-reload"]),
            Manager::Launchd => Ok(()),
        }
    }

    fn is_running(self) -> bool {
        match self {
            Manager::Systemd => systemctl(&["--quiet", "is-active", UNIT_NAME]).is_ok(),
            Manager::Launchd => launchd_domain()
                .and_then(|domain| ask("launchctl", &["print", &format!("{domain}/{LABEL}")]))
                .is_ok(),
        }
    }

    fn log_command(self, service: &Service) -> String {
        match self {
            Manager::Systemd => format!("`journalctl --user -u {UNIT_NAME}`"),
            Manager::Launchd => service.log_file.display().to_string(),
        }
    }
}

fn systemctl(arguments: &[&str]) -> Result<()> {
    ask("systemctl", &[&["--user"], arguments].concat())
}

fn launchd_domain() -> Result<String> {
    let output = Process::new("id")
        .arg("-u")
        .output()
        .context("ask for the user's number")?;
    Ok(format!("gui/{}", String::from_utf8_lossy(&output.stdout).trim()))
}

fn is_there(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|directory| directory.join(program).is_file())
}

/// Runs a command of the system to its end; its own words are the reason of a failure.
fn ask(program: &str, arguments: &[&str]) -> Result<()> {
    let said = || format!("{program} {}", arguments.join(" "));
    let output = Process::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(said)?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    bail!("`{}` ended with {}: {reason}", said(), output.status)
}
