//! Settings and labels of records made by hand.

use serde_json::json;

use super::*;

fn run() -> RunRecord {
    RunRecord {
        path: "run".into(),
        layout: Layout::ReferenceNew,
        run_id: None,
        task: "cifar100".into(),
        method_name: "Baseline".into(),
        method: Method::Baseline,
        seed: 0,
        optimizer: "AdamW".into(),
        scheduler: "none".into(),
        lr: 0.001,
        lr_candidates: vec![1.0],
        noise_candidates: vec![0.0],
        episode_length: 200,
        context_mode: "none".into(),
        instability_lambda: 0.0,
        label_noise: NoiseSetting::Clean,
        config: serde_json::Map::new(),
        train_losses: vec![],
        train_accuracies: vec![],
        val_accuracies: vec![0.1, 0.3, 0.3],
        epoch_seconds: vec![],
        epoch_tflops: vec![],
        best_val_accuracy: 0.3,
        final_val_accuracy: None,
        wall_seconds: None,
        estimated_flops: None,
        total_steps: 0,
        episodes: None,
        subsets: None,
        best_subsets: None,
        diverged_at: None,
        metrics: vec![],
        runtime: vec![],
        provenance: vec![],
    }
}

fn with(key: &str, value: serde_json::Value) -> RunRecord {
    let mut record = run();
    record.config.insert(key.into(), value);
    record
}

#[test]
fn what_has_no_effect_is_no_part_of_a_setting() {
    let plain = run().setting();
    assert_eq!(with("episode_length", json!(100)).setting(), plain);
    assert_eq!(with("momentum", json!(0.5)).setting(), plain);
    assert_eq!(with("device", json!("cuda")).setting(), plain);
    assert_eq!(with("scheduler_t_max", json!(3)).setting(), plain);
    assert_eq!(with("weight_decay", json!(1e-4)).setting(), plain, "the default, written out");
    assert_eq!(RunRecord { seed: 4, path: "other".into(), ..run() }.setting(), plain);
}

#[test]
fn a_setting_has_the_names_and_defaults_of_the_configuration() {
    let random = RunRecord { method: Method::Random, label_noise: NoiseSetting::Symmetric(0.2), ..run() };
    let map = random.setting_map();
    let of = |key: &str| map.get(key).cloned();
    assert_eq!(of("control_mode"), Some(json!("random")));
    assert_eq!((of("label_noise_type"), of("label_noise_rate")), (Some(json!("symmetric")), Some(json!(0.2))));
    assert_eq!((of("epochs"), of("weight_decay")), (Some(json!(3)), Some(json!(1e-4))));
    for left_out in ["seed", "momentum", "discount", "output", "label_noise_seed"] {
        assert_eq!(of(left_out), None, "{left_out}");
    }
    assert_eq!(with("batch_size", json!(64.0)).setting(), with("batch_size", json!(64)).setting());
    // A value that this version does not know tells runs apart all the same.
    assert_ne!(with("batch_size", json!("some")).setting(), run().setting());
}

#[test]
fn what_has_an_effect_tells_settings_apart() {
    let adaptive = || RunRecord { method: Method::Adaptive, lr_candidates: vec![0.5, 1.0, 2.0], ..run() };
    let mut all = vec![
        run().setting(),
        with("batch_size", json!(64)).setting(),
        with("epochs", json!(18)).setting(),
        RunRecord { lr: 0.002, ..run() }.setting(),
        RunRecord { scheduler: "cosine".into(), ..run() }.setting(),
        RunRecord { label_noise: NoiseSetting::Symmetric(0.2), ..run() }.setting(),
        RunRecord { label_noise: NoiseSetting::Asymmetric(0.2), ..run() }.setting(),
        adaptive().setting(),
        RunRecord { method: Method::Random, ..adaptive() }.setting(),
    ];
    let mut shorter = adaptive();
    shorter.config.insert("episode_length".into(), json!(50));
    all.push(shorter.setting());
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count, "{all:#?}");
}

#[test]
fn names() {
    let dual = RunRecord {
        method: Method::Adaptive,
        lr_candidates: vec![0.7, 1.0, 1.3],
        noise_candidates: vec![0.0, 0.005],
        scheduler: "warmup_linear".into(),
        label_noise: NoiseSetting::Symmetric(0.4),
        ..run()
    };
    assert_eq!(dual.method_label(), "AEES + warmup-linear");
    assert_eq!(dual.axes_label(), "AEES-Dual + warmup-linear");
    assert_eq!(dual.noise_label(), "sym40");
    let sgd = RunRecord { optimizer: "SGD".into(), lr: 0.05, ..run() };
    assert_eq!((sgd.fixed_multiplier(), sgd.method_label()), (Some(0.5), "Fixed x0.5".into()));
    assert_eq!(RunRecord { optimizer: "SGD".into(), lr: 0.1, ..run() }.method_label(), "SGD");
    assert_eq!(RunRecord { label_noise: NoiseSetting::Asymmetric(0.125), ..run() }.noise_label(), "asym12.5");
    assert_eq!(run().peak_epoch(), Some(2));
}
