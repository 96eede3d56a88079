//! The studies of the thesis, as files: each parses, each has the runs that were published.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use aees_run::settings::{RunConfig, TaskName, read_file};

use super::super::identity::config_key;
use super::super::{Expansion, Overrides, Settings, Study, StudyTask};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/studies")
}

fn expand(name: &str) -> Expansion {
    let study = Study::read(&folder().join(name)).unwrap_or_else(|errors| panic!("{errors}"));
    study.expand(&Overrides::default()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Each file with its runs. The archive of the thesis holds as many results where a number is given in brackets.
const RUNS: [(&str, usize); 15] = [
    // 6 methods x 5 seeds (cifar_clean: 40, with the 10 of the fixed multipliers 0.5 and 2).
    ("cifar-clean.yaml", 30),
    // 3 regimes x 2 optimizers x 4 methods x 5 seeds, and SGD at 2 smaller learning rates x 5 (cifar_noisy: 220, with
    // the 90 of the fixed multipliers).
    ("cifar-noisy.yaml", 130),
    // (1 clean + 3 regimes x 2 optimizers) x 3 multipliers x 5 seeds.
    ("cifar-fixed-multipliers.yaml", 105),
    // 2 noise axes x 5 seeds.
    ("cifar-noise-ablation.yaml", 10),
    // 2 regimes x 3 variants x 5 seeds.
    ("cifar-ablations.yaml", 30),
    // 6 methods x 5 seeds (sst2: 30).
    ("sst2.yaml", 30),
    // 2 contexts x 5 seeds.
    ("sst2-trend-ablation.yaml", 10),
    // 4 methods x 5 seeds (clean_agnews: 20).
    ("agnews-clean.yaml", 20),
    // 6 methods x 5 seeds (noisy_agnews: 30) and 3 controls of the noise axis x 5.
    ("agnews-noisy.yaml", 45),
    // (2 optimizers of CIFAR-100 + SST-2 + AG News) x 8 configurations x 3 repeats (compute_overhead: 96).
    ("compute-overhead-cifar.yaml", 48),
    ("compute-overhead-sst2.yaml", 24),
    ("compute-overhead-agnews.yaml", 24),
    // 3 regimes x 2 optimizers x 2 policies x 5 seeds: the launcher's full matrix.
    ("attribution-controls.yaml", 60),
    // 3 methods x 3 seeds.
    ("demo-cifar.yaml", 9),
    // 2 x 2 settings x 3 seeds.
    ("examples/command.yaml", 12),
];

/// What asks whether feedback beats chance, by docs/method-protocol.md: what is chosen on development seeds is confirmed on others.
#[test]
fn the_studies_of_the_protocol_keep_development_and_confirmation_apart() {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder().join("method")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 7, "{files:?}");
    for path in files {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let (steps, runs, seeds) = match name.rsplit_once('-').unwrap().1 {
            "rates" => (12, 60, 0..5),
            "rules" => (8, 40, 0..5),
            "confirm" => (5, 100, 100..120),
            "frequencies" => (1, 20, 100..120),
            // The longer runs, which were added later.
            "10k" | "sym40" => (5, 50, 120..130),
            other => panic!("{other}"),
        };
        let expansion = expand(&format!("method/{name}.yaml"));
        assert_eq!((expansion.runs(), expansion.duplicates, expansion.warnings.len()), (runs, 0, 0), "{name}");
        assert_eq!(runs, steps * seeds.clone().count());
        let text = std::fs::read_to_string(&path).unwrap();
        let last = seeds.end - 1;
        assert!(text.contains(&format!("seeds: {}-{last}", seeds.start)), "{name}");
        assert!(text.contains(&format!("name: method-{name}\n")) && !text.contains("/work"), "{name}");
    }
}

#[test]
fn each_has_its_runs() {
    for (name, runs) in RUNS {
        let expansion = expand(name);
        assert_eq!((expansion.runs(), expansion.duplicates, expansion.warnings.len()), (runs, 0, 0), "{name}");
    }
}

#[test]
fn none_is_forgotten() {
    let files = |folder: PathBuf| -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .filter(|path| path.is_file())
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect()
    };
    let listed: HashSet<&str> = RUNS.iter().map(|(name, _)| name.rsplit('/').next().unwrap()).collect();
    for name in files(folder()).into_iter().chain(files(folder().join("examples"))) {
        assert!(listed.contains(name.as_str()), "{name} has no run count");
    }
}

fn keys(name: &str) -> HashSet<String> {
    expand(name)
        .settings
        .iter()
        .map(|setting| config_key(&StudyTask::Train(TaskName::Cifar100), &setting.settings))
        .collect()
}

#[test]
fn the_published_single_runs_are_in_the_studies() {
    let (clean, noisy) = (keys("cifar-clean.yaml"), keys("cifar-noisy.yaml"));
    let single = folder().parent().unwrap().join("cifar100");
    for entry in std::fs::read_dir(single).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut config = RunConfig::new(TaskName::Cifar100);
        for (key, value, place) in read_file(&path).unwrap().iter().filter(|(key, ..)| key != "task") {
            config.set(key, value, place).unwrap();
        }
        let key = config_key(&StudyTask::Train(TaskName::Cifar100), &Settings::Train(Box::new(config)));
        if name.starts_with("clean_adamw") {
            assert!(clean.contains(&key), "{name}");
        } else if !name.starts_with("clean") {
            assert!(noisy.contains(&key), "{name}");
        }
    }
}

#[test]
fn fixed_multipliers_share_the_runs_of_the_baselines() {
    // Seven with the multiplier 1, and half the rate of SGD on asymmetric noise, which is a case of cifar-noisy too.
    let others: HashSet<String> = keys("cifar-clean.yaml").union(&keys("cifar-noisy.yaml")).cloned().collect();
    assert_eq!(keys("cifar-fixed-multipliers.yaml").intersection(&others).count(), 8);
}
