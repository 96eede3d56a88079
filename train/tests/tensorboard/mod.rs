//! TensorBoard's own reader reads what the writer writes, also after a crash and a resume.
//!
//! The byte comparison with a file made by TensorBoard's writer always runs. The tests that ask the reader itself need a
//! Python with TensorBoard ([`require::python`]).

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;

use aees_train::tensorboard::{EventWriter, WallTime};
use serde::Deserialize;

use crate::require;

/// A tag's points: step, wall time, value.
type Points = BTreeMap<String, Vec<(i64, f64, f32)>>;

/// The scalars that its readers see.
#[derive(Debug, Deserialize)]
struct Seen {
    accumulator: Points,
    server: Points,
}

/// A Python that has TensorBoard.
fn python() -> Option<PathBuf> {
    require::python(&["tensorboard"])
}

/// What TensorBoard sees in a folder.
fn read(python: &Path, folder: &Path) -> Seen {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tensorboard/read_events.py");
    let output = Command::new(python).arg(script).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn golden_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tensorboard/golden")
}

#[test]
fn the_bytes_are_those_of_tensorboards_writer() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = EventWriter::create(folder.path(), WallTime::Fixed(1_700_000_000.25)).unwrap();
    writer.purge_from(300).unwrap();
    writer.set_wall_time(WallTime::Fixed(1_700_000_001.5));
    for (step, value) in [(0, 4.735567092895508), (127, 0.1), (128, 0.0), (300, -2.5e-8)] {
        writer.scalar("train/loss", value, step).unwrap();
    }
    writer.set_wall_time(WallTime::Fixed(1_700_000_002.0));
    writer.scalar("lr/multiplier", 2.0, 5_000_000_000).unwrap();
    writer.flush().unwrap();

    let golden = golden_folder().join("events.out.tfevents.1700000000.golden.1.0");
    assert_eq!(fs::read(writer.path()).unwrap(), fs::read(golden).unwrap());
}

#[test]
fn tensorboard_reads_the_golden_file() {
    let Some(python) = python() else { return };
    let seen = read(&python, &golden_folder());
    let time = 1_700_000_001.5;
    let losses = vec![(0, time, 4.735_567), (127, time, 0.1), (128, time, 0.0), (300, time, -2.5e-8)];
    let scalars = Points::from([
        ("train/loss".to_owned(), losses),
        ("lr/multiplier".to_owned(), vec![(5_000_000_000, 1_700_000_002.0, 2.0)]),
    ]);
    assert_eq!(seen.accumulator, scalars);
    assert_eq!(seen.server, scalars);
}

#[test]
fn after_a_crash_and_a_resume_each_step_is_there_once() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let loss = |step: i64| 1.0 / (step as f64 + 3.0);

    // The first process gets to step 19; its last event is cut short, as by kill -9.
    let mut first = EventWriter::create(folder.path(), WallTime::Fixed(1000.0)).unwrap();
    for step in 0..20 {
        first.scalar("train/loss", loss(step), step).unwrap();
    }
    first.scalar("test/accuracy", 0.25, 11).unwrap();
    first.scalar("test/accuracy", 0.5, 19).unwrap();
    first.flush().unwrap();
    let file = OpenOptions::new().write(true).open(first.path()).unwrap();
    file.set_len(file.metadata().unwrap().len() - 5).unwrap();

    // The second resumes from a checkpoint after step 11, in the same second, and gives other values.
    // TensorBoard's two readers must agree: one of them ignores the first start of a session.
    let mut second = EventWriter::create(folder.path(), WallTime::Fixed(1000.0)).unwrap();
    second.purge_from(12).unwrap();
    for step in 12..16 {
        second.scalar("train/loss", -loss(step), step).unwrap();
    }
    second.flush().unwrap();

    let seen = read(&python, folder.path());
    let losses = (0..16).map(|step| (step, 1000.0, if step < 12 { loss(step) } else { -loss(step) } as f32)).collect();
    let scalars =
        Points::from([("train/loss".to_owned(), losses), ("test/accuracy".to_owned(), vec![(11, 1000.0, 0.25)])]);
    assert_eq!(seen.accumulator, scalars);
    assert_eq!(seen.server, scalars);
}
