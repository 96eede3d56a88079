//! Checkpoints are whole or refused, and those stay that are to.

use std::collections::BTreeMap;

use super::*;

fn checkpoint(step: u64) -> Checkpoint {
    let mut state = TrainState::new(None);
    state.step = step;
    state.train_flops = 0.1 + 0.2;
    let array = HostTensor { shape: vec![2, 2], values: vec![1.0, -0.0, f32::MIN_POSITIVE, step as f32] };
    let tensors = BTreeMap::from([("model.fc.weight".to_owned(), array)]);
    Checkpoint { state, engine: EngineState { tensors, optimizer_steps: step } }
}

fn folder() -> (tempfile::TempDir, CheckpointFolder) {
    let scratch = tempfile::tempdir().unwrap();
    let folder = CheckpointFolder::new(scratch.path().to_owned(), &"a".repeat(64));
    (scratch, folder)
}

#[test]
fn a_checkpoint_comes_back_to_the_bit() {
    let (_scratch, folder) = folder();
    let path = folder.write(&checkpoint(7)).unwrap();
    let back = folder.read(&path).unwrap();
    assert_eq!(back.engine, checkpoint(7).engine);
    assert_eq!(back.state.train_flops.to_bits(), (0.1_f64 + 0.2).to_bits());
    assert!(back.engine.tensors["model.fc.weight"].values[1].is_sign_negative());
}

#[test]
fn two_stay_and_the_newest_is_used() {
    let (_scratch, folder) = folder();
    for step in [10, 20, 30] {
        folder.write(&checkpoint(step)).unwrap();
    }
    assert_eq!(folder.steps().unwrap().len(), 2);
    let (newest, refused) = folder.newest().unwrap();
    assert_eq!((newest.unwrap().state.step, refused.len()), (30, 0));
}

#[test]
fn as_many_stay_as_are_to_and_at_last_the_best_alone() {
    let (_scratch, folder) = folder();
    for (keep, left) in [(1, 1), (3, 3), (0, 1)] {
        let folder = folder.clone().keeping(keep);
        for step in [10, 20, 30, 40] {
            folder.write(&checkpoint(step)).unwrap();
        }
        assert_eq!(folder.steps().unwrap().len(), left, "{keep}");
    }
    folder.keep_best_alone().unwrap();
    assert_eq!(folder.steps().unwrap().len(), 1, "there is no best: nothing would be left");
    folder.write_best(&checkpoint(20)).unwrap();
    folder.keep_best_alone().unwrap();
    assert!(folder.steps().unwrap().is_empty() && folder.best().is_file());
}

#[test]
fn a_torn_checkpoint_is_refused_by_name_wherever_it_is_cut_and_the_one_before_is_used() {
    let (_scratch, folder) = folder();
    folder.write(&checkpoint(10)).unwrap();
    let path = folder.write(&checkpoint(20)).unwrap();
    let whole = fs::read(&path).unwrap();
    for length in [0, 4, 8, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let (newest, refused) = folder.newest().unwrap();
        assert_eq!(newest.unwrap().state.step, 10);
        assert!(refused[0].to_string().contains("step-000000020.safetensors"), "{}", refused[0]);
    }
}

#[test]
fn a_flipped_bit_anywhere_is_found() {
    let (_scratch, folder) = folder();
    let path = folder.write(&checkpoint(20)).unwrap();
    let whole = fs::read(&path).unwrap();
    for position in (8..whole.len()).step_by(13).chain([whole.len() - 1]) {
        let mut flipped = whole.clone();
        flipped[position] ^= 0x10;
        fs::write(&path, &flipped).unwrap();
        assert!(folder.read(&path).is_err(), "byte {position}");
    }
}

#[test]
fn a_foreign_checkpoint_is_refused_with_both_ids() {
    let (scratch, folder) = folder();
    let path = folder.write(&checkpoint(20)).unwrap();
    let other = CheckpointFolder::new(scratch.path().to_owned(), &"b".repeat(64));
    let error = other.read(&path).unwrap_err();
    assert!(matches!(error, CheckpointError::Foreign { .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains(&"a".repeat(16)) && message.contains(&"b".repeat(16)), "{message}");
}

/// A whole file of another format is not damaged: its user is told which version it belongs to.
#[test]
fn a_checkpoint_of_another_format_is_refused_with_what_to_do() {
    let (_scratch, folder) = folder();
    let path = folder.write(&checkpoint(20)).unwrap();
    let rewritten = |format: u32| {
        let run_id = "a".repeat(64);
        let header = format!(r#"{{"format":{format},"run_id":"{run_id}","of":"another version"}}"#);
        let tensors = checkpoint(20).engine.tensors;
        let digest = digest_of(&header, &tensors);
        let metadata = HashMap::from([(HEADER_KEY.to_owned(), header), (DIGEST_KEY.to_owned(), digest)]);
        write_safetensors(&path, &tensors, metadata).unwrap();
        folder.read(&path).unwrap_err().to_string().replace(&path.display().to_string(), "FILE")
    };
    assert_eq!(
        rewritten(1),
        "checkpoint FILE was written by an earlier version of aees (format 1, this one has 2); begin the run again \
         with --overwrite, or finish it with that version"
    );
    assert_eq!(
        rewritten(3),
        "checkpoint FILE was written by a later version of aees (format 3, this one has 2); go on with that version"
    );
}

#[test]
fn the_best_becomes_the_newest_and_keeps_its_bytes_when_that_is_removed() {
    let (_scratch, folder) = folder();
    folder.write(&checkpoint(10)).unwrap();
    folder.write_best(&checkpoint(20)).unwrap();
    folder.adopt_best(20).unwrap();
    assert_eq!(folder.newest().unwrap().0.unwrap().state.step, 20);
    folder.write(&checkpoint(30)).unwrap();
    folder.write(&checkpoint(40)).unwrap();
    assert_eq!(folder.steps().unwrap().len(), 2);
    assert_eq!(folder.read(&folder.best()).unwrap().state.step, 20);
}
