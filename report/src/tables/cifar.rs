//! The tables of CIFAR-100: clean, noisy, and constant multipliers and rates.

use super::comparison::{Pair, feedback};
use super::group::{Counted, Group, Heading, gather};
use super::options::TableOptions;
use super::plan::Plan;
use super::selection::{optimizer_rank, selected};
use super::table::{Cell, Column, Row, Table};
use crate::experiment::{Experiment, VariedPart};
use crate::number::shortest;
use crate::quantity::Quantity;
use crate::record::{Control, NoiseSetting, RunRecord};
use crate::statistics::mean;

/// What the tables of accuracy show.
const ACCURACY: [Quantity; 5] =
    [Quantity::Best, Quantity::SameEpoch, Quantity::Final, Quantity::Drop, Quantity::PeakEpoch];

/// Accuracy without label noise.
pub(super) fn clean(runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    let (clean, notes) = of_labels(runs, NoiseSetting::Clean, &[]);
    let plan = Plan::new("cifar_clean", "CIFAR-100 without label noise", gather(clean, row), &ACCURACY);
    plan.compare(&[], feedback).tables_by("optimizer", notes, options)
}

fn of_labels<'a>(
    runs: &'a [RunRecord],
    noise: NoiseSetting,
    parts: &[VariedPart],
) -> (Vec<Experiment<'a>>, Vec<String>) {
    selected(runs, |run| run.task == "cifar100" && run.label_noise == noise, parts)
}

/// The label noise that there is, by its place in tables.
fn noise_settings(runs: &[RunRecord]) -> Vec<NoiseSetting> {
    let noisy = runs.iter().filter(|run| run.task == "cifar100" && run.label_noise != NoiseSetting::Clean);
    let mut settings: Vec<NoiseSetting> = noisy.map(|run| run.label_noise).collect();
    settings.sort_by_key(|noise| (noise.rank(), noise.label()));
    settings.dedup();
    settings
}

fn row(one: &Experiment<'_>) -> Option<Heading> {
    Some(Heading { section: optimizer_rank(one.example()), name: one.name.clone() })
}

/// The same but for fixed multipliers, which on noisy labels have tables of their own.
fn without_fixed<'a>((kept, mut notes): (Vec<Experiment<'a>>, Vec<String>)) -> (Vec<Experiment<'a>>, Vec<String>) {
    let (fixed, kept): (Vec<_>, _) = kept.into_iter().partition(|one| one.example().control == Control::Fixed);
    let runs: usize = fixed.iter().map(|one| one.runs().len()).sum();
    notes.extend(
        (runs > 0).then(|| format!("{runs} runs of fixed multipliers are in tables of their own, not in this one")),
    );
    (kept, notes)
}

/// One table for each noise setting; with `detailed`, what was memorised as well.
pub(super) fn noisy(runs: &[RunRecord], options: &TableOptions, detailed: bool) -> Vec<Table> {
    let mut quantities = ACCURACY.to_vec();
    if detailed {
        quantities.extend([Quantity::CorruptedNoisy, Quantity::CorruptedClean, Quantity::TrainClean]);
    }
    let suffix = if detailed { "_detailed" } else { "" };
    let table = |noise: NoiseSetting| {
        let (kept, notes) = without_fixed(of_labels(runs, noise, &[]));
        let title = format!("CIFAR-100 with {}", noise.title());
        let name = format!("cifar_noisy_{}{suffix}", noise.label());
        let mut plan = Plan::new(&name, &title, gather(kept, row), &quantities);
        if !detailed {
            plan = plan.compare(&[], feedback);
        }
        plan.tables_by("optimizer", notes, options)
    };
    noise_settings(runs).into_iter().flat_map(table).collect()
}

/// A row of the combined table on its way: section with its rank, label, cells with their columns.
type PlacedRow = ((usize, String), String, Vec<(usize, Cell)>);

/// All noise settings side by side: best and final.
pub(super) fn combined(runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    let mut columns = vec![Column::text("Method", "method")];
    let mut rows: Vec<PlacedRow> = Vec::new();
    let (mut notes, mut warnings) = (Vec::new(), Vec::new());
    for noise in noise_settings(runs) {
        let (kept, told) = without_fixed(of_labels(runs, noise, &[]));
        let (noise, words) = (noise.label(), noise.title());
        let first = columns.len();
        for quantity in [Quantity::Best, Quantity::Final] {
            let column = Column::of(&quantity, 2);
            columns.push(Column {
                heading: format!("{noise} {}", column.heading.to_lowercase()),
                key: format!("{noise}_{}", column.key),
                ..column
            });
        }
        notes.extend(told.into_iter().map(|note| format!("{noise}: {note}")));
        let plan = Plan::new("", "", gather(kept, row), &[]);
        let counted = plan.counted(options);
        warnings.extend(plan.about_data());
        let seeds = || counted.iter().map(Counted::n);
        notes.extend(seeds().min().zip(seeds().max()).map(|(fewest, most)| {
            let n = if fewest == most { most.to_string() } else { format!("{fewest} to {most}") };
            format!("{noise}: {words}; mean ± sample SD over n = {n} seeds")
        }));
        for row in counted {
            notes.extend(row.notes.iter().map(|note| format!("{noise}: {note}")));
            let cells = [Quantity::Best, Quantity::Final].map(|quantity| row.cell(&quantity, options));
            let cells = cells.into_iter().enumerate().map(|(at, cell)| (first + at, cell));
            let section = (usize::from(row.section != "AdamW"), row.section.clone());
            match rows.iter_mut().find(|(known, label, _)| *known == section && *label == row.label) {
                Some((.., found)) => found.extend(cells),
                None => rows.push((section, row.label.clone(), cells.collect())),
            }
        }
    }
    rows.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    let fill = |(section, label, cells): PlacedRow| {
        let mut row = Row { section: section.1, cells: vec![Cell::nothing(); columns.len()] };
        row.cells[0] = Cell::text(label);
        cells.into_iter().for_each(|(at, cell)| row.cells[at] = cell);
        row
    };
    let rows: Vec<Row> = rows.into_iter().map(fill).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let title = "CIFAR-100 with label noise, best and final accuracy".into();
    vec![Table { name: "cifar_noisy".into(), title, section_key: "optimizer".into(), columns, rows, warnings, notes }]
}

/// Constant multipliers and rates beside AEES, for each noise setting, clean included: all of them, or the best one alone,
/// with the paired comparison of AEES and the best one.
pub(super) fn fixed(runs: &[RunRecord], options: &TableOptions, detailed: bool) -> Vec<Table> {
    let mut groups = Vec::new();
    let mut notes = Vec::new();
    for noise in std::iter::once(NoiseSetting::Clean).chain(noise_settings(runs)) {
        let (kept, told) = of_labels(runs, noise, &[VariedPart::Rate]);
        notes.extend(told.into_iter().map(|note| format!("{}: {note}", noise.label())));
        let found = gather(kept, |one| {
            let (rank, optimizer) = optimizer_rank(one.example());
            let section = (rank, format!("{}, {optimizer}", noise.label()));
            Some(Heading { section, name: one.name.clone() })
        });
        // Where there is one constant there is nothing to choose from.
        let constants =
            |section: &str| found.iter().filter(|group| group.section == section && is_constant(group)).count();
        let several: Vec<bool> = found.iter().map(|group| constants(&group.section) > 1).collect();
        groups.extend(found.into_iter().zip(several).filter(|(_, several)| *several).map(|(group, _)| group));
    }
    let quantities = [Quantity::Best, Quantity::SameEpoch, Quantity::Final, Quantity::Drop];
    let name = if detailed { "cifar_fixed_multipliers_detailed" } else { "cifar_fixed_multipliers" };
    let mut plan =
        Plan::new(name, "Constant learning-rate multipliers and rates beside AEES, CIFAR-100", groups, &quantities);
    plan.notes = notes;
    if !detailed {
        keep_best_constant(&mut plan, options);
    }
    plan.tables_by("setting", Vec::new(), options)
}

/// Whether nothing changes the rate of a method: a fixed multiplier, or the plain optimizer without a schedule.
fn is_constant(group: &Group<'_>) -> bool {
    let run = group.run();
    matches!(run.control, Control::Fixed | Control::Baseline) && run.scheduler == "none"
}

/// What a constant row holds: `×0.5`, `lr 0.0005`.
fn constant(group: &Group<'_>) -> String {
    let run = group.run();
    match run.control {
        Control::Fixed => group.label.trim_start_matches("Fixed ").to_owned(),
        _ => format!("lr {}", shortest(run.lr)),
    }
}

/// Keeps, of each section, the constant with the best mean peak, and compares AEES with it.
fn keep_best_constant(plan: &mut Plan<'_>, options: &TableOptions) {
    let counted = plan.counted(options);
    let peak = |at: usize| {
        let values: Vec<f64> = counted[at].values(&Quantity::Best).into_values().collect();
        mean(&values)
    };
    let best_of = |section: &str| {
        let constants =
            plan.groups.iter().enumerate().filter(|(_, group)| group.section == section && is_constant(group));
        let ranked = constants.filter_map(|(at, _)| Some((at, peak(at)?)));
        ranked.fold(None, |best: Option<(usize, f64)>, next| best.filter(|best| best.1 >= next.1).or(Some(next)))
    };
    let best: Vec<Option<usize>> = plan.groups.iter().map(|group| Some(best_of(&group.section)?.0)).collect();
    let tried = plan.groups.iter().filter(|group| is_constant(group)).count();
    let left_out: Vec<String> = counted.iter().flat_map(|row: &Counted<'_>| row.notes.iter().cloned()).collect();
    let groups = std::mem::take(&mut plan.groups).into_iter().enumerate();
    let kept = groups.filter(|(at, group)| !is_constant(group) || best[*at] == Some(*at));
    plan.groups = kept.map(|(_, group)| group).collect();
    for group in plan.groups.iter_mut().filter(|group| is_constant(group)) {
        group.label = format!("Best constant ({})", constant(group));
    }
    plan.pairs = pairs_with_best(&plan.groups);
    plan.compared = vec![Quantity::Best, Quantity::SameEpoch, Quantity::Final];
    plan.notes.push(format!(
        "Best constant: the multiplier or rate with the best mean peak, of {tried} rows; picked after the fact, which favours it"
    ));
    // What the rows that remain say, they say again; what the others said would be lost.
    let again = plan.counted(options);
    let said: Vec<&String> = again.iter().flat_map(|row| &row.notes).collect();
    let lost: Vec<String> =
        left_out.into_iter().filter(|note| !said.contains(&note) && !note.contains("Best constant")).collect();
    plan.notes.extend(lost);
}

fn pairs_with_best(groups: &[Group<'_>]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let bandit = |group: &Group<'_>| group.run().control == Control::Adaptive && group.run().scheduler == "none";
    for (first, group) in groups.iter().enumerate().filter(|(_, group)| bandit(group)) {
        let best = groups.iter().position(|other| other.section == group.section && is_constant(other));
        pairs.extend(best.map(|second| Pair { first, second, beside: String::new() }));
    }
    pairs
}
