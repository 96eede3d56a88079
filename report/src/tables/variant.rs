//! What the rows of the CIFAR tables are called. A run is recognised by its settings.

use super::group::Place;
use super::setting::number_text;
use crate::{Method, NoiseSetting, RunRecord};

/// The names of the four methods that the noisy tables compare.
pub(super) const BASELINE: &str = "Baseline";
/// The bandit on a flat learning rate.
pub(super) const AEES: &str = "AEES";
/// The cosine schedule.
pub(super) const COSINE: &str = "Cosine";
/// The bandit on the cosine schedule.
pub(super) const COSINE_AEES: &str = "Cosine + AEES";

/// The name of a noise setting, and its rank: clean, asymmetric, symmetric, by rate.
pub(super) fn noise_name(noise: NoiseSetting) -> (usize, String) {
    let percent = |rate: f64| number_text((rate * 1e4).round() / 100.0);
    match noise {
        NoiseSetting::Clean => (0, "clean".into()),
        NoiseSetting::Asymmetric(rate) => (100 + (rate * 1000.0) as usize, format!("asym{}", percent(rate))),
        NoiseSetting::Symmetric(rate) => (2000 + (rate * 1000.0) as usize, format!("sym{}", percent(rate))),
    }
}

/// The rank of an optimizer in tables.
pub(super) fn optimizer_rank(run: &RunRecord) -> (usize, String) {
    (usize::from(run.optimizer != "AdamW"), run.optimizer.clone())
}

/// A run under its scheduler, the noisy tables' way: `Cosine + AEES`.
pub(super) fn noisy_label(run: &RunRecord, base_lr: f64) -> (usize, String) {
    let schedule = match run.scheduler.as_str() {
        "none" | "" => None,
        "cosine" => Some(COSINE),
        "linear" => Some("Linear"),
        other => Some(other),
    };
    let (rank, method) = method_name(run, base_lr);
    match (schedule, run.method) {
        (Some(schedule), Method::Baseline) => (2, schedule.to_owned()),
        (Some(schedule), _) => (rank + 2, format!("{schedule} + {method}")),
        (None, _) => (rank, method),
    }
}

/// A run under its scheduler, the clean tables' way: `AEES + Cosine`, and the optimizer's name for the plain one.
pub(super) fn clean_label(run: &RunRecord, base_lr: f64) -> (usize, String) {
    let (rank, method) = method_name(run, base_lr);
    let plain = run.method == Method::Baseline && method == BASELINE;
    let method = if plain { run.optimizer.clone() } else { method };
    match run.scheduler.as_str() {
        "none" | "" => (rank * 4, method),
        "cosine" => (rank * 4 + 1, format!("{method} + Cosine")),
        "linear" => (rank * 4 + 2, format!("{method} + Linear")),
        other => (rank * 4 + 3, format!("{method} + {other}")),
    }
}

/// The method, without its schedule.
fn method_name(run: &RunRecord, base_lr: f64) -> (usize, String) {
    match (run.method, fixed_multiplier(run, base_lr)) {
        (_, Some(multiplier)) => (10, fixed_name(multiplier)),
        (Method::Baseline, None) => (0, BASELINE.into()),
        (Method::Adaptive, None) => (1, AEES.into()),
        (Method::Fixed, None) => (11, "Fixed noise".into()),
        (Method::Random, None) => (12, "Random".into()),
        (Method::UniformRandom, None) => (13, "Uniform random".into()),
        (Method::FrequencyMatched, None) => (14, "Frequency-matched".into()),
    }
}

/// The name of a fixed multiplier.
pub(super) fn fixed_name(multiplier: f64) -> String {
    format!("Fixed ×{multiplier:?}")
}

/// The fixed multiplier that a row is named after: that of a controller with one candidate, or of a plain optimizer at a
/// multiple of the base rate, as the reference made them. None for a plain optimizer at the base rate, and where something
/// else is fixed. [`RunRecord::multiplier_of`] says what the factor is; a section gives its own base rate, because its
/// adaptive runs may have another one than the published.
pub(super) fn fixed_multiplier(run: &RunRecord, base_lr: f64) -> Option<f64> {
    let multiplier = run.multiplier_of(base_lr);
    match run.method {
        Method::Baseline if run.scheduler == "none" => multiplier.filter(|multiplier| *multiplier != 1.0),
        Method::Fixed if run.noise_candidates.iter().all(|noise| *noise == 0.0) => multiplier,
        _ => None,
    }
}

/// The base rate that multipliers refer to: that of the adaptive runs of this optimizer, or else the published one.
pub(super) fn base_lr(runs: &[&RunRecord], optimizer: &str) -> f64 {
    let of_optimizer = || runs.iter().filter(|run| run.optimizer == optimizer);
    let adaptive = of_optimizer().find(|run| run.method == Method::Adaptive).map(|run| run.lr);
    adaptive.or_else(|| of_optimizer().find_map(|run| run.published_lr())).unwrap_or(1e-3)
}

/// A place in a table.
pub(super) fn place(section: (usize, String), label: (usize, String)) -> Place {
    Place { section, label }
}

/// The length in epochs that most of the runs have (the longer of two as common), the runs that have it, and a note about the
/// others.
pub(super) fn of_usual_length(runs: Vec<&RunRecord>) -> (Vec<&RunRecord>, Option<String>) {
    let mut counts = std::collections::BTreeMap::<u64, usize>::new();
    runs.iter().for_each(|run| *counts.entry(planned_epochs(run)).or_default() += 1);
    let Some((usual, _)) = counts.into_iter().max_by_key(|(epochs, times)| (*times, *epochs)) else {
        return (runs, None);
    };
    let (kept, other): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| planned_epochs(run) == usual);
    let note = (!other.is_empty())
        .then(|| format!("{} runs of another length than {usual} epochs are not in this table", other.len()));
    (kept, note)
}

/// The epochs a run was meant to have.
pub(super) fn planned_epochs(run: &RunRecord) -> u64 {
    run.config.get("epochs").and_then(serde_json::Value::as_u64).unwrap_or(run.val_accuracies.len() as u64)
}
