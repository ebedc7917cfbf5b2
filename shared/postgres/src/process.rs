//! Whether a process exists and what program it is, by its number.
//! Asked before a pid file is believed. Never signals anything.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::program;

/// Whether it runs; a finished process that nobody has collected does not.
#[cfg(test)]
pub(crate) fn is_running(pid: u32) -> bool {
    name(pid).is_some()
}

/// Whether the number is in use, if only by a finished process that nobody has collected yet.
pub(crate) fn number_is_taken(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists() || name(pid).is_some()
}

/// A running process whose working directory is `directory`, as it is the data directory for all processes of a server.
/// None where the system does not tell.
pub(crate) fn working_in(directory: &Path) -> Option<u32> {
    let wanted = std::fs::metadata(directory).ok()?;
    let numbers = std::fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut processes = numbers.filter(|pid: &u32| name(*pid).is_some());
    processes.find(|pid| {
        let directory = std::fs::metadata(format!("/proc/{pid}/cwd"));
        directory.is_ok_and(|it| (it.dev(), it.ino()) == (wanted.dev(), wanted.ino()))
    })
}

/// Whether the process is a Postgres server: numbers are used again.
pub(crate) fn is_postgres(pid: u32) -> bool {
    name(pid).is_some_and(|name| name.ends_with("postgres") || name.ends_with("postmaster"))
}

/// The program's name; none for a finished process.
fn name(pid: u32) -> Option<String> {
    if Path::new("/proc/self/stat").exists() {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // `pid (name) state …`; the name may contain anything, so it ends at the last parenthesis.
        let (before, after) = stat.rsplit_once(')')?;
        let is_finished = after.trim_start().starts_with(['Z', 'X']);
        return Some(before.split_once('(')?.1.to_owned()).filter(|_| !is_finished);
    }
    let mut command = Command::new("/bin/ps");
    command.args(["-o", "comm=", "-p", &pid.to_string()]);
    let printed = program::run(command, Duration::from_secs(5)).ok()?;
    Some(printed.trim().to_owned()).filter(|name| !name.is_empty())
}
