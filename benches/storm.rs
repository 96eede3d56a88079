//! The full storm: 16 workers, 1,000 short runs, at least 30 kills with SIGKILL of workers and supervisors; beside them
//! a supervisor in a PID namespace of its own (`unshare`) and one whose clock jumps (`faketime`). It fails if they did not.
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
    let outcome = storm.run();
    println!("{outcome:#?}");
    assert_eq!((outcome.done, outcome.accepted_twice, outcome.changed_results), (1_000, 0, 0));
    assert!(outcome.intact && outcome.kills >= 40);
    // A storm without them shows nothing about clocks and containers.
    assert!(
        outcome.attempts_in_containers > 0,
        "no run was made in another PID namespace: this needs `unshare`, and root"
    );
    assert!(outcome.wrong_times > 1, "no clock jumped: this needs `faketime`");
}
