//! Attributes and names of records made by hand.

use serde_json::json;

use super::*;
use crate::fixtures::record;
use crate::names::{NameStyle, fixed_multiplier, method_name};

fn run() -> RunRecord {
    RunRecord { val_accuracies: vec![0.1, 0.3, 0.3], ..record("cifar100", 0) }
}

fn text(run: &RunRecord) -> String {
    Attributes::of(run).to_string()
}

fn with(key: &str, value: serde_json::Value) -> RunRecord {
    let mut record = run();
    record.config.insert(key.into(), value);
    record
}

#[test]
fn what_has_no_effect_is_no_part_of_a_setting() {
    let plain = text(&run());
    assert_eq!(text(&with("episode_length", json!(100))), plain);
    assert_eq!(text(&with("momentum", json!(0.5))), plain);
    assert_eq!(text(&with("device", json!("cuda"))), plain);
    assert_eq!(text(&with("scheduler_t_max", json!(3))), plain);
    assert_eq!(text(&with("weight_decay", json!(1e-4))), plain, "the default, written out");
    assert_eq!(text(&RunRecord { seed: 4, path: "other".into(), ..run() }), plain);
}

#[test]
fn a_setting_has_the_names_and_defaults_of_the_configuration() {
    let random = RunRecord { control: Control::Random, label_noise: NoiseSetting::Symmetric(0.2), ..run() };
    let attributes = Attributes::of(&random);
    let of = |key: &str| attributes.json(key).map(|json| serde_json::from_str::<serde_json::Value>(json).unwrap());
    assert_eq!(of("control_mode"), Some(json!("random")));
    assert_eq!((of("label_noise_type"), of("label_noise_rate")), (Some(json!("symmetric")), Some(json!(0.2))));
    assert_eq!((of("epochs"), of("weight_decay")), (Some(json!(3)), Some(json!(1e-4))));
    for left_out in ["seed", "momentum", "discount", "output", "label_noise_seed"] {
        assert_eq!(of(left_out), None, "{left_out}");
    }
    assert_eq!(text(&with("batch_size", json!(64.0))), text(&with("batch_size", json!(64))));
    // A value that this version does not know tells runs apart all the same.
    assert_ne!(text(&with("batch_size", json!("some"))), text(&run()));
}

#[test]
fn what_has_an_effect_tells_settings_apart() {
    let adaptive = || RunRecord { control: Control::Adaptive, lr_candidates: vec![0.5, 1.0, 2.0], ..run() };
    let mut all = vec![
        text(&run()),
        text(&with("batch_size", json!(64))),
        text(&with("epochs", json!(18))),
        text(&RunRecord { lr: 0.002, ..run() }),
        text(&RunRecord { scheduler: "cosine".into(), ..run() }),
        text(&RunRecord { label_noise: NoiseSetting::Symmetric(0.2), ..run() }),
        text(&RunRecord { label_noise: NoiseSetting::Asymmetric(0.2), ..run() }),
        text(&adaptive()),
        text(&RunRecord { control: Control::Random, ..adaptive() }),
    ];
    let mut shorter = adaptive();
    shorter.config.insert("episode_length".into(), json!(50));
    all.push(text(&shorter));
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count, "{all:#?}");
}

#[test]
fn names() {
    let dual = RunRecord {
        control: Control::Adaptive,
        lr_candidates: vec![0.7, 1.0, 1.3],
        noise_candidates: vec![0.0, 0.005],
        scheduler: "warmup_linear".into(),
        label_noise: NoiseSetting::Symmetric(0.4),
        ..run()
    };
    assert_eq!(method_name(&dual, NameStyle::Short).text, "AEES-Dual + warmup-linear");
    let lr = RunRecord { noise_candidates: vec![0.0], ..dual.clone() };
    assert_eq!(method_name(&lr, NameStyle::Short).text, "AEES + warmup-linear");
    assert_eq!(method_name(&lr, NameStyle::WithAxes).text, "AEES-LR + warmup-linear");
    assert_eq!(dual.label_noise.label(), "sym40");
    let sgd = RunRecord { optimizer: "SGD".into(), lr: 0.05, ..run() };
    // A rate of its own makes no multiplier of a plain optimizer; a single candidate does.
    assert_eq!((fixed_multiplier(&sgd), method_name(&sgd, NameStyle::Short).text), (None, "Baseline".into()));
    let half = RunRecord { control: Control::Fixed, lr_candidates: vec![0.5], ..sgd };
    assert_eq!((fixed_multiplier(&half), method_name(&half, NameStyle::Short).text), (Some(0.5), "Fixed ×0.5".into()));
    assert_eq!(RunRecord { label_noise: NoiseSetting::Asymmetric(0.125), ..run() }.label_noise.label(), "asym12.5");
    assert_eq!(run().peak_epoch(), Some(2));
}

#[test]
fn seed_and_places_are_no_attributes_and_the_way_a_number_is_written_is_none() {
    let of = |seed, config| Attributes::of(&crate::fixtures::with(record("cifar100", seed), config));
    let one = of(0, json!({"lr": 1, "data": "/a", "seed": 0}));
    assert_eq!(one, of(7, json!({"lr": 1.0, "data": "/b", "seed": 7})));
    assert_ne!(one, of(7, json!({"lr": 1.5, "data": "/b", "seed": 7})));
}
