//! Results against damaged files: see `tests/support/mutation.rs`. What can be read goes through all tables and the replay.

use std::fs;

use aees_report::replay::replay;
use aees_report::tables::{TableOptions, build_all};
use aees_report::{ReportSource, ResultSet};

use crate::archive;
use crate::mutation::mutate;

#[test]
fn damaged_results() {
    let scratch = tempfile::tempdir().unwrap();
    let whole = ResultSet::read(&[ReportSource::Folder(archive())]).unwrap();
    let mut files: Vec<_> = whole.runs.iter().map(|run| run.path.clone()).collect();
    files.sort_by_key(|path| fs::metadata(path).map_or(0, |metadata| metadata.len()));
    // The smaller ones hold all kinds of keys, and a change hits one of them.
    for (index, path) in files.iter().take(6).enumerate() {
        let original = fs::read(path).unwrap();
        let file = scratch.path().join("run.json");
        mutate(&format!("result-{index}.json"), &original, |bytes| {
            fs::write(&file, bytes).unwrap();
            let replayed = replay(&file).is_ok();
            let Ok(read) = ResultSet::read(&[ReportSource::File(file.clone())]) else { return false };
            build_all(&read.runs, &TableOptions::default());
            replayed
        });
    }
}
