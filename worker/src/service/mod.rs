//! The texts that make `quarry up` a service of the person who installs it: a systemd user unit, a launchd agent.
//! Pure: writes no file and starts nothing, see cli/service.rs.

mod launchd_agent;
mod systemd_unit;

pub(crate) use launchd_agent::{LABEL, launchd_agent};
pub(crate) use systemd_unit::{UNIT_NAME, systemd_unit};

use std::path::PathBuf;

/// What is started, and how much of the machine it may use.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// The command with its arguments: the program first, all paths absolute.
    pub(crate) command: Vec<String>,
    /// Where what it says is kept, where the system keeps nothing itself.
    pub(crate) log_file: PathBuf,
    /// How far everybody else goes first, 0 to 19.
    pub(crate) nice: u8,
    /// Percent of one core that it may use at most.
    pub(crate) cpu_percent: u32,
    /// Percent of the memory above which it is slowed down and its caches are taken back.
    pub(crate) memory_percent: u8,
}
