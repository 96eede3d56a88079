//! The tables of CIFAR-100: clean, noisy, and fixed multipliers.

use super::group::{Counted, Group, RowPlace, gather};
use super::options::TableOptions;
use super::plan::{Pair, Plan};
use super::quantity::Quantity;
use super::selection::{of_usual_length, optimizer_rank};
use super::table::{Cell, Column, Row, Table};
use crate::names::{AEES, BASELINE, NameStyle, base_lr, method_name, table_multiplier};
use crate::record::{NoiseSetting, RunRecord};
use crate::statistics::mean;

/// What the tables of accuracy show.
const ACCURACY: [Quantity; 5] =
    [Quantity::Best, Quantity::SameEpoch, Quantity::Final, Quantity::Drop, Quantity::PeakEpoch];

/// The comparisons of the noisy tables.
const NOISY_PAIRS: [(&str, &str); 2] = [(AEES, BASELINE), ("Cosine + AEES", "Cosine")];

fn cifar(runs: &[RunRecord]) -> Vec<&RunRecord> {
    runs.iter().filter(|run| run.task == "cifar100").collect()
}

/// Accuracy without label noise.
pub(super) fn clean(runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    let clean = cifar(runs).into_iter().filter(|run| run.label_noise == NoiseSetting::Clean).collect();
    let (clean, note) = of_usual_length(clean);
    let groups = gather(clean.iter().copied(), &[], |run| {
        let style = NameStyle::CleanTable { base_lr: base_lr(&clean, &run.optimizer) };
        Some(RowPlace::of(optimizer_rank(run), method_name(run, style)))
    });
    let mut plan = Plan::new("cifar_clean", "CIFAR-100 without label noise", groups, &ACCURACY).compare_in_sections(&[
        (AEES, "AdamW"),
        (AEES, "SGD"),
        ("AEES + Cosine", "AdamW + Cosine"),
        ("AEES + Cosine", "SGD + Cosine"),
        ("AEES + Linear", "AdamW + Linear"),
        ("AEES + Linear", "SGD + Linear"),
    ]);
    plan.section_key = "optimizer";
    plan.notes.extend(note);
    plan.tables(options)
}

/// The noise settings that there are, in order, with their runs of the usual length.
fn noise_settings(runs: &[RunRecord]) -> Vec<(String, Vec<&RunRecord>, Option<String>)> {
    let rank_and_name = |run: &RunRecord| (run.label_noise.rank(), run.label_noise.label());
    let noisy = || cifar(runs).into_iter().filter(|run| run.label_noise != NoiseSetting::Clean);
    let mut names: Vec<(usize, String)> = noisy().map(rank_and_name).collect();
    names.sort();
    names.dedup();
    let of = |name: (usize, String)| {
        let (kept, note) = of_usual_length(noisy().filter(|run| rank_and_name(run) == name).collect());
        (name.1, kept, note)
    };
    names.into_iter().map(of).collect()
}

/// The rows of one noise setting, by optimizer, without fixed multipliers or with them.
fn noisy_groups<'a>(runs: &[&'a RunRecord], with_fixed: bool) -> Vec<Group<'a>> {
    gather(runs.iter().copied(), &[], |run| {
        let base_lr = base_lr(runs, &run.optimizer);
        let shown = with_fixed || table_multiplier(run, base_lr).is_none();
        shown.then(|| RowPlace::of(optimizer_rank(run), method_name(run, NameStyle::NoisyTable { base_lr })))
    })
}

/// One table for each noise setting; with `detailed`, what was memorised as well.
pub(super) fn noisy(runs: &[RunRecord], options: &TableOptions, detailed: bool) -> Vec<Table> {
    let mut quantities = ACCURACY.to_vec();
    if detailed {
        quantities.extend([Quantity::CorruptedNoisy, Quantity::CorruptedClean, Quantity::TrainClean]);
    }
    let suffix = if detailed { "_detailed" } else { "" };
    let table = |(noise, kept, note): (String, Vec<&RunRecord>, Option<String>)| {
        let title = format!("CIFAR-100 with {noise} label noise");
        let mut plan =
            Plan::new(&format!("cifar_noisy_{noise}{suffix}"), &title, noisy_groups(&kept, false), &quantities);
        if !detailed {
            plan = plan.compare_in_sections(&NOISY_PAIRS);
        }
        plan.section_key = "optimizer";
        plan.notes.extend(note);
        plan.tables(options)
    };
    noise_settings(runs).into_iter().flat_map(table).collect()
}

/// A row of the combined table on its way: section with its rank, label, cells with their columns.
type PlacedRow = ((usize, String), String, Vec<(usize, Cell)>);

/// All noise settings side by side: best and final.
pub(super) fn combined(runs: &[RunRecord], options: &TableOptions) -> Vec<Table> {
    let mut columns = vec![Column::text("Method", "method")];
    let mut rows: Vec<PlacedRow> = Vec::new();
    let mut notes = Vec::new();
    for (noise, kept, note) in noise_settings(runs) {
        let first = columns.len();
        for quantity in [Quantity::Best, Quantity::Final] {
            let column = quantity.column(2);
            columns.push(Column {
                heading: format!("{noise} {}", column.heading.to_lowercase()),
                key: format!("{noise}_{}", column.key),
                ..column
            });
        }
        notes.extend(note.map(|note| format!("{noise}: {note}")));
        let plan = Plan::new("", "", noisy_groups(&kept, false), &[]);
        let counted = plan.counted(options);
        let seeds = || counted.iter().map(Counted::n);
        notes.extend(seeds().min().zip(seeds().max()).map(|(fewest, most)| {
            let n = if fewest == most { most.to_string() } else { format!("{fewest} to {most}") };
            format!("{noise}: mean ± sample SD over n = {n} seeds")
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
    vec![Table {
        name: "cifar_noisy".into(),
        title,
        section_key: "optimizer".into(),
        columns,
        rows,
        warnings: Vec::new(),
        notes,
    }]
}

/// Fixed multipliers beside AEES, for each noise setting, clean included: all of them, or the best one alone, with the paired
/// comparison of AEES and the best one.
pub(super) fn fixed(runs: &[RunRecord], options: &TableOptions, detailed: bool) -> Vec<Table> {
    let mut groups = Vec::new();
    let mut notes = Vec::new();
    let (clean, note) =
        of_usual_length(cifar(runs).into_iter().filter(|run| run.label_noise == NoiseSetting::Clean).collect());
    for (noise, kept, note) in std::iter::once(("clean".to_owned(), clean, note)).chain(noise_settings(runs)) {
        notes.extend(note.map(|note| format!("{noise}: {note}")));
        let found = noisy_groups(&kept, true);
        // Where nothing but the plain rate is fixed there is nothing to compare.
        let optimizers: Vec<String> =
            found.iter().filter(|group| is_fixed(group)).map(|group| group.section.clone()).collect();
        let shown = found.into_iter().filter(|group| optimizers.contains(&group.section));
        groups.extend(shown.map(|group| Group { section: format!("{noise}, {}", group.section), ..group }));
    }
    let quantities = [Quantity::Best, Quantity::SameEpoch, Quantity::Final, Quantity::Drop];
    let name = if detailed { "cifar_fixed_multipliers_detailed" } else { "cifar_fixed_multipliers" };
    let mut plan = Plan::new(name, "Fixed learning-rate multipliers and AEES, CIFAR-100", groups, &quantities);
    plan.section_key = "setting";
    plan.notes = notes;
    if !detailed {
        keep_best_fixed(&mut plan, options);
    }
    plan.tables(options)
}

fn is_fixed(group: &Group<'_>) -> bool {
    group.label.starts_with("Fixed ×")
}

/// Whether a group is a fixed multiplier or the plain optimizer, which is the multiplier 1.
fn is_candidate(group: &Group<'_>) -> bool {
    is_fixed(group) || group.label == BASELINE || group.label.starts_with("Baseline (")
}

/// Keeps, of each section, the fixed multiplier with the best mean peak, and compares AEES with it.
fn keep_best_fixed(plan: &mut Plan<'_>, options: &TableOptions) {
    let counted = plan.counted(options);
    let peak = |at: usize| {
        let values: Vec<f64> = counted[at].values(&Quantity::Best).into_values().collect();
        mean(&values)
    };
    let best_of = |section: &str| {
        let candidates =
            (0..plan.groups.len()).filter(|at| plan.groups[*at].section == section && is_candidate(&plan.groups[*at]));
        let ranked = candidates.filter_map(|at| Some((at, peak(at)?)));
        ranked.fold(None, |best: Option<(usize, f64)>, next| best.filter(|best| best.1 >= next.1).or(Some(next)))
    };
    let best: Vec<Option<usize>> = plan.groups.iter().map(|group| best_of(&group.section).map(|(at, _)| at)).collect();
    let tried = (0..plan.groups.len()).filter(|at| is_candidate(&plan.groups[*at])).count();
    let left_out: Vec<String> = counted.iter().flat_map(|row: &Counted<'_>| row.notes.iter().cloned()).collect();
    let groups = std::mem::take(&mut plan.groups);
    for (at, mut group) in groups.into_iter().enumerate() {
        if is_candidate(&group) && best[at] != Some(at) {
            continue;
        }
        if is_candidate(&group) {
            let of =
                if is_fixed(&group) { group.label.trim_start_matches("Fixed ").to_owned() } else { "×1.0".to_owned() };
            group.label = format!("Best fixed ({of})");
        }
        plan.groups.push(group);
    }
    plan.pairs = pairs_with_best(&plan.groups);
    plan.compared = vec![Quantity::Best, Quantity::SameEpoch, Quantity::Final];
    plan.notes.push(format!(
        "Best fixed: the multiplier with the best mean peak, of {tried} rows; picked after the fact, which favours it"
    ));
    // What the rows that remain say, they say again; what the others said would be lost.
    let again = plan.counted(options);
    let said: Vec<&String> = again.iter().flat_map(|row| &row.notes).collect();
    let lost: Vec<String> =
        left_out.into_iter().filter(|note| !said.contains(&note) && !note.contains("Best fixed")).collect();
    plan.notes.extend(lost);
}

fn pairs_with_best(groups: &[Group<'_>]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (first, group) in groups.iter().enumerate().filter(|(_, group)| group.label == AEES) {
        let best =
            groups.iter().position(|other| other.section == group.section && other.label.starts_with("Best fixed"));
        pairs.extend(best.map(|second| Pair { first, second }));
    }
    pairs
}
