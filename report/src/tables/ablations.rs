//! The ablations: penalty on unsteady losses, trend context, gradient noise on CIFAR-100, what feedback contributes, and whatever
//! else a study calls one.
//! Differences are paired by seed, unlike the reference's.

use std::collections::BTreeSet;

use super::comparison::{Pair, feedback, unlike};
use super::group::{Group, Heading, gather};
use super::options::TableOptions;
use super::plan::Plan;
use super::selection::{optimizer_rank, selected};
use super::table::Table;
use crate::experiment::{Experiment, Purpose, VariedPart, experiments, unlikeness};
use crate::names::task_title;
use crate::quantity::Quantity;
use crate::record::{Control, NoiseSetting, RunRecord};

const ACCURACY: [Quantity; 4] = [Quantity::Best, Quantity::SameEpoch, Quantity::Final, Quantity::Drop];

/// What makes another method of a bandit, beside which an ablation says nothing.
const OTHER_METHOD: [&str; 3] = ["controller", "noise_candidates", "structured_control_mode"];

/// Keeps the rows of two names that are of one method in one section: one value of a setting is no ablation, and a contrast in
/// something else is another one.
fn with_both<'a>(groups: Vec<Group<'a>>, one: &str, other: &str, varied: &[&str]) -> Vec<Group<'a>> {
    let named =
        |name: &str| -> Vec<usize> { (0..groups.len()).filter(|at| groups[*at].label.starts_with(name)).collect() };
    let of_one_method = |first: &Group<'_>, second: &Group<'_>| {
        let keys = unlike(first, second, varied);
        first.section == second.section && keys.iter().all(|key| !OTHER_METHOD.contains(&key.as_str()))
    };
    let mut kept = BTreeSet::new();
    for first in named(one) {
        let beside = named(other).into_iter().filter(|second| of_one_method(&groups[first], &groups[*second]));
        kept.extend(beside.flat_map(|second| [first, second]));
    }
    let groups = groups.into_iter().enumerate().filter(|(at, _)| kept.contains(at)).map(|(_, group)| group);
    let mut groups: Vec<Group<'_>> = groups.collect();
    // What told a row from one that is left out tells nothing any more.
    let names: Vec<(String, String)> = groups.iter().map(|group| (group.section.clone(), group.name.clone())).collect();
    for (group, own) in groups.iter_mut().zip(&names) {
        if names.iter().filter(|name| *name == own).count() == 1 {
            group.label.clone_from(&group.name);
        }
    }
    groups
}

/// Task, noise and optimizer in one heading.
fn section(run: &RunRecord) -> (usize, String) {
    let (rank, noise) = (run.label_noise.rank(), run.label_noise.label());
    let task = ["cifar100", "sst2"].iter().position(|task| *task == run.task).unwrap_or(2);
    let optimizer = optimizer_rank(run);
    (task * 100_000 + rank * 2 + optimizer.0, format!("{} {noise}, {}", task_title(&run.task), optimizer.1))
}

fn by_name(one: &Experiment<'_>) -> Option<Heading> {
    Some(Heading { section: section(one.example()), name: one.name.clone() })
}

/// Adaptive runs with and without the penalty.
pub(super) fn penalty(runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    let chosen = |run: &RunRecord| run.task == "cifar100" && run.scheduler == "none" && run.context_mode == "none";
    let (kept, notes) = selected(runs, chosen, &[VariedPart::Penalty]);
    let groups = gather(kept, |one| {
        let run = one.example();
        let lambda = run.instability_lambda;
        let label = if lambda == 0.0 { "No penalty".to_owned() } else { format!("Penalty {lambda:?}") };
        let row = || Heading::new(section(run), ((lambda * 1e6) as usize, label));
        (run.control == Control::Adaptive).then(row)
    });
    let groups = with_both(groups, "Penalty", "No penalty", &[VariedPart::Penalty.key()]);
    let plan = Plan::new("instability_penalty", "Penalty on unsteady losses", groups, &ACCURACY);
    let penalised =
        |one: &RunRecord, other: &RunRecord| one.instability_lambda != 0.0 && other.instability_lambda == 0.0;
    plan.compare(&[VariedPart::Penalty.key()], penalised).tables_by("setting", notes, options)
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
    let groups = gather(kept, |one| {
        let run = one.example();
        let (rank, label) = if run.context_mode == "trend" { (1, "Trend") } else { (0, "Context-free") };
        let (at, heading) = section(run);
        let schedule = if run.scheduler == "none" { String::new() } else { format!(", {}", run.scheduler) };
        Some(Heading::new((at, heading + &schedule), (rank, label)))
    });
    let groups = with_both(groups, "Trend", "Context-free", &[VariedPart::Context.key()]);
    let plan = Plan::new("trend_context", "Trend context", groups, &ACCURACY);
    let contrast = |one: &RunRecord, other: &RunRecord| {
        one.context_mode == "trend" && other.context_mode != "trend" && one.scheduler == other.scheduler
    };
    plan.compare(&[VariedPart::Context.key()], contrast).tables_by("setting", notes, options)
}

/// Adaptive runs on noisy CIFAR-100 under trend context, with and without a noise axis.
pub(super) fn cifar_noise(runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    let chosen = |run: &&RunRecord| {
        run.control == Control::Adaptive && run.task == "cifar100" && run.label_noise != NoiseSetting::Clean
    };
    let with_noise = |run: &RunRecord| run.noise_candidates.len() > 1;
    // The runs that a run with a noise axis can be held against: the same but for that axis.
    let mut all = experiments(runs.iter().filter(chosen));
    let of_another_part = [VariedPart::Penalty, VariedPart::Other].map(Purpose::Ablation);
    all.retain(|one| one.purpose != Purpose::Timing && !of_another_part.contains(&one.purpose));
    let alike = |one: &RunRecord, other: &RunRecord| {
        one.optimizer == other.optimizer && one.scheduler == other.scheduler && one.context_mode == other.context_mode
    };
    let kept = all.iter().filter(|one| {
        let noisy = all.iter().filter(|other| with_noise(other.example()) && other.problem == one.problem);
        noisy.clone().any(|other| alike(one.example(), other.example()))
    });
    let groups = gather(kept.cloned(), |one| {
        let run = one.example();
        let label = if with_noise(run) { (1, "Small noise") } else { (0, "No noise") };
        Some(Heading::new(section(run), label))
    });
    let axis = ["noise_candidates", "structured_control_mode"];
    let groups = with_both(groups, "Small noise", "No noise", &axis);
    let plan = Plan::new("cifar_noise_ablation", "Gradient noise on CIFAR-100", groups, &ACCURACY);
    let plan = plan.compare(&axis, |one, other| with_noise(one) && !with_noise(other));
    plan.tables_by("setting", Vec::new(), options)
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
    let groups = gather(beside, by_name);
    let plan = Plan::new("cifar_attribution", "What feedback contributes, CIFAR-100", groups, &ACCURACY);
    plan.compare(&[], feedback).tables_by("setting", notes, options)
}

/// What else studies call ablations, each beside the method of its problem that is most like it.
pub(super) fn others(runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    let all = experiments(runs);
    let is_other = |one: &Experiment<'_>| one.purpose == Purpose::Ablation(VariedPart::Other);
    let partner = |one: &Experiment<'_>| {
        let peers = all.iter().filter(|other| other.problem == one.problem && other.method != one.method);
        let usual = peers.clone().filter(|other| other.purpose == Purpose::Accuracy);
        let nearest = |other: &&Experiment<'_>| unlikeness(&one.method, &other.method);
        usual.min_by_key(nearest).or_else(|| peers.min_by_key(nearest))
    };
    let partners: Vec<_> =
        all.iter().filter(|one| is_other(one)).filter_map(|one| Some((one, partner(one)?))).collect();
    let is_shown = |one: &&Experiment<'_>| {
        partners.iter().any(|pair| [pair.0, pair.1].iter().any(|shown| shown.attributes == one.attributes))
    };
    let shown = all.iter().filter(is_shown);
    let groups = gather(shown.cloned(), by_name);
    let place = |one: &Experiment<'_>| groups.iter().position(|group| group.experiment.attributes == one.attributes);
    let mut pairs: Vec<(usize, usize)> =
        partners.iter().filter_map(|(one, other)| Some((place(one)?, place(other)?))).collect();
    // Of two ablations that are each other's nearest, the later one is compared with the earlier.
    let turned = pairs.clone();
    pairs.retain(|(first, second)| first > second || !turned.contains(&(*second, *first)));
    let mut plan = Plan::new("ablations", "Other ablations", groups, &ACCURACY);
    plan.pairs = pairs.into_iter().map(|(first, second)| Pair { first, second, beside: String::new() }).collect();
    plan.tables_by("setting", Vec::new(), options)
}
