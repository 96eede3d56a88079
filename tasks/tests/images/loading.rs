//! Limits, hold-out, noise and fingerprint of a loaded task, on synthetic data.

use aees_run::settings::LabelNoiseType;

use aees_tasks::{Cifar100, Cifar100Config, DataSource, LabelNoise};

fn config() -> Cifar100Config {
    Cifar100Config {
        source: DataSource::Synthetic,
        limit_train: Some(1000),
        limit_eval: Some(200),
        ..Cifar100Config::default()
    }
}

fn load(change: impl FnOnce(&mut Cifar100Config)) -> Cifar100 {
    let mut config = config();
    change(&mut config);
    config.load().unwrap()
}

fn complaint(change: impl FnOnce(&mut Cifar100Config)) -> String {
    let mut config = config();
    change(&mut config);
    config.load().unwrap_err().to_string()
}

fn counts(labels: &[u32]) -> Vec<usize> {
    (0..100).map(|class| labels.iter().filter(|&&label| label == class).count()).collect()
}

#[test]
fn limits_are_balanced_and_part_of_the_fingerprint() {
    let data = load(|_| {});
    assert_eq!((data.train.len(), data.test.len()), (1000, 200));
    assert_eq!(counts(data.train.labels()), [10; 100]);
    assert_eq!(data.fingerprint, "77d257f8c165270c48c57246ab0c727f6a1880613cce88776cf3feed71c8ddab");
    let fewer = load(|config| config.limit_train = Some(150));
    let expected: Vec<usize> = (0..100).map(|class| if class < 50 { 2 } else { 1 }).collect();
    assert_eq!(counts(fewer.train.labels()), expected);
    assert_ne!(fewer.fingerprint, data.fingerprint);
}

#[test]
fn the_seed_changes_the_noise_and_not_the_images() {
    let noise = LabelNoise { kind: LabelNoiseType::Symmetric, rate: 0.4 };
    let first = load(|config| config.label_noise = noise);
    let second = load(|config| (config.label_noise, config.seed) = (noise, 1));
    assert_eq!(first.fingerprint, load(|_| {}).fingerprint);
    assert_eq!(first.fingerprint, second.fingerprint);
    assert_ne!(first.train.labels(), second.train.labels());
    assert_eq!(first.train.clean_labels(), second.train.clean_labels());
    assert_eq!(first.train.labels(), first.label_noise.unwrap().noisy_targets);
}

#[test]
fn held_out_images_are_balanced_and_never_noisy() {
    let noise = LabelNoise { kind: LabelNoiseType::Asymmetric, rate: 0.5 };
    let data = load(|config| (config.label_noise, config.val_split) = (noise, 0.2));
    let validation = data.validation.unwrap();
    assert_eq!((data.train.len(), validation.len()), (800, 200));
    assert_eq!(counts(validation.labels()), [2; 100]);
    assert_eq!(validation.labels(), validation.clean_labels());
    assert_eq!(data.label_noise.unwrap().num_corrupted_examples, 400);

    let again = load(|config| config.val_split = 0.2).validation.unwrap();
    let other = load(|config| (config.val_split, config.seed) = (0.2, 1)).validation.unwrap();
    assert_eq!(again, validation);
    assert_ne!(other, validation);
}

#[test]
fn wrong_settings_are_refused_with_their_range() {
    assert_eq!(
        complaint(|config| config.limit_train = Some(50_001)),
        "--limit-train 50001: expected 1 to 50000, the examples there are"
    );
    assert_eq!(
        complaint(|config| config.limit_eval = Some(0)),
        "--limit-eval 0: expected 1 to 10000, the examples there are"
    );
    assert_eq!(
        complaint(|config| config.val_split = 1.0),
        "--val-split 1 of 1000 training examples holds out 1000; both sides need at least one"
    );
    assert_eq!(
        complaint(|config| config.val_split = 0.0001),
        "--val-split 0.0001 of 1000 training examples holds out 0; both sides need at least one"
    );
    let noise = LabelNoise { kind: LabelNoiseType::Symmetric, rate: 0.0001 };
    assert_eq!(
        complaint(|config| config.label_noise = noise),
        "--label-noise-rate 0.0001 of 1000 training examples corrupts none; raise it or set it to 0"
    );
}

#[test]
fn a_data_source_is_a_word_or_a_path() {
    assert_eq!(DataSource::from("auto"), DataSource::Auto);
    assert_eq!(DataSource::from("synthetic"), DataSource::Synthetic);
    assert_eq!(DataSource::from("some/folder"), DataSource::Path("some/folder".into()));
}
