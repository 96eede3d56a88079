//! Study files against damaged ones: see `tests/support/mutation.rs`. The originals are the examples of `docs/studies.md`, which
//! has one for every key.

use std::fs;
use std::path::Path;

use aees_studies::study::{Overrides, Study};

use crate::mutation::mutate;

fn expands(file: &Path) -> bool {
    Study::read(file).is_ok_and(|study| study.expand(&Overrides::default()).is_ok())
}

/// The page's examples that need no other file.
fn examples(scratch: &Path) -> Vec<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/studies.md")).unwrap();
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0.to_owned()));
    let file = scratch.join("study.yaml");
    let whole = |study: &String| fs::write(&file, study).is_ok() && expands(&file);
    blocks.filter(whole).collect()
}

#[test]
fn damaged_studies() {
    let scratch = tempfile::tempdir().unwrap();
    let examples = examples(scratch.path());
    assert!(examples.len() >= 10, "{}", examples.len());
    let file = scratch.path().join("study.yaml");
    for (index, study) in examples.iter().enumerate() {
        mutate(&format!("study-{index}"), study.as_bytes(), |bytes| {
            fs::write(&file, bytes).unwrap();
            expands(&file)
        });
    }
}

#[test]
fn damaged_bases() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("study.yaml");
    fs::write(&file, "aees: 1\ntask: cifar100\nbase: base.yaml\nsweep: {lr: [1e-3, 3e-4]}\n").unwrap();
    let base = b"# a base\nbatch_size: 32\nmodel_width: 8\nlr_candidates: [0.5, 1, 2]\nrun_tag: \"x: y\"\n";
    mutate("base.yaml", base, |bytes| {
        fs::write(scratch.path().join("base.yaml"), bytes).unwrap();
        expands(&file)
    });
}
