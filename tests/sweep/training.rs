//! Training runs as members of studies.

use super::{count, runs, sweep};
use crate::program::{Scratch, read_json};

const TINY: &str = "{data: synthetic, model_width: 2, limit_train: 200, limit_eval: 100, batch_size: 20, epochs: 1}";

/// Row 26: settings share data order and first weights for each seed.
#[test]
fn methods_of_one_study_start_from_the_same_weights() {
    let scratch = Scratch::new();
    let text = format!(
        "aees: 1\nname: methods\ntask: cifar100\nset: {TINY}\ncases:\n  - {{name: plain, set: {{control_mode: baseline}}}}\n  \
         - {{name: adaptive, set: {{control_mode: adaptive, lr_candidates: [1.0], noise_candidates: [0.0], episode_length: 4}}}}\nseeds: 2\n"
    );
    std::fs::write(scratch.path("methods.yaml"), text).unwrap();
    sweep(&scratch, &["run", "methods.yaml", "--jobs", "2"]).ok();
    assert_eq!(count(&scratch, "done"), 4);
    let digest = |index: usize| {
        let id = runs(&scratch)[index]["run_id"].as_str().unwrap().to_owned();
        let folder = scratch.path("results/runs").join(&id[..2]).join(&id[..16]);
        read_json(&folder.join("result.json"))["parameter_digest"].clone()
    };
    // With one neutral arm AEES is the plain optimizer: equal data and first weights end in equal weights.
    assert_eq!(digest(0), digest(2));
    assert_eq!(digest(1), digest(3));
    assert_ne!(digest(0), digest(1));
}

#[test]
fn data_that_changed_since_the_plan_is_another_run() {
    let scratch = Scratch::new();
    let folder = scratch.path("cifar");
    std::fs::create_dir(&folder).unwrap();
    let write = |first: u8| {
        let record = |fine: u8| {
            let pixels = (0..3072).map(move |index: usize| (index as u8).wrapping_mul(fine).wrapping_add(first));
            [fine % 20, fine].into_iter().chain(pixels).collect::<Vec<u8>>()
        };
        let all: Vec<u8> = (0..100).flat_map(record).collect();
        std::fs::write(folder.join("train.bin"), &all).unwrap();
        std::fs::write(folder.join("test.bin"), &all).unwrap();
    };
    write(0);
    let text = "aees: 1\nname: data\ntask: cifar100\nset: {data: cifar, model_width: 2, batch_size: 50, epochs: 1}\n";
    std::fs::write(scratch.path("data.yaml"), text).unwrap();
    sweep(&scratch, &["run", "data.yaml"]).ok();
    sweep(&scratch, &["run", "data.yaml"]).ok();
    assert_eq!(runs(&scratch).len(), 1);
    write(9);
    sweep(&scratch, &["run", "data.yaml"]).refused(&["1 run would leave it (1 done): data:0", "--replace"]);
    sweep(&scratch, &["run", "data.yaml", "--replace"]).ok();
    assert_eq!(count(&scratch, "done"), 2, "the old result stays, the new data made a new run");
}

#[test]
fn a_diverged_run_is_done_and_not_retried() {
    let scratch = Scratch::new();
    let text = format!("aees: 1\nname: wild\ntask: cifar100\nset: {TINY}\nsweep: {{lr: [1.0e30]}}\nseeds: 1\n");
    std::fs::write(scratch.path("wild.yaml"), text.replace("epochs: 1", "epochs: 2, optimizer: SGD")).unwrap();
    sweep(&scratch, &["run", "wild.yaml"]).ok();
    let run = &runs(&scratch)[0];
    assert_eq!((&run["state"], &run["outcome"], &run["attempts"]), (&"done".into(), &"diverged".into(), &1.into()));
}
