//! The reader on a study that the program ran, with and without its registry.

use std::fs;

use crate::program::Scratch;
use aees_report::{Attributes, Layout, ReportSource, ResultSet};

#[test]
fn a_study_is_read_by_its_registry_and_without_it() {
    let scratch = Scratch::new();
    let study = "aees: 1\nname: small\ntask: cifar100\nbase: {data: synthetic, model_width: 2, limit_train: 40, \
                 limit_eval: 20, batch_size: 20, epochs: 1}\nsweep: {lr: [0.001, 0.002]}\nseeds: 2\n";
    fs::write(scratch.path("small.yaml"), study).unwrap();
    scratch.run(["sweep", "run", "small.yaml"]).ok();
    let root = scratch.path("results");
    let source =
        || ReportSource::Study { root: root.clone(), registry: root.join("registry.db"), name: "small".into() };
    let set = ResultSet::read(&[source()]).unwrap();
    assert_eq!((set.runs.len(), set.warnings.len()), (4, 0), "{:?}", set.warnings);
    assert!(set.runs.iter().all(|run| run.layout == Layout::Aees && run.run_id.is_some()));
    assert_eq!(set.runs.iter().map(Attributes::of).collect::<std::collections::BTreeSet<_>>().len(), 2);
    // The same runs as a folder, and both together: each once.
    let both = ResultSet::read(&[source(), ReportSource::Folder(root.clone())]).unwrap();
    assert_eq!((both.runs.len(), both.skipped.len()), (4, 0), "{:?}", both.skipped);

    fs::remove_file(&set.runs[0].path).unwrap();
    let damaged = ResultSet::read(&[source()]).unwrap();
    assert_eq!((damaged.runs.len(), damaged.skipped.len()), (3, 1));
    assert!(damaged.skipped[0].reason.contains("its result is gone"), "{:?}", damaged.skipped);

    for name in ["registry.db", "registry.db-wal", "registry.db-shm"] {
        fs::remove_file(root.join(name)).ok();
    }
    let without = ResultSet::read(&[source()]).unwrap();
    assert_eq!(without.runs.len(), 3);
    assert!(without.warnings[0].contains("plan-000001.jsonl"), "{:?}", without.warnings);
    assert!(without.warnings[1].contains("1 of 4 runs have no result"), "{:?}", without.warnings);

    let unknown = ReportSource::Study { root: root.clone(), registry: root.join("registry.db"), name: "smal".into() };
    let error = ResultSet::read(&[unknown]).unwrap_err();
    assert!(error.to_string().contains("`smal` is no study"), "{error}");
    assert_eq!(error.help().unwrap(), "studies: small");
}

#[test]
fn a_studys_failures_are_told_with_their_reasons() {
    let scratch = Scratch::new();
    let study = "aees: 1\nname: programs\ntask: command\ncommand:\n  argv:\n    - sh\n    - -c\n    - |\n      \
                 if [ {x} = 2 ]; then echo gone wrong >&2; exit 3; fi\n      echo '{{\"loss\": {x}}}'\nsweep: {x: [1, 2, 3]}\n";
    fs::write(scratch.path("programs.yaml"), study).unwrap();
    scratch.run(["sweep", "run", "programs.yaml"]);
    let root = scratch.path("results");
    let source = ReportSource::Study { registry: root.join("registry.db"), root, name: "programs".into() };
    let set = ResultSet::read(&[source]).unwrap();
    let settings: Vec<String> = set.runs.iter().map(|run| Attributes::of(run).to_string()).collect();
    assert_eq!(settings.len(), 2, "{settings:?} {:?}", set.skipped);
    assert!(settings.iter().any(|setting| setting.contains("x=3")), "{settings:?}");
    assert!(set.runs.iter().all(|run| run.task == "command" && run.best_val_accuracy.is_nan()));
    assert_eq!(set.skipped.len(), 1);
    assert!(set.skipped[0].reason.starts_with("the run is failed: "), "{:?}", set.skipped);
}
