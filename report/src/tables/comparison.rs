//! Methods side by side, paired by seed: which are compared, and the table of the differences.

use std::collections::BTreeMap;

use super::group::{Counted, Group, difference};
use super::options::TableOptions;
use super::table::{Cell, Column, ColumnKind, Table};
use crate::attributes::words;
use crate::experiment::differing;
use crate::names::{NameStyle, method_name};
use crate::quantity::Quantity;
use crate::record::{Control, RunRecord};
use crate::statistics::{PairedComparison, compare, holm};

/// A row compared with another one, by their places among the groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) first: usize,
    pub(super) second: usize,
    /// In what they differ that their names do not say.
    pub(super) beside: String,
}

/// AEES beside what it must be told apart from: the plain optimizer, and the same candidates without its feedback.
pub(super) fn feedback(one: &RunRecord, other: &RunRecord) -> bool {
    let open_loop = matches!(other.control, Control::Random | Control::UniformRandom | Control::FrequencyMatched);
    let contrast = match one.control {
        Control::Adaptive => other.control == Control::Baseline || (open_loop && one.axes() == other.axes()),
        Control::FrequencyMatched => other.control == Control::UniformRandom,
        _ => false,
    };
    contrast && one.optimizer == other.optimizer && one.scheduler == other.scheduler
}

/// The keys in which two methods differ, beside who picks, what is fixed and what is varied.
pub(super) fn unlike(one: &Group<'_>, other: &Group<'_>, varied: &[&str]) -> Vec<String> {
    let fixed = [one, other].iter().any(|group| group.run().control == Control::Fixed);
    let told = |key: &str| key == "control_mode" || (fixed && key.ends_with("_candidates"));
    let mut keys = differing(&one.experiment.method, &other.experiment.method);
    keys.retain(|key| !told(key) && !varied.contains(&key.as_str()));
    keys
}

/// Of the methods of the same problem that are wanted, those that differ from a row in the fewest settings.
fn nearest(
    groups: &[Group<'_>],
    first: usize,
    wanted: impl Fn(&Group<'_>) -> bool,
    keys: impl Fn(&Group<'_>) -> Vec<String>,
) -> Vec<(usize, Vec<String>)> {
    let problem = &groups[first].experiment.problem;
    let others = groups.iter().enumerate().filter(|(at, other)| *at != first && other.experiment.problem == *problem);
    let wanted = others.filter(|(_, other)| wanted(other));
    let mut others: Vec<(usize, Vec<String>)> = wanted.map(|(at, other)| (at, keys(other))).collect();
    let fewest = others.iter().map(|(_, keys)| keys.len()).min();
    others.retain(|(_, keys)| Some(keys.len()) == fewest);
    others
}

/// The pairs of a contrast that differ in nothing else, and notes on rows that have no such partner.
pub(super) fn like_with_like(
    groups: &[Group<'_>],
    varied: &[&str],
    contrast: impl Fn(&RunRecord, &RunRecord) -> bool,
) -> (Vec<Pair>, Vec<String>) {
    let (mut pairs, mut notes) = (Vec::new(), Vec::new());
    for (first, one) in groups.iter().enumerate() {
        // Each kind of partner by itself: the nearest baseline, the nearest random draw.
        let mut names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let wanted = |other: &Group<'_>| other.name == name && contrast(one.run(), other.run());
            for (second, keys) in nearest(groups, first, wanted, |other| unlike(one, other, varied)) {
                let other = &groups[second];
                if keys.is_empty() {
                    pairs.push(Pair { first, second, beside: String::new() });
                } else {
                    let differs = difference(&keys, &one.experiment.method, &other.experiment.method);
                    notes.push(format!("{} is not compared with {}: {differs}", one.title(), other.label));
                }
            }
        }
    }
    pairs.sort_by_key(|pair| (pair.first, pair.second));
    (pairs, notes)
}

/// The pairs that the user asks for; none where nothing was asked.
pub(super) fn asked_for(groups: &[Group<'_>], options: &TableOptions) -> Option<Vec<Pair>> {
    let against = options.against.iter().map(|name| (None, name.as_str()));
    let asked: Vec<(Option<&str>, &str)> =
        options.compare.iter().map(|(one, other)| (Some(one.as_str()), other.as_str())).chain(against).collect();
    let mut pairs: Vec<Pair> = Vec::new();
    for (one_name, other_name) in &asked {
        for (first, one) in groups.iter().enumerate() {
            if one_name.map_or_else(|| is_called(one, other_name), |name| !is_called(one, name)) {
                continue;
            }
            let partners =
                nearest(groups, first, |other| is_called(other, other_name), |other| unlike(one, other, &[]));
            for (second, mut keys) in partners {
                let other = &groups[second];
                keys.retain(|key| !one.label.contains(&words(key)) && !other.label.contains(&words(key)));
                let beside = difference(&keys, &one.experiment.method, &other.experiment.method);
                pairs.push(Pair { first, second, beside });
            }
        }
    }
    (!asked.is_empty()).then_some(pairs)
}

/// Whether a user means this row: by its label, its name, who picks, or its case in the study.
fn is_called(group: &Group<'_>, name: &str) -> bool {
    let run = group.run();
    let styles = [NameStyle::Short, NameStyle::WithAxes].map(|style| method_name(run, style).text);
    let known = [&group.label, &group.name].into_iter().chain(&styles).chain(&run.case).map(String::as_str);
    // The plain optimizer is also known by its name.
    let plain = run.is_plain().then_some(run.optimizer.as_str());
    known.chain(plain).chain([run.control.control_mode()]).any(|known| as_typed(known) == as_typed(name.trim()))
}

/// A name as it can be typed: `fixed x0.5` for `Fixed ×0.5`.
fn as_typed(name: &str) -> String {
    name.to_lowercase().replace('×', "x").replace('σ', "sigma")
}

/// The table of the differences in some quantities, beside the table of the rows themselves.
pub(super) fn table(
    rows_table: &Table,
    compared: &[Quantity],
    pairs: &[Pair],
    counted: &[Counted<'_>],
    options: &TableOptions,
) -> Option<Table> {
    let mut found = Vec::new();
    let mut notes = Vec::new();
    for pair in pairs {
        let (first, second) = (&counted[pair.first], &counted[pair.second]);
        let beside = if pair.beside.is_empty() { String::new() } else { format!(" ({})", pair.beside) };
        let label = format!("{} - {}{beside}", first.label, second.label);
        for quantity in compared {
            let comparison = on_common_seeds(first, second, quantity, options);
            if comparison.is_none() {
                let missing = format!("{label}, {}: not compared, because not every seed has both", quantity.words());
                let section = if first.section.is_empty() { String::new() } else { format!("{}: ", first.section) };
                notes.push(section + &missing);
            }
            found.push((first.section.clone(), label.clone(), quantity, comparison));
        }
    }
    let mut corrected = vec![None; found.len()];
    let mut families = Vec::new();
    for quantity in compared {
        let family: Vec<usize> = (0..found.len()).filter(|at| found[*at].2 == quantity).collect();
        let p_values: Vec<Option<f64>> =
            family.iter().map(|at| found[*at].3.as_ref()?.t_test.map(|test| test.p)).collect();
        let tests = p_values.iter().flatten().count();
        families.push(format!("{} ({tests} tests)", quantity.words()));
        family.into_iter().zip(holm(&p_values)).for_each(|(at, p)| corrected[at] = p);
    }
    notes.push(format!("{PAIRED} Families of Holm's correction, in this table: {}.", families.join(", ")));
    let percent = compared.iter().all(Quantity::is_fraction);
    let rows = found.into_iter().zip(corrected).map(|((section, label, quantity, comparison), corrected)| {
        (section, cells(label, quantity.words(), comparison.as_ref(), corrected, percent))
    });
    let mut rows: Vec<_> = rows.collect();
    // A problem is one section, wherever its methods stand among those of others.
    let sections: Vec<String> = rows.iter().map(|(section, _)| section.clone()).collect();
    rows.sort_by_key(|(section, _)| sections.iter().position(|known| known == section));
    let (name, title) =
        (format!("{}_paired", rows_table.name), format!("{}: paired differences by seed", rows_table.title));
    Table::of((&name, &title), &rows_table.section_key, rows, notes)
}

const PAIRED: &str = "95 % intervals by the percentile bootstrap of the mean difference (10,000 resamples, NumPy default_rng(0)); \
                      two-sided paired t test; exact Wilcoxon signed-rank test; d_z is the mean difference over its SD, g with \
                      Hedges' correction. Seeds: how many the t test needs to find a difference of this d_z at p < 0.05 with a \
                      power of 80 %.";

/// Compares two rows on the seeds that both have. All of them, unless partial rows are allowed.
fn on_common_seeds(
    first: &Counted<'_>,
    second: &Counted<'_>,
    quantity: &Quantity,
    options: &TableOptions,
) -> Option<PairedComparison> {
    let (a, b): (BTreeMap<i64, f64>, _) = (first.values(quantity), second.values(quantity));
    let both: (Vec<f64>, Vec<f64>) = a.iter().filter_map(|(seed, value)| Some((*value, *b.get(seed)?))).unzip();
    let aligned = both.0.len() == first.n() && both.1.len() == second.n();
    (aligned || options.allow_partial).then(|| compare(&both.0, &both.1))?
}

fn cells(
    label: String,
    quantity: String,
    comparison: Option<&PairedComparison>,
    corrected: Option<f64>,
    percent: bool,
) -> Vec<(Column, Cell)> {
    let (unit, scale, decimals) =
        if percent { ("Difference (pp) [95 % CI]", 100.0, 2) } else { ("Difference [95 % CI]", 1.0, 4) };
    let value = |heading: &str, key: &str, decimals| Column::number(heading, key, ColumnKind::Value, 1.0, decimals);
    let p_value = |heading: &str, key: &str| Column::number(heading, key, ColumnKind::PValue, 1.0, 3);
    let of = |of: fn(&PairedComparison) -> Option<f64>| Cell::value(comparison.and_then(of));
    let mean = comparison.map(|found| found.summary.mean);
    let interval = mean.zip(comparison.and_then(|found| found.bootstrap));
    let difference = if interval.is_some() { Cell::interval(interval) } else { Cell::value(mean) };
    let wins = comparison.map(|found| format!("{}/{}/{}", found.wins.wins, found.wins.ties, found.wins.losses));
    vec![
        (Column::text("Comparison", "comparison"), Cell::Text(label)),
        (Column::text("Of", "quantity"), Cell::Text(quantity)),
        (value("n", "n", 0), of(|found| Some(found.summary.n as f64))),
        (Column::number(unit, "difference", ColumnKind::Interval, scale, decimals), difference),
        (Column::number("SD", "difference_sd", ColumnKind::Value, scale, decimals), of(|found| found.summary.sd)),
        (value("t", "t", 3), of(|found| Some(found.t_test?.t))),
        (value("df", "df", 0), of(|found| Some(found.t_test?.degrees as f64))),
        (p_value("p", "p"), of(|found| Some(found.t_test?.p))),
        (p_value("p (Holm)", "p_holm"), Cell::value(corrected)),
        (p_value("p (Wilcoxon)", "p_wilcoxon"), of(|found| Some(found.signed_rank?.p))),
        (value("d_z", "d_z", 2), of(|found| found.d_z)),
        (value("g", "hedges_g", 2), of(|found| found.hedges_g)),
        (Column::text("Won/tied/lost", "wins"), wins.map_or_else(Cell::nothing, Cell::Text)),
        (value("Seeds", "seeds_needed", 0), of(|found| Some(found.seeds_needed? as f64))),
    ]
}
