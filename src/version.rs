//! What `--version` tells: the program, how it was built, and which engines are in it.

use aees_train::engine::engines;
use aees_train::engine_info::this_build;

/// For `-V`, one word; for `--version`, what a report of a defect should have.
pub(crate) fn long() -> String {
    let build = this_build();
    let commit = build.git_commit.as_deref().map_or("unknown", |commit| commit.get(..12).unwrap_or(commit));
    let changed = if build.git_dirty == Some(true) { ", changed" } else { "" };
    let known = |text: Option<String>| text.unwrap_or_else(|| "unknown".into());
    let features: Vec<String> = build.features.into_iter().filter(|feature| feature != "default").collect();
    let features = if features.is_empty() { "none".into() } else { features.join(", ") };
    let engines: Vec<&str> = engines().iter().map(|engine| engine.version()).collect();
    format!(
        "{}\ncommit: {commit}{changed}\nbuild: {}, {}, for {}\nfeatures: {features}\nengines: {}",
        env!("CARGO_PKG_VERSION"),
        known(build.profile),
        known(build.rustc),
        known(build.target),
        engines.join(", ")
    )
}
