//! The reader on the archive of fixtures.

use aees_report::names::{NameStyle, method_name};
use aees_report::{Attributes, Control, ControlledAxes, Layout, NoiseSetting, ReportSource, ResultSet, RunRecord};

use crate::archive;

fn one(name: &str) -> RunRecord {
    ResultSet::read(&[ReportSource::File(archive().join(name))]).unwrap().runs.remove(0)
}

#[test]
fn an_archive_is_read_whole() {
    let set = ResultSet::read(&[ReportSource::Folder(archive())]).unwrap();
    let count = |layout: Layout| set.runs.iter().filter(|run| run.layout == layout).count();
    assert_eq!((count(Layout::ReferenceNew), count(Layout::ReferenceOld), count(Layout::Aees)), (37, 9, 0));
    let skipped = set.skipped.iter().map(|skipped| skipped.path.file_name().unwrap().display().to_string());
    let skipped: Vec<String> = skipped.collect();
    assert_eq!(skipped, ["adamw_seed0.log", "manifest.json"]);
    assert!(set.duplicates().is_empty() && set.warnings.is_empty(), "{:?}", set.warnings);
    let mut settings: Vec<String> = set.runs.iter().map(|run| Attributes::of(run).to_string()).collect();
    settings.sort();
    settings.dedup();
    // Five seeds each of six CIFAR settings and one of AG News, and eleven single runs.
    assert_eq!(settings.len(), 18, "{settings:#?}");
}

#[test]
fn the_older_file_of_the_archive() {
    let run = one("noisy_agnews/seed_2/agnews_noise20_adamw_warmup_linear.json");
    assert_eq!((run.layout, run.control, run.seed), (Layout::ReferenceOld, Control::Baseline, 2));
    assert_eq!((run.optimizer.as_str(), run.scheduler.as_str(), run.lr), ("AdamW", "warmup_linear", 5e-5));
    assert_eq!(run.val_accuracies, [0.92175, 0.9331666666666667, 0.929, 0.922, 0.9065833333333333]);
    assert_eq!((run.best_val_accuracy, run.peak_epoch()), (0.9331666666666667, Some(2)));
    assert_eq!((run.wall_seconds, run.estimated_flops), (Some(589.8179427189752), Some(6695103753560064.0)));
    assert_eq!((run.label_noise, run.label_noise.label().as_str()), (NoiseSetting::Symmetric(0.2), "sym20"));
    assert_eq!(method_name(&run, NameStyle::Short).text, "Baseline + warmup-linear");
    assert!(run.episodes.is_none() && run.runtime.is_empty() && run.subsets.is_none());
}

#[test]
fn a_newer_file_without_an_extension() {
    let run = one("cifar_noisy/cifar100_asym20_seed3/adamw_cosine_aees_ep200_lr05102");
    assert_eq!((run.layout, run.control, run.axes()), (Layout::ReferenceNew, Control::Adaptive, ControlledAxes::Lr));
    assert_eq!(
        (method_name(&run, NameStyle::Short).text, run.label_noise.label()),
        ("AEES + cosine".into(), "asym20".into())
    );
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
        ("cifar_noisy/cifar100_asym20_seed0/adamw_fixed_lr05", Control::Baseline, "Baseline"),
        ("cifar_noisy/cifar100_asym20_seed0/adamw_baseline", Control::Baseline, "Baseline"),
        ("nlp_noise_ablation/agn20_ada_rnd_seed0.json", Control::Random, "Random-Noise + warmup-linear"),
        ("nlp_noise_ablation/agn20_fixed005_seed0.json", Control::Fixed, "Fixed σ 0.005 + warmup-linear"),
        ("sst2/sst2_main_small_ep200_dual_seed4.json", Control::Adaptive, "AEES-Dual + warmup-linear"),
        (
            "attribution_controls/cifar100_asym20_seed0/adamw_uniform_random.json",
            Control::UniformRandom,
            "Uniform random",
        ),
        (
            "attribution_controls/cifar100_asym20_seed0/adamw_frequency_matched.json",
            Control::FrequencyMatched,
            "Frequency-matched",
        ),
    ] {
        let run = one(name);
        assert_eq!((run.control, method_name(&run, NameStyle::WithAxes).text.as_str()), (method, label), "{name}");
    }
}
