//! Tells the crate what it was built from and by what, for the RunResult: commit, whether what trains differed from it,
//! compiler, platform, features. Outside a git checkout the first two stay untold.

use std::path::Path;
use std::process::Command;

/// What decides the numbers of a run, beside this room. A change of any of it builds this crate anew in any case.
const TRAINS: [&str; 8] =
    ["../train", "../models", "../tasks", "../run", "../control", "../pickle", "../Cargo.toml", "../Cargo.lock"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Grows with every commit and checkout. Cargo runs this again for ever if it is told of a file that is not there.
    let log = output("git", &["rev-parse", "--git-path", "logs/HEAD"]);
    if let Some(log) = log.filter(|log| Path::new(log).exists()) {
        println!("cargo:rerun-if-changed={log}");
    }
    for path in TRAINS {
        let sources = Path::new(path).join("src");
        let path = if sources.is_dir() { sources } else { path.into() };
        println!("cargo:rerun-if-changed={}", path.display());
    }
    tell("GIT_COMMIT", output("git", &["rev-parse", "HEAD"]));
    let changes = output("git", &[&["status", "--porcelain", "--untracked-files=no", "--"][..], &TRAINS].concat());
    tell("GIT_DIRTY", changes.map(|changes| (!changes.is_empty()).to_string()));
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    tell("RUSTC_VERSION", output(&rustc, &["--version"]));
    for key in ["TARGET", "PROFILE"] {
        tell(key, std::env::var(key).ok());
    }
    tell("TARGET_FEATURES", std::env::var("CARGO_CFG_TARGET_FEATURE").ok());
    let features = std::env::vars().filter_map(|(key, _)| Some(key.strip_prefix("CARGO_FEATURE_")?.to_lowercase()));
    tell("FEATURES", Some(features.collect::<Vec<_>>().join(",")));
    // Where libtorch lies, if it is compiled in: this package's tests find it there, and so does the program, which asks us.
    println!("cargo:rerun-if-env-changed=DEP_AEES_LIBTORCH_LIB");
    if let Ok(lib) = std::env::var("DEP_AEES_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
        println!("cargo:LIBTORCH={lib}");
    }
}

/// What a program prints, if it ends well.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}

fn tell(key: &str, value: Option<String>) {
    if let Some(value) = value {
        println!("cargo:rustc-env=AEES_{key}={value}");
    }
}
