//! The room's one test binary: the reader and the replay on results like those of the reference's archive.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod damaged_files;
mod latex;
mod like_with_like;
mod reader;
mod replay;
mod thesis;

#[path = "../../tests/support/mutation.rs"]
mod mutation;
#[path = "../../tests/support/require.rs"]
mod require;

use std::path::{Path, PathBuf};

/// Made with pulseopt by `fixtures/make_archive.py`.
fn archive() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/archive")
}
