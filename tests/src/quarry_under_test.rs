//! The `quarry` command, for the tests of this package to run.

fn main() -> std::process::ExitCode {
    quarry_worker::cli::main()
}
