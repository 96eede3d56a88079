//! The flags of the reference's CIFAR-100 runner: every one is there, with its default and its choices.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use aees_run::settings::{RunConfig, TaskName};
use serde_json::{Value, json};

#[test]
fn every_flag_of_the_reference_has_its_default_and_choices() {
    let none: &[&str] = &[];
    let schedulers: &[&str] = &["none", "cosine", "linear", "warmup_linear"];
    let modes: &[&str] = &["baseline", "adaptive", "random", "uniform-random", "frequency-matched"];
    let table: [(&str, Value, &[&str]); 27] = [
        ("control_mode", json!("baseline"), modes),
        ("epochs", json!(10), none),
        ("batch_size", json!(128), none),
        ("lr", json!(1e-3), none),
        ("weight_decay", json!(1e-4), none),
        ("optimizer", json!("AdamW"), &["AdamW", "SGD"]),
        ("momentum", json!(0.9), none),
        ("lr_scheduler", json!("none"), schedulers),
        ("scheduler_t_max", Value::Null, none),
        ("warmup_epochs", json!(0), none),
        ("reward_epsilon", json!(1e-8), none),
        ("reward_instability_lambda", json!(0.0), none),
        ("reward_clip_min", json!(-1.0), none),
        ("reward_clip_max", json!(1.0), none),
        ("episode_length", json!(200), none),
        ("lr_candidates", json!([1.0]), none),
        ("noise_candidates", json!([0.0]), none),
        ("structured_control_mode", json!("independent"), &["independent", "conditional"]),
        ("context_mode", json!("none"), &["none", "trend"]),
        ("context_trend_window", json!(3), none),
        ("context_trend_epsilon", json!(1e-3), none),
        ("label_noise_type", json!("none"), &["none", "symmetric", "asymmetric"]),
        ("label_noise_rate", json!(0.0), none),
        ("seed", json!(0), none),
        ("run_tag", Value::Null, none),
        ("schedule_seed", Value::Null, none),
        ("aees_trace_root", json!("results/cifar_noisy"), none),
    ];
    let (defaults, fields) = (RunConfig::new(TaskName::Cifar100), RunConfig::settings());
    for (key, default, choices) in table {
        let field = fields.iter().find(|field| field.key == key).unwrap_or_else(|| panic!("--{key} is missing"));
        assert_eq!(defaults.get(key), Some(default), "{key}");
        assert_eq!(field.choices, choices, "{key}");
    }
    assert_eq!(defaults.get("ema_alpha"), Some(json!(0.1)));
    assert!(defaults.validate().is_ok(), "the defaults can be run");
}

#[test]
fn what_the_reference_hides_is_a_setting() {
    let defaults = RunConfig::new(TaskName::Cifar100);
    for (key, default) in [
        ("exploration_coef", json!(1.0)),
        ("discount", json!(0.95)),
        ("warmup_rounds", json!(1)),
        ("ema_alpha", json!(0.1)),
        ("model_width", json!(64)),
    ] {
        assert_eq!(defaults.get(key), Some(default), "{key}");
    }
}

#[test]
fn a_value_means_the_same_from_a_file_and_from_a_flag() {
    let place = aees_run::settings::Place::Set;
    for (key, typed, written) in [
        ("lr", json!("1e-3"), json!(0.001)),
        ("lr_candidates", json!("0.5, 1,2"), json!([0.5, 1, 2])),
        ("lr_candidates", json!("1_0"), json!(10)),
        ("epochs", json!("20"), json!(20)),
        ("tensorboard", json!("true"), json!(true)),
        ("limit_train", json!("none"), Value::Null),
    ] {
        let (mut flag, mut file) = (RunConfig::new(TaskName::Cifar100), RunConfig::new(TaskName::Cifar100));
        flag.set(key, &typed, &place).unwrap();
        file.set(key, &written, &place).unwrap();
        assert_eq!(flag, file, "{key}");
    }
    let mut config = RunConfig::new(TaskName::Cifar100);
    for (key, value) in
        [("epochs", json!(1.5)), ("lr", json!([1])), ("optimizer", json!("adamw")), ("tensorboard", json!(3))]
    {
        assert!(config.set(key, &value, &place).is_err(), "{key}: {value}");
    }
}
