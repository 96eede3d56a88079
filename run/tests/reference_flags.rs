//! The flags of the reference's CIFAR-100 runner: every one is there, with its default and its choices.

use aees_run::settings::{Place, RunConfig, TaskName};
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
    let defaults = RunConfig::new(TaskName::Cifar100);
    for (key, default, choices) in table {
        let setting = RunConfig::setting(key).unwrap_or_else(|| panic!("--{key} is missing"));
        assert_eq!(defaults.get(key), Some(default), "{key}");
        assert_eq!(setting.choices, choices, "{key}");
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
    let place = Place::Set;
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

#[test]
fn what_is_wrong_first_is_told_first_in_the_order_of_the_reference() {
    let first = |given: &[(&'static str, &str)]| {
        let mut config = RunConfig::new(TaskName::Cifar100);
        let values = given.iter().map(|(key, value)| (*key, json!(value), Place::Resolved));
        config.fill(values).and_then(|()| config.validate()).unwrap_err()
    };
    for (given, message, keys) in [
        // A type comes before every range, as the parser of flags comes before the checks.
        (
            &[("lr", "0"), ("momentum", "fast")][..],
            "invalid value \"fast\" for `momentum`: expected a number",
            &["momentum"][..],
        ),
        (&[("momentum", "-1"), ("epochs", "0")], "--epochs must be positive.", &["epochs"]),
        (&[("warmup_epochs", "-1"), ("ema_alpha", "2"), ("lr", "nan")], "--lr must be positive.", &["lr"]),
        (
            &[("warmup_epochs", "-1"), ("reward_clip_min", "2")],
            "--reward-clip-min must be <= --reward-clip-max.",
            &["reward_clip_min", "reward_clip_max"],
        ),
        (&[("reward_clip_min", "2"), ("lr", "inf")], "--lr must be finite.", &["lr"]),
        (
            &[("scheduler_t_max", "0"), ("val_split", "1")],
            "--scheduler-t-max must be positive when provided.",
            &["scheduler_t_max"],
        ),
        (
            &[("label_noise_rate", "0.2"), ("seed", "-1")],
            "--label-noise-rate must be 0.0 when --label-noise-type is none.",
            &["label_noise_rate", "label_noise_type"],
        ),
        (
            &[("warmup_epochs", "2")],
            "--warmup-epochs 2 has no effect with --lr-scheduler none: use warmup_linear.",
            &["warmup_epochs", "lr_scheduler"],
        ),
        (&[("lr_candidates", "0.5,x")], "Invalid value 'x' in lr_candidates.", &["lr_candidates"]),
        (&[("lr_candidates", "-1")], "lr_candidates values must be positive.", &["lr_candidates"]),
    ] {
        let error = first(given);
        assert_eq!((error.to_string().as_str(), error.keys()), (message, keys));
    }
    // A value that is replaced does not count.
    let mut config = RunConfig::new(TaskName::Cifar100);
    config.fill([("epochs", json!(0), Place::Resolved), ("epochs", json!(5), Place::Set)]).unwrap();
    assert_eq!(config.epochs.get(), 5);
}

#[test]
fn a_range_that_is_left_is_told_with_its_place() {
    let message =
        |place: Place| RunConfig::new(TaskName::Cifar100).set("lr", &json!(-1), &place).unwrap_err().to_string();
    assert_eq!(message(Place::Flag("lr".into())), "--lr must be positive.");
    assert_eq!(message(Place::Set), "--set: --lr must be positive.");
    let place = Place::File { path: "a.yaml".into(), line: 3, column: 1 };
    assert_eq!(message(place), "a.yaml:3:1: --lr must be positive.");
}
