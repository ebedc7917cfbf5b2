//! The settings of the embedded server, computed from the machine: a good neighbour on a laptop, durable everywhere.
//! Hands out the text of server.conf. Never read back: `postgresql.auto.conf` (ALTER SYSTEM) and what follows the include
//! in `postgresql.conf` win over it.

use std::path::Path;

use crate::machine::Machine;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// A Unix socket's path has some 104 bytes on the strictest system; the file name takes up to 15 of them.
const SOCKET_DIRECTORY_LIMIT: usize = 84;

/// The text of server.conf.
pub(crate) fn server_settings(machine: &Machine, log_dir: &Path, socket_dir: &Path) -> String {
    let memory = machine.memory_bytes;
    let shared_buffers = (memory / 8).clamp(128 * MIB, 8 * GIB) / MIB;
    let effective_cache_size = (memory / 2).max(256 * MIB) / MIB;
    let maintenance_work_mem = (memory / 16).clamp(96 * MIB, 2 * GIB) / MIB;
    let work_mem = (memory / 1024).clamp(4 * MIB, 64 * MIB) / MIB;
    let max_wal_size = if memory < 4 * GIB { 1024 } else { 4096 };
    let dynamic = maintenance_work_mem + 64;
    let builders = (machine.processors / 2).clamp(1, 4);
    let workers = machine.processors.clamp(8, 64);
    let socket_directories = match socket_dir.as_os_str().len() <= SOCKET_DIRECTORY_LIMIT {
        true => quoted(&socket_dir.to_string_lossy()),
        false => "''".to_owned(),
    };
    let log_directory = quoted(&log_dir.to_string_lossy());
    format!(
        "# Written by quarry at each start, for the machine it starts on. Put settings of your own behind the include in
# data/postgresql.conf, or set them with ALTER SYSTEM.

# Reachable from this machine only.
listen_addresses = '127.0.0.1'
unix_socket_directories = {socket_directories}
unix_socket_permissions = 0700
password_encryption = scram-sha-256

# Several processes, each with a few connections per project.
max_connections = 200

# An eighth of the memory, because other programs live here too; the system's own cache does the rest.
shared_buffers = {shared_buffers}MB
effective_cache_size = {effective_cache_size}MB
work_mem = {work_mem}MB
# The default is too little to build a vector index.
maintenance_work_mem = {maintenance_work_mem}MB
# Parallel builds take their shared memory from here: /dev/shm is 64 MB in many containers. Unused pages cost nothing.
min_dynamic_shared_memory = {dynamic}MB
max_worker_processes = {workers}
max_parallel_maintenance_workers = {builders}

# Durable.
fsync = on
synchronous_commit = on
full_page_writes = on
wal_compression = on
# Bulk loads without a checkpoint every few seconds.
max_wal_size = {max_wal_size}MB
min_wal_size = 256MB
checkpoint_timeout = 15min

# Short queries on a solid state disk: compiling them takes longer than running them.
jit = off
random_page_cost = 1.1

# A file per weekday, overwritten a week later. Neither statements nor row contents, which hold source text.
logging_collector = on
log_directory = {log_directory}
log_filename = 'postgresql-%a.log'
log_rotation_age = 1d
log_rotation_size = 0
log_truncate_on_rotation = on
log_line_prefix = '%m [%p] %d '
log_min_error_statement = panic
log_error_verbosity = terse
"
    )
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(memory_bytes: u64, socket_dir: &str) -> String {
        let machine = Machine {
            memory_bytes,
            processors: 8,
        };
        server_settings(&machine, Path::new("/home/o'neil/log"), Path::new(socket_dir))
    }

    #[test]
    fn memory_follows_the_machine_within_limits() {
        assert!(settings(24 * GIB, "/run").contains("\nshared_buffers = 3072MB\n"));
        assert!(settings(24 * GIB, "/run").contains("\nmaintenance_work_mem = 1536MB\n"));
        assert!(settings(512 * MIB, "/run").contains("\nshared_buffers = 128MB\n"));
        assert!(settings(512 * MIB, "/run").contains("\nmaintenance_work_mem = 96MB\n"));
        assert!(settings(1024 * GIB, "/run").contains("\nshared_buffers = 8192MB\n"));
    }

    #[test]
    fn a_long_socket_path_means_no_socket() {
        assert!(settings(GIB, "/run").contains("unix_socket_directories = '/run'"));
        let long = format!("/{}", "x".repeat(90));
        assert!(settings(GIB, &long).contains("unix_socket_directories = ''"));
    }

    #[test]
    fn quotes_in_paths_are_doubled() {
        assert!(settings(GIB, "/run").contains("log_directory = '/home/o''neil/log'"));
    }

    #[test]
    fn it_is_durable() {
        let text = settings(GIB, "/run");
        for line in ["fsync = on", "synchronous_commit = on", "full_page_writes = on"] {
            assert!(text.contains(line), "{line}");
        }
    }
}
