//! The `quarry` command.

fn main() -> std::process::ExitCode {
    quarry_worker::cli::main()
}
