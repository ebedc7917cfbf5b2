//! How much memory and how many processors Postgres may count on: the machine's, or less in a container.
//! Handed to settings.rs. Never fails: an unknown machine counts as a small one.

use std::process::Command;
use std::time::Duration;

use crate::program;

const GIB: u64 = 1 << 30;
/// Assumed where the system does not say.
const UNKNOWN_MEMORY_BYTES: u64 = 2 * GIB;

/// What the settings are computed from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine {
    pub(crate) memory_bytes: u64,
    pub(crate) processors: u64,
}

impl Machine {
    pub(crate) fn this() -> Self {
        let physical = physical_memory().unwrap_or(UNKNOWN_MEMORY_BYTES);
        let processors = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
        Machine {
            memory_bytes: physical.min(container_limit().unwrap_or(u64::MAX)),
            processors,
        }
    }
}

fn physical_memory() -> Option<u64> {
    if let Ok(text) = std::fs::read_to_string("/proc/meminfo") {
        return total_of_meminfo(&text);
    }
    let mut command = Command::new("/usr/sbin/sysctl");
    command.args(["-n", "hw.memsize"]);
    program::run(command, Duration::from_secs(5)).ok()?.trim().parse().ok()
}

fn total_of_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The limit of the control group, version 2 or 1; "max" and absurdly large numbers mean none.
fn container_limit() -> Option<u64> {
    let files = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ];
    files
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_meminfo() {
        assert_eq!(
            total_of_meminfo("MemTotal:       24622180 kB\nMemFree: 1 kB\n"),
            Some(24_622_180 * 1024)
        );
    }

    #[test]
    fn this_machine_has_memory_and_a_processor() {
        let machine = Machine::this();
        assert!(machine.memory_bytes > GIB / 4, "{machine:?}");
        assert!(machine.processors >= 1);
    }
}
