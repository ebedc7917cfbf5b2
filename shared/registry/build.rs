//! Rebuilds the crate when a migration is added: `migrate!` itself only notices changes to the files it already knows.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations");
}
