//! The ablations: penalty on unsteady losses, trend context, gradient noise on CIFAR-100, and what feedback contributes.
//! Differences are paired by seed, unlike the reference's.

use super::group::{Group, RowPlace, gather};
use super::options::TableOptions;
use super::plan::Plan;
use super::quantity::Quantity;
use super::selection::{of_usual_length, optimizer_rank};
use super::table::Table;
use crate::attributes::planned_epochs;
use crate::names::{AEES, BASELINE, MATCHED, UNIFORM};
use crate::record::{Control, NoiseSetting, RunRecord};

const ACCURACY: [Quantity; 4] = [Quantity::Best, Quantity::SameEpoch, Quantity::Final, Quantity::Drop];

/// Keeps the sections that have rows of both names: one value of a setting is no ablation, and a contrast in something else
/// is another one.
fn with_both<'a>(groups: Vec<Group<'a>>, one: &str, other: &str) -> Vec<Group<'a>> {
    let has = |section: &str, name: &str| {
        groups.iter().any(|group| group.section == section && group.label.starts_with(name))
    };
    let both = |group: &Group<'_>| has(&group.section, one) && has(&group.section, other);
    let kept: Vec<bool> = groups.iter().map(both).collect();
    groups.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(group, _)| group).collect()
}

/// Task, noise and optimizer in one heading.
fn section(run: &RunRecord) -> (usize, String) {
    let (rank, noise) = (run.label_noise.rank(), run.label_noise.label());
    let task = ["cifar100", "sst2"].iter().position(|task| *task == run.task).unwrap_or(2);
    let optimizer = optimizer_rank(run);
    (task * 100_000 + rank * 2 + optimizer.0, format!("{} {noise}, {}", run.task, optimizer.1))
}

/// Adaptive runs with and without the penalty.
pub(super) fn penalty(runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    let chosen = |run: &&RunRecord| {
        run.control == Control::Adaptive
            && run.task == "cifar100"
            && run.scheduler == "none"
            && run.context_mode == "none"
    };
    let (kept, note) = of_usual_length(runs.iter().filter(chosen).collect());
    let groups = gather(kept, &[], |run| {
        let lambda = run.instability_lambda;
        let label = if lambda == 0.0 { "No penalty".to_owned() } else { format!("Penalty {lambda:?}") };
        Some(RowPlace::new(section(run), ((lambda * 1e6) as usize, label)))
    });
    let groups = with_both(groups, "Penalty", "No penalty");
    let penalties: Vec<String> =
        groups.iter().map(|group| group.label.clone()).filter(|name| name.starts_with("Pen")).collect();
    let pairs: Vec<(&str, &str)> = penalties.iter().map(|name| (name.as_str(), "No penalty")).collect();
    let mut unique = pairs.clone();
    unique.sort_unstable();
    unique.dedup();
    let plan = Plan::new("instability_penalty", "Penalty on unsteady losses", groups, &ACCURACY);
    finish(plan.compare_in_sections(&unique), Vec::from_iter(note), options)
}

/// Adaptive runs with and without the trend context.
pub(super) fn trend(runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    let chosen = |run: &&RunRecord| run.control == Control::Adaptive && run.instability_lambda == 0.0;
    let cifar = |run: &&RunRecord| run.task == "cifar100" && run.scheduler == "none";
    let (mut kept, note) = of_usual_length(runs.iter().filter(chosen).filter(cifar).collect());
    let text = runs.iter().filter(chosen).filter(|run| run.task != "cifar100");
    let (text, text_note) = of_usual_length(text.collect());
    kept.extend(text);
    let notes = note.map(|note| format!("CIFAR-100: {note}"));
    let notes = notes.into_iter().chain(text_note.map(|note| format!("Text: {note}"))).collect();
    let groups = gather(kept, &[], |run| {
        let (rank, label) = if run.context_mode == "trend" { (1, "Trend") } else { (0, "Context-free") };
        let (at, heading) = section(run);
        let schedule = if run.scheduler == "none" { String::new() } else { format!(", {}", run.scheduler) };
        Some(RowPlace::new((at, heading + &schedule), (rank, label)))
    });
    let groups = with_both(groups, "Trend", "Context-free");
    let plan = Plan::new("trend_context", "Trend context", groups, &ACCURACY);
    finish(plan.compare_in_sections(&[("Trend", "Context-free")]), notes, options)
}

/// Adaptive runs on noisy CIFAR-100 under trend context, with and without a noise axis.
pub(super) fn cifar_noise(runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    let chosen = |run: &&RunRecord| {
        run.control == Control::Adaptive && run.task == "cifar100" && run.label_noise != NoiseSetting::Clean
    };
    let with_noise = |run: &RunRecord| run.noise_candidates.len() > 1;
    // The runs that a run with a noise axis can be held against: the same but for that axis.
    let alike = |one: &RunRecord, other: &RunRecord| {
        one.label_noise == other.label_noise
            && one.optimizer == other.optimizer
            && one.scheduler == other.scheduler
            && one.context_mode == other.context_mode
            && planned_epochs(one) == planned_epochs(other)
    };
    let noisy: Vec<&RunRecord> = runs.iter().filter(chosen).filter(|run| with_noise(run)).collect();
    let kept = runs.iter().filter(chosen).filter(|run| noisy.iter().any(|other| alike(run, other)));
    let groups = gather(kept, &[], |run| {
        let label = if with_noise(run) { (1, "Small noise") } else { (0, "No noise") };
        Some(RowPlace::new(section(run), label))
    });
    let groups = with_both(groups, "Small noise", "No noise");
    let plan = Plan::new("cifar_noise_ablation", "Gradient noise on CIFAR-100", groups, &ACCURACY);
    let mut plan = plan.compare_in_sections(&[("Small noise", "No noise")]);
    let multipliers = "The archive's first run without noise picked from multipliers 0.5, 1 and 1.5, and so stands in a row of its own";
    let reference = |group: &Group<'_>| group.label.contains("0.5,1,1.5");
    if plan.groups.iter().any(reference) {
        plan.notes.push(multipliers.into());
    }
    finish(plan, Vec::new(), options)
}

/// AEES beside the same multipliers without feedback: drawn uniformly, or with its own frequencies in random order.
pub(super) fn attribution(runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    let open_loop = |run: &&RunRecord| matches!(run.control, Control::UniformRandom | Control::FrequencyMatched);
    let sections: Vec<(usize, String)> = runs.iter().filter(open_loop).map(section).collect();
    let chosen = |run: &&RunRecord| {
        let control = matches!(run.control, Control::Adaptive | Control::Baseline) && run.context_mode == "none";
        run.scheduler == "none" && sections.contains(&section(run)) && (open_loop(run) || control)
    };
    let (kept, note) = of_usual_length(runs.iter().filter(chosen).collect());
    let rates: Vec<f64> = kept.iter().filter(|run| open_loop(run)).map(|run| run.lr).collect();
    let groups = gather(kept.into_iter().filter(|run| rates.contains(&run.lr)), &[], |run| {
        let label = match run.control {
            Control::Baseline => (0, BASELINE),
            Control::UniformRandom => (2, UNIFORM),
            Control::FrequencyMatched => (3, MATCHED),
            _ => (1, AEES),
        };
        Some(RowPlace::new(section(run), label))
    });
    let plan = Plan::new("cifar_attribution", "What feedback contributes, CIFAR-100", groups, &ACCURACY);
    let pairs = [(AEES, UNIFORM), (AEES, MATCHED), (AEES, BASELINE), (MATCHED, UNIFORM)];
    finish(plan.compare_in_sections(&pairs), Vec::from_iter(note), options)
}

fn finish(mut plan: Plan<'_>, notes: Vec<String>, options: &TableOptions) -> Vec<Table> {
    plan.section_key = "setting";
    plan.notes.extend(notes);
    plan.tables(options)
}
