//! The reader on the archive of fixtures, and on a study with and without its registry.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::Scratch;
use aees_report::{Axes, Layout, Method, NoiseSetting, ResultSet, RunRecord, Source};

fn archive() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/archive")
}

fn one(name: &str) -> RunRecord {
    ResultSet::read(&[Source::File(archive().join(name))]).unwrap().runs.remove(0)
}

#[test]
fn an_archive_is_read_whole() {
    let set = ResultSet::read(&[Source::Folder(archive())]).unwrap();
    let count = |layout: Layout| set.runs.iter().filter(|run| run.layout == layout).count();
    assert_eq!((count(Layout::ReferenceNew), count(Layout::ReferenceOld), count(Layout::Aees)), (37, 9, 0));
    let skipped = set.skipped.iter().map(|skipped| skipped.path.file_name().unwrap().display().to_string());
    let skipped: Vec<String> = skipped.collect();
    assert_eq!(skipped, ["adamw_seed0.log", "manifest.json"]);
    assert!(set.duplicates().is_empty() && set.warnings.is_empty(), "{:?}", set.warnings);
    let mut settings: Vec<String> = set.runs.iter().map(RunRecord::setting).collect();
    settings.sort();
    settings.dedup();
    // Five seeds each of six CIFAR settings and one of AG News, and eleven single runs.
    assert_eq!(settings.len(), 18, "{settings:#?}");
}

#[test]
fn the_older_file_of_the_archive() {
    let run = one("noisy_agnews/seed_2/agnews_noise20_adamw_warmup_linear.json");
    assert_eq!((run.layout, run.method, run.seed), (Layout::ReferenceOld, Method::Baseline, 2));
    assert_eq!((run.optimizer.as_str(), run.scheduler.as_str(), run.lr), ("AdamW", "warmup_linear", 5e-5));
    assert_eq!(run.val_accuracies, [0.92175, 0.9331666666666667, 0.929, 0.922, 0.9065833333333333]);
    assert_eq!((run.best_val_accuracy, run.peak_epoch()), (0.9331666666666667, Some(2)));
    assert_eq!((run.wall_seconds, run.estimated_flops), (Some(589.8179427189752), Some(6695103753560064.0)));
    assert_eq!((run.label_noise, run.noise_label().as_str()), (NoiseSetting::Symmetric(0.2), "sym20"));
    assert_eq!(run.method_label(), "AdamW + warmup-linear");
    assert!(run.episodes.is_none() && run.runtime.is_empty() && run.subsets.is_none());
}

#[test]
fn a_newer_file_without_an_extension() {
    let run = one("cifar_noisy/cifar100_asym20_seed3/adamw_cosine_aees_ep200_lr05102");
    assert_eq!((run.layout, run.method, run.axes()), (Layout::ReferenceNew, Method::Adaptive, Axes::Lr));
    assert_eq!((run.method_label(), run.noise_label()), ("AEES + cosine".into(), "asym20".into()));
    let subsets = run.subsets.unwrap();
    assert_eq!((subsets.all, subsets.corrupted_vs_noisy, subsets.corrupted_vs_clean), (1.0, 1.0, 0.0));
    let episodes = run.episodes.as_ref().unwrap();
    assert_eq!((episodes.end_steps.len(), episodes.end_steps[0], episodes.end_steps[39]), (40, 199, 7819));
    assert!(!run.config.contains_key("diagnostics") && run.config.contains_key("lr_candidates"));
    assert!(run.runtime.iter().any(|(name, value)| name == "steps_per_second" && *value > 0.0));
    assert!(run.provenance.iter().any(|(name, value)| name == "torch_version" && value == "2.8.0"));
}

#[test]
fn who_picked_in_each_file() {
    for (name, method, label) in [
        ("cifar_noisy/cifar100_asym20_seed0/adamw_fixed_lr05", Method::Baseline, "Fixed x0.5"),
        ("cifar_noisy/cifar100_asym20_seed0/adamw_baseline", Method::Baseline, "AdamW"),
        ("nlp_noise_ablation/agn20_ada_rnd_seed0.json", Method::Random, "Random-Noise + warmup-linear"),
        ("nlp_noise_ablation/agn20_fixed005_seed0.json", Method::Fixed, "Fixed sigma 0.005 + warmup-linear"),
        ("sst2/sst2_main_small_ep200_dual_seed4.json", Method::Adaptive, "AEES-Dual + warmup-linear"),
        (
            "attribution_controls/cifar100_asym20_seed0/adamw_uniform_random.json",
            Method::UniformRandom,
            "Uniform random",
        ),
        (
            "attribution_controls/cifar100_asym20_seed0/adamw_frequency_matched.json",
            Method::FrequencyMatched,
            "Frequency-matched",
        ),
    ] {
        let run = one(name);
        assert_eq!((run.method, run.axes_label().as_str()), (method, label), "{name}");
    }
}

#[test]
fn a_study_is_read_by_its_registry_and_without_it() {
    let scratch = Scratch::new();
    let study = "aees: 1\nname: small\ntask: cifar100\nbase: {data: synthetic, model_width: 2, limit_train: 40, \
                 limit_eval: 20, batch_size: 20, epochs: 1}\nsweep: {lr: [0.001, 0.002]}\nseeds: 2\n";
    fs::write(scratch.path("small.yaml"), study).unwrap();
    scratch.run(["sweep", "run", "small.yaml"]).ok();
    let root = scratch.path("results");
    let source = || Source::Study { root: root.clone(), registry: root.join("registry.db"), name: "small".into() };
    let set = ResultSet::read(&[source()]).unwrap();
    assert_eq!((set.runs.len(), set.warnings.len()), (4, 0), "{:?}", set.warnings);
    assert!(set.runs.iter().all(|run| run.layout == Layout::Aees && run.run_id.is_some()));
    assert_eq!(set.runs.iter().map(RunRecord::setting).collect::<std::collections::BTreeSet<_>>().len(), 2);
    // The same runs as a folder, and both together: each once.
    let both = ResultSet::read(&[source(), Source::Folder(root.clone())]).unwrap();
    assert_eq!((both.runs.len(), both.skipped.len()), (4, 0), "{:?}", both.skipped);

    fs::remove_file(&set.runs[0].path).unwrap();
    let damaged = ResultSet::read(&[source()]).unwrap();
    assert_eq!((damaged.runs.len(), damaged.skipped.len()), (3, 1));
    assert!(damaged.skipped[0].reason.contains("its result is gone"), "{:?}", damaged.skipped);

    for name in ["registry.db", "registry.db-wal", "registry.db-shm"] {
        fs::remove_file(root.join(name)).ok();
    }
    let without = ResultSet::read(&[source()]).unwrap();
    assert_eq!(without.runs.len(), 3);
    assert!(without.warnings[0].contains("resolved.json"), "{:?}", without.warnings);
    assert!(without.warnings[1].contains("1 of 4 runs have no result"), "{:?}", without.warnings);

    let unknown = Source::Study { root: root.clone(), registry: root.join("registry.db"), name: "smal".into() };
    let error = ResultSet::read(&[unknown]).unwrap_err();
    assert!(error.to_string().contains("`smal` is no study"), "{error}");
    assert_eq!(error.help().unwrap(), "studies: small");
}

#[test]
fn a_studys_failures_are_told_with_their_reasons() {
    let scratch = Scratch::new();
    let study = "aees: 1\nname: programs\ntask: command\ncommand:\n  argv:\n    - sh\n    - -c\n    - |\n      \
                 if [ {x} = 2 ]; then echo gone wrong >&2; exit 3; fi\n      echo '{{\"loss\": {x}}}'\nsweep: {x: [1, 2, 3]}\n";
    fs::write(scratch.path("programs.yaml"), study).unwrap();
    scratch.run(["sweep", "run", "programs.yaml"]);
    let root = scratch.path("results");
    let source = Source::Study { registry: root.join("registry.db"), root, name: "programs".into() };
    let set = ResultSet::read(&[source]).unwrap();
    let settings: Vec<String> = set.runs.iter().map(RunRecord::setting).collect();
    assert_eq!(settings.len(), 2, "{settings:?} {:?}", set.skipped);
    assert!(settings.iter().any(|setting| setting.contains("x=3")), "{settings:?}");
    assert!(set.runs.iter().all(|run| run.task == "command" && run.best_val_accuracy.is_nan()));
    assert_eq!(set.skipped.len(), 1);
    assert!(set.skipped[0].reason.starts_with("the run is failed: "), "{:?}", set.skipped);
}
