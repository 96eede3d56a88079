//! The full storm: 16 workers, 1,000 short runs, at least 30 kills with SIGKILL of workers and supervisors; beside them
//! a supervisor in a PID namespace of its own and one whose clock jumps, where `unshare` and `faketime` can do that.
//!
//!     cargo bench --bench storm

#![allow(clippy::unwrap_used, reason = "in a bench a panic is the report")]

#[path = "storm/mod.rs"]
mod storm;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let storm = storm::Storm {
        program: env!("CARGO_BIN_EXE_aees").into(),
        folder: folder.path().to_owned(),
        runs: 1_000,
        jobs: 16,
        kills: 40,
        seed: std::process::id().into(),
    };
    println!("{:#?}", storm.run());
}
