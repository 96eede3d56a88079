//! Every file in `configs/` is a configuration that can be run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aees_control::schedule::ScheduleKind;
use aees_run::settings::{ControlMode, OptimizerName, RunConfig, TaskName, read_file};

fn configs() -> Vec<(String, RunConfig)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/cifar100");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let config = |path: &PathBuf| {
        let mut config = RunConfig::new(TaskName::Cifar100);
        for (key, value, place) in read_file(path).unwrap() {
            if key == "task" {
                assert_eq!(value, "cifar100");
            } else {
                config.set(&key, &value, &place).unwrap();
            }
        }
        config.validate().unwrap();
        (path.file_stem().unwrap().to_string_lossy().into_owned(), config)
    };
    paths.iter().map(config).collect()
}

#[test]
fn there_is_one_for_each_published_setting_and_each_says_what_its_name_says() {
    let configs = configs();
    let names: BTreeSet<&str> = configs.iter().map(|(name, _)| name.as_str()).collect();
    let mut expected = BTreeSet::new();
    for regime in ["clean", "asym20", "sym20", "sym40"] {
        for optimizer in ["adamw", "sgd"] {
            for method in ["baseline", "aees", "cosine", "cosine_aees"] {
                expected.insert(format!("{regime}_{optimizer}_{method}"));
            }
        }
    }
    assert_eq!(names, expected.iter().map(String::as_str).collect());
    for (name, config) in &configs {
        let sgd = name.contains("sgd");
        assert_eq!(config.optimizer, if sgd { OptimizerName::Sgd } else { OptimizerName::AdamW }, "{name}");
        assert_eq!(config.lr.get(), if sgd { 0.1 } else { 1e-3 }, "{name}");
        assert_eq!(config.control_mode == ControlMode::Adaptive, name.contains("aees"), "{name}");
        assert_eq!(config.lr_scheduler == ScheduleKind::Cosine, name.contains("cosine"), "{name}");
        let noise = format!("{}{:.0}", &config.label_noise_type.name()[..3], 100.0 * config.label_noise_rate.get());
        let regime = match noise.as_str() {
            "non0" => "clean",
            "asy20" => "asym20",
            other => other,
        };
        assert!(name.starts_with(regime), "{name}: {regime}");
        let sizes = (config.epochs.get(), config.batch_size.get(), config.episode_length.get());
        assert_eq!(sizes, (200, 128, 200), "{name}");
    }
}
