//! A run is a value that can be driven: several in one thread, step by step, or one in another thread, are the runs that
//! they are alone.

mod no_memory;

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread;

use aees_run::result::TIME_KEYS;
use aees_run::run_directory::Replace;
use aees_run::settings::{RunConfig, TaskName};
use aees_train::session::{ActiveRun, Prepared, PreparedRun, RunTarget, SessionEnd, drive, prepare, train};
use aees_train::shared_inputs::SharedInputs;
use serde_json::Value;

const SMALL: [&str; 7] = [
    "data=synthetic",
    "model_width=2",
    "limit_train=70",
    "limit_eval=30",
    "batch_size=20",
    "epochs=2",
    "episode_length=3",
];

/// AEES on both axes, and a baseline that counts what it memorised.
fn configs() -> [RunConfig; 2] {
    let adaptive = ["control_mode=adaptive", "lr_candidates=0.5,1,2", "noise_candidates=0,0.01"];
    let baseline = ["optimizer=SGD", "label_noise_type=symmetric", "label_noise_rate=0.4", "seed=1"];
    [&adaptive[..], &baseline[..]].map(|settings| {
        let mut config = RunConfig::new(TaskName::Cifar100);
        SMALL.iter().chain(settings).for_each(|setting| config.assign(setting).unwrap());
        config
    })
}

fn target(directory: &Path) -> RunTarget {
    RunTarget::New { directory: Some(directory.to_owned()), replace: Replace::Nothing, force: false }
}

fn prepared(config: &RunConfig, target: &RunTarget) -> PreparedRun {
    match prepare(config, target, &mut [], &SharedInputs::for_one_run()).unwrap() {
        Prepared::Run(run) => *run,
        Prepared::AlreadyFinished { result } => panic!("{} is finished", result.display()),
    }
}

fn alone(config: &RunConfig, directory: &Path) -> Value {
    train(config, &target(directory), Vec::new(), &AtomicBool::new(false), &SharedInputs::for_one_run()).unwrap();
    result(directory)
}

/// The result without what times and the machine decide.
fn result(directory: &Path) -> Value {
    let text = std::fs::read_to_string(directory.join("result.json")).unwrap();
    let mut result: Value = serde_json::from_str(&text).unwrap();
    TIME_KEYS.iter().for_each(|key| assert!(result.as_object_mut().unwrap().remove(*key).is_some(), "{key}"));
    result
}

/// Gives each run its turn until all have ended.
fn take_turns(mut runs: Vec<ActiveRun>) -> Vec<SessionEnd> {
    let mut ends: Vec<Option<SessionEnd>> = runs.iter().map(|_| None).collect();
    while ends.iter().any(Option::is_none) {
        for (run, end) in runs.iter_mut().zip(&mut ends).filter(|(_, end)| end.is_none()) {
            *end = run.advance().unwrap();
        }
    }
    ends.into_iter().flatten().collect()
}

#[test]
fn two_runs_in_turn_are_those_runs_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let configs = configs();
    let folders = ["adaptive", "baseline"].map(|name| scratch.path().join(name));
    let runs = configs.iter().zip(&folders);
    let runs = runs.map(|(config, folder)| prepared(config, &target(folder)).start(Vec::new()).unwrap()).collect();
    let ends = take_turns(runs);
    assert!(ends.iter().all(|end| matches!(end, SessionEnd::Finished { .. })), "{ends:?}");
    for (config, folder) in configs.iter().zip(&folders) {
        assert_eq!(result(folder), alone(config, &folder.with_extension("alone")), "{}", folder.display());
    }
}

#[test]
fn a_run_that_is_stopped_between_others_goes_on_to_the_same_result() {
    let scratch = tempfile::tempdir().unwrap();
    let [config, other] = configs();
    let [folder, other_folder] = ["stopped", "other"].map(|name| scratch.path().join(name));
    let mut run = prepared(&config, &target(&folder)).start(Vec::new()).unwrap();
    let other = prepared(&other, &target(&other_folder)).start(Vec::new()).unwrap();
    while run.state().step < 5 {
        assert!(run.advance().unwrap().is_none());
    }
    run.stop();
    let ends = take_turns(vec![run, other]);
    assert!(matches!(ends[..], [SessionEnd::Interrupted { step: 5, .. }, SessionEnd::Finished { .. }]), "{ends:?}");
    let resumed = prepared(&config, &RunTarget::Resume { directory: folder.clone() });
    drive(resumed.start(Vec::new()).unwrap(), &AtomicBool::new(false)).unwrap();
    assert_eq!(result(&folder), alone(&config, &scratch.path().join("alone")));
}

#[test]
fn a_prepared_run_can_be_driven_in_another_thread() {
    let scratch = tempfile::tempdir().unwrap();
    let [config, _] = configs();
    let folder = scratch.path().join("run");
    let run = prepared(&config, &target(&folder));
    let driver = thread::spawn(move || {
        let end = drive(run.start(Vec::new()).unwrap(), &AtomicBool::new(false)).unwrap();
        matches!(end, SessionEnd::Finished { .. })
    });
    assert!(driver.join().unwrap());
    assert_eq!(result(&folder), alone(&config, &scratch.path().join("alone")));
}
