//! Tells the crate which commit it was built from, for the RunResult. Outside a git checkout it stays untold.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Grows with every commit and checkout. Cargo runs this again for ever if it is told of a file that is not there.
    let log = Path::new("../.git/logs/HEAD");
    if log.exists() {
        println!("cargo:rerun-if-changed={}", log.display());
    }
    let output = Command::new("git").args(["rev-parse", "HEAD"]).output();
    if let Ok(output) = output
        && output.status.success()
        && let Ok(commit) = String::from_utf8(output.stdout)
    {
        println!("cargo:rustc-env=AEES_GIT_COMMIT={}", commit.trim());
    }
}
