//! The room's one test binary: the reader and the replay on results like those of the reference's archive.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod reader;
mod replay;

use std::path::{Path, PathBuf};

/// Made with pulseopt by `fixtures/make_archive.py`.
fn archive() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/archive")
}
