//! Configurations, checkpoints and JSON against damaged files: see `tests/support/mutation.rs`.

use std::fs;

use aees_run::checkpoint::{Checkpoint, CheckpointFolder, EngineState};
use aees_run::host_tensor::HostTensor;
use aees_run::json::{parse, parse_object};
use aees_run::settings::{RunConfig, read_file};
use aees_run::state::TrainState;
use serde_json::Value;

use crate::mutation::mutate;

#[test]
fn damaged_configurations() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("a.yaml");
    let text = "task: cifar100\nlr: 1e-2\nlr_candidates: [0.5, 1, 2]\n# a comment\nrun_tag: \"x: y\"\nval_split: 0.1\nseed: 7\n";
    mutate("config.yaml", text.as_bytes(), |bytes| {
        fs::write(&file, bytes).unwrap();
        let Ok(entries) = read_file(&file) else { return false };
        let map = entries.into_iter().map(|(key, value, _)| (key, value)).collect();
        RunConfig::from_map(&map).is_ok_and(|config| config.validate().is_ok())
    });
}

#[test]
fn damaged_checkpoints() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = CheckpointFolder::new(scratch.path().to_owned(), "id");
    let tensor = HostTensor { shape: vec![2, 3], values: vec![1.0; 6] };
    let engine = EngineState { tensors: [("model.weight".to_owned(), tensor)].into(), optimizer_steps: 3 };
    let path = folder.write(&Checkpoint { state: TrainState::new(None), engine }).unwrap();
    let whole = fs::read(&path).unwrap();
    mutate("checkpoint", &whole, |bytes| {
        fs::write(&path, bytes).unwrap();
        let read = folder.read(&path).is_ok();
        assert!(!read || bytes == whole, "a damaged checkpoint was taken");
        read
    });
}

#[test]
fn damaged_json() {
    let text = r#"{"a": [1.5, NaN, -Infinity, "x\n\u00e9"], "b": {"c": null, "d": [true, false, -0.0]}, "e": 1e308}"#;
    mutate("result.json", text.as_bytes(), |bytes| {
        let object = parse_object(&String::from_utf8_lossy(bytes)).is_some();
        parse::<Value>(bytes).is_ok() || object
    });
}
