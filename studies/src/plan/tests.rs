//! When a plan is made again, and when the newest one is known to be what it would be.

use std::cell::RefCell;
use std::fs;

use aees_run::identity::Inputs;

use super::{InputFinder, Planner, StudyPlan};
use crate::disk::Root;
use crate::registry::Registry;
use crate::study::{Overrides, Study};

const TRAINING: &str =
    "aees: 1\nname: s\ntask: cifar100\nbase: base.yaml\nset: {data: files}\nsweep: {lr: [0.1, 0.2]}\n";
const PROGRAM: &str = "aees: 1\nname: s\ntask: command\ncommand: {argv: [./program, '{x}']}\nsweep: {x: [1, 2]}\n";

struct Scratch {
    folder: tempfile::TempDir,
    fingerprint: RefCell<String>,
}

impl Scratch {
    fn new(study: &str) -> Self {
        let scratch = Self { folder: tempfile::tempdir().unwrap(), fingerprint: RefCell::new("one".into()) };
        fs::create_dir(scratch.folder.path().join("files")).unwrap();
        scratch.write("s.yaml", study);
        scratch.write("base.yaml", "epochs: 3\n");
        scratch.write("program", "first");
        scratch
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Asks whether the study is planned, and plans it.
    fn is_planned(&self, overrides: &Overrides) -> bool {
        let root = Root::new(self.folder.path().join("results"));
        fs::create_dir_all(root.path()).unwrap();
        let mut registry = Registry::open(&root.registry()).unwrap();
        let study = Study::read(&self.folder.path().join("s.yaml")).unwrap();
        let mut inputs = InputFinder::new(|_| Ok(Inputs::data(self.fingerprint.borrow().clone())));
        let mut planner = Planner { root: &root, registry: Some(&registry), inputs: &mut inputs, dry_run: false };
        let is_planned = planner.planned(&study, overrides).unwrap().is_some();
        let mut plan = planner.plan(&study, overrides).unwrap();
        let newest = StudyPlan::resume(&root, &mut registry, "s").unwrap();
        let version = newest.as_ref().map_or(0, StudyPlan::version);
        plan.enter(&root, &mut registry, true).unwrap();
        assert!(!is_planned || plan.version() == version, "what is planned is not planned again");
        is_planned
    }
}

#[test]
fn a_plan_is_known_to_be_the_newest_until_something_that_it_was_made_from_changes() {
    let all = Overrides::default();
    let scratch = Scratch::new(TRAINING);
    assert!(!scratch.is_planned(&all), "there is none");
    assert!(scratch.is_planned(&all));
    let changes: [&dyn Fn(); 4] = [
        &|| scratch.write("s.yaml", &TRAINING.replace("0.2", "0.3")),
        &|| scratch.write("s.yaml", &format!("{TRAINING}note: words\n")),
        &|| scratch.write("base.yaml", "epochs: 4\n"),
        &|| *scratch.fingerprint.borrow_mut() = "two".into(),
    ];
    for (number, change) in changes.iter().enumerate() {
        change();
        assert!(!scratch.is_planned(&all), "{number}");
        assert!(scratch.is_planned(&all), "{number}");
    }
    let set = Overrides { set: vec!["epochs=5".into()], ..Overrides::default() };
    assert!(!scratch.is_planned(&set));
    assert!(scratch.is_planned(&set));
    assert!(!scratch.is_planned(&all), "it was planned otherwise since");
    assert!(!scratch.is_planned(&Overrides { limit: Some(1), ..Overrides::default() }), "combinations are chosen");
}

#[test]
fn a_program_that_changed_makes_a_plan_again() {
    let all = Overrides::default();
    let scratch = Scratch::new(&PROGRAM.replace("argv:", "workdir: ., argv:"));
    assert!(!scratch.is_planned(&all));
    assert!(scratch.is_planned(&all));
    scratch.write("program", "second");
    assert!(!scratch.is_planned(&all));
    assert!(scratch.is_planned(&all));
}
