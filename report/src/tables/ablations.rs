//! The ablations: penalty on unsteady losses, trend context, gradient noise on CIFAR-100, and what feedback contributes.
//! Differences are paired by seed, unlike the reference's.

use super::comparison::feedback;
use super::group::{Group, Heading, gather};
use super::options::TableOptions;
use super::plan::Plan;
use super::selection::{optimizer_rank, selected};
use super::table::Table;
use crate::experiment::{VariedPart, experiments};
use crate::names::{NameStyle, method_name};
use crate::quantity::Quantity;
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
    let chosen = |run: &RunRecord| run.task == "cifar100" && run.scheduler == "none" && run.context_mode == "none";
    let (kept, notes) = selected(runs, chosen, &[VariedPart::Penalty]);
    let groups = gather(kept, |run| {
        let lambda = run.instability_lambda;
        let label = if lambda == 0.0 { "No penalty".to_owned() } else { format!("Penalty {lambda:?}") };
        let row = || Heading::new(section(run), ((lambda * 1e6) as usize, label));
        (run.control == Control::Adaptive).then(row)
    });
    let plan = Plan::new(
        "instability_penalty",
        "Penalty on unsteady losses",
        with_both(groups, "Penalty", "No penalty"),
        &ACCURACY,
    );
    let penalised =
        |one: &RunRecord, other: &RunRecord| one.instability_lambda != 0.0 && other.instability_lambda == 0.0;
    finish(plan.compare(&[VariedPart::Penalty.key()], penalised), notes, options)
}

/// Adaptive runs with and without the trend context.
pub(super) fn trend(runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    let chosen = |run: &RunRecord| run.control == Control::Adaptive && run.instability_lambda == 0.0;
    let cifar = |run: &RunRecord| chosen(run) && run.task == "cifar100" && run.scheduler == "none";
    let (mut kept, notes) = selected(runs, cifar, &[VariedPart::Context]);
    let (text, text_notes) = selected(runs, |run| chosen(run) && run.task != "cifar100", &[VariedPart::Context]);
    kept.extend(text);
    let notes = notes.into_iter().map(|note| format!("CIFAR-100: {note}"));
    let notes = notes.chain(text_notes.into_iter().map(|note| format!("Text: {note}"))).collect();
    let groups = gather(kept, |run| {
        let (rank, label) = if run.context_mode == "trend" { (1, "Trend") } else { (0, "Context-free") };
        let (at, heading) = section(run);
        let schedule = if run.scheduler == "none" { String::new() } else { format!(", {}", run.scheduler) };
        Some(Heading::new((at, heading + &schedule), (rank, label)))
    });
    let plan = Plan::new("trend_context", "Trend context", with_both(groups, "Trend", "Context-free"), &ACCURACY);
    let contrast = |one: &RunRecord, other: &RunRecord| {
        one.context_mode == "trend" && other.context_mode != "trend" && one.scheduler == other.scheduler
    };
    finish(plan.compare(&[VariedPart::Context.key()], contrast), notes, options)
}

/// Adaptive runs on noisy CIFAR-100 under trend context, with and without a noise axis.
pub(super) fn cifar_noise(runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    let chosen = |run: &&RunRecord| {
        run.control == Control::Adaptive && run.task == "cifar100" && run.label_noise != NoiseSetting::Clean
    };
    let with_noise = |run: &RunRecord| run.noise_candidates.len() > 1;
    // The runs that a run with a noise axis can be held against: the same but for that axis.
    let all = experiments(runs.iter().filter(chosen));
    let alike = |one: &RunRecord, other: &RunRecord| {
        one.optimizer == other.optimizer && one.scheduler == other.scheduler && one.context_mode == other.context_mode
    };
    let kept = all.iter().filter(|one| {
        let noisy = all.iter().filter(|other| with_noise(other.example()) && other.problem == one.problem);
        noisy.clone().any(|other| alike(one.example(), other.example()))
    });
    let groups = gather(kept.cloned(), |run| {
        let label = if with_noise(run) { (1, "Small noise") } else { (0, "No noise") };
        Some(Heading::new(section(run), label))
    });
    let groups = with_both(groups, "Small noise", "No noise");
    let plan = Plan::new("cifar_noise_ablation", "Gradient noise on CIFAR-100", groups, &ACCURACY);
    let axis = ["noise_candidates", "structured_control_mode"];
    finish(plan.compare(&axis, |one, other| with_noise(one) && !with_noise(other)), Vec::new(), options)
}

/// AEES beside the same multipliers without feedback: drawn uniformly, or with its own frequencies in random order.
pub(super) fn attribution(runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    let open_loop = |run: &RunRecord| matches!(run.control, Control::UniformRandom | Control::FrequencyMatched);
    let (kept, notes) = selected(runs, |run| run.scheduler == "none" && run.context_mode == "none", &[]);
    let controls: Vec<_> = kept.iter().filter(|one| open_loop(one.example())).cloned().collect();
    let beside = kept.into_iter().filter(|one| {
        let run = one.example();
        let same = |other: &RunRecord| other.optimizer == run.optimizer && other.lr == run.lr;
        let shown = matches!(run.control, Control::Adaptive | Control::Baseline) || open_loop(run);
        shown && controls.iter().any(|other| other.problem == one.problem && same(other.example()))
    });
    let groups = gather(beside, |run| {
        let rank = match run.control {
            Control::Baseline => 0,
            Control::Adaptive => 1,
            Control::UniformRandom => 2,
            _ => 3,
        };
        Some(Heading::new(section(run), (rank, method_name(run, NameStyle::NoisyTable).text)))
    });
    let plan = Plan::new("cifar_attribution", "What feedback contributes, CIFAR-100", groups, &ACCURACY);
    finish(plan.compare(&[], feedback), notes, options)
}

fn finish(mut plan: Plan<'_>, notes: Vec<String>, options: &TableOptions) -> Vec<Table> {
    plan.section_key = "setting";
    plan.notes.extend(notes);
    plan.tables(options)
}
